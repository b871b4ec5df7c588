import type { FpPolicy, Op } from "../node.ts";
import { add, div, fma, mul, sqrt } from "./arith.ts";
import { fromInt, test, toFloat, toInt, toIntegral } from "./convert.ts";
import { type Format, formatOf } from "./format.ts";
import { control, DE, flushes, RNE, raised } from "./round.ts";

/** A float op to compute: a node, or anything of its shape. */
export interface FloatShape {
  readonly op: Op;
  readonly w: number;
  readonly args: readonly { readonly w: number }[];
  readonly fp: FpPolicy | undefined;
}

/**
 * The mode argument of a rounding op: i3, the rounding mode alone, or i8 with more above it, so that a mode of 0 is
 * always the plain one. Bit 3: denormal operands count as zeros (x86's DAZ); bit 4: tiny results become zeros (FTZ);
 * bits 6 and 5: precision of sums, products, quotients and roots, 1 for 53 bits and 2 for 24 (x87's precision
 * control); bit 7: an exact tiny result raises UF as well (an unmasked underflow). Arm's FPCR.FZ sets bits 3 and 4, and it
 * reports denormals that it flushes; bit 5 is FPCR.DN there: every NaN becomes the default one.
 */
const DAZ = 8;
const FTZ = 16;
const PRECISIONS: readonly number[] = [0, 53, 24, 0];
const TINY_EXACT = 128;
const DEFAULT_NAN = 32;
const PRECISE: ReadonlySet<Op> = new Set<Op>(["fadd", "fsub", "fmul", "fdiv", "fsqrt"]);
const TESTS: ReadonlySet<Op> = new Set<Op>(["feq", "flt", "fle"]);

const modeOf = (v: bigint): number => {
  const rm = Number(v & 7n);
  return rm <= 4 ? rm : RNE;
};

function obey(op: Op, mode: number, arm: boolean): void {
  control.defaultNaN = arm && (mode & DEFAULT_NAN) !== 0;
  control.flush = (mode & FTZ) !== 0;
  control.tinyExact = (mode & TINY_EXACT) !== 0;
  control.precision = PRECISE.has(op) && !arm ? PRECISIONS[(mode >> 5) & 3] : 0;
}

/** A denormal becomes a zero of its sign. x87's format and half precision are not flushed. */
function flushed(f: Format, v: bigint): bigint {
  return flushes(f) && ((v >> f.low) & BigInt(f.maxField)) === 0n ? v & f.signBit : v;
}

/** Value of a float op; its exceptions are left in `raised.flags`. Throws on an op that is none. */
export function floatValue(n: FloatShape, v: readonly bigint[]): bigint {
  const mode = TESTS.has(n.op) ? 0 : Number(v[v.length - 1]);
  if (mode < DAZ) return computed(n, v);
  const arm = n.fp?.nan === "arm";
  obey(n.op, mode, arm);
  const fromFloat = n.op !== "s2f" && n.op !== "u2f";
  const operand = (x: bigint, i: number): bigint =>
    fromFloat && mode & DAZ && i < v.length - 1 ? flushed(formatOf(n.args[0].w), x) : x;
  const operands = v.map(operand);
  const result = computed(n, operands);
  if (arm && operands.some((x, i) => x !== v[i])) raised.flags |= DE;
  obey(n.op, 0, false);
  return result;
}

function computed(n: FloatShape, v: readonly bigint[]): bigint {
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
