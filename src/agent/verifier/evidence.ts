import type { IsaBook, Row } from "../../rules/book.ts";
import { type Evidence, evidenceLine } from "../../rules/evidence.ts";
import type { RowVerdict, Verdict } from "./verdict.ts";

/** What a verdict leaves behind beside the rulebook. */
export function evidenceOf(book: IsaBook, { row, verdict }: RowVerdict, origin: Evidence["origin"]): Evidence {
  const { words, facts } = said(verdict);
  return { hash: row.hash, isa: book.name, row: row.name, origin, verdict: verdict.k, words, facts: new Map(facts) };
}

function said(v: Verdict): { words: string[]; facts: [string, string][] } {
  switch (v.k) {
    case "proved":
      return { words: [], facts: [["by", v.by]] };
    case "tested":
      return {
        words: [String(v.cases)],
        facts: [
          ...(v.cases < v.asked ? [["of", String(v.asked)] as [string, string]] : []),
          ["seed", String(v.seed)],
          ["oracle", v.oracle],
          ["instructions", String(v.words)],
          ...(v.faults > 0 ? [["faults", String(v.faults)] as [string, string]] : []),
          ...(v.unseen.length > 0 ? [["unseen", v.unseen.join(",")] as [string, string]] : []),
        ],
      };
    case "refuted":
      return {
        words: [String(v.cases)],
        facts: [
          ["oracle", v.oracle],
          ["bytes", v.counterexample.bytes.replaceAll(" ", "")],
          ["differs", v.counterexample.what.replaceAll(" ", "-")],
        ],
      };
    case "unknown":
      return { words: [], facts: [["why", v.why.replaceAll(" ", "-")]] };
  }
}

/** Evidence of rows that the book still has; a row that changed has another hash and none. */
export function evidenceFor(book: IsaBook, all: readonly Evidence[]): Map<Row, Evidence> {
  const byHash = new Map(all.map((e) => [`${e.hash} ${e.row}`, e]));
  const out = new Map<Row, Evidence>();
  for (const row of book.rows) {
    const e = byHash.get(`${row.hash} ${row.name}`);
    if (e) out.set(row, e);
  }
  return out;
}

/** The side file: known evidence with what is new in its place, in the book's order. Rows that are gone are dropped. */
export function mergeEvidence(book: IsaBook, known: readonly Evidence[], fresh: readonly Evidence[]): string {
  const all = evidenceFor(book, [...known, ...fresh]);
  const shared = commonFacts([...all.values()]);
  const said = [...shared].map(([k, v]) => `${k}=${v}`).join("  ");
  const lines = new Set([...all.values()].map((e) => evidenceLine(e, shared)));
  const head = `# Evidence for the rows of ${book.name}, by their hashes; written by sage verify.\n`;
  return `${head}${said === "" ? "" : `with  ${said}\n`}${[...lines].join("\n")}\n`;
}

/** Seed and oracle of most rows: said once. */
function commonFacts(all: readonly Evidence[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const key of ["seed", "oracle"]) {
    const counts = new Map<string, number>();
    for (const e of all) {
      const v = e.verdict === "tested" ? e.facts.get(key) : undefined;
      if (v !== undefined) counts.set(v, (counts.get(v) ?? 0) + 1);
    }
    const [most] = [...counts].sort((a, b) => b[1] - a[1]);
    if (most && most[1] > 1) out.set(key, most[0]);
  }
  return out;
}

/** What is believed of a row, for lists: its verdict, or that there is none. */
export interface Belief {
  readonly verdict: Evidence["verdict"];
  readonly origin: Evidence["origin"];
  readonly cases: number;
  readonly oracle: string;
  readonly reason?: string;
}

export function beliefIn(evidence: Evidence | undefined, origin: Evidence["origin"]): Belief {
  if (!evidence)
    return {
      verdict: "unknown",
      origin,
      cases: 0,
      oracle: "",
      reason: "no evidence: never verified, or changed since",
    };
  const { verdict, words, facts } = evidence;
  const why = facts.get("why") ?? facts.get("differs");
  return {
    verdict,
    origin: evidence.origin,
    cases: Number(words[0] ?? 0),
    oracle: facts.get("oracle") ?? facts.get("by") ?? "",
    ...(why === undefined ? {} : { reason: why.replaceAll("-", " ") }),
  };
}
