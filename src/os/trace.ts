import { Span } from "../kernel/guest.ts";
import type { SyscallResult } from "../kernel/result.ts";
import type { AbiBook } from "./abi.ts";
import { type ArgValue, type RegisterValue, StructPlace, unsigned } from "./arguments.ts";
import type { Fields, FieldValue, Layout } from "./layout.ts";
import type { Arg, CallRow } from "./row.ts";
import type { SymbolSet } from "./symbols.ts";

/** Bytes of a buffer that a trace line shows, as strace does. */
const SHOWN = 32;
const ENTRIES = 8;

export const hex = (n: number): string => `0x${n.toString(16)}`;

/** Trace lines in strace's manner, from the same rows that dispatch reads. */
export class Tracer {
  private readonly book: AbiBook;
  constructor(book: AbiBook) {
    this.book = book;
  }

  /** A finished call. `values` undefined: its arguments could not be read. */
  call(
    row: CallRow,
    operation: CallRow | undefined,
    registers: readonly RegisterValue[],
    values: readonly ArgValue[] | undefined,
    result: SyscallResult,
  ): string {
    const shown = operation ?? row;
    const failed = typeof result !== "number" && result.k === "error";
    const parts = shown.described
      ? shown.args.map((arg, i) => this.arg(shown, row, arg, registers[i]!, values?.[i], failed, result))
      : registers.map((register) => hex(unsigned(register)));
    return `${row.name}(${parts.join(", ")}) = ${this.result(shown, result)}`;
  }

  unknown(number: number, registers: readonly RegisterValue[]): string {
    return `syscall_${number}(${registers.map((r) => hex(unsigned(r))).join(", ")}) = ${this.error("ENOSYS")}`;
  }

  signal(signal: number, code: number, address: number | undefined): string {
    const name = this.book.signals.get(signal)?.name ?? `SIGRT_${signal - 32}`;
    const where = address === undefined ? "" : `, si_addr=${hex(address)}`;
    return `--- ${name} {si_signo=${name}, si_code=${code}${where}} ---`;
  }

  private error(code: string): string {
    const row = this.book.errors.get(code);
    return `-1 ${code}${row ? ` (${row.text})` : ""}`;
  }

  private result(row: CallRow, result: SyscallResult): string {
    if (typeof result !== "number") return result.k === "error" ? this.error(result.code) : "?";
    const set = this.book.set(row.result);
    if (set) {
      const value = this.book.encode(set.name, result);
      return `${hex(value)} (${symbols(set, value)})`;
    }
    if (row.result === "ptr") return hex(result);
    return row.result === "mode" ? `0${result.toString(8)}` : String(result);
  }

  private arg(
    shown: CallRow,
    row: CallRow,
    arg: Arg,
    register: RegisterValue,
    value: ArgValue | undefined,
    failed: boolean,
    result: SyscallResult,
  ): string {
    const { type } = arg;
    switch (type.k) {
      case "scalar":
        if (type.as === "skip" || arg.name === row.by?.arg) return shown.name;
        return this.scalar(type.as, register);
      case "symbol":
        return symbols(type.set, type.set.kind === "enum" ? register.lo : register.lo >>> 0);
      case "path":
        return typeof value === "string" ? quote(new TextEncoder().encode(value), 4096) : address(register);
      case "buffer":
        return this.buffer(type.dir, register, value, failed, result);
      case "struct":
        return this.struct(type.dir, register, value, failed);
    }
  }

  private scalar(as: string, register: RegisterValue): string {
    const { lo } = register;
    switch (as) {
      case "dirfd":
        return lo === this.book.constant("AT_FDCWD") ? "AT_FDCWD" : String(lo);
      case "ptr":
        return address(register);
      case "ulong":
        return hex(unsigned(register));
      case "size":
        return String(unsigned(register));
      case "off":
      case "long":
        return String(register.hi * 0x100000000 + (lo >>> 0));
      case "mode":
        return `0${(lo >>> 0).toString(8)}`;
      case "signal":
        return this.book.signals.get(lo)?.name ?? String(lo);
      case "uint":
        return String(lo >>> 0);
      default:
        return String(lo);
    }
  }

