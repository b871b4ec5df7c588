import { PAGE_SIZE } from "../memory/layout.ts";
import type { GuestMemory } from "../memory/memory.ts";
import { posix } from "./posix.ts";

/**
 * A buffer argument: guest bytes, checked when used, so that errors come in Linux's order (a bad descriptor before a bad
 * address). The views are live; keep none of them past the call.
 */
export class Span {
  readonly memory: GuestMemory;
  readonly address: number;
  readonly size: number;
  constructor(memory: GuestMemory, address: number, size: number) {
    this.memory = memory;
    this.address = address;
    this.size = size;
  }
  /** Bytes to read. Throws GuestFault. */
  get source(): Uint8Array {
    return this.memory.view(this.address, this.size);
  }
  /** Bytes to fill. Throws GuestFault. */
  get target(): Uint8Array {
    return this.memory.view(this.address, this.size, 2);
  }
  /** The part from the start that the guest may use so (prot: 1 read, 2 write); all of it nearly always. */
  usable(prot: number): Span {
    if (this.size === 0 || this.memory.allows(this.address, this.size, prot)) return this;
    let good = 0;
    let at = this.address;
    while (good < this.size && this.memory.allows(at, 1, prot)) {
      const next = Math.min((Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE, this.address + this.size);
      good += next - at;
      at = next;
    }
    return this.slice(0, good);
  }
  slice(from: number, size: number): Span {
    return new Span(this.memory, this.address + from, size);
  }
}

/** A structure argument, or `count` of them in a row. null pointers are allowed until used. */
export interface Place<T> {
  readonly address: number;
  readonly isNull: boolean;
  readonly count: number;
  /** Throws GuestFault. */
  get(index?: number): T;
  set(value: T, index?: number): void;
}

/** A time as calls carry it. */
export interface Timespec {
  readonly sec: number;
  readonly nsec: number;
}
export interface Timeval {
  readonly sec: number;
  readonly usec: number;
}

const SECOND = 1_000_000_000n;

export function toTimespec(ns: bigint): Timespec {
  const nsec = ((ns % SECOND) + SECOND) % SECOND;
  return { sec: Number((ns - nsec) / SECOND), nsec: Number(nsec) };
}

/** Nanoseconds, or null where the fields are not a time. */
export function fromTimespec(time: Timespec): bigint | null {
  if (!(time.nsec >= 0 && time.nsec < 1e9 && time.sec >= 0)) return null;
  return BigInt(Math.min(time.sec, 9e9)) * SECOND + BigInt(time.nsec);
}

export function toTimeval(ns: bigint): Timeval {
  const { sec, nsec } = toTimespec(ns);
  return { sec, usec: Math.floor(nsec / 1000) };
}

/** Nanoseconds, or null where the fields are not a time. */
export function fromTimeval(time: Timeval): bigint | null {
  if (!(time.usec >= 0 && time.usec < 1e6)) return null;
  return fromTimespec({ sec: time.sec, nsec: time.usec * 1000 });
}

/** A time argument as nanoseconds. Throws EINVAL. */
export function duration(time: Timespec): bigint {
  const ns = fromTimespec(time);
  if (ns === null) throw posix("EINVAL");
  return ns;
}
