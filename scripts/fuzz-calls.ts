/**
 * Processes that make random system calls with hostile arguments, on a host that is memory. Nothing but a result may
 * come of a call.
 *
 *     node scripts/fuzz-calls.ts [--seed 1] [--count 2000]
 */
import { parseArgs } from "node:util";
import { watch, whole } from "./fuzz/watch.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "2000" },
    isa: { type: "string", default: "riscv64" },
  },
});
const failures = await watch(
  new URL("fuzz/calls-worker.ts", import.meta.url),
  { first: whole("seed", values.seed), count: whole("count", values.count), options: { isa: values.isa } },
  { patience: 30, memory: 1000, enough: 20 },
);
process.exit(failures ? 1 : 0);
