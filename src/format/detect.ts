import { latin1, Reader, startsWith } from "../bytes/reader.ts";
import { sageError } from "../errors.ts";
import { parseElf } from "./elf.ts";
import type { Image } from "./image.ts";

/** What a file is, from its bytes. `detail` is a few words for a person; `interpreter` is a script's. */
export interface Detection {
  readonly format: string;
  readonly detail: string;
  /** ISAs and OS the format's header names, where it is a program of a format SAGE cannot read yet. */
  readonly isas?: readonly string[];
  readonly os?: string;
  readonly interpreter?: readonly string[];
}

/** Formats with fixed first bytes: name, text at an offset, what it is. */
const magics: readonly (readonly [string, string, number, string])[] = [
  ["elf", "\x7fELF", 0, "ELF"],
  ["wasm", "\0asm", 0, "WebAssembly module"],
  ["llvm-bitcode", "BC\xc0\xde", 0, "LLVM bitcode"],
  ["ar", "!<arch>\n", 0, "archive of objects"],
  ["dex", "dex\n", 0, "Android bytecode"],
  ["gzip", "\x1f\x8b", 0, "gzip-compressed data"],
  ["zip", "PK\x03\x04", 0, "zip archive"],
  ["zip", "PK\x05\x06", 0, "zip archive, empty"],
  ["xz", "\xfd7zXZ\0", 0, "xz-compressed data"],
  ["zstd", "\x28\xb5\x2f\xfd", 0, "Zstandard-compressed data"],
  ["bzip2", "BZh", 0, "bzip2-compressed data"],
  ["lz4", "\x04\x22\x4d\x18", 0, "LZ4-compressed data"],
  ["7z", "7z\xbc\xaf\x27\x1c", 0, "7-Zip archive"],
  ["deb", "!<arch>\ndebian", 0, "Debian package"],
  ["rpm", "\xed\xab\xee\xdb", 0, "RPM package"],
  ["squashfs", "hsqs", 0, "SquashFS image"],
  ["iso9660", "CD001", 0x8001, "ISO 9660 image"],
  ["tar", "ustar", 257, "tar archive"],
  ["pdf", "%PDF-", 0, "PDF document"],
  ["png", "\x89PNG\r\n", 0, "PNG image"],
];

/** IMAGE_FILE_MACHINE_* of the PE format specification. */
const peMachines: Readonly<Record<number, string>> = {
  332: "x86",
  34404: "x86_64",
  448: "arm",
  452: "arm",
  43620: "aarch64",
  512: "ia64",
  20530: "riscv32",
  20580: "riscv64",
  25188: "loongarch64",
};
/** cputype of Mach-O (mach/machine.h); bit 24 says 64-bit. */
const machMachines: Readonly<Record<number, string>> = {
  7: "x86",
  16777223: "x86_64",
  12: "arm",
  16777228: "aarch64",
  18: "powerpc",
  16777234: "powerpc64",
};

/** Names the format; never throws. A file cut inside its header is still named by what is there. */
export function detect(bytes: Uint8Array): Detection {
  if (bytes.length === 0) return { format: "empty", detail: "no bytes" };
  return detectScript(bytes) ?? detectMach(bytes) ?? detectPe(bytes) ?? detectMagic(bytes) ?? detectText(bytes);
}

/** Reads a program file. Throws SageError: FILE_EMPTY, FORMAT_* or what the format's reader says. */
export function parseImage(bytes: Uint8Array): Image {
  const found = detect(bytes);
  if (found.format === "elf") return parseElf(bytes);
  if (found.format === "empty") throw sageError("FILE_EMPTY", "there is nothing to run");
  if (found.format === "unknown")
    throw sageError("FORMAT_UNKNOWN", `not a program in any format known: ${found.detail}`);
  const hint = found.format === "script" ? `run its interpreter: ${found.interpreter?.join(" ")}` : undefined;
  throw sageError("FORMAT_UNSUPPORTED", `${withArticle(found.detail)}, which SAGE cannot run`, hint);
}

