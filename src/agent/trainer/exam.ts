import { RAN } from "../../oracle/oracle.ts";
import type { Probe } from "../translator/probe.ts";
import { type Expr, evaluate, type Leaf, search, type Target, type Vector } from "../translator/search.ts";
import { constantsFor, type Prior, rulesOf } from "../translator/solve.ts";
import { put, type Rng, toBig } from "../translator/values.ts";

/** Samples that a search sees, and those its answer is held against. */
const SHOWN = 64;
const HELD = 192;
const ALL = SHOWN + HELD;

/** One thing that one instruction word changes, as observed: what the translator would search for. */
export interface Question {
  /** Which instruction, which of its outputs. */
  readonly name: string;
  readonly w: number;
  readonly leaves: readonly Leaf[];
  readonly target: Target;
  /** The same over all samples, by leaf. */
  readonly values: ReadonlyMap<string, Vector>;
  readonly value: Vector;
}

/** Asks a machine what a word does, and makes a question of each output. Rejects with OracleError. */
export async function questionsOf(
  probe: Probe,
  rng: Rng,
  name: string,
  word: number,
  length: number,
): Promise<Question[]> {
  const state = probe.empty(ALL);
  const row = 2 * probe.cells.length;
  const halves = [probe.states(rng, ALL / 2, "random"), probe.states(rng, ALL / 2, "structured")];
  for (let k = 0; k < ALL; k++) state.set(halves[k % 2]!.subarray((k >> 1) * row, ((k >> 1) + 1) * row), k * row);
  const seen = await probe.run(word, length, state);
  if (seen.outcome.some((o) => o !== RAN)) return [];
  const column = (from: Int32Array, c: number): Vector => ({
    lo: Int32Array.from({ length: ALL }, (_, k) => probe.lo(from, k, c)),
    hi: Int32Array.from({ length: ALL }, (_, k) => probe.hi(from, k, c)),
  });
  const cells = [...probe.cells.keys()];
  const differs = (a: Vector, b: Vector): boolean => a.lo.some((v, k) => v !== b.lo[k] || a.hi[k] !== b.hi[k]);
  const after = cells.map((c) => column(seen.state, c));
  const outputs = cells.filter((c) => differs(column(state, c), after[c]!));
  const reads = new Map<number, number[]>(outputs.map((c) => [c, []]));
  for (const c of cells) {
    if (!probe.keepsAny(c)) continue;
    const other = state.slice();
    for (let k = 0; k < ALL; k++)
      probe.setCell(other, k, c, ~probe.lo(state, k, c) ^ (rng.next() & ~1), probe.hi(state, k, c) ^ rng.next());
    const moved = await probe.run(word, length, other);
    for (const o of outputs) if (differs(column(moved.state, o), after[o]!) && o !== c) reads.get(o)!.push(c);
    // An output reads its old value if it is not overwritten, or if what comes differs
    for (const o of outputs) if (o === c && differs(column(moved.state, o), after[o]!)) reads.get(o)!.push(c);
  }
  const wide = outputs.filter((c) => probe.cells[c]!.bits > 1);
  const out: Question[] = [];
  for (const o of [...wide, ...outputs.filter((c) => !wide.includes(c))]) {
    const bit = probe.cells[o]!.bits === 1;
    const sources = reads.get(o)!;
    const w = bit
      ? Math.max(8, ...sources.map((c) => probe.cells[c]!.bits), ...wide.map((c) => probe.cells[c]!.bits))
      : probe.cells[o]!.bits;
    const operands: Leaf[] = sources.map((c) =>
      probe.cells[c]!.bits === 1
        ? { name: `%b${c}.0`, sort: "B", cost: 2, value: column(state, c) }
        : { name: `%c${c}`, sort: "W", cost: 1, value: column(state, c) },
    );
    if (bit && !sources.includes(o)) operands.push({ name: `%b${o}.0`, sort: "B", cost: 2, value: column(state, o) });
    if (!bit && !sources.includes(o)) operands.push({ name: `%c${o}`, sort: "W", cost: 1, value: column(state, o) });
    if (!bit) {
      const at = (step: number): Vector => ({
        lo: Int32Array.from({ length: ALL }, (_, k) => put(seen.at[2 * k]! + step, seen.at[2 * k + 1]!, w)),
        hi: Int32Array.from({ length: ALL }, (_, k) => seen.at[2 * k + 1]!),
      });
      operands.push(
        { name: "%next", sort: "W", cost: 2, value: at(length) },
        { name: "%pc", sort: "W", cost: 2, value: at(0) },
      );
    } else if (wide[0] !== undefined && wide[0] !== o)
      operands.push({ name: "%o0", sort: "W", cost: 1, value: after[wide[0]]! });
    const value = after[o]!;
    const all = [...operands, ...constants(w, value, bit)];
    out.push({
      name: `${name} ${probe.cells[o]!.name}`,
      w,
      leaves: all.map((l) => ({ ...l, value: cut(l.value) })),
      target: { sort: bit ? "B" : "W", w: bit ? 1 : w, value: cut(value) },
      values: new Map(all.map((l) => [l.name, l.value])),
      value,
    });
  }
  return out;
}

const cut = (v: Vector): Vector => ({ lo: v.lo.subarray(0, SHOWN), hi: v.hi.subarray(0, SHOWN) });

function constants(w: number, value: Vector, bit: boolean): Leaf[] {
  const fill = (lo: number, hi: number): Vector => ({
    lo: new Int32Array(ALL).fill(lo),
    hi: new Int32Array(ALL).fill(hi),
  });
  const out: Leaf[] = constantsFor(w, value, SHOWN, bit ? "B" : "W").map(([lo, hi, cost]) => {
    const v = toBig(lo, hi);
    return { name: v > 9n ? `0x${v.toString(16)}` : `${v}`, sort: "W", cost, value: fill(lo, hi) };
  });
  out.push({ name: "0:i1", sort: "B", cost: 3, value: fill(0, 0) });
  return out;
}

export interface Answered {
  readonly tried: number;
  readonly solved: boolean;
  /** What fitted the samples shown. */
  readonly found: Expr | undefined;
}

/** Answers a question with at most `budget` candidates. A wrong answer is none. */
export function answer(q: Question, prior: Prior | undefined, budget: number): Answered {
  const rules = rulesOf(q.w);
  const spent = prior?.(rules, q.leaves, q.target, SHOWN);
  const leaves = spent ? q.leaves.map((l, i) => ({ ...l, cost: spent.leaves[i]! })) : q.leaves;
  const r = search({
    w: q.w,
    samples: SHOWN,
    leaves,
    targets: [q.target],
    rules,
    budget,
    ...(spent ? { costs: spent.rules } : {}),
  });
  const found = r.found[0];
  if (!found) return { tried: r.tried, solved: false, found };
  const v = evaluate(found, ALL, q.values);
  return { tried: r.tried, solved: v.lo.every((x, k) => x === q.value.lo[k] && v.hi[k] === q.value.hi[k]), found };
}
