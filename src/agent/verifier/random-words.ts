import { ASKS, type Oracle, RAN, SIGILL } from "../../oracle/oracle.ts";
import type { IsaBook } from "../../rules/book.ts";
import { bind } from "./bind.ts";
import { Random } from "./random.ts";
import { fillRecord } from "./records.ts";
import { MEMORY, tryWord } from "./trial.ts";

/** How much of a machine a rulebook knows: of random words that the machine executes. */
export interface Coverage {
  readonly executed: number;
  /** Words that a row decodes. */
  readonly decoded: number;
  /** Decoded words whose whole effect was the same in every state that could be compared, in one at least. */
  readonly matched: number;
}

export interface CoverageOptions {
  /** Words that the oracle executes. */
  readonly words: number;
  readonly seed: number;
  /** States a word. */
  readonly states?: number;
  readonly progress?: (done: number) => void;
  /** Told of decoded words that do not match. */
  readonly missed?: (bytes: Uint8Array, why: string) => void;
}

const TRIES = 400;

/** Words at random, each bit as likely; those that the oracle executes count. Rejects with OracleError. */
export async function coverage(oracle: Oracle, book: IsaBook, options: CoverageOptions): Promise<Coverage> {
  const { machine } = oracle;
  const random = new Random(options.seed);
  const binding = bind(book, machine);
  const longest = Math.min(machine.codeBytes, Math.max(...book.lengths));
  const states = options.states ?? 4;
  let executed = 0;
  let decoded = 0;
  let matched = 0;
  for (let tries = 0; executed < options.words && tries < options.words * TRIES; ) {
    const wanted = machine.rate > 50_000 ? 2048 : 64;
    const count = Math.min(wanted, Math.max(16, 4 * (options.words - executed)));
    tries += count;
    // Which of them run, in one state each
    const code = new Uint8Array(count * longest);
    for (let i = 0; i < code.length; i++) code[i] = random.i32() >>> 11;
    const lengths = new Uint8Array(count).fill(longest);
    for (let i = 0; i < count; i++) {
      const known = book.decode(code.subarray(i * longest, (i + 1) * longest), 0);
      if (known) lengths[i] = known.length;
      else if (book.lengths.length > 1 && book.lengths[0]! < longest)
        // Nobody here knows how long it is: any length that the book's instructions have
        lengths[i] = random.pick(book.lengths.filter((n) => n <= longest));
    }
    const state = new Uint8Array(count * machine.recordBytes);
    for (let i = 0; i < count; i++) fillRecord(machine, state, i, random);
    const memory = machine.data ? new Uint8Array(count * MEMORY).map(() => random.i32()) : undefined;
    const seen = await oracle.observe({
      count,
      stride: longest,
      code,
      lengths,
      state,
      ...(memory ? { memory } : {}),
      ...(machine.steps ? { steps: 1 } : {}),
    });
    for (let i = 0; i < count && executed < options.words; i++) {
      if (seen.outcome[i] === SIGILL || seen.outcome[i] === ASKS || seen.outcome[i]! >= 252) continue;
      const bytes = code.slice(i * longest, i * longest + lengths[i]!);
      const known = book.decode(bytes, 0);
      if (!known) {
        // A word that only faults may be an access to nowhere, or no instruction at all; only one that ran is sure
        if (seen.outcome[i] === RAN) executed++;
        continue;
      }
      const result = await tryWord(oracle, binding, bytes, known, states, random);
      if (result.ran === 0 && seen.outcome[i] !== RAN && !result.refuted) continue;
      executed++;
      decoded++;
      if (!result.refuted && result.cases > 0) matched++;
      else options.missed?.(bytes, result.refuted ? `${result.refuted.text}: ${result.refuted.what}` : "not compared");
      options.progress?.(executed);
    }
  }
  return { executed, decoded, matched };
}
