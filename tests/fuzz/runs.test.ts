import assert from "node:assert/strict";
import test from "node:test";
import { seeds } from "../../scripts/fuzz/elf.ts";
import { fuzzRuns, fuzzStreams } from "../../scripts/fuzz/runs.ts";

const ended = (tally: Record<string, number>, outcome: string) => assert.ok(tally[outcome], JSON.stringify(tally));

for (const engine of ["interp", "auto"] as const) {
  test(`mutated programs load and run, or are refused, without a host exception: ${engine}`, () => {
    const tally = fuzzRuns(seeds(), { first: 1, cases: 60, engine });
    for (const outcome of ["exit 0", "exit 139", "ELF_HEADER", "ELF_TRUNCATED"]) ended(tally, outcome);
  });

  test(`random instruction streams end in a signal, an exit or at a limit: ${engine}`, () => {
    const tally = fuzzStreams(seeds(), { first: 1, cases: 60, engine });
    for (const outcome of ["exit 139", "exit 132"]) ended(tally, outcome);
  });
}
