import type { Layout } from "./layout.ts";

interface Entry {
  readonly name: string;
  readonly value: number;
  readonly kernel: number;
}

/**
 * Named bits of a flag set, or named values of an enumeration; OS numbers on one side, kernel terms on the other. Its
 * views are made at first use: most programs use few sets.
 */
export class SymbolSet {
  readonly name: string;
  readonly kind: "flags" | "enum";
  readonly pairs: readonly (readonly [string, number])[];
  private readonly kernel: Readonly<Record<string, number>>;
  private listed: readonly Entry[] | undefined;
  private names: ReadonlyMap<number, string> | undefined;
  private values: ReadonlyMap<string, number> | undefined;
  private alike: boolean | undefined;

  /** `kernel` has the kernel's bits by name. */
  constructor(
    name: string,
    kind: "flags" | "enum",
    pairs: readonly (readonly [string, number])[],
    kernel: Readonly<Record<string, number>>,
  ) {
    this.name = name;
    this.kind = kind;
    this.pairs = pairs;
    this.kernel = kernel;
  }

  get entries(): readonly Entry[] {
    this.listed ??= this.pairs.map(([name, value]) => ({ name, value, kernel: this.kernel[name] ?? 0 }));
    return this.listed;
  }
  get byValue(): ReadonlyMap<number, string> {
    this.names ??= new Map(this.pairs.map(([name, value]) => [value, name]));
    return this.names;
  }
  get byName(): ReadonlyMap<string, number> {
    this.values ??= new Map(this.pairs);
    return this.values;
  }
  /** All bits that have a name. */
  get known(): number {
    return this.entries.reduce((all, e) => all | e.value, 0) >>> 0;
  }
  /** The set's kernel bits are the OS's own: nothing to translate. */
  get same(): boolean {
    this.alike ??= this.entries.every((e) => e.value === e.kernel);
    return this.alike;
  }
}

/**
 * How numbers of the OS and terms of the kernel meet. A flag word becomes the kernel's bits (src/kernel/flags.ts), an
 * enumeration its name; "" is a value that the enumeration does not have.
 */
export interface Symbols {
  layout(name: string): Layout | undefined;
  decode(set: string, value: number): number | string;
  /** True where every bit, or the value, has a name. */
  knows(set: string, value: number): boolean;
  encode(set: string, value: number | string): number;
}

export function decodeSymbol(set: SymbolSet, value: number): number | string {
  if (set.kind === "enum") return set.byValue.get(value) ?? "";
  let bits = 0;
  for (const e of set.entries) if (e.value && (value & e.value) >>> 0 === e.value) bits |= e.kernel;
  return bits;
}

export function encodeSymbol(set: SymbolSet, value: number | string): number {
  if (typeof value === "string") return set.byName.get(value) ?? 0;
  if (set.kind === "enum") return value;
  let bits = 0;
  for (const e of set.entries) if (e.kernel && (value & e.kernel) === e.kernel) bits |= e.value;
  return bits >>> 0;
}
