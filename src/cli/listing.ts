import { sageError } from "../errors.ts";
import { bytesAt, type Image, type SymbolEntry } from "../format/image.ts";
import type { Decoded, IsaBook } from "../rules/book.ts";

/** Code to be shown: `bytes` begin at `address`; `name` says where they are from. */
export interface Stretch {
  readonly name: string;
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** One instruction, or bytes that no row decodes. */
export interface ListedInst {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly decoded: Decoded | null;
}

/** How many instructions are shown where `--at` gives no end. */
const DEFAULT_COUNT = 32;

/**
 * What `--at` picks: all code without it; a symbol's body; or instructions from an address on, at most `count`.
 * Throws ADDRESS.
 */
export function stretches(image: Image, at: string | undefined, count: number | undefined): Stretch[] {
  if (at === undefined) return codeOf(image);
  const symbol = image.symbols().find((s) => s.name === at && s.defined);
  const address = symbol ? symbol.address : parseAddress(at);
  const bytes = bytesAt(image, address);
  if (!bytes) throw sageError("ADDRESS", `${at} is not in the file's code or data`);
  const size = symbol && count === undefined ? sizeOf(image, symbol) : bytes.length;
  return [{ name: symbol?.name ?? "", address, bytes: bytes.subarray(0, size) }];
}

/** The limit that goes with `stretches`: none for all code or a symbol's body. */
export function limitOf(image: Image, at: string | undefined, count: number | undefined): number {
  if (count !== undefined) return count;
  if (at === undefined || image.symbols().some((s) => s.name === at && s.defined)) return Number.POSITIVE_INFINITY;
  return DEFAULT_COUNT;
}

/** "0x10100" or "10100" as hexadecimal, as disassemblers print it. */
function parseAddress(text: string): number {
  if (!/^(0x)?[0-9a-f]{1,13}$/i.test(text)) throw sageError("ADDRESS", `there is no symbol ${text}`);
  return Number.parseInt(text.replace(/^0x/i, ""), 16);
}

/** A symbol without a size ends where the next one begins. */
function sizeOf(image: Image, symbol: SymbolEntry): number {
  if (symbol.size > 0) return symbol.size;
  const later = image.symbols().filter((s) => s.defined && s.address > symbol.address);
  return Math.min(...later.map((s) => s.address)) - symbol.address;
}

/** Executable sections, or where there are none the executable segments. */
function codeOf(image: Image): Stretch[] {
  const sections = image.sections().filter((s) => s.prot & 4 && s.type === 1);
  if (sections.length === 0)
    return image.segments
      .filter((s) => s.prot & 4)
      .map((s) => ({
        name: "segment",
        address: s.address,
        bytes: image.bytes.subarray(s.fileOffset, s.fileOffset + s.fileSize),
      }));
  return sections.map((s) => {
    if (s.fileOffset + s.size > image.bytes.length)
      throw sageError("ELF_SECTION", `section ${s.name} lies beyond the end of the file`);
    return { name: s.name, address: s.address, bytes: image.bytes.subarray(s.fileOffset, s.fileOffset + s.size) };
  });
}

/** Decodes from the first byte to the last, in order. */
export function* instructions(book: IsaBook, stretch: Stretch, limit: number): Generator<ListedInst> {
  const { bytes, address } = stretch;
  for (let at = 0, shown = 0; at < bytes.length && shown < limit; shown++) {
    const decoded = book.decode(bytes, at);
    const length = decoded?.length ?? Math.min(book.align, bytes.length - at);
    yield { address: address + at, bytes: bytes.subarray(at, at + length), decoded };
    at += length;
  }
}

/** Names by address, for labels: functions first, then others. Mapping symbols ("$x") are no names. */
export function labels(image: Image): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  const usable = image.symbols().filter((s) => s.defined && s.name && !s.name.startsWith("$"));
  for (const s of usable) if (s.kind === "function" && !names.has(s.address)) names.set(s.address, s.name);
  for (const s of usable)
    if ((s.kind === "none" || s.kind === "object") && !names.has(s.address)) names.set(s.address, s.name);
  return names;
}

/** An instruction's bytes as one number in hexadecimal, as objdump shows fixed-width ISAs. */
export function wordText(bytes: Uint8Array, littleEndian: boolean): string {
  const ordered = littleEndian ? [...bytes].reverse() : [...bytes];
  return ordered.map((b) => b.toString(16).padStart(2, "0")).join("");
}
