// Running a command to its end with a limit, all of its output kept as bytes.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { REPOSITORY } from "../guests.ts";

export interface Outcome {
  /** Exit code; 128 + n where signal n ended it. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface Input {
  readonly stdin?: string | Uint8Array;
  /** The whole environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds until it is killed and counts as failed; default 120. */
  readonly limit?: number;
}

const SIGNALS: Record<string, number> = {
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
};

/** Rejects where the command cannot be started or passes its limit. */
export function run(command: readonly string[], { stdin = "", env = {}, limit = 120 }: Input = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { env: { ...env }, stdio: "pipe" });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`still running after ${limit} s: ${command.join(" ")}`));
    }, limit * 1000);
    child.stdout.on("data", (part: Buffer) => stdout.push(part));
    child.stderr.on("data", (part: Buffer) => stderr.push(part));
    child.stdin.on("error", () => {}); // it may end without reading
    child.stdin.end(stdin);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      const ended = signal ? 128 + (SIGNALS[signal] ?? 0) : (code ?? -1);
      resolve({ code: ended, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
    });
  });
}

const BIN = process.env.SAGE_BIN ?? join(REPOSITORY, "bin", "sage.js");

/** How this checkout's command line is started; SAGE_BIN puts another program in its place. */
export const SAGE: readonly string[] = BIN.endsWith(".js") ? [process.execPath, BIN] : [BIN];

/** The engines that every program must run alike on. */
export const ENGINES: readonly string[] = process.env.SAGE_ENGINES?.split(",") ?? ["interp", "wasm"];

/** `sage run` with the given options and program. */
export function sage(options: readonly string[], program: readonly string[], input?: Input): Promise<Outcome> {
  return run([...SAGE, "run", ...options, "--", ...program], input);
}
