/**
 * Feeds hostile files to SAGE: mutated ELF files to the readers (default), mutated programs, libraries and scripts to
 * whole runs (--run), or programs of random instructions to whole runs (--streams). Every case has its own seed,
 * printed with a failure: `node scripts/fuzz-elf.ts --seed S --cases 1` with the same mode repeats it.
 *
 *     node scripts/fuzz-elf.ts [--run | --streams] [--engine interp|wasm|auto] [--cases 100000] [--seed 1]
 */
import { parseArgs } from "node:util";
import { engines } from "../src/run-options.ts";
import { watch, whole } from "./fuzz/watch.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    engine: { type: "string", default: "interp" },
    run: { type: "boolean", default: false },
    streams: { type: "boolean", default: false },
  },
});
const engine = engines.find((name) => name === values.engine);
if (!engine) throw new Error(`--engine is one of ${engines.join(", ")}`);
const kind = values.streams ? "streams" : values.run ? "run" : "read";
const failures = await watch(
  new URL("fuzz/elf-worker.ts", import.meta.url),
  { first: whole("seed", values.seed), count: whole("cases", values.cases), options: { engine, kind } },
  { patience: 60, memory: 3000, enough: 20 },
);
process.exit(failures ? 1 : 0);
