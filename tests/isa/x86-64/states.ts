import type { Random } from "../oracle/random.ts";
import * as R from "./record.ts";

const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);
const INTEGERS: readonly bigint[] = [
  ...[0n, 1n, 2n, 7n, 8n, 15n, 16n, 31n, 32n, 63n, 64n, 127n, 128n, 255n, 256n, 0x7fffn, 0x8000n, 0xffffn],
  ...[0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 62n, (1n << 63n) - 1n, 1n << 63n, 0x80008000800080n],
].flatMap((v) => [v, u64(-v), u64(~v)]);

const DOUBLES: readonly bigint[] = [
  ...[0n, 0x3ff0000000000000n, 0x3fe0000000000000n, 0x3ff8000000000000n, 0x4000000000000000n, 1n],
  ...[0x000fffffffffffffn, 0x0010000000000000n, 0x001fffffffffffffn, 0x7fefffffffffffffn, 0x7ff0000000000000n],
  ...[0x7ff8000000000000n, 0x7ff0000000000001n, 0x7ffdeadbeef12345n, 0x7ff4deadbeef1234n, 0x3ff0000000000001n],
  ...[0x3fefffffffffffffn, 0x7fe0000000000000n, 0x41dfffffffc00000n, 0x41e0000000000000n, 0x41dfffffffe00000n],
  ...[0x43dfffffffffffffn, 0x43e0000000000000n, 0x380ffffff0000000n, 0x36a0000000000000n, 0x3690000000000000n],
  ...[0x380fffffe0000000n, 0x47efffffe0000000n, 0x47effffff0000000n, 0x47efffffefffffffn, 0x3ff0000010000000n],
].flatMap((v) => [v, v | (1n << 63n)]);

const SINGLES: readonly bigint[] = [
  ...[0n, 0x3f800000n, 0x3f000000n, 0x3fc00000n, 0x40000000n, 1n, 0x007fffffn, 0x00800000n, 0x00ffffffn],
  ...[0x7f7fffffn, 0x7f800000n, 0x7fc00000n, 0x7f800001n, 0x7fedcba9n, 0x7fadcba9n, 0x3f800001n, 0x3f7fffffn],
  ...[0x7f000000n, 0x33000000n, 0x33800000n, 0x4effffffn, 0x4f000000n, 0x5effffffn, 0x5f000000n, 0x20000000n],
  ...[0x1f800000n, 0x00400000n, 0x4b000001n],
].flatMap((v) => [v, v | (1n << 31n)]);

/** Fills a record's registers and memory; most of a state's vectors hold lanes of one kind, so that operands meet. */
export function fillState(record: BigUint64Array, random: Random): void {
  record.fill(0n);
  for (let i = 0; i < 16; i++)
    record[R.G + i] = random.chance(40) ? random.pick(INTEGERS) : random.u64() >> BigInt(random.below(64));
  record[R.FLAGS] = 0x202n;
  for (const bit of Object.values(R.FLAG_BITS))
    if (bit !== R.FLAG_BITS.DF && random.chance(50)) record[R.FLAGS] |= 1n << BigInt(bit);
  const kind = random.below(4);
  const lane = (): bigint => word(random.chance(85) ? kind : random.below(4), random);
  const x = R.XMM / 8;
  for (let i = 0; i < 32; i++) {
    record[x + i] = lane();
    record[R.HIGH + i] = lane();
    if (random.chance(10)) record[x + i] = record[x + random.below(i + 1)];
  }
  for (let i = 0; i < R.WINDOW / 8; i++) record[R.MEMORY + i] = lane();
  const view = new DataView(record.buffer, record.byteOffset, R.RECORD * 8);
  view.setUint16(R.MXCSR, mxcsr(random), true);
  fillFpu(view, random);
}

