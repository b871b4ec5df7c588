import type { Reader } from "../bytes/reader.ts";
import { sageError } from "../errors.ts";
import type { Dynamic, Note, Section, Segment, SymbolEntry } from "./image.ts";

/** ELF's tables that a run does not need: read when asked for. Formats: System V gABI, chapters 4 and 5. */
export interface ElfTables {
  readonly reader: Reader;
  readonly bits: 32 | 64;
  readonly shoff: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const SHN_XINDEX = 0xffff;
/** Enough for any real file; a lie beyond it is refused before work is done. */
const MOST_SECTIONS = 1 << 20;
const MOST_SYMBOLS = 1 << 23;
const MOST_DYNAMIC = 1 << 16;
/** Names beyond this length are taken for damage and left out; many of them would fill the memory. */
const MOST_NAME = 1 << 14;

interface RawSection extends Section {
  readonly nameAt: number;
}

/** The section table; empty where there is none (stripped by sstrip and the like). Throws ELF_SECTION. */
export function readSections(tables: ElfTables): Section[] {
  const { reader, shoff, shentsize, bits } = tables;
  if (shoff === 0) return [];
  const least = bits === 64 ? 64 : 40;
  if (shentsize !== least) throw sageError("ELF_SECTION", `section headers of ${shentsize} bytes, they have ${least}`);
  if (shoff + least > reader.size) throw sageError("ELF_SECTION", "the section table lies beyond the end of the file");
  const zero = readSection(tables, 0);
  // Counts that do not fit in the header stand in entry 0 (gABI, "Section Header")
  const count = tables.shnum || zero.size;
  const names = tables.shstrndx === SHN_XINDEX ? zero.link : tables.shstrndx;
  if (count > MOST_SECTIONS || shoff + count * least > reader.size)
    throw sageError("ELF_SECTION", `a table of ${count} sections does not fit in the file`);
  const raw = Array.from({ length: count }, (_, i) => readSection(tables, i));
  const strings = raw[names];
  return raw.map(({ nameAt, ...section }) => ({ ...section, name: nameIn(reader, strings, nameAt) }));
}

function readSection({ reader, shoff, bits }: ElfTables, index: number): RawSection {
  const size = bits === 64 ? 8 : 4;
  const at = shoff + index * (bits === 64 ? 64 : 40);
  const word = (i: number) => reader.word(at + 8 + i * size, size);
  const flags = word(0);
  return {
    nameAt: reader.u32(at),
    name: "",
    type: reader.u32(at + 4),
    address: word(1),
    fileOffset: word(2),
    size: word(3),
    link: reader.u32(at + 8 + 4 * size),
    entrySize: word(bits === 64 ? 5 : 6),
    // SHF_WRITE 1, SHF_ALLOC 2, SHF_EXECINSTR 4
    prot: flags & 2 ? 1 | ((flags & 1) << 1) | (flags & 4) : 0,
  };
}

function nameIn(reader: Reader, strings: Section | undefined, at: number): string {
  if (!strings || strings.type === SHT_NOBITS || at >= strings.size) return "";
  const start = strings.fileOffset + at;
  return reader.text(start, Math.min(strings.fileOffset + strings.size, reader.size, start + MOST_NAME)) ?? "";
}

const kinds = ["none", "object", "function", "section", "file", "object", "tls"] as const;
const bindings = ["local", "global", "weak"] as const;

/** Symbols of .symtab, else of .dynsym, in the table's order. Throws ELF_SECTION. */
export function readSymbols({ reader, bits }: ElfTables, sections: readonly Section[]): SymbolEntry[] {
  const table = sections.find((s) => s.type === SHT_SYMTAB) ?? sections.find((s) => s.type === SHT_DYNSYM);
  if (!table) return [];
  const size = bits === 64 ? 24 : 16;
  const count = Math.floor(table.size / size);
  if (count > MOST_SYMBOLS || table.fileOffset + count * size > reader.size)
    throw sageError("ELF_SECTION", `a table of ${count} symbols does not fit in the file`);
  const strings = sections[table.link];
  const symbols: SymbolEntry[] = [];
  for (let i = 1; i < count; i++) {
    const at = table.fileOffset + i * size;
    const info = reader.u8(at + (bits === 64 ? 4 : 12));
    symbols.push({
      name: nameIn(reader, strings, reader.u32(at)),
      address: reader.word(at + (bits === 64 ? 8 : 4), bits === 64 ? 8 : 4),
      size: reader.word(at + (bits === 64 ? 16 : 8), bits === 64 ? 8 : 4),
      kind: kinds[info & 15] ?? "other",
      binding: bindings[info >>> 4] ?? "other",
      defined: reader.u16(at + (bits === 64 ? 6 : 14)) !== 0,
    });
  }
  return symbols;
}

const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
const DT_FLAGS_1 = 0x6ffffffb;
const DF_1_PIE = 0x08000000;

/** The dynamic table that PT_DYNAMIC points at. Throws ELF_DYNAMIC. */
export function readDynamic(
  reader: Reader,
  wordSize: 4 | 8,
  header: { readonly offset: number; readonly fileSize: number } | undefined,
  segments: readonly Segment[],
): Dynamic {
  const none: Dynamic = { needed: [], soname: undefined, runpath: undefined, pie: false };
  if (!header) return none;
  const count = Math.floor(header.fileSize / (2 * wordSize));
  if (count > MOST_DYNAMIC || header.offset + header.fileSize > reader.size)
    throw sageError("ELF_DYNAMIC", "the dynamic table lies beyond the end of the file");
  const entries: [tag: number, value: number][] = [];
  for (let i = 0; i < count; i++) {
    const at = header.offset + i * 2 * wordSize;
    const tag = reader.word(at, wordSize);
    if (tag === DT_NULL) break;
    entries.push([tag, reader.word(at + wordSize, wordSize)]);
  }
  const value = (tag: number) => entries.find(([t]) => t === tag)?.[1];
  const named = entries.filter(([tag]) => tag === DT_NEEDED || tag === DT_SONAME);
  const pie = ((value(DT_FLAGS_1) ?? 0) & DF_1_PIE) !== 0;
  if (named.length === 0) return { ...none, pie };

  const address = value(DT_STRTAB) ?? -1;
  const home = segments.find((s) => address >= s.address && address < s.address + s.fileSize);
  if (!home) throw sageError("ELF_DYNAMIC", "its string table is in no segment");
  const start = home.fileOffset + (address - home.address);
  const end = Math.min(start + (value(DT_STRSZ) ?? 0), home.fileOffset + home.fileSize);
  const text = (at: number) => {
    const name = reader.text(start + at, end);
    if (name === null) throw sageError("ELF_DYNAMIC", "a name lies outside its string table");
    return name;
  };
  const optional = (at: number | undefined) => (at === undefined ? undefined : text(at));
  return {
    needed: entries.filter(([tag]) => tag === DT_NEEDED).map(([, at]) => text(at)),
    soname: optional(value(DT_SONAME)),
    runpath: optional(value(DT_RUNPATH) ?? value(DT_RPATH)),
    pie,
  };
}

/** Notes (gABI, "Note Section"): name and data padded to 4 bytes, or to 8 where the segment is aligned so. Throws ELF_NOTE. */
export function readNotes(
  reader: Reader,
  ranges: readonly { readonly offset: number; readonly size: number; readonly align: number }[],
): Note[] {
  const notes: Note[] = [];
  for (const { offset, size, align } of ranges) {
    if (offset + size > reader.size) throw sageError("ELF_NOTE", "notes lie beyond the end of the file");
    const pad = align === 8 ? 8 : 4;
    const up = (n: number) => Math.ceil(n / pad) * pad;
    for (let at = offset; at + 12 <= offset + size; ) {
      const nameSize = reader.u32(at);
      const dataSize = reader.u32(at + 4);
      // the name begins at 12, which is not a multiple of 8: offsets, not sizes, are padded
      const data = up(at + 12 + nameSize - offset) + offset;
      if (data + dataSize > offset + size) throw sageError("ELF_NOTE", "a note is larger than its segment");
      const name = reader.text(at + 12, at + 12 + nameSize) ?? "";
      notes.push({ name, type: reader.u32(at + 8), data: reader.slice(data, dataSize) });
      at = up(data + dataSize - offset) + offset;
    }
  }
  return notes;
}
