import type { Node } from "../../ir/node.ts";
import { BitRows } from "./bits.ts";
import { Demand, FLOAT } from "./demand.ts";
import type { Flow } from "./discover.ts";
import { Early } from "./early.ts";
import type { Block, Func } from "./func.ts";
import type { Before, Step } from "./graph.ts";
import type { Uses } from "./uses.ts";
import { FLOAT_RESULT, isSext32 } from "./values.ts";

/** What callers see of the functions of a batch; rows are units (summary.ts), bits slots. */
export interface Summaries {
  readonly slotCount: number;
  /** Slots a call may change for the caller: written by it or its callees, and not given back. */
  readonly changes: BitRows;
  /** Slots that it or its callees write at all, also where they are given back: in an unwinding they may be theirs. */
  readonly touches: BitRows;
  /** Of those changed, the ones that every way through it to a return sets. */
  readonly defines: BitRows;
  /** Slots it writes on the way but gives back. */
  readonly preserved: BitRows;
  /**
   * Of those preserved, the ones that some call on the way leaves in memory: there too they are given back. A caller
   * may hold a newer value than memory did, so what a callee restores its caller must restore as well.
   */
  readonly restores: BitRows;
  /** Of those changed, the ones that it gives back right: in results or in memory. The others nobody reads. */
  readonly returns: BitRows;
  /** Slots that its code may read, or leave with for all to read, before it sets them. */
  readonly needs: BitRows;
  /** Slots whose values it takes as arguments. */
  readonly takes: BitRows;
  /** Slots whose values it returns, beside the pc. */
  readonly results: readonly number[][];
  /** Slots that stay in memory. */
  readonly resident: ReadonlySet<number>;
  /** Unit of the batch that a call block enters; -1: none. */
  calleeOf(block: Block): number;
}

/** Most slots that are floats because they are loaded as such. */
const MOST_FLOATS = 12;

/** What is known of one function's slots at its blocks' begins; rows are blocks. */
export class Analysis {
  readonly func: Func;
  readonly index: number;
  readonly live: BitRows;
  /** Live, and more than the low 32 bits are needed. */
  readonly full: BitRows;
  /** Memory does not have the value: every exit must store it. */
  readonly dirty: BitRows;
  /** The value is surely the sign extension of its low 32 bits. */
  readonly sext: BitRows;
  /** Slots that are floats in this function. */
  readonly floats: BitRows;
  private readonly around: Summaries;
  /** Compiled for one rounding mode: under another the function is left at its entry. */
  readonly assumes: boolean;
  private readonly uses: Uses;
  /** Where slots are stored early; undefined: nowhere, for callers would have to be told. */
  private readonly early: Early | undefined;
  private readonly scratch: BitRows;
  private readonly gathered: BitRows;
  private readonly demand = new Demand();

  /** called: some call of the batch enters the function. */
  constructor(func: Func, uses: Uses, index: number, around: Summaries, called: boolean) {
    const n = func.blocks.length;
    const slots = around.slotCount;
    this.func = func;
    this.uses = uses;
    this.index = index;
    this.around = around;
    this.live = new BitRows(n, slots);
    this.full = new BitRows(n, slots);
    this.dirty = new BitRows(n, slots);
    this.sext = new BitRows(n, slots);
    this.floats = new BitRows(1, slots);
    this.early = called ? undefined : new Early(func, uses, slots);
    this.scratch = new BitRows(5, slots);
    this.gathered = new BitRows(2, slots);
    this.assumes = func.blocks.some((block) => block.values.usesAssumed);
    this.findFloats();
  }

  /** Slots that float ops read or write as 64-bit floats. */
  private findFloats(): void {
    // Loaded with what is used as a float besides.
    const loaded = new BitRows(1, this.around.slotCount);
    for (const block of this.func.blocks) {
      const demand = this.demand;
      demand.reset();
      this.steps(block.values.steps, demand);
      if (block.values.control) demand.full(block.values.control);
      for (const [slot, value] of block.values.sets) {
        if (value.op !== "load") demand.full(value);
        if (value.w === 64 && FLOAT_RESULT.has(value.op)) this.floats.add(0, slot);
      }
      for (const [slot, value] of block.values.sets)
        if (value.op === "load" && value.w === 64 && demand.how(value) === FLOAT) loaded.add(0, slot);
      for (const get of demand.gets)
        if (get.w === 64 && !this.around.resident.has(get.aux) && demand.how(get) & FLOAT) this.floats.add(0, get.aux);
    }
    // The host's float registers are few: where they do not suffice, what is only held for later is better an integer.
    loaded.union(0, this.floats, 0);
    if (loaded.list(0).length <= MOST_FLOATS) this.floats.union(0, loaded, 0);
  }

