import type { Node, Op } from "../../ir/node.ts";
import { type Code, F32, F64, I32, V128, type ValueType } from "./code.ts";
import { FD, W } from "./opcodes.ts";

/** Below this the error of a product may not be representable; the reference decides there. */
const SAFE = 2 ** -900;

/**
 * The usual finite cases of a float op under mode 0, when NX may not be set yet: computes the result and, from the
 * rounding error, whether it is exact. Parameters 0, 1, 2 are the operands. Emits code that falls through where the
 * case is another one; else returns the result, after `inexact` where that is due. False: nothing for this op.
 */
export function exactWay(code: Code, node: Node, fused: boolean, inexact: () => void): boolean {
  const wide = node.w === 64;
  const type = wide ? F64 : F32;
  switch (node.op) {
    case "fadd":
    case "fsub":
      sum(code, type, node.op, inexact);
      return true;
    case "fmul":
    case "fdiv":
    case "fsqrt":
    case "fma":
      if (!wide) {
        if (node.op !== "fmul" && node.op !== "fma") return false;
        single(code, node.op, inexact);
        return true;
      }
      if (!fused) return false;
      if (node.op === "fma") fma(code, inexact);
      else residual(code, node.op, inexact);
      return true;
    default:
      return false;
  }
}

/** Ops that `exactTest` knows, on doubles. */
export const testsExact = (node: Node, fused: boolean): boolean =>
  node.w === 64 && (node.op === "fadd" || node.op === "fsub" || (fused && (node.op === "fmul" || node.op === "fma")));

/**
 * Branches to `exact` where `result` = op(a, b, c) is surely exact, else falls through. An infinity or NaN on the way
 * makes the comparisons false. r = a + b is exact where r - a = b and r - b = a (the terms of Knuth's 2Sum). r = a * b
 * + c is exact where z = c - r, rounded, is -(a * b), and r + z = c: whichever of a * b and c is the larger, one of the
 * two differences is exact (Dekker's Fast2Sum) and says so. A product must be large enough for its error to be a
 * number, or have a zero factor. Labels count from outside the one block that this opens.
 */
export function exactTest(code: Code, op: Op, a: number, b: number, result: number, exact: number): void {
  const off = (x: number, sign: number, y: number, z: number, back: number): void => {
    code.get(x);
    code.get(y);
    code.op(sign);
    code.get(z);
    code.op(back);
    code.op(W.f64_abs);
  };
  code.block();
  if (op === "fadd" || op === "fsub") {
    off(result, W.f64_sub, a, b, op === "fsub" ? W.f64_add : W.f64_sub);
    off(result, op === "fadd" ? W.f64_sub : W.f64_add, b, a, W.f64_sub);
    code.op(W.f64_add);
    unlessZero(code);
    code.br(exact + 1);
    code.end();
    return;
  }
  // A product.
  const rest = code.local(F64);
  code.get(result);
  code.op(W.f64_neg);
  code.set(rest);
  pushFma(code, a, b, rest, false);
  code.op(W.f64_abs);
  unlessZero(code);
  unlessTiny(code, rest, exact + 1, (i) => code.get(i === 0 ? a : b));
  code.end();
  code.release(rest);
}

/**
 * The same for a fused multiply-add: `result` is a vector, `push` pushes operand i as one. In vectors throughout, for
 * the host's instruction is on those, and moving between them and scalars costs more than the sums.
 */
