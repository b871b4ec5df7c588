import type { Tier } from "../../engine/machine.ts";
import { Predecoder } from "../../engine/predecode.ts";
import { FUSED, Handler, PROFILE } from "../../engine/predecode-layout.ts";
import { RowsReader, type RowsText } from "../../engine/predecode-rows.ts";
import { ADDRESS_LIMIT, CTL_ADDR, CTL_AUX, CTL_EXIT, CTL_PC, Exit, PROT_EXEC } from "../../memory/layout.ts";
import type { IsaBook } from "../../rules/book.ts";
import { IMPORT_ENGINE, IMPORT_FLOAT, IMPORT_GUEST, IMPORT_REGIONS, IMPORTS, ROWS_SECTION } from "./abi.ts";
import { floatImport } from "./floatcall.ts";
import { relaxedMaddIsFused } from "./probe.ts";

export interface InterpParts {
  readonly engine: WebAssembly.Memory;
  readonly guest: WebAssembly.Memory;
  /** Compiled regions by index: () -> (), state and exit words in engine memory. */
  readonly regions: WebAssembly.Table;
}

/** Rows by module: every process of a run reads the same. */
const known = new WeakMap<WebAssembly.Module, RowsReader>();

function rowsOf(module: WebAssembly.Module): RowsReader {
  let rows = known.get(module);
  if (!rows) {
    const section = WebAssembly.Module.customSections(module, ROWS_SECTION)[0];
    rows = new RowsReader(JSON.parse(new TextDecoder().decode(section)) as RowsText);
    known.set(module, rows);
  }
  return rows;
}

/** The first tier: runs guest code from its first instruction on, see interp-module.ts and predecode.ts. */
export class Interpreter implements Tier {
  readonly predecoder: Predecoder;
  private readonly book: IsaBook;
  private readonly rows: RowsReader;
  private readonly words: Int32Array;
  private readonly enter: (uop: number) => void;
  private watching = false;

  /** `module` is compiled from interpreterBytes(book). */
  constructor(book: IsaBook, module: WebAssembly.Module, parts: InterpParts) {
    this.rows = rowsOf(module);
    if (this.rows.count !== book.rows.length * book.variants) throw new Error("interpreter of another rulebook");
    const { engine, guest, regions } = parts;
    this.words = new Int32Array(engine.buffer);
    const instance = new WebAssembly.Instance(module, {
      [IMPORTS]: {
        [IMPORT_ENGINE]: engine,
        [IMPORT_GUEST]: guest,
        [IMPORT_REGIONS]: regions,
        [IMPORT_FLOAT]: this.float(floatImport(engine)),
      },
    });
    this.enter = instance.exports.run as (uop: number) => void;
    this.book = book;
    this.predecoder = new Predecoder(book, this.rows, engine, guest);
  }

  /**
   * Runs from CTL_PC until something else than missing code stops it. CTL_EXIT says what (never Exit.Dispatch), the
   * other CTL words as in layout.ts; fuel comes from CTL_FUEL and stays there.
   */
  run(): void {
    const { words } = this;
    for (;;) {
      const pc = (words[CTL_PC >> 2]! >>> 0) + (words[(CTL_PC >> 2) + 1]! >>> 0) * 0x100000000;
      const uop = this.predecoder.entry(pc);
      if (uop === 0) {
        this.failed();
        return;
      }
      if (this.predecoder.writable && !this.watching) {
        // Whoever runs compiled code is to hear of it before any more of that runs.
        this.watching = true;
        words[CTL_EXIT >> 2] = Exit.Dispatch;
        return;
      }
      this.enter(uop);
      if (words[CTL_EXIT >> 2] !== Exit.Dispatch) return;
    }
  }

  /** The reference for floats; its first call is the time to see what the host can do. */
  private float(reference: (code: number) => number): (code: number) => number {
    let asked = false;
    return (code) => {
      if (!asked) this.words[FUSED >> 2] = relaxedMaddIsFused() ? 1 : 0;
      asked = true;
      return reference(code);
    };
  }

  drop(address: number, size: number): void {
    if (size >= ADDRESS_LIMIT) this.predecoder.reset();
    else this.predecoder.dropRange(address, size);
  }

  /** What became hot is the business of who compiles it: see Predecoder.takeHot and setRegion. */
  improve(): boolean {
    return false;
  }

  stats(): Record<string, number> {
    return { decoded: this.predecoder.instructions, blocks: this.predecoder.blocks };
  }

  /** Executions by handler, most first, with the rows that share it; of a module made with InterpOptions.profile. */
  profile(): { readonly rows: readonly string[]; readonly times: number }[] {
    const times = new BigUint64Array(this.words.buffer, PROFILE);
    const names = new Map<number, string[]>();
    const handlers = this.rows.handlers();
    for (let i = 0; i < handlers.length; i++) {
      const row = this.book.rows[Math.floor(i / this.book.variants)]!;
      const handler = handlers[i]!;
      const list = names.get(handler);
      if (list) list.push(row.name);
      else if (handler >= Handler.Rows) names.set(handler, [row.name]);
    }
    return [...names]
      .map(([handler, rows]) => ({ rows, times: Number(times[handler]) }))
      .filter((entry) => entry.times > 0)
      .sort((a, b) => b.times - a.times);
  }

  /** No code at CTL_PC. */
  private failed(): void {
    const { words } = this;
    const failure = this.predecoder.failure;
    words[CTL_AUX >> 2] = PROT_EXEC;
    words[CTL_EXIT >> 2] = failure.k === "fault" ? Exit.Fault : Exit.Illegal;
    if (failure.k !== "fault") return;
    // A pc beyond all code is more than a number holds exactly.
    const far = failure.address >= ADDRESS_LIMIT;
    words[CTL_ADDR >> 2] = far ? words[CTL_PC >> 2]! : failure.address | 0;
    words[(CTL_ADDR >> 2) + 1] = far ? words[(CTL_PC >> 2) + 1]! : 0;
  }
}
