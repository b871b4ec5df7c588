import { ask, type Equality } from "../../backend/smt/equal.ts";
import type { Solver } from "../../backend/smt/solver.ts";
import { Terms } from "../../backend/smt/term.ts";
import { get } from "../../ir/build.ts";
import { Node } from "../../ir/node.ts";
import type { RewriteRow } from "../../ir/rewrite-rows.ts";

/** Whether both sides of a row are equal for all values of its variables. */
export async function proveRewrite(solver: Solver, { pattern, result }: RewriteRow): Promise<Equality> {
  const terms = new Terms();
  const [a, b] = [terms.of(overSlots(pattern)), terms.of(overSlots(result))];
  return ask(solver, terms, [`(not (= ${a} ${b}))`]);
}

/** Variables as slots; nothing is folded, so that it is the row as written that is proved. */
function overSlots(n: Node): Node {
  if (n.op === "param") return get(n.aux, n.w);
  if (n.args.length === 0) return n;
  return new Node(n.op, n.w, n.args.map(overSlots), { aux: n.aux });
}