export function exactFmaTest(code: Code, push: (i: number) => void, result: number, exact: number): void {
  const rest = code.local(V128);
  code.block();
  push(2);
  code.get(result);
  code.fd(FD.f64x2_sub);
  code.set(rest);
  push(0);
  push(1);
  code.get(rest);
  code.fd(FD.f64x2_relaxed_madd);
  code.get(rest);
  code.get(result);
  code.fd(FD.f64x2_add);
  push(2);
  code.fd(FD.f64x2_sub);
  // Both are zero where their bits together are; a NaN stays one, an infinity something that is not zero.
  code.fd(FD.v128_or);
  code.lane(FD.f64x2_extract_lane, 0);
  code.op(W.f64_abs);
  unlessZero(code);
  const product = code.local(F64);
  code.get(rest);
  code.lane(FD.f64x2_extract_lane, 0);
  code.set(product);
  unlessTiny(code, product, exact + 1, (i) => {
    push(i);
    code.lane(FD.f64x2_extract_lane, 0);
  });
  code.end();
  code.release(product);
  code.release(rest);
}

/** Branches to `exact` where the product is large enough for its error to be a number, or a factor is zero. */
function unlessTiny(code: Code, product: number, exact: number, factor: (i: number) => void): void {
  code.get(product);
  code.op(W.f64_abs);
  code.f64Const(SAFE);
  code.op(W.f64_gt);
  code.likely();
  code.brIf(exact);
  for (const i of [0, 1]) {
    factor(i);
    code.f64Const(0);
    code.op(W.f64_eq);
    code.brIf(exact);
  }
}

/** Leaves the block unless the magnitude on the stack is zero; by an ordered comparison, which is one jump. */
function unlessZero(code: Code): void {
  code.f64Const(0);
  code.op(W.f64_le);
  code.op(W.i32_eqz);
  code.unlikely();
  code.brIf(0);
}

/** 2Sum (Knuth): err = (a - (s - b')) + (b - b') with b' = s - a is the exact error of s = a + b. */
function twoSum(code: Code, type: ValueType, a: number, b: number, s: number): void {
  const [add, sub] = type === F64 ? [W.f64_add, W.f64_sub] : [W.f32_add, W.f32_sub];
  const part = code.local(type);
  code.get(s);
  code.get(a);
  code.op(sub);
  code.set(part);
  code.get(a);
  code.get(s);
  code.get(part);
  code.op(sub);
  code.op(sub);
  code.get(b);
  code.get(part);
  code.op(sub);
  code.op(add);
  code.release(part);
}

function sum(code: Code, type: ValueType, op: Op, inexact: () => void): void {
  const wide = type === F64;
  const s = code.local(type);
  const b = code.local(type);
  code.get(1);
  if (op === "fsub") code.op(wide ? W.f64_neg : W.f32_neg);
  code.set(b);
  code.get(0);
  code.get(b);
  code.op(wide ? W.f64_add : W.f32_add);
  code.tee(s);
  finite(code, type);
  code.if();
  twoSum(code, type, 0, b, s);
  finish(code, type, s, inexact);
  code.end();
}

/** The error is on the stack: inexact where it is not zero; returns the result. */
function finish(code: Code, type: ValueType, result: number, inexact: () => void): void {
  zero(code, type);
  code.op(type === F64 ? W.f64_ne : W.f32_ne);
  code.if();
  inexact();
  code.end();
  code.get(result);
  code.op(W.return);
}

function zero(code: Code, type: ValueType): void {
  code.f64Const(0);
  if (type === F32) code.op(W.f32_demote_f64);
}

/** Replaces the value on the stack by whether it is finite. */
function finite(code: Code, type: ValueType): void {
  if (type === F32) code.op(W.f64_promote_f32);
  code.op(W.f64_abs);
  code.f64Const(Number.POSITIVE_INFINITY);
  code.op(W.f64_lt);
}

/** Pushes whether least < |local| < infinity. */
function within(code: Code, local: number, least: number): void {
  code.get(local);
  code.op(W.f64_abs);
  code.f64Const(least);
  code.op(W.f64_gt);
  code.get(local);
  finite(code, F64);
  code.op(W.i32_and);
}

