import { I64 } from "./code.ts";
import type { Frame } from "./frame.ts";
import type { Block } from "./func.ts";
import { exitTo } from "./leave.ts";
import { W } from "./opcodes.ts";

/** Emits control along one of the ways out of a block. */
export type Edge = (from: Block, way: number) => void;

/** Target on the stack: to one of the known targets, or out. */
export function jump(f: Frame, block: Block, edge: Edge): void {
  const { code } = f;
  const target = code.local(I64);
  code.set(target);
  const known = block.ways.map((pc, way) => ({ pc, way })).filter(({ way }) => block.succs[way] !== undefined);
  code.block();
  const out = code.depth;
  if (known.length > 0) {
    const low = known.reduce((least, { pc }) => Math.min(least, pc), Number.MAX_SAFE_INTEGER);
    const high = known.reduce((most, { pc }) => Math.max(most, pc), 0);
    // Zeros that all distances end with.
    const zeros = Math.min(31, ...known.map(({ pc }) => (pc === low ? 31 : trailingZeros(pc - low))));
    const span = (high - low) / 2 ** zeros + 1;
    if (span <= 4096 && known.length > 2) switchOn(f, target, low, span, zeros, known, block, out, edge);
    else {
      for (const { pc, way } of known) {
        code.get(target);
        code.i64(pc | 0, 0);
        code.op(W.i64_eq);
        code.if();
        edge(block, way);
        code.end();
      }
    }
  }
  code.end();
  code.get(target);
  code.release(target);
  exitTo(f, f.dirtyAfter(block));
}

const trailingZeros = (value: number): number => 31 - Math.clz32(value & -value);

/** To the block whose number the edge here has set. */
export function dispatch(f: Frame, block: Block, edge: Edge): void {
  const { code } = f;
  const count = block.succs.length;
  for (let i = 0; i < count; i++) code.block();
  code.get(f.route);
  const labels = block.succs.map((_, way) => count - 1 - way);
  code.brTable(labels.slice(0, -1), labels[count - 1]!);
  for (let way = count - 1; way >= 0; way--) {
    code.end();
    edge(block, way);
  }
}

/** br_table over the distance from the lowest target. */
function switchOn(
  f: Frame,
  target: number,
  low: number,
  span: number,
  zeros: number,
  known: readonly { pc: number; way: number }[],
  block: Block,
  out: number,
  edge: Edge,
): void {
  const { code } = f;
  const wayAt = new Map(known.map(({ pc, way }) => [(pc - low) / 2 ** zeros, way]));
  // A label a target; back-edges need their fuel, so each has a block of its own.
  const ways = known.map(({ way }) => way);
  for (let i = 0; i < ways.length; i++) code.block();
  const labelOf = new Map(ways.map((way, i) => [way, ways.length - 1 - i]));
  // (target - low) rotated right by its zeros: what has other bits there, or is far, becomes large.
  code.get(target);
  code.i64(low | 0, 0);
  code.op(W.i64_sub);
  if (zeros > 0) {
    code.i64s(zeros);
    code.op(W.i64_rotr);
  }
  const index = code.local(I64);
  code.tee(index);
  code.i64s(span);
  code.op(W.i64_ge_u);
  code.unlikely();
  code.brIf(code.depth - out);
  code.get(index);
  code.op(W.i32_wrap_i64);
  code.release(index);
  const labels: number[] = [];
  const fallback = code.depth - out;
  for (let i = 0; i < span; i++) {
    const way = wayAt.get(i);
    labels.push(way === undefined ? fallback : labelOf.get(way)!);
  }
  code.brTable(labels, fallback);
  for (let i = ways.length - 1; i >= 0; i--) {
    code.end();
    edge(block, ways[i]!);
  }
}
