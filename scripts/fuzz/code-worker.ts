import { parentPort, workerData } from "node:worker_threads";
import { CodeFuzzer, isaParts, realCode, SUBJECTS } from "./code.ts";
import type { Told, Work } from "./watch.ts";

const { at, first, count, options } = workerData as Work;
const tell = (told: Told): void => parentPort!.postMessage(told);

const kinds = options.engine === "all" ? Object.values(SUBJECTS).flat() : SUBJECTS[options.engine];
const more = ["/usr/riscv64-linux-gnu/lib/libc.so.6", ...options.code.split(":").filter((file) => file !== "")];
const fuzzer = new CodeFuzzer(isaParts(options.isa), kinds, realCode(options.isa, more));
for (let i = 0; i < count; i++) {
  Atomics.store(at, 0, first + i);
  for (const { seed, engine, what } of fuzzer.one(first + i))
    tell({ k: "found", text: `--engine ${options.engine} --seed ${seed} --count 1 (${engine})\n${what}` });
  Atomics.store(at, 1, i + 1);
}
const figures = Object.entries(fuzzer.tally).map(([name, tally]) => {
  const kinds = Object.entries(tally).sort((a, b) => b[1] - a[1]);
  return `${name}: stops ${kinds.map(([kind, times]) => `${times} ${kind}`).join(", ")}`;
});
tell({ k: "done", figures });
