import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Cpu, Stop } from "../../src/engine/cpu.ts";
import type { Slot } from "../../src/ir/node.ts";
import { AddressSpace } from "../../src/kernel/address-space.ts";
import { Kernel } from "../../src/kernel/kernel.ts";
import { Process, Task } from "../../src/kernel/process.ts";
import { ENGINE_MEMORY_BYTES } from "../../src/memory/layout.ts";
import { GuestMemory } from "../../src/memory/memory.ts";
import { Linux } from "../../src/os/linux/personality.ts";
import { parseAbi } from "../../src/os/parse.ts";
import { Dispatcher, look } from "../../src/os/syscall.ts";
import { Tracer } from "../../src/os/trace.ts";
import { MemoryHost } from "./memory-host.ts";

export const RULEBOOK = join(import.meta.dirname, "..", "..", "rulebooks", "os", "linux.abi");
export const book = parseAbi(readFileSync(RULEBOOK, "utf8"), "linux.abi");

const NAMES = `zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6
  ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11
  ft8 ft9 ft10 ft11`.split(/\s+/);

/** Registers without an engine; `run` gives out what the test put in `stops`. */
export class FakeCpu implements Cpu {
  readonly isa = "riscv64";
  readonly memory: GuestMemory;
  readonly slots: readonly Slot[];
  pc = 0x10000;
  readonly stops: ((cpu: FakeCpu) => Stop)[] = [];
  private readonly words: Int32Array;
  private readonly index: Map<string, number>;
  constructor(memory: GuestMemory) {
    this.memory = memory;
    const slot = (name: string, w: number, i: number): Slot => ({ name, w, offset: i * 8, hidden: false });
    this.slots = [
      ...NAMES.map((name, i) => slot(name, 64, i)),
      slot("fflags", 5, NAMES.length),
      slot("frm", 3, NAMES.length + 1),
    ];
    this.index = new Map(this.slots.map((s, i) => [s.name, i]));
    this.words = new Int32Array(this.slots.length * 2);
  }
  lo(slot: number): number {
    return this.words[slot * 2]!;
  }
  hi(slot: number): number {
    return this.words[slot * 2 + 1]!;
  }
  set(slot: number, lo: number, hi: number): void {
    this.words[slot * 2] = lo;
    this.words[slot * 2 + 1] = hi;
  }
  slot(name: string): number {
    const slot = this.index.get(name);
    if (slot === undefined) throw new Error(`no register ${name}`);
    return slot;
  }
  get(name: string): number {
    return this.hi(this.slot(name)) * 0x100000000 + (this.lo(this.slot(name)) >>> 0);
  }
  put(name: string, value: number): void {
    this.set(this.slot(name), value | 0, Math.floor(value / 0x100000000) | 0);
  }
  spent = 1;
  run(fuel: number): Stop {
    const next = this.stops.shift();
    this.spent = next ? 1 : fuel;
    return next?.(this) ?? { k: "fuel" };
  }
  invalidate(): void {}
  save(): Uint8Array {
    return new Uint8Array(this.words.buffer.slice(0));
  }
  restore(): void {}
}

export const SCRATCH = 0x100000;

/** A process without a program: calls are made by name, results come back as numbers or error names. */
export class Guest {
  readonly host: MemoryHost;
  readonly kernel: Kernel;
  readonly linux: Linux;
  readonly cpu: FakeCpu;
  readonly process: Process;
  readonly task: Task;
  readonly trace: string[] = [];
  private readonly dispatcher: Dispatcher;
  private readonly tracer = new Tracer(book);
  private readonly numbers: Map<string, number>;
  private next = SCRATCH;

  constructor(options: { root?: string; host?: MemoryHost; uid?: number; memory?: number } = {}) {
    this.host = options.host ?? new MemoryHost();
    this.linux = new Linux(book, "riscv64");
    const { root, uid } = options;
    this.kernel = new Kernel({
      host: this.host,
      personality: this.linux,
      root,
      ...(uid !== undefined && { uid, gid: uid }),
    });
    const pages = ENGINE_MEMORY_BYTES / 0x10000;
    const memory = new GuestMemory(new WebAssembly.Memory({ initial: pages, maximum: pages }), options.memory);
    this.cpu = new FakeCpu(memory);
    const space = new AddressSpace(memory);
    this.process = new Process(
      this.kernel,
      2,
      space,
      this.kernel.standardFiles(2),
      this.kernel.start(),
      this.kernel.ids,
    );
    this.task = new Task(2, this.process, this.cpu, "test");
    this.process.tasks.push(this.task);
    this.process.args = ["test"];
    this.kernel.processes.set(2, this.process);
    this.kernel.current = this.process;
    space.map({ start: SCRATCH, end: SCRATCH + 0x100000, prot: 3, name: "" });
    space.brk = space.brkStart = 0x400000;
    this.dispatcher = new Dispatcher(book, this.linux.abi);
    this.numbers = new Map([...book.calls.get("generic")!].map(([n, row]) => [row.name, n]));
  }

  /** Room in guest memory. */
  room(size: number): number {
    const at = this.next;
    this.next += Math.ceil(size / 16) * 16;
    return at;
  }
  text(value: string): number {
    return this.bytes(new TextEncoder().encode(`${value}\0`));
  }
  bytes(value: Uint8Array): number {
    const at = this.room(value.length);
    this.cpu.memory.write(at, value);
    return at;
  }
  string(at: number, size: number): string {
    return new TextDecoder().decode(this.cpu.memory.read(at, size));
  }
  /** A structure from guest memory. */
  struct(name: string, at: number): Record<string, unknown> {
    const bytes = this.cpu.memory.read(at, book.struct(name).size);
    return book.struct(name).decode(new DataView(bytes.buffer), 0);
  }

  /** Makes the call and waits it out; strings are put into guest memory. A number, or the error's name. */
  call(name: string, ...args: (number | string)[]): number | string {
    const number = this.numbers.get(name);
    if (number === undefined) throw new Error(`no call ${name}`);
    for (const [i, arg] of args.entries()) this.cpu.put(`a${i}`, typeof arg === "string" ? this.text(arg) : arg);
    for (let i = args.length; i < 6; i++) this.cpu.put(`a${i}`, 0);
    this.cpu.put("a7", number);
    const call = this.dispatcher.call(this.task);
    let { result } = call;
    for (let turns = 0; typeof result !== "number" && result.k === "block"; turns++) {
      const { wait } = result;
      if (turns > 100) return "BLOCKED";
      const late = wait.until !== null && this.host.monotonic() >= wait.until;
      const again = look(wait, late);
      if (again === null && wait.until === null) return "BLOCKED";
      if (again === null) this.host.sleep(1);
      else result = again;
    }
    if (call.row) this.trace.push(this.tracer.call(call.row, call.operation, call.registers, call.values, result));
    if (typeof result !== "number" && result.k === "exit") return `exit ${result.status}`;
    this.dispatcher.finish(this.task, call, result);
    if (typeof result !== "number") return result.k === "error" ? result.code : result.k;
    return this.cpu.get("a0");
  }
}
/** AT_FDCWD and flags as riscv64 Linux has them: the tests say numbers, so that a wrong row shows. */
export const AT_FDCWD = -100;
export const O = {
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
};