  /** Recomputes `dirty` from what callees change; true where it changed. Grows only. */
  flowDirty(): boolean {
    const { blocks } = this.func;
    let any = false;
    const s = this.scratch;
    // What the caller holds and this function may overwrite is this function's to store.
    s.copy(0, this.around.takes, this.index);
    s.copy(1, this.around.changes, this.index);
    s.union(1, this.around.preserved, this.index);
    s.intersect(0, s, 1);
    any = this.dirty.union(0, s, 0) || any;
    for (let changed = true; changed; ) {
      changed = false;
      for (const block of blocks) {
        this.dirtyOut(block, 2);
        for (const succ of block.succs) {
          if (succ === undefined) continue;
          const row = this.early?.row(block, succ) ?? -1;
          s.copy(4, s, 2);
          if (row >= 0) s.subtract(4, this.early!.unread, row);
          if (this.dirty.union(succ.index, s, 4)) changed = any = true;
        }
      }
    }
    return any;
  }

  /** Scratch row `row`: dirty slots after the block (after the call, if it ends in one). */
  private dirtyOut(block: Block, row: number): void {
    const s = this.scratch;
    this.dirtyNow(block, row);
    if (block.flow.k !== "call") return;
    const callee = this.around.calleeOf(block);
    if (callee < 0) return;
    s.subtract(row, this.around.changes, callee);
    for (const slot of this.around.results[callee]!) s.add(row, slot);
  }

  /** Dirty slots just before the block's end: before the call, if it ends in one. */
  dirtyAtEnd(block: Block): number[] {
    this.dirtyNow(block, 3);
    return this.scratch.list(3);
  }

  /** Slots that this function has to store when the call that ends the block leaves instead of returning. */
  owedAtCall(block: Block, callee: number): number[] {
    this.owedNow(block, callee, 3);
    return this.scratch.list(3);
  }

  /** Dirty, and the callee's code or what follows the call may read it. Uses scratch rows 2 and 3 as well. */
  private owedNow(block: Block, callee: number, row: number): void {
    const { scratch: s, around } = this;
    const succ = block.succs[0];
    this.dirtyNow(block, row);
    if (succ === undefined) {
      s.copy(2, around.changes, callee);
      s.subtract(2, around.needs, callee);
      s.subtract(row, s, 2);
      return;
    }
    s.copy(2, this.live, succ.index);
    s.subtract(2, around.changes, callee);
    s.union(2, around.needs, callee);
    s.intersect(row, s, 2);
  }

  /** Slots to be stored where a return turns out not to be one: what the caller may read, and what was to be given back. */
  owedAtReturn(block: Block): number[] {
    const { around } = this;
    return this.dirtyAtEnd(block).filter(
      (slot) =>
        around.returns.has(this.index, slot) ||
        around.preserved.has(this.index, slot) ||
        around.results[this.index]!.includes(slot),
    );
  }

  /** Slots to be stored on the way from a block to its successor. */
  earlyOn(block: Block, succ: Block): number[] {
    return this.storedEarly(block, succ, 4) ? this.scratch.list(4) : [];
  }

  /** Into a scratch row; false: none. */
  private storedEarly(block: Block, succ: Block, row: number): boolean {
    const edge = this.early?.row(block, succ) ?? -1;
    if (edge < 0) return false;
    this.dirtyNow(block, row);
    this.scratch.intersect(row, this.early!.unread, edge);
    return true;
  }

  private dirtyNow(block: Block, row: number): void {
    this.scratch.copy(row, this.dirty, block.index);
    for (const { slot } of this.uses.sets[block.index]!) this.scratch.add(row, slot);
  }

  /** Recomputes liveness; true where something grew. */
  flowLive(): boolean {
    const { blocks } = this.func;
    let any = false;
    for (let changed = true; changed; ) {
      changed = false;
      for (let i = blocks.length - 1; i >= 0; i--) if (this.liveThrough(blocks[i]!)) changed = any = true;
    }
    return any;
  }

