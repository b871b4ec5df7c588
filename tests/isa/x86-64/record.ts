/** Layout of a record that native.c runs, in 64-bit words, and the guest memory it stands for. */
export const CODE_BYTES = 16;
export const PC = 2;
export const SIGNAL = 3;
export const ADDRESS = 4;
export const FLAGS = 5;
export const G = 6;
export const FXSAVE = 22;
export const HIGH = 86;
export const MEMORY = 118;
export const RECORD = 246;

/** Offsets in bytes within the FXSAVE image (SDM volume 1, table 10-2). */
export const FCW = FXSAVE * 8;
export const FSW = FXSAVE * 8 + 2;
export const FTW = FXSAVE * 8 + 4;
export const MXCSR = FXSAVE * 8 + 24;
export const ST = FXSAVE * 8 + 32;
export const XMM = FXSAVE * 8 + 160;

export const CODE = 0x20000000;
/** The data page; a record holds its last bytes, and nothing is mapped behind it. */
export const DATA = 0x20004000;
export const PAGE = 4096;
export const WINDOW = 1024;
export const WINDOW_AT = DATA + PAGE - WINDOW;

export const SIGILL = 4n;
export const SIGTRAP = 5n;
export const SIGBUS = 7n;
export const SIGFPE = 8n;
export const SIGSEGV = 11n;

/** Bits of RFLAGS by the books' names. */
export const FLAG_BITS: Readonly<Record<string, number>> = { CF: 0, PF: 2, AF: 4, ZF: 6, SF: 7, DF: 10, OF: 11 };
