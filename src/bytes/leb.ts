/** Reads LEB128 numbers and what WebAssembly's binary format builds of them, from front to back. Throws `short()` at the end. */
export class LebReader {
  at: number;
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private readonly short: () => Error;

  constructor(bytes: Uint8Array, short: () => Error, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.short = short;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }
  u8(): number {
    if (this.at >= this.end) throw this.short();
    return this.bytes[this.at++]!;
  }
  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value >>> 0;
      if (shift >= 28) throw this.short();
    }
  }
  /** Signed, of up to 64 bits. */
  signed(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return BigInt.asIntN(Number(shift) + 7, value);
      if (shift >= 63n) throw this.short();
    }
  }
  take(size: number): Uint8Array {
    if (!(size <= this.end - this.at)) throw this.short();
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }
  /** A part of `size` bytes as a reader of its own; this one goes on behind it. */
  part(size: number): LebReader {
    if (!(size <= this.end - this.at)) throw this.short();
    this.at += size;
    return new LebReader(this.bytes, this.short, this.at - size, this.at);
  }
  name(): string {
    return new TextDecoder().decode(this.take(this.u32()));
  }
  /** A count, then so many items. */
  list<T>(item: (index: number) => T): T[] {
    const items: T[] = [];
    const count = this.u32();
    for (let i = 0; i < count; i++) items.push(item(i));
    return items;
  }
}
