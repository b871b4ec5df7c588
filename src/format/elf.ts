import { Reader } from "../bytes/reader.ts";
import { SageError, sageError } from "../errors.ts";
import { abiName, isaName, osOfAbi, osOfInterpreter, osOfNote } from "./elf-names.ts";
import { type ElfTables, readDynamic, readNotes, readSections, readSymbols } from "./elf-tables.ts";
import type { Image, ImageType, Note, ProgramHeaders, Segment, TlsTemplate } from "./image.ts";

/** Linux reads no more program headers than fit in 64 KiB (fs/binfmt_elf.c); nor do we. */
const PHDRS_BYTES = 0x10000;
/** Longest path of a dynamic linker: PATH_MAX. */
const PATH_MAX = 4096;
/** No user program's segment is beyond 2^47 on any machine we name. */
const ADDRESS_END = 2 ** 47;
/** Addresses are exact numbers below this. */
const EXACT = 2 ** 53;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_NOTE = 4;
const PT_TLS = 7;
const PT_GNU_STACK = 0x6474e551;

/** One program header, as numbers. */
export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

/** Reads an ELF file (System V gABI, chapters 4 and 5). Throws SageError (ELF_*) on the first lie that would matter to a run. */
export function parseElf(bytes: Uint8Array): Image {
  const short = (end: number): SageError =>
    sageError("ELF_TRUNCATED", `the file has ${bytes.length} bytes, ${show(end)} are needed`);
  if (bytes.length < 20) throw short(52);
  const wordSize = classOf(bytes[4]!);
  const bits = wordSize === 8 ? 64 : 32;
  const reader = new Reader(bytes, isLittle(bytes[5]!), short);
  const wide = bits === 64;
  const headerSize = wide ? 64 : 52;
  if (bytes.length < headerSize) throw short(headerSize);

  const fileType = reader.u16(16);
  const machine = reader.u16(18);
  const entry = reader.word(24, wordSize);
  const phoff = reader.word(wide ? 32 : 28, wordSize);
  const shoff = reader.word(wide ? 40 : 32, wordSize);
  const flags = reader.u32(wide ? 48 : 36);
  const tail = wide ? 52 : 40;
  if (reader.u32(20) !== 1) throw sageError("ELF_HEADER", `version ${reader.u32(20)} instead of 1`);

  const tables: ElfTables = {
    reader,
    bits,
    shoff,
    shentsize: reader.u16(tail + 6),
    shnum: reader.u16(tail + 8),
    shstrndx: reader.u16(tail + 10),
  };
  const entrySize = reader.u16(tail + 2);
  const headers = readHeaders(reader, wordSize, phoff, entrySize, reader.u16(tail + 4));
  const segments = loadSegments(headers, bytes.length, fileType === 4);
  const interpreter = readInterpreter(reader, headers);
  const warnings: string[] = [];
  const dynamic = lazily(() => readDynamic(reader, wordSize, only(headers, PT_DYNAMIC), segments));
  const type = typeOf(fileType, interpreter !== undefined || attempt(() => dynamic().pie, warnings) === true);
  const runs = type === "exec" || type === "pie";
  if (runs && !covers(segments, entry)) {
    if (segments.length === 0) throw sageError("ELF_SEGMENT", "a program without anything to load");
    warnings.push(`the entry 0x${entry.toString(16)} is in no executable segment`);
  }
  const notes = lazily(() => readNotes(reader, noteRanges(headers)));
  const sections = lazily(() => readSections(tables));
  const symbols = lazily(() => readSymbols(tables, sections()));
  const stack = only(headers, PT_GNU_STACK);

  return {
    format: "elf",
    isa: isaName(machine, bits, reader.littleEndian),
    ...osOf(bytes[7]!, notes, interpreter, warnings),
    abi: abiName(machine, bits, flags),
    bits,
    littleEndian: reader.littleEndian,
    type,
    entry,
    segments,
    interpreter,
    phdr: locate(headers, segments, phoff, entrySize),
    tls: readTls(headers, bytes.length),
    stackProt: stack && protOf(stack.flags),
    warnings,
    bytes,
    dynamic,
    sections,
    symbols,
    notes,
  };
}

