/** Something that decides SMT-LIB 2 problems over bit vectors, arrays and uninterpreted functions. */
export interface Solver {
  /** `text` ends in one check-sat; `wanted`: constants whose values are asked for where it is satisfiable. */
  check(text: string, wanted: readonly string[]): Promise<Answer>;
  close(): void;
}

export type Answer =
  | { readonly k: "unsat" }
  | { readonly k: "sat"; readonly values: ReadonlyMap<string, bigint> }
  | { readonly k: "unknown"; readonly why: string };

/** Values as `get-value` prints them: ((s1 #x00ff) (s2 #b1)). */
export function readValues(text: string): Map<string, bigint> {
  const out = new Map<string, bigint>();
  for (const m of text.matchAll(/\((s\d+) #([xb])([0-9a-fA-F]+)\)/g)) out.set(m[1]!, BigInt(`0${m[2]}${m[3]}`));
  return out;
}
