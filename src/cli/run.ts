import { SageError, sageError } from "../errors.ts";
import { noAudit } from "../guard/audit.ts";
import { type GuardedHost, guard } from "../guard/guard.ts";
import { allowAll, denyAll, grantOfFlag, type Policy, parsePolicy, permissions, union } from "../guard/policy.ts";
import { type Host, HostError, type RealHost } from "../host/host.ts";
import { ReplayDiverged, recording, replaying } from "../host/record.ts";
import { runProgram } from "../node.ts";
import { type EngineName, engines, type RunOptions } from "../run-options.ts";
import type { Arguments, OptionSpec } from "./args.ts";
import type { Command } from "./command.ts";
import { readFile } from "./file.ts";
import { openAudit, openTrace } from "./logs.ts";
import { inRoot } from "./rooted.ts";
import { parseAmount, parseSize } from "./units.ts";

const options: readonly OptionSpec[] = [
  { name: "root", value: "DIR", help: "DIR is the guest's /: readable; what it writes is dropped at the end" },
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
  { name: "rules", value: "FILE", help: "rulebook to use instead of the shipped one, or `learned`" },
  { name: "trace", value: "FILE", optional: true, help: "print each syscall to stderr or FILE" },
  { name: "audit", value: "FILE", help: "log every effect; sage audit verify FILE checks the log" },
  { name: "record", value: "FILE", help: "record the run" },
  { name: "replay", value: "FILE", help: "replay a recorded run" },
  { name: "memory", value: "SIZE", help: "most memory the program may have, such as 512M" },
  { name: "timeout", value: "SECONDS", help: "stop it after so long (exit status 124)" },
  { name: "fuel", value: "N", help: "stop it after about N loops and calls (exit status 125)" },
  { name: "strict", help: "check every memory access, so that faults are exact" },
  { name: "stats", value: "json", optional: true, help: "print what the run took" },
];

export const command: Command = {
  spec: {
    operands: "[--] PROGRAM [ARGS...]",
    least: 1,
    most: Number.POSITIVE_INFINITY,
    greedy: true,
    options,
    about: `Runs PROGRAM. Standard output and exit status are the program's (128 + n where signal n ended it, 127 where it is
not found, 126 where it cannot be run); what SAGE has to say goes to standard error.
The program may read its own file and use the standard streams; all else needs an --allow flag or --root.`,
    examples: [
      ["run samples/hello-riscv64", "a static program"],
      ["run --allow-read=. ./cat-riscv64 notes.txt", "it may read what is below this directory"],
      ["run --root ~/riscv64-root /bin/sh -c 'ls /'", "a dynamic program in the files it was built for"],
      ["run --timeout 5 --memory 64M --audit log.jsonl ./unknown", "bounded, every effect logged"],
    ],
  },
  async run(args, { host }) {
    const tell = (line: string) => void host.stderr.write(new TextEncoder().encode(`sage: ${line}\n`));
    const engine = engineOf(args.text("engine"));
    const stats = statsOf(args);
    if (args.has("record") && args.has("replay")) throw sageError("USAGE", "--record and --replay exclude each other");
    const memory = args.text("memory");
    const timeout = args.text("timeout");
    const fuel = args.text("fuel");
    const limits = {
      memory: memory === undefined ? undefined : parseSize("--memory", memory),
      timeoutMs: timeout === undefined ? undefined : parseAmount("--timeout", timeout, false) * 1000,
      fuel: fuel === undefined ? undefined : parseAmount("--fuel", fuel, true),
    };

    const [spelled, ...rest] = args.operands;
    const root = rootOf(host, args.text("root"));
    const program = root === undefined || spelled!.startsWith("/") ? spelled! : `/${spelled}`;
    const file = root === undefined ? program : inRoot(host.fs, root, program);
    const bytes = readProgram(host, file, program);
    const real = host.fs.realpath(file);
    const policy = policyOf(args, host, { ...denyAll, read: root === undefined ? [real] : [root] });

    const tracing = args.has("trace") ? openTrace(host, args.all("trace").at(-1)!) : undefined;
    const auditing = args.has("audit")
      ? openAudit(host, args.text("audit")!, { program, bytes, args: rest, root, policy })
      : undefined;
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
    const run: RunOptions = {
      ...{ host: guarded, audit, program, file: real, bytes, args: rest, root, engine, stats, tell },
      trace: tracing?.line,
      ...limits,
      rules: args.text("rules"),
      strict: args.has("strict"),
    };
    try {
      const status = await runProgram(run);
      guarded.settle();
      log?.end({ status });
      return status;
    } catch (error) {
      guarded.settle();
      log?.end({ failed: error instanceof SageError ? error.code : String(error) });
      if (error instanceof ReplayDiverged) throw sageError("REPLAY_DIVERGED", error.message);
      throw error;
    }
  },
};

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

function statsOf(args: Arguments): RunOptions["stats"] {
  const value = args.all("stats").at(-1);
  if (value === undefined) return undefined;
  if (value !== true && value !== "json") throw sageError("USAGE", `--stats=${value}`, "write --stats or --stats=json");
  return value === true ? "text" : "json";
}

function rootOf(host: RealHost, root: string | undefined): string | undefined {
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

/** The program's bytes; errors name it as it was typed. */
function readProgram(host: RealHost, file: string, program: string): Uint8Array {
  try {
    return readFile(host.fs, file);
  } catch (error) {
    if (error instanceof SageError && file !== program)
      throw sageError(error.code, error.message.replace(file, program));
    throw error;
  }
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
