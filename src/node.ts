import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type EngineKind, type IsaParts, Machines } from "./engine/create.ts";
import { sageError } from "./errors.ts";
import { detect, parseImage } from "./format/detect.ts";
import type { Image } from "./format/image.ts";
import { checkRunnable } from "./format/runnable.ts";
import { HostError } from "./host/host.ts";
import { asset, hasAsset, isaRulebook, readText, rulebook, rulebookNames } from "./host/node/assets.ts";
import { nodePacking } from "./host/node/packing.ts";
import type { Node } from "./ir/node.ts";
import { parseRewrites, Rewrites } from "./ir/rewrite-rows.ts";
import { Kernel } from "./kernel/kernel.ts";
import type { Process } from "./kernel/process.ts";
import type { Snapshot } from "./kernel/snapshot/file.ts";
import type { Systems } from "./kernel/snapshot/image.ts";
import { ADDRESS_LIMIT } from "./memory/layout.ts";
import { MemoryBudget, OutOfGuestMemory } from "./memory/memory.ts";
import type { AbiBook } from "./os/abi.ts";
import { openAbi } from "./os/blob.ts";
import { readWhole, startProcess } from "./os/linux/exec.ts";
import { Linux, type LinuxMachine } from "./os/linux/personality.ts";
import { parseAbi } from "./os/parse.ts";
import { epitaph, Runner, type RunResult, shellStatus } from "./os/run.ts";
import { openIsaBook } from "./rules/open.ts";
import type { ResumeOptions, RunOptions, SnapshotWish } from "./run-options.ts";

export type { RunOptions } from "./run-options.ts";

/** Bytes that all processes may map together, where nothing is said: most of it is never touched. */
const TOGETHER = 0x400000000;

/** Most interpreters a script may go through, as Linux has it (fs/exec.c). */
const SCRIPT_DEPTH = 4;

/** Runs a program on Node; gives the exit status as a shell would see it (128 + n for a signal). */
export async function runProgram(options: RunOptions): Promise<number> {
  const builds = options.rules !== undefined || rulebookNames("isa").some((isa) => !isBuilt(isa));
  const maker = builds ? await import("./engine/make-parts.ts") : null;
  return runWith(options, maker, options.snapshot ? await import("./snapshots.ts") : null);
}

/** As runProgram, where what makes parts is at hand (or not needed). */
export function runWith(options: RunOptions, maker: Maker, saver: Saver = null): number {
  if (options.engine === "llvm") throw sageError("NOT_YET", "--engine llvm", "choose interp, wasm or auto");
  const { image, args, path } = loadProgram(options);
  const made = sandbox(options, image.isa, options.rules, maker);
  const { kernel } = made;
  const { cpu, linux } = made.first;
  const env = Object.entries(options.host.env).map(([name, value]) => `${name}=${value}`);
  const process = fitting(path, () => startProcess(kernel, linux, cpu(), { image, path, args, env, read: parseImage }));
  return finish(options, made, process, saver);
}

/** Goes on with what a snapshot holds; gives the exit status. Throws SageError. */
export async function resumeProgram(options: ResumeOptions, snapshot: Snapshot): Promise<number> {
  const saver = await import("./snapshots.ts");
  const maker = rulebookNames("isa").some((isa) => !isBuilt(isa)) ? await import("./engine/make-parts.ts") : null;
  const { header } = snapshot;
  if (!rulebookNames("isa").includes(header.isa))
    throw sageError("ISA_UNSUPPORTED", `the snapshot is of programs for ${header.isa}`);
  const run = {
    ...options,
    host: saver.later(options.host, header),
    memory: options.memory ?? header.memory ?? undefined,
  };
  const made = sandbox(run, header.isa, undefined, maker);
  const process = saver.restore(made.kernel, made.systems, options.root, snapshot);
  return finish(run, made, process, saver);
}

/** Checks a snapshot's file. Throws SageError. */
export async function readSnapshot(bytes: Uint8Array, name: string, version: string): Promise<Snapshot> {
  const saver = await import("./snapshots.ts");
  return saver.openSnapshot(bytes, name, version, nodePacking);
}

