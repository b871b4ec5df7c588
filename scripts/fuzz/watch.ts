import { Worker } from "node:worker_threads";

/** What a campaign's worker tells: a failure, a line of progress, or the end with its figures. */
export type Told =
  | { readonly k: "found"; readonly text: string }
  | { readonly k: "done"; readonly figures: readonly string[] };

/** What a worker is given. `at`: the seed being tried and how many were. */
export interface Work {
  readonly at: Int32Array;
  readonly first: number;
  readonly count: number;
  readonly options: Readonly<Record<string, string>>;
}

export interface Watch {
  /** Seconds one case may take. */
  readonly patience: number;
  /** Most memory of the whole process, in MB. */
  readonly memory: number;
  /** Failures after which it is enough. */
  readonly enough: number;
}

/**
 * Runs a campaign in a worker, so that a case that never ends is seen and named. Prints progress, failures and
 * figures; gives the number of failures.
 */
export async function watch(script: URL, work: Omit<Work, "at">, limits: Watch): Promise<number> {
  const at = new Int32Array(new SharedArrayBuffer(8));
  at[0] = work.first;
  const worker = new Worker(script, { workerData: { ...work, at } satisfies Work });
  let failures = 0;
  let figures: readonly string[] | null = null;
  const start = performance.now();
  const fail = (text: string): void => {
    failures++;
    console.log(`FAILED ${text}`);
    if (failures >= limits.enough) void worker.terminate();
  };
  let [last, since, shown] = [-1, start, start];
  let most = 0;
  const timer = setInterval(() => {
    const [seed, done] = [Atomics.load(at, 0), Atomics.load(at, 1)];
    const now = performance.now();
    most = Math.max(most, process.memoryUsage.rss() / 1e6);
    if (seed !== last) [last, since] = [seed, now];
    else if (now - since > limits.patience * 1000 && done > 0) {
      fail(`--seed ${seed} --count 1: no end within ${limits.patience} seconds`);
      void worker.terminate();
    }
    if (most > limits.memory) {
      fail(`--seed ${seed}: the process takes ${most.toFixed(0)} MB`);
      void worker.terminate();
    }
    if (now - shown > 10_000 || (process.stderr.isTTY && now - shown > 1000)) {
      shown = now;
      const rate = (done / (now - start)) * 1000;
      const line = `${done} of ${work.count}, ${rate.toFixed(0)} a second, ${failures} failed, ${most.toFixed(0)} MB`;
      process.stderr.write(process.stderr.isTTY ? `\r${line} ` : `${line}\n`);
    }
  }, 200);
  await new Promise<void>((resolve) => {
    worker.on("message", (told: Told) => {
      if (told.k === "found") fail(told.text);
      else figures = told.figures;
    });
    worker.on("error", (error) => fail(`--seed ${at[0]} --count 1: ${error.stack ?? error}`));
    worker.on("exit", () => resolve());
  });
  clearInterval(timer);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(
    `${at[1]} cases from seed ${work.first} in ${seconds} s, at most ${most.toFixed(0)} MB: ${failures} failed`,
  );
  for (const line of figures ?? []) console.log(`  ${line}`);
  return failures + (figures ? 0 : 1);
}

/** Command-line numbers of both campaigns. */
export function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} ${text} is no whole number`);
  return value;
}
