import type { Node, Op } from "../../ir/node.ts";
import { OPS } from "../../ir/ops.ts";

/**
 * Why these effects' values cannot be lowered; undefined: they can.
 * known: nodes that can, to which this adds; nodes share parts, and without a memory of them a walk takes exponential time.
 */
export function unlowerable(node: Node, known: Set<Node> = new Set()): string | undefined {
  if (node.args.length === 0 ? node.op === "get" : known.has(node)) return undefined;
  const why = reason(node, known);
  if (why === undefined) known.add(node);
  return why;
}

/** Ops on values wider than 64 bits (wide.ts, wide-words.ts), and the widest that some of them take. */
const WIDE: ReadonlySet<Op> = new Set<Op>([
  ...(["get", "old", "load", "const", "undef", "add", "sub", "neg", "and", "or", "xor", "not", "select"] as const),
  ...([
    "shl",
    "lshr",
    "ashr",
    "rol",
    "ror",
    "ctz",
    "clz",
    "popcnt",
    "bswap",
    "sext",
    "zext",
    "extract",
    "concat",
  ] as const),
  ...(["mul", "udiv", "sdiv", "urem", "srem", "fneg", "fabs", "map"] as const),
]);
const TWO_WORDS: ReadonlySet<Op> = new Set<Op>(["mul", "udiv", "sdiv", "urem", "srem"]);
/** Narrow values made of wide ones. */
const NARROWING: ReadonlySet<Op> = new Set<Op>([
  ...(["extract", "eq", "ne", "ult", "ule", "slt", "sle", "parity", "carry", "overflow", "map", "ormap"] as const),
]);

function reason(node: Node, known: Set<Node>): string | undefined {
  const said = `${node.op} of i${node.w}`;
  if (node.w > 64) {
    if (!WIDE.has(node.op) || (TWO_WORDS.has(node.op) && node.w > 128)) return said;
    if (node.op === "bswap" && node.w % 64 !== 0) return said;
  } else if (!NARROWING.has(node.op)) {
    const wide = node.args.find((arg) => arg.w > 64);
    if (wide !== undefined) return `${node.op} of i${wide.w}`;
  }
  if (node.op === "unknown" || node.op === "ask") return node.op;
  if (node.op === "undef" && node.args.length === 0) return undefined;
  const rotates = node.op === "rol" || node.op === "ror";
  if (rotates && node.w <= 64 && ![8, 16, 32, 64].includes(node.w)) return said;
  if (node.op === "bswap" && node.w <= 64 && ![8, 16, 32, 64].includes(node.w)) return said;
  if (node.body !== undefined) {
    const why = inBody(node.body, new Set());
    if (why !== undefined) return why;
  }
  for (const arg of node.args) {
    const why = unlowerable(arg, known);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** What a body has that even lane by lane cannot be done. */
function inBody(node: Node, seen: Set<Node>): string | undefined {
  if (seen.has(node)) return undefined;
  seen.add(node);
  if (OPS[node.op].kind === "float" && (node.w > 64 || node.args.some((arg) => arg.w > 64))) return `${node.op} of i80`;
  if (node.op === "unknown") return node.op;
  for (const arg of node.args) {
    const why = inBody(arg, seen);
    if (why !== undefined) return why;
  }
  return undefined;
}
