import type { Production, Sort } from "../translator/production.ts";
import { type Expr, evaluate, type Leaf, type Target, type Vector } from "../translator/search.ts";
import { constantsFor, rulesOf } from "../translator/solve.ts";
import { high, put, type Rng, structured } from "../translator/values.ts";

/** Samples of a task that the solver sees, and those that its answer is checked on. */
export const SHOWN = 32;
export const HELD = 32;
const ALL = SHOWN + HELD;

/** An invented machine's surroundings of one target: operands and their values. Nothing of it comes from a real machine. */
export interface World {
  readonly w: number;
  readonly rules: readonly Production[];
  /** Operands and program counter, over all samples. */
  readonly operands: readonly Leaf[];
}

const WIDTHS = [8, 12, 16, 18, 20, 24, 32, 32, 40, 64, 64, 64];

export function drawWorld(rng: Rng): World {
  const w = rng.pick(WIDTHS);
  const operands: Leaf[] = [];
  const add = (name: string, value: Vector, sort: Sort = "W", cost = 1): void => {
    operands.push({ name, sort, cost, value });
  };
  const sources = 1 + rng.below(3);
  let first: Vector | undefined;
  for (let i = 0; i < sources; i++) {
    const v = drawOperand(rng, w, first);
    first ??= v;
    add(rng.below(4) === 0 ? `%c${i}` : `%f${i}`, v);
  }
  if (rng.below(3) === 0) add("%i0", drawImmediate(rng, w));
  if (rng.below(3) === 0) for (let i = 0; i <= rng.below(3); i++) add(`%b${20 + i}.0`, drawBits(rng), "B", 2);
  if (rng.below(2) === 0) add("%c9", drawOperand(rng, w, first));
  if (rng.below(3) > 0) {
    const pc = drawPlaces(rng, w);
    const next = vector((k) => put(pc.lo[k]! + 4, pc.hi[k]!, w));
    add("%next", next, "W", 2);
    add("%pc", pc, "W", 2);
  }
  return { w, rules: rulesOf(w), operands };
}

function vector(low: (k: number) => number): Vector {
  const out = { lo: new Int32Array(ALL), hi: new Int32Array(ALL) };
  for (let k = 0; k < ALL; k++) {
    out.lo[k] = low(k);
    out.hi[k] = high;
  }
  return out;
}

/** Random and structured values in turn; at times the first operand's, or one beside it. */
function drawOperand(rng: Rng, w: number, first: Vector | undefined): Vector {
  return vector((k) => {
    if (first && rng.below(10) === 0) return put(first.lo[k]! + (rng.below(4) === 0 ? 1 : 0), first.hi[k]!, w);
    return k % 2 === 0 ? put(rng.next(), rng.next(), w) : structured(rng, w);
  });
}

function drawImmediate(rng: Rng, w: number): Vector {
  const bits = Math.min(w, rng.pick([4, 5, 6, 8, 12]));
  const sign = rng.below(2);
  return vector(() => {
    const v = rng.below(3) === 0 ? structured(rng, bits) : rng.below(2 ** bits);
    const s = sign ? (v << (32 - bits)) >> (32 - bits) : v;
    return put(s, s < 0 ? -1 : 0, w);
  });
}

const drawBits = (rng: Rng): Vector => vector(() => put(rng.below(2), 0, 1));

function drawPlaces(rng: Rng, w: number): Vector {
  const base = rng.next() & ~3;
  return vector(() => put(base + 64 * rng.below(4), 0, w));
}

/** The leaves that a search for a target starts from: operands, results found before, constants worth trying. */
export function leavesFor(w: World, known: readonly Leaf[], target: Vector, sort: Sort, n: number): Leaf[] {
  const leaves = [...w.operands, ...known].map((l) => ({ ...l, value: first(l.value, n) }));
  const constant = (lo: number, hi: number): Vector => ({
    lo: new Int32Array(n).fill(lo),
    hi: new Int32Array(n).fill(hi),
  });
  for (const [lo, hi, cost] of constantsFor(w.w, target, n, sort)) {
    const name = hi === 0 && lo >= 0 && lo < 10 ? `${lo}` : `0x${(hi >>> 0).toString(16)}_${(lo >>> 0).toString(16)}`;
    leaves.push({ name, sort: "W", cost, value: constant(lo, hi) });
  }
  leaves.push({ name: "0:i1", sort: "B", cost: 3, value: constant(0, 0) });
  return leaves;
}

export const first = (v: Vector, n: number): Vector => ({ lo: v.lo.subarray(0, n), hi: v.hi.subarray(0, n) });

/** An expression's values over all samples of a world. */
export function run(e: Expr, world: World, known: readonly Leaf[]): Vector {
  const values = new Map([...world.operands, ...known].map((l) => [l.name, l.value]));
  return evaluate(whole(e), ALL, values);
}

/** Constants stand as they were shown; here over all samples. */
function whole(e: Expr): Expr {
  if (e.k === "apply") return { ...e, args: e.args.map(whole) };
  if (e.leaf.name.startsWith("%")) return e;
  const { lo, hi } = e.leaf.value;
  const value = { lo: new Int32Array(ALL).fill(lo[0]!), hi: new Int32Array(ALL).fill(hi[0]!) };
  return { k: "leaf", leaf: { ...e.leaf, value } };
}

/** Whether two values agree on samples `from` to `to`. */
export function agree(a: Vector, b: Vector, from: number, to: number): boolean {
  for (let k = from; k < to; k++) if (a.lo[k] !== b.lo[k] || a.hi[k] !== b.hi[k]) return false;
  return true;
}

/** A task of induction: values to explain. `answer` is one explanation, which the solver does not see. */
export interface Task {
  readonly world: World;
  readonly known: readonly Leaf[];
  readonly answer: Expr;
  readonly value: Vector;
  readonly leaves: readonly Leaf[];
  readonly target: Target;
}

export function taskOf(world: World, known: readonly Leaf[], answer: Expr, sort: Sort): Task {
  const value = run(answer, world, known);
  const w = sort === "B" ? 1 : world.w;
  return {
    world,
    known,
    answer,
    value,
    leaves: leavesFor(world, known, value, sort, SHOWN),
    target: { sort, w, value: first(value, SHOWN) },
  };
}
