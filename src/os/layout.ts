import { posix } from "../kernel/posix.ts";
import type { AbiError } from "./error.ts";
import type { Symbols } from "./symbols.ts";

/** What a structure's fields decode to. Integers of up to 53 bits are numbers; `bits` fields keep all 64 as bigint. */
export type FieldValue = number | bigint | string | readonly FieldValue[] | Fields;
export interface Fields {
  readonly [name: string]: FieldValue;
}

interface Field {
  readonly name: string; // "-" is padding
  readonly offset: number;
  /** Elements of an array, or 0 for a single value. */
  readonly count: number;
  readonly size: number; // of one element
  readonly kind: string; // i8 .. u64, bits, chars, struct
  readonly nested: Layout | undefined;
  /** Flag set or enumeration that the integer is read through. */
  readonly set: string | undefined;
  /** Bits that the set does not name are EINVAL. */
  readonly strict: boolean;
}

const SIZES: Readonly<Record<string, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  bits: 8,
  chars: 1,
};
const HIGH = 0x100000000;
const TWO64 = HIGH * HIGH;
const text = new TextDecoder();
const bytes = new TextEncoder();

/** A C structure: where its fields are and how they become values and back. Little-endian, natural alignment. */
export class Layout {
  readonly name: string;
  readonly fields: readonly Field[];
  readonly size: number;
  readonly align: number;
  private readonly symbols: Symbols;

  /** `spec`: "sec:i64 nsec:i64"; types are SIZES', another structure's name, each with [N] and .SET behind it. */
  constructor(name: string, spec: string, symbols: Symbols, fail: (what: string) => AbiError) {
    this.name = name;
    this.symbols = symbols;
    const fields: Field[] = [];
    let at = 0;
    let align = 1;
    const tokens = spec.split(/\s+/);
    const packed = tokens.includes("packed");
    for (const token of tokens) {
      if (!token || token === "packed") continue;
      const match = /^([\w-]+):(\w+?)(?:\[(\d+)\])?(?:\.(\w+)(!?))?$/.exec(token);
      if (!match) throw fail(`"${token}" in struct ${name} is not NAME:TYPE, NAME:TYPE[COUNT] or NAME:TYPE.SET`);
      const kind = match[2]!;
      const nested = SIZES[kind] === undefined ? symbols.layout(kind) : undefined;
      if (SIZES[kind] === undefined && !nested) throw fail(`struct ${name} has a field of unknown type "${kind}"`);
      const size = nested ? nested.size : SIZES[kind]!;
      const wants = packed ? 1 : nested ? nested.align : size;
      const count = match[3] ? Number(match[3]) : 0;
      at = Math.ceil(at / wants) * wants;
      fields.push({
        name: match[1]!,
        offset: at,
        count,
        size,
        kind: nested ? "struct" : kind,
        nested,
        set: match[4],
        strict: match[5] === "!",
      });
      at += size * (count || 1);
      align = Math.max(align, wants);
    }
    this.fields = fields;
    this.align = align;
    this.size = Math.ceil(at / align) * align;
  }

  decode(view: DataView, at: number): Fields {
    const out: Record<string, FieldValue> = {};
    for (const field of this.fields) {
      if (field.name === "-") continue;
      out[field.name] = this.readField(view, at + field.offset, field);
    }
    return out;
  }

  /** Writes the whole structure: fields that `value` lacks, and padding, as zero. */
  encode(view: DataView, at: number, value: Fields): void {
    for (let i = 0; i < this.size; i++) view.setUint8(at + i, 0);
    for (const field of this.fields) {
      const v = value[field.name];
      if (v !== undefined && field.name !== "-") this.writeField(view, at + field.offset, field, v);
    }
  }

  private readField(view: DataView, at: number, field: Field): FieldValue {
    if (field.kind === "chars") {
      const raw = new Uint8Array(view.buffer, view.byteOffset + at, field.count);
      const nul = raw.indexOf(0);
      return text.decode(raw.subarray(0, nul < 0 ? field.count : nul).slice());
    }
    if (!field.count) return this.readOne(view, at, field);
    const list: FieldValue[] = [];
    for (let i = 0; i < field.count; i++) list.push(this.readOne(view, at + i * field.size, field));
    return list;
  }

  private readOne(view: DataView, at: number, field: Field): FieldValue {
    if (field.nested) return field.nested.decode(view, at);
    if (field.kind === "bits") return view.getBigUint64(at, true);
    const n = readInt(view, at, field.kind);
    if (!field.set) return n;
    if (field.strict && !this.symbols.knows(field.set, n)) throw posix("EINVAL");
    return this.symbols.decode(field.set, n);
  }

  private writeField(view: DataView, at: number, field: Field, value: FieldValue): void {
    if (field.kind === "chars") {
      const raw = bytes.encode(value as string).subarray(0, field.count - 1);
      for (let i = 0; i < raw.length; i++) view.setUint8(at + i, raw[i]!);
      return;
    }
    if (!field.count) {
      this.writeOne(view, at, field, value);
      return;
    }
    const list = value as readonly FieldValue[];
    for (let i = 0; i < Math.min(field.count, list.length); i++)
      this.writeOne(view, at + i * field.size, field, list[i]!);
  }

  private writeOne(view: DataView, at: number, field: Field, value: FieldValue): void {
    if (field.nested) field.nested.encode(view, at, value as Fields);
    else if (typeof value === "bigint") view.setBigUint64(at, BigInt.asUintN(64, value), true);
    else {
      const n = field.set ? this.symbols.encode(field.set, value as number | string) : (value as number);
      writeInt(view, at, field.size, n);
    }
  }
}

function readInt(view: DataView, at: number, kind: string): number {
  switch (kind) {
    case "i8":
      return view.getInt8(at);
    case "u8":
      return view.getUint8(at);
    case "i16":
      return view.getInt16(at, true);
    case "u16":
      return view.getUint16(at, true);
    case "i32":
      return view.getInt32(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "i64":
      return view.getInt32(at + 4, true) * HIGH + view.getUint32(at, true);
    default:
      return view.getUint32(at + 4, true) * HIGH + view.getUint32(at, true);
  }
}

function writeInt(view: DataView, at: number, size: number, n: number): void {
  if (size === 1) view.setUint8(at, n);
  else if (size === 2) view.setUint16(at, n, true);
  else if (size === 4) view.setUint32(at, n, true);
  else {
    // What does not fit 64 bits is a limit without limit: all ones.
    const fits = n < TWO64;
    view.setUint32(at, fits ? n >>> 0 : 0xffffffff, true);
    view.setUint32(at + 4, fits ? Math.floor(n / HIGH) >>> 0 : 0xffffffff, true);
  }
}
