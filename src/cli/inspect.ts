import { printable, SageError } from "../errors.ts";
import { detect } from "../format/detect.ts";
import { parseElf } from "../format/elf.ts";
import type { Image } from "../format/image.ts";
import { imageRisks } from "../format/risks.ts";
import { columns } from "./args.ts";
import type { Command } from "./command.ts";
import { readFile } from "./file.ts";

export const command: Command = {
  spec: {
    operands: "FILE",
    least: 1,
    most: 1,
    options: [
      { name: "json", help: "print it as JSON" },
      { name: "sections", help: "list the sections too" },
      { name: "symbols", help: "list the symbols too" },
    ],
    about: "Says what a file is: format, ISA, OS, ABI, segments, imports, what is risky about it, how sure that is.",
    examples: [
      ["inspect a.out", "for a person"],
      ["inspect --json a.out", "for a program"],
      ["inspect --symbols a.out", "addresses for sage disasm --at"],
    ],
  },
  run(args, io) {
    const file = args.operands[0]!;
    const bytes = readFile(io.host.fs, file);
    const found = detect(bytes);
    const image = found.format === "elf" ? parseElf(bytes) : undefined;
    const what = image ? { ...elfReport(image), ...tables(image, args.has("sections"), args.has("symbols")) } : found;
    const report = { file, size: bytes.length, ...what };
    io.print(args.has("json") ? `${JSON.stringify(report, null, 2)}\n` : `${text(report)}\n`);
    return 0;
  },
};

/** How sure each kind of evidence for the OS makes: a tag says it, System V's header leaves it open. */
const sureness = { note: 1, header: 0.95, interpreter: 0.95, default: 0.6 } as const;

function elfReport(image: Image) {
  const dynamic = orWhy(() => image.dynamic());
  const symbols = orWhy(() => image.symbols());
  const imports = Array.isArray(symbols) ? symbols.filter((s) => !s.defined && s.name).map((s) => s.name) : [];
  return {
    format: image.format,
    isa: image.isa,
    os: image.os,
    abi: image.abi,
    type: image.type,
    bits: image.bits,
    byteOrder: image.littleEndian ? "little" : "big",
    entry: hex(image.entry),
    interpreter: image.interpreter,
    needed: "needed" in dynamic ? dynamic.needed : [],
    segments: image.segments.map((s) => ({
      address: hex(s.address),
      memorySize: s.memorySize,
      fileOffset: s.fileOffset,
      fileSize: s.fileSize,
      prot: prot(s.prot),
    })),
    tls: image.tls && { address: hex(image.tls.address), size: image.tls.memorySize, align: image.tls.align },
    imports,
    risks: imageRisks(image),
    // Exact parsers say what the header says; whether the code is of that ISA they do not look at
    confidence: { format: 1, isa: 0.99, os: sureness[image.osEvidence] },
  };
}

function tables(image: Image, sections: boolean, symbols: boolean) {
  return {
    ...(sections && {
      sections: image
        .sections()
        .map((s) => ({ name: s.name, address: hex(s.address), size: s.size, prot: prot(s.prot) })),
    }),
    ...(symbols && {
      symbols: image
        .symbols()
        .filter((s) => s.defined && s.name && (s.kind === "function" || s.kind === "object" || s.kind === "none"))
        .map((s) => ({ name: s.name, address: hex(s.address), size: s.size, kind: s.kind })),
    }),
  };
}

function orWhy<T>(read: () => T): T | { readonly why: string } {
  try {
    return read();
  } catch (error) {
    if (error instanceof SageError) return { why: error.message };
    throw error;
  }
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}

function prot(bits: number): string {
  return `${bits & 1 ? "r" : "-"}${bits & 2 ? "w" : "-"}${bits & 4 ? "x" : "-"}`;
}

/** Rows of "name  value"; lists one item a line. Everything from the file is made printable. */
function text(report: Readonly<Record<string, unknown>>): string {
  const rows: [string, string][] = [];
  for (const [name, value] of Object.entries(report)) {
    if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) continue;
    const lines = Array.isArray(value) && typeof value[0] === "object" ? value.map(inline) : [inline(value)];
    rows.push(...lines.map((line, i): [string, string] => [i ? "" : name, line]));
  }
  return columns(rows);
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return value.map(inline).join(", ");
  if (typeof value !== "object" || value === null) return printable(String(value));
  return Object.entries(value)
    .map(([name, item]) => `${name} ${inline(item)}`)
    .join("  ");
}