function classOf(value: number): 4 | 8 {
  if (value === 1) return 4;
  if (value === 2) return 8;
  throw sageError("ELF_HEADER", `class ${value} is neither 32-bit (1) nor 64-bit (2)`);
}

function isLittle(value: number): boolean {
  if (value === 1 || value === 2) return value === 1;
  throw sageError("ELF_HEADER", `byte order ${value} is neither little (1) nor big (2)`);
}

function readHeaders(reader: Reader, wordSize: 4 | 8, offset: number, size: number, count: number): ProgramHeader[] {
  if (count === 0) return [];
  const least = wordSize === 8 ? 56 : 32;
  if (size !== least) throw sageError("ELF_HEADER", `program headers of ${size} bytes, they have ${least}`);
  if (count * size > PHDRS_BYTES) throw sageError("ELF_TOO_BIG", `${count} program headers`);
  if (offset + count * size > reader.size) reader.slice(offset, count * size); // throws
  const headers: ProgramHeader[] = [];
  for (let i = 0; i < count; i++) headers.push(readHeader(reader, wordSize, offset + i * size));
  return headers;
}

/** Elf32_Phdr keeps p_flags behind p_memsz, Elf64_Phdr behind p_type. */
function readHeader(reader: Reader, wordSize: 4 | 8, at: number): ProgramHeader {
  const word = (index: number) => reader.word(at + (wordSize === 8 ? 8 : 4) + index * wordSize, wordSize);
  return {
    type: reader.u32(at),
    flags: reader.u32(at + (wordSize === 8 ? 4 : 24)),
    offset: word(0),
    address: word(1),
    fileSize: word(3),
    memorySize: word(4),
    align: wordSize === 8 ? word(5) : reader.u32(at + 28),
  };
}

/** PT_LOADs in ascending order, checked: inside the file (`partly`: core files may be cut), exact, not overlapping. */
function loadSegments(headers: readonly ProgramHeader[], fileBytes: number, partly: boolean): Segment[] {
  const segments: Segment[] = [];
  for (const h of headers) {
    if (h.type !== PT_LOAD || h.memorySize === 0) continue;
    const what = `segment at 0x${h.address.toString(16)}`;
    if (h.fileSize > h.memorySize)
      throw sageError("ELF_SEGMENT", `${what}: ${show(h.fileSize)} bytes of file for ${show(h.memorySize)} of memory`);
    if (h.address + h.memorySize > ADDRESS_END) {
      if (h.address >= EXACT || h.memorySize > ADDRESS_END)
        throw sageError("ELF_TOO_BIG", `${what} asks for ${show(h.memorySize)} bytes there`);
    }
    if (h.offset + h.fileSize > fileBytes && !partly)
      throw sageError("ELF_TRUNCATED", `${what} ends at file offset ${show(h.offset + h.fileSize)} of ${fileBytes}`);
    const fileSize = Math.max(0, Math.min(h.fileSize, fileBytes - h.offset));
    segments.push({
      address: h.address,
      memorySize: h.memorySize,
      fileOffset: h.offset,
      fileSize,
      prot: protOf(h.flags),
    });
  }
  segments.sort((a, b) => a.address - b.address);
  for (let i = 1; i < segments.length; i++) {
    const before = segments[i - 1]!;
    if (before.address + before.memorySize > segments[i]!.address)
      throw sageError(
        "ELF_OVERLAP",
        `segments at 0x${before.address.toString(16)} and 0x${segments[i]!.address.toString(16)} overlap`,
      );
  }
  return segments;
}

/** PF_X 1, PF_W 2, PF_R 4 to PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4. */
function protOf(flags: number): number {
  return ((flags & 4) >>> 2) | (flags & 2) | ((flags & 1) << 2);
}

