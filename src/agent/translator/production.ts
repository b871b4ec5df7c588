import type * as A from "./arith.ts";

/** W: bits of the grammar's width; B: one bit. */
export type Sort = "W" | "B";

/** One way to make a value from others: a rulebook's expression, told by its text and computed by `f`. */
export interface Production {
  readonly name: string;
  readonly args: readonly Sort[];
  readonly result: Sort;
  /** What it costs the search before any model has looked: 1 is cheapest. */
  readonly cost: number;
  readonly symmetric: boolean;
  readonly f: A.Halves;
  readonly text: (...args: string[]) => string;
}

/** Adds a production; `sorts` as in "WW>B". */
export type Rule = (
  name: string,
  sorts: string,
  cost: number,
  f: A.Halves,
  text: (...args: string[]) => string,
  symmetric?: boolean,
) => void;
