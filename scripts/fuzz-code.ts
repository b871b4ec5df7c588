/**
 * Runs random instruction streams on the engines and compares them with the reference evaluator: registers, memory, pc
 * and kind of every stop. A case is made from its seed alone (and the programs that code is taken from): the line that
 * reports a failure repeats it.
 *
 *     node scripts/fuzz-code.ts [--seed 1] [--count 100000] [--engine eval|interp|wasm|all] [--code FILE:FILE...]
 */
import { parseArgs } from "node:util";
import { SUBJECTS } from "./fuzz/code.ts";
import { watch, whole } from "./fuzz/watch.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "100000" },
    engine: { type: "string", default: "all" },
    isa: { type: "string", default: "riscv64" },
    code: { type: "string", default: "" },
  },
});
const { engine, isa, code } = values;
if (engine !== "all" && !SUBJECTS[engine]) throw new Error(`--engine is all or of ${Object.keys(SUBJECTS).join(", ")}`);
const failures = await watch(
  new URL("fuzz/code-worker.ts", import.meta.url),
  { first: whole("seed", values.seed), count: whole("count", values.count), options: { engine, isa, code } },
  { patience: 30, memory: 3000, enough: 20 },
);
process.exit(failures ? 1 : 0);
