import assert from "node:assert/strict";
import test from "node:test";
import { floatHelper } from "../../../src/ir/float/helper.ts";
import { quick } from "../../../src/ir/float/quick.ts";
import { raised } from "../../../src/ir/float/round.ts";
import { floatValue } from "../../../src/ir/float/unit.ts";
import type { FpPolicy } from "../../../src/ir/node.ts";
import { Random } from "../random.ts";
import { argumentsOf, type Case, describe, shapeOf, someCase } from "./cases.ts";

const fp: FpPolicy = { name: "t", nan: "canonical", toint: "saturate-max", tiny: "after" };
const out = new Int32Array(4);
const low = (v = 0n): number => Number(BigInt.asIntN(32, v));
const high = (v = 0n): number => low(v >> 32n);

function helped(c: Case): string {
  const shape = shapeOf(c, fp);
  const [a, b, d] = c.v;
  const flags = floatHelper(shape, out, 1)(low(a), high(a), low(b), high(b), low(d), high(d), c.rm);
  assert.equal(flags, out[3]);
  return `${((BigInt(out[2] >>> 0) << 32n) | BigInt(out[1] >>> 0)).toString(16)} ${flags}`;
}

function check(cases: Iterable<Case>): number {
  let taken = 0;
  for (const c of cases) {
    quick.taken = false;
    const got = helped(c);
    if (quick.taken) taken++;
    const want = floatValue(shapeOf(c, fp), argumentsOf(c));
    assert.equal(got, `${want.toString(16)} ${raised.flags}`, describe(c));
  }
  return taken;
}

test("the helper equals the reference on edge cases", () => {
  const r = new Random(11);
  check(Array.from({ length: 60_000 }, () => someCase(r, [0, 1, 2], [0, 0, 0, 1, 2, 3, 4])));
});

/** Ordinary numbers, some with few bits so that results are exact, products and addends of like size. */
function* ordinary(r: Random, count: number): Generator<Case> {
  for (let i = 0; i < count; i++) {
    const format = 1 + r.below(2);
    const bits = format === 1 ? 23 : 52;
    const bias = format === 1 ? 127 : 1023;
    const some = (near: number): bigint => {
      const drop = BigInt(r.pick([0, 0, bits - 8, Math.floor(bits / 2)]));
      const fraction = (r.value(bits) >> drop) << drop;
      return (BigInt(r.below(2)) << BigInt(format === 1 ? 31 : 63)) | (BigInt(bias + near) << BigInt(bits)) | fraction;
    };
    const [x, y] = [r.below(60) - 30, r.below(60) - 30];
    const z = x + y + r.below(2 * bits + 8) - bits - 4;
    const kind = r.below(6);
    const v = [some(x), some(kind < 2 ? x + r.below(60) - 30 : y), some(z)].slice(0, [2, 2, 2, 2, 1, 3][kind]);
    yield { kind, format, other: 0, rm: 0, v };
  }
}

test("the helper equals the reference on ordinary numbers, and takes the quick way there", () => {
  const taken = check(ordinary(new Random(5), 60_000));
  assert.ok(taken > 50_000, `only ${taken} of 60000`);
});

test("values wider than two halves are an error", () => {
  assert.throws(() => floatHelper({ op: "fadd", w: 80, args: [{ w: 80 }], fp }, out, 0), /i80/);
});
