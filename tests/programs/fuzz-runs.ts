import { SageError } from "../../src/errors.ts";
import { noAudit } from "../../src/guard/audit.ts";
import { type GuardedHost, guard } from "../../src/guard/guard.ts";
import { denyAll } from "../../src/guard/policy.ts";
import { HostError, type HostStream } from "../../src/host/host.ts";
import { nodeHost } from "../../src/host/node/index.ts";
import { runProgram } from "../../src/node.ts";
import { campaign, type Seed, type Tally } from "../format/fuzz.ts";

/** Most guest memory and fuel of a case: a hostile header must not get more. */
const MEMORY = 16 << 20;
const FUEL = 20_000;

const nowhere: HostStream = {
  isTerminal: false,
  type: "fifo",
  read: () => 0,
  write: (from) => from.length,
  windowSize: () => null,
  readable: () => true,
};

/** A host without files or output. */
function emptyHost(): GuardedHost {
  const host = { ...nodeHost(), stdin: nowhere, stdout: nowhere, stderr: nowhere, env: {}, sleep: () => {} };
  return guard(host, denyAll, { warn: () => {} });
}

/** Loads and runs bytes under limits; gives the exit status or the error's code. Anything else thrown is a failure. */
export function runBytes(bytes: Uint8Array, engine: "interp" | "auto" = "interp"): string {
  const options = {
    ...{ host: emptyHost(), audit: noAudit, program: "fuzz", file: "/fuzz", bytes, args: [], root: undefined },
    ...{ engine, rules: undefined, trace: undefined, stats: undefined, strict: false, tell: () => {} },
    ...{ memory: MEMORY, timeoutMs: 5000, fuel: FUEL },
  };
  try {
    return `exit ${runProgram(options)}`;
  } catch (error) {
    if (error instanceof SageError && error.code !== "INTERNAL") return error.code;
    if (error instanceof HostError)
      throw new Error(`a host error reached the command line: ${error.code}`, { cause: error });
    throw error;
  }
}

/** As fuzzElf, but each file is loaded and run. */
export function fuzzRuns(
  files: readonly Seed[],
  first: number,
  cases: number,
  progress?: (done: number) => void,
): Tally {
  const programs = files.filter((file) => file.name.endsWith("-riscv64"));
  return campaign(programs.length ? programs : files, first, cases, progress, (bytes) => runBytes(bytes));
}
