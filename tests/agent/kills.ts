import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SAGE = join(import.meta.dirname, "../../bin/sage.js");

/** A learner of its own process; `first`: it begins anew, otherwise it goes on from its checkpoint. */
function learner(port: number, file: string, first: boolean): ChildProcess {
  const args = ["learn", "isa", "--oracle", `gdb:127.0.0.1:${port}`, "-o", file, "--time", "1h", "--seed", "3"];
  return spawn(process.execPath, [SAGE, ...args, ...(first ? [] : ["--resume"])], { stdio: "ignore" });
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((go) => {
    child.on("exit", (code) => go(code));
  });

/** Kills a learner once it has saved something. */
function killSaved(child: ChildProcess, file: string): NodeJS.Timeout {
  return setInterval(() => {
    if (existsSync(`${file}.checkpoint`)) child.kill("SIGKILL");
  }, 20);
}

/**
 * Learns the machine behind a stub, killing the learner after each of `lives` milliseconds ("saved": at its first
 * checkpoint) and going on; after the last it is left to end. Gives the rulebook, and how many were killed before they had ended on their own.
 */
export async function learnKilled(
  port: number,
  file: string,
  lives: readonly (number | "saved")[],
): Promise<{ book: string; kills: number }> {
  let kills = 0;
  for (const [i, life] of [...lives, Number.POSITIVE_INFINITY].entries()) {
    const child = learner(port, file, i === 0);
    const timed = typeof life === "number" && Number.isFinite(life);
    const timer = timed ? setTimeout(() => child.kill("SIGKILL"), life) : undefined;
    const watch = life === "saved" ? killSaved(child, file) : undefined;
    const code = await ended(child);
    clearTimeout(timer);
    clearInterval(watch);
    if (code === null) {
      kills++;
      continue;
    }
    if (code !== 0) throw new Error(`the learner ended with status ${code}`);
    break;
  }
  return { book: readFileSync(file, "utf8"), kills };
}
