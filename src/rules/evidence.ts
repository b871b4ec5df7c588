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

/** Reads a side file. Throws RuleError. */
export function readEvidence(text: string, file: string): Evidence[] {
  const out: Evidence[] = [];
  text.split("\n").forEach((raw, i) => {
    const line = raw.replace(/(^|\s)#(\s.*)?$/, "").trim();
    if (line !== "") out.push(readLine(line, { file, line: i + 1 }));
  });
  return out;
}

function readLine(line: string, place: Place): Evidence {
  const [hash, name, origin, verdict, ...rest] = line.split(/\s+/);
  const m = /^([^/]+)\/(.+)$/.exec(name ?? "");
  const o = ORIGINS.find((x) => x === origin);
  const v = VERDICTS.find((x) => x === verdict);
  if (!/^[0-9a-f]{12}$/.test(hash) || !m || !o || !v)
    throw new RuleError("RULE_SYNTAX", "evidence is HASH ISA/ROW ORIGIN VERDICT ...", place);
  const pairs = rest
    .filter((w) => w.includes("="))
    .map((w) => [w.slice(0, w.indexOf("=")), w.slice(w.indexOf("=") + 1)] as const);
  return {
    hash,
    isa: m[1],
    row: m[2],
    origin: o,
    verdict: v,
    words: rest.filter((w) => !w.includes("=")),
    facts: new Map(pairs),
  };
}

/** The line that readEvidence reads. */
export function evidenceLine(e: Evidence): string {
  const facts = [...e.facts].map(([k, v]) => `${k}=${v}`);
  return [e.hash, `${e.isa}/${e.row}`, e.origin, e.verdict, ...e.words, ...facts].join("  ");
}
