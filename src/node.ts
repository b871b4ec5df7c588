import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { hotRows, interpreterBytes } from "./backend/wasm/interp-module.ts";
import { type EngineKind, type IsaParts, Machines } from "./engine/create.ts";
import { sageError } from "./errors.ts";
import { detect, parseImage } from "./format/detect.ts";
import type { Image } from "./format/image.ts";
import { checkRunnable } from "./format/runnable.ts";
import { HostError } from "./host/host.ts";
import { asset, isaRulebook, readText, rulebook, rulebookNames } from "./host/node/assets.ts";
import type { Node } from "./ir/node.ts";
import { parseRewrites, Rewrites } from "./ir/rewrite-rows.ts";
import { Kernel } from "./kernel/kernel.ts";
import { ADDRESS_LIMIT } from "./memory/layout.ts";
import { MemoryBudget, OutOfGuestMemory } from "./memory/memory.ts";
import { readWhole, startProcess } from "./os/linux/exec.ts";
import { Linux, type LinuxMachine } from "./os/linux/personality.ts";
import { parseAbi } from "./os/parse.ts";
import { epitaph, Runner, type RunResult, shellStatus } from "./os/run.ts";
import type { IsaBook } from "./rules/book.ts";
import { loadIsaBook, openIsaBook } from "./rules/index.ts";
import { isLearned, joinLearned, LEARNED } from "./rules/learned.ts";
import { readSupplement } from "./rules/supplement.ts";
import type { RunOptions } from "./run-options.ts";

export type { RunOptions } from "./run-options.ts";

/** Bytes that all processes may map together, where nothing is said: most of it is never touched. */
const TOGETHER = 0x400000000;

/** Most interpreters a script may go through, as Linux has it (fs/exec.c). */
const SCRIPT_DEPTH = 4;

/** The shipped rulebook of an ISA: precompiled where the build did it, else from its text. */
function isaBook(isa: string): IsaBook {
  const made = asset(`${isa}.book`);
  if (made) return openIsaBook(made);
  const source = isaRulebook(isa);
  if (source === null) throw sageError("RULEBOOK_UNKNOWN", `there is no rulebook for ${isa}`);
  return loadIsaBook(source.text, source.options);
}

/** Runs a program on Node; gives the exit status as a shell would see it (128 + n for a signal). */
export function runProgram(options: RunOptions): number {
  if (options.engine === "llvm") throw sageError("NOT_YET", "--engine llvm", "choose interp, wasm or auto");
  const { image, args, path } = loadProgram(options);
  const parts = isaParts(image.isa, options.rules, options.stats !== undefined);
  // Executions by row are what the first tier counts
  const engine = parts.learned && options.stats ? "interp" : options.engine;
  const book = parts.book;
  const abi = parseAbi(rulebook("os/linux.abi")!, "linux.abi");
  const budget = new MemoryBudget(options.memory ?? TOGETHER);
  const machines = new Map<string, { machines: Machines; linux: Linux }>();
  const machineFor = (isa: string, parts: IsaParts): LinuxMachine => {
    let made = machines.get(isa);
    if (!made) {
      const linux = new Linux(abi, isa);
      linux.readImage = parseImage;
      linux.machineFor = other;
      const { strict, memory } = options;
      const kind = { engine: engine as EngineKind, strict, memory, budget };
      // Counters a program may read (RISC-V Zicntr, x86's TSC) all tell monotonic time: honest, and enough to see it pass.
      const ask = () => {
        const now = options.host.monotonic();
        // A question may want it in two halves.
        return [now, now >> 32n];
      };
      made = { machines: new Machines(parts, { ...kind, ask }, linux.abi.stack), linux };
      machines.set(isa, made);
    }
    return { cpu: made.machines.thread(), linux: made.linux };
  };
  /** A program for an ISA that nothing is known of cannot be run by another. */
  const other = (isa: string): LinuxMachine | null => {
    if (isa === image.isa) return machineFor(isa, parts);
    return rulebookNames("isa").includes(isa) && abi.machines.has(isa)
      ? machineFor(isa, isaParts(isa, undefined))
      : null;
  };
  const { cpu, linux } = machineFor(book.name, parts);
  const kernel = new Kernel({
    host: options.host,
    personality: linux,
    root: options.root,
    cwd: options.root === undefined ? options.host.cwd : "/",
    ...(options.memory === undefined ? {} : { memory: options.memory }),
  });
  // A guest that handles memory faults sees registers and addresses: from then on they are exact.
  const looksAtFaults = new Set(["SIGSEGV", "SIGBUS"].map((name) => linux.signal(name)));
  kernel.onHandler = (task, signal) => {
    if (looksAtFaults.has(signal)) task.cpu.bePrecise?.();
  };
  const env = Object.entries(options.host.env).map(([name, value]) => `${name}=${value}`);
  const process = fitting(path, () => startProcess(kernel, linux, cpu, { image, path, args, env, read: parseImage }));
  const runner = new Runner(
    linux,
    process,
    { fuel: options.fuel, timeoutMs: options.timeoutMs },
    {
      trace: options.trace,
      audit: options.audit,
    },
  );
  const result = runner.run();
  for (const [name, times] of runner.unknown)
    options.tell(
      `note: the program called ${name} ${times === 1 ? "once" : `${times} times`}, which SAGE does not have`,
    );
  if (options.stats)
    tellStats(options, {
      ...statsOf([...machines.values()]),
      calls: runner.calls,
      ...(parts.learned ? learnedShare(machines.get(book.name)!.machines) : {}),
    });
  return statusOf(linux, result, options);
}

