/** Reads integers and strings at offsets of a byte array, in one byte order. Offsets are bytes from the start. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  private readonly view: DataView;
  private readonly short: (end: number) => Error;

  /** `short` makes the error for a read that ends at `end`, beyond the bytes there are. */
  constructor(bytes: Uint8Array, littleEndian: boolean, short: (end: number) => Error) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.short = short;
  }

  get size(): number {
    return this.bytes.length;
  }

  u8(at: number): number {
    this.need(at, 1);
    return this.bytes[at]!;
  }
  u16(at: number): number {
    this.need(at, 2);
    return this.view.getUint16(at, this.littleEndian);
  }
  u32(at: number): number {
    this.need(at, 4);
    return this.view.getUint32(at, this.littleEndian);
  }
  /** Unsigned, as a double: exact to 2^53, rounded above. */
  u64(at: number): number {
    this.need(at, 8);
    const low = this.view.getUint32(this.littleEndian ? at : at + 4, this.littleEndian);
    const high = this.view.getUint32(this.littleEndian ? at + 4 : at, this.littleEndian);
    return high * 0x100000000 + low;
  }
  /** A word of 4 or 8 bytes. */
  word(at: number, size: 4 | 8): number {
    return size === 4 ? this.u32(at) : this.u64(at);
  }
  /** A live view of `size` bytes. */
  slice(at: number, size: number): Uint8Array {
    this.need(at, size);
    return this.bytes.subarray(at, at + size);
  }
  /** Latin-1 text up to a NUL, which must stand before `end`. null where none does. */
  text(at: number, end: number = this.size): string | null {
    if (!(at >= 0 && at < end && end <= this.size)) return null;
    const rest = this.bytes.subarray(at, end);
    const nul = rest.indexOf(0);
    return nul < 0 ? null : latin1(rest.subarray(0, nul));
  }

  private need(at: number, size: number): void {
    if (!(at >= 0 && size >= 0 && at + size <= this.bytes.length)) throw this.short(at + size);
  }
}

/** A character a byte. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

/** True where `bytes` has `text`'s characters (codes below 256) at `offset`. */
export function startsWith(bytes: Uint8Array, text: string, offset = 0): boolean {
  if (offset + text.length > bytes.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false;
  return true;
}
