import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Cpu, Stop } from "../../src/engine/cpu.ts";
import { createMachine } from "../../src/engine/create.ts";
import { parseElf } from "../../src/format/elf.ts";
import { guard } from "../../src/guard/guard.ts";
import { allowAll } from "../../src/guard/policy.ts";
import { Kernel } from "../../src/kernel/kernel.ts";
import { ADDRESS_LIMIT } from "../../src/memory/layout.ts";
import type { GuestMemory } from "../../src/memory/memory.ts";
import type { Machine as Abi, AbiBook } from "../../src/os/abi.ts";
import { startProcess } from "../../src/os/linux/exec.ts";
import { Linux } from "../../src/os/linux/personality.ts";
import { parseAbi } from "../../src/os/parse.ts";
import type { CallRow } from "../../src/os/row.ts";
import { Runner } from "../../src/os/run.ts";
import type { IsaBook } from "../../src/rules/book.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { buildElf } from "../../tests/format/build-elf.ts";
import { memoryHost } from "./host.ts";
import { Random } from "./random.ts";

const ROOT = join(import.meta.dirname, "../..");
const CODE = 0x10000;
export const DATA = 0x40000;
const DATA_SIZE = 0x4000;
const MEMORY = 32 << 20;
/** Calls of one process. */
export const CALLS = 80;
/** Calls that would end a process at once are made only now and then. */
const ENDS = /^(exit|exit_group|kill|tkill|tgkill|rt_sigqueueinfo|rt_tgsigqueueinfo)$/;

const PATHS = [
  ...["/", ".", "..", "", "/a", "/a/b", "/dir", "/dir/file", "/dir/../dir/file", "/dev", "/dev/null", "/dev/zero"],
  ...["/dev/full", "/dev/random", "/dev/tty", "/dev/fd/0", "/dev/fd/5", "/proc", "/proc/self", "/proc/self/exe"],
  ...["/proc/self/fd", "/proc/self/fd/3", "/proc/self/maps", "/proc/self/status", "/proc/self/cwd", "/proc/1/stat"],
  ...[
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/new",
    "/new/dir",
    "/link",
    "a\u00ff\u0080",
    "/dir/",
    "//dir//file//",
    "/none",
  ],
  ...["x".repeat(255), "x".repeat(256), "/y".repeat(2000), "a\nb"],
];
const NUMBERS = [
  ...[0, 1, 2, 3, 4, 5, 7, 8, 16, 64, 0x1000, 0x2000, 0x10000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff],
  ...[-1, -2, -3, -100, -4096, -0x80000000, 2 ** 32, 2 ** 40, 2 ** 47, 2 ** 52, 2 ** 53, 2 ** 62, -(2 ** 62), 2 ** 63],
];
const ADDRESSES = [0, 1, 8, CODE, DATA - 1, DATA + DATA_SIZE, DATA + DATA_SIZE - 1, ADDRESS_LIMIT - 1, ADDRESS_LIMIT];

/** Calls to make instead of random ones, and what stands at DATA. */
export interface Script {
  readonly calls: readonly (readonly [string, ...number[]])[];
  readonly data: string;
}

/** A cpu that makes nothing but system calls. */
class CallingCpu implements Cpu {
  readonly isa: string;
  readonly memory: GuestMemory;
  readonly slots: Cpu["slots"];
  private readonly cpu: Cpu;
  private readonly next: (cpu: Cpu) => void;

  constructor(cpu: Cpu, next: (cpu: Cpu) => void) {
    this.cpu = cpu;
    this.next = next;
    this.isa = cpu.isa;
    this.memory = cpu.memory;
    this.slots = cpu.slots;
  }
  get pc(): number {
    return this.cpu.pc;
  }
  set pc(value: number) {
    this.cpu.pc = value;
  }
  lo(slot: number): number {
    return this.cpu.lo(slot);
  }
  hi(slot: number): number {
    return this.cpu.hi(slot);
  }
  set(slot: number, lo: number, hi: number): void {
    this.cpu.set(slot, lo, hi);
  }
  slot(name: string): number {
    return this.cpu.slot(name);
  }
  readonly spent = 0;
  run(): Stop {
    this.next(this.cpu);
    return { k: "syscall" };
  }
  invalidate(): void {}
  save(): Uint8Array {
    return this.cpu.save();
  }
  restore(state: Uint8Array): void {
    this.cpu.restore(state);
  }
}

/** Processes that make random system calls with hostile arguments. */
export class CallFuzzer {
  /** Results by call: how often it was made. */
  readonly made = new Map<string, number>();
  private readonly isa: IsaBook;
  private readonly book: AbiBook;
  private readonly rows: readonly CallRow[];
  private readonly image: Uint8Array;
  /** The calls of the process being run, for a report. */
  trail: string[] = [];

  constructor(isa = "riscv64") {
    const text = (file: string): string => readFileSync(join(ROOT, "rulebooks", file), "utf8");
    this.isa = loadIsaBook(text(`isa/${isa}.rules`), { file: `${isa}.rules` });
    this.book = parseAbi(text("os/linux.abi"), "linux.abi");
    this.rows = [...this.book.calls.get(this.book.machines.get(isa)!.table)!.values()];
    this.image = buildElf({
      segments: [
        { flags: 5, address: CODE, data: new Uint8Array(64) },
        { flags: 6, address: DATA, memorySize: DATA_SIZE },
      ],
    });
  }

