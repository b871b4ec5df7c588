import type { Random } from "./random.ts";

/**
 * Values that are likely to matter: instructions change their minds at ends of ranges, where operands are equal or
 * opposite, where a result is zero. Uniform random states leave wrong rules standing that these refute at once.
 */

/** Classes of values, for a verdict's account of what was tried. */
export type ValueClass = "edge" | "related" | "small" | "shaped" | "random" | "float";

/** A value of `w` bits; `others`: values that the state has already. */
export function value(random: Random, w: number, others: readonly bigint[], floats: boolean): bigint {
  const kind = random.below(100);
  if (floats && w >= 16 && kind < 60) return float(random, w);
  if (kind < 30) return edge(random, w);
  if (kind < 50 && others.length > 0) {
    const other = random.pick(others);
    const related = [other, other, -other, ~other, other + 1n, other - 1n, BigInt.asIntN(Math.max(1, w >> 1), other)];
    return BigInt.asUintN(w, random.pick(related));
  }
  if (kind < 60) return BigInt.asUintN(w, BigInt(random.below(2 * w + 8) - 4));
  if (kind < 75) return shaped(random, w);
  return random.bits(w);
}

/** Zeros, ones, powers of two and their neighbours, sign boundaries of all narrower widths, stripes. */
function edge(random: Random, w: number): bigint {
  const at = BigInt(random.pick([0, 0, 1, 3, 7, 8, 15, 16, 23, 24, 31, 32, 63, 64, w - 1, w - 2, random.below(w)]));
  const power = 1n << at;
  const kind = random.below(12);
  const v = [
    0n,
    0n,
    -1n,
    power,
    -power,
    power - 1n,
    power + 1n,
    ~power,
    0x5555555555555555n,
    0x00ff00ff00ff00ffn,
    0x8000000080000000n,
    BigInt(w),
  ][kind]!;
  return BigInt.asUintN(w, v);
}

/** A random number of bits at a random place, with what is around all zeros or all ones. */
function shaped(random: Random, w: number): bigint {
  const size = 1 + random.below(w);
  const at = BigInt(random.below(w));
  const bits = random.bits(size) << at;
  return BigInt.asUintN(w, random.chance(50) ? bits : ~bits);
}

/** [bits of the exponent, bits of the fraction] by width, IEEE 754. */
const FORMATS: readonly (readonly [number, number, number])[] = [
  [16, 5, 10],
  [32, 8, 23],
  [64, 11, 52],
];

/** Floats of one format side by side in `w` bits: special values, neighbours of 1, ends of integer ranges, halves. */
function float(random: Random, w: number): bigint {
  const fit = FORMATS.filter(([bits]) => bits <= w);
  const [bits, exponentBits, fractionBits] = random.pick(fit.length > 1 ? fit.slice(1) : fit);
  const one = (): bigint => {
    const bias = (1 << (exponentBits - 1)) - 1;
    const top = (1 << exponentBits) - 1;
    const kind = random.below(10);
    const exponent =
      kind < 2
        ? 0
        : kind < 4
          ? top
          : kind < 7
            ? bias + random.below(9) - 4
            : kind < 8
              ? Math.min(top, bias + random.pick([7, 15, 23, 31, 52, 63]) + random.below(3) - 1)
              : random.below(top);
    const stripes = random.bits(fractionBits);
    const keep = BigInt(random.below(fractionBits));
    const fraction = random.pick([
      0n,
      stripes,
      (stripes >> keep) << keep,
      (1n << BigInt(fractionBits)) - 1n,
      1n,
      1n << BigInt(fractionBits - 1),
    ]);
    return (BigInt(random.below(2)) << BigInt(bits - 1)) | (BigInt(exponent) << BigInt(fractionBits)) | fraction;
  };
  let v = 0n;
  for (let at = 0; at < w; at += bits) v |= one() << BigInt(at);
  // A single in a register of doubles is boxed in ones (RISC-V F, 11.2)
  if (w === 64 && bits < 64 && random.chance(60))
    v = BigInt.asUintN(64, (-1n << BigInt(bits)) | BigInt.asUintN(bits, v));
  return BigInt.asUintN(w, v);
}
