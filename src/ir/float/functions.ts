import type { FpPolicy } from "../node.ts";
import { noteDenormal } from "./arith.ts";
import { bitLength, formatOf, infinity, notNumber, type Unpacked, unpack, zero } from "./format.ts";
import { invalid, propagate } from "./nan.ts";
import { DZ, NV, RTZ, raised, round } from "./round.ts";
import { arctangent, binaryLog, cosine, powerLessOne, sine } from "./series.ts";

/**
 * Functions of x87 numbers, rounded once from far more digits than they have (Intel SDM volume 1, 8.3.7; special cases
 * are those of volume 2's tables). A processor of 66-bit steps may differ in the last place. A rulebook asks for them
 * by name: `ask float_sine(i80, i8): i80 i7`, the second argument a mode (unit.ts), the second answer the exceptions
 * (fexc's bits) with bit 6 for a magnitude that was rounded up.
 */
const F = formatOf(80);
const FP: FpPolicy = { name: "functions", nan: "x87", toint: "indefinite", tiny: "after" };

/** Positive or negative v * 2^exponent, never exact. */
interface Value {
  readonly sign: boolean;
  readonly v: bigint;
  readonly exponent: number;
}
type Answer = bigint | Value;
type Function = (operands: readonly Unpacked[], bits: readonly bigint[]) => Answer;

const FUNCTIONS: Readonly<Record<string, Function>> = {
  float_sine: ([x], [bits]) => (x.kind === "zero" ? bits : turned(x, "sine")),
  float_cosine: ([x]) => (x.kind === "zero" ? ONE : turned(x, "cosine")),
  float_tangent: ([x], [bits]) => (x.kind === "zero" ? bits : turned(x, "tangent")),
  float_power_less_one: powerOf,
  float_arctangent: arctangentOf,
  float_log: ([x, y]) => logOf(x, y),
  float_log_plus_one: ([x, y]) => logPlusOne(x, y),
};

/** Answers to a rulebook's question for a function; undefined: it is none. */
export function functionAnswer(name: string, args: readonly bigint[]): readonly bigint[] | undefined {
  const f = FUNCTIONS[name];
  if (f === undefined) return undefined;
  raised.flags = 0;
  const bits = args.slice(0, -1);
  const operands = bits.map((v) => unpack(F, v));
  if (operands.some(notNumber)) return [propagate(F, FP.nan, operands), BigInt(raised.flags)];
  const answer = f(operands, bits);
  if ((raised.flags & (NV | DZ)) === 0) noteDenormal(FP, ...operands);
  if (typeof answer === "bigint") return [answer, BigInt(raised.flags)];
  const rm = Number(args[args.length - 1] & 7n);
  const v = (answer.v << 1n) | 1n;
  const truncated = round(F, answer.sign, v, answer.exponent - 1, RTZ, FP.tiny);
  const result = round(F, answer.sign, v, answer.exponent - 1, rm, FP.tiny);
  return [result, BigInt(raised.flags) | (result === truncated ? 0n : 64n)];
}

const ONE = (16383n << 64n) | (1n << 63n);
const isOne = (x: Unpacked): boolean => !x.sign && x.bits === ONE;
/** Digits that no rounding of 64 bits looks behind. */
const DIGITS = 400;
/** Exponent of the leading bit. */
const top = (x: Unpacked): number => x.exponent + bitLength(x.significand) - 1;
/** |x| with DIGITS bits behind the point. */
const fixed = (x: Unpacked): bigint => {
  const by = DIGITS + x.exponent;
  return by >= 0 ? x.significand << BigInt(by) : x.significand >> BigInt(-by);
};
const value = (sign: boolean, v: bigint): Value => ({ sign: sign !== v < 0n, v: v < 0n ? -v : v, exponent: -DIGITS });
/** Just below (by < 0) or above |x|, or scaled: v * 2^(exponent of x - 200). */
const beside = (f: { significand: bigint; exponent: number }, sign: boolean, by: bigint): Value => ({
  sign,
  v: (f.significand << 200n) + by,
  exponent: f.exponent - 200,
});

function turned(x: Unpacked, what: "sine" | "cosine" | "tangent"): Answer {
  if (x.kind === "infinity") return invalid(F, FP.nan);
  if (top(x) < -70) {
    if (what === "cosine") return beside({ significand: 1n, exponent: 0 }, false, -1n);
    return beside(x, x.sign, what === "sine" ? -1n : 1n);
  }
  const s = sine(x, DIGITS);
  if (what === "sine") return value(x.sign, s);
  const c = cosine(x, DIGITS);
  return what === "cosine" ? value(false, c) : value(x.sign, (s << BigInt(DIGITS)) / c);
}

