import type { Node } from "../../ir/node.ts";
import { I32 } from "./code.ts";
import type { Lower } from "./lower.ts";
import { W } from "./opcodes.ts";
import { ANY, naturalType, SIGN, surelyBelow, type Want, ZERO } from "./values.ts";

/** Pushes an op's value, the bits above its width as wanted. */
export type Lowering = (l: Lower, node: Node, want: Want) => void;

/** Low bits of the result depend on low bits of the arguments only. */
export const wraps =
  (narrow: number, wide: number): Lowering =>
  (l, node, want) => {
    l.emit(node.args[0]!);
    l.emit(node.args[1]!);
    l.pair(node.w, narrow, wide);
    l.clean(node.w, want);
  };
/** Clean arguments give a clean result. */
export const bitwise =
  (narrow: number, wide: number): Lowering =>
  (l, node, want) => {
    l.emit(node.args[0]!, want);
    l.emit(node.args[1]!, want);
    l.pair(node.w, narrow, wide);
  };

export function shift(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const w = node.w;
  const [value, amount] = node.args as [Node, Node];
  const arithmetic = node.op === "ashr";
  const valueWant = node.op === "shl" ? ANY : arithmetic ? SIGN : ZERO;
  const last = (): void => {
    if (node.op === "shl") l.pair(w, W.i32_shl, W.i64_shl);
    else if (arithmetic) l.pair(w, W.i32_shr_s, W.i64_shr_s);
    else l.pair(w, W.i32_shr_u, W.i64_shr_u);
  };
  if (surelyBelow(amount, w)) {
    l.emit(value, valueWant);
    l.emit(amount, ZERO);
    last();
  } else if (arithmetic) {
    l.bind(amount, ZERO);
    l.emit(value, SIGN);
    l.emit(amount, ZERO);
    l.number(w, w - 1);
    l.emit(amount, ZERO);
    l.number(w, w);
    l.pair(w, W.i32_lt_u, W.i64_lt_u);
    code.op(W.select);
    last();
  } else {
    l.bind(amount, ZERO);
    l.emit(value, valueWant);
    l.emit(amount, ZERO);
    last();
    l.number(w, 0);
    l.emit(amount, ZERO);
    l.number(w, w);
    l.pair(w, W.i32_lt_u, W.i64_lt_u);
    code.op(W.select);
  }
  const already = node.op === "shl" ? ANY : valueWant;
  if (want !== already) l.clean(w, want);
}

export function rotate(l: Lower, node: Node, want: Want): void {
  const w = node.w;
  const [value, amount] = node.args as [Node, Node];
  const rotation = (): void => {
    if (node.op === "rol") l.pair(w, W.i32_rotl, W.i64_rotl);
    else l.pair(w, W.i32_rotr, W.i64_rotr);
  };
  l.emit(value, ZERO);
  if (w === 8 || w === 16) {
    l.code.i32(w === 8 ? 0x01010101 : 0x00010001);
    l.code.op(W.i32_mul);
  } else if (w !== 32 && w !== 64) throw new Error(`rotation of i${w} has no wasm lowering`);
  l.emit(amount, ANY);
  rotation();
  l.clean(w, want);
}

