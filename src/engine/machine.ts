import { AccessFault } from "../ir/eval.ts";
import type { Inst, Slot } from "../ir/node.ts";
import {
  ADDRESS_LIMIT,
  BIAS,
  CTL_ADDR,
  CTL_AUX,
  CTL_EXIT,
  CTL_FUEL,
  CTL_PC,
  CTL_RETIRED,
  Exit,
  PAGE_CODE,
  PAGE_MAPPED,
  PAGE_SHIFT,
  PAGE_SIZE,
  PERMS,
  PERMS_SIZE,
  PROT_EXEC,
  PROT_WRITE,
} from "../memory/layout.ts";
import type { GuestMemory } from "../memory/memory.ts";
import type { IsaBook } from "../rules/book.ts";
import { Code } from "./code.ts";
import type { Cpu, Stop } from "./cpu.ts";
import { type Ask, Evaluator } from "./evaluate.ts";
import { State } from "./state.ts";
import type { Thread } from "./thread.ts";

/** A way to run guest code. It starts at CTL_PC and leaves with CTL_PC, CTL_EXIT and what goes with the reason. */
export interface Tier {
  run(): void;
  /** Forget code of [address, address + size). */
  drop(address: number, size: number): void;
  /** Called now and then, between runs: the time to compile what became hot. True: there is new code. */
  improve(): boolean;
  /** Find every fault where it happens, with the state before the instruction. */
  bePrecise?(): void;
  /** Figures for --stats. */
  stats(): Record<string, number>;
  profile?(): { readonly rows: readonly string[]; readonly times: number }[];
}

/** Machines that processes take and give back. */
export interface MachinePool {
  take(): Machine;
  give(machine: Machine): void;
}

/**
 * Fuel of one stay in generated code. Leaving now and then is what lets V8 replace code by better code, and us too; but
 * each time all guest calls under way lose their wasm frames. So stays grow while nothing new gets compiled.
 */
const SLICE = 20_000;
const LONGEST_SLICE = 1_000_000;

const OUT_OF_FUEL: Stop = { k: "fuel" };
const SYSCALL: Stop = { k: "syscall" };

/** PAGE_CODE of four pages. */
const FOUR_CODE = PAGE_CODE * 0x01010101;

/** One guest thread on one address space: state, a tier that runs code, the evaluator for what the tier leaves out. */
export class Machine implements Cpu {
  readonly isa: string;
  readonly memory: GuestMemory;
  readonly slots: readonly Slot[];
  readonly state: State;
  private readonly book: IsaBook;
  readonly code: Code;
  private readonly evaluator: Evaluator;
  private readonly tier: Tier | null;
  private readonly names = new Map<string, number>();
  private evaluated = 0;
  /** Fuel spent since the tier last was to improve. */
  private unimproved = 0;
  private slice = SLICE;
  /** Slot of the stack pointer; -1: not told. */
  private stack = -1;
  /** Bytes of the state area that slots take, a multiple of 8. */
  private readonly used: number;
  /** Slots that a switch of threads clears, as a real one does: reservations. */
  private readonly fleeting: readonly number[];
  /** Whose registers stand in the state area, where there are several threads. */
  active: Thread | null = null;
  /** Threads that use this machine. */
  threads = 0;
  /** Where machines come from and go when their last thread has left. */
  pool: MachinePool | null = null;
  spent = 0;
  /** All fuel that was ever spent here. */
  private burnt = 0;

  /** tier null: the evaluator runs everything (slow; the reference). */
  constructor(
    book: IsaBook,
    engineMemory: WebAssembly.Memory,
    memory: GuestMemory,
    ask: Ask,
    makeTier: ((state: State, code: Code) => Tier) | null,
  ) {
    this.book = book;
    this.isa = book.name;
    this.memory = memory;
    this.slots = book.slots;
    this.state = new State(engineMemory, book.slots);
    this.code = new Code(book, memory);
    this.evaluator = new Evaluator(this.state, memory, ask);
    this.tier = makeTier?.(this.state, this.code) ?? null;
    const end = book.slots.reduce((most, { offset, w }) => Math.max(most, offset + Math.max(8, (w + 7) >> 3)), 0);
    this.used = (end + 7) & ~7;
    this.fleeting = book.slots.flatMap(({ hidden }, i) => (hidden ? [i] : []));
    memory.onCodeChange = (address, size) => this.invalidate(address, size);
  }