  linux(): Linux {
    return new Linux(this.book, this.isa.name);
  }

  /** One process; how it ended. Throws what the kernel should not have thrown. */
  one(seed: number, script?: Script): string {
    const random = new Random(seed);
    this.trail = [];
    const linux = this.linux();
    const bytes = new TextEncoder().encode("some text\nand more\n".repeat(50));
    const files = new Map([
      ["/dir/file", bytes],
      ["/program", this.image],
    ]);
    const host = guard(memoryHost(files), allowAll, { warn: () => {} });
    const root = random.oneIn(3) ? undefined : "/";
    const kernel = new Kernel({ host, personality: linux, root, cwd: "/", memory: MEMORY });
    const machine = createMachine(
      { book: this.isa, interpreter: null },
      { engine: "eval", strict: true, memory: MEMORY, ask: () => [0n] },
    );
    const planned = [...(script?.calls ?? [])];
    const cpu = new CallingCpu(machine, (of) => {
      if (script) this.make(of, linux.abi, planned.shift() ?? ["exit_group", 0]);
      else this.call(of, linux.abi, random);
    });
    const image = parseElf(this.image);
    const process = startProcess(kernel, linux, cpu, { image, path: "/program", args: ["a"], env: [], read: parseElf });
    if (script) machine.memory.write(DATA, new TextEncoder().encode(script.data));
    const limits = { fuel: CALLS, timeoutMs: 60_000 };
    const runner = new Runner(linux, process, limits, script || random.oneIn(2) ? { trace: () => {} } : {});
    const result = runner.run();
    if (machine.memory.used > MEMORY) throw new Error(`${machine.memory.used} bytes of guest memory`);
    return result.k;
  }

  /** Sets the registers for one call. */
  private call(cpu: Cpu, abi: Abi, random: Random): void {
    let row = random.pick(this.rows);
    if (ENDS.test(row.name) && !random.oneIn(20)) row = random.pick(this.rows);
    this.fill(cpu.memory, random);
    const values = abi.args.map((_, i) => this.argument(row.args[i]?.type, random));
    if (row.by && row.operations.size > 0 && !random.oneIn(8)) {
      const at = row.args.findIndex((arg) => arg.name === row.by!.arg);
      if (at >= 0) values[at] = random.pick([...row.operations.keys()]);
    }
    const number = random.oneIn(50) ? random.u32() : row.number;
    put(cpu, abi.number, number);
    for (const [i, name] of abi.args.entries()) put(cpu, name, values[i]);
    this.made.set(row.name, (this.made.get(row.name) ?? 0) + 1);
    this.trail.push(`${row.name}(${values.map((v) => (v > 4096 ? `0x${v.toString(16)}` : v)).join(", ")})`);
  }

  private make(cpu: Cpu, abi: Abi, [name, ...values]: readonly [string, ...number[]]): void {
    put(cpu, abi.number, this.rows.find((row) => row.name === name)!.number);
    for (const [i, value] of values.entries()) put(cpu, abi.args[i], value);
  }

  /** New bytes where pointers point: small numbers, text, addresses, noise. */
  private fill(memory: GuestMemory, random: Random): void {
    if (!memory.allows(DATA, DATA_SIZE, 2)) return;
    const page = DATA + 0x1000 * random.below(4);
    const bytes = memory.view(page, 0x400, 2);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += 8) view.setBigInt64(at, BigInt(this.number(random)), true);
    bytes.set(this.text(random).subarray(0, 0x200), 0x200);
  }

  private argument(type: CallRow["args"][number]["type"] | undefined, random: Random): number {
    if (random.oneIn(8)) return this.number(random);
    if (type?.k === "scalar" && (type.as === "fd" || type.as === "dirfd"))
      return random.oneIn(5) ? -100 : random.below(12);
    if (type?.k === "symbol") return random.oneIn(2) ? random.u32() & type.set.known : 1 << random.below(32);
    if (type?.k === "path") return DATA + 0x1000 * random.below(4) + 0x200;
    if (type?.k === "buffer" || type?.k === "struct" || (type?.k === "scalar" && type.as === "ptr"))
      return random.oneIn(6) ? random.pick(ADDRESSES) : DATA + (random.below(DATA_SIZE) & -8);
    return this.number(random);
  }

  private number(random: Random): number {
    switch (random.below(5)) {
      case 0:
        return random.pick(NUMBERS);
      case 1:
        return DATA + random.below(DATA_SIZE);
      case 2:
        return 2 ** random.below(64);
      default:
        return random.below(32);
    }
  }

  private text(random: Random): Uint8Array {
    const text = `${random.pick(PATHS)}\0${random.pick(PATHS)}\0`;
    return Uint8Array.from(text, (char) => char.charCodeAt(0));
  }
}

function put(cpu: Cpu, register: string, value: number): void {
  cpu.set(cpu.slot(register), value | 0, Math.floor(value / 2 ** 32) | 0);
}