function readInterpreter(reader: Reader, headers: readonly ProgramHeader[]): string | undefined {
  const header = headers.find((h) => h.type === PT_INTERP);
  if (!header) return undefined;
  if (header.fileSize < 2 || header.fileSize > PATH_MAX)
    throw sageError("ELF_SEGMENT", `the interpreter's path has ${show(header.fileSize)} bytes`);
  reader.slice(header.offset, header.fileSize); // throws where the file is cut
  const path = reader.text(header.offset, header.offset + header.fileSize);
  if (!path) throw sageError("ELF_SEGMENT", "the interpreter's path is empty or has no end");
  return path;
}

/** ET_DYN is a program where it asks for an interpreter or its dynamic table says so (static PIEs ask for none). */
function typeOf(fileType: number, pie: boolean): ImageType {
  if (fileType === 1) return "relocatable";
  if (fileType === 2) return "exec";
  if (fileType === 3) return pie ? "pie" : "shared";
  return fileType === 4 ? "core" : "other";
}

function only(headers: readonly ProgramHeader[], type: number): ProgramHeader | undefined {
  return headers.find((h) => h.type === type);
}

function covers(segments: readonly Segment[], address: number): boolean {
  return segments.some((s) => s.prot & 4 && address >= s.address && address < s.address + s.memorySize);
}

function noteRanges(headers: readonly ProgramHeader[]): { offset: number; size: number; align: number }[] {
  return headers.filter((h) => h.type === PT_NOTE).map((h) => ({ offset: h.offset, size: h.fileSize, align: h.align }));
}

function readTls(headers: readonly ProgramHeader[], fileBytes: number): TlsTemplate | undefined {
  const h = only(headers, PT_TLS);
  if (!h) return undefined;
  if (h.fileSize > h.memorySize || h.memorySize > ADDRESS_END || h.align > ADDRESS_END)
    throw sageError("ELF_SEGMENT", `a thread-local template of ${show(h.fileSize)} in ${show(h.memorySize)} bytes`);
  if (h.offset + h.fileSize > fileBytes)
    throw sageError("ELF_TRUNCATED", `the thread-local template ends at file offset ${show(h.offset + h.fileSize)}`);
  return {
    address: h.address,
    fileOffset: h.offset,
    fileSize: h.fileSize,
    memorySize: h.memorySize,
    align: Math.max(h.align, 1),
  };
}

/** Where the program headers are once loaded: what AT_PHDR tells the program. */
function locate(
  headers: readonly ProgramHeader[],
  segments: readonly Segment[],
  offset: number,
  entrySize: number,
): ProgramHeaders {
  const end = offset + headers.length * entrySize;
  const home = segments.find((s) => offset >= s.fileOffset && end <= s.fileOffset + s.fileSize);
  const address = home && home.address + (offset - home.fileOffset);
  return { offset, entrySize, count: headers.length, address };
}

/** Notes tell best (PT_NOTE's ABI tag), then the header, then the interpreter's path; else it is taken for Linux. */
function osOf(
  osabi: number,
  notes: () => readonly Note[],
  interpreter: string | undefined,
  warnings: string[],
): Pick<Image, "os" | "osEvidence"> {
  for (const note of attempt(notes, warnings) ?? []) {
    const os = osOfNote(note.name, note.type, note.data);
    if (os) return { os, osEvidence: "note" };
  }
  const byHeader = osabi === 0 ? undefined : (osOfAbi(osabi) ?? `osabi-${osabi}`);
  if (byHeader) return { os: byHeader, osEvidence: "header" };
  const byInterpreter = interpreter === undefined ? undefined : osOfInterpreter(interpreter);
  if (byInterpreter) return { os: byInterpreter, osEvidence: "interpreter" };
  return { os: "linux", osEvidence: "default" };
}

/** What `make` gives; a lie in a table that a run can do without becomes a warning. */
function attempt<T>(make: () => T, warnings: string[]): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof SageError)) throw error;
    warnings.push(error.message);
    return undefined;
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** A size for a message: hostile ones are shown in powers, not as 1.8e19. */
function show(size: number): string {
  return size < EXACT ? String(size) : `2^${Math.log2(size).toFixed(1)}`;
}
