import { IMPORT_ENGINE, IMPORT_FLOAT, IMPORT_GUEST, IMPORTS } from "../backend/wasm/abi.ts";
import { floatImport } from "../backend/wasm/floatcall.ts";
import type { Interpreter } from "../backend/wasm/interp.ts";
import { TooLarge } from "../backend/wasm/lower.ts";
import { relaxedMaddIsFused } from "../backend/wasm/probe.ts";
import { compileRegions } from "../backend/wasm/region.ts";
import type { Node } from "../ir/node.ts";
import { ADDRESS_LIMIT, CTL_ADDR, CTL_AUX, CTL_EXIT, Exit } from "../memory/layout.ts";
import type { GuestMemory } from "../memory/memory.ts";
import type { IsaBook } from "../rules/book.ts";
import type { Code } from "./code.ts";
import type { Tier } from "./machine.ts";
import type { State } from "./state.ts";

export interface TieredParts {
  readonly book: IsaBook;
  readonly code: Code;
  readonly memory: GuestMemory;
  readonly engine: WebAssembly.Memory;
  readonly state: State;
  readonly interpreter: Interpreter;
  /** Compiled regions; the interpreter calls them by index. */
  readonly regions: WebAssembly.Table;
  /** Executions after which a head is compiled. */
  readonly threshold: number;
  /** Regions check their accesses from the beginning. */
  readonly strict: boolean;
  /** Rewrite rows for regions. */
  readonly rewrite: ((node: Node) => Node) | undefined;
}

/** Executions from which a callee is compiled along with its caller. */
const WARM = 0.1;

/** Compiled callees up to this many instructions are compiled again with a caller, so that the call is direct. */
const MOST_TWICE = 600;

/**
 * A loop in a function of many blocks runs few of them, and compiling all costs as much as interpreting those some
 * hundred thousand times: it waits once more for each time that there are as many blocks.
 */
const BLOCKS_A_WAIT = 8;
/** A function with more blocks is not looked at to its end before it has waited; loops of one with fewer do not wait. */
const MANY_BLOCKS = 200;

/** One compiled module: where its functions stand in the table, what they start at, which code they were made from. */
interface Batch {
  readonly entries: readonly number[];
  /** Places in the table. */
  readonly places: readonly number[];
  readonly extent: readonly (readonly [first: number, end: number])[];
  readonly blocks: number;
}

/** What was compiled; null where it would have become too large. */
function sized<T>(compile: () => T): T | null {
  try {
    return compile();
  } catch (error) {
    if (error instanceof TooLarge) return null;
    throw error;
  }
}

/** The interpreter, and compiled regions for what became hot in it. */
export class Tiered implements Tier {
  private readonly parts: TieredParts;
  private readonly imports: WebAssembly.Imports;
  private batches: Batch[] = [];
  /** Regions check their accesses. */
  private checked: boolean;
  /** Entries that are compiled, and those that did not compile. */
  private readonly known = new Set<number>();
  /** Loops that were left to the function around them, and what did not compile. */
  private readonly again = new Set<number>();
  /** How often a head that would cost much is yet to become hot before it is compiled. */
  private readonly waits = new Map<number, number>();
  /** Places in the table: the first never used, and those that were given up. */
  /** Guest instructions of the functions compiled so far, by entry. */
  private readonly sizes = new Map<number, number>();
  private next: number;
  private readonly free: number[] = [];
  private readonly figures = {
    regions: 0,
    modules: 0,
    regionBlocks: 0,
    regionInstructions: 0,
    regionBytes: 0,
    compileMs: 0,
  };

  constructor(parts: TieredParts) {
    this.parts = parts;
    this.checked = parts.strict;
    this.next = parts.regions.length;
    const { engine, memory } = parts;
    this.imports = {
      [IMPORTS]: { [IMPORT_GUEST]: memory.wasm, [IMPORT_ENGINE]: engine, [IMPORT_FLOAT]: floatImport(engine) },
    };
  }

  run(): void {
    const { interpreter, state } = this.parts;
    if (interpreter.predecoder.writable) this.bePrecise();
    try {
      interpreter.run();
    } catch (error) {
      // An unchecked access beyond the guest's memory, or (RangeError) more recursion than the host has stack for, which
      // depth limits are to prevent. Registers are lost, so this is for dying only; pc is the region's.
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
      state.setCtl(CTL_EXIT, Exit.Fault);
      state.setCtl64(CTL_ADDR, 0);
      state.setCtl(CTL_AUX, 0);
    }
  }

  bePrecise(): void {
    if (this.checked) return;
    this.checked = true;
    this.drop(0, ADDRESS_LIMIT);
  }

