/**
 * Values of up to 64 bits as two int32 halves, zero-extended from their width; learning computes on millions of them.
 * A function gives the low half and leaves the high half in `high`.
 */
export let high = 0;

export function put(lo: number, hi: number, w: number): number {
  if (w >= 64) high = hi | 0;
  else if (w > 32) high = hi & ((1 << (w - 32)) - 1);
  else high = 0;
  return w >= 32 ? lo | 0 : lo & ((1 << w) - 1);
}

/** One bit. */
export const bool = (lo: number): number => put(lo, 0, 1);

export const maskLow = (w: number): number => (w >= 32 ? -1 : (1 << w) - 1);
export const maskHigh = (w: number): number => (w >= 64 ? -1 : w > 32 ? (1 << (w - 32)) - 1 : 0);

export function toBig(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}
export const lowOf = (v: bigint): number => Number(BigInt.asIntN(32, v));
export const highOf = (v: bigint): number => Number(BigInt.asIntN(32, v >> 32n));

/** Random numbers that a seed determines (xorshift128 of Marsaglia, 2003). */
export class Rng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;
  constructor(seed: number) {
    this.a = (seed ^ 0x9e3779b9) | 0;
    this.b = Math.imul(seed | 1, 0x85ebca6b) | 0;
    this.c = 0xc2b2ae35 ^ (seed << 7);
    this.d = 0x27d4eb2f;
    for (let i = 0; i < 20; i++) this.next();
  }
  /** An int32. */
  next(): number {
    const t = this.a ^ (this.a << 11);
    this.a = this.b;
    this.b = this.c;
    this.c = this.d;
    this.d = (this.d ^ (this.d >>> 19) ^ t ^ (t >>> 8)) | 0;
    return this.d;
  }
  below(n: number): number {
    return (this.next() >>> 0) % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  state(): number[] {
    return [this.a, this.b, this.c, this.d];
  }
  restore(state: readonly number[]): void {
    [this.a, this.b, this.c, this.d] = state as [number, number, number, number];
  }
}

/** A value of `w` bits of the kind that tells operations apart: edges, small numbers, runs of ones, all random. */
export function structured(rng: Rng, w: number): number {
  const kind = rng.below(16);
  const k = rng.below(w);
  switch (kind) {
    case 0:
      return put(rng.below(5) - 2, rng.below(2) === 0 ? 0 : -1, w);
    case 1:
      return bit(w - 1, w, 0);
    case 2:
      return bit(w - 1, w, -1);
    case 3:
      return bit(k, w, 0);
    case 4:
      return bit(k, w, -1);
    case 5:
      return put(rng.below(2 * w + 2), 0, w);
    case 6: {
      const lo = bit(k, w, -1);
      return put(~lo, ~high, w);
    }
    case 7:
      return put(0, 0, w);
    case 8:
      return put(-1, -1, w);
    case 9:
      return put(rng.next() & 0xff, 0, w);
    case 10: {
      const v = rng.next();
      return put(v, v >> 31, w);
    }
    case 11:
      return w > 32 ? put(0, rng.next(), w) : put(rng.next() << (w >> 1), 0, w);
    default:
      return put(rng.next(), rng.next(), w);
  }
}

/** 2^k + add. */
function bit(k: number, w: number, add: number): number {
  const lo = k < 32 ? 1 << k : 0;
  const hi = k < 32 ? 0 : 1 << (k - 32);
  return put(lo + add, hi + (add < 0 && lo === 0 ? -1 : 0), w);
}
