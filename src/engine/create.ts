import { Interpreter } from "../backend/wasm/interp.ts";
import type { Node } from "../ir/node.ts";
import { engineMemory } from "../memory/layout.ts";
import { GuestMemory, type MemoryBudget } from "../memory/memory.ts";
import type { IsaBook } from "../rules/book.ts";
import type { Ask } from "./evaluate.ts";
import { Machine, type MachinePool } from "./machine.ts";
import { Thread } from "./thread.ts";
import { Tiered } from "./tiered.ts";

/** eval: the reference evaluator alone; interp: the first tier; wasm: regions early; auto: when hot. */
export type EngineKind = "eval" | "interp" | "wasm" | "auto";

/** What all machines of one ISA share: the book, and the interpreter compiled once. */
export interface IsaParts {
  readonly book: IsaBook;
  /** Compiled from interpreterBytes(book); not needed for "eval". */
  readonly interpreter: WebAssembly.Module | null;
  /** Rewrite rows for compiled regions: an equal value that costs less, or the value itself. */
  readonly rewrite?: ((node: Node) => Node) | undefined;
}

export interface MachineOptions {
  readonly engine: EngineKind;
  /** Check every access in compiled code too, so that faults are exact. */
  readonly strict: boolean;
  /** Most bytes of guest memory. */
  readonly memory?: number | undefined;
  /** And of all machines together. */
  readonly budget?: MemoryBudget | undefined;
  readonly ask: Ask;
  /** Executions of a head before it is compiled; left out: the engine's own. Tests want it low. */
  readonly threshold?: number;
}

/** Executions of a head before it is compiled. Late pays: most programs are over before (see docs/performance.md). */
const HOT = 100_000;
/** For `wasm`, which is to run compiled code in all but the first rounds. */
const EAGER = 2000;

/** Machines that were given back and wait for another process: at most so many, of at most so much memory each. */
const SPARE = 8;
const SPARE_BYTES = 0x4000000;

/** Machines of one kind for the processes of one run. */
export class Machines implements MachinePool {
  private readonly parts: IsaParts;
  private readonly options: MachineOptions;
  /** Register of the stack; see Machine.watchStack. */
  private readonly stack: string | undefined;
  private readonly spare: Machine[] = [];
  /** Machines that processes have now. */
  private readonly used = new Set<Machine>();
  /** Figures of those that are no more. */
  private readonly past: Record<string, number> = {};
  private count = 0;
  private readonly counted: { readonly rows: readonly string[]; readonly times: number }[] = [];

  constructor(parts: IsaParts, options: MachineOptions, stack?: string) {
    this.parts = parts;
    this.options = options;
    this.stack = stack;
  }

  /** A hardware thread on an empty address space. */
  thread(): Thread {
    return new Thread(this.take(), null);
  }

  take(): Machine {
    const spare = this.spare.pop();
    if (spare) {
      spare.clear();
      this.used.add(spare);
      return spare;
    }
    const machine = createMachine(this.parts, this.options);
    machine.pool = this;
    if (this.stack !== undefined) machine.watchStack(this.stack);
    this.used.add(machine);
    this.count++;
    return machine;
  }

  /** Figures of all machines that ever were, and how many. */
  figures(): Record<string, number> {
    const sum = { ...this.past };
    for (const machine of [...this.used, ...this.spare]) add(sum, figuresOf(machine));
    return { ...sum, machines: this.count };
  }

  /** Executions by rows of an interpreter made with its profile option. */
  profile(): { readonly rows: readonly string[]; readonly times: number }[] {
    return [...this.counted, ...[...this.used, ...this.spare].flatMap((m) => m.profile())];
  }

  give(machine: Machine): void {
    this.counted.push(...machine.profile());
    this.used.delete(machine);
    if (machine.spoiled || this.spare.length >= SPARE || machine.memory.used > SPARE_BYTES) {
      add(this.past, figuresOf(machine));
      machine.memory.letGo();
      return;
    }
    // Cleared when it is used again, which is never so for the last.
    machine.memory.letGo();
    this.spare.push(machine);
  }
}

function figuresOf(machine: Machine): Record<string, number> {
  return { ...machine.stats(), memory: machine.memory.most };
}

function add(sum: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + value;
}

/** A fresh address space with one hardware thread on it. */
export function createMachine(parts: IsaParts, options: MachineOptions): Machine {
  const engine = engineMemory();
  const memory = new GuestMemory(engine, options.memory, options.budget);
  const { book, interpreter: module, rewrite } = parts;
  const { strict } = options;
  if (options.engine === "eval") return new Machine(book, engine, memory, options.ask, null);
  if (!module) throw new Error("this engine needs the interpreter's module");
  const regions = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
  return new Machine(book, engine, memory, options.ask, (state, code) => {
    const interpreter = new Interpreter(book, module, { engine, guest: memory.wasm, regions });
    if (options.engine === "interp") return interpreter;
    const threshold = options.threshold ?? (options.engine === "auto" ? HOT : EAGER);
    interpreter.predecoder.threshold = threshold;
    return new Tiered({ book, code, memory, engine, state, interpreter, regions, threshold, strict, rewrite });
  });
}
