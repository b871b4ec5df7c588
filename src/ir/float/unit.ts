import type { FpPolicy, Op } from "../node.ts";
import { add, div, fma, mul, sqrt } from "./arith.ts";
import { fromInt, test, toFloat, toInt, toIntegral } from "./convert.ts";
import { formatOf } from "./format.ts";
import { RNE, raised } from "./round.ts";

/** A float op to compute: a node, or anything of its shape. */
export interface FloatShape {
  readonly op: Op;
  readonly w: number;
  readonly args: readonly { readonly w: number }[];
  readonly fp: FpPolicy | undefined;
}

const modeOf = (v: bigint): number => (v <= 4n ? Number(v) : RNE);

/** Value of a float op; its exceptions are left in `raised.flags`. Throws on an op that is none. */
export function floatValue(n: FloatShape, v: readonly bigint[]): bigint {
  raised.flags = 0;
  const fp = n.fp;
  if (fp === undefined) throw new Error(`${n.op} without a floating-point policy`);
  const from = n.args[0].w;
  switch (n.op) {
    case "fadd":
      return add(formatOf(n.w), fp, v[0], v[1], false, modeOf(v[2]));
    case "fsub":
      return add(formatOf(n.w), fp, v[0], v[1], true, modeOf(v[2]));
    case "fmul":
      return mul(formatOf(n.w), fp, v[0], v[1], modeOf(v[2]));
    case "fdiv":
      return div(formatOf(n.w), fp, v[0], v[1], modeOf(v[2]));
    case "fsqrt":
      return sqrt(formatOf(n.w), fp, v[0], modeOf(v[1]));
    case "fma":
      return fma(formatOf(n.w), fp, v[0], v[1], v[2], modeOf(v[3]));
    case "f2f":
      return toFloat(formatOf(from), formatOf(n.w), fp, v[0], modeOf(v[1]));
    case "f2s":
      return toInt(formatOf(from), fp, v[0], n.w, true, modeOf(v[1]));
    case "f2u":
      return toInt(formatOf(from), fp, v[0], n.w, false, modeOf(v[1]));
    case "s2f":
      return fromInt(formatOf(n.w), fp, v[0], from, true, modeOf(v[1]));
    case "u2f":
      return fromInt(formatOf(n.w), fp, v[0], from, false, modeOf(v[1]));
    case "frint":
      return toIntegral(formatOf(n.w), fp, v[0], modeOf(v[1]));
    case "feq":
    case "flt":
    case "fle":
      return test(formatOf(from), fp, n.op, v[0], v[1]) ? 1n : 0n;
    default:
      throw new Error(`${n.op} is no float op`);
  }
}

/** Exceptions (fexc's bits) that the op raises. */
export function floatExceptions(n: FloatShape, v: readonly bigint[]): number {
  floatValue(n, v);
  return raised.flags;
}
