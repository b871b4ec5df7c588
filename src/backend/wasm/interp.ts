import type { Tier } from "../../engine/machine.ts";
import { Predecoder } from "../../engine/predecode.ts";
import { PROFILE } from "../../engine/predecode-layout.ts";
import { RowsReader, type RowsText } from "../../engine/predecode-rows.ts";
import { ADDRESS_LIMIT, CTL_ADDR, CTL_AUX, CTL_EXIT, CTL_PC, Exit, PROT_EXEC } from "../../memory/layout.ts";
import type { IsaBook } from "../../rules/book.ts";
import { IMPORT_ENGINE, IMPORT_FLOAT, IMPORT_GUEST, IMPORTS } from "./abi.ts";
import { floatImport } from "./floatcall.ts";
import { IMPORT_REGIONS, ROWS_SECTION } from "./interp-module.ts";

export interface InterpParts {
  readonly engine: WebAssembly.Memory;
  readonly guest: WebAssembly.Memory;
  /** Compiled regions by index: () -> (), state and exit words in engine memory. */
  readonly regions: WebAssembly.Table;
}

/** The first tier: runs guest code from its first instruction on, see interp-module.ts and predecode.ts. */
export class Interpreter implements Tier {
  readonly predecoder: Predecoder;
  private readonly book: IsaBook;
  private readonly rows: RowsReader;
  private readonly words: Int32Array;
  private readonly enter: (uop: number) => void;

  /** `module` is compiled from interpreterBytes(book). */
  constructor(book: IsaBook, module: WebAssembly.Module, parts: InterpParts) {
    const section = WebAssembly.Module.customSections(module, ROWS_SECTION)[0];
    this.rows = new RowsReader(JSON.parse(new TextDecoder().decode(section)) as RowsText);
    if (this.rows.count !== book.rows.length) throw new Error("interpreter of another rulebook");
    const { engine, guest, regions } = parts;
    const instance = new WebAssembly.Instance(module, {
      [IMPORTS]: {
        [IMPORT_ENGINE]: engine,
        [IMPORT_GUEST]: guest,
        [IMPORT_REGIONS]: regions,
        [IMPORT_FLOAT]: floatImport(engine),
      },
    });
    this.enter = instance.exports.run as (uop: number) => void;
    this.words = new Int32Array(engine.buffer);
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
      this.enter(uop);
      if (words[CTL_EXIT >> 2] !== Exit.Dispatch) return;
    }
  }

  drop(address: number, size: number): void {
    if (size >= ADDRESS_LIMIT) this.predecoder.reset();
    else this.predecoder.dropRange(address, size);
  }

  /** What became hot is the business of who compiles it: see Predecoder.takeHot and setRegion. */
  improve(): void {}

  stats(): Record<string, number> {
    return { decoded: this.predecoder.instructions, blocks: this.predecoder.blocks };
  }

  /** Executions by row (the first of those that share a handler), most first; made with InterpOptions.profile. */
  profile(): [row: string, times: number][] {
    const times = new BigUint64Array(this.words.buffer, PROFILE);
    const names = new Map<number, string>();
    const handlers = this.rows.handlers();
    for (const row of this.book.rows) {
      const handler = handlers[row.index]!;
      if (!names.has(handler)) names.set(handler, row.name);
    }
    const list = [...names].map(([handler, name]): [string, number] => [name, Number(times[handler])]);
    return list.filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  }

  /** No code at CTL_PC. */
  private failed(): void {
    const { words } = this;
    const failure = this.predecoder.failure;
    words[CTL_AUX >> 2] = PROT_EXEC;
    words[CTL_EXIT >> 2] = failure.k === "fault" ? Exit.Fault : Exit.Illegal;
    if (failure.k === "fault") this.setLong(CTL_ADDR, failure.address);
  }

  private setLong(at: number, value: number): void {
    this.words[at >> 2] = value | 0;
    this.words[(at >> 2) + 1] = Math.floor(value / 0x100000000);
  }
}
