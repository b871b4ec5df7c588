import type { Node } from "../../ir/node.ts";
import { type Code, F64 } from "./code.ts";
import type { FloatHost, Limits } from "./float-host.ts";
import { ARITH, COMPARISONS, leastNormal, modeOf, pushFloat, pushOperand, reportsDenormals } from "./float-operands.ts";
import type { Lower } from "./lower.ts";
import { FC, FD, W } from "./opcodes.ts";

// The usual case of a float op in the host's arithmetic, and the test that it was the usual one.

type Fast = "exact" | "checked" | "none";

/** True where the lowering knows the op's widths. */
export function knownFloat(node: Node): boolean {
  const from = node.args[0]!.w;
  return (from === 32 || from === 64) && (node.w === 32 || node.w === 64 || node.w === 1);
}

/** Ops that `compute` knows. */
export const fastWayKnown = (node: Node): boolean => !reportsDenormals(node) && knownFloat(node);

/**
 * Computes the usual case into `result`, unless it is `computed`; "checked": pushes whether it holds.
 * limits undefined: exceptions do not matter.
 */
export function fastWay(
  l: Lower,
  node: Node,
  host: FloatHost,
  limits: Limits | undefined,
  result: number,
  vector: number,
  computed: boolean,
): Fast {
  const code = l.code;
  const mode = modeOf(node);
  const wide = node.w === 64;
  const [a, b] = node.args as [Node, Node];
  if (!knownFloat(node)) return "none";
  switch (node.op) {
    case "fadd":
    case "fsub":
    case "fmul":
    case "fdiv": {
      if (mode !== 0) return "none";
      if (!computed) compute(l, node, result, vector);
      return checkResult(code, wide, limits, result, node.op === "fmul" || node.op === "fdiv");
    }
    case "fsqrt":
      if (mode !== 0) return "none";
      l.float(a);
      code.op(wide ? W.f64_sqrt : W.f32_sqrt);
      code.set(result);
      return checkResult(code, wide, limits, result, false);
    case "fma":
      if (mode !== 0 || !host.fused) return "none";
      if (!computed) compute(l, node, result, vector);
      return checkResult(code, wide, limits, result, true);
    case "f2f":
      // More than a rounding mode may say that denormals count as zeros.
      if (mode !== 0 && node.args[1]!.w > 3) return "none";
      l.float(a);
      if (wide) {
        code.op(W.f64_promote_f32);
        code.tee(result);
        code.get(result);
        code.op(W.f64_eq);
        return "checked";
      }
      if (mode !== 0) {
        code.op(W.f32_demote_f64);
        code.set(result);
        return "none";
      }
      code.op(W.f32_demote_f64);
      code.set(result);
      return checkResult(code, false, limits, result, true);
    case "s2f":
    case "u2f":
      return fromInteger(l, node, mode, limits, result);
    case "f2s":
    case "f2u":
      return toInteger(l, node, mode, limits, result);
    case "feq":
    case "flt":
    case "fle": {
      const double = a.w === 64;
      l.float(a);
      l.float(b);
      code.op(COMPARISONS[node.op]![double ? 0 : 1]);
      code.set(result);
      if (limits === undefined) return "exact";
      for (const x of [a, b]) {
        l.float(x);
        l.float(x);
        code.op(double ? W.f64_eq : W.f32_eq);
      }
      code.op(W.i32_and);
      return "checked";
    }
    case "frint": {
      const op = ROUNDINGS[mode]?.[wide ? 0 : 1];
      if (op === undefined) return "none";
      l.float(a);
      code.op(op);
      code.set(result);
      if (limits === undefined) return checkResult(code, wide, undefined, result, false);
      // Finite, and a whole number before or NX set already.
      code.get(result);
      code.op(wide ? W.f64_abs : W.f32_abs);
      pushFloat(code, wide, Number.POSITIVE_INFINITY);
      code.op(wide ? W.f64_lt : W.f32_lt);
      code.get(result);
      l.float(a);
      code.op(wide ? W.f64_eq : W.f32_eq);
      code.get(limits.f64);
      code.f64Const(0);
      code.op(W.f64_gt);
      code.op(W.i32_or);
      code.op(W.i32_and);
      return "checked";
    }
    default:
      return "none";
  }
}

/**
 * result = the op in the host's arithmetic, to nearest even: sums, products, quotients, fused multiply-adds. What of
 * those is a double goes to the local `vector` too.
 */
