import { type Oracle, OracleError } from "../../oracle/oracle.ts";
import type { IsaBook, Row } from "../../rules/book.ts";
import { type Binding, bind } from "./bind.ts";
import { tryMany } from "./bulk-trial.ts";
import { excuseOf } from "./quirks.ts";
import { Random } from "./random.ts";
import { type Counterexample, tryWord } from "./trial.ts";
import { instructionOf } from "./words.ts";

/** What is known of a row, as a value. */
export type Verdict =
  | { readonly k: "proved"; readonly by: string }
  | {
      readonly k: "tested";
      readonly cases: number;
      /** States that were wanted: some cannot be compared. */
      readonly asked: number;
      readonly seed: number;
      readonly oracle: string;
      /** Different instructions of the row that were tried. */
      readonly words: number;
      /** Cases that ended in a fault or trap, as the row says. */
      readonly faults: number;
      /** What was not compared, by why. */
      readonly skipped: ReadonlyMap<string, number>;
      /** State that the row touches and the oracle does not show. */
      readonly unseen: readonly string[];
    }
  | { readonly k: "refuted"; readonly counterexample: Counterexample; readonly cases: number; readonly oracle: string }
  | { readonly k: "unknown"; readonly why: string };

export interface Effort {
  /** States a row, in all. */
  readonly cases: number;
  /** Instructions a row. */
  readonly words: number;
  readonly seed: number;
  /** States an instruction, at most, where each goes through the evaluator and a signal. */
  readonly slow: number;
}

/** From so many states on it is worth compiling an instruction. */
const MANY = 1000;

/** States for a row that an oracle of this speed can be asked for, where nobody said how many. */
export function effortFor(oracle: Oracle, cases?: number, seed = 1): Effort {
  const wanted = cases ?? (oracle.machine.rate > 50_000 ? 2000 : 200);
  return {
    cases: wanted,
    words: Math.max(1, Math.min(wanted, Math.round(Math.sqrt(wanted)), 16)),
    seed,
    slow: Math.min(wanted, 4000),
  };
}

/** Compares a row with an oracle. Rejects with OracleError; a row that cannot be tried is unknown. */
export async function verifyRow(oracle: Oracle, binding: Binding, row: Row, effort: Effort): Promise<Verdict> {
  const { book } = binding;
  const random = new Random(effort.seed * 65537 + row.index);
  const skipped = new Map<string, number>();
  const unseen = new Set<string>();
  let cases = 0;
  let words = 0;
  let faults = 0;
  let barren = 0;
  let quickWords = 0;
  // A row whose instructions all take the slow way has had its share when so many were tried
  while (cases < effort.cases && barren < 16 && words < (quickWords > 0 ? 4 : 1) * effort.words) {
    const instruction = instructionOf(book, row, random, binding.machine.data?.address);
    if (instruction === null) return words > 0 ? done() : { k: "unknown", why: "no instruction of the row was found" };
    const { code, decoded } = instruction;
    const count = Math.max(1, Math.ceil(effort.cases / effort.words));
    const excused = (c: Counterexample): string | undefined => excuseOf(oracle.name, book.name, row.name, c);
    const many = count >= MANY ? await tryMany(oracle, binding, code, decoded, count, random) : null;
    // A state that is no fault of the oracle refutes; the evaluator's way knows which are
    const quick = many?.refuted && excused(many.refuted) !== undefined ? null : many;
    const result =
      quick ?? (await tryWord(oracle, binding, code, decoded, Math.min(count, effort.slow), random, excused));
    if (quick !== null) quickWords++;
    if (result.refuted)
      return { k: "refuted", counterexample: result.refuted, cases: cases + result.cases, oracle: oracle.name };
    for (const [why, n] of result.skipped) skipped.set(why, (skipped.get(why) ?? 0) + n);
    for (const name of result.unseen) unseen.add(name);
    cases += result.cases;
    faults += result.faults;
    words++;
    if (result.cases === 0) barren++;
  }
  return done();

  function done(): Verdict {
    if (cases === 0) {
      const why = [...skipped].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "nothing could be compared";
      return { k: "unknown", why };
    }
    return {
      k: "tested",
      cases,
      asked: effort.cases,
      seed: effort.seed,
      oracle: oracle.name,
      words,
      faults,
      skipped,
      unseen: [...unseen],
    };
  }
}

export interface RowVerdict {
  readonly row: Row;
  readonly verdict: Verdict;
}

/** All rows of a book, one after the other. */
export async function* verifyBook(
  oracle: Oracle,
  book: IsaBook,
  rows: readonly Row[],
  effort: Effort,
): AsyncGenerator<RowVerdict> {
  const binding = bind(book, oracle.machine);
  if (binding.slots.every((b) => b === undefined))
    throw new OracleError("ORACLE_REFUSES", `${oracle.name} shows no state that ${book.name} has`);
  for (const row of rows) yield { row, verdict: await verifyRow(oracle, binding, row, effort) };
}
