import { F } from "../kernel/flags.ts";
import { AbiError } from "./error.ts";
import { type Fields, Layout } from "./layout.ts";
import type { CallRow, RowContext } from "./row.ts";
import { decodeSymbol, encodeSymbol, SymbolSet, type Symbols } from "./symbols.ts";

export interface ErrorRow {
  readonly name: string;
  readonly number: number;
  readonly text: string;
}

export interface SignalRow {
  readonly name: string;
  readonly number: number;
  readonly action: "terminate" | "core" | "ignore" | "stop" | "continue";
}

/** How one ISA calls this OS, and what the OS tells of the machine. Register names are the ISA rulebook's. */
export interface Machine {
  readonly isa: string;
  /** Which number column of the calls it uses. */
  readonly table: string;
  readonly number: string;
  readonly args: readonly string[];
  readonly result: string;
  readonly stack: string;
  readonly thread: string;
  /** Registers that arch_prctl sets, by number. */
  readonly bases: readonly string[];
  readonly return: string;
  /** Where a signal handler finds number, siginfo and ucontext. */
  readonly handler: readonly string[];
  readonly machine: string;
  readonly platform: string;
  readonly hwcap: number;
  readonly page: number;
  /** Clock ticks a second. */
  readonly tick: number;
  /** Bytes of the instruction that makes a call: how far back one is made again. */
  readonly callSize: number;
  /** Machine code that does the sigreturn call. */
  readonly trampoline: Uint8Array;
}

/** The register area of a signal frame: offsets in bytes from the frame's start. */
export interface FrameRow {
  readonly size: number;
  readonly context: number;
  /** Offset of siginfo. */
  readonly info: number;
  /** Name of ucontext's structure. */
  readonly layout: string;
  /** Bytes below the stack pointer that stay untouched. */
  readonly below: number;
  /** The frame begins so many bytes below what is aligned to 16. */
  readonly skew: number;
  /** How much of the frame the handler's return takes off the stack. */
  readonly popped: number;
  /** Registers that are zero when a handler begins. */
  readonly clear: readonly string[];
  readonly registers: readonly FrameRegister[];
}

/** A word of the frame: one register, several short ones packed, or no register but always the same value. */
export interface FrameRegister {
  readonly value: number;
  /** Not negative: the address of that place in the frame. */
  readonly place: number;
  readonly parts: readonly { readonly name: string; readonly shift: number }[];
  readonly offset: number;
  readonly size: number;
}

/**
 * An OS rulebook (rulebooks/os/*.abi) as its readers see it. Everything an OS's programs rely on in numbers and layouts
 * stands in rows; the language is specified in docs/abi-rulebooks.md.
 */
export class AbiBook implements Symbols, RowContext {
  readonly file: string;
  os = "";
  release = "";
  version = "";
  readonly machines = new Map<string, Machine>();
  /** What /proc/cpuinfo says, by ISA. */
  readonly cpuinfo = new Map<string, string>();
  readonly errors = new Map<string, ErrorRow>();
  readonly errorNames = new Map<number, string>();
  readonly signals = new Map<number, SignalRow>();
  readonly signalNumbers = new Map<string, number>();
  readonly faults = new Map<string, { signal: number; code: number }>();
  readonly sets = new Map<string, SymbolSet>();
  readonly constants = new Map<string, number>();
  readonly frames = new Map<string, FrameRow>();
  /** Rows by number, a map a number table ("generic"). */
  readonly calls = new Map<string, Map<number, CallRow>>();
  private readonly specs = new Map<string, { spec: string; line: number }>();
  private readonly layouts = new Map<string, Layout>();

  constructor(file: string) {
    this.file = file;
  }

  set(name: string): SymbolSet | undefined {
    return this.sets.get(name);
  }
  /** A structure, laid out at first use. */
  layout(name: string): Layout | undefined {
    const known = this.layouts.get(name);
    if (known) return known;
    const source = this.specs.get(name);
    if (!source) return undefined;
    const layout = new Layout(name, source.spec, this, (what) => this.fail(source.line, what));
    this.layouts.set(name, layout);
    return layout;
  }
  /** A structure that must exist. Throws AbiError. */
  struct(name: string): Layout {
    const layout = this.layout(name);
    if (!layout) throw new AbiError(`${this.file}: there is no struct ${name}`);
    return layout;
  }
  structNames(): string[] {
    return [...this.specs.keys()];
  }
  /** Texts of the structures, with their lines. */
  structTexts(): ReadonlyMap<string, { readonly spec: string; readonly line: number }> {
    return this.specs;
  }
  constant(name: string): number {
    const value = this.constants.get(name);
    if (value === undefined) throw new AbiError(`${this.file}: there is no const ${name}`);
    return value;
  }
  decode(set: string, value: number): number | string {
    return decodeSymbol(this.mustSet(set), value);
  }
  knows(set: string, value: number): boolean {
    const { kind, byValue, known } = this.mustSet(set);
    return kind === "enum" ? byValue.has(value) : (value & ~known) === 0;
  }
  encode(set: string, value: number | string): number {
    return encodeSymbol(this.mustSet(set), value);
  }
  encodeStruct(name: string, value: Fields): Uint8Array {
    const layout = this.struct(name);
    const out = new Uint8Array(layout.size);
    layout.encode(new DataView(out.buffer), 0, value);
    return out;
  }

  /** From now on this is the book of one number table: its own sets and structures (NAME/TABLE) stand for those of the name. */
  choose(table: string): void {
    const own = `/${table}`;
    for (const [name, set] of [...this.sets]) if (name.endsWith(own)) this.sets.set(name.slice(0, -own.length), set);
    for (const [name, spec] of [...this.specs])
      if (name.endsWith(own)) this.specs.set(name.slice(0, -own.length), spec);
    this.layouts.clear();
  }

  /** Adds a structure's text; src/os/parse.ts calls it. */
  declare(name: string, spec: string, line: number): void {
    if (this.specs.has(name)) throw this.fail(line, `struct ${name} is declared twice`);
    this.specs.set(name, { spec, line });
  }
  addError(row: ErrorRow): void {
    this.errors.set(row.name, row);
    this.errorNames.set(row.number, row.name);
  }
  addSignal(row: SignalRow): void {
    this.signals.set(row.number, row);
    this.signalNumbers.set(row.name, row.number);
  }
  addSet(name: string, kind: "flags" | "enum", pairs: readonly (readonly [string, number])[]): void {
    this.sets.set(name, new SymbolSet(name, kind, pairs, F));
  }
  fail(line: number, what: string): AbiError {
    return new AbiError(`${this.file}:${line}: ${what}`);
  }

  private mustSet(name: string): SymbolSet {
    const set = this.sets.get(name);
    if (!set) throw new AbiError(`${this.file}: there is no set ${name}`);
    return set;
  }
}
