import type { FpPolicy } from "../node.ts";
import { noteDenormal } from "./arith.ts";
import { bitLength, type Format, infinity, notNumber, type Unpacked, unpack, zero } from "./format.ts";
import { convertNaN, propagate } from "./nan.ts";
import { dropped, NV, NX, raised, round, roundOff } from "./round.ts";

/** Conversions and comparisons (IEEE 754-2019 sections 5.4.1, 5.8, 5.9, 5.11). */

export function toFloat(from: Format, to: Format, fp: FpPolicy, x: bigint, rm: number): bigint {
  const a = unpack(from, x);
  if (notNumber(a)) return convertNaN(from, to, fp.nan, a);
  if (a.kind === "infinity") return infinity(to, a.sign);
  if (a.kind === "zero") return zero(to, a.sign);
  // Storing an x87 register narrowed reports none (SDM volume 2, FST).
  if (!from.explicit) noteDenormal(fp, a);
  return round(to, a.sign, a.significand, a.exponent, rm, fp.tiny);
}

/** Integer of `w` bits to float. */
export function fromInt(to: Format, fp: FpPolicy, v: bigint, w: number, signed: boolean, rm: number): bigint {
  const n = signed ? BigInt.asIntN(w, v) : v;
  if (n === 0n) return 0n;
  return round(to, n < 0n, n < 0n ? -n : n, 0, rm, fp.tiny);
}

/** Magnitude of a finite number as an integer under `rm`; `dropped.inexact` tells. `limit`: bits beyond which only size matters. */
function magnitude(a: Unpacked, rm: number, limit: number): bigint {
  const top = a.exponent + bitLength(a.significand);
  if (top > limit) {
    dropped.inexact = false;
    return 1n << BigInt(limit);
  }
  if (top >= -1) return roundOff(a.significand, -a.exponent, a.sign, rm);
  // Below one quarter: as good as any other small fraction.
  return roundOff(1n, 3, a.sign, rm);
}

/** Float to integer of `w` bits; what does not fit is invalid (NV, and then not NX). */
export function toInt(from: Format, fp: FpPolicy, x: bigint, w: number, signed: boolean, rm: number): bigint {
  const a = unpack(from, x);
  const least = signed ? -(1n << BigInt(w - 1)) : 0n;
  const most = (1n << BigInt(signed ? w - 1 : w)) - 1n;
  if (notNumber(a)) return outOfRange(fp, w, signed, fp.toint === "zero" ? 0n : most);
  if (a.kind === "infinity") return outOfRange(fp, w, signed, a.sign ? least : most);
  if (a.kind === "zero") return 0n;
  const size = magnitude(a, rm, w + 1);
  const inexact = dropped.inexact;
  const n = a.sign ? -size : size;
  if (n < least) return outOfRange(fp, w, signed, least);
  if (n > most) return outOfRange(fp, w, signed, most);
  if (inexact) raised.flags |= NX;
  return BigInt.asUintN(w, n);
}

function outOfRange(fp: FpPolicy, w: number, signed: boolean, saturated: bigint): bigint {
  raised.flags |= NV;
  if (fp.toint !== "indefinite") return BigInt.asUintN(w, saturated);
  return signed ? 1n << BigInt(w - 1) : (1n << BigInt(w)) - 1n;
}

/** Rounds to an integer of the same format. NX where that changed something: rows that must not raise it leave it out. */
export function toIntegral(f: Format, fp: FpPolicy, x: bigint, rm: number): bigint {
  const a = unpack(f, x);
  if (notNumber(a)) return propagate(f, fp.nan, [a]);
  if (a.kind !== "finite" || a.exponent >= 0) return x;
  // FRNDINT does report a denormal, ROUNDSD does not.
  if (f.explicit) noteDenormal(fp, a);
  const size = magnitude(a, rm, f.p + 1);
  if (dropped.inexact) raised.flags |= NX;
  return size === 0n ? zero(f, a.sign) : round(f, a.sign, size, 0, rm, fp.tiny);
}

/** feq (quiet: NV for a signaling NaN only), flt and fle (NV for any NaN). */
export function test(f: Format, fp: FpPolicy, op: "feq" | "flt" | "fle", x: bigint, y: bigint): boolean {
  const a = unpack(f, x);
  const b = unpack(f, y);
  if (notNumber(a) || notNumber(b)) {
    if (op !== "feq" || (a.kind !== "quiet" && notNumber(a)) || (b.kind !== "quiet" && notNumber(b)))
      raised.flags |= NV;
    return false;
  }
  noteDenormal(fp, a, b);
  const order = compare(a, b);
  return op === "feq" ? order === 0 : op === "flt" ? order < 0 : order <= 0;
}

/** Sign of a - b; neither is a NaN. */
function compare(a: Unpacked, b: Unpacked): number {
  if (a.kind === "zero" && b.kind === "zero") return 0;
  const left = rank(a);
  const right = rank(b);
  if (left !== right) return left - right;
  if (a.kind !== "finite") return 0;
  // Same sign, both finite: the encodings' order is the magnitudes' order, except for x87's pseudo-denormals.
  const common = Math.min(a.exponent, b.exponent);
  const x = a.significand << BigInt(a.exponent - common);
  const y = b.significand << BigInt(b.exponent - common);
  if (x === y) return 0;
  return x < y === a.sign ? 1 : -1;
}
/** -2 -inf, -1 negative, 0 zero, 1 positive, 2 +inf. */
function rank(u: Unpacked): number {
  const size = u.kind === "infinity" ? 2 : u.kind === "finite" ? 1 : 0;
  return u.sign ? -size : size;
}
