import type { Random } from "../oracle/random.ts";
import { FPCR, FPSR, MEMORY, MODE, modeOf, NZCV, RECORD, V, X } from "./record.ts";

const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);

/** Values at which integer instructions change their mind. */
const INTEGERS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 7n, 8n, 31n, 32n, 33n, 63n, 64n, 65n, 127n, 128n, 255n, 256n],
  ...[1n << 15n, 1n << 16n, 1n << 31n, 1n << 32n, 1n << 62n, 1n << 63n].flatMap((v) => [v - 1n, v, v + 1n]),
  ...[0x5555555555555555n, 0xaaaaaaaaaaaaaaaan, 0x0123456789abcdefn, 0x00ff00ff00ff00ffn, 0x8000000080000000n],
  ...[0xffffffff80000000n, 0xffffffff00000000n, 0xffffffff7fffffffn, 0x8000800080008000n, 0x8080808080808080n],
  ...[0x7f7f7f7f7f7f7f7fn, 0x7fff7fff7fff7fffn, 0x7fffffff7fffffffn, 0x0101010101010101n, 0xffff0000ffff0001n],
].flatMap((v) => [v, u64(-v), u64(~v)]);

const DOUBLES: readonly bigint[] = [
  ...[0x0000000000000000n, 0x3ff0000000000000n, 0x3fe0000000000000n, 0x3ff8000000000000n, 0x4000000000000000n],
  ...[0x0000000000000001n, 0x000fffffffffffffn, 0x0010000000000000n, 0x0010000000000001n, 0x001fffffffffffffn],
  ...[0x7fefffffffffffffn, 0x7ff0000000000000n, 0x7ff8000000000000n, 0x7ff0000000000001n, 0x7ffdeadbeef12345n],
  ...[0x3ff0000000000001n, 0x3fefffffffffffffn, 0x7fe0000000000000n, 0x3ca0000000000000n, 0x3cb0000000000000n],
  ...[0x41dfffffffc00000n, 0x41e0000000000000n, 0x41efffffffe00000n, 0x41f0000000000000n, 0x41dfffffffe00000n],
  ...[0x43dfffffffffffffn, 0x43e0000000000000n, 0x43efffffffffffffn, 0x43f0000000000000n, 0x41efffffffffffffn],
  ...[0x380ffffff0000000n, 0x36a0000000000000n, 0x3690000000000000n, 0x380fffffc0000000n, 0x3810000000000000n],
  ...[0x47efffffe0000000n, 0x47effffff0000000n, 0x47efffffefffffffn, 0x3ff0000010000000n, 0x3ff0000030000000n],
  ...[0x40effc0000000000n, 0x40effe0000000000n, 0x3f10000000000000n, 0x3e70000000000000n, 0x3e60000000000000n],
].flatMap((v) => [v, v | (1n << 63n)]);

const SINGLES: readonly bigint[] = [
  ...[0x00000000n, 0x3f800000n, 0x3f000000n, 0x3fc00000n, 0x40000000n, 0x00000001n, 0x007fffffn, 0x00800000n],
  ...[0x00800001n, 0x00ffffffn, 0x7f7fffffn, 0x7f800000n, 0x7fc00000n, 0x7f800001n, 0x7fedcba9n, 0x3f800001n],
  ...[0x3f7fffffn, 0x7f000000n, 0x33000000n, 0x33800000n, 0x4effffffn, 0x4f000000n, 0x4f7fffffn, 0x4f800000n],
  ...[0x5effffffn, 0x5f000000n, 0x5f7fffffn, 0x5f800000n, 0x20000000n, 0x1f800000n, 0x00400000n, 0x4b000001n],
  ...[0x477fe000n, 0x477ff000n, 0x38800000n, 0x33000001n, 0x387fe000n, 0x477fefffn],
].flatMap((v) => [v, v | (1n << 31n)]);

/** Halves: zeros, ones, subnormals, the largest, infinities and NaNs. */
const HALVES: readonly bigint[] = [
  ...[0x0000n, 0x3c00n, 0x3800n, 0x0001n, 0x03ffn, 0x0400n, 0x7bffn, 0x7c00n, 0x7e00n, 0x7c01n, 0x7dffn, 0x5640n],
].flatMap((v) => [v, v | (1n << 15n)]);

