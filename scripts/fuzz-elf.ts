/**
 * Feeds hostile files to SAGE: mutated ELF files to the readers (default), to whole runs (--run), or programs of random
 * instructions to whole runs (--streams). Each case has its own seed, printed with a failure:
 * `node scripts/fuzz-elf.ts --seed S --cases 1` with the same mode repeats it.
 *
 *     node scripts/fuzz-elf.ts [--run | --streams] [--engine interp|wasm|auto] [--cases 100000] [--seed 1]
 */
import { parseArgs } from "node:util";
import { engines } from "../src/run-options.ts";
import { fuzzElf, seeds } from "./fuzz/elf.ts";
import { fuzzRuns, fuzzStreams } from "./fuzz/runs.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    engine: { type: "string", default: "interp" },
    run: { type: "boolean", default: false },
    streams: { type: "boolean", default: false },
  },
});
const engine = engines.find((name) => name === values.engine) ?? "interp";
const first = Number(values.seed);
const cases = Number(values.cases);
const progress = (done: number) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} `);
};
const files = seeds();
const start = performance.now();
const campaign = { first, cases, engine, progress };
const tally = values.streams
  ? fuzzStreams(files, campaign)
  : values.run
    ? fuzzRuns(files, campaign)
    : fuzzElf(files, first, cases, progress);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(`${cases} cases from seed ${first} of ${files.length} files in ${seconds} s, no failure`);
for (const [outcome, count] of Object.entries(tally).sort((a, b) => b[1] - a[1])) console.log(`  ${count} ${outcome}`);
