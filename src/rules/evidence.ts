import { type Place, RuleError } from "./error.ts";

/** What is known of a row, from a side file: one line a row, keyed by `Row.hash`. */
export interface Evidence {
  readonly hash: string;
  readonly isa: string;
  readonly row: string;
  readonly origin: "hand" | "learned" | "imported";
  readonly verdict: "proved" | "tested" | "refuted" | "unknown";
  /** Words after the verdict: a number of cases, a prover's name. */
  readonly words: readonly string[];
  /** key=value pairs: seed, oracle, against, replaces, ... */
  readonly facts: ReadonlyMap<string, string>;
}

const ORIGINS: readonly Evidence["origin"][] = ["hand", "learned", "imported"];
const VERDICTS: readonly Evidence["verdict"][] = ["proved", "tested", "refuted", "unknown"];

/** Reads a side file; facts of a line `with` are those of all later ones that have no such fact. Throws RuleError. */
export function readEvidence(text: string, file: string): Evidence[] {
  const out: Evidence[] = [];
  let shared: readonly (readonly [string, string])[] = [];
  text.split("\n").forEach((raw, i) => {
    const line = raw.replace(/(^|\s)#(\s.*)?$/, "").trim();
    if (line.startsWith("with ")) shared = pairsOf(line.split(/\s+/));
    else if (line !== "") out.push(readLine(line, shared, { file, line: i + 1 }));
  });
  return out;
}

const pairsOf = (words: readonly string[]): (readonly [string, string])[] =>
  words.filter((w) => w.includes("=")).map((w) => [w.slice(0, w.indexOf("=")), w.slice(w.indexOf("=") + 1)] as const);

function readLine(line: string, shared: readonly (readonly [string, string])[], place: Place): Evidence {
  const [hash, name, origin, verdict, ...rest] = line.split(/\s+/);
  const m = /^([^/]+)\/(.+)$/.exec(name ?? "");
  const o = ORIGINS.find((x) => x === origin);
  const v = VERDICTS.find((x) => x === verdict);
  if (!/^[0-9a-f]{12}$/.test(hash) || !m || !o || !v)
    throw new RuleError("RULE_SYNTAX", "evidence is HASH ISA/ROW ORIGIN VERDICT ...", place);
  return {
    hash,
    isa: m[1],
    row: m[2].replaceAll("+", " "),
    origin: o,
    verdict: v,
    words: rest.filter((w) => !w.includes("=")),
    facts: new Map(v === "tested" ? [...shared, ...pairsOf(rest)] : pairsOf(rest)),
  };
}

/** The line that readEvidence reads, without facts that a line `with` before it gives. */
export function evidenceLine(e: Evidence, shared: ReadonlyMap<string, string> = new Map()): string {
  const facts = [...e.facts].flatMap(([k, v]) => (e.verdict === "tested" && shared.get(k) === v ? [] : [`${k}=${v}`]));
  return [e.hash, `${e.isa}/${e.row.replaceAll(" ", "+")}`, e.origin, e.verdict, ...e.words, ...facts].join("  ");
}
