// Runs one program and tells its CPU time: Node has no rusage of a child, so a helper in C (clock.c) asks the system.
import { spawn } from "node:child_process";

export interface Run {
  /** 128 + n for signal n. */
  readonly code: number;
  /** User and system time of the process and its threads, in milliseconds. */
  readonly cpu: number;
  readonly wall: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** Runs `command` under the helper at `clock`, null after `limit` seconds; rejects where the helper itself cannot run. */
export async function measure(clock: string, command: readonly string[], limit: number): Promise<Run | null> {
  // Its own process group: past the limit, helper and program are stopped together.
  const child = spawn(clock, command, { stdio: ["ignore", "pipe", "pipe", "pipe"], detached: true });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (child.pid) process.kill(-child.pid, "SIGKILL");
  }, limit * 1000);
  const failed = new Promise<never>((_, reject) => child.once("error", reject));
  const streams = [child.stdout, child.stderr, child.stdio[3]] as unknown as AsyncIterable<Buffer>[];
  const [stdout, stderr, figures] = await Promise.race([Promise.all(streams.map(text)), failed]);
  clearTimeout(timer);
  if (late) return null;
  const [code, cpu, wall] = figures.split(" ").map(Number);
  if (wall === undefined) throw new Error(`no figures for: ${command.join(" ")}`);
  return { code, cpu: cpu / 1000, wall: wall / 1000, stdout, stderr };
}
