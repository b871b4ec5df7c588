/** Something that decides SMT-LIB 2 problems over bit vectors, arrays and uninterpreted functions. */
export interface Solver {
  /** `text`: declarations and assertions. */
  check(text: string): Promise<Answer>;
  close(): void;
}

export type Answer =
  | { readonly k: "unsat" }
  | { readonly k: "sat"; readonly values: ReadonlyMap<string, bigint> }
  | { readonly k: "unknown"; readonly why: string };

/** Slots' values in a model as it prints: s1 -> #x00ff, a line each. */
export function readModel(text: string): Map<string, bigint> {
  const out = new Map<string, bigint>();
  for (const m of text.matchAll(/^\s*(s\d+) -> #([xb])([0-9a-fA-F]+)/gm)) out.set(m[1]!, BigInt(`0${m[2]}${m[3]}`));
  return out;
}
