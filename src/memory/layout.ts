/**
 * Two wasm memories a guest process.
 *
 * Guest memory (memory 0 of region modules): guest address A lives at wasm address A - BIAS (mod 2^32), so a null
 * pointer's first 64 KiB wrap to the top, beyond the memory's size, and trap for free.
 *
 * Engine memory (never reachable by a guest access): the fixed map below. It has its full size from the start and
 * never grows, so views of it stay valid.
 */
export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 1 << PAGE_SHIFT;
/** Guest addresses below this are never mapped. */
export const BIAS = 0x10000;
/** Guest addresses end here; the top 64 KiB stay unmapped so that biased addresses cannot wrap back. */
export const ADDRESS_LIMIT = 0xffff0000;

/** Guest state: slots at their `offset` from here. */
export const STATE = 0;
export const STATE_SIZE = 0x4000;
/** Control words, i32 unless said otherwise. */
export const CTL = 0x4000;
export const CTL_FUEL = CTL + 0; // remaining fuel; at or below zero: leave to the dispatcher
export const CTL_PC = CTL + 8; // i64: guest pc at entry and exit
export const CTL_EXIT = CTL + 16; // why it left: an ExitReason
export const CTL_ADDR = CTL + 24; // i64: faulting address, where there is one
export const CTL_AUX = CTL + 32; // reason's detail: trap or stop number of the rulebook; access kind of a fault (1 read 2 write 4 execute)
export const CTL_RETIRED = CTL + 48; // i64: instructions retired (with --stats)
/** Always reads zero; a register that discards writes resolves to SINK. 64 bytes each. */
export const ZERO_SLOT = CTL + 0x100;
export const SINK_SLOT = CTL + 0x140;
/** One byte a guest page (index: address >>> 12), permission bits below; 1 MiB for 4 GiB. */
export const PERMS = 0x100000;
export const PERMS_SIZE = 0x100000;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;
/** Set on a page from which code was decoded, so that writers (kernel, x86 stores) know to tell the engine. */
export const PAGE_CODE = 8;
/** Mapped at all (a PROT_NONE page has just this). */
export const PAGE_MAPPED = 16;
/** Has bytes of its own and counts as used memory. */
export const PAGE_BACKED = 32;
/** The interpreter's tables: predecoded micro-ops and the pc map. */
export const UOPS = 0x200000;
export const ENGINE_MEMORY_BYTES = 0x2200000;

/** Engine memory for one process, zeroed. */
export function engineMemory(): WebAssembly.Memory {
  const pages = ENGINE_MEMORY_BYTES / 0x10000;
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}

/** Why code came back to the dispatcher; erasable-syntax "enum". */
export const Exit = {
  /** Next pc has no code yet, or is to be dispatched. */
  Dispatch: 0,
  Fuel: 1,
  Stop: 2, // CTL_AUX: index into the book's stop names ("syscall", "fence.i", ...)
  Trap: 3, // CTL_AUX: index into the book's trap names
  Fault: 4, // memory: CTL_ADDR, CTL_AUX
  Illegal: 5,
  /** The instruction at CTL_PC must be run by the evaluator (a rare one that this tier leaves out). */
  Evaluate: 6,
} as const;
export type ExitReason = (typeof Exit)[keyof typeof Exit];
