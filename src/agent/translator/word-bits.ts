import type { Rng } from "./values.ts";

/*
 * Instruction words and masks of them: whole numbers of up to 48 bits, so that machines with words of 36, 40 or 48 bits are
 * learned by the same code. The operators of the language see the low 32 bits only; these see all.
 */

/** Bytes of the longest instructions that are learned. */
export const LONGEST = 6;

const HALF = 2 ** 32;
const highOf = (word: number): number => Math.floor(word / HALF);
const joined = (lo: number, hi: number): number => (hi >>> 0) * HALF + (lo >>> 0);

export const bitAt = (word: number, bit: number): number =>
  bit < 32 ? (word >>> bit) & 1 : (highOf(word) >>> (bit - 32)) & 1;

export const flipped = (word: number, bit: number): number =>
  bitAt(word, bit) === 1 ? word - 2 ** bit : word + 2 ** bit;

export const withBit = (word: number, bit: number, value: number): number =>
  bitAt(word, bit) === value ? word : flipped(word, bit);

/** Bits of both words. */
export const both = (a: number, b: number): number => joined(a & b, highOf(a) & highOf(b));
/** Bits of the first that are none of the second. */
export const without = (a: number, b: number): number => joined(a & ~b, highOf(a) & ~highOf(b));
/** Bits in which two words differ. */
export const differing = (a: number, b: number): number => joined(a ^ b, highOf(a) ^ highOf(b));

/** A mask of all bits of words of some bytes. */
export const allBits = (length: number): number => 2 ** (8 * length) - 1;

/** Whether a word is what `match` says at the bits of `mask`. */
export const fits = (word: number, match: number, mask: number): boolean =>
  ((word ^ match) & mask) === 0 && (mask < HALF || ((highOf(word) ^ highOf(match)) & highOf(mask)) === 0);

export function countBits(word: number): number {
  let n = 0;
  for (let bit = 0; bit < 48; bit++) n += bitAt(word, bit);
  return n;
}

export const byteAt = (word: number, i: number): number =>
  i < 4 ? (word >>> (8 * i)) & 255 : (highOf(word) >>> (8 * (i - 4))) & 255;

/** A word of all the same likelihood. */
export function anyWord(rng: Rng, length: number): number {
  if (length <= 4) return length === 4 ? rng.next() >>> 0 : (rng.next() >>> 0) % 2 ** (8 * length);
  return joined(rng.next(), (rng.next() >>> 0) % 2 ** (8 * (length - 4)));
}