function withArticle(text: string): string {
  return `this is ${/^[aeiouEI]/.test(text) ? "an" : "a"} ${text}`;
}

/** `#!` line as Linux reads it (fs/binfmt_script.c): at most 255 bytes, path and at most one argument. */
function detectScript(bytes: Uint8Array): Detection | undefined {
  if (!startsWith(bytes, "#!")) return undefined;
  const line = latin1(bytes.subarray(2, 255)).split("\n", 1)[0]!.trim();
  if (line === "") return undefined;
  const split = line.search(/[ \t]/);
  const interpreter = split < 0 ? [line] : [line.slice(0, split), line.slice(split).trim()];
  return { format: "script", detail: `script for ${interpreter[0]}`, interpreter };
}

function detectMagic(bytes: Uint8Array): Detection | undefined {
  if (isDmg(bytes)) return { format: "dmg", detail: "Apple disk image", os: "darwin" };
  let best: (typeof magics)[number] | undefined;
  for (const row of magics) {
    if (startsWith(bytes, row[1], row[2]) && (!best || row[1].length > best[1].length)) best = row;
  }
  return best && { format: best[0], detail: best[3] };
}

/** A disk image ends in a 512-byte "koly" block. */
function isDmg(bytes: Uint8Array): boolean {
  return bytes.length >= 512 && startsWith(bytes, "koly", bytes.length - 512);
}

/** MZ, and at the offset that byte 0x3c gives, PE\0\0 (PE format, "MS-DOS Stub"). */
function detectPe(bytes: Uint8Array): Detection | undefined {
  if (!startsWith(bytes, "MZ")) return undefined;
  const reader = new Reader(bytes, true, () => new RangeError("short"));
  const at = bytes.length >= 64 ? reader.u32(0x3c) : bytes.length;
  if (!startsWith(bytes, "PE\0\0", at) || at + 26 > bytes.length)
    return { format: "dos", detail: "MS-DOS program, or a Windows one cut off", os: "dos" };
  const machine = reader.u16(at + 4);
  const isa = peMachines[machine] ?? `machine-0x${machine.toString(16)}`;
  const library = (reader.u16(at + 22) & 0x2000) !== 0;
  return { format: "pe", detail: `Windows ${library ? "library" : "program"} for ${isa}`, isas: [isa], os: "windows" };
}

/** Mach-O, thin in either byte order, or fat (several ISAs; big-endian header, mach-o/fat.h). */
function detectMach(bytes: Uint8Array): Detection | undefined {
  if (bytes.length < 8) return undefined;
  const reader = new Reader(bytes, true, () => new RangeError("short"));
  const big = new Reader(bytes, false, () => new RangeError("short"));
  const magic = reader.u32(0);
  if (magic === 0xfeedface || magic === 0xfeedfacf) return mach([reader.u32(4)]);
  if (magic === 0xcefaedfe || magic === 0xcffaedfe) return mach([big.u32(4)]);
  // Java classes begin with fat Mach-O's CAFEBABE; their second word is a version of at least 45
  if (magic !== 0xbebafeca) return undefined;
  const count = big.u32(4);
  if (count === 0 || count >= 45) return { format: "java-class", detail: "Java class" };
  const cpus: number[] = [];
  for (let at = 8; cpus.length < count && at + 20 <= bytes.length; at += 20) cpus.push(big.u32(at));
  return mach(cpus);
}

function mach(cpus: readonly number[]): Detection {
  const isas = cpus.map((cpu) => machMachines[cpu] ?? `cpu-0x${cpu.toString(16)}`);
  return { format: "mach-o", detail: `macOS program for ${isas.join(" and ")}`, isas, os: "darwin" };
}

function detectText(bytes: Uint8Array): Detection {
  const head = bytes.subarray(0, 512);
  const binary = head.some((b) => b < 9 || (b > 13 && b < 27) || (b > 27 && b < 32) || b === 127);
  return { format: "unknown", detail: binary ? "bytes of no format known" : "text" };
}
