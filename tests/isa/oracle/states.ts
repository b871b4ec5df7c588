import type { Random } from "./random.ts";
import { F, FCSR, MEMORY, RECORD, X } from "./record.ts";

/** What stands above a single in a 64-bit register. */
const BOX = 0xffffffff00000000n;
const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);

/** Values at which integer instructions change their mind. */
const INTEGERS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 7n, 8n, 31n, 32n, 33n, 63n, 64n, 65n, 127n, 128n, 255n, 256n],
  ...[1n << 15n, 1n << 16n, 1n << 31n, 1n << 32n, 1n << 62n, 1n << 63n].flatMap((v) => [v - 1n, v, v + 1n]),
  ...[0x5555555555555555n, 0xaaaaaaaaaaaaaaaan, 0x0123456789abcdefn, 0x00ff00ff00ff00ffn, 0x8000000080000000n],
  ...[0xffffffff80000000n, 0xffffffff00000000n, 0xffffffff7fffffffn, 0xfffffffffffff800n, 0x0100000000000080n],
].flatMap((v) => [u64(v), u64(-v), u64(~v)]);

/** Doubles: zeros, infinities, NaNs of both kinds, subnormals, the ends of the integer ranges and their neighbours. */
const DOUBLES: readonly bigint[] = [
  ...[0x0000000000000000n, 0x3ff0000000000000n, 0x3fe0000000000000n, 0x3ff8000000000000n, 0x4000000000000000n],
  ...[0x0000000000000001n, 0x000fffffffffffffn, 0x0010000000000000n, 0x0010000000000001n, 0x001fffffffffffffn],
  ...[0x7fefffffffffffffn, 0x7ff0000000000000n, 0x7ff8000000000000n, 0x7ff0000000000001n, 0x7ffdeadbeef12345n],
  ...[0x3ff0000000000001n, 0x3fefffffffffffffn, 0x7fe0000000000000n, 0x3ca0000000000000n, 0x3cb0000000000000n],
  ...[0x41dfffffffc00000n, 0x41e0000000000000n, 0x41efffffffe00000n, 0x41f0000000000000n, 0x41dfffffffe00000n],
  ...[0x43dfffffffffffffn, 0x43e0000000000000n, 0x43efffffffffffffn, 0x43f0000000000000n, 0x41efffffffffffffn],
  // What is tiny as a single only before rounding, what is subnormal, least or too large as a single, and halfway between two singles.
  ...[
    0x380ffffff0000000n,
    0x36a0000000000000n,
    0x3690000000000000n,
    0x380fffffc0000000n,
    0x3810000000000000n,
    0x380fffffe0000000n,
  ],
  ...[0x47efffffe0000000n, 0x47effffff0000000n, 0x47efffffefffffffn, 0x3ff0000010000000n, 0x3ff0000030000000n],
].flatMap((v) => [v, v | (1n << 63n)]);

const SINGLES: readonly bigint[] = [
  ...[0x00000000n, 0x3f800000n, 0x3f000000n, 0x3fc00000n, 0x40000000n, 0x00000001n, 0x007fffffn, 0x00800000n],
  ...[0x00800001n, 0x00ffffffn, 0x7f7fffffn, 0x7f800000n, 0x7fc00000n, 0x7f800001n, 0x7fedcba9n, 0x3f800001n],
  ...[0x3f7fffffn, 0x7f000000n, 0x33000000n, 0x33800000n, 0x4effffffn, 0x4f000000n, 0x4f7fffffn, 0x4f800000n],
  ...[0x5effffffn, 0x5f000000n, 0x5f7fffffn, 0x5f800000n, 0x20000000n, 0x1f800000n, 0x00400000n, 0x4b000001n],
].flatMap((v) => [v, v | (1n << 31n)]);

/**
 * Operands in any order whose product is tiny before rounding but not after, tiny after as well, overflows by rounding
 * alone, or is half of the least subnormal; doubles, then singles.
 */
