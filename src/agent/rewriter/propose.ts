import { constBig, constOf } from "../../ir/fold.ts";
import { Node, type Op } from "../../ir/node.ts";
import { OPS } from "../../ir/ops.ts";
import { remake } from "../../ir/remake.ts";
import { Random } from "../verifier/random.ts";
import { value } from "../verifier/states.ts";
import { roughCost } from "./cost.ts";

const SAMPLES = 48;
const UNARY: readonly Op[] = ["not", "neg"];
const BINARY: readonly Op[] = ["add", "sub", "and", "or", "xor", "shl", "lshr", "ashr", "mul"];
const TESTS: readonly Op[] = ["eq", "ne", "ult", "ule", "slt", "sle"];
const COMMUTES: ReadonlySet<Op> = new Set(["add", "and", "or", "xor", "mul", "eq", "ne"]);

interface Term {
  readonly node: Node;
  readonly values: readonly bigint[];
}

/** Proposes cheaper expressions with the same values on all samples, cheapest first; whether they are equal is for a proof. */
export class Rewriter {
  tried = 0;
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  propose(pattern: Node, budget: number): Node[] {
    const most = roughCost(pattern) - 0.5;
    if (most < 0) return [];
    const params = paramsOf(pattern);
    const samples = this.samplesFor(params);
    const target = samples.map((s) => evaluate(pattern, s));
    const out: Node[] = [];
    const seen = new Map<string, Term>();
    const levels: Term[][] = [[], [], []];
    let left = budget;
    const offer = (node: Node, values: readonly bigint[], level: number): void => {
      const key = `${node.w} ${values.join()}`;
      if (seen.has(key)) return;
      const term = { node, values };
      seen.set(key, term);
      levels[level]!.push(term);
      if (node.w === pattern.w && values.every((v, i) => v === target[i])) out.push(node);
    };
    for (const p of params.values())
      offer(
        p,
        samples.map((s) => s.get(p.aux)!),
        0,
      );
    for (const c of constantsOf(pattern))
      offer(
        c,
        target.map(() => constOf(c)),
        0,
      );
    const apply = (op: Op, w: number, args: readonly Term[], aux: number, level: number): void => {
      if (left <= 0) return;
      left--;
      this.tried++;
      const shape = { op, w, args: args.map((a) => a.node), aux, fp: undefined };
      if (OPS[op].wrong(shape) !== undefined) return;
      const row = OPS[op].value!;
      // What is not kept for the next level must meet the target at once
      if (level === 2) {
        if (w !== pattern.w) return;
        for (let i = 0; i < 4; i++)
          if (
            row(
              shape,
              args.map((a) => a.values[i]!),
            ) !== target[i]
          )
            return;
      }
      const values = target.map((_, i) =>
        row(
          shape,
          args.map((a) => a.values[i]!),
        ),
      );
      const node = remake(
        new Node(
          op,
          w,
          args.map((a) => a.node),
          { aux },
        ),
        args.map((a) => a.node),
      );
      if (node.op !== "const" && roughCost(node) <= most) offer(node, values, level);
    };
    for (let level = 1; level <= Math.min(2, Math.ceil(most)) && out.length === 0; level++) {
      const before = levels[level - 1]!;
      const all = levels.slice(0, level).flat();
      for (const a of before) {
        for (const op of UNARY) apply(op, a.node.w, [a], 0, level);
        for (const w of [8, 16, 32, 64]) {
          if (w > a.node.w) for (const op of ["zext", "sext"] as const) apply(op, w, [a], 0, level);
          if (w < a.node.w) apply("extract", w, [a], 0, level);
        }
        if (a.node.w > 1) for (const at of [0, a.node.w - 1]) apply("extract", 1, [a], at, level);
        for (const b of all) {
          if (a.node.w !== b.node.w) continue;
          for (const op of a.node.w === 1 ? (["and", "or", "xor"] as const) : [...BINARY, ...TESTS]) {
            const w = TESTS.includes(op) ? 1 : a.node.w;
            apply(op, w, [a, b], 0, level);
            if (!COMMUTES.has(op)) apply(op, w, [b, a], 0, level);
          }
        }
        if (left <= 0) break;
      }
    }
    return out.sort((a, b) => roughCost(a) - roughCost(b));
  }

  private samplesFor(params: ReadonlyMap<number, Node>): Map<number, bigint>[] {
    return Array.from({ length: SAMPLES }, () => {
      const values = new Map<number, bigint>();
      for (const p of params.values()) values.set(p.aux, value(this.random, p.w, [...values.values()], false));
      for (const p of params.values()) values.set(p.aux, BigInt.asUintN(p.w, values.get(p.aux)!));
      return values;
    });
  }
}

function paramsOf(n: Node, into: Map<number, Node> = new Map()): Map<number, Node> {
  if (n.op === "param") into.set(n.aux, n);
  for (const a of n.args) paramsOf(a, into);
  return into;
}

function evaluate(n: Node, values: ReadonlyMap<number, bigint>): bigint {
  if (n.op === "param") return values.get(n.aux)!;
  if (n.op === "const") return constOf(n);
  return OPS[n.op].value!(
    n,
    n.args.map((a) => evaluate(a, values)),
  );
}

/** The pattern's own constants, sums of two of them, and those that masks and tests need, at the widths that occur. */
function constantsOf(pattern: Node): Node[] {
  const own: Node[] = [];
  const widths = new Set<number>();
  const visit = (n: Node): void => {
    widths.add(n.w);
    if (n.op === "const") own.push(n);
    for (const a of n.args) visit(a);
  };
  visit(pattern);
  const out = new Map<string, Node>();
  const add = (w: number, v: bigint): void => {
    const c = constBig(w, v);
    out.set(`${w} ${constOf(c)}`, c);
  };
  for (const c of own) {
    add(c.w, constOf(c));
    for (const w of widths) if (w > 1 && w !== c.w) add(w, constOf(c));
    for (const d of own) {
      add(c.w, constOf(c) + constOf(d));
      add(c.w, constOf(c) - constOf(d));
      add(c.w, constOf(c) & constOf(d));
    }
    const k = constOf(c);
    if (k > 0n && k < BigInt(c.w)) {
      add(c.w, (1n << k) - 1n);
      add(c.w, -1n << k);
      add(c.w, (1n << (BigInt(c.w) - k)) - 1n);
      add(c.w, 1n << k);
    }
  }
  for (const w of widths) {
    add(w, 0n);
    if (w === 1) continue;
    add(w, 1n);
    add(w, -1n);
    if (w > 8) add(w, 0xffn);
    if (w > 32) add(w, 0xffffffffn);
  }
  return [...out.values()];
}