/** Fills a record with a state whose registers, flags and memory are likely to matter. */
export function fillState(record: BigUint64Array, random: Random): void {
  record.fill(0n, 0, RECORD);
  for (let i = 0; i < 32; i++) record[X + i] = integer(record, i, random);
  // Most of a state's lanes have one kind, so that operands meet.
  const kind = random.below(5);
  const near = random.below(3) === 0;
  for (let i = 0; i < 64; i++) {
    const own = random.chance(85) ? kind : random.below(5);
    record[V + i] = lane(own, random, near);
    if (i > 1 && random.chance(10)) record[V + i] = record[V + random.below(i)];
  }
  record[NZCV] = BigInt(random.below(16)) << 28n;
  const rounding = random.chance(50) ? 0 : random.below(4);
  const modes = random.chance(70) ? 0 : random.below(4);
  record[FPCR] = BigInt((rounding << 22) | (modes << 24));
  record[MODE] = modeOf(record[FPCR]);
  record[FPSR] = random.chance(50) ? 0n : BigInt(random.u32() & 0x0800009f);
  for (let i = MEMORY; i < RECORD; i++) record[i] = random.chance(20) ? random.pick(INTEGERS) : random.u64();
}

function integer(record: BigUint64Array, i: number, random: Random): bigint {
  const kind = random.below(100);
  if (kind < 35) return random.pick(INTEGERS);
  if (kind < 55 && i > 0) {
    const other = record[X + random.below(i)];
    return u64(random.pick([other, other, -other, ~other, other + 1n, BigInt.asIntN(32, other)]));
  }
  if (kind < 65) return u64(BigInt(random.below(260) - 130));
  if (kind < 75) return u64(BigInt.asIntN(32, random.u64()));
  return random.u64() >> BigInt(random.below(64));
}

/** 64 bits of a vector register: integers, doubles, two singles, four halves, small bytes. */
function lane(kind: number, random: Random, near: boolean): bigint {
  if (kind === 0) return random.chance(50) ? random.pick(INTEGERS) : random.u64();
  if (kind === 1) return double(random, near);
  if (kind === 2) return single(random, near) | (single(random, near) << 32n);
  if (kind === 3) return [0, 16, 32, 48].reduce((v, at) => v | (half(random) << BigInt(at)), 0n);
  return [0, 8, 16, 24, 32, 40, 48, 56].reduce((v, at) => v | (byte(random) << BigInt(at)), 0n);
}

const byte = (random: Random): bigint =>
  random.chance(40) ? random.pick([0n, 1n, 0x7fn, 0x80n, 0x81n, 0xffn, 7n, 8n, 0xf8n]) : BigInt(random.below(256));
const half = (random: Random): bigint => (random.chance(60) ? random.pick(HALVES) : BigInt(random.below(0x10000)));

/** `near`: exponents around 1, where results round; otherwise anywhere. */
function double(random: Random, near: boolean): bigint {
  const kind = random.below(100);
  if (kind < 45) return random.pick(DOUBLES);
  if (kind < 50) return random.u64();
  const exponent = near ? 1023 + random.below(9) - 4 : kind < 75 ? 1023 + random.below(140) - 70 : random.below(2047);
  return (BigInt(random.below(2)) << 63n) | (BigInt(exponent) << 52n) | sparse(random, 52);
}

function single(random: Random, near: boolean): bigint {
  const kind = random.below(100);
  if (kind < 45) return random.pick(SINGLES);
  if (kind < 50) return BigInt(random.u32());
  const exponent = near ? 127 + random.below(9) - 4 : kind < 75 ? 127 + random.below(70) - 35 : random.below(255);
  return (BigInt(random.below(2)) << 31n) | (BigInt(exponent) << 23n) | sparse(random, 23);
}

/** Random bits, long runs of equal ones in half of the cases. */
function sparse(random: Random, w: number): bigint {
  const bits = random.u64() & ((1n << BigInt(w)) - 1n);
  if (random.chance(50)) return bits;
  const keep = BigInt(random.below(w));
  const top = (bits >> keep) << keep;
  return random.chance(50) ? top : top | ((1n << keep) - 1n);
}
