import { AccessFault, evalInst, type Machine, type Outcome } from "../ir/eval.ts";
import { functionAnswer } from "../ir/float/functions.ts";
import type { Inst } from "../ir/node.ts";
import { ADDRESS_LIMIT, PAGE_SIZE, PROT_READ, PROT_WRITE } from "../memory/layout.ts";
import type { GuestMemory } from "../memory/memory.ts";
import type { State } from "./state.ts";

/** Answers a rulebook's questions to the machine ("time", "cpuid"): all results of one. */
export type Ask = (name: string, args: readonly bigint[]) => readonly bigint[];

const LIMIT = BigInt(ADDRESS_LIMIT);

/** Runs single instructions by the reference evaluator on a process's real state and memory. */
export class Evaluator implements Machine {
  private readonly state: State;
  private readonly memory: GuestMemory;
  readonly ask: Ask;

  constructor(state: State, memory: GuestMemory, ask: Ask) {
    this.state = state;
    this.memory = memory;
    this.ask = (name, args) => functionAnswer(name, args) ?? ask(name, args);
  }

  /** Throws AccessFault; then the instruction has not happened. */
  run(inst: Inst): Outcome {
    return evalInst(inst, this);
  }

  getSlot(slot: number): bigint {
    return this.state.getBig(slot);
  }

  setSlot(slot: number, value: bigint): void {
    this.state.setBig(slot, value);
  }

  load(addr: bigint, w: number): bigint {
    const bytes = this.memory.view(this.check(addr, w, PROT_READ), w / 8);
    let value = 0n;
    for (let at = bytes.length; at-- > 0; ) value = (value << 8n) | BigInt(bytes[at]!);
    return value;
  }

  store(addr: bigint, w: number, value: bigint): void {
    const bytes = this.memory.view(this.check(addr, w, PROT_WRITE), w / 8, PROT_WRITE);
    for (let at = 0; at < bytes.length; at++, value >>= 8n) bytes[at] = Number(value & 0xffn);
  }

  rmw(addr: bigint, w: number, change: (old: bigint) => bigint): bigint {
    this.check(addr, w, PROT_READ | PROT_WRITE);
    const old = this.load(addr, w);
    this.store(addr, w, change(old));
    return old;
  }

  probe(addr: bigint, w: number): void {
    this.check(addr, w, PROT_WRITE);
  }

  private check(addr: bigint, w: number, access: number): number {
    const address = Number(addr);
    if (addr < LIMIT && this.memory.allows(address, w / 8, access)) return address;
    // The first byte that may not be accessed; what reads and writes at once faults as a write.
    const here = addr >= LIMIT || !this.memory.allows(address, 1, access);
    const first = here ? addr : BigInt(address - (address % PAGE_SIZE) + PAGE_SIZE);
    throw new AccessFault(first, access & PROT_WRITE ? PROT_WRITE : access);
  }
}
