import { constBig, constOf } from "./fold.ts";
import { Node, type Op } from "./node.ts";
import { OPS } from "./ops.ts";
import { remake } from "./remake.ts";

/**
 * Rewrite rows: `pattern => result` over variables, each an expression in prefix form. An operation is `(op a b)`, with
 * `:w` where its width does not follow from its arguments and `@k` for the lowest bit of an `extract`; `x:64` is a
 * variable, `0x20:64` a constant. A row says that both are equal for all values; whoever adds one has proved it.
 *
 *     (lshr (shl x:64 0x20:64) 0x20:64) => (zext:64 (extract:32@0 x:64))
 */
export interface RewriteRow {
  /** Variables are `param` nodes, numbered from 0. */
  readonly pattern: Node;
  readonly result: Node;
}

const NAMES = "xyzuvw";
/** Ops whose width is not that of their arguments. */
const WIDE: ReadonlySet<Op> = new Set(["sext", "zext", "extract"]);

/** Throws Error where a line is no row. */
export function parseRewrites(text: string): RewriteRow[] {
  return text.split("\n").flatMap((line, i) => {
    const plain = line.replace(/#.*/, "").trim();
    if (plain === "") return [];
    const [left, right, more] = plain.split("=>");
    if (right === undefined || more !== undefined) throw new Error(`rewrite rows, line ${i + 1}: no PATTERN => RESULT`);
    const row = { pattern: parseTerm(left!), result: parseTerm(right) };
    if (row.pattern.w !== row.result.w) throw new Error(`rewrite rows, line ${i + 1}: widths differ`);
    return [row];
  });
}

/** Nodes are made as written, nothing is folded. */
export function parseTerm(text: string): Node {
  const tokens = text.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const term = (): Node => {
    const token = tokens[at++];
    if (token === undefined) throw new Error(`no term: ${text}`);
    if (token !== "(") return leaf(token);
    const m = /^([a-z]+)(?::(\d+))?(?:@(\d+))?$/.exec(tokens[at++] ?? "");
    if (!m || !(m[1]! in OPS)) throw new Error(`no op: ${text}`);
    const op = m[1] as Op;
    const args: Node[] = [];
    while (tokens[at] !== ")") args.push(term());
    at++;
    const w = m[2] === undefined ? widthOf(op, args) : Number(m[2]);
    const node = new Node(op, w, args, { aux: Number(m[3] ?? 0) });
    const wrong = OPS[op].arity === args.length ? OPS[op].wrong(node) : "arguments";
    if (wrong !== undefined) throw new Error(`${text}: ${op}: ${wrong}`);
    return node;
  };
  const node = term();
  if (at < tokens.length) throw new Error(`more than a term: ${text}`);
  return node;
}

function leaf(token: string): Node {
  const m = /^([a-z]|0x[0-9a-f]+):(\d+)$/.exec(token);
  if (!m) throw new Error(`no variable or constant: ${token}`);
  const w = Number(m[2]);
  if (m[1]!.startsWith("0x")) return constBig(w, BigInt(m[1]!));
  return new Node("param", w, [], { aux: NAMES.indexOf(m[1]!) });
}

function widthOf(op: Op, args: readonly Node[]): number {
  if (/^(eq|ne|ult|ule|slt|sle|carry|overflow|parity)$/.test(op)) return 1;
  if (op === "select") return args[1]!.w;
  return op === "concat" ? args[0]!.w + args[1]!.w : args[0]!.w;
}

export function termText(n: Node): string {
  if (n.op === "param") return `${NAMES[n.aux]}:${n.w}`;
  if (n.op === "const") return `0x${constOf(n).toString(16)}:${n.w}`;
  const head = `${n.op}${WIDE.has(n.op) ? `:${n.w}` : ""}${n.op === "extract" ? `@${n.aux}` : ""}`;
  return `(${[head, ...n.args.map(termText)].join(" ")})`;
}

export const rewriteText = (r: RewriteRow): string => `${termText(r.pattern)} => ${termText(r.result)}`;

const COMMUTES: ReadonlySet<Op> = new Set(["add", "mul", "and", "or", "xor", "eq", "ne"]);

/** Rows ready to be applied, by what stands outermost. */
export class Rewrites {
  private readonly rows = new Map<string, RewriteRow[]>();
  applied = 0;

  constructor(rows: readonly RewriteRow[]) {
    for (const row of rows) {
      const key = `${row.pattern.op} ${row.pattern.w}`;
      const list = this.rows.get(key);
      if (list) list.push(row);
      else this.rows.set(key, [row]);
    }
  }

  /** The node, or what a row makes of it. Equal subterms of it must be one node. */
  apply(node: Node): Node {
    const list = this.rows.get(`${node.op} ${node.w}`);
    if (list === undefined) return node;
    for (const { pattern, result } of list) {
      const bound: Node[] = [];
      if (!matches(pattern, node, bound)) continue;
      this.applied++;
      return instance(result, bound);
    }
    return node;
  }
}

function matches(p: Node, n: Node, bound: Node[]): boolean {
  if (p.w !== n.w) return false;
  if (p.op === "param") {
    const known = bound[p.aux];
    if (known === undefined) bound[p.aux] = n;
    return known === undefined || known === n;
  }
  if (p.op !== n.op || p.aux !== n.aux || p.args.length !== n.args.length) return false;
  if (p.op === "const") return p.lo === n.lo && p.hi === n.hi && n.big === undefined;
  if (n.mem !== undefined || n.fp !== undefined || n.body !== undefined) return false;
  const before = bound.slice();
  if (p.args.every((a, i) => matches(a, n.args[i]!, bound))) return true;
  if (!COMMUTES.has(p.op)) return false;
  bound.length = 0;
  bound.push(...before);
  return matches(p.args[0]!, n.args[1]!, bound) && matches(p.args[1]!, n.args[0]!, bound);
}

function instance(n: Node, bound: readonly Node[]): Node {
  if (n.op === "param") return bound[n.aux]!;
  return n.args.length === 0
    ? n
    : remake(
        n,
        n.args.map((a) => instance(a, bound)),
      );
}
