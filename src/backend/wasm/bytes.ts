/** A growing byte buffer with the encodings that wasm modules use (wasm 2.0 core spec, section 5). */
export class Bytes {
  buffer: Uint8Array;
  length = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
  }

  reset(): void {
    this.length = 0;
  }

  /** Makes room for `more` bytes. */
  reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const bigger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + more));
    bigger.set(this.buffer.subarray(0, this.length));
    this.buffer = bigger;
  }

  u8(value: number): void {
    if (this.length === this.buffer.length) this.reserve(1);
    this.buffer[this.length++] = value;
  }

  /** Unsigned LEB128 of a u32. */
  u32(value: number): void {
    this.reserve(5);
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.length++] = rest;
  }

  /** Signed LEB128 of an i32. */
  s32(value: number): void {
    this.reserve(5);
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    this.buffer[this.length++] = rest & 0x7f;
  }

  /** Signed LEB128 of an i64 given as halves. */
  s64(low: number, high: number): void {
    let lo = low | 0;
    let hi = high | 0;
    if (hi === lo >> 31) {
      this.s32(lo);
      return;
    }
    this.reserve(10);
    while (hi !== lo >> 31 || lo < -64 || lo > 63) {
      this.buffer[this.length++] = (lo & 0x7f) | 0x80;
      lo = (lo >>> 7) | (hi << 25);
      hi >>= 7;
    }
    this.buffer[this.length++] = lo & 0x7f;
  }

  /** Little-endian bits of a double. */
  f64(value: number): void {
    this.reserve(8);
    new DataView(this.buffer.buffer).setFloat64(this.length, value, true);
    this.length += 8;
  }

  bytes(from: Uint8Array): void {
    this.reserve(from.length);
    this.buffer.set(from, this.length);
    this.length += from.length;
  }

  /** Appends what `other` holds. */
  append(other: Bytes): void {
    this.bytes(other.buffer.subarray(0, other.length));
  }

  /** A name: length in bytes, UTF-8. */
  name(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.u32(encoded.length);
    this.bytes(encoded);
  }

  /** A copy of the bytes written so far. */
  take(): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(0, this.length);
  }
}
