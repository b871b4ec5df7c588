import type { FpPolicy } from "../node.ts";
import { bitLength, type Format, infinity, notNumber, type Unpacked, unpack, zero } from "./format.ts";
import { defaultNaN, invalid, propagate } from "./nan.ts";
import { DE, DZ, NV, RDN, raised, round } from "./round.ts";

/** The arithmetic of IEEE 754-2019 section 5.4.1, exact first and rounded once. Bits in, bits out; flags in `raised`. */

/** x86 alone reports a denormal operand. A NaN or an invalid operation comes first (SDM volume 1 section 4.9.2). */
export function noteDenormal(fp: FpPolicy, ...operands: readonly Unpacked[]): void {
  if ((fp.nan === "x86" || fp.nan === "x87") && operands.some((u) => u.denormal)) raised.flags |= DE;
}

/** a + b; subtraction is addition of the operand with the other sign, unless it is a NaN. */
export function add(f: Format, fp: FpPolicy, x: bigint, y: bigint, negate: boolean, rm: number): bigint {
  const a = unpack(f, x);
  const b = unpack(f, y);
  if (notNumber(a) || notNumber(b)) return propagate(f, fp.nan, [a, b]);
  const bSign = b.sign !== negate;
  if (a.kind === "infinity" || b.kind === "infinity") {
    if (a.kind === b.kind && a.sign !== bSign) return invalid(f, fp.nan);
    noteDenormal(fp, a, b);
    return infinity(f, a.kind === "infinity" ? a.sign : bSign);
  }
  noteDenormal(fp, a, b);
  return sum(f, fp, a.sign, a.significand, a.exponent, bSign, b.significand, b.exponent, rm);
}

/** Exact sum of two finite numbers, rounded. */
function sum(
  f: Format,
  fp: FpPolicy,
  aSign: boolean,
  aSig: bigint,
  aExp: number,
  bSign: boolean,
  bSig: bigint,
  bExp: number,
  rm: number,
): bigint {
  if (aSig === 0n && bSig === 0n) return zero(f, aSign === bSign ? aSign : rm === RDN);
  if (aSig === 0n) return round(f, bSign, bSig, bExp, rm, fp.tiny);
  if (bSig === 0n) return round(f, aSign, aSig, aExp, rm, fp.tiny);
  const aTop = aExp + bitLength(aSig);
  const bTop = bExp + bitLength(bSig);
  if (aTop < bTop) return wideSum(f, fp, bSign, bSig, bExp, aSign, aSig, aExp, bTop - aTop, rm);
  return wideSum(f, fp, aSign, aSig, aExp, bSign, bSig, bExp, aTop - bTop, rm);
}

/** `gap`: how much higher the leading bit of a stands. Far below, b is as good as one bit under everything kept. */
function wideSum(
  f: Format,
  fp: FpPolicy,
  aSign: boolean,
  aSig: bigint,
  aExp: number,
  bSign: boolean,
  bSig: bigint,
  bExp: number,
  gap: number,
  rm: number,
): bigint {
  const reach = 3 * f.p + 4;
  let small = bSig;
  let smallExp = bExp;
  if (gap > reach) {
    small = 1n;
    smallExp = aExp + bitLength(aSig) - reach;
  }
  const exponent = Math.min(aExp, smallExp);
  const big = aSig << BigInt(aExp - exponent);
  small <<= BigInt(smallExp - exponent);
  const exact = aSign === bSign ? big + small : big - small;
  if (exact === 0n) return zero(f, rm === RDN);
  return exact < 0n ? round(f, !aSign, -exact, exponent, rm, fp.tiny) : round(f, aSign, exact, exponent, rm, fp.tiny);
}

export function mul(f: Format, fp: FpPolicy, x: bigint, y: bigint, rm: number): bigint {
  const a = unpack(f, x);
  const b = unpack(f, y);
  if (notNumber(a) || notNumber(b)) return propagate(f, fp.nan, [a, b]);
  const sign = a.sign !== b.sign;
  const unbounded = a.kind === "infinity" || b.kind === "infinity";
  if (unbounded && (a.kind === "zero" || b.kind === "zero")) return invalid(f, fp.nan);
  noteDenormal(fp, a, b);
  if (unbounded) return infinity(f, sign);
  if (a.kind === "zero" || b.kind === "zero") return zero(f, sign);
  return round(f, sign, a.significand * b.significand, a.exponent + b.exponent, rm, fp.tiny);
}

