/**
 * Runs random instruction streams on an oracle (the host's CPU where it can, else qemu) and on the engines: registers,
 * memory, how and where each stream ended are compared. A stream is made from its seed alone (and the programs that code
 * is taken from): the line that reports a failure repeats it.
 *
 *     node scripts/fuzz-streams.ts --isa ISA [--seed 1] [--count 100000] [--oracle O]
 */
import { parseArgs } from "node:util";
import { watch, whole } from "./fuzz/watch.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "100000" },
    isa: { type: "string" },
    oracle: { type: "string", default: "" },
    enough: { type: "string", default: "20" },
  },
});
const { isa, oracle } = values;
if (isa === undefined) throw new Error("fuzz-streams.ts --isa ISA");
const failures = await watch(
  new URL("fuzz/stream-worker.ts", import.meta.url),
  { first: whole("seed", values.seed), count: whole("count", values.count), options: { isa, oracle } },
  { patience: 300, memory: 3000, enough: whole("enough", values.enough) },
);
process.exit(failures ? 1 : 0);
