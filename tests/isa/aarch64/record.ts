/** One case: the state before or after, as 64-bit words; oracle.c has the same layout (`struct state`). */
export const X = 0; // 31 general registers, then sp
export const V = 32; // 32 vector registers, low half first
export const NZCV = 96;
export const FPCR = 97;
export const FPSR = 98;
export const PC = 99; // after: where the signal was raised
export const SIGNAL = 100; // after: its number
export const ADDRESS = 101; // after: the address of the access that faulted
export const MODE = 102; // FPCR as the book's float operations obey it; no engine compares it
export const MEMORY = 103; // WINDOW bytes
export const WINDOW = 256;
/** Words of a record. */
export const RECORD = MEMORY + WINDOW / 8;

/** Where the code under test stands; brks for REACH bytes on both sides. */
export const CODE = 0x40000000;
export const REACH = 0x200000;
/** A page whose last WINDOW bytes are the record's memory; its neighbours are unmapped. */
export const DATA = 0x20000000;
export const PAGE = 4096;
export const WINDOW_AT = DATA + PAGE - WINDOW;

export const SIGNALS: Readonly<Record<string, bigint>> = { illegal: 4n, breakpoint: 5n, misaligned: 7n };
export const SIGSEGV = 11n;

export interface Group {
  /** At most 32 bytes. */
  readonly code: Uint8Array;
  /** Records, one after the other. */
  readonly records: BigUint64Array;
}

/** Where a slot of the book lives in a record. */
export interface Place {
  readonly word: number;
  readonly lo: bigint;
  readonly w: number;
}

const FLAGS: Readonly<Record<string, Place>> = {
  nf: { word: NZCV, lo: 31n, w: 1 },
  zf: { word: NZCV, lo: 30n, w: 1 },
  cf: { word: NZCV, lo: 29n, w: 1 },
  vf: { word: NZCV, lo: 28n, w: 1 },
  fpcr: { word: FPCR, lo: 0n, w: 32 },
  fpmode: { word: MODE, lo: 0n, w: 8 },
  qc: { word: FPSR, lo: 27n, w: 1 },
  exceptions: { word: FPSR, lo: 0n, w: 8 },
};

/** null: only in the machine (hidden state, and what a signal's frame does not show). */
export function placeOf(name: string): Place | null {
  const register = /^([XV])\[(\d+)\]$/.exec(name);
  if (!register) return FLAGS[name] ?? null;
  const n = Number(register[2]);
  return register[1] === "X" ? { word: X + n, lo: 0n, w: 64 } : { word: V + 2 * n, lo: 0n, w: 128 };
}

export function nameOf(index: number): string {
  if (index < V) return index === 31 ? "sp" : `x${index}`;
  if (index < NZCV) return `v${(index - V) >> 1}.${(index - V) & 1 ? "high" : "low"}`;
  if (index >= MEMORY) return `memory+${(index - MEMORY) * 8}`;
  return ["nzcv", "fpcr", "fpsr", "pc", "signal", "address", "mode"][index - NZCV];
}

/** What msr fpcr makes of a value for MODE. */
export const modeOf = (fpcr: bigint): bigint => {
  const rounding = [0n, 3n, 2n, 1n][Number((fpcr >> 22n) & 3n)];
  return rounding | ((fpcr >> 24n) & 1n ? 0x18n : 0n) | ((fpcr >> 25n) & 1n ? 0x20n : 0n);
};
