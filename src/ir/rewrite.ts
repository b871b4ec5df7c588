import { type Effect, type Inst, Node } from "./node.ts";

/** A node like `n` over other arguments, as it is: nothing is folded (remake.ts folds). `n` itself where they are the same. */
export function withArgs(n: Node, args: readonly Node[]): Node {
  if (args.every((a, i) => a === n.args[i])) return n;
  const { op, w, lo, hi, big, aux, fp, mem, name, body } = n;
  return new Node(op, w, args, { lo, hi, aux, fp, mem, name, body, ...(big === undefined ? {} : { big }) });
}

/** The effect with every value that it uses changed, those in the arms of an `if` too. */
export function mapEffect(e: Effect, node: (n: Node) => Node): Effect {
  switch (e.k) {
    case "load":
    case "rmw":
    case "ask":
      return { k: e.k, node: node(e.node) };
    case "store":
      return { ...e, addr: node(e.addr), value: node(e.value) };
    case "set":
      return { ...e, value: node(e.value) };
    case "jump":
      return { ...e, target: node(e.target) };
    case "if": {
      const arm = (list: readonly Effect[]): Effect[] => list.map((inner) => mapEffect(inner, node));
      return { ...e, cond: node(e.cond), then: arm(e.then), else: arm(e.else) };
    }
    default:
      return e;
  }
}

/** The instruction with nodes replaced wherever they stand. `change`: what stands for a node; undefined keeps it, its arguments rewritten. */
export function rewrite(inst: Inst, change: (n: Node) => Node | undefined): Inst {
  const memo = new Map<Node, Node>();
  const node = (n: Node): Node => {
    let out = memo.get(n);
    if (out === undefined) memo.set(n, (out = change(n) ?? withArgs(n, n.args.map(node))));
    return out;
  };
  return { ...inst, effects: inst.effects.map((e) => mapEffect(e, node)) };
}
