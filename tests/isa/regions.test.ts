import assert from "node:assert/strict";
import test from "node:test";
import { encode, riscv64 } from "./books.ts";
import { campaign, compare, report, sequences, type Trial } from "./oracle/campaign.ts";
import { cpuEngine } from "./oracle/cpu.ts";
import { evaluator } from "./oracle/evaluator.ts";
import * as R from "./oracle/record.ts";
import { regionMachine } from "./oracle/regions.ts";

const CASES = Number(process.env.SAGE_CASES ?? 100);
const SEED = Number(process.env.SAGE_SEED ?? 1);

const book = riscv64();
const reference = evaluator(book);

/** Trials without the states on which an access faults: compiled code need not see them. */
function withoutFaults(trials: readonly Trial[]): Trial[] {
  const after = trials.map((t) => ({ code: t.code, records: t.records.slice() }));
  reference.run(after);
  return trials.map((trial, k) => {
    const kept: bigint[] = [];
    for (let at = 0; at < trial.records.length; at += R.RECORD) {
      const end = after[k].records.subarray(at, at + R.RECORD);
      const here = end[R.PC] >= BigInt(R.CODE) && end[R.PC] < BigInt(R.CODE + trial.code.length);
      if (!(here && end[R.SIGNAL] === R.SIGSEGV)) kept.push(...trial.records.subarray(at, at + R.RECORD));
    }
    return { ...trial, records: BigUint64Array.from(kept) };
  });
}

test("every row, and sequences of rows, do in a compiled region what the evaluator says", () => {
  const tier = cpuEngine("region", regionMachine(book, false));
  for (const trials of campaign(book, encode, CASES, SEED)) {
    const differences = compare(withoutFaults(trials), reference, tier);
    assert.equal(differences.length, 0, report(differences, "evaluator", "region"));
  }
  const differences = compare(sequences(book, encode, 4 * CASES, SEED), reference, tier);
  assert.equal(differences.length, 0, report(differences, "evaluator", "region"));
});
