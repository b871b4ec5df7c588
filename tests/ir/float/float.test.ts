import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { raised } from "../../../src/ir/float/round.ts";
import { floatExceptions, floatValue } from "../../../src/ir/float/unit.ts";
import type { FpPolicy, Op } from "../../../src/ir/node.ts";
import { compare, missing, ORACLES } from "./oracle.ts";

for (const o of ORACLES) {
  test(`the reference floating point equals ${o.name}`, (t) => {
    const tool = missing(o);
    if (tool && (process.env.CI !== "true" || o.run.length === 0)) return t.skip(`needs ${tool}`);
    assert.equal(tool, undefined);
    const { known, wrong } = compare(o, 20260, 60_000);
    assert.ok(known > 20_000, `only ${known} cases known`);
    assert.deepEqual(wrong, []);
  });
}

const fp: FpPolicy = { name: "t", nan: "canonical", toint: "saturate-max", tiny: "after" };
const view = new DataView(new ArrayBuffer(8));
const bitsOf = (x: number): bigint => {
  view.setFloat64(0, x);
  return view.getBigUint64(0);
};
const ask = (op: Op, w: number, from: number, ...v: bigint[]): bigint =>
  floatValue({ op, w, args: v.map(() => ({ w: from })), fp }, v);

test("128-bit integers to double and back", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(1n << 127n), max: (1n << 127n) - 1n }), (n) => {
      assert.equal(ask("s2f", 64, 128, BigInt.asUintN(128, n), 0n), bitsOf(Number(n)));
    }),
  );
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: -(2 ** 126), max: 2 ** 126 }), (x) => {
      assert.equal(ask("f2s", 128, 64, bitsOf(x), 1n), BigInt.asUintN(128, BigInt(Math.trunc(x))));
    }),
  );
});

test("a rounding mode that does not exist behaves as to nearest, even", () => {
  assert.equal(ask("fadd", 64, 64, bitsOf(1), bitsOf(2 ** -53), 7n), bitsOf(1));
});

test("exceptions", () => {
  const flags = (op: Op, ...v: bigint[]): number =>
    floatExceptions({ op, w: 64, args: v.map(() => ({ w: 64 })), fp }, v);
  assert.equal(flags("fadd", bitsOf(1), bitsOf(2), 0n), 0);
  assert.equal(flags("fadd", bitsOf(0.1), bitsOf(0.2), 0n), 1);
  assert.equal(flags("fdiv", bitsOf(1), bitsOf(0), 0n), 8);
  assert.equal(flags("fmul", bitsOf(1e300), bitsOf(1e300), 0n), 5);
  assert.equal(flags("fmul", bitsOf(1e-300), bitsOf(1e-300), 0n), 3);
  assert.equal(flags("fsqrt", bitsOf(-1), 0n), 16);
  assert.equal(raised.flags, 16);
});

test("a width without a format is an error", () => {
  assert.throws(() => ask("fadd", 48, 48, 0n, 0n, 0n), /no float has 48 bits/);
  assert.throws(() => ask("add", 64, 64, 0n, 0n, 0n), /no float op/);
});
