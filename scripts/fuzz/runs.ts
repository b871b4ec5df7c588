import { SageError } from "../../src/errors.ts";
import { parseElf } from "../../src/format/elf.ts";
import { noAudit } from "../../src/guard/audit.ts";
import { type GuardedHost, guard } from "../../src/guard/guard.ts";
import { denyAll } from "../../src/guard/policy.ts";
import { HostError, type HostStream } from "../../src/host/host.ts";
import { nodeHost } from "../../src/host/node/index.ts";
import { runProgram } from "../../src/node.ts";
import type { EngineName } from "../../src/run-options.ts";
import { buildElf } from "../../tests/format/build-elf.ts";
import { campaign, type Random, type Seed, type Tally } from "./elf.ts";

/** Most guest memory and fuel of a case: a hostile file must not get more. */
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
export function runBytes(bytes: Uint8Array, engine: EngineName): string {
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

export interface RunCampaign {
  readonly first: number;
  readonly cases: number;
  readonly engine: EngineName;
  readonly progress?: (done: number) => void;
}

/** Mutated programs, loaded and run. */
export function fuzzRuns(files: readonly Seed[], { first, cases, engine, progress }: RunCampaign): Tally {
  const programs = files.filter((file) => file.name.endsWith("-riscv64"));
  return campaign(programs, first, cases, progress, (bytes) => runBytes(bytes, engine));
}

const CODE = 0x10000;
const DATA = 0x40000;
const DATA_SIZE = 0x20000;

/**
 * Random instruction streams: words of real programs, some with flipped bits, among random ones. Registers first point
 * into writable data, so that loads and stores do not all fault at once.
 */
export function fuzzStreams(files: readonly Seed[], { first, cases, engine, progress }: RunCampaign): Tally {
  const words = files.filter((file) => file.name.endsWith("-riscv64")).flatMap(codeWords);
  const one = (_: Uint8Array, pick: Random) => runBytes(stream(words, pick), engine);
  return campaign([{ name: "stream", bytes: new Uint8Array(16) }], first, cases, progress, one);
}

function codeWords({ bytes }: Seed): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words: number[] = [];
  for (const s of parseElf(bytes).segments)
    if (s.prot & 4) for (let at = 0; at + 4 <= s.fileSize; at += 2) words.push(view.getUint32(s.fileOffset + at, true));
  return words;
}

function stream(words: readonly number[], pick: Random): Uint8Array {
  const code = new DataView(new ArrayBuffer(4 * 160));
  let at = 0;
  const put = (word: number) => {
    code.setUint32(at, word, true);
    at += 4;
  };
  // lui rd, DATA + random page
  for (let rd = 1; rd < 32; rd++) put(0x37 | (rd << 7) | (DATA + pick(DATA_SIZE >> 12) * 4096));
  while (at < code.byteLength) {
    const word = pick(3) === 0 ? pick(2 ** 32) : words[pick(words.length)]!;
    put(pick(3) === 0 ? word ^ (1 << pick(32)) : word);
  }
  return buildElf({
    entry: CODE,
    segments: [
      { flags: pick(4) === 0 ? 7 : 5, address: CODE, data: new Uint8Array(code.buffer) },
      { flags: 6, address: DATA, memorySize: DATA_SIZE },
    ],
  });
}
