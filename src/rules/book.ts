import type { Effect, Inst, Node, Slot } from "../ir/node.ts";

/**
 * An ISA rulebook as its readers see it: what src/rules makes of rulebooks/isa/NAME.rules. Everything about an
 * instruction comes from its row; nothing here knows an ISA's name.
 */
export interface IsaBook {
  readonly name: string;
  readonly littleEndian: boolean;
  /** Bytes that one address stands for: 1, more in a machine that addresses words. */
  readonly unitBytes: number;
  readonly slots: readonly Slot[];
  readonly rows: readonly Row[];
  /** Slot number by state name ("X[5]", "fflags") or by assembly name ("a0"). */
  slot(name: string): number | undefined;
  /** Names that `trap` and `stop` use, in the order of their first use; Exit codes index them. */
  readonly traps: readonly string[];
  readonly stops: readonly string[];
  /** Lengths in bytes an instruction can have, ascending; alignment of instructions in bytes. */
  readonly lengths: readonly number[];
  readonly align: number;

  /** Templates that a row may have: the ways its instructions say where their operands are. */
  readonly variants: number;
  /**
   * Decodes the instruction at `at`, of which the bytes before `end` are there, without allocation: its row's number
   * times `variants`, plus the number of its template; -1 for none. Fills `fields` with the row's field values.
   */
  decodeInto(bytes: Uint8Array, at: number, end: number, fields: Int32Array): number;
  /** Bytes of the instruction that decodeInto found last. */
  readonly decodedLength: number;
  /** Decodes the instruction at `offset`. null: no row matches, or the bytes end too soon. */
  decode(bytes: Uint8Array, offset: number): Decoded | null;
  /** True where the bytes from `offset` to the end may begin an instruction that is longer than they are. */
  endsShort(bytes: Uint8Array, offset: number): boolean;
  /** What the instruction does, with its fields as constants. pc is the guest address. */
  lift(decoded: Decoded, pc: number): Inst;
  /** Text as objdump prints it (no symbol, targets as 0x...), aliases preferred unless told otherwise. */
  disassemble(decoded: Decoded, pc: number, options?: { aliases?: boolean }): string;
  /** Bytes of one instruction in the row's or an alias's spelling. Throws RuleError. */
  assemble(text: string, pc: number): Uint8Array;
  /** The row's meaning with its fields as parameters, for code shared by all instructions of the variant. null where it has none: see templateGap. */
  template(row: Row, variant?: number): Template | null;
  /** The same with fewer value parameters, at 1 or 2: what they would have said is computed when it runs. */
  leanTemplate?(row: Row, variant: number, lean: number): Template | null;
  /** Why a row has no template. undefined: it has one. */
  templateGap(row: Row, variant?: number): string | undefined;
}

/** One encoding form of a row after expansion of families. */
export interface Row {
  /** Position in `rows`; stable for a given text. */
  readonly index: number;
  /** "addi", "amoadd.w". */
  readonly name: string;
  /** Encoded length in bytes (fixed-width ISAs). */
  readonly length: number;
  readonly fields: readonly Field[];
  /** First 12 hex digits of SHA-256 over the inlined canonical form plus encoding. */
  readonly hash: string;
  /** Source position for messages: file, line. */
  readonly source: { readonly file: string; readonly line: number };
  /** Extension or chapter the row stands under ("M", "Zba"), from the book's section headings. */
  readonly section: string;
}

export interface Field {
  readonly name: string;
  readonly width: number;
  readonly signed: boolean;
  /** The register view it selects in ("x"), if any. */
  readonly view: string | undefined;
}

export interface Decoded {
  readonly row: Row;
  /** Bytes the instruction takes. */
  readonly length: number;
  /** Values in the order of row.fields, signed ones extended. */
  readonly fields: readonly number[];
}

/**
 * A row with symbolic fields, for the interpreter. `effects` contain:
 * - `get`/`set` whose slot is negative: slot parameter number -1 - slot, resolved by slotParams;
 * - `param` nodes (aux = parameter number): a value known once decoded, computed by valueParams.
 */
export interface Template {
  readonly effects: readonly Effect[];
  readonly slotParams: readonly SlotParam[];
  readonly valueParams: readonly ValueParam[];
}

export interface SlotParam {
  /** Index into row.fields. */
  readonly field: number;
  /** Slot number by field value; ZERO reads constant zero, SINK drops writes. */
  readonly slots: Int16Array;
  /** Where in the slot the part begins that is read or written, in bytes by field value; undefined: always at 0. */
  readonly bytes?: Uint8Array | undefined;
  readonly write: boolean;
}
export const ZERO = -1;
export const SINK = -2;

export interface ValueParam {
  /** Width in bits, at most 64. */
  readonly w: number;
  /** What it is, over `param`-free leaves: const, field (by name) and pc; for printing. */
  readonly node: Node;
  /** Value for the given fields and pc as low half and high half. Allocation-free: writes out[at] and out[at + 1]. */
  compute(fields: ArrayLike<number>, pc: number, length: number, out: Int32Array, at: number): void;
}
