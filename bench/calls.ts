// npm run bench -- --calls: CPU time of system calls under qemu-user and in SAGE, by bench/calls/calls.c.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildCalls, type Guest } from "./kernels.ts";
import { measure } from "./measure.ts";
import { median, table } from "./report.ts";

/** Kinds of call, rounds of a run, and whether SAGE asks the host for anything in a round. */
const CALLS = [
  { name: "getpid", rounds: 1_000_000, host: false },
  { name: "read", rounds: 500_000, host: false },
  { name: "pipe", rounds: 100_000, host: false },
  { name: "futex", rounds: 100_000, host: false },
  { name: "fork", rounds: 500, host: false },
  { name: "file", rounds: 20_000, host: true },
] as const;

const WHAT: Readonly<Record<(typeof CALLS)[number]["name"], string>> = {
  getpid: "getpid",
  read: "read 4 KiB of /dev/zero",
  pipe: "two processes, a byte there and back",
  futex: "two threads, a word there and back",
  fork: "fork, _exit and wait",
  file: "create, write, close, delete a file on the host",
};

export interface CallFigures {
  readonly name: string;
  /** Nanoseconds of CPU time a round, start-up taken off. */
  readonly qemu: number | null;
  readonly sage: number | null;
  readonly host: boolean;
}

/** Medians over `rounds` of what a round of each call costs; null where a run failed or took longer than `limit` s. */
export async function measureCalls(
  guest: Guest,
  sage: readonly string[],
  clock: string,
  rounds: number,
  limit: number,
  tick: (name: string) => void,
): Promise<CallFigures[]> {
  const program = buildCalls(guest);
  const folder = mkdtempSync(join(tmpdir(), "sage-calls-"));
  const grants = [`--allow-read=${folder}`, `--allow-write=${folder}`];
  const qemu = [guest.qemu, program];
  const own = [...sage, "run", "--engine", "auto", ...grants, program];
  const file = join(folder, "file");
  const once = async (command: readonly string[], name: string, count: number): Promise<number | null> => {
    const run = await measure(clock, [...command, name, String(count), file], limit);
    return run?.code === 0 ? run.cpu : null;
  };
  const figures: CallFigures[] = [];
  try {
    for (const { name, rounds: count, host } of CALLS) {
      const taken: { qemu: number[]; sage: number[] } = { qemu: [], sage: [] };
      for (let i = 0; i < rounds; i++) {
        for (const [column, command] of [["qemu", qemu] as const, ["sage", own] as const]) {
          tick(name);
          const start = await once(command, name, 1);
          const whole = start === null ? null : await once(command, name, count);
          if (start !== null && whole !== null) taken[column].push(((whole - start) * 1e6) / (count - 1));
        }
      }
      const figure = (all: number[]): number | null => (all.length === rounds ? median(all) : null);
      figures.push({ name, host, qemu: figure(taken.qemu), sage: figure(taken.sage) });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return figures;
}

export const CALL_RUNS = CALLS.length * 2;

export function callsTable(figures: readonly CallFigures[]): string {
  const ns = (value: number | null) => (value === null ? "failed" : value.toFixed(0));
  const rows = [["call", "qemu-user ns", "SAGE ns", "SAGE / qemu-user", "target"]];
  for (const { name, host, qemu, sage } of figures) {
    const ratio = qemu === null || sage === null ? "-" : (sage / qemu).toFixed(2);
    rows.push([WHAT[name as keyof typeof WHAT], ns(qemu), ns(sage), ratio, host ? "3" : "1"]);
  }
  return table(rows);
}
