import type { Node } from "../../ir/node.ts";
import { wideFactors } from "./mulhigh.ts";

/**
 * Why these effects' values cannot be lowered; undefined: they can. Widths above 64 bits only inside high multiplies.
 * known: nodes that can, to which this adds; nodes share parts, and without a memory of them a walk takes exponential time.
 */
export function unlowerable(node: Node, known: Set<Node> = new Set()): string | undefined {
  if (node.args.length === 0 ? node.w <= 64 && node.op === "get" : known.has(node)) return undefined;
  const why = reason(node, known);
  if (why === undefined) known.add(node);
  return why;
}

function reason(node: Node, known: Set<Node>): string | undefined {
  if (node.w > 64) return `${node.op} of i${node.w}`;
  if (node.op === "unknown" || node.op === "ask" || node.op === "fexc") return node.op;
  if (node.op === "undef" && node.args.length === 0) return undefined;
  if ((node.op === "rol" || node.op === "ror") && ![8, 16, 32, 64].includes(node.w)) return `${node.op} of i${node.w}`;
  if (node.op === "bswap" && ![8, 16, 32, 64].includes(node.w)) return `bswap of i${node.w}`;
  if (node.op === "extract" && node.args[0]!.w > 64) {
    const factors = wideFactors(node);
    if (factors === undefined) return `extract from ${node.args[0]!.op} of i${node.args[0]!.w}`;
    for (const factor of factors) {
      const why = factor.value && unlowerable(factor.value, known);
      if (why !== undefined) return why;
    }
    return undefined;
  }
  for (const arg of node.args) {
    const why = unlowerable(arg, known);
    if (why !== undefined) return why;
  }
  return undefined;
}
