import type { IsaBook } from "./book.ts";
import { RuleError } from "./error.ts";
import { loadIsaBook } from "./index.ts";
import { type ReadOptions, readSource } from "./source.ts";

/** Rows of a learned rulebook bear this before their name where they stand beside written ones. */
export const LEARNED = "learned.";

/** Whether a rulebook's text was written by the learner. */
export const isLearned = (text: string): boolean => /^# Learned from /.test(text);

/** A learned rulebook at work: its rows, and of the shipped rulebook the rows that the supplement declares. */
export interface Joined {
  readonly book: IsaBook;
  /** Learned rows that mean what a row of the supplement or another learned row does: left out. */
  readonly dropped: readonly string[];
}

/** Most rows that are left out before the books are taken not to fit. */
const CLASHES = 200;

/**
 * Joins a learned rulebook with the declared supplement of a shipped one. The learned text names its register file and
 * views as it likes: they become the shipped ones by the registers' names. Throws RuleError.
 */
export function joinLearned(
  learned: string,
  shipped: string,
  options: ReadOptions,
  supplement: (row: string) => boolean,
): Joined {
  const rows = adapted(learned, shipped, options);
  const dropped: string[] = [];
  for (;;) {
    const text = `${shipped}\n${rows.head.join("\n")}\n${[...rows.rows].map(([, lines]) => lines.join("\n")).join("\n")}\n`;
    try {
      const book = loadIsaBook(text, { ...options, keep: (row) => row.startsWith(LEARNED) || supplement(row) });
      return { book, dropped };
    } catch (error) {
      const named = error instanceof RuleError ? /learned\.[\w.]+\w/.exec(error.message)?.[0] : undefined;
      if (named === undefined || !rows.rows.delete(named) || dropped.push(named) > CLASHES) throw error;
    }
  }
}

/** The learned text in the shipped book's terms: declarations, and rows by name. */
function adapted(
  learned: string,
  shipped: string,
  options: ReadOptions,
): { head: string[]; rows: Map<string, string[]> } {
  const own = readSource(learned);
  const other = readSource(shipped, options);
  const files = new Map<string, string>();
  for (const [file, names] of own.names) {
    const like = [...other.names].find(
      ([f, list]) =>
        other.state.some((s) => s.name === f) && 2 * names.filter((n, i) => list[i] === n).length > names.length,
    );
    if (like) files.set(file, like[0]);
  }
  const word = (text: string): string =>
    text
      .replace(/\b[A-Z]\w*(?=\[)/g, (f) => files.get(f) ?? f)
      .replace(/\b(?:r_\d+|(?:rd|rs)\d*_\d+|[us]imm\d*|value_\d+)\b/g, (n) => `learned_${n}`);
  const head: string[] = [];
  const rows = new Map<string, string[]>();
  let row: string[] | undefined;
  for (const line of learned.split("\n")) {
    if (line.startsWith("#") || line.trim() === "") continue;
    const name = /^([\w.]+) \| /.exec(line)?.[1];
    if (name !== undefined) {
      const [, encoding, assembly] = line.split("|");
      const shown = assembly!.trim().replace(/^[\w.]+/, `${LEARNED}${name}`);
      row = [`${LEARNED}${name} |${word(encoding!)}| ${word(shown)} |`];
      rows.set(`${LEARNED}${name}`, row);
    } else if (/^\s/.test(line)) (row ?? head).push(word(line));
    else if (/^(view|field|signed) /.test(line)) head.push(word(line));
  }
  const used = [...rows.values()].flat().join("\n");
  const signed = head.filter((l) => l.startsWith("signed ")).flatMap((l) => l.split(/\s+/).slice(1));
  return {
    head: [
      ...head.filter((l) => !l.startsWith("signed ")),
      ...(signed.some((s) => used.includes(s)) ? [`signed ${signed.join(" ")}`] : []),
    ],
    rows,
  };
}