/** A program that its memory limit leaves no room for is refused, not crashed on. */
function fitting<T>(path: string, start: () => T): T {
  try {
    return start();
  } catch (error) {
    const full = error instanceof OutOfGuestMemory || (error instanceof HostError && error.code === "ENOMEM");
    throw full ? sageError("OUT_OF_MEMORY", `${path} asks for more memory than it may have`) : error;
  }
}

/** The image to run: the program's own, or that of the interpreter its #! line names. */
function loadProgram(options: RunOptions): { image: Image; args: string[]; path: string } {
  let { bytes } = options;
  let path = options.program;
  let args = [path, ...options.args];
  for (let depth = 0; ; depth++) {
    const found = detect(bytes);
    if (found.format !== "script" || !found.interpreter) break;
    if (depth === SCRIPT_DEPTH) throw sageError("FORMAT_UNSUPPORTED", `${path}: scripts interpret scripts without end`);
    const [interpreter, ...rest] = found.interpreter;
    args = [interpreter!, ...rest, path, ...args.slice(1)];
    path = interpreter!;
    bytes = readGuestFile(options, path, args.at(-1)!);
  }
  const image = parseImage(bytes);
  checkRunnable(image, { isas: rulebookNames("isa"), oses: rulebookNames("os"), addressLimit: ADDRESS_LIMIT });
  return { image, args, path };
}

/** A file by its guest path, before there is a process. */
function readGuestFile(options: RunOptions, path: string, script: string): Uint8Array {
  const linux = new Linux(parseAbi(rulebook("os/linux.abi")!, "linux.abi"), rulebookNames("isa")[0]!);
  const kernel = new Kernel({ host: options.host, personality: linux, root: options.root });
  const at = kernel.start();
  try {
    return readWhole(kernel, at, path);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw sageError("INTERPRETER_MISSING", `${script} needs ${path}: ${error.code}`);
  }
}

/** Parts by ISA: runs in one process share them. */
const partsOf = new Map<string, IsaParts>();

let rewriting: ((node: Node) => Node) | undefined;
/** What sees the values that regions compute, in the place of the shipped rewrite rows: for harvesting, and for comparison. */
export function rewriteWith(change: (node: Node) => Node): void {
  rewriting = change;
}

