/**
 * One case of an instruction test: the state before or after, as 64-bit words. Every engine turns records in place, and
 * oracle.c has the same layout (`struct state`).
 */
export const X = 0; // 32 integer registers, the first ignored
export const F = 32; // 32 floating-point registers
export const FCSR = 64;
export const PC = 65; // after: where the signal was raised
export const SIGNAL = 66; // after: its number
export const ADDRESS = 67; // after: the address of the access that faulted
export const MEMORY = 68; // WINDOW bytes
export const WINDOW = 256;
/** Words of a record. */
export const RECORD = MEMORY + WINDOW / 8;

/** Where the code under test stands; ebreaks for REACH bytes on both sides. */
export const CODE = 0x40000000;
export const REACH = 0x200000;
/** A page whose last WINDOW bytes are the record's memory; its neighbours are unmapped. */
export const DATA = 0x20000000;
export const PAGE = 4096;
export const WINDOW_AT = DATA + PAGE - WINDOW;

export const SIGILL = 4n;
export const SIGTRAP = 5n;
export const SIGBUS = 7n;
export const SIGSEGV = 11n;

/** Something that executes instructions: qemu, the evaluator, a tier of the engine. */
export interface Engine {
  readonly name: string;
  /**
   * Runs each group's code from CODE on each of its records, in place, until control leaves the code or a signal is
   * raised. Control that leaves the code lands in an ebreak (SIGTRAP at its pc) or outside (SIGSEGV at that pc).
   */
  run(groups: readonly Group[]): void;
}

export interface Group {
  /** At most 32 bytes. */
  readonly code: Uint8Array;
  /** Records, one after the other. */
  readonly records: BigUint64Array;
}

/** What a number of a record is, for messages. */
export function nameOf(index: number): string {
  if (index < F) return `x${index}`;
  if (index < FCSR) return `f${index - F}`;
  if (index >= MEMORY) return `memory+${(index - MEMORY) * 8}`;
  return ["fcsr", "pc", "signal", "address"][index - FCSR];
}
