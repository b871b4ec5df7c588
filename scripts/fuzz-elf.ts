/**
 * Feeds mutated ELF files to the readers and, with --run, to whole runs. Each case has its own seed, printed with a
 * failure: `node scripts/fuzz-elf.ts --seed S --cases 1` repeats it.
 *
 *     node scripts/fuzz-elf.ts [--cases 100000] [--seed 1] [--run]
 */
import { parseArgs } from "node:util";
import { fuzzElf, seeds } from "../tests/format/fuzz.ts";
import { fuzzRuns } from "../tests/programs/fuzz-runs.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    run: { type: "boolean", default: false },
  },
});
const files = seeds();
console.log(`${files.length} files to mutate: ${files.map((f) => f.name).join(", ")}`);
const start = performance.now();
const campaign = values.run ? fuzzRuns : fuzzElf;
const tally = campaign(files, Number(values.seed), Number(values.cases), (done) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} `);
});
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(`${values.cases} cases from seed ${values.seed} in ${seconds} s, no failure`);
for (const [outcome, count] of Object.entries(tally).sort((a, b) => b[1] - a[1])) console.log(`  ${count} ${outcome}`);
