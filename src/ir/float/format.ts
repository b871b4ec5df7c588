/**
 * Binary floating-point formats (IEEE 754-2019 section 3.4; x87's 80 bits with its explicit integer bit, Intel SDM
 * volume 1 section 4.2.2) and what a bit pattern of one stands for. Values are exact: significand times power of two.
 */
export interface Format {
  /** Bits in all: 16, 32, 64, 80. */
  readonly w: number;
  /** Significand bits, the integer bit counted. */
  readonly p: number;
  readonly bias: number;
  /** Exponent field of infinities and NaNs. */
  readonly maxField: number;
  /** Stored bits below the exponent field. */
  readonly low: bigint;
  /** The integer bit is stored. */
  readonly explicit: boolean;
  /** Masks within the low field. */
  readonly lowMask: bigint;
  readonly quietBit: bigint;
  readonly integerBit: bigint;
  readonly signBit: bigint;
  /** Positive infinity and largest finite number. */
  readonly infinity: bigint;
  readonly largest: bigint;
}

function make(w: number, p: number, exponent: number, explicit: boolean): Format {
  const bits = explicit ? p : p - 1;
  const low = BigInt(bits);
  const maxField = (1 << exponent) - 1;
  const lowMask = (1n << low) - 1n;
  const integerBit = 1n << BigInt(p - 1);
  return {
    w,
    p,
    bias: maxField >> 1,
    maxField,
    low,
    explicit,
    lowMask,
    quietBit: 1n << BigInt(p - 2),
    integerBit,
    signBit: 1n << BigInt(w - 1),
    infinity: (BigInt(maxField) << low) | (explicit ? integerBit : 0n),
    largest: (BigInt(maxField - 1) << low) | lowMask,
  };
}

const HALF = make(16, 11, 5, false);
const SINGLE = make(32, 24, 8, false);
const DOUBLE = make(64, 53, 11, false);
const EXTENDED = make(80, 64, 15, true);

/** The format of `w` bits. Throws on a width that has none: a programming error. */
export function formatOf(w: number): Format {
  if (w === 64) return DOUBLE;
  if (w === 32) return SINGLE;
  if (w === 16) return HALF;
  if (w === 80) return EXTENDED;
  throw new Error(`no float has ${w} bits`);
}

/** What a bit pattern is. An x87 encoding that the processor rejects (SDM 8.2.2) counts as a signaling NaN. */
export type Kind = "zero" | "finite" | "infinity" | "quiet" | "signaling" | "unsupported";

/** A number taken apart: (-1)^sign * significand * 2^exponent; significand 0 unless finite. */
export interface Unpacked {
  readonly kind: Kind;
  readonly sign: boolean;
  readonly significand: bigint;
  readonly exponent: number;
  /** Finite with an exponent field of 0. */
  readonly denormal: boolean;
  readonly bits: bigint;
}

export function unpack(f: Format, bits: bigint): Unpacked {
  const sign = (bits & f.signBit) !== 0n;
  const field = Number((bits >> f.low) & BigInt(f.maxField));
  const low = bits & f.lowMask;
  const special = (kind: Kind): Unpacked => ({ kind, sign, significand: 0n, exponent: 0, denormal: false, bits });
  if (f.explicit && field !== 0 && (low & f.integerBit) === 0n) return special("unsupported");
  if (field === f.maxField) {
    if ((low & (f.integerBit - 1n)) === 0n) return special("infinity");
    return special(low & f.quietBit ? "quiet" : "signaling");
  }
  if (field === 0 && low === 0n) return special("zero");
  const significand = field === 0 || f.explicit ? low : low | f.integerBit;
  const exponent = (field === 0 ? 1 : field) - f.bias - (f.p - 1);
  return { kind: "finite", sign, significand, exponent, denormal: field === 0, bits };
}

export const notNumber = (u: Unpacked): boolean =>
  u.kind === "quiet" || u.kind === "signaling" || u.kind === "unsupported";
export const infinity = (f: Format, sign: boolean): bigint => (sign ? f.infinity | f.signBit : f.infinity);
export const zero = (f: Format, sign: boolean): bigint => (sign ? f.signBit : 0n);

/** Number of bits up to the highest one set; 0 for 0. */
export function bitLength(v: bigint): number {
  if (v < 0x20_0000_0000_0000n) {
    const n = Number(v);
    return n < 4294967296 ? 32 - Math.clz32(n) : 64 - Math.clz32(n / 4294967296);
  }
  const hex = v.toString(16);
  return hex.length * 4 + 28 - Math.clz32(parseInt(hex[0], 16));
}