  get pc(): number {
    return this.state.ctl64(CTL_PC);
  }
  set pc(value: number) {
    this.state.setCtl64(CTL_PC, value);
  }
  lo(slot: number): number {
    return this.state.lo(slot);
  }
  hi(slot: number): number {
    return this.state.hi(slot);
  }
  set(slot: number, lo: number, hi: number): void {
    this.state.set(slot, lo, hi);
  }

  slot(name: string): number {
    let slot = this.names.get(name);
    if (slot === undefined) {
      slot = this.book.slot(name);
      if (slot === undefined) throw new Error(`${this.isa} has no register ${name}`);
      this.names.set(name, slot);
    }
    return slot;
  }

  invalidate(address: number, size: number): void {
    this.tier?.drop(address, size);
  }

  private precise = false;

  bePrecise(): void {
    this.precise = true;
    this.tier?.bePrecise?.();
  }
  /** Faults were made precise for good: not a machine for somebody else. */
  get spoiled(): boolean {
    return this.precise;
  }

  /**
   * Tells which register is the stack's. Unchecked code may run off the end of its stack without a fault; seen off it
   * when fuel runs out, it goes on checked, and so faults at its next access there.
   */
  watchStack(name: string): void {
    this.stack = this.slot(name);
  }

  private offStack(): boolean {
    if (this.stack < 0) return false;
    return this.hi(this.stack) !== 0 || !(this.memory.perms[this.lo(this.stack) >>> PAGE_SHIFT]! & PROT_WRITE);
  }

  save(): Uint8Array {
    return this.keep(null);
  }
  /** The same without a new array where `into` is one of before. */
  keep(into: Uint8Array | null): Uint8Array {
    return this.state.keep(this.used, into);
  }
  restore(state: Uint8Array): void {
    this.state.restore(state, this.used);
    for (const slot of this.fleeting) this.state.zero(slot);
  }

  /** A machine of the same kind with a copy of memory and registers; compiled code comes anew. */
  copy(): Machine {
    const made = this.pool?.take();
    if (!made) throw new Error("a machine without a pool cannot be copied");
    try {
      made.memory.copyFrom(this.memory);
    } catch (error) {
      made.discard();
      throw error;
    }
    made.restore(this.save());
    made.stack = this.stack;
    if (this.precise) made.bePrecise();
    return made;
  }

  /** A thread is done with this machine. */
  leave(): void {
    if (--this.threads === 0) this.discard();
  }

  private discard(): void {
    this.pool?.give(this);
  }

  /** As it was when made, for another process; not a moment before. */
  clear(): void {
    this.memory.clearAll();
    this.invalidate(0, ADDRESS_LIMIT);
    this.state.restore(new Uint8Array(this.used + 8), this.used);
    this.active = null;
    this.threads = 0;
    this.unimproved = 0;
    this.lifted.clear();
  }

  /** Compiles what is hot now, where the tier does such things; else it happens when fuel runs out. */
  improve(): void {
    this.tier?.improve();
  }

  /** Executions by rows, of an interpreter made with its profile option. */
  profile(): { readonly rows: readonly string[]; readonly times: number }[] {
    return this.tier?.profile?.() ?? [];
  }

  /** Figures by name: fuel is ways back and calls, of the evaluator instructions; retired where the tier counts that. */
  stats(): Record<string, number> {
    const retired = this.state.ctl64(CTL_RETIRED);
    return { ...(retired > 0 && { retired }), fuel: this.burnt, evaluated: this.evaluated, ...this.tier?.stats() };
  }

