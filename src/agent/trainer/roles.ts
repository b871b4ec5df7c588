import type { Role } from "../../model/network.ts";
import { type Mark, Tokens } from "../../model/tokens.ts";
import { type Expr, evaluate, type Leaf, type Vector } from "../translator/search.ts";
import { high, put, type Rng, structured } from "../translator/values.ts";
import { slotsOf } from "./signature.ts";
import type { Vocabulary } from "./vocabulary.ts";
import type { Task } from "./world.ts";

const LENGTH = 96;

/** Deduction: from an expression and one input, the low byte of the result, whether it is zero, its highest bit. */
export const deduceRole: Role = { name: "deduce", length: LENGTH, answers: 10, bias: 0 };

/** An expression in prefix order: productions by their number, operands by their slot. */
function writeExpr(t: Tokens, e: Expr, words: Vocabulary, leaves: readonly Leaf[]): void {
  const kind = words.leaf(leaves);
  const byName = new Map(leaves.map((l) => [l.name, l]));
  const visit = (x: Expr): void => {
    t.byte((x.k === "leaf" ? kind(byName.get(x.leaf.name) ?? x.leaf) : words.at(x.rule.name)) ?? 255);
    if (x.k === "apply") for (const a of x.args) visit(a);
  };
  visit(e);
}

/** The question for sample `k` of a task. */
export function deduceTokens(task: Task, words: Vocabulary, k: number): Uint16Array {
  const t = head("deduce", task);
  const { words: operands, bits } = slotsOf(task.leaves);
  for (const leaf of operands.slice(0, 5)) {
    if (leaf) t.value(leaf.value.lo[k]!, leaf.value.hi[k]!, 8);
    else t.skip(8);
  }
  for (let i = 0; i < 4; i++) t.byte(bits[i]?.value.lo[k] ?? 2);
  writeExpr(t, task.answer, words, task.leaves);
  return t.list;
}

function head(role: Mark, task: Task): Tokens {
  const t = new Tokens(LENGTH, role);
  t.byte(task.world.w);
  t.byte(task.target.sort === "B" ? 1 : 0);
  return t;
}

/** What is right, and which answers there are. */
export function deduceAnswer(task: Task, k: number, right: Float32Array, asked: Float32Array): void {
  const { lo, hi } = task.value;
  const { w } = task.target;
  for (let i = 0; i < 8 && i < w; i++) {
    right[i] = (lo[k]! >>> i) & 1;
    asked[i] = 1;
  }
  if (w === 1) return;
  right[8] = lo[k] === 0 && hi[k] === 0 ? 1 : 0;
  right[9] = (w > 32 ? hi[k]! >>> (w - 33) : lo[k]! >>> (w - 1)) & 1;
  asked[8] = asked[9] = 1;
}

type Pair = readonly [al: number, ah: number, bl: number, bh: number];
const back = (lo: number): readonly [number, number] => [lo, high];
const any = (rng: Rng, w: number): readonly [number, number] => back(put(rng.next(), rng.next(), w));
const plus = (v: readonly [number, number], d: number, w: number): readonly [number, number] =>
  back(put(v[0] + d, v[1] + (d > 0 && v[0] === -1 ? 1 : d < 0 && v[0] === 0 ? -1 : 0), w));
const least = (w: number): readonly [number, number] => [w <= 32 ? 1 << (w - 1) : 0, w > 32 ? 1 << (w - 33) : 0];
const flip = (v: readonly [number, number], w: number): readonly [number, number] => back(put(~v[0], ~v[1], w));