export function compute(l: Lower, node: Node, result: number, vector: number): void {
  const code = l.code;
  const wide = node.w === 64;
  const [a, b, c] = node.args as [Node, Node, Node];
  if (node.op === "fma") {
    // -a * b + c is an instruction too.
    const minus = a.op === "fneg" && !l.isKept(a);
    for (const x of [minus ? a.args[0]! : a, b, c]) {
      if (wide) l.vector(x);
      else {
        l.float(x);
        code.fd(FD.f32x4_splat);
      }
    }
    if (minus) code.fd(wide ? FD.f64x2_relaxed_nmadd : FD.f32x4_relaxed_nmadd);
    else code.fd(wide ? FD.f64x2_relaxed_madd : FD.f32x4_relaxed_madd);
    if (wide) code.tee(vector);
    code.lane(wide ? FD.f64x2_extract_lane : FD.f32x4_extract_lane, 0);
  } else {
    l.float(a);
    l.float(b);
    code.op(ARITH[node.op]![wide ? 0 : 1]);
  }
  code.set(result);
}

/** Finite, NX set already and, where it may underflow, more than the least normal. Without limits: not NaN. */
function checkResult(code: Code, wide: boolean, limits: Limits | undefined, result: number, tiny: boolean): Fast {
  if (limits === undefined) {
    code.get(result);
    code.get(result);
    code.op(wide ? W.f64_eq : W.f32_eq);
    return "checked";
  }
  if (!tiny) {
    code.get(result);
    code.op(wide ? W.f64_abs : W.f32_abs);
    code.get(wide ? limits.f64 : limits.f32);
    code.op(wide ? W.f64_lt : W.f32_lt);
    return "checked";
  }
  // The least normal number may have been less: before rounding, and (where the rounding went on) after it.
  code.get(result);
  code.op(wide ? W.f64_abs : W.f32_abs);
  pushFloat(code, wide, leastNormal(wide));
  code.op(wide ? W.f64_gt : W.f32_gt);
  code.get(result);
  code.op(wide ? W.f64_abs : W.f32_abs);
  code.get(wide ? limits.f64 : limits.f32);
  code.op(wide ? W.f64_lt : W.f32_lt);
  code.op(W.i32_and);
  return "checked";
}

function fromInteger(l: Lower, node: Node, mode: number, limits: Limits | undefined, result: number): Fast {
  const code = l.code;
  const from = node.args[0]!;
  const signed = node.op === "s2f";
  const wide = node.w === 64;
  const exact = wide && from.w === 32;
  if (mode !== 0 && !exact) return "none";
  pushOperand(l, node, from);
  if (from.w === 32) {
    if (wide) code.op(signed ? W.f64_convert_i32_s : W.f64_convert_i32_u);
    else code.op(signed ? W.f32_convert_i32_s : W.f32_convert_i32_u);
  } else if (wide) code.op(signed ? W.f64_convert_i64_s : W.f64_convert_i64_u);
  else code.op(signed ? W.f32_convert_i64_s : W.f32_convert_i64_u);
  code.set(result);
  if (exact || limits === undefined) return "exact";
  // A small magnitude is exact; else NX must be set.
  code.get(result);
  code.op(wide ? W.f64_abs : W.f32_abs);
  if (!wide) code.op(W.f64_promote_f32);
  code.f64Const(wide ? 2 ** 53 : 2 ** 24);
  code.op(W.f64_lt);
  code.get(limits.f64);
  code.f64Const(0);
  code.op(W.f64_gt);
  code.op(W.i32_or);
  return "checked";
}

function toInteger(l: Lower, node: Node, mode: number, limits: Limits | undefined, result: number): Fast {
  const code = l.code;
  const from = node.args[0]!;
  const double = from.w === 64;
  const signed = node.op === "f2s";
  if (mode !== 0 && mode !== 1) return "none";
  const whole = code.local(F64);
  l.float(from);
  if (!double) code.op(W.f64_promote_f32);
  code.op(mode === 1 ? W.f64_trunc : W.f64_nearest);
  code.tee(whole);
  if (node.w === 32) code.fc(signed ? FC.i32_trunc_sat_f64_s : FC.i32_trunc_sat_f64_u);
  else code.fc(signed ? FC.i64_trunc_sat_f64_s : FC.i64_trunc_sat_f64_u);
  code.set(result);
  const bits = signed ? node.w - 1 : node.w;
  code.get(whole);
  if (signed) code.op(W.f64_abs);
  code.f64Const(2 ** bits);
  code.op(W.f64_lt);
  if (!signed) {
    code.get(whole);
    code.f64Const(0);
    code.op(W.f64_ge);
    code.op(W.i32_and);
  }
  if (limits !== undefined) {
    code.get(whole);
    l.float(from);
    if (!double) code.op(W.f64_promote_f32);
    code.op(W.f64_eq);
    code.get(limits.f64);
    code.f64Const(0);
    code.op(W.f64_gt);
    code.op(W.i32_or);
    code.op(W.i32_and);
  }
  code.release(whole);
  return "checked";
}

const ROUNDINGS: readonly (readonly [number, number])[] = [
  [W.f64_nearest, W.f32_nearest],
  [W.f64_trunc, W.f32_trunc],
  [W.f64_floor, W.f32_floor],
  [W.f64_ceil, W.f32_ceil],
];