  private buffer(
    dir: string,
    register: RegisterValue,
    value: ArgValue | undefined,
    failed: boolean,
    result: SyscallResult,
  ): string {
    if (!(value instanceof Span)) return address(register);
    const filled = dir === "out" ? (typeof result === "number" ? result : 0) : value.size;
    if (dir === "out" && failed) return address(register);
    const size = Math.min(value.size, filled);
    if (!value.memory.allows(value.address, Math.min(size, SHOWN + 1), 1)) return address(register);
    return quote(value.memory.read(value.address, Math.min(size, SHOWN + 1)), SHOWN);
  }

  private struct(dir: string, register: RegisterValue, value: ArgValue | undefined, failed: boolean): string {
    if (!(value instanceof StructPlace) || value.isNull) return address(register);
    if ((dir === "out" && failed) || value.count < 0) return address(register);
    const { layout } = value;
    const count = Math.min(value.count, ENTRIES);
    if (!value.layout.size || !this.readable(value, count)) return address(register);
    const items: string[] = [];
    for (let i = 0; i < count; i++) items.push(this.fields(layout, value.get(i)));
    if (value.count > count) items.push("...");
    return value.count === 1 ? items[0]! : `[${items.join(", ")}]`;
  }

  private readable(place: StructPlace, count: number): boolean {
    try {
      for (let i = 0; i < count; i++) place.get(i);
      return true;
    } catch {
      return false;
    }
  }

  private fields(layout: Layout, fields: Fields): string {
    if (layout.fields.length === 1) return this.field(layout, layout.fields[0]!.name, Object.values(fields)[0]!);
    const parts = Object.entries(fields).map(([name, value]) => `${name}=${this.field(layout, name, value)}`);
    return `{${parts.join(", ")}}`;
  }

  private field(layout: Layout, name: string, value: FieldValue): string {
    const field = layout.fields.find((f) => f.name === name);
    if (field?.nested && !Array.isArray(value)) return this.fields(field.nested, value as Fields);
    const set = field?.set ? this.book.set(field.set) : undefined;
    if (set) return symbols(set, this.book.encode(set.name, value as number | string));
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value === "bigint") return `0x${value.toString(16)}`;
    if (Array.isArray(value)) return `[${value.map((v) => (typeof v === "number" ? String(v) : "{...}")).join(", ")}]`;
    if (name === "mode") return `0${(value as number).toString(8)}`;
    return (value as number) >= 2 ** 63 ? "-1" : String(value);
  }
}

function address(register: RegisterValue): string {
  const value = unsigned(register);
  return value === 0 ? "NULL" : hex(value);
}

/** Names of a flag word joined by |, what has no name in hex; or the name of an enumerated value. */
export function symbols(set: SymbolSet, value: number): string {
  if (set.kind === "enum") return set.byValue.get(value) ?? hex(value >>> 0);
  const names: string[] = [];
  let seen = 0;
  for (const entry of set.entries) {
    if (entry.value === 0) {
      if ((value & seen) === 0) names.unshift(entry.name);
    } else if ((value & entry.value) >>> 0 === entry.value) names.push(entry.name);
    seen |= entry.value;
  }
  const rest = (value & ~set.known) >>> 0;
  if (rest) names.push(hex(rest));
  // A name for nothing says something only about the bits before it.
  return names.length ? names.join("|") : "0";
}

/** A C string literal of at most `most` bytes, "..." behind it where there is more. */
export function quote(bytes: Uint8Array, most: number): string {
  let out = '"';
  const end = Math.min(bytes.length, most);
  for (let i = 0; i < end; i++) out += escaped(bytes[i]!, bytes[i + 1]);
  return `${out}"${bytes.length > most ? "..." : ""}`;
}

const NAMED: Readonly<Record<number, string>> = {
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};
function escaped(byte: number, next: number | undefined): string {
  const named = NAMED[byte];
  if (named) return named;
  if (byte >= 32 && byte < 127) return String.fromCharCode(byte);
  const digit = next !== undefined && next >= 48 && next <= 57;
  return `\\${digit ? byte.toString(8).padStart(3, "0") : byte.toString(8)}`;
}
