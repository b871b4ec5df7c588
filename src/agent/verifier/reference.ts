import { AccessFault, evalInst, type Machine } from "../../ir/eval.ts";
import type { Inst } from "../../ir/node.ts";
import { RAN, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP } from "../../oracle/oracle.ts";

/** Signals that stand for the rulebooks' traps; `signalN` is N itself. */
const TRAPS: Readonly<Record<string, number>> = {
  illegal: SIGILL,
  breakpoint: SIGTRAP,
  misaligned: SIGBUS,
  divide: SIGFPE,
  GP: SIGSEGV,
  XM: SIGFPE,
  MF: SIGFPE,
};

/** The signal that a trap of a rulebook becomes; undefined: it is not known. */
export function signalOf(trap: string): number | undefined {
  return TRAPS[trap] ?? (/^signal\d+$/.test(trap) ? Number(trap.slice(6)) : undefined);
}

/** What the rulebook says that an instruction does to a state. */
export interface Expected {
  /** A signal's number or RAN; undefined: the book does not say, or the state is out of what can be compared. */
  readonly outcome: number | undefined;
  readonly why?: string;
  /** Where control goes; undefined: to the next instruction. */
  readonly target?: bigint;
  readonly fault?: bigint;
}

/** Why nothing can be said of an access outside the memory that a case holds. */
export const ELSEWHERE = "memory elsewhere";

/** Thrown where an instruction touches memory that a case does not hold: nothing is known of it. */
class Elsewhere extends Error {}

/** Slots and a window of memory, as the evaluator's machine. */
export class ReferenceMachine implements Machine {
  readonly slots: bigint[];
  readonly memory: Uint8Array;
  /** Address of memory[0], address units a byte, and addresses that are surely not there: from the window's end on. */
  private readonly window: bigint;
  private readonly units: number;
  private readonly guard: bigint;
  private readonly little: boolean;
  asked = false;
  /** What stands at an address outside the memory that a case holds, to be read; undefined: nobody knows. */
  elsewhere: ((addr: bigint) => number | undefined) | undefined;

  constructor(slots: bigint[], memory: Uint8Array, window: bigint, units: number, guard: bigint, little: boolean) {
    this.slots = slots;
    this.memory = memory;
    this.window = window;
    this.units = units;
    this.guard = guard;
    this.little = little;
  }

  getSlot(slot: number): bigint {
    return this.slots[slot]!;
  }
  setSlot(slot: number, value: bigint): void {
    this.slots[slot] = value;
  }
  load(addr: bigint, w: number): bigint {
    const n = w / 8;
    const there = this.elsewhere?.(addr);
    if (there !== undefined) {
      let v = 0n;
      for (let i = 0; i < n; i++) {
        const byte = this.elsewhere?.(addr + BigInt(this.little ? n - 1 - i : i));
        if (byte === undefined) throw new Elsewhere();
        v = (v << 8n) | BigInt(byte);
      }
      return v;
    }
    const at = this.place(addr, w, 1);
    let v = 0n;
    for (let i = 0; i < n; i++) v = (v << 8n) | BigInt(this.memory[at + (this.little ? n - 1 - i : i)]!);
    return v;
  }
  store(addr: bigint, w: number, value: bigint): void {
    const at = this.place(addr, w, 2);
    const n = w / 8;
    for (let i = 0; i < n; i++)
      this.memory[at + (this.little ? i : n - 1 - i)] = Number((value >> BigInt(8 * i)) & 255n);
  }
  rmw(addr: bigint, w: number, change: (old: bigint) => bigint): bigint {
    this.place(addr, w, 3);
    const old = this.load(addr, w);
    this.store(addr, w, change(old));
    return old;
  }
  probe(addr: bigint, w: number): void {
    this.place(addr, w, 2);
  }
  ask(_name: string, args: readonly bigint[]): readonly bigint[] {
    this.asked = true;
    return [0n, 0n, 0n, 0n, ...args];
  }

  private place(addr: bigint, w: number, access: number): number {
    const at = Math.round(Number(addr - this.window) / this.units);
    if (at >= 0 && at + w / 8 <= this.memory.length && addr - this.window === BigInt(Math.round(at * this.units)))
      return at;
    if (this.guard > 0n && addr < this.guard && addr + BigInt(w / 8) > this.guard && at >= 0)
      throw new AccessFault(this.guard, access);
    if (this.guard > 0n && addr >= this.guard && addr < this.guard + 4096n - BigInt(w / 8))
      throw new AccessFault(addr, access);
    throw new Elsewhere();
  }
}

/** Runs an instruction by the book, on the machine's slots and memory in place. */
export function expect(inst: Inst, machine: ReferenceMachine): Expected {
  try {
    const outcome = evalInst(inst, machine);
    switch (outcome.k) {
      case "next":
        return { outcome: RAN };
      case "jump":
        return { outcome: RAN, target: outcome.target };
      case "trap": {
        const signal = signalOf(outcome.name);
        return signal === undefined ? { outcome: undefined, why: `trap ${outcome.name}` } : { outcome: signal };
      }
      case "stop":
        return outcome.name === "syscall" ? { outcome: undefined, why: "a system call" } : { outcome: RAN };
      case "unknown":
        return { outcome: undefined, why: `not known: ${outcome.name}` };
    }
  } catch (error) {
    if (error instanceof AccessFault) return { outcome: SIGSEGV, fault: error.address };
    if (error instanceof Elsewhere) return { outcome: undefined, why: ELSEWHERE };
    throw error;
  }
}
