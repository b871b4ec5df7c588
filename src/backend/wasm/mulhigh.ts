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
  const factors = wideFactors(node);
  if (factors === undefined) return false;
  const [x, y] = factors;
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
    pushHigh(l, a, b);
    if (x.signed) correct(l, a, b);
    if (y.signed) correct(l, b, a);
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

/** A factor of a 128-bit product: a value of at most 64 bits with its extension, or a constant. */
export interface WideFactor {
  readonly value: Node | undefined;
  readonly lo: number;
  readonly hi: number;
  readonly signed: boolean;
}

/** The two factors where `node` takes bits of one half of a 128-bit product; a shift is a product with a power of two. */
export function wideFactors(node: Node): readonly [WideFactor, WideFactor] | undefined {
  const product = node.args[0]!;
  if (product.w !== 128 || (node.aux < 64 && node.aux + node.w > 64)) return undefined;
  const [x, y] = product.args as [Node, Node];
  const a = product.op === "mul" || product.op === "shl" ? factor(x) : undefined;
  let b = product.op === "mul" ? factor(y) : undefined;
  if (product.op === "shl" && y.op === "const") {
    const k = y.big === undefined ? y.lo : Number(y.big);
    if (k >= 0 && k < 64)
      b = { value: undefined, lo: k < 32 ? (1 << k) | 0 : 0, hi: k < 32 ? 0 : (1 << (k - 32)) | 0, signed: false };
  }
  return a && b ? [a, b] : undefined;
}

export function factor(node: Node): WideFactor | undefined {
  if (node.op === "sext" || node.op === "zext") {
    const value = node.args[0]!;
    return value.w <= 64 ? { value, lo: 0, hi: 0, signed: node.op === "sext" } : undefined;
  }
  if (node.op !== "const") return undefined;
  const big = node.big ?? (BigInt(node.hi >>> 0) << 32n) + BigInt(node.lo >>> 0);
  const lo = Number(BigInt.asIntN(32, big));
  const hi = Number(BigInt.asIntN(32, big >> 32n));
  if (big < 1n << 64n) return { value: undefined, lo, hi, signed: false };
  return big >= (1n << 128n) - (1n << 63n) ? { value: undefined, lo, hi, signed: true } : undefined;
}

/** Pushes the factor's value before extension, extended to 64 bits. */
function wide(l: Lower, from: WideFactor): void {
  const inner = from.value;
  if (inner === undefined) {
    l.code.i64(from.lo, from.hi);
    return;
  }
  l.emit(inner, from.signed ? SIGN : ZERO);
  if (inner.w <= 32) l.code.op(from.signed ? W.i64_extend_i32_s : W.i64_extend_i32_u);
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
export function pushHigh(l: Lower, a: number, b: number): void {
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