/** Saves and restores. Most runs have no use for it; null: not loaded. */
type Saver = typeof import("./snapshots.ts") | null;

/** A kernel, and what makes machines for its programs. */
interface Sandbox {
  readonly kernel: Kernel;
  readonly first: { readonly linux: Linux; readonly cpu: () => LinuxMachine["cpu"] };
  readonly systems: Systems;
  readonly machines: ReadonlyMap<string, { machines: Machines; linux: Linux }>;
  /** How much ran by learned rows, where there are some. */
  readonly learned: () => Record<string, number>;
}

function sandbox(options: ResumeOptions, isa: string, rules: string | undefined, maker: Maker): Sandbox {
  const parts = isaParts(isa, rules, maker, options.stats !== undefined);
  // Executions by row are what the first tier counts
  const engine = parts.learned && options.stats ? "interp" : options.engine;
  const book = parts.book;
  const abi = linuxAbi();
  const budget = new MemoryBudget(options.memory ?? TOGETHER);
  const machines = new Map<string, { machines: Machines; linux: Linux }>();
  const kindFor = (name: string, parts: IsaParts): { machines: Machines; linux: Linux } => {
    let made = machines.get(name);
    if (!made) {
      const linux = new Linux(abi, name);
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
      machines.set(name, made);
    }
    return made;
  };
  /** A program for an ISA that nothing is known of cannot be run by another. */
  const known = (name: string): { machines: Machines; linux: Linux } | null => {
    if (name === isa) return kindFor(name, parts);
    return rulebookNames("isa").includes(name) && abi.machines.has(name)
      ? kindFor(name, isaParts(name, undefined, maker))
      : null;
  };
  const other = (name: string): LinuxMachine | null => {
    const kind = known(name);
    return kind && { cpu: kind.machines.thread(), linux: kind.linux };
  };
  const { linux, machines: own } = kindFor(book.name, parts);
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
  const need = (name: string): { machines: Machines; linux: Linux } => {
    const kind = known(name);
    if (!kind) throw sageError("ISA_UNSUPPORTED", `the snapshot is of programs for ${name}`);
    return kind;
  };
  const systems: Systems = {
    personality: (name) => need(name).linux,
    cpu: (name) => need(name).machines.thread(),
    isaOf: (of) => (of instanceof Linux ? of.abi.isa : ""),
  };
  const learned = (): Record<string, number> => (parts.learned ? learnedShare(parts.learned, own) : {});
  return { kernel, systems, machines, first: { linux, cpu: () => own.thread() }, learned };
}