function powerOf([x]: readonly Unpacked[], [bits]: readonly bigint[]): Answer {
  if (x.kind === "zero") return bits;
  if (x.kind === "infinity") return x.sign ? ONE | F.signBit : bits;
  if (top(x) >= 0) {
    // One and minus one are exact; what is further away is not defined.
    if (x.bits === ONE) return ONE;
    return x.sign && top(x) === 0 && x.bits === (ONE | F.signBit) ? (16382n << 64n) | (1n << 63n) | F.signBit : bits;
  }
  const log = binaryLog.naturalOfTwo(DIGITS);
  if (top(x) < -150) return { sign: x.sign, v: x.significand * log, exponent: x.exponent - DIGITS };
  const exact = fixed(x);
  return value(false, powerLessOne(((x.sign ? -exact : exact) * log) >> BigInt(DIGITS), DIGITS));
}

function arctangentOf([x, y]: readonly Unpacked[]): Answer {
  // Quarters of pi that special cases give.
  const quarters = (n: bigint): Value => value(y.sign, (n * arctangent.pi(DIGITS)) >> 2n);
  if (y.kind === "infinity") return quarters(x.kind !== "infinity" ? 2n : x.sign ? 3n : 1n);
  if (y.kind === "zero" || x.kind === "infinity") return x.sign ? quarters(4n) : zero(F, y.sign);
  if (x.kind === "zero") return quarters(2n);
  const apart = top(y) - top(x);
  if (apart > 150) return { ...quarters(2n), v: quarters(2n).v + (x.sign ? 1n : -1n) };
  if (apart < -150) {
    if (x.sign) return { ...quarters(4n), v: quarters(4n).v - 1n };
    const more = Math.max(0, 200 + bitLength(x.significand) - bitLength(y.significand));
    const v = ((y.significand << BigInt(more)) / x.significand) << 100n;
    return { sign: y.sign, v: v - 1n, exponent: y.exponent - x.exponent - more - 100 };
  }
  // Equal scales; the quotient is at most one.
  const low = Math.min(x.exponent, y.exponent);
  const a = y.significand << BigInt(y.exponent - low);
  const b = x.significand << BigInt(x.exponent - low);
  const steep = a > b;
  const ratio = ((steep ? b : a) << BigInt(DIGITS)) / (steep ? a : b);
  const pi = arctangent.pi(DIGITS);
  let angle = arctangent.of(ratio, DIGITS);
  if (steep) angle = (pi >> 1n) - angle;
  return value(y.sign, x.sign ? pi - angle : angle);
}

/** y * log2(x). */
function logOf(x: Unpacked, y: Unpacked): Answer {
  if (x.kind === "zero") {
    if (y.kind === "zero") return invalid(F, FP.nan);
    if (y.kind !== "infinity") raised.flags |= DZ;
    return infinity(F, !y.sign);
  }
  if (x.sign) return invalid(F, FP.nan);
  if (x.kind === "infinity") return y.kind === "zero" ? invalid(F, FP.nan) : infinity(F, y.sign);
  const below = top(x) < 0;
  if (y.kind === "infinity") return isOne(x) ? invalid(F, FP.nan) : infinity(F, y.sign !== below);
  if (y.kind === "zero") return zero(F, y.sign !== below);
  if (isOne(x)) return zero(F, y.sign);
  const whole = bitLength(x.significand) - 1;
  if (x.significand === 1n << BigInt(whole)) return product(y, BigInt(top(x)));
  return times(y, binaryLog.of(x, DIGITS));
}

/** y * log2(x + 1). */
function logPlusOne(x: Unpacked, y: Unpacked): Answer {
  if (x.kind === "zero") return y.kind === "infinity" ? invalid(F, FP.nan) : zero(F, x.sign !== y.sign);
  if (x.kind === "infinity") {
    return x.sign || y.kind === "zero" ? invalid(F, FP.nan) : infinity(F, y.sign);
  }
  if (y.kind === "infinity") return infinity(F, x.sign !== y.sign);
  if (y.kind === "zero") return zero(F, x.sign !== y.sign);
  if (x.sign && top(x) >= 0) return invalid(F, FP.nan);
  if (top(x) < -150) {
    const log = binaryLog.ofE(DIGITS);
    return {
      sign: x.sign !== y.sign,
      v: x.significand * y.significand * log,
      exponent: x.exponent + y.exponent - DIGITS,
    };
  }
  const more = x.sign ? -fixed(x) : fixed(x);
  return times(y, binaryLog.ofFixed((1n << BigInt(DIGITS)) + more, DIGITS));
}

function times(y: Unpacked, log: bigint): Value {
  const size = log < 0n ? -log : log;
  return { sign: y.sign !== log < 0n, v: y.significand * size, exponent: y.exponent - DIGITS };
}
/** An exact product, which may yet have to be rounded. */
function product(y: Unpacked, n: bigint): bigint {
  const size = n < 0n ? -n : n;
  return round(F, y.sign !== n < 0n, y.significand * size, y.exponent, 0, FP.tiny);
}
