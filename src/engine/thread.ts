import type { Slot } from "../ir/node.ts";
import type { GuestMemory } from "../memory/memory.ts";
import type { Cpu, Stop } from "./cpu.ts";
import type { Machine } from "./machine.ts";

/**
 * One of several hardware threads of a machine. They share its memory and its compiled code; the registers of the one
 * that runs stand in the engine's state area, those of the others are kept here.
 */
export class Thread implements Cpu {
  readonly isa: string;
  readonly slots: readonly Slot[];
  private readonly machine: Machine;
  private kept: Uint8Array | null;

  /** `state`: registers it begins with, as `Cpu.save` gives them; null: those that stand in the machine now. */
  constructor(machine: Machine, state: Uint8Array | null) {
    this.machine = machine;
    this.isa = machine.isa;
    this.slots = machine.slots;
    this.kept = state;
    machine.threads++;
    if (state === null) machine.active = this;
  }

  /** The registers leave the state area. */
  leave(): void {
    this.kept = this.machine.keep(this.kept);
  }

  /** The machine with this thread's registers in place. */
  private get here(): Machine {
    const { machine } = this;
    if (machine.active !== this) this.enter();
    return machine;
  }

  private enter(): void {
    const { machine } = this;
    machine.active?.leave();
    machine.active = this;
    if (this.kept) machine.restore(this.kept);
  }

  get memory(): GuestMemory {
    return this.machine.memory;
  }
  get pc(): number {
    return this.here.pc;
  }
  set pc(value: number) {
    this.here.pc = value;
  }
  lo(slot: number): number {
    return this.here.lo(slot);
  }
  hi(slot: number): number {
    return this.here.hi(slot);
  }
  set(slot: number, lo: number, hi: number): void {
    this.here.set(slot, lo, hi);
  }
  slot(name: string): number {
    return this.machine.slot(name);
  }
  run(fuel: number): Stop {
    return this.here.run(fuel);
  }
  get spent(): number {
    return this.machine.spent;
  }
  invalidate(address: number, size: number): void {
    this.machine.invalidate(address, size);
  }
  bePrecise(): void {
    this.machine.bePrecise();
  }
  save(): Uint8Array {
    return this.here.save();
  }
  restore(state: Uint8Array): void {
    this.here.restore(state);
  }

  another(): Cpu {
    return new Thread(this.machine, this.save());
  }
  fork(): Cpu {
    return new Thread(this.here.copy(), null);
  }
  release(): void {
    if (this.machine.active === this) this.machine.active = null;
    this.machine.leave();
  }
}
