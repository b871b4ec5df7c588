import { parentPort, workerData } from "node:worker_threads";
import type { EngineName } from "../../src/run-options.ts";
import { fuzzElf, seeds } from "./elf.ts";
import { fuzzRuns, fuzzStreams } from "./runs.ts";
import type { Told, Work } from "./watch.ts";

const { at, first, count, options } = workerData as Work;
const tell = (told: Told): void => parentPort!.postMessage(told);

const files = seeds();
const campaign = {
  first,
  cases: count,
  engine: options.engine as EngineName,
  progress: (done: number) => {
    Atomics.store(at, 0, first + done);
    Atomics.store(at, 1, done);
  },
  failed: (error: Error) => tell({ k: "found", text: error.message }),
};
const kinds = { read: fuzzElf, run: fuzzRuns, streams: fuzzStreams };
const tally = kinds[options.kind as keyof typeof kinds](files, campaign);
campaign.progress(count);
const ends = Object.entries(tally).sort((a, b) => b[1] - a[1]);
tell({ k: "done", figures: ends.map(([outcome, times]) => `${times} ${outcome}`) });
