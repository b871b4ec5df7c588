import { SageError, sageError } from "../errors.ts";
import { noAudit } from "../guard/audit.ts";
import { type GuardedHost, guard } from "../guard/guard.ts";
import { allowAll, denyAll, grantOfFlag, type Policy, parsePolicy, permissions, union } from "../guard/policy.ts";
import { type Host, HostError, type RealHost } from "../host/host.ts";
import { ReplayDiverged, recording, replaying } from "../host/record.ts";
import type { SnapshotTime } from "../os/run.ts";
import { type EngineName, engines, type ResumeOptions, type SnapshotWish } from "../run-options.ts";
import type { Arguments, OptionSpec } from "./args.ts";
import { readFile } from "./file.ts";
import { openAudit, openTrace } from "./logs.ts";
import { replaceFile } from "./replace-file.ts";
import { parseAmount, parseDuration, parseSize } from "./units.ts";
import { version } from "./version.ts";

/*
 * What `sage run` and `sage resume` share: options, the guard, logs.
 */

/** How a program is run. */
export const runningOptions: readonly OptionSpec[] = [
  { name: "allow-read", value: "PATHS", optional: true, help: "read these files and directories, or any" },
  { name: "allow-write", value: "PATHS", optional: true, help: "write these files and directories, or any" },
  { name: "allow-net", value: "HOSTS", optional: true, help: "reach these hosts, or any" },
  {
    name: "allow-env",
    value: "NAMES",
    optional: true,
    help: "see these environment variables (A* for a family), or all",
  },
  { name: "allow-all", short: "A", help: "allow everything" },
  { name: "policy", value: "FILE", help: "grants as JSON: read, write, net, env, each true or a list" },
  { name: "engine", value: "NAME", help: `how to run: ${engines.join(", ")}` },
  { name: "trace", value: "FILE", optional: true, help: "print each syscall to stderr or FILE" },
  { name: "audit", value: "FILE", help: "log every effect; sage audit verify FILE checks the log" },
  { name: "memory", value: "SIZE", help: "most memory the program may have, such as 512M" },
  { name: "timeout", value: "SECONDS", help: "stop it after so long (exit status 124)" },
  { name: "fuel", value: "N", help: "stop it after about N loops and calls (exit status 125)" },
  { name: "strict", help: "check every memory access, so that faults are exact" },
  { name: "stats", value: "json", optional: true, help: "print what the run took" },
  { name: "snapshot", value: "FILE", help: "save the program to FILE, then stop; sage resume FILE goes on" },
  { name: "snapshot-at", value: "WHEN", help: "when: 1.5s, 5000calls or 1000000fuel after the start" },
];

/** What is to run. */
export interface Subject {
  readonly program: string;
  readonly bytes: Uint8Array;
  readonly args: readonly string[];
  readonly root: string | undefined;
  /** What it may do without being granted it. */
  readonly own: Policy;
}

/** Runs something under the guard, with its logs; gives the exit status. */
export async function underGuard(
  args: Arguments,
  host: RealHost,
  { own, ...subject }: Subject,
  run: (options: ResumeOptions) => Promise<number>,
): Promise<number> {
  const tell = (line: string) => void host.stderr.write(new TextEncoder().encode(`sage: ${line}\n`));
  const limits = limitsOf(args);
  const engine = engineOf(args.text("engine"));
  const stats = statsOf(args);
  const snapshot = snapshotOf(args, tell);
  const policy = policyOf(args, host, own);
  const tracing = args.has("trace") ? openTrace(host, args.all("trace").at(-1)!) : undefined;
  const auditing = args.has("audit") ? openAudit(host, args.text("audit")!, { ...subject, policy }) : undefined;
  const log = auditing?.log;
  const audit = log ?? noAudit;
  const recorded = args.has("record") ? openTrace(host, args.text("record")!) : undefined;
  const keep = [auditing?.stat, tracing?.stat, recorded?.stat].filter((stat) => stat !== undefined);
  const judged = guard(host, policy, { audit, warn: tell, keep });
  const lines = recorded && inParts(recorded.line);
  const settle = (): void => {
    judged.settle();
    lines?.flush();
  };
  const guarded = { ...answered(host, judged, lines?.line, args.text("replay")), settle };
  const options: ResumeOptions = {
    ...{ host: guarded, audit, root: subject.root, engine, stats, tell, snapshot },
    trace: tracing?.line,
    ...limits,
    strict: args.has("strict"),
  };
  try {
    const status = await run(options);
    guarded.settle();
    log?.end({ status });
    return status;
  } catch (error) {
    guarded.settle();
    log?.end({ failed: error instanceof SageError ? error.code : String(error) });
    if (error instanceof ReplayDiverged) throw sageError("REPLAY_DIVERGED", error.message);
    throw error;
  }
}

