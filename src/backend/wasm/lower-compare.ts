import type { Node, Op } from "../../ir/node.ts";
import type { Lower } from "./lower.ts";
import { mulHigh } from "./mulhigh.ts";
import { W } from "./opcodes.ts";
import { ANY, isZext32, naturalType, SIGN, type Want, ZERO } from "./values.ts";

const COMPARE: Partial<Record<Op, readonly [narrow: number, wide: number, want: Want]>> = {
  eq: [W.i32_eq, W.i64_eq, ZERO],
  ne: [W.i32_ne, W.i64_ne, ZERO],
  ult: [W.i32_lt_u, W.i64_lt_u, ZERO],
  ule: [W.i32_le_u, W.i64_le_u, ZERO],
  slt: [W.i32_lt_s, W.i64_lt_s, SIGN],
  sle: [W.i32_le_s, W.i64_le_s, SIGN],
};
/** Signed comparisons of zero-extended values are unsigned ones. */
const UNSIGNED: Partial<Record<Op, number>> = { slt: W.i32_lt_u, sle: W.i32_le_u };

export function compare(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const [a, b] = node.args as [Node, Node];
  const [narrow, wide, argWant] = COMPARE[node.op]!;
  const toZero = b.op === "const" && b.lo === 0 && b.hi === 0 && (node.op === "eq" || node.op === "ne");
  const sext = a.w === 64 && l.sext32(a) && l.sext32(b);
  const zext = a.w === 64 && !sext && isZext32(a) && isZext32(b);
  if (sext || zext) {
    l.low(a);
    if (toZero) {
      code.op(W.i32_eqz);
      if (node.op === "ne") code.op(W.i32_eqz);
    } else {
      l.low(b);
      code.op(zext ? (UNSIGNED[node.op] ?? narrow) : narrow);
    }
  } else if (toZero) {
    l.emit(a, ZERO);
    code.op(a.w <= 32 ? W.i32_eqz : W.i64_eqz);
    if (node.op === "ne") code.op(W.i32_eqz);
  } else {
    l.emit(a, argWant);
    l.emit(b, argWant);
    code.op(a.w <= 32 ? narrow : wide);
  }
  if (want === SIGN) l.clean(1, SIGN);
}

/** Carry: msb of (a & b) | ((a | b) & ~s); overflow: msb of (a ^ s) & (b ^ s), where s = a + b + c. */
export function carries(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const [a, b, c] = node.args as [Node, Node, Node];
  const w = a.w;
  l.bind(a);
  l.bind(b);
  const sum = code.local(naturalType(w));
  l.emit(a);
  l.emit(b);
  l.pair(w, W.i32_add, W.i64_add);
  if (!(c.op === "const" && c.lo === 0)) {
    l.emit(c, ZERO);
    if (w > 32) code.op(W.i64_extend_i32_u);
    l.pair(w, W.i32_add, W.i64_add);
  }
  code.set(sum);
  if (node.op === "carry") {
    l.emit(a);
    l.emit(b);
    l.pair(w, W.i32_and, W.i64_and);
    l.emit(a);
    l.emit(b);
    l.pair(w, W.i32_or, W.i64_or);
    code.get(sum);
    l.number(w, -1);
    l.pair(w, W.i32_xor, W.i64_xor);
    l.pair(w, W.i32_and, W.i64_and);
    l.pair(w, W.i32_or, W.i64_or);
  } else {
    l.emit(a);
    code.get(sum);
    l.pair(w, W.i32_xor, W.i64_xor);
    l.emit(b);
    code.get(sum);
    l.pair(w, W.i32_xor, W.i64_xor);
    l.pair(w, W.i32_and, W.i64_and);
  }
  l.number(w, w - 1);
  l.pair(w, W.i32_shr_u, W.i64_shr_u);
  if (w > 32) code.op(W.i32_wrap_i64);
  // Bits above the width were any.
  l.clean(1, w === 32 || w === 64 ? (want === SIGN ? SIGN : ANY) : want === ANY ? ZERO : want);
  code.release(sum);
}

export function extend(l: Lower, node: Node, want: Want): void {
  const a = node.args[0]!;
  const signed = node.op === "sext";
  if (a.w > 64) throw new Error(`${node.op} of i${a.w} has no wasm lowering`);
  if (node.w > 32 && l.extended(a, signed ? SIGN : ZERO)) {
    if (signed && want === ZERO) l.clean(node.w, ZERO);
    return;
  }
  l.emit(a, signed ? SIGN : ZERO);
  if (a.w <= 32 && node.w > 32) l.code.op(signed ? W.i64_extend_i32_s : W.i64_extend_i32_u);
  // A zero extension has a clear top bit, so it is clean both ways.
  if (signed && want === ZERO) l.clean(node.w, ZERO);
}

export function extract(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const a = node.args[0]!;
  const lo = node.aux;
  const w = node.w;
  if (a.w > 64) {
    if (!mulHigh(l, node)) throw new Error(`extract from ${a.op} of i${a.w} has no wasm lowering`);
    l.clean(w, want);
    return;
  }
  if (w > 32) {
    l.emit(a);
    if (lo > 0) {
      code.i64s(lo);
      code.op(W.i64_shr_u);
    }
    if (lo + w < 64 || want === SIGN) l.clean(w, want);
    return;
  }
  if (lo + w > 32) {
    l.emit(a);
    code.i64s(lo);
    code.op(want === SIGN && lo + w === 64 ? W.i64_shr_s : W.i64_shr_u);
    code.op(W.i32_wrap_i64);
    if (lo + w < 64 || w > 32) l.clean(w, want);
    return;
  }
  if (a.w > 32) l.low(a);
  else l.emit(a, ANY);
  if (lo > 0) {
    code.i32(lo);
    code.op(want === SIGN && lo + w === 32 ? W.i32_shr_s : W.i32_shr_u);
  }
  if (lo + w < 32 || lo === 0) l.clean(w, want);
}

export function concat(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const [hi, lo] = node.args as [Node, Node];
  const w = node.w;
  if (w > 64) throw new Error(`concat of i${w} has no wasm lowering`);
  l.emit(hi, want === SIGN ? SIGN : ZERO);
  if (w > 32 && hi.w <= 32) code.op(want === SIGN ? W.i64_extend_i32_s : W.i64_extend_i32_u);
  l.number(w, lo.w);
  l.pair(w, W.i32_shl, W.i64_shl);
  l.emit(lo, ZERO);
  if (w > 32 && lo.w <= 32) code.op(W.i64_extend_i32_u);
  l.pair(w, W.i32_or, W.i64_or);
}
