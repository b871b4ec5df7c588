import { bitLength, type Format, infinity, zero } from "./format.ts";

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

/**
 * What the running operation's mode argument asks for besides the rounding mode (unit.ts sets it).
 * `flush`: a tiny result becomes zero (x86's FTZ). `precision`: significand bits to round to, 0 for all of them
 * (x87's precision control). `defaultNaN`: no NaN is passed on (Arm's DN). `tinyExact`: a tiny result raises UF even where it is exact (an unmasked underflow).
 */
export const control = { flush: false, precision: 0, tinyExact: false, defaultNaN: false };

/** DAZ and FTZ are about singles and doubles alone. */
export const flushes = (f: Format): boolean => f.w === 32 || f.w === 64;

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
  // Arm flushes what is tiny before it rounds, and that is not inexact (FPRound, Arm ARM J1.1.1).
  if (top < least && tiny === "before" && control.flush && flushes(f)) {
    raised.flags |= UF;
    return zero(f, sign);
  }
  const p = control.precision || f.p;
  const ulp = Math.max(top, least) - (p - 1);
  const kept = roundOff(v, ulp - exponent, sign, rm);
  const inexact = dropped.inexact;
  if (inexact) raised.flags |= NX;
  const flush = control.flush && flushes(f);
  if (top < least && (inexact || flush || control.tinyExact)) {
    const isTiny = tiny === "before" || staysTiny(p, sign, v, exponent, rm, top, least);
    if (isTiny) raised.flags |= UF;
    if (isTiny && flush) {
      raised.flags |= NX;
      return zero(f, sign);
    }
  }
  if (p !== f.p) return place(f, sign, kept << BigInt(f.p - p), ulp - (f.p - p), rm);
  return place(f, sign, kept, ulp, rm);
}

/** The float with significand `kept`, of at most p + 1 bits and a unit of 2^ulp. Raises OF. */
function place(f: Format, sign: boolean, significand: bigint, ulp: number, rm: number): bigint {
  let kept = significand;
  let field = ulp + f.p - 1 + f.bias;
  if (kept >> BigInt(f.p) !== 0n) {
    kept >>= 1n;
    field++;
  }
  if (field >= f.maxField) {
    raised.flags |= OF | NX;
    const toInfinity = rm === RTZ ? false : rm === RDN ? sign : rm === RUP ? !sign : true;
    return toInfinity ? infinity(f, sign) : largest(f, sign);
  }
  const subnormal = kept < f.integerBit;
  const low = f.explicit || subnormal ? kept : kept - f.integerBit;
  const bits = ((subnormal ? 0n : BigInt(field)) << f.low) | low;
  return sign ? bits | f.signBit : bits;
}

/** The largest finite number of the precision asked for. */
function largest(f: Format, sign: boolean): bigint {
  const cut = control.precision === 0 ? 0n : (1n << BigInt(f.p - control.precision)) - 1n;
  const bits = f.largest & ~cut;
  return sign ? bits | f.signBit : bits;
}

/** Below the least normal number even when rounded to full precision with an unbounded exponent. */
function staysTiny(p: number, sign: boolean, v: bigint, exponent: number, rm: number, top: number, least: number) {
  if (top < least - 1) return true;
  const kept = roundOff(v, top - (p - 1) - exponent, sign, rm);
  return kept >> BigInt(p) === 0n;
}