let shippedRewrites: Rewrites | undefined;
/** The shipped rewrite rows, read when the first region is made. */
function rewrite(node: Node): Node {
  if (rewriting) return rewriting(node);
  shippedRewrites ??= new Rewrites(parseRewrites(rulebook("rewrite.rules") ?? ""));
  return shippedRewrites.apply(node);
}

interface BookParts extends IsaParts {
  /** Its rows were learned, but for a supplement. */
  readonly learned?: boolean;
}

function isaParts(isa: string, rules: string | undefined, counted = false): BookParts {
  if (rules !== undefined) return givenParts(isa, rules, counted);
  let parts = partsOf.get(isa);
  if (!parts) {
    const book = isaBook(isa);
    const bytes = asset(`${isa}.wasm`) ?? interpreterBytes(book, { hot: hotRows(rulebook(`isa/${isa}.hot`)) });
    parts = { book, interpreter: new WebAssembly.Module(bytes), rewrite };
    partsOf.set(isa, parts);
  }
  return parts;
}

/** From a rulebook that the user names; `learned` is the one that learning keeps. */
function givenParts(isa: string, rules: string, counted: boolean): BookParts {
  const file = rules === "learned" ? learnedBook(isa) : rules;
  if (rules === "learned" && !existsSync(file))
    throw sageError(
      "RULEBOOK_UNKNOWN",
      `nothing was learned of ${isa} yet`,
      `sage learn isa --oracle O -o ${file}, or give --rules FILE`,
    );
  const text = readText(file);
  if (isLearned(text)) return learnedParts(isa, text, counted);
  const book = loadIsaBook(text, { file });
  if (book.name !== isa) throw sageError("ISA_UNSUPPORTED", `the program is for ${isa}, ${file} is about ${book.name}`);
  return { book, interpreter: new WebAssembly.Module(interpreterBytes(book)) };
}

/** A learned rulebook, with what its ISA's supplement declares of the shipped one. */
function learnedParts(isa: string, text: string, counted: boolean): BookParts {
  const shipped = isaRulebook(isa);
  if (!shipped) throw sageError("RULEBOOK_UNKNOWN", `there is no rulebook for ${isa}`);
  const supplement = readSupplement(rulebook(`isa/${isa}.supplement`) ?? "");
  const { book } = joinLearned(text, shipped.text, shipped.options, supplement);
  return { book, interpreter: new WebAssembly.Module(interpreterBytes(book, { profile: counted })), learned: true };
}

/** Where a user's learned rulebook of an ISA stands. */
function learnedBook(isa: string): string {
  const data = process.env.XDG_DATA_HOME ?? join(homedir(), ".local", "share");
  return join(data, "sage", "learned", `${isa}.rules`);
}

/** How many instructions ran by learned rows, and by rows of the supplement. */
function learnedShare(machines: Machines): Record<string, number> {
  let [learned, all] = [0, 0];
  for (const { rows, times } of machines.profile()) {
    all += times;
    // A handler that rows of both kinds share counts for neither
    if (rows.every((r) => r.startsWith(LEARNED))) learned += times;
  }
  return { byLearned: learned, byAll: all, learnedPercent: Math.round((1e5 * learned) / Math.max(1, all)) / 1e3 };
}

function statusOf(linux: Linux, result: RunResult, options: RunOptions): number {
  if (result.k === "timeout")
    throw sageError("TIMEOUT", `the program was stopped after ${(options.timeoutMs ?? 0) / 1000} seconds`);
  if (result.k === "fuel")
    throw sageError("OUT_OF_FUEL", `the program was stopped after ${options.fuel} loops and calls`);
  const line = epitaph(linux, result);
  if (line !== null) options.tell(line);
  return shellStatus(result) ?? 1;
}

/** Figures of all machines together. */
function statsOf(kinds: readonly { machines: Machines }[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { machines } of kinds)
    for (const [name, value] of Object.entries(machines.figures())) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}

function tellStats(options: RunOptions, figures: Record<string, number>): void {
  if (options.stats === "json") options.tell(JSON.stringify(figures));
  else for (const [name, value] of Object.entries(figures)) options.tell(`${name.padEnd(12)} ${value}`);
}