function pushFma(code: Code, a: number, b: number, c: number, negate: boolean): void {
  code.get(a);
  code.fd(FD.f64x2_splat);
  code.get(b);
  code.fd(FD.f64x2_splat);
  code.get(c);
  if (negate) code.op(W.f64_neg);
  code.fd(FD.f64x2_splat);
  code.fd(FD.f64x2_relaxed_madd);
  code.lane(FD.f64x2_extract_lane, 0);
}

/** Product, quotient, square root: what is left of a * b - r, q * b - a, r * r - a, exactly. */
function residual(code: Code, op: Op, inexact: () => void): void {
  const r = code.local(F64);
  code.get(0);
  if (op !== "fsqrt") code.get(1);
  code.op(op === "fmul" ? W.f64_mul : op === "fdiv" ? W.f64_div : W.f64_sqrt);
  code.set(r);
  within(code, r, SAFE);
  if (op !== "fmul") {
    within(code, 0, SAFE);
    code.op(W.i32_and);
  }
  if (op === "fdiv") {
    within(code, 1, 0);
    code.op(W.i32_and);
  }
  code.if();
  if (op === "fmul") pushFma(code, 0, 1, r, true);
  else pushFma(code, r, op === "fdiv" ? 1 : r, 0, true);
  finish(code, F64, r, inexact);
  code.end();
}

/** a * b + c where the product is exact, or a factor zero; else inexact is likely and the reference decides. */
function fma(code: Code, inexact: () => void): void {
  const p = code.local(F64);
  const r = code.local(F64);
  pushFma(code, 0, 1, 2, false);
  code.set(r);
  code.get(0);
  code.get(1);
  code.op(W.f64_mul);
  code.set(p);
  // The product is exact: zero of a zero factor, or with no residual.
  within(code, p, SAFE);
  code.if(I32);
  pushFma(code, 0, 1, p, true);
  code.f64Const(0);
  code.op(W.f64_eq);
  code.else();
  isZero(code, p);
  isZero(code, 0);
  isZero(code, 1);
  code.op(W.i32_or);
  code.op(W.i32_and);
  code.end();
  // The sum is then an ordinary one: tiny sums of exact products are exact.
  code.get(r);
  finite(code, F64);
  code.op(W.i32_and);
  code.if();
  twoSum(code, F64, p, 2, r);
  finish(code, F64, r, inexact);
  code.end();
}

function isZero(code: Code, local: number): void {
  code.get(local);
  code.f64Const(0);
  code.op(W.f64_eq);
}

/** Singles: their products are exact as doubles. */
function single(code: Code, op: Op, inexact: () => void): void {
  const p = code.local(F64);
  const s = code.local(F64);
  const r = code.local(F32);
  const c = code.local(F64);
  code.get(0);
  code.op(W.f64_promote_f32);
  code.get(1);
  code.op(W.f64_promote_f32);
  code.op(W.f64_mul);
  code.set(p);
  if (op === "fmul") {
    code.get(p);
    code.set(s);
  } else {
    code.get(2);
    code.op(W.f64_promote_f32);
    code.tee(c);
    code.get(p);
    code.op(W.f64_add);
    code.set(s);
    // Only where the double sum is exact too.
    code.get(s);
    finite(code, F64);
    code.if(I32);
    twoSum(code, F64, p, c, s);
    code.f64Const(0);
    code.op(W.f64_eq);
    code.else();
    code.i32(0);
    code.end();
    code.if();
  }
  code.get(s);
  code.op(W.f32_demote_f64);
  code.set(r);
  // Normal, or exactly zero.
  code.get(s);
  code.op(W.f64_abs);
  code.f64Const(2 ** -125);
  code.op(W.f64_gt);
  isZero(code, s);
  code.op(W.i32_or);
  code.get(r);
  finite(code, F32);
  code.op(W.i32_and);
  code.if();
  code.get(s);
  code.get(r);
  code.op(W.f64_promote_f32);
  code.op(W.f64_ne);
  code.if();
  inexact();
  code.end();
  code.get(r);
  code.op(W.return);
  code.end();
  if (op === "fma") code.end();
}