/** Unmasked overflow and underflow are left out: their results have wrapped exponents, which the rows do not give. */
function fillFpu(view: DataView, random: Random): void {
  const modes = random.chance(50) ? 0x300 : (random.below(4) << 10) | (random.pick([0, 2, 3, 3]) << 8);
  const masks = random.chance(85) ? 63 : (63 & ~random.below(64)) | 0x18;
  const control = modes | masks | 64;
  const flags = random.chance(70) ? 0 : random.below(128) & (random.chance(90) ? masks | 64 : 127);
  const pending = flags & ~masks & 63 ? 0x8080 : 0;
  const top = random.below(8);
  view.setUint16(R.FCW, control, true);
  view.setUint16(R.FSW, pending | flags | (top << 11) | (random.below(8) << 8) | (random.below(2) << 14), true);
  view.setUint8(R.FTW, random.chance(80) ? 255 : random.below(256));
  const near = random.chance(60) ? 16383 + random.below(60) - 30 : random.below(32767);
  for (let i = 0; i < 8; i++) {
    const v = extended(random, near);
    view.setBigUint64(R.ST + 16 * i, v & ((1n << 64n) - 1n), true);
    view.setBigUint64(R.ST + 16 * i + 8, v >> 64n, true);
  }
}

const EXTENDED: readonly bigint[] = [
  ...[0n, 1n, 0x3fff8000000000000000n, 0x3ffe8000000000000000n, 0x40008000000000000000n, 0x7fff8000000000000000n],
  ...[0x7fffc000000000000000n, 0x7fff8000000000000001n, 0x7fffdeadbeef12345678n, 0x7fff9eadbeef12345678n],
  ...[0x7ffeffffffffffffffffn, 0x00018000000000000000n, 0x00007fffffffffffffffn, 0x00008000000000000000n],
  ...[0x7fff0000000000000000n, 0x3fff0000000000000001n, 0x403dffffffffffffffffn, 0x403e8000000000000000n],
  ...[0x401dfffffffe00000000n, 0x401e8000000000000000n, 0x400dfffe000000000000n, 0x400e8000000000000000n],
  ...[0x3fff8000000000000001n, 0x3ffeffffffffffffffffn, 0x407effffffffffffffffn, 0x43feffffffffffffffffn],
].flatMap((v) => [v, v | (1n << 79n)]);

function extended(random: Random, near: number): bigint {
  if (random.chance(30)) return random.pick(EXTENDED);
  if (random.chance(3)) return random.u64() | (BigInt(random.below(65536)) << 64n);
  const exponent = random.chance(80) ? Math.max(1, Math.min(32766, near + random.below(12) - 6)) : random.below(32767);
  const whole = exponent === 0 ? 0n : 1n << 63n;
  return (BigInt(random.below(2)) << 79n) | (BigInt(exponent) << 64n) | whole | sparse(random, 63);
}

function mxcsr(random: Random): number {
  const kind = random.below(100);
  if (kind < 40) return 0x1f80;
  const sticky = random.chance(50) ? 0 : random.below(64);
  const modes = (random.below(4) << 13) | (random.chance(20) ? 0x8000 : 0) | (random.chance(20) ? 0x40 : 0);
  if (kind < 90) return modes | 0x1f80 | sticky;
  return modes | (random.below(64) << 7);
}

/** 64 bits as lanes: 0 integers, 1 bytes and words, 2 singles, 3 doubles. */
function word(kind: number, random: Random): bigint {
  if (kind === 0) return random.chance(40) ? random.pick(INTEGERS) : random.u64();
  if (kind === 1) {
    let v = random.u64();
    for (let i = 0n; i < 64n; i += 16n)
      if (random.chance(30))
        v = (v & ~(0xffffn << i)) | (random.pick([0n, 0x7fffn, 0x8000n, 0xffffn, 0x8080n, 0x7f80n]) << i);
    return v;
  }
  if (kind === 2) return single(random) | (single(random) << 32n);
  if (random.chance(40)) return random.pick(DOUBLES);
  const exponent = random.chance(70) ? 1023 + random.below(80) - 40 : random.below(2047);
  return (BigInt(random.below(2)) << 63n) | (BigInt(exponent) << 52n) | sparse(random, 52);
}

function single(random: Random): bigint {
  if (random.chance(40)) return random.pick(SINGLES);
  const exponent = random.chance(70) ? 127 + random.below(50) - 25 : random.below(255);
  return (BigInt(random.below(2)) << 31n) | (BigInt(exponent) << 23n) | sparse(random, 23);
}

/** Random bits, long runs of equal ones in half of the cases. */
function sparse(random: Random, w: number): bigint {
  const bits = random.u64() & ((1n << BigInt(w)) - 1n);
  if (random.chance(50)) return bits;
  const keep = BigInt(random.below(w));
  return (bits >> keep) << keep;
}