  drop(address: number, size: number): void {
    const { interpreter, regions } = this.parts;
    interpreter.drop(address, size);
    const touched = (batch: Batch): boolean => batch.extent.some(([a, b]) => a < address + size && b > address);
    // Other code there may compile. An instruction reaches into the range from before it.
    const first = address - this.parts.book.lengths.at(-1)!;
    for (const pc of this.again) {
      if (pc <= first || pc >= address + size) continue;
      this.again.delete(pc);
      this.known.delete(pc);
    }
    for (const pc of this.waits.keys()) if (pc > first && pc < address + size) this.waits.delete(pc);
    if (!this.batches.some(touched)) return;
    for (const batch of this.batches) {
      if (!touched(batch)) continue;
      for (const pc of batch.entries) {
        this.known.delete(pc);
        interpreter.predecoder.dropRegion(pc);
      }
      // Nothing calls them now; what is let go here is all that keeps the module.
      for (const place of batch.places) regions.set(place, null);
      this.free.push(...batch.places);
    }
    this.batches = this.batches.filter((batch) => !touched(batch));
  }

  improve(): boolean {
    const { book, code, interpreter, threshold } = this.parts;
    const hot = interpreter.predecoder.takeHot().filter((pc) => !this.known.has(pc) && !this.waiting(pc));
    if (!hot.length) return false;
    const started = performance.now();
    // Functions stand before the loops in them: those come with the function, or when they stay hot all the same.
    hot.sort((a, b) => a - b);
    const warm = threshold * WARM;
    // What never ran is left out: a region that comes to it goes back to the interpreter.
    const source = {
      inst: (pc: number) => (interpreter.predecoder.decoded(pc) ? code.inst(pc) : null),
      constant: (address: number, size: number) => code.constant(address, size),
      guess: (slot: number) => this.parts.state.lo(slot) >>> 0,
    };
    const large = new Set<number>();
    const regions = sized(() =>
      compileRegions(book, source, hot, {
        fused: relaxedMaddIsFused(),
        checked: this.checked,
        interpreted: true,
        worth: (pc) => (this.waits.has(pc) ? Number.POSITIVE_INFINITY : MANY_BLOCKS),
        large: (pc) => {
          this.waits.set(pc, Math.floor(MANY_BLOCKS / BLOCKS_A_WAIT));
          large.add(pc);
        },
        rewrite: this.parts.rewrite,
        must: (pc) => this.again.has(pc),
        skip: (pc) => interpreter.predecoder.executions(pc) < warm || (this.sizes.get(pc) ?? 0) > MOST_TWICE,
      }),
    );
    if (regions) this.install(regions);
    for (const pc of hot) {
      if (this.known.has(pc)) continue;
      if (large.has(pc)) {
        interpreter.predecoder.countAgain(pc);
        continue;
      }
      if (regions && !this.again.has(pc)) interpreter.predecoder.countAgain(pc);
      else this.known.add(pc);
      this.again.add(pc);
    }
    this.figures.compileMs += performance.now() - started;
    return true;
  }

  /** True: it stands in compiled code, or is known to be large, and was not run often enough to be compiled for itself. */
  private waiting(pc: number): boolean {
    const around = this.batches.find(({ extent }) => extent.some(([first, end]) => first <= pc && pc < end));
    const blocks = around && around.blocks >= MANY_BLOCKS ? around.blocks : 0;
    const left = this.waits.get(pc) ?? Math.floor(blocks / BLOCKS_A_WAIT);
    if (left <= 0) return false;
    this.waits.set(pc, left - 1);
    this.parts.interpreter.predecoder.countAgain(pc);
    return true;
  }

  private install(regions: NonNullable<ReturnType<typeof compileRegions>>): void {
    const { interpreter, regions: table } = this.parts;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(regions.bytes), this.imports);
    const fresh = [...regions.exports];
    const missing = this.next + fresh.length - this.free.length - table.length;
    if (missing > 0) table.grow(Math.max(missing, table.length));
    const places: number[] = [];
    for (const [pc, size] of regions.sizes) this.sizes.set(pc, size);
    for (const [pc, name] of fresh) {
      const place = this.free.pop() ?? this.next++;
      table.set(place, exports[name] as () => void);
      interpreter.predecoder.setRegion(pc, place);
      this.known.add(pc);
      places.push(place);
    }
    this.batches.push({
      entries: fresh.map(([pc]) => pc),
      places,
      extent: regions.extent,
      blocks: regions.blocks,
    });
    this.figures.modules++;
    this.figures.regions += fresh.length;
    this.figures.regionBlocks += regions.blocks;
    this.figures.regionInstructions += regions.instructions;
    this.figures.regionBytes += regions.bytes.length;
  }

  stats(): Record<string, number> {
    return { ...this.parts.interpreter.stats(), ...this.figures };
  }
}
