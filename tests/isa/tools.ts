import { spawnSync } from "node:child_process";

/** `skip` option for a test that needs `ready`; where CI runs, a missing tool is a failure instead. */
export function needs(ready: boolean, what: string): { skip: string | false } {
  if (ready) return { skip: false };
  if (process.env.CI === "true") throw new Error(`${what} is not installed`);
  return { skip: `${what} is not installed` };
}

/** Output of a command; throws when it fails. */
export function output(command: string, args: readonly string[]): string {
  const run = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28, timeout: 120_000 });
  if (run.status !== 0) throw new Error(`${command} ended with ${run.status ?? run.error}: ${run.stderr}`);
  return run.stdout;
}

export function installed(command: string): boolean {
  return spawnSync(command, ["--version"]).status === 0;
}