function limitsOf(args: Arguments): Pick<ResumeOptions, "memory" | "timeoutMs" | "fuel"> {
  const memory = args.text("memory");
  const timeout = args.text("timeout");
  const fuel = args.text("fuel");
  return {
    memory: memory === undefined ? undefined : parseSize("--memory", memory),
    timeoutMs: timeout === undefined ? undefined : parseAmount("--timeout", timeout, false) * 1000,
    fuel: fuel === undefined ? undefined : parseAmount("--fuel", fuel, true),
  };
}

function snapshotOf(args: Arguments, tell: (line: string) => void): SnapshotWish | undefined {
  const file = args.text("snapshot");
  const when = args.text("snapshot-at");
  if (file === undefined && when === undefined) return undefined;
  if (file === undefined || when === undefined)
    throw sageError("USAGE", "--snapshot FILE and --snapshot-at WHEN go together");
  for (const other of ["record", "replay"])
    if (args.has(other)) throw sageError("USAGE", `--snapshot and --${other} exclude each other`);
  const save = (bytes: Uint8Array): void => {
    try {
      replaceFile(file, bytes);
    } catch (error) {
      throw sageError("FILE_DENIED", `--snapshot ${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
    tell(`the program was saved (${bytes.length} bytes): sage resume ${file} goes on with it`);
  };
  return { due: timeOf(when), version, save };
}

/** "1.5s", "5000calls", "1000000fuel". Throws USAGE. */
function timeOf(text: string): SnapshotTime {
  const [, amount, of] = text.match(/^(.*?)(calls|fuel)$/) ?? [];
  if (amount !== undefined) return { of: of as "calls" | "fuel", amount: parseAmount("--snapshot-at", amount, true) };
  return { of: "ms", amount: parseDuration("--snapshot-at", text) };
}

/** Lines written many at a time. */
function inParts(write: (text: string) => void): { line: (text: string) => void; flush: () => void } {
  let held: string[] = [];
  const flush = (): void => {
    if (held.length) write(held.join("\n"));
    held = [];
  };
  const line = (text: string): void => {
    if (held.push(text) >= LINES_AT_ONCE) flush();
  };
  return { line, flush };
}
const LINES_AT_ONCE = 256;

/** The host as it is, written down, or read back from a recording. */
function answered(
  real: RealHost,
  judged: GuardedHost,
  write: ((line: string) => void) | undefined,
  from: string | undefined,
): Host {
  if (write) return recording(judged, write);
  if (from === undefined) return judged;
  const lines = new TextDecoder().decode(readFile(real.fs, from)).split("\n");
  let at = 0;
  return replaying(judged, () => lines[at++] || null);
}

function engineOf(name = "auto"): EngineName {
  const engine = engines.find((e) => e === name);
  if (!engine) throw sageError("USAGE", `there is no engine ${name}`, `choose one of ${engines.join(", ")}`);
  return engine;
}

function statsOf(args: Arguments): ResumeOptions["stats"] {
  const value = args.all("stats").at(-1);
  if (value === undefined) return undefined;
  if (value !== true && value !== "json") throw sageError("USAGE", `--stats=${value}`, "write --stats or --stats=json");
  return value === true ? "text" : "json";
}

export function rootOf(host: RealHost, root: string | undefined): string | undefined {
  if (root === undefined) return undefined;
  try {
    const real = host.fs.realpath(root);
    if (host.fs.stat(real, true).type === "dir") return real;
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw sageError("FILE_NOT_FOUND", `--root ${root}: ${error.code}`, "give a directory that holds a system's files");
  }
  throw sageError("USAGE", `--root ${root} is not a directory`);
}

function policyOf(args: Arguments, host: RealHost, own: Policy): Policy {
  let policy = args.has("allow-all") ? allowAll : own;
  for (const file of args.all("policy")) {
    if (file === true) continue;
    policy = union(policy, parsePolicy(new TextDecoder().decode(readFile(host.fs, file)), file));
  }
  for (const permission of permissions) {
    for (const value of args.all(`allow-${permission}`))
      policy = union(policy, { ...denyAll, [permission]: grantOfFlag(permission, value) });
  }
  return policy;
}
