import type { FieldRole } from "./oracle.ts";

/**
 * What a stub says about its registers: target descriptions (GDB manual, appendix G) as far as they say where bits are.
 * Read liberally: a stub's XML is written by hand, often by people in a hurry.
 */
export interface Register {
  readonly name: string;
  readonly bits: number;
  /** Number for `p` and `P`, and its order in `g`. */
  readonly number: number;
  readonly role: FieldRole;
  /** Bits with names of their own, of a `flags` type. */
  readonly flags: readonly { readonly name: string; readonly start: number; readonly end: number }[];
}

export interface Target {
  /** Text of <architecture>: "riscv:rv64", "i386:x86-64". */
  readonly architecture: string | undefined;
  readonly registers: readonly Register[];
}

interface Tag {
  readonly name: string;
  readonly end: boolean;
  readonly attributes: ReadonlyMap<string, string>;
  /** Text up to the next tag. */
  readonly text: string;
}

function* tags(xml: string): Generator<Tag> {
  const clean = xml.replace(/<!--[\s\S]*?-->/g, "").replace(/<!DOCTYPE[^>[]*(\[[\s\S]*?\])?\s*>/g, "");
  for (const m of clean.matchAll(/<(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*\/?>([^<]*)/g)) {
    const attributes = new Map<string, string>();
    for (const a of m[3]!.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) attributes.set(a[1]!, a[2] ?? a[3]!);
    yield { name: m[2]!, end: m[1] === "/", attributes, text: m[4]!.trim() };
  }
}

/** Documents that a description includes, by name, in order. */
export function includesOf(xml: string): string[] {
  return [...tags(xml)].filter((t) => t.name === "xi:include" && !t.end).flatMap((t) => t.attributes.get("href") ?? []);
}

/** `documents`: the description first, then what it includes, in order. */
export function readTarget(documents: readonly string[]): Target {
  let architecture: string | undefined;
  const registers: Register[] = [];
  const types = new Map<string, Register["flags"][number][]>();
  let open: Register["flags"][number][] | undefined;
  // A document stands where it is included; numbers go on across documents
  let next = 0;
  const read = (xml: string): void => {
    for (const tag of tags(xml)) {
      const get = (name: string): string | undefined => tag.attributes.get(name);
      if (tag.name === "architecture" && !tag.end && tag.text !== "") architecture ??= tag.text;
      if (tag.name === "xi:include" && !tag.end) {
        const text = documents[++included];
        if (text !== undefined) read(text);
      }
      if (tag.name === "flags" && !tag.end) types.set(get("id") ?? "", (open = []));
      if (tag.name === "flags" && tag.end) open = undefined;
      if (tag.name === "field" && open) {
        const start = Number(get("start") ?? Number.NaN);
        const end = Number(get("end") ?? start);
        if (Number.isInteger(start) && end >= start) open.push({ name: get("name") ?? "", start, end });
      }
      if (tag.name !== "reg" || tag.end) continue;
      const bits = Number(get("bitsize"));
      if (!(bits >= 1 && bits <= 4096)) continue;
      const number = Number(get("regnum") ?? next);
      next = number + 1;
      const name = get("name") ?? `r${number}`;
      const type = get("type") ?? "int";
      registers.push({ name, bits, number, role: roleOf(name, type, get("group")), flags: types.get(type) ?? [] });
    }
  };
  let included = 0;
  read(documents[0] ?? "");
  // A stub may hand over documents that nothing included
  while (included + 1 < documents.length) read(documents[++included]!);
  registers.sort((a, b) => a.number - b.number);
  return { architecture, registers };
}

const PC_NAMES: readonly string[] = ["pc", "rip", "eip", "ip", "npc", "iar"];

function roleOf(name: string, type: string, group: string | undefined): FieldRole {
  if (PC_NAMES.includes(name.toLowerCase()) || /^program.?counter$/i.test(name)) return "pc";
  if (/^(ieee|i387|bfloat|arm_fpa)/.test(type) || group === "float") return "float";
  if (group === "vector" || /^(vec|v\d|aarch64v|neon|uint128)/.test(type)) return "vector";
  if (group === "system" || group === "csr") return "system";
  // A 64-bit float of several readings is a union
  return /fp_double|fp_single|riscv_double/.test(type) ? "float" : "integer";
}

/** The register that a description gives the type of a code pointer, for machines with another name for the pc. */
export function codePointers(documents: readonly string[]): readonly string[] {
  const names: string[] = [];
  for (const xml of documents)
    for (const tag of tags(xml)) {
      const pc = tag.attributes.get("type") === "code_ptr" || tag.attributes.get("generic") === "pc";
      if (tag.name === "reg" && pc) names.push(tag.attributes.get("name") ?? "");
    }
  return names;
}

/** Regions of `qXfer:memory-map:read` (GDB manual, "Memory Map Format"): type, start, length. */
export function readMemoryMap(xml: string): { readonly ram: boolean; readonly start: bigint; readonly size: bigint }[] {
  const number = (s: string | undefined): bigint => {
    try {
      return BigInt(s ?? "0");
    } catch {
      return 0n;
    }
  };
  return [...tags(xml)]
    .filter((t) => t.name === "memory" && !t.end)
    .map((t) => ({
      ram: t.attributes.get("type") === "ram",
      start: number(t.attributes.get("start")),
      size: number(t.attributes.get("length")),
    }))
    .filter((m) => m.size > 0n);
}
