import type { Node, Op } from "../../ir/node.ts";
import { Node as Made } from "../../ir/node.ts";
import { termText } from "../../ir/rewrite-rows.ts";

const PURE: ReadonlySet<Op> = new Set<Op>([
  ...(["add", "sub", "mul", "and", "or", "xor", "not", "neg", "shl", "lshr", "ashr", "rol", "ror"] as const),
  ...(["eq", "ne", "ult", "ule", "slt", "sle", "select", "sext", "zext", "extract", "concat"] as const),
  ...(["carry", "overflow", "parity", "clz", "ctz", "popcnt", "bswap"] as const),
]);
/** Operations of a pattern, and variables. */
const OPS_AT_MOST = 5;
const CUTS = 60;

/** Expressions that hot code computes, by their text with operands as variables; how often each was met. */
export class Harvest {
  readonly patterns = new Map<string, { pattern: Node; count: number }>();
  private readonly seen = new WeakSet<Node>();

  /** Takes an expression and what of it is an expression of its own: each way of taking operands as given. */
  add(node: Node): void {
    if (!PURE.has(node.op) || node.w > 64 || this.seen.has(node)) return;
    this.seen.add(node);
    for (const cut of cuts(node, OPS_AT_MOST)) {
      const pattern = abstracted(node, cut);
      if (pattern === undefined) continue;
      const key = termText(pattern);
      const known = this.patterns.get(key);
      if (known) known.count++;
      else this.patterns.set(key, { pattern, count: 1 });
    }
  }
}

/** Sets of inner nodes (the outermost among them) that a pattern may consist of. */
function cuts(root: Node, most: number): ReadonlySet<Node>[] {
  const out: ReadonlySet<Node>[] = [];
  const keys = new Set<string>();
  const grow = (set: ReadonlySet<Node>): void => {
    if (out.length >= CUTS) return;
    const key = [...set]
      .map((n) => n.id)
      .sort((a, b) => a - b)
      .join();
    if (keys.has(key)) return;
    keys.add(key);
    if (set.size >= 2) out.push(set);
    if (set.size === most) return;
    for (const n of set)
      for (const a of n.args) if (!set.has(a) && PURE.has(a.op) && a.w <= 64) grow(new Set([...set, a]));
  };
  grow(new Set([root]));
  return out;
}

function abstracted(root: Node, inner: ReadonlySet<Node>): Node | undefined {
  const variables = new Map<Node, Node>();
  const of = (n: Node): Node | undefined => {
    if (n.op === "const") return n.w <= 64 ? n : undefined;
    if (inner.has(n)) {
      const args = n.args.map(of);
      if (args.some((a) => a === undefined)) return undefined;
      return new Made(n.op, n.w, args as Node[], { aux: n.aux });
    }
    if (n.w > 64) return undefined;
    let v = variables.get(n);
    if (!v) variables.set(n, (v = new Made("param", n.w, [], { aux: variables.size })));
    return v;
  };
  const pattern = of(root);
  return variables.size >= 1 && variables.size <= 3 ? pattern : undefined;
}