  run(fuel: number): Stop {
    let left = fuel;
    let { unimproved } = this;
    while (left > 0) {
      if (this.tier === null) {
        const stop = this.evaluate();
        this.spent = fuel - --left;
        this.burnt++;
        if (stop) return stop;
        continue;
      }
      const slice = Math.min(left, this.slice);
      this.state.setCtl(CTL_FUEL, slice);
      let stop: Stop | null = null;
      this.tier.run();
      switch (this.state.ctl(CTL_EXIT)) {
        case Exit.Fuel:
          if (this.offStack()) this.bePrecise();
          unimproved = this.slice;
          break;
        case Exit.Evaluate:
          stop = this.evaluate();
          break;
        case Exit.Stop:
          stop = this.stop(this.book.stops[this.state.ctl(CTL_AUX)]!);
          break;
        case Exit.Trap:
          stop = this.trap(this.book.traps[this.state.ctl(CTL_AUX)]!);
          break;
        case Exit.Fault:
          // An access of no kind: unchecked code was stopped by the end of memory.
          stop = this.fault(this.state.ctlBig(CTL_ADDR), this.state.ctl(CTL_AUX), this.state.ctl(CTL_AUX) !== 0);
          break;
        case Exit.Illegal:
          stop = this.illegal();
          break;
        case Exit.Dispatch:
          // Deep recursion leaves this way, long before its fuel is spent.
          if (this.offStack()) this.bePrecise();
          break;
      }
      // What is left of the slice was not spent; at least one is, so that nothing runs for ever.
      const spent = Math.max(1, slice - Math.max(0, this.state.ctl(CTL_FUEL)));
      left -= spent;
      this.burnt += spent;
      this.spent = fuel - left;
      // A guest that calls the kernel or faults often never comes to the end of a slice.
      unimproved += spent;
      if (unimproved >= this.slice) {
        this.slice = this.tier.improve() ? SLICE : Math.min(2 * this.slice, LONGEST_SLICE);
        unimproved = 0;
      }
      this.unimproved = unimproved;
      if (stop) return stop;
    }
    return OUT_OF_FUEL;
  }

  /** A stop of the rulebook: a syscall is the kernel's, the rest are the engine's own business. */
  private stop(name: string): Stop | null {
    if (name === "syscall") return SYSCALL;
    // An instruction-stream barrier: the guest's own stores may have changed code on pages it can write.
    // All other changes the memory reports by itself.
    if (this.tier === null) return null;
    const { perms } = this.memory;
    const { i32 } = this.state;
    const changeable = PAGE_CODE | PROT_WRITE;
    // Four pages at a look; few hold code.
    for (let four = BIAS >>> PAGE_SHIFT; four < PERMS_SIZE; four += 4) {
      if ((i32[(PERMS + four) >> 2]! & FOUR_CODE) === 0) continue;
      for (let page = four; page < four + 4; page++)
        if ((perms[page]! & changeable) === changeable) this.invalidate((page << PAGE_SHIFT) >>> 0, PAGE_SIZE);
    }
    return null;
  }

  private trap(name: string): Stop {
    return name === "illegal" ? this.illegal() : { k: "trap", name };
  }

  private illegal(): Stop {
    return { k: "illegal", bytes: this.code.fetch(this.pc).slice() };
  }

  private fault(address: bigint, access: number, precise: boolean): Stop {
    const page = address < BigInt(ADDRESS_LIMIT) ? this.memory.perms[Number(address) >>> PAGE_SHIFT]! : 0;
    return { k: "fault", address, access, mapped: (page & PAGE_MAPPED) !== 0, precise };
  }

  private readonly lifted = new Map<string, Inst>();

  /** What stands at pc, decoded anew each time (code may change under us), lifted once. null: does not decode. */
  private inst(pc: number): Inst | null {
    const key = `${pc} ${this.code.fetch(pc).join()}`;
    let inst = this.lifted.get(key);
    if (inst) return inst;
    const made = this.code.inst(pc);
    if (!made) return null;
    inst = made;
    if (this.lifted.size > 10_000) this.lifted.clear();
    this.lifted.set(key, inst);
    return inst;
  }

  /** Runs the instruction at pc by the evaluator. null: done, pc has moved on. */
  private evaluate(): Stop | null {
    const pc = this.pc;
    if (!(pc >= BIAS && this.memory.allows(pc, this.book.lengths[0]!, PROT_EXEC)))
      return this.fault(this.state.ctlBig(CTL_PC), PROT_EXEC, true);
    const inst = this.inst(pc);
    if (!inst) {
      const bytes = this.code.fetch(pc);
      const cut = bytes.length < this.book.lengths.at(-1)! && this.book.endsShort(bytes, 0);
      return cut ? this.fault(BigInt(pc + bytes.length), PROT_EXEC, true) : this.illegal();
    }
    this.evaluated++;
    try {
      const outcome = this.evaluator.run(inst);
      switch (outcome.k) {
        case "next":
          this.pc = pc + inst.length;
          return null;
        case "jump":
          this.state.setCtlBig(CTL_PC, outcome.target);
          return null;
        case "stop":
          this.pc = pc + inst.length;
          return this.stop(outcome.name);
        case "trap":
          return this.trap(outcome.name);
        case "unknown":
          return this.illegal();
      }
    } catch (e) {
      if (e instanceof AccessFault) return this.fault(e.address, e.access, true);
      throw e;
    }
  }
}
