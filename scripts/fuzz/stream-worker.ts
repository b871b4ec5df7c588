import { parentPort, workerData } from "node:worker_threads";
import { openOracle } from "../../src/oracle/node/open.ts";
import { StreamCampaign } from "./stream-campaign.ts";
import type { Told, Work } from "./watch.ts";

const { at, first, count, options } = workerData as Work;
const tell = (told: Told): void => parentPort!.postMessage(told);

const oracle = await openOracle(options.oracle || undefined, options.isa!);
const campaign = new StreamCampaign(options.isa!, oracle);
await campaign.run(
  first,
  count,
  ({ seed, engine, what }) =>
    tell({ k: "found", text: `--isa ${options.isa} --seed ${seed} --count 1 (${engine})\n${what}` }),
  (seed) => {
    Atomics.store(at, 0, seed);
    Atomics.store(at, 1, seed - first);
  },
);
Atomics.store(at, 1, count);
await oracle.close();
const { compared, real, faulted, apart } = campaign.tally;
tell({
  k: "done",
  figures: [
    `${compared} alike on ${oracle.name} and every engine, ${real} of them of programs, ${faulted} ended in a signal`,
    ...[...apart].sort((a, b) => b[1] - a[1]).map(([why, n]) => `${n} apart: ${why}`),
  ],
});
