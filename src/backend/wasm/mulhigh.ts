import type { Node } from "../../ir/node.ts";
import { I64 } from "./code.ts";
import type { Lower } from "./lower.ts";
import { W } from "./opcodes.ts";
import { SIGN, ZERO } from "./values.ts";

/**
 * extract(mul(ext(a), ext(b)), lo, w) of a 128-bit product of two values of at most 64 bits: the low half is a plain
 * multiply, the high half four 32-bit ones (Hacker's Delight, 2nd edition, figure 8-2) plus the sign corrections.
 * Pushes the wanted bits in their natural type, bits above the width any. False: not of that shape.
 */
export function mulHigh(l: Lower, node: Node): boolean {
  const product = node.args[0]!;
  if (product.op !== "mul" || product.w !== 128) return false;
  const [x, y] = product.args as [Node, Node];
  for (const factor of [x, y]) if (factor.op !== "sext" && factor.op !== "zext") return false;
  const crossing = node.aux < 64 && node.aux + node.w > 64;
  if (crossing) return false;
  const code = l.code;
  const a = code.local(I64);
  const b = code.local(I64);
  wide(l, x);
  code.set(a);
  wide(l, y);
  code.set(b);
  if (node.aux < 64) {
    code.get(a);
    code.get(b);
    code.op(W.i64_mul);
  } else {
    high(l, a, b);
    if (x.op === "sext") correct(l, a, b);
    if (y.op === "sext") correct(l, b, a);
  }
  const lo = node.aux & 63;
  if (lo > 0) {
    code.i64s(lo);
    code.op(W.i64_shr_u);
  }
  if (node.w <= 32) code.op(W.i32_wrap_i64);
  code.release(a);
  code.release(b);
  return true;
}

/** The factor's value before extension, extended to 64 bits. */
function wide(l: Lower, factor: Node): void {
  const inner = factor.args[0]!;
  l.emit(inner, factor.op === "sext" ? SIGN : ZERO);
  if (inner.w <= 32) l.code.op(factor.op === "sext" ? W.i64_extend_i32_s : W.i64_extend_i32_u);
}

/** Takes b away from the unsigned high half on the stack where a is negative. */
function correct(l: Lower, a: number, b: number): void {
  const code = l.code;
  code.get(a);
  code.i64s(63);
  code.op(W.i64_shr_s);
  code.get(b);
  code.op(W.i64_and);
  code.op(W.i64_sub);
}

/** Pushes the unsigned high half of a * b. */
function high(l: Lower, a: number, b: number): void {
  const code = l.code;
  const low = (local: number): void => {
    code.get(local);
    code.i64(-1, 0);
    code.op(W.i64_and);
  };
  const upper = (local: number): void => {
    code.get(local);
    code.i64s(32);
    code.op(W.i64_shr_u);
  };
  const t = code.local(I64);
  const w1 = code.local(I64);
  // t = al * bl >> 32 + ah * bl
  low(a);
  low(b);
  code.op(W.i64_mul);
  code.i64s(32);
  code.op(W.i64_shr_u);
  upper(a);
  low(b);
  code.op(W.i64_mul);
  code.op(W.i64_add);
  code.set(t);
  // w1 = low(t) + al * bh
  low(t);
  low(a);
  upper(b);
  code.op(W.i64_mul);
  code.op(W.i64_add);
  code.set(w1);
  // ah * bh + t >> 32 + w1 >> 32
  upper(a);
  upper(b);
  code.op(W.i64_mul);
  upper(t);
  code.op(W.i64_add);
  upper(w1);
  code.op(W.i64_add);
  code.release(t);
  code.release(w1);
}