/** Ways to draw two operands, for inputs that tell two expressions apart. */
export const WAYS: readonly (readonly [name: string, draw: (rng: Rng, w: number) => Pair])[] = [
  ["random", (r, w) => [...any(r, w), ...any(r, w)]],
  ["edges", (r, w) => [...back(structured(r, w)), ...back(structured(r, w))]],
  ["the same", (r, w) => twice(any(r, w), (a) => a)],
  ["opposite", (r, w) => twice(any(r, w), (a) => plus(flip(a, w), 1, w))],
  ["complement", (r, w) => twice(any(r, w), (a) => flip(a, w))],
  ["one above", (r, w) => twice(any(r, w), (a) => plus(a, 1, w))],
  ["one below", (r, w) => twice(any(r, w), (a) => plus(a, -1, w))],
  ["second zero", (r, w) => [...any(r, w), 0, 0]],
  ["first zero", (r, w) => [0, 0, ...any(r, w)]],
  ["least and all ones", (_, w) => [...least(w), ...back(put(-1, -1, w))]],
  ["first least", (r, w) => [...least(w), ...any(r, w)]],
  ["second least", (r, w) => [...any(r, w), ...least(w)]],
  ["second small", (r, w) => [...any(r, w), ...back(put(r.below(2 * w), 0, w))]],
  ["first small", (r, w) => [...back(put(r.below(2 * w), 0, w)), ...any(r, w)]],
  ["low half zero", (r, w) => [...back(put(0, w > 32 ? r.next() : 0, w)), ...any(r, w)]],
  ["both small", (r, w) => [...back(put(r.below(9), 0, w)), ...back(put(r.below(9), 0, w))]],
];
const twice = (a: readonly [number, number], f: (a: readonly [number, number]) => readonly [number, number]): Pair => [
  ...a,
  ...f(a),
];

/** Abduction: which ways of drawing inputs tell two expressions apart. */
export const abduceRole: Role = { name: "abduce", length: LENGTH, answers: WAYS.length, bias: 0 };

export function abduceTokens(task: Task, other: Expr, words: Vocabulary): Uint16Array {
  const t = head("abduce", task);
  writeExpr(t, task.answer, words, task.leaves);
  t.byte(254);
  writeExpr(t, other, words, task.leaves);
  return t.list;
}

/** Inputs of one way that are tried. */
const TRIED = 8;

/** Whether inputs drawn in a way tell a task's answer from another expression. Operands beyond two are random. */
export function tellsApart(rng: Rng, task: Task, other: Expr, way: number): boolean {
  const { w } = task.world;
  const values = new Map<string, Vector>();
  const pairs = Array.from({ length: TRIED }, () => WAYS[way]![1](rng, w));
  let place = 0;
  for (const leaf of [...task.world.operands, ...task.known]) {
    const v = { lo: new Int32Array(TRIED), hi: new Int32Array(TRIED) };
    for (let k = 0; k < TRIED; k++) {
      const [lo, hi] =
        leaf.sort === "B"
          ? [rng.below(2), 0]
          : place === 0
            ? [pairs[k]![0], pairs[k]![1]]
            : place === 1
              ? [pairs[k]![2], pairs[k]![3]]
              : any(rng, w);
      v.lo[k] = lo;
      v.hi[k] = hi;
    }
    if (leaf.sort === "W") place++;
    values.set(leaf.name, v);
  }
  const a = evaluate(cut(task.answer), TRIED, values);
  const b = evaluate(cut(other), TRIED, values);
  for (let k = 0; k < TRIED; k++) if (a.lo[k] !== b.lo[k] || a.hi[k] !== b.hi[k]) return true;
  return false;
}

/** Constants for as many samples as are tried. */
function cut(e: Expr): Expr {
  if (e.k === "apply") return { ...e, args: e.args.map(cut) };
  if (e.leaf.name.startsWith("%")) return e;
  const { lo, hi } = e.leaf.value;
  const value = { lo: new Int32Array(TRIED).fill(lo[0]!), hi: new Int32Array(TRIED).fill(hi[0]!) };
  return { k: "leaf", leaf: { ...e.leaf, value } };
}

/** An expression one production away. */
export function mutated(rng: Rng, task: Task): Expr {
  const { rules } = task.world;
  const other = (e: Expr): Expr => {
    if (e.k === "leaf") return e;
    const inner = e.args.findIndex((a) => a.k === "apply");
    if (inner >= 0 && rng.below(2) === 0) return { ...e, args: e.args.map((a, i) => (i === inner ? other(a) : a)) };
    const like = rules.filter(
      (r) => r !== e.rule && r.result === e.rule.result && r.args.join() === e.rule.args.join(),
    );
    return like.length > 0 ? { ...e, rule: rng.pick(like) } : e;
  };
  return other(task.answer);
}
