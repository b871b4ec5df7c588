import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import * as maker from "../../src/engine/make-parts.ts";
import { SageError } from "../../src/errors.ts";
import { parseElf } from "../../src/format/elf.ts";
import { noAudit } from "../../src/guard/audit.ts";
import { guard } from "../../src/guard/guard.ts";
import { allowAll } from "../../src/guard/policy.ts";
import { HostError } from "../../src/host/host.ts";
import { runWith } from "../../src/node.ts";
import type { EngineName } from "../../src/run-options.ts";
import { buildElf } from "../../tests/format/build-elf.ts";
import { type Campaign, campaign, mutate, type Random, type Seed, type Tally } from "./elf.ts";
import { memoryHost } from "./host.ts";

/** Most guest memory and fuel of a case: a hostile file must not get more. */
const MEMORY = 16 << 20;
const FUEL = 20_000;
/** Milliseconds that a case may take by this machine's clock: a hundred times what it does. */
const PATIENCE = 20_000;

const LIBRARIES = ["/lib/ld-linux-riscv64-lp64d.so.1", "/lib/libc.so.6"];
/** What interpreters programs ask for: what is there, what is not, what is no program, themselves. */
const INTERPRETERS = [
  ...LIBRARIES,
  "/fuzz",
  "/",
  "/lib",
  "",
  "lib/../lib/libc.so.6",
  "/lib/none.so",
  "/dev/zero",
  "/proc/self/exe",
];

export interface RunSettings {
  readonly engine: EngineName;
  readonly files?: ReadonlyMap<string, Uint8Array>;
  readonly traced?: boolean;
}

/**
 * Loads and runs bytes under limits, on a host that is memory; gives the exit status or the error's code. Anything else
 * thrown is a failure, and so is going beyond a limit.
 */
export function runBytes(bytes: Uint8Array, { engine, files, traced }: RunSettings): string {
  const host = guard(memoryHost(new Map([...(files ?? []), ["/fuzz", bytes]])), allowAll, { warn: () => {} });
  let told = "";
  const options = {
    ...{ host, audit: noAudit, program: "/fuzz", file: "/fuzz", bytes, args: ["one"], root: undefined },
    ...{ engine, rules: undefined, trace: traced ? () => {} : undefined, stats: "json" as const, strict: false },
    ...{ memory: MEMORY, timeoutMs: 5000, fuel: FUEL },
    tell: (line: string) => {
      told = line.startsWith("{") ? line : told;
    },
  };
  const start = performance.now();
  let outcome: string;
  try {
    outcome = `exit ${runWith(options, maker)}`;
  } catch (error) {
    if (error instanceof HostError)
      throw new Error(`a host error reached the command line: ${error.code}`, { cause: error });
    if (!(error instanceof SageError) || error.code === "INTERNAL") throw error;
    assert.match(error.line, /^[A-Z_]+: [^\n\r]+ \([^\n\r]+\)$/);
    outcome = error.code;
  }
  const took = performance.now() - start;
  if (took > PATIENCE) throw new Error(`it took ${(took / 1000).toFixed(1)} seconds`);
  if (told !== "") {
    const { memory } = JSON.parse(told) as { memory: number };
    assert.ok(memory >= 0 && memory <= MEMORY, `${memory} bytes of guest memory`);
  }
  return outcome;
}

export interface RunCampaign extends Campaign {
  readonly engine: EngineName;
}

/** Mutated programs, loaded and run, some with mutated libraries or another interpreter; some scripts. */
export function fuzzRuns(files: readonly Seed[], of: RunCampaign): Tally {
  const { engine } = of;
  const programs = files.filter((file) => file.name.endsWith("-riscv64") || file.name === "made-64-little");
  const libraries = LIBRARIES.map((path) => {
    const real = `/usr/riscv64-linux-gnu${path}`;
    return { name: path, bytes: existsSync(real) ? new Uint8Array(readFileSync(real)) : new Uint8Array(64) };
  });
  return campaign(programs, of, (bytes, pick) => {
    const beside = new Map(libraries.map((lib) => [lib.name, pick(6) === 0 ? mutate(lib, pick) : lib.bytes]));
    const program = pick(32) === 0 ? script(pick) : pick(4) === 0 ? reinterpreted(bytes, pick) : bytes;
    return runBytes(program, { engine, files: beside, traced: pick(4) === 0 });
  });
}

/** The program with another interpreter's path, as far as it has room for one. */
function reinterpreted(bytes: Uint8Array, pick: Random): Uint8Array {
  const size = 56;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 64; at + size <= Math.min(bytes.length, 64 + 16 * size); at += size) {
    if (view.getUint32(at, true) !== 3) continue;
    const text = new TextEncoder().encode(`${INTERPRETERS[pick(INTERPRETERS.length)]}\0`);
    const from = view.getUint32(at + 8, true);
    if (from + text.length > bytes.length) break;
    bytes.set(text, from);
    view.setUint32(at + 32, text.length, true);
  }
  return bytes;
}

function script(pick: Random): Uint8Array {
  const path = pick(8) === 0 ? "x".repeat(pick(600)) : INTERPRETERS[pick(INTERPRETERS.length)]!;
  const bytes = new TextEncoder().encode(`#!${" ".repeat(pick(3))}${path} ${"a".repeat(pick(40))}\n`);
  return bytes.subarray(0, bytes.length - (pick(4) === 0 ? pick(bytes.length) : 0));
}

const CODE = 0x10000;
const DATA = 0x40000;
const DATA_SIZE = 0x20000;

/**
 * Random instruction streams: words of real programs, some with flipped bits, among random ones. Registers first point
 * into writable data, so that loads and stores do not all fault at once.
 */
export function fuzzStreams(files: readonly Seed[], of: RunCampaign): Tally {
  const { engine } = of;
  const words = files.filter((file) => file.name.endsWith("-riscv64")).flatMap(codeWords);
  const one = (_: Uint8Array, pick: Random) => runBytes(stream(words, pick), { engine, traced: pick(4) === 0 });
  return campaign([{ name: "stream", bytes: new Uint8Array(16) }], of, one);
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