export function div(f: Format, fp: FpPolicy, x: bigint, y: bigint, rm: number): bigint {
  const a = unpack(f, x);
  const b = unpack(f, y);
  if (notNumber(a) || notNumber(b)) return propagate(f, fp.nan, [a, b]);
  const sign = a.sign !== b.sign;
  if (a.kind === b.kind && a.kind !== "finite") return invalid(f, fp.nan);
  if (b.kind === "zero" && a.kind === "finite") {
    raised.flags |= DZ;
    return infinity(f, sign);
  }
  noteDenormal(fp, a, b);
  if (a.kind === "infinity") return infinity(f, sign);
  if (a.kind === "zero" || b.kind === "infinity") return zero(f, sign);
  const more = Math.max(0, f.p + 3 + bitLength(b.significand) - bitLength(a.significand));
  const numerator = a.significand << BigInt(more);
  let quotient = numerator / b.significand;
  const rest = numerator - quotient * b.significand;
  quotient = (quotient << 1n) | (rest === 0n ? 0n : 1n);
  return round(f, sign, quotient, a.exponent - more - b.exponent - 1, rm, fp.tiny);
}

export function sqrt(f: Format, fp: FpPolicy, x: bigint, rm: number): bigint {
  const a = unpack(f, x);
  if (notNumber(a)) return propagate(f, fp.nan, [a]);
  if (a.kind === "zero") return x;
  if (a.sign) return invalid(f, fp.nan);
  noteDenormal(fp, a);
  if (a.kind === "infinity") return x;
  // Enough bits for a root of p + 2, and an even exponent.
  let more = Math.max(0, 2 * (f.p + 2) - bitLength(a.significand));
  if ((a.exponent - more) % 2 !== 0) more++;
  const scaled = a.significand << BigInt(more);
  const root = integerRoot(scaled);
  const exact = root * root === scaled;
  return round(f, false, (root << 1n) | (exact ? 0n : 1n), (a.exponent - more) / 2 - 1, rm, fp.tiny);
}

/** Largest integer whose square is at most v (Newton's iteration from above; v > 0). */
function integerRoot(v: bigint): bigint {
  let root = 1n << BigInt((bitLength(v) + 1) >> 1);
  for (;;) {
    const next = (root + v / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** a * b + c, rounded once. */
export function fma(f: Format, fp: FpPolicy, x: bigint, y: bigint, z: bigint, rm: number): bigint {
  const a = unpack(f, x);
  const b = unpack(f, y);
  const c = unpack(f, z);
  const unbounded = a.kind === "infinity" || b.kind === "infinity";
  const noProduct = unbounded && (a.kind === "zero" || b.kind === "zero");
  if (notNumber(a) || notNumber(b) || notNumber(c)) return fmaNaN(f, fp, a, b, c, noProduct);
  if (noProduct) return invalid(f, fp.nan);
  const sign = a.sign !== b.sign;
  if (unbounded && c.kind === "infinity" && c.sign !== sign) return invalid(f, fp.nan);
  noteDenormal(fp, a, b, c);
  if (unbounded) return infinity(f, sign);
  if (c.kind === "infinity") return z;
  const product = a.significand * b.significand;
  return sum(f, fp, sign, product, a.exponent + b.exponent, c.sign, c.significand, c.exponent, rm);
}

/**
 * Arm looks at the addend first and treats 0 * inf + quiet NaN as invalid (Arm ARM, FPMulAdd); RISC-V raises NV for it
 * too (section 21.6); x86 takes the operands in order and does not.
 */
function fmaNaN(f: Format, fp: FpPolicy, a: Unpacked, b: Unpacked, c: Unpacked, noProduct: boolean): bigint {
  const order = fp.nan === "arm" ? [c, a, b] : [a, b, c];
  const result = propagate(f, fp.nan, order);
  if (!noProduct || fp.nan === "x86" || fp.nan === "x87") return result;
  if (c.kind === "quiet" && (fp.nan === "arm" || fp.nan === "canonical")) {
    raised.flags |= NV;
    return defaultNaN(f, fp.nan);
  }
  return result;
}
