import { AbiError } from "./error.ts";
import type { Layout } from "./layout.ts";
import type { SymbolSet } from "./symbols.ts";

/** How an argument register is read. strict: error for bits that a set does not name, or "". */
export type ArgType =
  | { readonly k: "scalar"; readonly as: Scalar }
  | { readonly k: "symbol"; readonly set: SymbolSet; readonly strict: string }
  | { readonly k: "path"; readonly nullable: boolean }
  | { readonly k: "buffer"; readonly dir: Direction; readonly size: number }
  /** count: 1, a fixed number (fixed), or -1 - (argument number) of the argument that tells it. */
  | { readonly k: "struct"; readonly dir: Direction; readonly layout: Layout; readonly count: number };
export type Direction = "in" | "out" | "inout";
const SCALARS = [
  "fd",
  "dirfd",
  "int",
  "uint",
  "long",
  "ulong",
  "size",
  "off",
  "ptr",
  "mode",
  "signal",
  "skip",
] as const;
export type Scalar = (typeof SCALARS)[number];

export interface Arg {
  readonly name: string;
  readonly type: ArgType;
  /** Number of the argument register that holds it; -1: none, it always is `fixed`. */
  readonly register: number;
  readonly fixed: number;
}

/** A register's two halves, as int32. */
interface Halves {
  readonly lo: number;
  readonly hi: number;
}

/** What a row needs from the rest of its rulebook. */
export interface RowContext {
  readonly file: string;
  set(name: string): SymbolSet | undefined;
  layout(name: string): Layout | undefined;
}

/** What a row's text says. */
interface Parsed {
  readonly args: readonly Arg[];
  readonly result: string;
  /** Every argument is in the register of its place. */
  readonly plain: boolean;
  readonly byArg: number;
  readonly registers: number;
  readonly resultSet: SymbolSet | undefined;
}

/** A row as it is stored: its arguments not yet read. */
export interface RowText {
  readonly number: number;
  readonly name: string;
  /** Name of the kernel call; null: ENOSYS. */
  readonly handler: string | null;
  /** declined: ENOSYS on purpose, programs are known to go on without. */
  readonly status: "full" | "partial" | "none" | "declined";
  readonly note: string;
  /** Argument by which the operation is chosen, and the error for one that has no row. */
  readonly by?: { readonly arg: string; readonly mask: number; readonly otherwise: string };
  readonly line: number;
  /** The arguments' and the result's text. */
  readonly spec: string;
}

/** Reads the cells NAME | ARGUMENTS | HANDLER | STATUS. Throws AbiError. */
export function rowText(number: number, cells: readonly string[], line: number, { file }: RowContext): RowText {
  const [name = "", spec = "", does = "", stands = ""] = cells;
  const fail = (what: string) => new AbiError(`${file}:${line}: ${name}: ${what}`);
  const read = /^(full|partial|none|declined)(?:: (.+))?$/.exec(stands);
  if (!read) throw fail(`"${stands}" is not full, partial: WHAT, none or declined: WHY`);
  const status = read[1] as RowText["status"];
  const by = /^by (\w+)(?: mask (0x[0-9a-f]+))? else (E\w+)$/.exec(does);
  const handler = by || does === "-" ? null : does;
  const served = status === "full" || status === "partial";
  if (!served && handler) throw fail("a call with a handler is full or partial");
  if (served && !handler && !by) throw fail("a call without a handler is none or declined");
  const text = { number, name, handler, status, note: read[2] ?? "", line, spec };
  return by ? { ...text, by: { arg: by[1]!, mask: by[2] ? Number(by[2]) : 0xffffffff, otherwise: by[3]! } } : text;
}

/** A call, or one operation of a call. Arguments are parsed when first asked for: most programs use few calls. */
export class CallRow {
  readonly number: number;
  readonly name: string;
  readonly handler: string | null;
  readonly status: RowText["status"];
  readonly note: string;
  readonly by: RowText["by"];
  readonly operations = new Map<number, CallRow>();
  readonly line: number;
  readonly spec: string;
  private readonly context: RowContext;
  private parsed: Parsed | undefined;

