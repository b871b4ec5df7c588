import assert from "node:assert/strict";
import test from "node:test";
import { relaxedMaddIsFused } from "../../src/backend/wasm/probe.ts";
import { encode, riscv64 } from "./books.ts";
import { campaign, sequences, type Trial } from "./oracle/campaign.ts";
import { compare, report } from "./oracle/compare.ts";
import { cpuEngine } from "./oracle/cpu.ts";
import { evaluator } from "./oracle/evaluator.ts";
import * as R from "./oracle/record.ts";
import { regionMachine } from "./oracle/regions.ts";

const CASES = Number(process.env.SAGE_CASES ?? 50);
const SEED = Number(process.env.SAGE_SEED ?? 1);

const book = riscv64();
const reference = evaluator(book);

/**
 * Trials without the states that end in one of these signals. Unchecked code need not see a fault, and may have let go
 * of upper halves that nobody reads when a reserved rounding mode ends a sequence half way.
 */
function withoutFaults(trials: readonly Trial[], ...signals: bigint[]): Trial[] {
  const after = trials.map((t) => ({ code: t.code, records: t.records.slice() }));
  reference.run(after);
  return trials.map((trial, k) => {
    const kept: bigint[] = [];
    for (let at = 0; at < trial.records.length; at += R.RECORD) {
      const end = after[k].records.subarray(at, at + R.RECORD);
      const here = end[R.PC] >= BigInt(R.CODE) && end[R.PC] < BigInt(R.CODE + trial.code.length);
      if (!(here && signals.includes(end[R.SIGNAL]))) kept.push(...trial.records.subarray(at, at + R.RECORD));
    }
    return { ...trial, records: BigUint64Array.from(kept) };
  });
}

for (const fused of relaxedMaddIsFused() ? [true, false] : [false]) {
  test(`every row, and sequences of rows, do in a compiled region what the evaluator says (fused: ${fused})`, () => {
    const tier = cpuEngine("region", regionMachine(book, { fused }));
    for (const trials of campaign(book, encode, CASES, SEED)) {
      const differences = compare(withoutFaults(trials, R.SIGSEGV), reference, tier);
      assert.equal(differences.length, 0, report(differences, "evaluator", "region"));
    }
    const trials = withoutFaults(sequences(book, encode, 4 * CASES, SEED), R.SIGSEGV, R.SIGILL);
    const differences = compare(trials, reference, tier);
    assert.equal(differences.length, 0, report(differences, "evaluator", "region"));
  });
}

test("checked regions do what the evaluator says, faults included", () => {
  const tier = cpuEngine("checked region", regionMachine(book, { fused: relaxedMaddIsFused(), checked: true }));
  for (const trials of campaign(book, encode, CASES, SEED)) {
    const differences = compare(trials, reference, tier);
    assert.equal(differences.length, 0, report(differences, "evaluator", "checked region"));
  }
  const trials = sequences(book, encode, 4 * CASES, SEED);
  const differences = compare(trials, reference, tier);
  assert.equal(differences.length, 0, report(differences, "evaluator", "checked region"));
});
