import { UOPS } from "../memory/layout.ts";

/**
 * The interpreter's part of engine memory, from UOPS on.
 *
 * A micro-op is one guest instruction, ready to run: 16 bytes, u16 handler number, then operands as its row's
 * UopPlan lays them out. Straight-line code lies in a row; MICRO_OP bytes further is the next instruction.
 * Beside each micro-op, SIDE bytes further, lies what only exits and the predecoder need.
 */
export const MICRO_OP = 16;
/** Operands of a micro-op begin here. */
export const OPERANDS = 2;
export const OPERAND_BYTES = MICRO_OP - OPERANDS;
/** i32: micro-op of a direct jump's target; table index of a region. */
export const LINK = 12;
export const LINK_BYTES = 4;

/** pc map, first level: i32 a guest page, offset of the page's map in MAPS (0: the empty one). */
export const PAGE_MAP = UOPS;
export const PAGE_MAP_SIZE = 0x400000;
/** Second level: i32 a possible instruction start, address of its micro-op or 0. The first map stays empty. */
export const MAPS = PAGE_MAP + PAGE_MAP_SIZE;
export const MAPS_SIZE = 0xa00000;
export const CODE = MAPS + MAPS_SIZE;
// All of engine memory stays small: beyond some 64 MiB in all memories V8 collects garbage at once, 5 ms a start.
export const CODE_SIZE = 0x800000;
export const SIDE = CODE_SIZE;
/** u32: guest pc of the instruction. */
export const SIDE_PC = SIDE;
/** i32: counts down at jumps back to here and calls; at zero the pc goes to the list of hot heads. */
export const SIDE_COUNT = SIDE + 4;
/** Of a micro-op not decoded yet: first of the micro-ops that link to it. Of one that links: the next such. */
export const SIDE_LINKED = SIDE + 8;
export const SIDE_NEXT = SIDE + 12;

/** i32 number of hot heads noted, then their pcs (u32), at most HOT_MAX. */
export const HOT_COUNT = CODE + 2 * CODE_SIZE;
export const HOT_LIST = HOT_COUNT + 4;
export const HOT_MAX = 1000;

/** i32: not 0 where the host's relaxed_madd is known to be fused. */
export const FUSED = HOT_COUNT + 0xffc;
/** With the profile option: executions by handler, i64 each. */
export const PROFILE = HOT_COUNT + 0x1000;

/** First byte of engine memory that the interpreter leaves to others. */
export const PREDECODE_END = PROFILE + 0x10000;

/** Executions of a head after which it is noted as hot. */
export const HOT_THRESHOLD = 2000;

/** Handler numbers that belong to no row. */
export const Handler = {
  /** Not decoded yet: leave with Exit.Dispatch. */
  Miss: 0,
  /** Go on at the linked micro-op. */
  Goto: 1,
  /** Call the region whose table index is in LINK, go on at CTL_PC. */
  Region: 2,
  /** Leave with Exit.Evaluate. */
  Evaluate: 3,
  /** The first row's. */
  Rows: 4,
} as const;

/** How far an offset in a page shifts left to become an offset in the page's map: 4 bytes an instruction start. */
export function mapShift(align: number): number {
  return align === 1 ? 2 : align === 2 ? 1 : 0;
}
