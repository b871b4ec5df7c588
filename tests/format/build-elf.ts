/** A small ELF file for tests, field by field, in either class and byte order. */
export interface ElfParts {
  bits?: 32 | 64;
  little?: boolean;
  type?: number;
  machine?: number;
  osabi?: number;
  flags?: number;
  entry?: number;
  segments?: SegmentParts[];
}
export interface SegmentParts {
  type?: number;
  flags?: number;
  address?: number;
  data?: Uint8Array;
  memorySize?: number;
  fileSize?: number;
  offset?: number;
  align?: number;
}

export function buildElf(parts: ElfParts = {}): Uint8Array {
  const { bits = 64, little = true, segments = [{ flags: 5, address: 0x10000, data: new Uint8Array(16) }] } = parts;
  const wide = bits === 64;
  const headerSize = wide ? 64 : 52;
  const entrySize = wide ? 56 : 32;
  let end = headerSize + segments.length * entrySize;
  const places = segments.map((s) => {
    const offset = s.offset ?? end;
    if (s.offset === undefined) end += s.data?.length ?? 0;
    return offset;
  });
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  const u16 = (at: number, value: number) => view.setUint16(at, value, little);
  const u32 = (at: number, value: number) => view.setUint32(at, value, little);
  const word = (at: number, value: number) => (wide ? view.setBigUint64(at, BigInt(value), little) : u32(at, value));
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1, parts.osabi ?? 0]);
  u16(16, parts.type ?? 2);
  u16(18, parts.machine ?? 243);
  u32(20, 1);
  word(24, parts.entry ?? segments[0]?.address ?? 0);
  word(wide ? 32 : 28, headerSize);
  u32(wide ? 48 : 36, parts.flags ?? 5);
  const tail = wide ? 52 : 40;
  u16(tail, headerSize);
  u16(tail + 2, entrySize);
  u16(tail + 4, segments.length);
  u16(tail + 6, wide ? 64 : 40);
  segments.forEach((s, i) => {
    const at = headerSize + i * entrySize;
    const size = wide ? 8 : 4;
    const fileSize = s.fileSize ?? s.data?.length ?? 0;
    const fields = [places[i]!, s.address ?? 0, s.address ?? 0, fileSize, s.memorySize ?? fileSize];
    u32(at, s.type ?? 1);
    u32(at + (wide ? 4 : 24), s.flags ?? 4);
    fields.forEach((value, j) => {
      word(at + (wide ? 8 : 4) + j * size, value);
    });
    if (wide) word(at + 48, s.align ?? 4096);
    else u32(at + 28, s.align ?? 4096);
    if (s.data) bytes.set(s.data, places[i]);
  });
  return bytes;
}
