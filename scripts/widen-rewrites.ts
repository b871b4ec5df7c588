// Tries each rewrite row of 32 bits at 64 and the other way round, and keeps what z3 proves: scripts/widen-rewrites.ts FILE
import { readFileSync, writeFileSync } from "node:fs";
import { proveRewrite } from "../src/agent/rewriter/prove.ts";
import { constBig, constOf } from "../src/ir/fold.ts";
import { Node } from "../src/ir/node.ts";
import { parseRewrites, type RewriteRow, rewriteText } from "../src/ir/rewrite-rows.ts";
import { z3 } from "../src/oracle/node/z3.ts";

const file = process.argv[2]!;
const text = readFileSync(file, "utf8");
const rows = parseRewrites(text);
const known = new Set(rows.map((r) => rewriteText(r).split(" =>")[0]));
const solver = await z3(2000);
const more: string[] = [];
for (const row of rows) {
  const other = [row.pattern, row.result].map(swapped);
  if (other.some((n) => n === undefined)) continue;
  const twin: RewriteRow = { pattern: other[0]!, result: other[1]! };
  const line = rewriteText(twin);
  const key = line.split(" =>")[0]!;
  if (known.has(key)) continue;
  known.add(key);
  if ((await proveRewrite(solver, twin)).k === "equal") more.push(line);
}
console.error(`${rows.length} rows, ${more.length} more`);
if (more.length > 0)
  writeFileSync(
    file,
    `${text.trimEnd()}\n# Neighbours: rows above at another width, each proved by z3 too\n${more.join("\n")}\n`,
  );
solver.close();
process.exit(0);

/** The same at the other width; undefined: it has both widths, or others. */
function swapped(n: Node): Node | undefined {
  const widths = new Set<number>();
  const visit = (x: Node): void => {
    if (x.w > 1) widths.add(x.w);
    x.args.forEach(visit);
  };
  visit(n);
  const [from] = widths;
  if (widths.size > 1 || (from !== undefined && from !== 32 && from !== 64)) return undefined;
  if (from === undefined) return n;
  const to = 96 - from;
  const w = (x: number): number => (x === from ? to : x);
  const change = (x: Node): Node => {
    if (x.op === "const") {
      const v = constOf(x);
      const top = 1n << BigInt(from - 1);
      if (x.w === 1) return x;
      // The sign bit, the number of the highest bit, what is extended with its sign
      if (v === top) return constBig(to, 1n << BigInt(to - 1));
      if (v === BigInt(from - 1)) return constBig(to, BigInt(to - 1));
      return constBig(to, BigInt.asIntN(from, v));
    }
    const aux = x.op === "extract" && x.aux === from - 1 ? to - 1 : x.aux;
    return new Node(x.op, w(x.w), x.args.map(change), { aux });
  };
  return change(n);
}