/** Runs a sandbox to its end, or to its snapshot. */
function finish(options: ResumeOptions, made: Sandbox, process: Process, saver: Saver): number {
  const { first, machines, kernel, systems } = made;
  const { linux } = first;
  const { snapshot } = options;
  const take = (wish: SnapshotWish): void =>
    wish.save(saver!.save(kernel, systems, { process, isa: linux.abi.isa, wish, options }, nodePacking));
  const runner = new Runner(
    linux,
    process,
    { fuel: options.fuel, timeoutMs: options.timeoutMs },
    {
      trace: options.trace,
      audit: options.audit,
      ...(snapshot && { snapshot: { due: snapshot.due, take: () => take(snapshot) } }),
    },
  );
  const result = saver ? saver.savable(() => runner.run()) : runner.run();
  for (const [name, times] of runner.unknown)
    options.tell(
      `note: the program called ${name} ${times === 1 ? "once" : `${times} times`}, which SAGE does not have`,
    );
  if (options.stats) tellStats(options, { ...statsOf([...machines.values()]), calls: runner.calls, ...made.learned() });
  if (snapshot && result.k !== "saved") options.tell("note: the program ended before its snapshot was due");
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

/** The shipped rulebook of Linux, fresh: a run chooses its tables in it. */
function linuxAbi(): AbiBook {
  const made = asset("linux.abi");
  return made ? openAbi(new TextDecoder().decode(made)) : parseAbi(rulebook("os/linux.abi")!, "linux.abi");
}

/** A file by its guest path, before there is a process. */
function readGuestFile(options: RunOptions, path: string, script: string): Uint8Array {
  const linux = new Linux(linuxAbi(), rulebookNames("isa")[0]!);
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
const partsOf = new Map<string, BookParts>();

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

/** Makes parts from text. It is much code, which a start from what was built has no use for; null: not loaded. */
type Maker = typeof import("./engine/make-parts.ts") | null;

/** Parts, and which rows of the book were learned, where some were. */
type BookParts = IsaParts & { readonly learned?: (row: string) => boolean };

function isaParts(isa: string, rules: string | undefined, maker: Maker, counted = false): BookParts {
  if (rules !== undefined) return { ...givenParts(isa, rules, maker, counted), rewrite };
  let parts = partsOf.get(isa);
  if (!parts) {
    parts = { ...(isBuilt(isa) ? builtParts(isa) : textParts(isa, maker)), rewrite };
    partsOf.set(isa, parts);
  }
  return parts;
}

function isBuilt(isa: string): boolean {
  return hasAsset(`${isa}.book`);
}

function builtParts(isa: string): IsaParts {
  return { book: openIsaBook(asset(`${isa}.book`)!), interpreter: new WebAssembly.Module(asset(`${isa}.wasm`)!) };
}

function textParts(isa: string, maker: Maker): IsaParts {
  const source = isaRulebook(isa);
  if (source === null) throw sageError("RULEBOOK_UNKNOWN", `there is no rulebook for ${isa}`);
  return maker!.makeParts(source.text, source.options, rulebook(`isa/${isa}.hot`));
}

/** From a rulebook that the user names; `learned` is the one that learning keeps. */
function givenParts(isa: string, rules: string, maker: Maker, counted: boolean): BookParts {
  const file = rules === "learned" ? learnedBook(isa) : rules;
  const text = readText(file);
  if (maker!.isLearned(text)) {
    const shipped = isaRulebook(isa);
    if (!shipped) throw sageError("RULEBOOK_UNKNOWN", `there is no rulebook for ${isa}`);
    return maker!.makeLearnedParts(text, shipped, rulebook(`isa/${isa}.supplement`) ?? "", counted);
  }
  const parts = maker!.makeParts(text, { file }, null);
  const { name } = parts.book;
  if (name !== isa) throw sageError("ISA_UNSUPPORTED", `the program is for ${isa}, ${file} is about ${name}`);
  return parts;
}

/** Where a user's learned rulebook of an ISA stands. Throws RULEBOOK_UNKNOWN where there is none. */
function learnedBook(isa: string): string {
  const data = process.env.XDG_DATA_HOME ?? join(homedir(), ".local", "share");
  const file = join(data, "sage", "learned", `${isa}.rules`);
  if (existsSync(file)) return file;
  const todo = `sage learn isa --oracle O -o ${file}, or give --rules FILE`;
  throw sageError("RULEBOOK_UNKNOWN", `nothing was learned of ${isa} yet`, todo);
}

/** How many instructions ran by learned rows, and by rows of the supplement. */
function learnedShare(isLearned: (row: string) => boolean, machines: Machines): Record<string, number> {
  let [learned, all] = [0, 0];
  for (const { rows, times } of machines.profile()) {
    all += times;
    // A handler that rows of both kinds share counts for neither
    if (rows.every(isLearned)) learned += times;
  }
  return { byLearned: learned, byAll: all, learnedPercent: Math.round((1e5 * learned) / Math.max(1, all)) / 1e3 };
}

function statusOf(linux: Linux, result: RunResult, options: ResumeOptions): number {
  if (result.k === "saved") return 0;
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

function tellStats(options: ResumeOptions, figures: Record<string, number>): void {
  if (options.stats === "json") options.tell(JSON.stringify(figures));
  else for (const [name, value] of Object.entries(figures)) options.tell(`${name.padEnd(12)} ${value}`);
}
