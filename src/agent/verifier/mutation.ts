import { sameEffect } from "../../backend/smt/equal.ts";
import type { Solver } from "../../backend/smt/solver.ts";
import type { Inst } from "../../ir/node.ts";
import type { Oracle } from "../../oracle/oracle.ts";
import type { Decoded, IsaBook, Row } from "../../rules/book.ts";
import type { Binding } from "./bind.ts";
import { draw, mutantsOf } from "./mutate.ts";
import { Random } from "./random.ts";
import { compareMutant, observeWord, type Tried } from "./trial.ts";
import { instructionOf } from "./words.ts";

export interface Campaign {
  readonly planted: number;
  /** Faults that are none: the solver proves the instruction unchanged. */
  readonly equivalent: number;
  readonly caught: number;
  readonly missed: readonly string[];
  /** States until a fault was caught: the middle of all. */
  readonly median: number;
}

/** Plants faults all over a book and looks which ones the verifier's comparison catches. */
export async function mutationCampaign(
  oracle: Oracle,
  binding: Binding,
  solver: Solver,
  options: { readonly faults: number; readonly states: number; readonly seed: number },
): Promise<Campaign> {
  const { book } = binding;
  const random = new Random(options.seed);
  const each = Math.max(1, Math.ceil(options.faults / book.rows.length));
  const needed: number[] = [];
  const missed: string[] = [];
  let planted = 0;
  let equivalent = 0;
  for (let round = 0; planted < options.faults && round < 4; round++)
    for (const row of book.rows) {
      if (planted >= options.faults) break;
      const words = await wordsOf(oracle, binding, row, options.states, random);
      if (words.length === 0) continue;
      const bases = words.map((w) => book.lift(w.decoded, Number(w.seen.at[0])));
      const all = mutantsOf(bases[0]!);
      for (const number of draw([...all.keys()], each, random)) {
        const mutant = all[number]!;
        planted++;
        let states = 0;
        let caught = false;
        for (let k = 0; k < words.length && !caught; k++) {
          if (mutantsOf(bases[k]!)[number]?.what !== mutant.what) continue;
          const { first } = compareMutant(binding, words[k]!, lifting(book, number));
          caught = first !== undefined;
          states += first ?? options.states;
        }
        if (caught) {
          needed.push(states + 1);
          continue;
        }
        const same = await sameEffect(solver, bases[0]!, mutant.inst);
        const text = `${row.name} (${book.disassemble(words[0]!.decoded, bases[0]!.pc)}): ${mutant.what}`;
        if (same.k === "equal") equivalent++;
        else missed.push(same.k === "unknown" ? `${text}; the solver cannot say whether it is a fault` : text);
      }
    }
  needed.sort((a, b) => a - b);
  return { planted, equivalent, caught: needed.length, missed, median: needed[needed.length >> 1] ?? 0 };
}

/** Some instructions of a row that can be compared on most states, and are right; none where the row's result is the machine's own answer. */
async function wordsOf(oracle: Oracle, binding: Binding, row: Row, states: number, random: Random): Promise<Tried[]> {
  const out: Tried[] = [];
  for (let attempt = 0; attempt < 3 * WORDS && out.length < WORDS; attempt++) {
    const found = instructionOf(binding.book, row, random);
    if (!found) return out;
    const tried = await observeWord(oracle, binding, found.code, found.decoded, states, random);
    if (!tried || tried.blind.length > 0 || tried.usage.answered.size > 0) continue;
    const right = compareMutant(binding, tried, binding.book);
    if (right.first === undefined && right.cases > states / 2) out.push(tried);
  }
  return out;
}
const WORDS = 4;

/** The book, but for one instruction that has the fault wherever it stands: faults are listed in one order for every pc. */
function lifting(book: IsaBook, number: number): { lift(d: Decoded, pc: number): Inst } {
  return {
    lift: (d, pc) => {
      const base = book.lift(d, pc);
      return mutantsOf(base)[number]?.inst ?? base;
    },
  };
}
