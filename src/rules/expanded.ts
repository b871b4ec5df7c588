import type { Slot } from "../ir/node.ts";
import type { Core } from "./core.ts";
import type { EncField } from "./encoding.ts";
import type { Policy } from "./policy.ts";
import type { AddressForm, SdmForm } from "./sdm.ts";

/** A rulebook after expansion and typing: plain data, what a blob holds and the book's readers work on. */
export interface ExpandedBook {
  readonly name: string;
  readonly littleEndian: boolean;
  readonly pcWidth: number;
  /** Bytes that one address stands for: 1, more in a machine that addresses words. */
  readonly unitBytes: number;
  readonly slots: readonly Slot[];
  /** Further names of slots (assembly names). */
  readonly slotNames: readonly (readonly [string, number])[];
  readonly policies: readonly Policy[];
  readonly rows: readonly ExpandedRow[];
  readonly aliases: readonly ExpandedAlias[];
  /** Assembly names by number, shared by operands. */
  readonly tables: readonly (readonly string[])[];
  /** Decision tree of decoder.ts. */
  readonly tree: Int32Array;
  /** Addressing forms of an SDM-notation book, by number; undefined in a book of fixed width. */
  readonly addresses: readonly AddressForm[] | undefined;
  readonly traps: readonly string[];
  readonly stops: readonly string[];
}

export interface ExpandedRow {
  readonly name: string;
  readonly section: string;
  readonly file: string;
  readonly line: number;
  readonly bits: number;
  readonly mask: number;
  readonly match: number;
  readonly fields: readonly EncField[];
  /** Condition on the fields; `conditional` says whether there is one. */
  readonly where: Core | undefined;
  readonly conditional: boolean;
  readonly assembly: readonly AsmItem[];
  /** The row that a `=>` row stands for, with its fields over this row's. */
  readonly stands: Stands | undefined;
  readonly hash: string;
  /** The encoding of a row in the SDM's notation; mask, match and fields then say nothing. */
  readonly sdm: SdmForm | undefined;
  /** Typed semantics; in a blob it is read at first use. */
  readonly body: Core;
}

export interface Stands {
  readonly row: number;
  readonly fields: readonly StandsField[];
}
/** Value of a field of the target: an integer over the row's fields, through `map` where registers are numbered anew. */
export interface StandsField {
  readonly c: Core;
  readonly map: readonly number[] | undefined;
}

export interface ExpandedAlias {
  readonly row: number;
  readonly assembly: readonly AsmItem[];
  /** Condition on the row's fields. */
  readonly when: Core | undefined;
}

/** A piece of assembly text with its operands typed: integers over the row's fields. */
export type AsmItem =
  | { readonly k: "text"; readonly s: string }
  | {
      readonly k: "operand";
      readonly c: Core;
      readonly style: Style;
      /** Names by value in `tables`; -1: a number. */
      readonly table: number;
    }
  /** An operand with a text for each encoding of it. */
  | {
      readonly k: "arms";
      readonly c: Core;
      readonly forms: readonly number[];
      readonly arms: readonly (readonly AsmItem[])[];
    }
  | { readonly k: "choice"; readonly c: Core; readonly texts: readonly string[] };

/**
 * dec and hex: a number; label: pc plus it, in hex; page: it counts pages of 4 KiB from that of pc; disp: hex with its
 * sign; u<w>: hex of w bits; x<n>: n digits of hex and nothing else; opt<TEXT>: TEXT and the number, nothing for 0.
 */
export type Style = "dec" | "hex" | "label" | "page" | "disp" | `u<${number}>` | `x<${number}>` | `opt<${string}>`;
