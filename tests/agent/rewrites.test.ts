import assert from "node:assert/strict";
import { test } from "node:test";
import { compiledSize } from "../../src/agent/rewriter/cost.ts";
import { Harvest } from "../../src/agent/rewriter/harvest.ts";
import { Rewriter } from "../../src/agent/rewriter/propose.ts";
import { proveRewrite } from "../../src/agent/rewriter/prove.ts";
import { Node } from "../../src/ir/node.ts";
import { parseRewrites, parseTerm, Rewrites, rewriteText, termText } from "../../src/ir/rewrite-rows.ts";
import { z3 } from "../../src/oracle/node/z3.ts";

const ROW = "(lshr (shl x:64 0x20:64) 0x20:64) => (zext:64 (extract:32@0 x:64))";

test("a row is read and written, and a lie in it is refused", () => {
  const [row] = parseRewrites(`# rows\n\n${ROW}  # -3, 17\n`);
  assert.equal(rewriteText(row!), ROW);
  for (const bad of [
    "(lshr x:64 y:32) => x:64",
    "(nothing x:64) => x:64",
    "(not x:64)",
    "(not x:64) => y:32",
    "(not x:64 => x:64",
    "(extract:32@40 x:64) => y:32",
    "(add x:64) => x:64",
  ])
    assert.throws(() => parseRewrites(bad), Error, bad);
});

test("a row is applied where it fits, and nowhere else", () => {
  const rewrites = new Rewrites(parseRewrites(`${ROW}\n(add x:64 (sub y:64 x:64)) => y:64\n`));
  const x = new Node("get", 64, [], { aux: 7 });
  const y = new Node("get", 64, [], { aux: 8 });
  const k = (v: number, w = 64): Node => new Node("const", w, [], { lo: v, hi: 0 });
  const on = (op: Node["op"], ...args: Node[]): Node => new Node(op, args[0]!.w, args);
  const low = rewrites.apply(on("lshr", on("shl", x, k(32)), k(32)));
  assert.equal(low.op, "zext");
  assert.equal(low.args[0]!.args[0], x);
  const other = on("lshr", on("shl", x, k(32)), k(31));
  assert.equal(rewrites.apply(other), other);
  assert.equal(rewrites.apply(on("add", x, on("sub", y, x))), y);
  // An operation that commutes fits either way round; a variable is one value
  assert.equal(rewrites.apply(on("add", on("sub", y, x), x)), y);
  const apart = on("add", y, on("sub", y, x));
  assert.equal(rewrites.apply(apart), apart);
  assert.equal(rewrites.applied, 3);
});

test("what code computes is harvested, said more cheaply, and proved; what is false is refuted", async () => {
  const code = parseTerm("(add z:64 (lshr (shl x:64 0x20:64) 0x20:64))");
  const slots = (n: Node): Node =>
    n.op === "param"
      ? new Node("get", n.w, [], { aux: n.aux })
      : new Node(n.op, n.w, n.args.map(slots), { lo: n.lo, hi: n.hi, aux: n.aux });
  const harvest = new Harvest();
  const node = slots(code);
  harvest.add(node);
  harvest.add(node.args[1]!);
  const found = [...harvest.patterns.values()].find((p) => termText(p.pattern) === ROW.split(" => ")[0]);
  assert.ok(found, [...harvest.patterns.keys()].join("\n"));
  const offers = new Rewriter(1).propose(found.pattern, 20_000);
  const best = offers.find((o) => compiledSize(o)! < compiledSize(found.pattern)!);
  assert.ok(best);
  const solver = await z3(5000);
  try {
    assert.equal((await proveRewrite(solver, { pattern: found.pattern, result: best })).k, "equal");
    const [lie] = parseRewrites("(lshr (shl x:64 0x1f:64) 0x1f:64) => (zext:64 (extract:32@0 x:64))");
    assert.equal((await proveRewrite(solver, lie!)).k, "differs");
  } finally {
    solver.close();
  }
});
