import type { Node, Op } from "../../ir/node.ts";
import { type Code, F32, F64, type ValueType } from "./code.ts";
import type { Lower } from "./lower.ts";
import { W } from "./opcodes.ts";
import { FLOAT_RESULT, naturalType, SIGN, ZERO } from "./values.ts";

// What a float op takes and gives: operands, rounding mode, types, and pushing them.

export const FROM_INTEGER: ReadonlySet<Op> = new Set<Op>(["s2f", "u2f"]);

export const ARITH: Partial<Record<Op, readonly [number, number]>> = {
  fadd: [W.f64_add, W.f32_add],
  fsub: [W.f64_sub, W.f32_sub],
  fmul: [W.f64_mul, W.f32_mul],
  fdiv: [W.f64_div, W.f32_div],
};

export const COMPARISONS: Partial<Record<Op, readonly [number, number]>> = {
  feq: [W.f64_eq, W.f32_eq],
  flt: [W.f64_lt, W.f32_lt],
  fle: [W.f64_le, W.f32_le],
};

/** Wasm type of a float op's result. */
export const resultType = (node: Node): ValueType =>
  FLOAT_RESULT.has(node.op) ? (node.w === 64 ? F64 : F32) : naturalType(node.w);

/** Value arguments: without the rounding mode. */
export function operands(node: Node): readonly Node[] {
  return node.op === "feq" || node.op === "flt" || node.op === "fle" ? node.args : node.args.slice(0, -1);
}

/** The rounding mode where it is a constant, -1: only known at run time. */
export function modeOf(node: Node): number {
  if (node.op === "feq" || node.op === "flt" || node.op === "fle") return 0;
  const rm = node.args[node.args.length - 1]!;
  return rm.op === "const" ? rm.lo : -1;
}

export function operandType(node: Node, arg: Node): ValueType {
  if (FROM_INTEGER.has(node.op)) return naturalType(arg.w);
  return arg.w === 64 ? F64 : F32;
}

export function pushOperand(l: Lower, node: Node, arg: Node): void {
  if (!FROM_INTEGER.has(node.op)) l.float(arg);
  else l.emit(arg, node.op === "s2f" ? SIGN : ZERO);
}

/** x86 raises DE for denormal operands. */
export const reportsDenormals = (node: Node): boolean =>
  (node.fp!.nan === "x86" || node.fp!.nan === "x87") &&
  !FROM_INTEGER.has(node.op) &&
  node.op !== "f2s" &&
  node.op !== "f2u";

/** The least normal number of a float of 32 or 64 bits. */
export const leastNormal = (wide: boolean): number => (wide ? 2 ** -1022 : 2 ** -126);

/** Pushes a single or double constant. */
export function pushFloat(code: Code, wide: boolean, value: number): void {
  code.f64Const(value);
  if (!wide) code.op(W.f32_demote_f64);
}

/** A whole number, or a constant that is no denormal. */
export function neverDenormal(node: Node): boolean {
  if (FROM_INTEGER.has(node.op)) return true;
  if (node.op !== "const" || node.w !== 64) return false;
  return (node.lo === 0 && (node.hi & 0x7fffffff) === 0) || (node.hi & 0x7ff00000) !== 0;
}

/** Pushes an i32: no operand is denormal. `push` pushes operand i. */
export function pushNormal(code: Code, wide: boolean, count: number, push: (i: number) => void): void {
  if (count === 0) code.i32(0);
  for (let i = 0; i < count; i++) {
    push(i);
    code.op(wide ? W.f64_abs : W.f32_abs);
    pushFloat(code, wide, leastNormal(wide));
    code.op(wide ? W.f64_lt : W.f32_lt);
    push(i);
    pushFloat(code, wide, 0);
    code.op(wide ? W.f64_ne : W.f32_ne);
    code.op(W.i32_and);
    if (i > 0) code.op(W.i32_or);
  }
  code.op(W.i32_eqz);
}