  /** Rows of scratch: 0 live after the block, 1 of those needed in full. */
  private liveThrough(block: Block): boolean {
    const s = this.scratch;
    const { around, uses } = this;
    s.clear(0);
    s.clear(1);
    let exits = !staysInside(block.flow);
    const callee = block.flow.k === "call" ? around.calleeOf(block) : -1;
    for (const succ of block.succs) {
      if (succ === undefined) exits = true;
      else if (block.flow.k !== "call" || callee >= 0) {
        s.union(0, this.live, succ.index);
        s.union(1, this.full, succ.index);
        if (this.storedEarly(block, succ, 4)) {
          s.union(0, s, 4);
          s.union(1, s, 4);
        }
      }
    }
    if (callee >= 0) {
      s.subtract(0, around.changes, callee);
      s.subtract(1, around.changes, callee);
      this.owedNow(block, callee, 3);
      s.union(0, s, 3);
      s.union(0, around.takes, callee);
      // What only the code after the call reads is stored as that code wants it.
      if (block.succs[0] !== undefined) s.intersect(3, around.needs, callee);
      s.union(1, s, 3);
      s.union(1, around.takes, callee);
    }
    if (callee < 0 ? exits : block.guarded) {
      // Whoever goes on may read anything; for what memory already has, nothing is to be done.
      this.dirtyNow(block, 3);
      if (block.flow.k === "ret") {
        // Given back: stored or returned, or compared with what came in.
        s.copy(2, around.returns, this.index);
        s.union(2, around.preserved, this.index);
        s.intersect(3, s, 2);
        s.union(3, around.preserved, this.index);
        for (const slot of around.results[this.index]!) s.add(3, slot);
      }
      s.union(0, s, 3);
      s.union(1, s, 3);
    }
    if (block.values.leavesInside) {
      s.union(0, this.dirty, block.index);
      s.union(1, this.dirty, block.index);
    }
    const base = 2 * block.index;
    for (const { slot, row } of uses.sets[block.index]!) {
      if (!s.has(0, slot)) continue;
      const low = !s.has(1, slot) && !this.floats.has(0, slot);
      // Kept apart: sets are simultaneous.
      this.gathered.union(0, uses.rows, low ? row + 2 : row);
      this.gathered.union(1, uses.rows, low ? row + 3 : row + 1);
      if (block.values.leavesInside && this.dirty.has(block.index, slot)) continue;
      s.remove(0, slot);
      s.remove(1, slot);
    }
    s.union(0, this.gathered, 0);
    s.union(1, this.gathered, 1);
    this.gathered.clear(0);
    this.gathered.clear(1);
    s.union(0, uses.rows, base);
    s.union(1, uses.rows, base + 1);
    // Left at the entry, where an instruction may then trap.
    if (block.index === 0 && this.assumes) {
      s.copy(3, s, 0);
      s.intersect(3, this.dirty, 0);
      s.union(1, s, 3);
    }
    const grew = this.full.union(block.index, s, 1);
    return this.live.union(block.index, s, 0) || grew;
  }

  /** Demands a set's value the way its slot is kept. */
  demandOf(value: Node, slot: number, full: boolean, demand: Demand): void {
    if (this.floats.has(0, slot) && value.w === 64) demand.float(value);
    else if (full) demand.full(value);
    else demand.low(value);
  }

  /** Demands everything that steps compute. */
  steps(steps: readonly Step[], demand: Demand): void {
    for (const step of steps) {
      switch (step.k) {
        case "load":
          this.address(step.node.args[0]!, step.before, demand);
          break;
        case "rmw":
          this.address(step.node.args[0]!, step.before, demand);
          demand.full(step.node.args[1]!);
          break;
        case "store":
          this.address(step.addr, step.before, demand);
          if (step.value.w === 64 && this.isFloatValue(step.value)) demand.float(step.value);
          else demand.full(step.value);
          break;
        case "float":
          for (const arg of step.node.args)
            if (arg.w === 32 || arg.w === 64) demand.float(arg);
            else demand.full(arg);
          demand.full(step.node);
          break;
        case "lanes":
          for (const arg of step.term.lanes!.args) demand.full(arg);
          break;
        case "keep":
          demand.full(step.node);
          break;
        case "put":
          demand.full(step.value);
          break;
        case "if":
          demand.full(step.cond);
          this.steps(step.then, demand);
          this.steps(step.else, demand);
          break;
        case "trap":
          for (const value of step.sets?.values() ?? []) demand.full(value);
          break;
      }
    }
  }

  /** A checked access needs all of its address, and the state it may leave with. */
  private address(addr: Node, before: Before, demand: Demand): void {
    if (before === undefined) {
      demand.low(addr);
      return;
    }
    demand.full(addr);
    for (const value of before.values()) demand.full(value);
  }

  /** A value that is at hand as a float: stored as such. */
  isFloatValue(node: Node): boolean {
    if (node.op === "get") return this.floats.has(0, node.aux);
    return (
      FLOAT_RESULT.has(node.op) || ((node.op === "fneg" || node.op === "fabs") && this.isFloatValue(node.args[0]!))
    );
  }

  /** Optimistic: what every way into a block has sign-extended. */
  flowSext(): void {
    const { blocks } = this.func;
    const slots = this.around.slotCount;
    for (const block of blocks) if (block.index > 0) this.sext.fill(block.index, slots);
    const s = this.scratch;
    for (let changed = true; changed; ) {
      changed = false;
      for (const block of blocks) {
        s.copy(0, this.sext, block.index);
        const leaf = (node: Node): boolean => node.op === "get" && this.sext.has(block.index, node.aux);
        for (const [slot, value] of block.values.sets) {
          if (value.w === 64 && isSext32(value, leaf)) s.add(0, slot);
          else s.remove(0, slot);
        }
        if (block.flow.k === "call") {
          const callee = this.around.calleeOf(block);
          if (callee >= 0) s.subtract(0, this.around.changes, callee);
        }
        for (const succ of block.succs) if (succ && this.sext.intersect(succ.index, s, 0)) changed = true;
      }
    }
    for (const slot of this.floats.list(0)) for (const block of blocks) this.sext.remove(block.index, slot);
  }
}

/** True where a block's end passes control to blocks of the function only, or to where `succs` has none. */
export const staysInside = (flow: Flow): boolean =>
  flow.k === "branch" || flow.k === "next" || flow.k === "goto" || flow.k === "dispatch";
