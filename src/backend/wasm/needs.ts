import { staysInside } from "./analysis.ts";
import { BitRows } from "./bits.ts";
import type { Block, Func } from "./func.ts";
import type { Effects } from "./summary.ts";
import type { Uses } from "./uses.ts";

/** Which slots may still be read: liveness of the guest's registers, whether they are in locals or in memory. */
export interface Needs {
  /** By function, where the dispatcher enters it (undefined: it does not); rows are blocks. */
  readonly outer: readonly (BitRows | undefined)[];
  /** By function, where calls of the batch enter it. */
  readonly inner: readonly (BitRows | undefined)[];
  /** Rows are functions: what the code after calls in the batch may read of what the function changes. */
  readonly returns: BitRows;
}

/**
 * Whoever leaves the batch may have all slots read. Within it a slot is read by a block, or by a callee, or after the
 * function's return by those who called it: `returns` grows with what is found there.
 */
export function flowNeeds(
  funcs: readonly Func[],
  uses: readonly Uses[],
  entries: readonly boolean[],
  effects: Effects,
  slotCount: number,
  calleeOf: (block: Block) => number,
): Needs {
  const called = funcs.map(() => false);
  for (const func of funcs) for (const block of func.blocks) if (calleeOf(block) >= 0) called[calleeOf(block)] = true;
  const rowsOf = (wanted: readonly boolean[]): (BitRows | undefined)[] =>
    funcs.map((func, i) => (wanted[i] ? new BitRows(func.blocks.length, slotCount) : undefined));
  const outer = rowsOf(entries);
  const inner = rowsOf(called);
  const returns = new BitRows(funcs.length, slotCount);
  const all = new BitRows(1, slotCount);
  all.fill(0, slotCount);
  const s = new BitRows(2, slotCount);

  /** Slots needed at the block's end, into row 0. */
  const atEnd = (block: Block, rows: BitRows, index: number): void => {
    s.clear(0);
    const callee = block.flow.k === "call" ? calleeOf(block) : -1;
    if (callee < 0 && ((!staysInside(block.flow) && block.flow.k !== "ret") || block.succs.includes(undefined))) {
      s.copy(0, all, 0);
      return;
    }
    if (block.flow.k === "ret") {
      if (rows === outer[index]) s.copy(0, all, 0);
      else {
        s.copy(0, returns, index);
        s.union(0, effects.preserved, index);
      }
      return;
    }
    for (const succ of block.succs) {
      if (succ === undefined) s.copy(0, all, 0);
      else s.union(0, rows, succ.index);
    }
    if (callee < 0) return;
    s.copy(1, s, 0);
    s.intersect(1, effects.changes, callee);
    if (returns.union(callee, s, 1)) changed = true;
    s.subtract(0, effects.changes, callee);
    s.union(0, inner[callee]!, 0);
    if (block.guarded) s.copy(0, all, 0);
  };

  const flow = (func: Func, rows: BitRows, index: number): boolean => {
    const { sets, rows: read } = uses[index]!;
    let any = false;
    for (let again = true; again; ) {
      again = false;
      for (let i = func.blocks.length - 1; i >= 0; i--) {
        const block = func.blocks[i]!;
        atEnd(block, rows, index);
        if (block.values.leavesInside) s.copy(0, all, 0);
        s.copy(1, read, 2 * i);
        for (const set of sets[i]!) if (s.has(0, set.slot)) s.union(1, read, set.row);
        if (!block.values.leavesInside) for (const set of sets[i]!) s.remove(0, set.slot);
        s.union(0, s, 1);
        if (rows.union(i, s, 0)) again = any = true;
      }
    }
    return any;
  };

  let changed = true;
  while (changed) {
    changed = false;
    for (let i = funcs.length - 1; i >= 0; i--) {
      for (const rows of [inner[i], outer[i]]) if (rows && flow(funcs[i]!, rows, i)) changed = true;
    }
  }
  return { outer, inner, returns };
}
