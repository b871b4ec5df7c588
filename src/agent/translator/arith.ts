import { high, maskHigh, maskLow, put } from "./values.ts";

/** Arithmetic on values of up to 64 bits in halves. Operands are zero-extended; see values.ts for `high`. */
export type Halves = (al: number, ah: number, bl: number, bh: number, cl: number, ch: number) => number;

/** Sign-extended from `w` bits to 64: low half; high half in `high`. */
export function signed(lo: number, hi: number, w: number): number {
  if (w < 32) {
    const s = (lo << (32 - w)) >> (32 - w);
    return put(s, s >> 31, 64);
  }
  if (w === 32) return put(lo, lo >> 31, 64);
  return put(lo, w === 64 ? hi : (hi << (64 - w)) >> (64 - w), 64);
}

export function add(al: number, ah: number, bl: number, bh: number, c: number, w: number): number {
  const lo = (al >>> 0) + (bl >>> 0) + c;
  return put(lo | 0, w > 32 ? ah + bh + (lo >= 0x100000000 ? 1 : 0) : 0, w);
}

export const sub = (al: number, ah: number, bl: number, bh: number, w: number): number =>
  put(al - bl, w > 32 ? ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0) : 0, w);

export function ult(al: number, ah: number, bl: number, bh: number): number {
  if (ah !== bh) return ah >>> 0 < bh >>> 0 ? 1 : 0;
  return al >>> 0 < bl >>> 0 ? 1 : 0;
}

export function slt(al: number, ah: number, bl: number, bh: number, w: number): number {
  if (w <= 32) return al << (32 - w) < bl << (32 - w) ? 1 : 0;
  const a = ah << (64 - w);
  const b = bh << (64 - w);
  if (a !== b) return a < b ? 1 : 0;
  return al >>> 0 < bl >>> 0 ? 1 : 0;
}

/** An amount, at most 255. */
export const amount = (lo: number, hi: number): number => (hi !== 0 || lo >>> 0 > 255 ? 255 : lo);

export function shl(lo: number, hi: number, k: number, w: number): number {
  if (k >= w) return put(0, 0, w);
  if (k === 0) return put(lo, hi, w);
  if (k < 32) return put(lo << k, (hi << k) | (lo >>> (32 - k)), w);
  return put(0, lo << (k - 32), w);
}

/** Shift right; `fill` is what comes in from above bit 63 (0 or -1), the value itself being extended by it. */
export function shr(lo: number, hi: number, k: number, fill: number, w: number): number {
  if (k === 0) return put(lo, hi, w);
  if (k >= 64) return put(fill, fill, w);
  if (k < 32) return put((lo >>> k) | (hi << (32 - k)), (hi >>> k) | (fill << (32 - k)), w);
  if (k === 32) return put(hi, fill, w);
  return put((hi >>> (k - 32)) | (fill << (64 - k)), fill, w);
}

export function sar(lo: number, hi: number, k: number, w: number): number {
  const l = signed(lo, hi, w);
  return shr(l, high, k, high >> 31, w);
}

export function rol(lo: number, hi: number, k: number, w: number): number {
  const left = k % w;
  if (left === 0) return put(lo, hi, w);
  const a = shl(lo, hi, left, w);
  const ah = high;
  const b = shr(lo, hi, w - left, 0, w);
  return put(a | b, ah | high, w);
}

/** The 128-bit product of unsigned halves: low 64 bits; the high ones in `top`. */
export const top = { lo: 0, hi: 0 };
export function multiply(al: number, ah: number, bl: number, bh: number): number {
  // Schoolbook on 16-bit digits: sums stay below 2^53
  const a = [al & 0xffff, al >>> 16, ah & 0xffff, ah >>> 16];
  const b = [bl & 0xffff, bl >>> 16, bh & 0xffff, bh >>> 16];
  let carry = 0;
  const out = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let k = 0; k < 8; k++) {
    let s = carry;
    for (let i = Math.max(0, k - 3); i <= Math.min(3, k); i++) s += a[i]! * b[k - i]!;
    out[k] = s & 0xffff;
    carry = Math.floor(s / 65536);
  }
  top.lo = out[4]! | (out[5]! << 16);
  top.hi = out[6]! | (out[7]! << 16);
  return put(out[0]! | (out[1]! << 16), out[2]! | (out[3]! << 16), 64);
}

