import type { Slot } from "../ir/node.ts";
import type { GuestMemory } from "../memory/memory.ts";

/** Why a `Cpu.run` returned. Values, not exceptions; pc is where the guest resumes (syscall: after it; faults: at it). */
export type Stop =
  | { readonly k: "syscall" }
  | { readonly k: "fuel" }
  /**
   * access: 1 read, 2 write, 4 execute. mapped: the page exists but forbids it. Not precise: of the fault nothing but
   * that it happened is known, and pc is where the code that did it begins; registers are lost.
   */
  | {
      readonly k: "fault";
      readonly address: bigint;
      readonly access: number;
      readonly mapped: boolean;
      readonly precise: boolean;
    }
  | { readonly k: "illegal"; readonly bytes: Uint8Array }
  /** A trap the rulebook names ("breakpoint", "DE", ...). */
  | { readonly k: "trap"; readonly name: string };

/** One hardware thread of a guest, seen from the kernel. Register values cross as halves; no BigInt needed. */
export interface Cpu {
  readonly isa: string;
  readonly memory: GuestMemory;
  readonly slots: readonly Slot[];
  pc: number;
  /** Low and high 32 bits of a slot, as int32. */
  lo(slot: number): number;
  hi(slot: number): number;
  set(slot: number, lo: number, hi: number): void;
  /** Slot number of an assembly name ("a0", "sp") or a state name ("fflags"). Throws on an unknown one: a programming error. */
  slot(name: string): number;
  /** Runs until something needs the kernel or `fuel` (about one a guest back-edge or call) is spent. */
  run(fuel: number): Stop;
  /** Fuel that the last run took. */
  readonly spent: number;
  /** Code in [address, address + size) may have changed: translate it again. */
  invalidate(address: number, size: number): void;
  /** From now on every fault is found where it happens: the guest, or somebody else, looks at them. */
  bePrecise?(): void;
  /** All registers and the pc as bytes, for threads, fork and snapshots (a copy). */
  save(): Uint8Array;
  restore(state: Uint8Array): void;
  /** Another hardware thread on the same memory, with these registers. Absent where there can be one only. */
  another?(): Cpu;
  /** A hardware thread on a copy of the memory, with these registers. Throws OutOfGuestMemory. */
  fork?(): Cpu;
  /** This thread is over; with the last one goes the memory. */
  release?(): void;
}
