import { bitLength, type Format, infinity } from "./format.ts";

/** Exceptions as bits of `fexc`. */
export const NX = 1;
export const UF = 2;
export const OF = 4;
export const DZ = 8;
export const NV = 16;
export const DE = 32;

/** Rounding modes as numbers of the `rm` argument. Others behave as RNE. */
export const RNE = 0;
export const RTZ = 1;
export const RDN = 2;
export const RUP = 3;
export const RMM = 4;

/** Exceptions raised so far in the running operation; an operation begins by clearing it (unit.ts). */
export const raised = { flags: 0 };

/** Whether a magnitude goes up, given its last kept bit and the dropped part against one half (-1 below, 0, 1 above). */
function goesUp(rm: number, sign: boolean, odd: boolean, half: number): boolean {
  switch (rm) {
    case RTZ:
      return false;
    case RDN:
      return sign;
    case RUP:
      return !sign;
    case RMM:
      return half >= 0;
    default:
      return half > 0 || (half === 0 && odd);
  }
}

/** Drops the low `shift` bits with rounding. `inexact` of the answer is in `dropped.inexact`. */
export const dropped = { inexact: false };
export function roundOff(v: bigint, shift: number, sign: boolean, rm: number): bigint {
  if (shift <= 0) {
    dropped.inexact = false;
    return v << BigInt(-shift);
  }
  const k = BigInt(shift);
  const kept = v >> k;
  const rest = v - (kept << k);
  dropped.inexact = rest !== 0n;
  if (rest === 0n) return kept;
  const middle = 1n << (k - 1n);
  const half = rest > middle ? 1 : rest === middle ? 0 : -1;
  return goesUp(rm, sign, (kept & 1n) !== 0n, half) ? kept + 1n : kept;
}

/**
 * The float nearest to (-1)^sign * v * 2^exponent (v > 0) under `rm`, rounded once. A caller that had to cut an
 * infinite expansion has or-ed 1 into the lowest bit of v and kept at least p + 2 bits above it.
 * Raises NX, OF, UF; `tiny` says whether tininess is seen before or after rounding (IEEE 754-2019 section 7.5).
 */
export function round(f: Format, sign: boolean, v: bigint, exponent: number, rm: number, tiny: string): bigint {
  const least = 1 - f.bias;
  const top = bitLength(v) + exponent - 1;
  const ulp = Math.max(top, least) - (f.p - 1);
  let kept = roundOff(v, ulp - exponent, sign, rm);
  const inexact = dropped.inexact;
  if (inexact) raised.flags |= NX;
  if (inexact && top < least && (tiny === "before" || staysTiny(f, sign, v, exponent, rm, top, least)))
    raised.flags |= UF;
  let field = ulp + f.p - 1 + f.bias;
  if (kept >> BigInt(f.p) !== 0n) {
    kept >>= 1n;
    field++;
  }
  if (field >= f.maxField) {
    raised.flags |= OF | NX;
    const toInfinity = rm === RTZ ? false : rm === RDN ? sign : rm === RUP ? !sign : true;
    return toInfinity ? infinity(f, sign) : sign ? f.largest | f.signBit : f.largest;
  }
  const subnormal = kept < f.integerBit;
  const low = f.explicit || subnormal ? kept : kept - f.integerBit;
  const bits = ((subnormal ? 0n : BigInt(field)) << f.low) | low;
  return sign ? bits | f.signBit : bits;
}

/** Below the least normal number even when rounded to full precision with an unbounded exponent. */
function staysTiny(f: Format, sign: boolean, v: bigint, exponent: number, rm: number, top: number, least: number) {
  if (top < least - 1) return true;
  const kept = roundOff(v, top - (f.p - 1) - exponent, sign, rm);
  return kept >> BigInt(f.p) === 0n;
}