/** Bits w to 2w-1 of a product; `sa`, `sb`: the operand is signed. */
export function mulHigh(al: number, ah: number, bl: number, bh: number, sa: boolean, sb: boolean, w: number): number {
  let [xl, xh, yl, yh] = [al, ah, bl, bh];
  if (sa) {
    xl = signed(al, ah, w);
    xh = high;
  }
  if (sb) {
    yl = signed(bl, bh, w);
    yh = high;
  }
  const lo = multiply(xl, xh, yl, yh);
  const hi = high;
  if (w <= 32) return shr(lo, hi, w, 0, w);
  let tl = top.lo;
  let th = top.hi;
  if (sa && xh < 0) {
    th -= yh + (tl >>> 0 < yl >>> 0 ? 1 : 0);
    tl -= yl;
  }
  if (sb && yh < 0) {
    th -= xh + (tl >>> 0 < xl >>> 0 ? 1 : 0);
    tl -= xl;
  }
  if (w === 64) return put(tl, th, 64);
  const low = shr(lo, hi, w, 0, 64);
  const lowHi = high;
  const up = shl(tl, th, 64 - w, 64);
  return put(low | up, lowHi | high, w);
}

export function mul(al: number, ah: number, bl: number, bh: number, w: number): number {
  if (w <= 32) return put(Math.imul(al, bl), 0, w);
  const lo = multiply(al, ah, bl, bh);
  return put(lo, high, w);
}

const big = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
function fromBig(v: bigint, w: number): number {
  return put(Number(BigInt.asIntN(32, v)), Number(BigInt.asIntN(32, v >> 32n)), w);
}

/** Division as the IR has it: by zero gives ones and the dividend, the least by -1 itself and 0. */
export function divide(
  al: number,
  ah: number,
  bl: number,
  bh: number,
  sign: boolean,
  rest: boolean,
  w: number,
): number {
  if (bl === 0 && bh === 0) return rest ? put(al, ah, w) : put(-1, -1, w);
  if (w <= 32) {
    const a = sign ? (al << (32 - w)) >> (32 - w) : al >>> 0;
    const b = sign ? (bl << (32 - w)) >> (32 - w) : bl >>> 0;
    return put((rest ? a % b : Math.trunc(a / b)) | 0, 0, w);
  }
  let a = big(al, ah);
  let b = big(bl, bh);
  if (sign) {
    a = BigInt.asIntN(w, a);
    b = BigInt.asIntN(w, b);
  }
  return fromBig(rest ? a % b : a / b, w);
}

export const clz = (lo: number, hi: number, w: number): number =>
  w > 32 ? (hi !== 0 ? Math.clz32(hi) - (64 - w) : Math.clz32(lo) + w - 32) : Math.clz32(lo) - (32 - w);
export function ctz(lo: number, hi: number, w: number): number {
  if (lo !== 0) return 31 - Math.clz32(lo & -lo);
  return hi !== 0 ? 63 - Math.clz32(hi & -hi) : w;
}
export function ones(x: number): number {
  let v = x - ((x >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function reverse32(x: number): number {
  let v = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  return swap32(v);
}
const swap32 = (v: number): number => (v << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24);

export const bitReverse = (lo: number, hi: number, w: number): number =>
  shr(reverse32(hi), reverse32(lo), 64 - w, 0, w);
export const byteSwap = (lo: number, hi: number, w: number): number => shr(swap32(hi), swap32(lo), 64 - w, 0, w);

/** Bit-wise functions in units of a byte: or-combine, reversal of the bits in each byte. */
export const orBytes = (v: number): number => {
  let x = v | ((v >>> 1) & 0x7f7f7f7f) | ((v << 1) & 0xfefefefe);
  x = x | ((x >>> 2) & 0x3f3f3f3f) | ((x << 2) & 0xfcfcfcfc);
  return x | ((x >>> 4) & 0x0f0f0f0f) | ((x << 4) & 0xf0f0f0f0);
};
export const reverseInBytes = (v: number): number => swap32(reverse32(v));

export const isOnes = (lo: number, hi: number, w: number): boolean => lo === maskLow(w) && hi === maskHigh(w);

/** Carry out of a + b + c. */
export function carry(al: number, ah: number, bl: number, bh: number, c: number, w: number): number {
  if (w <= 32) return (al >>> 0) + (bl >>> 0) + c >= 2 ** w ? 1 : 0;
  const low = (al >>> 0) + (bl >>> 0) + c >= 0x100000000 ? 1 : 0;
  return (ah >>> 0) + (bh >>> 0) + low >= 2 ** (w - 32) ? 1 : 0;
}

/** Signed overflow of a + b + c. */
export function overflow(al: number, ah: number, bl: number, bh: number, c: number, w: number): number {
  const r = add(al, ah, bl, bh, c, w);
  if (w <= 32) return (((al ^ r) & (bl ^ r)) >>> (w - 1)) & 1;
  return (((ah ^ high) & (bh ^ high)) >>> (w - 33)) & 1;
}
