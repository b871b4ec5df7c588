import { parentPort, workerData } from "node:worker_threads";
import { CallFuzzer } from "./calls.ts";
import type { Told, Work } from "./watch.ts";

const { at, first, count, options } = workerData as Work;
const tell = (told: Told): void => parentPort!.postMessage(told);

const fuzzer = new CallFuzzer(options.isa);
const ends = new Map<string, number>();
for (let i = 0; i < count; i++) {
  Atomics.store(at, 0, first + i);
  let end = "FAILED";
  try {
    end = fuzzer.one(first + i);
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error);
    tell({ k: "found", text: `--seed ${first + i} --count 1: ${fuzzer.trail.at(-1)}\n${text}` });
  }
  ends.set(end, (ends.get(end) ?? 0) + 1);
  Atomics.store(at, 1, i + 1);
}
const calls = [...fuzzer.made.values()].reduce((sum, times) => sum + times, 0);
tell({
  k: "done",
  figures: [`${calls} calls of ${fuzzer.made.size} kinds`, ...[...ends].map(([end, times]) => `${times} ${end}`)],
});
