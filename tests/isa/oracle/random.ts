/** Numbers from a seed: the same ones on every machine (xorshift128, Marsaglia 2003). */
export class Random {
  private a: number;
  private b = 362436069;
  private c = 521288629;
  private d = 88675123;

  constructor(seed: number) {
    this.a = seed | 0 || 123456789;
    for (let i = 0; i < 16; i++) this.u32();
  }

  u32(): number {
    const t = this.a ^ (this.a << 11);
    this.a = this.b;
    this.b = this.c;
    this.c = this.d;
    this.d = this.d ^ (this.d >>> 19) ^ t ^ (t >>> 8);
    return this.d >>> 0;
  }

  /** 0 to n - 1. */
  below(n: number): number {
    return this.u32() % n;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}
