import type { Row } from "../../../src/rules/book.ts";
import type { Trial } from "./campaign.ts";
import * as R from "./record.ts";

/** A case in which two engines differ. */
interface Difference {
  readonly trial: Trial;
  /** State before. */
  readonly before: BigUint64Array;
  readonly words: readonly { readonly index: number; readonly left: bigint; readonly right: bigint }[];
}

/** Runs all trials on both engines; the trials' own records stay as they are. */
export function compare(trials: readonly Trial[], left: R.Engine, right: R.Engine): Difference[] {
  const lefts = trials.map((t) => ({ code: t.code, records: t.records.slice() }));
  const rights = trials.map((t) => ({ code: t.code, records: t.records.slice() }));
  left.run(lefts);
  right.run(rights);
  const differences: Difference[] = [];
  trials.forEach((trial, i) => {
    for (let at = 0; at < trial.records.length; at += R.RECORD) {
      const a = lefts[i].records.subarray(at, at + R.RECORD);
      const b = rights[i].records.subarray(at, at + R.RECORD);
      const words = differing(a, b, trial.ignore);
      if (words.length > 0) differences.push({ trial, before: trial.records.subarray(at, at + R.RECORD), words });
    }
  });
  return differences;
}

function differing(a: BigUint64Array, b: BigUint64Array, ignore: ReadonlySet<number>): Difference["words"] {
  const words = [];
  for (let index = 1; index < R.RECORD; index++) {
    if (ignore.has(index) || same(index, a[index], b[index])) continue;
    // Only a fault has an address; qemu-user says 0 for one that is not canonical.
    if (index === R.ADDRESS && (a[R.SIGNAL] !== R.SIGSEGV || a[index] === 0n)) continue;
    words.push({ index, left: a[index], right: b[index] });
  }
  return words;
}

/** Addresses beyond 2^53, which fault wherever they are, may have passed through a double. */
function same(index: number, a: bigint, b: bigint): boolean {
  if (a === b) return true;
  return (index === R.PC || index === R.ADDRESS) && BigInt.asUintN(64, BigInt(Number(a))) === b;
}

/** The first difference in each of the first rows, as text. */
export function report(differences: readonly Difference[], left: string, right: string): string {
  const byRow = new Map<Row, Difference>();
  for (const d of differences) if (!byRow.has(d.trial.row)) byRow.set(d.trial.row, d);
  const shown = [...byRow.values()].slice(0, 8).map((d) => describe(d, left, right));
  return `${differences.length} differences in ${byRow.size} rows\n${shown.join("\n")}`;
}

/** One line a differing word, with what the instruction was and read. */
function describe(d: Difference, left: string, right: string): string {
  const hex = (v: bigint): string => `0x${v.toString(16)}`;
  const bytes = [...d.trial.code].map((b) => b.toString(16).padStart(2, "0")).join(" ");
  const registers = d.trial.row.fields
    .filter((f) => f.view !== undefined)
    .map((f) => f.name)
    .join(" ");
  const state: string[] = [];
  for (let i = 1; i < R.PC; i++) {
    const name = nameInText(i, d.trial.text);
    if (name !== undefined) state.push(`${name}=${hex(d.before[i])}`);
  }
  const words = d.words.map((w) => `  ${R.nameOf(w.index)}: ${left} ${hex(w.left)}, ${right} ${hex(w.right)}`);
  return [`${d.trial.text} (${d.trial.row.name}: ${registers}; ${bytes}) with ${state.join(" ")}`, ...words].join("\n");
}

const INTEGER_NAMES =
  "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(" ");
const FLOAT_NAMES = [
  ..."ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7".split(" "),
  ..."fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11".split(" "),
];

/** The register's name if the instruction's text has it; fcsr always. */
function nameInText(index: number, text: string): string | undefined {
  if (index === R.FCSR) return "fcsr";
  const name = index < R.F ? INTEGER_NAMES[index] : FLOAT_NAMES[index - R.F];
  return new RegExp(`\\b${name}\\b`).test(text) ? name : undefined;
}
