import type { Trial } from "./campaign.ts";
import * as R from "./record.ts";

/** Where qemu 7.2 departs from the manual, and the book does not follow (docs/oracle-notes.md). */
export interface Quirk {
  readonly rows: readonly string[];
  readonly what: string;
  readonly holds: (trial: Trial, before: BigUint64Array) => boolean;
}

const source = (trial: Trial, before: BigUint64Array): bigint =>
  before[R.X + trial.fields[trial.row.fields.findIndex((f) => f.name === "rs1")]];

export const QUIRKS: readonly Quirk[] = [
  {
    rows: ["ctzw"],
    what: "ctzw of a value whose low half is zero counts on into the high half",
    holds: (trial, before) => (source(trial, before) & 0xffffffffn) === 0n,
  },
  {
    rows: ["sc.w", "sc.d"],
    what: "sc without a reservation fails quietly where its address is misaligned",
    holds: (trial, before) => (source(trial, before) & (trial.row.name === "sc.d" ? 7n : 3n)) !== 0n,
  },
];

export function quirkOf(trial: Trial, before: BigUint64Array): Quirk | undefined {
  return QUIRKS.find((q) => q.rows.includes(trial.row.name) && q.holds(trial, before));
}
