import { type Format, formatOf } from "../../../src/ir/float/format.ts";
import type { FloatShape } from "../../../src/ir/float/unit.ts";
import type { FpPolicy, Op } from "../../../src/ir/node.ts";
import type { Random } from "../random.ts";

/** One float op on given bits, as the oracles of this folder are asked (oracle.h) and as the reference computes it. */
export interface Case {
  readonly kind: number;
  /** 0 f16, 1 f32, 2 f64, 3 f80: of the arguments; s2f, u2f: of the result. */
  readonly format: number;
  /** f2f: format of the result; integers: 0 for 32 bits, 1 for 64. */
  readonly other: number;
  readonly rm: number;
  readonly v: readonly bigint[];
}

/** In the order of oracle.h's kinds. */
export const KINDS: readonly Op[] = [
  ...(["fadd", "fsub", "fmul", "fdiv", "fsqrt", "fma", "f2f", "f2s", "f2u", "s2f", "u2f"] as const),
  ...(["frint", "feq", "flt", "fle"] as const),
];
const OPERANDS = [2, 2, 2, 2, 1, 3, 1, 1, 1, 1, 1, 1, 2, 2, 2];
const WIDTHS = [16, 32, 64, 80];

/** Bits of a float that is likely to matter: specials, edges of the ranges, few significant bits, all bits random. */
function someFloat(r: Random, f: Format, near: number): bigint {
  const sign = r.below(2) ? f.signBit : 0n;
  const field = fieldNear(r, f, near);
  let low = r.value(Number(f.low));
  if (r.below(3) === 0) low = ((low >> BigInt(r.below(f.p))) << BigInt(r.below(f.p))) & f.lowMask;
  // Encodings that only x87 has: unnormals, pseudo-denormals, pseudo-infinities.
  if (f.explicit && r.below(16) === 0) return sign | (BigInt(r.pick([0, 1, field, f.maxField])) << f.low) | low;
  switch (r.below(24)) {
    case 0:
      return sign;
    case 1:
      return sign | f.infinity;
    case 2:
      return sign | f.infinity | f.quietBit | (low & (f.quietBit - 1n));
    case 3:
      return sign | f.infinity | (low & (f.quietBit - 1n)) | 1n;
    case 4:
      return sign | f.largest;
    case 5:
      return sign | BigInt(1 + r.below(2));
    case 6:
      return sign | (low & (f.integerBit - 1n));
    case 7:
      return sign | (1n << f.low) | (f.integerBit & f.lowMask);
    default:
      return sign | (BigInt(field) << f.low) | (f.explicit ? low | f.integerBit : low);
  }
}

/** An exponent field near `near`, near an edge, or anywhere among the finite ones. */
function fieldNear(r: Random, f: Format, near: number): number {
  const wanted = [
    near + r.below(5) - 2,
    near + r.below(2 * f.p + 8) - f.p - 4,
    f.bias + r.below(70) - 3,
    1 + r.below(3),
    f.maxField - 1 - r.below(3),
  ];
  const field = r.below(6) === 0 ? 1 + r.below(f.maxField - 1) : r.pick(wanted);
  return Math.min(Math.max(field, 1), f.maxField - 1);
}

/** A random case; exponents are drawn so that products and sums come near each other and near the ends of the range. */
export function someCase(r: Random, formats: readonly number[], rms: readonly number[]): Case {
  const kind = r.below(KINDS.length);
  const format = r.pick(formats);
  const f = formatOf(WIDTHS[format]);
  const other =
    KINDS[kind] === "f2f" ? r.pick(formats.filter((o) => o !== format).concat(format === 3 ? [1, 2] : [])) : r.below(2);
  const rm = r.pick(rms);
  if (KINDS[kind] === "s2f" || KINDS[kind] === "u2f") return { kind, format, other, rm, v: [r.value(other ? 64 : 32)] };
  const near = 1 + r.below(f.maxField - 1);
  const field = (bits: bigint): number => Number((bits >> f.low) & BigInt(f.maxField));
  const a = someFloat(r, f, near);
  const opposite = KINDS[kind] === "fmul" || KINDS[kind] === "fma";
  // A product near 1, near overflow or near underflow; else a partner of like size.
  const target = r.pick([f.bias, f.maxField - 1, 1, 1 - f.p]);
  const b = someFloat(r, f, opposite ? target + f.bias - field(a) : field(a));
  const c = someFloat(r, f, field(a) + field(b) - f.bias);
  return { kind, format, other, rm, v: [a, b, c].slice(0, OPERANDS[kind]) };
}

/** What the reference is asked for this case. */
export function shapeOf(c: Case, fp: FpPolicy): FloatShape {
  const op = KINDS[c.kind];
  const width = WIDTHS[c.format];
  const int = c.other ? 64 : 32;
  const w = { f2f: WIDTHS[c.other], f2s: int, f2u: int, feq: 1, flt: 1, fle: 1 }[op as string] ?? width;
  const from = op === "s2f" || op === "u2f" ? int : width;
  return { op, w, args: c.v.map(() => ({ w: from })), fp };
}

export const argumentsOf = (c: Case): bigint[] =>
  KINDS[c.kind][1] === "e" || KINDS[c.kind][1] === "l" ? [...c.v] : [...c.v, BigInt(c.rm)];

const hex = (v: bigint): string => `0x${v.toString(16)}`;
export function describe(c: Case): string {
  const width = WIDTHS[c.format];
  return `${KINDS[c.kind]}.${width} other=${c.other} rm=${c.rm} (${c.v.map(hex).join(", ")})`;
}
