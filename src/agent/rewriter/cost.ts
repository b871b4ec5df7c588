import { Code, I32 } from "../../backend/wasm/code.ts";
import { get } from "../../ir/build.ts";
import { constOf } from "../../ir/fold.ts";
import type { Node, Op } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";
import { lowerOutputs, unbulkable } from "../verifier/bulk.ts";

const DEAR: Partial<Record<Op, number>> = { mul: 3, carry: 4, overflow: 5, parity: 3, concat: 3, select: 2, bswap: 6 };

/** What an expression costs, roughly, before anything is compiled; a shared part counts once. */
export function roughCost(n: Node, seen: Set<Node> = new Set()): number {
  if (n.args.length === 0 || seen.has(n)) return 0;
  seen.add(n);
  const free = n.op === "zext" || (n.op === "extract" && n.aux === 0);
  return (free ? 0.5 : (DEAR[n.op] ?? 1)) + n.args.reduce((sum, a) => sum + roughCost(a, seen), 0);
}

/**
 * Bytes of WebAssembly that the backend makes of an expression over variables, a constant counting one whatever it is;
 * undefined: it makes none.
 */
export function compiledSize(n: Node): number | undefined {
  const slots = new Map<number, number>();
  const constants = new Set<Node>();
  const bind = (x: Node): Node => {
    if (x.op === "param") {
      slots.set(x.aux, 8 * x.aux);
      return get(x.aux, x.w);
    }
    if (x.op === "const") constants.add(x);
    return x.args.length === 0 ? x : remake(x, x.args.map(bind));
  };
  const bound = bind(n);
  if (unbulkable(bound, slots) !== undefined) return undefined;
  const code = new Code([I32, I32]);
  lowerOutputs(code, slots, [bound]);
  let size = code.take().length;
  for (const c of constants) size -= lebLength(BigInt.asIntN(c.w, constOf(c))) - 1;
  return size;
}

/** Bytes of a signed LEB128 number. */
function lebLength(v: bigint): number {
  let n = 1;
  for (let rest = v; rest < -64n || rest > 63n; rest >>= 7n) n++;
  return n;
}
