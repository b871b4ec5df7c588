import { IMPORT_ENGINE, IMPORT_FLOAT, IMPORT_GUEST, IMPORTS } from "../../../src/backend/wasm/abi.ts";
import { floatImport } from "../../../src/backend/wasm/floatcall.ts";
import { compileRegions, type RegionOptions } from "../../../src/backend/wasm/region.ts";
import { Code } from "../../../src/engine/code.ts";
import { Machine, type Tier } from "../../../src/engine/machine.ts";
import type { State } from "../../../src/engine/state.ts";
import { CTL_EXIT, CTL_PC, ENGINE_MEMORY_BYTES, Exit, PAGE_CODE, PAGE_SIZE } from "../../../src/memory/layout.ts";
import { GuestMemory } from "../../../src/memory/memory.ts";
import type { IsaBook } from "../../../src/rules/book.ts";
import { CODE } from "./record.ts";

type How = Pick<RegionOptions, "fused" | "checked">;

/** Compiles whatever stands at CODE as a region of its own, at once; the evaluator has the rest. */
class RegionTier implements Tier {
  private readonly book: IsaBook;
  private readonly state: State;
  private readonly code: Code;
  private readonly imports: WebAssembly.Imports;
  private readonly how: How;
  private readonly memory: GuestMemory;
  private entry: (() => void) | null | undefined;

  constructor(book: IsaBook, engine: WebAssembly.Memory, memory: GuestMemory, state: State, how: How) {
    this.book = book;
    this.state = state;
    this.code = new Code(book, memory);
    this.how = how;
    this.memory = memory;
    this.imports = {
      [IMPORTS]: { [IMPORT_GUEST]: memory.wasm, [IMPORT_ENGINE]: engine, [IMPORT_FLOAT]: floatImport(engine) },
    };
  }

  run(): void {
    if (this.state.ctl64(CTL_PC) === CODE) {
      if (this.entry === undefined) this.entry = this.compile();
      if (this.entry) {
        this.entry();
        return;
      }
    }
    this.state.setCtl(CTL_EXIT, Exit.Evaluate);
  }

  private compile(): (() => void) | null {
    this.memory.perms[CODE / PAGE_SIZE] |= PAGE_CODE;
    const source = { inst: (pc: number) => this.code.inst(pc) };
    const regions = compileRegions(this.book, source, [CODE], this.how);
    const name = regions?.exports.get(CODE);
    if (!regions || name === undefined) return null;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(regions.bytes), this.imports);
    return instance.exports[name] as () => void;
  }

  drop(): void {
    this.entry = undefined;
  }

  improve(): boolean {
    return false;
  }

  stats(): Record<string, number> {
    return {};
  }
}

/** A machine whose code under test always runs compiled. */
export function regionMachine(book: IsaBook, how: How): Machine {
  const pages = ENGINE_MEMORY_BYTES / 0x10000;
  const engine = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const memory = new GuestMemory(engine);
  return new Machine(
    book,
    engine,
    memory,
    () => [0n],
    (state) => new RegionTier(book, engine, memory, state, how),
  );
}
