import { BitRows } from "./bits.ts";
import type { Block, Func } from "./func.ts";
import type { Uses } from "./uses.ts";

/**
 * What a loop is left with and nothing reads again is only there for whoever leaves the function. Stored where the loop
 * ends, it takes none of the host's registers in the loops around it.
 */
export class Early {
  private readonly edges = new Map<number, number>();
  private readonly count: number;
  /** Slots that nothing reads where an edge leads, a row an edge. */
  readonly unread: BitRows;

  constructor(func: Func, uses: Uses, slotCount: number) {
    this.count = func.blocks.length;
    const ends = loopEnds(func);
    this.unread = new BitRows(ends.length, slotCount);
    if (ends.length === 0) return;
    const read = readBefore(func, uses, slotCount);
    ends.forEach(([from, to], i) => {
      this.edges.set(this.key(from, to), i);
      this.unread.fill(i, slotCount);
      this.unread.subtract(i, read, to.index);
    });
  }

  /** Row of `unread` for control from a block to its successor; -1: no loop ends there, or it was the outermost. */
  row(from: Block, to: Block): number {
    return this.edges.get(this.key(from, to)) ?? -1;
  }

  private key(from: Block, to: Block): number {
    return from.index * this.count + to.index;
  }
}

/** Edges that leave a loop for one around it; not after calls, which may leave in other ways. */
function loopEnds(func: Func): [from: Block, to: Block][] {
  const { around, within } = loopsOf(func);
  const ends: [Block, Block][] = [];
  for (const from of func.blocks) {
    const loop = within[from.index]!;
    if (loop < 0 || around[loop]! < 0 || from.flow.k === "call") continue;
    for (const to of new Set(from.succs)) {
      if (to === undefined) continue;
      let at = within[to.index]!;
      if (at < 0) continue;
      while (at >= 0 && at !== loop) at = around[at]!;
      if (at < 0) ends.push([from, to]);
    }
  }
  return ends;
}

/** By block, the head of the innermost loop that it is in, and by head, that of the loop around; -1: none. */
function loopsOf({ blocks }: Func): { within: Int32Array; around: Int32Array } {
  const within = new Int32Array(blocks.length).fill(-1);
  const around = new Int32Array(blocks.length).fill(-1);
  for (const head of blocks) {
    if (!head.isHeader) continue;
    around[head.index] = within[head.index]!;
    const body = new Set<Block>([head]);
    for (const pred of head.preds) if (pred.index >= head.index) body.add(pred);
    for (const block of body) if (block !== head) for (const pred of block.preds) body.add(pred);
    for (const block of body) within[block.index] = head.index;
  }
  return { within, around };
}

/** By block, slots that the code there and after it may read before it sets them, whoever leaves aside. */
function readBefore({ blocks }: Func, uses: Uses, slotCount: number): BitRows {
  const read = new BitRows(blocks.length, slotCount);
  const s = new BitRows(1, slotCount);
  for (let grew = true; grew; ) {
    grew = false;
    for (let i = blocks.length - 1; i >= 0; i--) {
      const block = blocks[i]!;
      if (block.flow.k === "call") s.fill(0, slotCount);
      else {
        s.clear(0);
        for (const succ of block.succs) if (succ) s.union(0, read, succ.index);
        for (const { slot } of uses.sets[i]!) s.remove(0, slot);
      }
      s.union(0, uses.rows, 2 * i);
      for (const { row } of uses.sets[i]!) s.union(0, uses.rows, row);
      if (read.union(i, s, 0)) grew = true;
    }
  }
  return read;
}
