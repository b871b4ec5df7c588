/**
 * SIMD instructions (numbers after the 0xfd prefix). The integer ones lie alike for each lane width, so they are a base
 * a width and an offset an operation; what a width lacks is said where it is asked for.
 */
export type Container = 8 | 16 | 32 | 64;

const BASE: Readonly<Record<Container, number>> = { 8: 96, 16: 128, 32: 160, 64: 192 };

/** Offsets from a width's base. */
export const INT = {
  abs: 0,
  neg: 1,
  bitmask: 4,
  narrow_s: 5,
  narrow_u: 6,
  extend_low_s: 7,
  extend_high_s: 8,
  extend_low_u: 9,
  extend_high_u: 10,
  shl: 11,
  shr_s: 12,
  shr_u: 13,
  add: 14,
  add_sat_s: 15,
  add_sat_u: 16,
  sub: 17,
  sub_sat_s: 18,
  sub_sat_u: 19,
  mul: 21,
  min_s: 22,
  min_u: 23,
  max_s: 24,
  max_u: 25,
  avgr_u: 27,
  extmul_low_s: 28,
  extmul_high_s: 29,
  extmul_low_u: 30,
  extmul_high_u: 31,
} as const;

/** Number of an integer operation on lanes of `c` bits. */
export const int = (c: Container, op: keyof typeof INT): number => BASE[c] + INT[op];

/** Comparisons: eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u; lanes of 64 bits have the signed ones alone. */
const COMPARE_BASE: Readonly<Record<8 | 16 | 32, number>> = { 8: 35, 16: 45, 32: 55 };
const COMPARE = { eq: 0, ne: 1, lt_s: 2, lt_u: 3, le_s: 6, le_u: 7 } as const;
const COMPARE_64 = { eq: 214, ne: 215, lt_s: 216, le_s: 218 } as const;

export type Relation = keyof typeof COMPARE;

/** Number of a comparison; -1: lanes of 64 bits have none. */
export function relation(c: Container, op: Relation): number {
  if (c !== 64) return COMPARE_BASE[c] + COMPARE[op];
  return op === "lt_u" || op === "le_u" ? -1 : COMPARE_64[op];
}

/** splat, extract_lane (unsigned where that matters) and replace_lane by lane width. */
export const SPLAT: Readonly<Record<Container, number>> = { 8: 15, 16: 16, 32: 17, 64: 18 };
export const LANE_U: Readonly<Record<Container, number>> = { 8: 22, 16: 25, 32: 27, 64: 29 };
export const LANE_S: Readonly<Record<Container, number>> = { 8: 21, 16: 24, 32: 27, 64: 29 };
export const REPLACE: Readonly<Record<Container, number>> = { 8: 23, 16: 26, 32: 28, 64: 30 };

/** The rest, by the names of the spec's text format. */
export const V = {
  load: 0,
  store: 11,
  const: 12,
  shuffle: 13,
  swizzle: 14,
  not: 77,
  and: 78,
  andnot: 79,
  or: 80,
  xor: 81,
  bitselect: 82,
  any_true: 83,
  load32_zero: 92,
  load64_zero: 93,
  demote_zero: 94,
  promote_low: 95,
  i8x16_popcnt: 98,
  trunc_sat_f32_s: 248,
  trunc_sat_f32_u: 249,
  convert_i32_s: 250,
  convert_i32_u: 251,
  convert_low_i32_s: 254,
  convert_low_i32_u: 255,
} as const;

/** Float operations by lane width. */
export const FLOAT_32 = {
  eq: 65,
  ne: 66,
  lt: 67,
  le: 69,
  abs: 224,
  neg: 225,
  sqrt: 227,
  add: 228,
  sub: 229,
  mul: 230,
  div: 231,
  ceil: 103,
  floor: 104,
  trunc: 105,
  nearest: 106,
  madd: 0x105,
} as const;
export const FLOAT_64: Readonly<Record<keyof typeof FLOAT_32, number>> = {
  eq: 71,
  ne: 72,
  lt: 73,
  le: 75,
  abs: 236,
  neg: 237,
  sqrt: 239,
  add: 240,
  sub: 241,
  mul: 242,
  div: 243,
  ceil: 116,
  floor: 117,
  trunc: 122,
  nearest: 148,
  madd: 0x107,
};
export type FloatOp = keyof typeof FLOAT_32;
export const floatOp = (c: 32 | 64, op: FloatOp): number => (c === 32 ? FLOAT_32 : FLOAT_64)[op];
