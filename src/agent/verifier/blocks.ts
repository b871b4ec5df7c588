import type { Oracle } from "../../oracle/oracle.ts";
import type { IsaBook } from "../../rules/book.ts";
import { bind } from "./bind.ts";
import { excuseOf } from "./quirks.ts";
import { Random } from "./random.ts";
import { type Counterexample, tryWord } from "./trial.ts";

/** How much of what programs execute a book translates rightly. */
export interface Accuracy {
  /** Distinct blocks; those whose every instruction matched; those that hold a system call and otherwise match. */
  readonly blocks: number;
  readonly matchedBlocks: number;
  /** Executed instructions, repeats counted, and those of them that matched. */
  readonly executed: number;
  readonly matchedExecuted: number;
  /** Distinct instructions, and those that matched. */
  readonly instructions: number;
  readonly matched: number;
  /** Distinct instructions that no state could be compared for (system calls, the machine's own answers), by why. */
  readonly apart: ReadonlyMap<string, number>;
  /** Instructions that did not match, with why. */
  readonly differences: readonly { readonly bytes: string; readonly text: string; readonly why: string }[];
}

/** What came of one instruction, by its bytes: the same for every program. */
export type Judged = Map<string, { readonly difference?: Accuracy["differences"][number]; readonly apart?: string }>;

interface Block {
  readonly instructions: readonly Uint8Array[];
  readonly executions: number;
}

/** Compares every distinct instruction of executed blocks with an oracle, each on `states` states. Rejects with OracleError. */
export async function accuracy(
  oracle: Oracle,
  book: IsaBook,
  blocks: readonly Block[],
  options: {
    readonly states: number;
    readonly seed: number;
    readonly known?: Judged;
    readonly progress?: (done: number, all: number) => void;
  },
): Promise<Accuracy> {
  const binding = bind(book, oracle.machine);
  const random = new Random(options.seed);
  const distinct = new Map<string, Uint8Array>();
  for (const b of blocks) for (const bytes of b.instructions) distinct.set(hex(bytes), bytes);
  const right = new Set<string>();
  const apart = new Map<string, number>();
  const differences: { bytes: string; text: string; why: string }[] = [];
  let done = 0;
  const known: Judged = options.known ?? new Map();
  const judge = async (key: string, bytes: Uint8Array): Promise<NonNullable<ReturnType<Judged["get"]>>> => {
    const decoded = book.decode(bytes, 0);
    if (!decoded || decoded.length !== bytes.length)
      return { difference: { bytes: key, text: "?", why: "no row decodes it" } };
    const excused = (c: Counterexample): string | undefined => excuseOf(oracle.name, book.name, decoded.row.name, c);
    const result = await tryWord(oracle, binding, bytes, decoded, options.states, random, excused);
    if (result.refuted) {
      const { text, what, expected, observed } = result.refuted;
      return { difference: { bytes: key, text, why: `${what} is ${observed}, the row says ${expected}` } };
    }
    return result.cases > 0 ? {} : { apart: [...result.skipped.keys()][0] ?? "nothing could be compared" };
  };
  for (const [key, bytes] of distinct) {
    options.progress?.(done++, distinct.size);
    let judged = known.get(key);
    if (!judged) known.set(key, (judged = await judge(key, bytes)));
    const { difference, apart: why } = judged;
    if (difference) differences.push(difference);
    else right.add(key);
    if (why !== undefined) apart.set(why, (apart.get(why) ?? 0) + 1);
  }
  let matchedBlocks = 0;
  let executed = 0;
  let matchedExecuted = 0;
  for (const b of blocks) {
    const good = b.instructions.filter((i) => right.has(hex(i))).length;
    if (good === b.instructions.length) matchedBlocks++;
    executed += b.executions * b.instructions.length;
    matchedExecuted += b.executions * good;
  }
  return {
    blocks: blocks.length,
    matchedBlocks,
    executed,
    matchedExecuted,
    instructions: distinct.size,
    matched: right.size,
    apart,
    differences,
  };
}

const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ");
