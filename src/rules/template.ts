import { sext, trunc } from "../ir/build.ts";
import { type Effect, Node } from "../ir/node.ts";
import { OPS } from "../ir/ops.ts";
import { unroll } from "../ir/remake.ts";
import { mapEffect, withArgs } from "../ir/rewrite.ts";
import type { Template, ValueParam } from "./book.ts";
import type { Core } from "./core.ts";
import { compute } from "./decode-time.ts";
import type { EncField } from "./encoding.ts";
import type { Policy } from "./policy.ts";
import { isLeaf, NoTemplate, TemplateLifter } from "./template-lift.ts";

/** The row's meaning with its fields as parameters, or why there is none. */
export function templateOf(
  body: Core,
  policies: readonly Policy[],
  fields: readonly EncField[],
  pcWidth: number,
  length: number,
  lean = 0,
): Template | string {
  return templateWith(new TemplateLifter(policies, fields, pcWidth), body, length, lean);
}

/** The same through a lifter for the row's kind. */
export function templateWith(lifter: TemplateLifter, body: Core, length = 0, lean = 0): Template | string {
  try {
    const params = new Parameters(lean);
    const effects = params.effects(lifter.build(body, length));
    if (sizeOf(effects) > LARGEST) return "larger than what pays as shared code";
    return { effects, slotParams: lifter.slotParams, valueParams: params.list };
  } catch (error) {
    if (error instanceof NoTemplate) return error.message;
    throw error;
  }
}

/** Most nodes and effects of a template: rows beyond it are rare, and would take up most of an interpreter. */
const LARGEST = 250;

function sizeOf(effects: readonly Effect[]): number {
  const seen = new Set<Node>();
  const value = (n: Node): void => {
    if (seen.has(n) || seen.size > LARGEST) return;
    seen.add(n);
    n.args.forEach(value);
  };
  let count = 0;
  const walk = (list: readonly Effect[]): void => {
    for (const e of list) {
      count++;
      if (e.k === "set" || e.k === "store") value(e.value);
      if (e.k === "load" || e.k === "rmw") value(e.node);
      if (e.k !== "if") continue;
      value(e.cond);
      walk(e.then);
      walk(e.else);
    }
  };
  walk(effects);
  return count + seen.size;
}

/** Replaces maximal decode-time subexpressions by numbered parameters. */
class Parameters {
  readonly list: ValueParam[] = [];
  private readonly byText = new Map<string, Node>();
  private readonly memo = new Map<Node, Node>();
  private readonly known = new Map<Node, boolean>();
  /** Not 0: what is quickly computed of other parameters is computed anew, for micro-ops have room for few. */
  private readonly lean: number;

  constructor(lean: number) {
    this.lean = lean;
  }

  effects(list: readonly Effect[]): Effect[] {
    return list.flatMap((e) => this.effect(e));
  }

  private effect(e: Effect): Effect | Effect[] {
    if (e.k !== "if") return mapEffect(e, (n) => this.node(n));
    const then = this.effects(e.then);
    const other = this.effects(e.else);
    // Call, return and jump to one place differ for the engine only.
    if (then.length === other.length && then.every((t, i) => same(t, other[i]))) return other;
    return [{ k: "if", cond: this.node(e.cond), then, else: other }];
  }

  private node(n: Node): Node {
    let out = this.memo.get(n);
    if (!out) this.memo.set(n, (out = this.rewrite(n)));
    return out;
  }

  private rewrite(n: Node): Node {
    if (n.op === "const") return n;
    // One operand for a field, however wide it is used.
    if (this.lean === 2 && isLeaf(n) && n.aux >= 0 && n.w === 32) return trunc(this.param(sext(n, 64)), 32);
    if (this.decodeTime(n) && n.w <= 64 && worthAnOperand(n, this.lean)) return this.param(n);
    // A lane's body is shared by rows: what this one's fields say in it is said lane by lane.
    if (n.body && hasLeaf(n.body)) return this.node(unroll(n));
    return withArgs(
      n,
      n.args.map((a) => this.node(a)),
    );
  }

  private decodeTime(n: Node): boolean {
    let known = this.known.get(n);
    if (known === undefined) {
      known =
        n.op === "const" ||
        isLeaf(n) ||
        (n.w <= 64 && OPS[n.op].kind === "value" && n.body === undefined && n.args.every((a) => this.decodeTime(a)));
      this.known.set(n, known);
    }
    return known;
  }

  private param(n: Node): Node {
    const text = print(n);
    let out = this.byText.get(text);
    if (!out) {
      const number = this.list.length;
      out = new Node("param", n.w, [], { aux: number });
      this.byText.set(text, out);
      this.list.push({
        w: n.w,
        node: n,
        compute: (fields, pc, _length, to, at) => compute(n, fields, pc, to, at),
      });
    }
    return out;
  }
}

const hasLeaf = (n: Node): boolean => isLeaf(n) || n.args.some(hasLeaf);

/** Operations whose results are operands of their own where there is less and less room. */
const WORTH: readonly ReadonlySet<string>[] = [
  new Set(["zext", "sext", "extract", "and", "eq", "ne", "ult", "ule", "slt", "sle"]),
  new Set(["zext", "sext", "and"]),
];

function worthAnOperand(n: Node, lean: number): boolean {
  return lean === 0 || n.op === "const" || isLeaf(n) || WORTH[lean - 1].has(n.op) || mentionsPlace(n);
}

/** Where the instruction is, or its address's displacement. */
function mentionsPlace(n: Node): boolean {
  return isLeaf(n) ? n.aux < 0 || n.name === "d" : n.args.some(mentionsPlace);
}

/** Writes of one value or jumps to one place. */
function same(a: Effect, b: Effect): boolean {
  if (a.k === "set") return b.k === "set" && a.slot === b.slot && a.value === b.value;
  return a.k === "jump" && b.k === "jump" && a.target === b.target;
}

function print(n: Node): string {
  if (n.op === "const") return `${n.w}:${n.lo},${n.hi}${n.big ?? ""}`;
  if (isLeaf(n)) return n.name;
  return `(${n.op} ${n.w} ${n.aux} ${n.args.map(print).join(" ")})`;
}
