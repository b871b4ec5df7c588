import { Predecoder } from "../../engine/predecode.ts";
import { CTL_ADDR, CTL_AUX, CTL_EXIT, CTL_PC, Exit, PROT_EXEC } from "../../memory/layout.ts";
import type { IsaBook } from "../../rules/book.ts";
import { HANDLERS_SECTION, IMPORTS } from "./interp-module.ts";

export interface InterpParts {
  readonly engine: WebAssembly.Memory;
  readonly guest: WebAssembly.Memory;
  /** Compiled regions by index: () -> (), state and exit words in engine memory. */
  readonly regions: WebAssembly.Table;
  /** What the module imports besides: float helpers. */
  readonly functions?: Record<string, WebAssembly.ImportValue>;
}

/** The first tier: runs guest code from its first instruction on, see interp-module.ts and predecode.ts. */
export class Interpreter {
  readonly predecoder: Predecoder;
  private readonly words: Int32Array;
  private readonly enter: (uop: number) => void;

  /** `module` is compiled from interpreterBytes(book). */
  constructor(book: IsaBook, module: WebAssembly.Module, parts: InterpParts) {
    const section = WebAssembly.Module.customSections(module, HANDLERS_SECTION)[0];
    if (!section || section.byteLength !== 2 * book.rows.length) throw new Error("interpreter of another rulebook");
    const { engine, guest, regions, functions } = parts;
    const instance = new WebAssembly.Instance(module, { [IMPORTS]: { engine, guest, regions, ...functions } });
    this.enter = instance.exports.run as (uop: number) => void;
    this.words = new Int32Array(engine.buffer);
    this.predecoder = new Predecoder(book, new Uint16Array(section), engine, guest);
  }

  /**
   * Runs from `pc` until something else than missing code stops it. CTL_EXIT says what (never Exit.Dispatch), the
   * other CTL words as in layout.ts; fuel comes from CTL_FUEL and stays there.
   */
  run(pc: number): void {
    const { words } = this;
    for (let at = pc; ; ) {
      const uop = this.predecoder.entry(at);
      if (uop === 0) {
        this.failed(at);
        return;
      }
      this.enter(uop);
      if (words[CTL_EXIT >> 2] !== Exit.Dispatch) return;
      at = (words[CTL_PC >> 2]! >>> 0) + (words[(CTL_PC >> 2) + 1]! >>> 0) * 0x100000000;
    }
  }

  private failed(pc: number): void {
    const { words } = this;
    const failure = this.predecoder.failure;
    this.setLong(CTL_PC, pc);
    words[CTL_AUX >> 2] = PROT_EXEC;
    words[CTL_EXIT >> 2] = failure.k === "fault" ? Exit.Fault : Exit.Illegal;
    if (failure.k === "fault") this.setLong(CTL_ADDR, failure.address);
  }

  private setLong(at: number, value: number): void {
    this.words[at >> 2] = value | 0;
    this.words[(at >> 2) + 1] = Math.floor(value / 0x100000000);
  }
}
