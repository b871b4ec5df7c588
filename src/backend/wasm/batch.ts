import type { Slot } from "../../ir/node.ts";
import { CTL, type Exit } from "../../memory/layout.ts";
import type { Access } from "./access.ts";
import type { Summaries } from "./analysis.ts";
import type { ValueType } from "./code.ts";
import type { FloatHost } from "./float-host.ts";
import type { Func } from "./func.ts";
import type { Step } from "./graph.ts";
import type { Sticky } from "./sticky.ts";

/** How a function of the batch is called: arguments in the order of `takes`, results after the pc. */
export interface Signature {
  readonly func: number;
  readonly takes: readonly number[];
  readonly params: readonly ValueType[];
  readonly results: readonly number[];
  readonly resultTypes: readonly ValueType[];
  /** It or a callee counts fuel. */
  readonly usesFuel: boolean;
  /** It or a callee may change sticky slots. */
  readonly usesSticky: boolean;
  /** It can come to call itself. */
  readonly recursive: boolean;
  /** It or a callee can come to call itself: takes, last of all, how many calls may still nest. */
  readonly nests: boolean;
}

/** What the emission of all functions of a batch shares. */
export interface Batch {
  readonly slots: readonly Slot[];
  readonly traps: readonly string[];
  readonly stops: readonly string[];
  readonly summaries: Summaries;
  readonly signatures: readonly Signature[];
  readonly float: FloatHost;
  readonly access: Access;
  readonly resident: ReadonlySet<number>;
  readonly assumedZero: ReadonlySet<number>;
  /** How code leaves at an instruction that it cannot express. */
  readonly rest: typeof Exit.Dispatch | typeof Exit.Evaluate;
}

/** Words in engine memory: slots that the code which left has stored. */
export const STORED_MASK = CTL + 0x1c0;
export const MASK_WORDS = 16;

/** The sticky slot of the function's float ops. */
export function findSticky(func: Func): Sticky | undefined {
  for (const block of func.blocks) {
    const found = stickyAmong(block.values.steps);
    if (found !== undefined) return found;
  }
  return undefined;
}

function stickyAmong(steps: readonly Step[]): Sticky | undefined {
  for (const step of steps) {
    if (step.k === "float") return step.sticky;
    const inside = step.k === "if" ? (stickyAmong(step.then) ?? stickyAmong(step.else)) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}