  constructor(text: RowText, context: RowContext) {
    this.number = text.number;
    this.name = text.name;
    this.handler = text.handler;
    this.status = text.status;
    this.note = text.note;
    this.by = text.by;
    this.line = text.line;
    this.spec = text.spec;
    this.context = context;
  }

  /** Arguments in register order; empty where they are not described (`...`). */
  get args(): readonly Arg[] {
    return this.parse().args;
  }
  /** int, fd, size, off, ptr, long, mode or a flag set: how the result reads in a trace. */
  get result(): string {
    return this.parse().result;
  }
  get described(): boolean {
    return this.spec !== "...";
  }
  /** Register number of the argument that `by` names. */
  get byArg(): number {
    return this.parse().byArg;
  }
  /** How many argument registers matter. */
  get registers(): number {
    return this.parse().registers;
  }
  /** Arguments are the first registers in their order. */
  get plain(): boolean {
    return this.parse().plain;
  }
  /** The set that the result is translated through. */
  get resultSet(): SymbolSet | undefined {
    return this.parse().resultSet;
  }

  /** Values of the arguments in their order, of argument registers in the ABI's. */
  arrange<T extends Halves>(registers: readonly T[]): readonly Halves[] {
    const { args, plain } = this.parse();
    if (plain) return registers;
    return args.map(({ register, fixed }) =>
      register < 0 ? { lo: fixed | 0, hi: fixed < 0 ? -1 : 0 } : registers[register]!,
    );
  }

  private parse(): Parsed {
    if (this.parsed) return this.parsed;
    const [left = "", result = "int"] = this.spec.split("->").map((part) => part.trim());
    const tokens = left === "..." ? [] : left.split(/\s+/).filter(Boolean);
    const heads = tokens.map((token) => /^(\w+)(?:@(\d)|=(-?\w+))?/.exec(token));
    const names = heads.map((head) => head?.[1] ?? "");
    let next = 0;
    const args = tokens.map((token, i): Arg => {
      const [, name = "", at, fixed] = heads[i] ?? [];
      const type = this.type(token, names);
      if (fixed !== undefined) return { name, type, register: -1, fixed: Number(fixed) };
      return { name, type, register: at === undefined ? next++ : Number(at), fixed: 0 };
    });
    if (args.some((arg) => arg.register > 5)) throw this.fail("a call has at most six arguments");
    this.parsed = {
      args,
      result,
      plain: args.every((arg, i) => arg.register === i),
      byArg: args.findIndex((arg) => arg.name === this.by?.arg),
      registers: this.by || left === "..." ? 6 : args.reduce((most, arg) => Math.max(most, arg.register + 1), 0),
      resultSet: this.context.set(result),
    };
    return this.parsed;
  }

  private type(token: string, names: readonly string[]): ArgType {
    const colon = token.indexOf(":");
    if (colon < 0) return { k: "scalar", as: "skip" };
    const type = token.slice(colon + 1);
    const scalar = SCALARS.find((name) => name === type);
    if (scalar) return { k: "scalar", as: scalar };
    if (type === "path" || type === "cstr") return { k: "path", nullable: false };
    if (type === "path?") return { k: "path", nullable: true };
    const [name = "", strict] = type.split("!");
    const set = this.context.set(name);
    if (set) return { k: "symbol", set, strict: strict === "" ? "EINVAL" : (strict ?? "") };
    const buffer = /^(in|out)\[(\w+)\]$/.exec(type);
    if (buffer) return { k: "buffer", dir: buffer[1] as Direction, size: this.position(buffer[2]!, names) };
    const struct = /^(in|out|inout):(\w+)(?:\[(=?)(\w+)\])?$/.exec(type);
    const layout = struct ? this.context.layout(struct[2]!) : undefined;
    if (!struct || !layout) throw this.fail(`"${token}" is not NAME:TYPE with a type, set or structure that exists`);
    const count = !struct[4] ? 1 : struct[3] ? Number(struct[4]) : -1 - this.position(struct[4], names);
    return { k: "struct", dir: struct[1] as Direction, layout, count };
  }

  private position(name: string, names: readonly string[]): number {
    const at = names.indexOf(name);
    if (at < 0) throw this.fail(`there is no argument "${name}"`);
    return at;
  }

  private fail(what: string): AbiError {
    return new AbiError(`${this.context.file}:${this.line}: ${this.name}: ${what}`);
  }
}
