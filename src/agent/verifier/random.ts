/** Numbers from a seed: the same ones on every machine (xorshift128, Marsaglia 2003). */
export class Random {
  private a: number;
  private b = 362436069;
  private c = 521288629;
  private d = 88675123;

  constructor(seed: number) {
    this.a = seed | 0 || 123456789;
    for (let i = 0; i < 16; i++) this.i32();
  }

  i32(): number {
    const t = this.a ^ (this.a << 11);
    this.a = this.b;
    this.b = this.c;
    this.c = this.d;
    this.d = this.d ^ (this.d >>> 19) ^ t ^ (t >>> 8);
    return this.d;
  }

  /** 0 to n - 1, n at most 2^31. */
  below(n: number): number {
    return (this.i32() >>> 0) % n;
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** `w` random bits. */
  bits(w: number): bigint {
    let v = 0n;
    for (let i = 0; i < w; i += 32) v = (v << 32n) | BigInt(this.i32() >>> 0);
    return BigInt.asUintN(w, v);
  }
}