export const EDGES: readonly (readonly bigint[])[] = [
  [0x3ff0000000000001n, 0x000fffffffffffffn],
  [0x3fefffffffffffffn, 0x0010000000000000n],
  [0x7fefffffffffffffn, 0x3ff0000000000001n],
  [0x0000000000000001n, 0x3fe0000000000000n],
  [BOX | 0x3f800001n, BOX | 0x007fffffn],
  [BOX | 0x3f7fffffn, BOX | 0x00800000n],
  [BOX | 0x7f7fffffn, BOX | 0x3f800001n],
  [BOX | 0x00000001n, BOX | 0x3f000000n],
];

/** Fills a record with a state whose registers, flags and memory are likely to matter. */
export function fillState(record: BigUint64Array, random: Random): void {
  record.fill(0n, 0, RECORD);
  for (let i = 1; i < 32; i++) record[X + i] = integer(record, i, random);
  // Most of a state's floats have one format, so that operands meet.
  const singles = random.pick([10, 90, 90, 10, 50]);
  const near = random.below(3) === 0;
  for (let i = 0; i < 32; i++) {
    record[F + i] = random.chance(singles) ? single(random, near) : double(random, near);
    if (i > 0 && random.chance(8)) record[F + i] = record[F + random.below(i)] ^ (random.chance(50) ? 1n << 63n : 0n);
  }
  const mode = random.chance(90) ? random.below(5) : 5 + random.below(3);
  record[FCSR] = BigInt((mode << 5) | (random.chance(50) ? 0 : random.below(32)));
  for (let i = MEMORY; i < RECORD; i++) record[i] = random.chance(20) ? random.pick(INTEGERS) : random.u64();
}

function integer(record: BigUint64Array, i: number, random: Random): bigint {
  const kind = random.below(100);
  if (kind < 35) return random.pick(INTEGERS);
  if (kind < 55 && i > 1) {
    const other = record[X + 1 + random.below(i - 1)];
    return u64(random.pick([other, other, -other, ~other, other + 1n, BigInt.asIntN(32, other)]));
  }
  if (kind < 65) return u64(BigInt(random.below(260) - 130));
  if (kind < 75) return u64(BigInt.asIntN(32, random.u64()));
  return random.u64() >> BigInt(random.below(64));
}

/** `near`: exponents around 1, where results round; otherwise anywhere. */
function double(random: Random, near: boolean): bigint {
  const kind = random.below(100);
  if (kind < 45) return random.pick(DOUBLES);
  if (kind < 50) return random.u64();
  const fraction = sparse(random, 52);
  const exponent = near ? 1023 + random.below(9) - 4 : kind < 75 ? 1023 + random.below(140) - 70 : random.below(2047);
  return (BigInt(random.below(2)) << 63n) | (BigInt(exponent) << 52n) | fraction;
}

function single(random: Random, near: boolean): bigint {
  const kind = random.below(100);
  if (kind < 45) return BOX | random.pick(SINGLES);
  if (kind < 48) return random.u64();
  if (kind < 50) return random.pick([0xfffffffe00000000n, 0n, 0x7fffffff00000000n]) | random.pick(SINGLES);
  const fraction = sparse(random, 23);
  const exponent = near ? 127 + random.below(9) - 4 : kind < 75 ? 127 + random.below(70) - 35 : random.below(255);
  return BOX | (BigInt(random.below(2)) << 31n) | (BigInt(exponent) << 23n) | fraction;
}

/** Random bits, long runs of equal ones in half of the cases. */
function sparse(random: Random, w: number): bigint {
  const bits = random.u64() & ((1n << BigInt(w)) - 1n);
  if (random.chance(50)) return bits;
  const keep = BigInt(random.below(w));
  const top = (bits >> keep) << keep;
  return random.chance(50) ? top : top | ((1n << keep) - 1n);
}
