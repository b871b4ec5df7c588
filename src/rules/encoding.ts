import { RuleError } from "./error.ts";
import type { FieldDecl } from "./source.ts";

/** Some bits of a field: `len` bits from bit `at` of the instruction, going to bit `to` of the field. */
export interface Piece {
  readonly at: number;
  readonly to: number;
  readonly len: number;
}
export interface EncField {
  readonly name: string;
  readonly width: number;
  readonly signed: boolean;
  readonly view: string | undefined;
  readonly pieces: readonly Piece[];
}
/**
 * A fixed-width encoding: (word ^ match) & mask is 0, bits numbered from the least significant. What match has outside of
 * the mask is how bits that do not matter are written.
 */
export interface Encoding {
  readonly bits: number;
  readonly mask: number;
  readonly match: number;
  readonly fields: readonly EncField[];
}

/** Splits `PATTERN where CONDITION`. */
export function splitWhere(text: string): { pattern: string; where: string | undefined } {
  const m = /^(.*?)\s+where\s+(.*)$/.exec(text);
  return m ? { pattern: m[1].trim(), where: m[2].trim() } : { pattern: text.trim(), where: undefined };
}

interface Growing {
  width: number;
  readonly pieces: Piece[];
  readonly declared: FieldDecl | undefined;
}

/** Reads the bits of a fixed-width row, from the most significant. `lengths`: allowed widths in bits. */
export function parseEncoding(
  pattern: string,
  declared: ReadonlyMap<string, FieldDecl>,
  lengths: readonly number[] = [8, 16, 24, 32],
): Encoding {
  const tokens = pattern.split(/\s+/).filter((t) => t !== "");
  const parts: { len: number; literal?: number; written?: number; name?: string; to?: number }[] = [];
  const fields = new Map<string, Growing>();
  const growing = (name: string): Growing => {
    let f = fields.get(name);
    if (!f) fields.set(name, (f = { width: 0, pieces: [], declared: declared.get(name) }));
    return f;
  };
  for (const token of tokens) {
    if (/^[01]+$/.test(token)) {
      for (const bit of token) parts.push({ len: 1, literal: Number(bit) });
      continue;
    }
    if (/^_[01]+$/.test(token)) {
      for (const bit of token.slice(1)) parts.push({ len: 1, written: Number(bit) });
      continue;
    }
    const scattered = /^([A-Za-z_][A-Za-z0-9_]*)\[([0-9:|]+)\]$/.exec(token);
    if (scattered) {
      const f = growing(scattered[1]);
      for (const range of scattered[2].split("|")) {
        const [hi, lo] = range.includes(":") ? range.split(":").map(Number) : [Number(range), Number(range)];
        if (hi < lo || hi > 62) throw new RuleError("RULE_BITS", `${token}: bad range ${range}`);
        parts.push({ len: hi - lo + 1, name: scattered[1], to: lo });
        f.width = Math.max(f.width, hi + 1);
      }
      continue;
    }
    const plain = /^([A-Za-z_][A-Za-z0-9_]*)(?::([0-9]+))?$/.exec(token);
    if (!plain) throw new RuleError("RULE_SYNTAX", `encoding: cannot read "${token}"`);
    const width = plain[2] === undefined ? declared.get(plain[1])?.width : Number(plain[2]);
    if (width === undefined) throw new RuleError("RULE_NAME", `encoding: field ${plain[1]} has no width`);
    if (plain[1] === "_") {
      parts.push({ len: width });
      continue;
    }
    const f = growing(plain[1]);
    if (f.width > 0) throw new RuleError("RULE_BITS", `encoding: field ${plain[1]} stands twice`);
    f.width = width;
    parts.push({ len: width, name: plain[1], to: 0 });
  }
  const bits = parts.reduce((n, p) => n + p.len, 0);
  if (!lengths.includes(bits))
    throw new RuleError("RULE_BITS", `encoding has ${bits} bits, not ${lengths.join(" or ")}`);
  let mask = 0;
  let match = 0;
  let at = bits;
  for (const part of parts) {
    at -= part.len;
    if (part.literal !== undefined) {
      mask |= 1 << at;
      match |= part.literal << at;
    } else if (part.written !== undefined) match |= part.written << at;
    else if (part.name !== undefined) growing(part.name).pieces.push({ at, to: part.to ?? 0, len: part.len });
  }
  return { bits, mask, match, fields: [...fields].map(([name, f]) => fieldOf(name, f)) };
}

function fieldOf(name: string, f: Growing): EncField {
  let seen = 0n;
  for (const p of f.pieces) {
    const bits = ((1n << BigInt(p.len)) - 1n) << BigInt(p.to);
    if ((seen & bits) !== 0n) throw new RuleError("RULE_BITS", `encoding: bits of field ${name} stand twice`);
    seen |= bits;
  }
  if (f.width > 32) throw new RuleError("RULE_BITS", `encoding: field ${name} has ${f.width} bits, at most 32`);
  const low = Math.min(...f.pieces.map((p) => p.to));
  const whole = ((1n << BigInt(f.width)) - 1n) & ~((1n << BigInt(low)) - 1n);
  if (seen !== whole) throw new RuleError("RULE_BITS", `encoding: field ${name} lacks bits`);
  return { name, width: f.width, signed: f.declared?.signed ?? false, view: f.declared?.view, pieces: f.pieces };
}

/** Value of a field in an instruction word (int32). */
export function extractField(field: EncField, word: number): number {
  let v = 0;
  for (const p of field.pieces) v |= ((word >>> p.at) & mask32(p.len)) << p.to;
  return field.signed ? (v << (32 - field.width)) >> (32 - field.width) : v;
}

/** The word with a field put in; the value's bits outside of the field are lost. */
export function insertField(field: EncField, word: number, value: number): number {
  let w = word;
  for (const p of field.pieces) w |= ((value >>> p.to) & mask32(p.len)) << p.at;
  return w;
}

/** Whether the field can hold the value. */
export function holds(field: EncField, value: number): boolean {
  return extractField(field, insertField(field, 0, value)) === value;
}

/** `len` ones, 1 to 32. */
export const mask32 = (len: number): number => (len >= 32 ? -1 : (1 << len) - 1);
