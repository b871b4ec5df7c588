import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  binary,
  carry,
  compare,
  concat,
  constBig,
  constNum,
  constOf,
  extract,
  fexc,
  fop,
  get,
  select,
  sext,
  trunc,
  unary,
  zext,
} from "../../src/ir/build.ts";
import { evalNode } from "../../src/ir/eval.ts";
import type { FpPolicy, Node } from "../../src/ir/node.ts";
import { remake } from "../../src/ir/remake.ts";
import { TestMachine } from "./machine.ts";
import { Random, tree } from "./random.ts";

const rebuild = (node: Node): Node => remake(node, node.args.map(rebuild));

test("a folded tree means what the unfolded one does", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 128 }), fc.integer({ min: 1, max: 4 }), (seed, w, depth) => {
      const r = new Random(seed);
      const raw = tree(r, r.below(4) === 0 ? r.pick([1, 8, 32, 64]) : w, depth, []);
      const folded = rebuild(raw);
      assert.equal(folded.w, raw.w);
      const machine = new TestMachine();
      for (let i = 0; i < 3; i++) {
        // A slot is read at many widths here; each reads its low bits.
        for (let s = 0; s < 4; s++) machine.slots[s] = r.value(128);
        machine.getSlot = (slot) => machine.slots[slot];
        assert.equal(evalNode(narrowed(folded), machine), evalNode(narrowed(raw), machine));
      }
    }),
    { numRuns: 20_000 },
  );
});

/** The tree with each `get` cut out of a 128-bit slot. */
function narrowed(node: Node): Node {
  if (node.op === "get" && node.w < 128) return extract(get(node.aux, 128), 0, node.w);
  return { ...node, args: node.args.map(narrowed) };
}

test("constants of every op and width fold to what the evaluator says", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 128 }), (seed, w) => {
      const r = new Random(seed);
      const raw = tree(r, w, 1, []);
      if (raw.op === "get" || raw.args.some((a) => a.op !== "const")) return;
      const folded = rebuild(raw);
      assert.equal(folded.op, "const");
      assert.equal(constOf(folded), evalNode(raw, new TestMachine()));
    }),
    { numRuns: 20_000 },
  );
});

const x = get(1, 64);
const y = get(2, 64);
const num = (n: number): Node => constNum(64, n);

test("identities", () => {
  assert.equal(binary("add", x, num(0)), x);
  assert.equal(binary("add", num(0), x), x);
  assert.equal(binary("and", x, num(-1)), x);
  assert.equal(constOf(binary("xor", x, x)), 0n);
  const twice = binary("add", binary("add", x, num(5)), num(-3));
  assert.equal(twice.args[0], x);
  assert.equal(constOf(twice.args[1]), 2n);
  assert.equal(binary("sub", x, num(1)).op, "add");
  assert.equal(trunc(sext(trunc(x, 32), 64), 32).op, "extract");
  assert.equal(extract(concat(x, y), 64, 64), x);
  assert.equal(unary("not", compare("ult", x, y)).op, "ule");
  assert.equal(compare("eq", zext(compare("ult", x, y), 64), num(0)).op, "ule");
  assert.equal(select(compare("eq", x, y), num(1), num(0)).op, "zext");
  assert.equal(carry(x, unary("not", y), constNum(1, 1)).op, "ule");
  assert.equal(constOf(binary("lshr", x, num(64))), 0n);
  assert.equal(binary("and", zext(trunc(x, 32), 64), num(0xffffffff)).op, "zext");
});

test("constants keep their value", () => {
  assert.equal(constOf(constNum(64, -1)), 0xffffffffffffffffn);
  assert.equal(constOf(constNum(64, 2 ** 53)), 1n << 53n);
  assert.equal(constOf(constNum(12, -2048)), 0x800n);
  assert.equal(constOf(constNum(128, -2)), (1n << 128n) - 2n);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 512 }),
      fc.bigInt(),
      (w, b) => constOf(constBig(w, b)) === BigInt.asUintN(w, b),
    ),
  );
});

const fp: FpPolicy = { name: "t", nan: "canonical", toint: "saturate-max", tiny: "after" };

test("float ops stay, so that their exceptions can be asked for", () => {
  const node = fop("fadd", 64, [num(0), num(1), constNum(3, 0)], fp);
  assert.equal(node.op, "fadd");
  assert.equal(fexc(node).args[0], node);
  assert.equal(constOf(fexc(unary("fneg", x))), 0n);
});

test("widths that do not fit are errors", () => {
  assert.throws(() => binary("add", x, constNum(32, 0)), /i64 and i32/);
  assert.throws(() => compare("eq", x, constNum(32, 0)), /i64 and i32/);
  assert.throws(() => extract(x, 60, 8), /bits 67:60 of i64/);
  assert.throws(() => zext(x, 32), /i64 to i32/);
  assert.throws(() => binary("eq", x, num(1)), /not a binary op/);
  assert.throws(() => fop("fadd", 64, [x, y], fp), /2 arguments/);
  assert.throws(() => fop("fadd", 48, [get(1, 48), get(2, 48), constNum(3, 0)], fp), /not the width of a float/);
});