/** x/0 = -1, x%0 = x, MIN/-1 = MIN: what wasm traps on is taken apart, unless the divisor is a constant that cannot. */
export function divide(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const w = node.w;
  const [a, b] = node.args as [Node, Node];
  const signed = node.op === "sdiv" || node.op === "srem";
  const remainder = node.op === "urem" || node.op === "srem";
  const clean: Want = signed ? SIGN : ZERO;
  const last = (): void => {
    if (signed && remainder) l.pair(w, W.i32_rem_s, W.i64_rem_s);
    else if (signed) l.pair(w, W.i32_div_s, W.i64_div_s);
    else if (remainder) l.pair(w, W.i32_rem_u, W.i64_rem_u);
    else l.pair(w, W.i32_div_u, W.i64_div_u);
  };
  const zero = b.op === "const" && b.lo === 0 && b.hi === 0;
  const safe = b.op === "const" && !zero && !(signed && (b.lo === -1 || w < 32));
  if (safe) {
    l.emit(a, clean);
    l.emit(b, clean);
    last();
  } else {
    l.bind(a, clean);
    l.bind(b, clean);
    const type = naturalType(w);
    l.emit(b, clean);
    if (signed && !remainder) {
      l.number(w, 1);
      l.pair(w, W.i32_add, W.i64_add);
      l.number(w, 1);
      l.pair(w, W.i32_gt_u, W.i64_gt_u);
      code.if(type);
      l.emit(a, clean);
      l.emit(b, clean);
      last();
      code.else();
      // b is 0 or -1: -1 or -a.
      l.number(w, 0);
      l.emit(a, clean);
      l.pair(w, W.i32_sub, W.i64_sub);
      l.number(w, -1);
      l.emit(b, clean);
      code.op(w <= 32 ? W.i32_eqz : W.i64_eqz);
      code.op(W.i32_eqz);
      code.op(W.select);
    } else {
      code.op(w <= 32 ? W.i32_eqz : W.i64_eqz);
      code.if(type);
      if (remainder) l.emit(a, clean);
      else l.number(w, -1);
      code.else();
      l.emit(a, clean);
      l.emit(b, clean);
      last();
    }
    code.end();
  }
  // -1 of an unsigned division and MIN / -1 of a narrow one are not clean.
  l.clean(w, want);
}

export function count(l: Lower, node: Node, want: Want): void {
  const w = node.w;
  const a = node.args[0]!;
  const full = w === 32 || w === 64;
  l.emit(a, node.op === "ctz" ? ANY : ZERO);
  if (node.op === "popcnt") l.pair(w, W.i32_popcnt, W.i64_popcnt);
  else if (node.op === "ctz") {
    if (!full) {
      if (w < 32) l.code.i32(2 ** w);
      else l.code.i64(0, 2 ** (w - 32));
      l.pair(w, W.i32_or, W.i64_or);
    }
    l.pair(w, W.i32_ctz, W.i64_ctz);
  } else {
    l.pair(w, W.i32_clz, W.i64_clz);
    if (!full) {
      l.number(w, (w < 32 ? 32 : 64) - w);
      l.pair(w, W.i32_sub, W.i64_sub);
    }
  }
  // A count may reach the sign bit of a very narrow type.
  if (w < 8) l.clean(w, want);
}

export function bswap(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const w = node.w;
  const a = node.args[0]!;
  if (w === 8) {
    l.emit(a, want);
    return;
  }
  if (w === 16) {
    l.bind(a, ZERO);
    l.emit(a, ZERO);
    code.i32(8);
    code.op(W.i32_shl);
    l.emit(a, ZERO);
    code.i32(8);
    code.op(W.i32_shr_u);
    code.op(W.i32_or);
    l.clean(16, want);
    return;
  }
  if (w !== 32 && w !== 64) throw new Error(`bswap of i${w} has no wasm lowering`);
  const half = (local: number): void => {
    code.get(local);
    code.i32(8);
    code.op(W.i32_rotl);
    code.i32(0x00ff00ff);
    code.op(W.i32_and);
    code.get(local);
    code.i32(8);
    code.op(W.i32_rotr);
    code.i32(0xff00ff00);
    code.op(W.i32_and);
    code.op(W.i32_or);
  };
  const part = code.local(I32);
  if (w === 32) {
    l.emit(a);
    code.set(part);
    half(part);
  } else {
    l.bind(a);
    l.low(a);
    code.set(part);
    half(part);
    code.op(W.i64_extend_i32_u);
    code.i64s(32);
    code.op(W.i64_shl);
    l.emit(a);
    code.i64s(32);
    code.op(W.i64_shr_u);
    code.op(W.i32_wrap_i64);
    code.set(part);
    half(part);
    code.op(W.i64_extend_i32_u);
    code.op(W.i64_or);
  }
  code.release(part);
}
