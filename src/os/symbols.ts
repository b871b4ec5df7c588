import type { Layout } from "./layout.ts";

/** Named bits of a flag set, or named values of an enumeration; OS numbers on one side, kernel terms on the other. */
export interface SymbolSet {
  readonly name: string;
  readonly kind: "flags" | "enum";
  readonly entries: readonly { readonly name: string; readonly value: number; readonly kernel: number }[];
  readonly byValue: ReadonlyMap<number, string>;
  readonly byName: ReadonlyMap<string, number>;
  /** All bits that have a name. */
  readonly known: number;
  /** The set's kernel bits are the OS's own: nothing to translate. */
  readonly same: boolean;
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

export function flagSet(
  name: string,
  kind: "flags" | "enum",
  pairs: readonly (readonly [string, number])[],
  kernel: Readonly<Record<string, number>>,
): SymbolSet {
  const entries = pairs.map(([n, value]) => ({ name: n, value, kernel: kernel[n] ?? 0 }));
  return {
    name,
    kind,
    entries,
    byValue: new Map(pairs.map(([n, value]) => [value, n])),
    byName: new Map(pairs),
    known: entries.reduce((all, e) => all | e.value, 0) >>> 0,
    same: entries.every((e) => e.value === e.kernel),
  };
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
