import assert from "node:assert/strict";
import { arch } from "node:os";
import test from "node:test";
import { isaRulebook } from "../../../src/host/node/assets.ts";
import { loadIsaBook } from "../../../src/rules/index.ts";
import { Random } from "../oracle/random.ts";
import { installed, needs } from "../tools.ts";
import { fill } from "./cases.ts";
import { nativeCpu } from "./compare.ts";
import { evaluator } from "./evaluator.ts";
import * as R from "./record.ts";

const source = isaRulebook("x86_64");
assert.ok(source);
const BYTES = R.RECORD * 8;
const COUNT = Number(process.env.SAGE_CASES ?? 150);

/**
 * Name, opcode behind D9, the largest exponent field of st(0) for which the manual defines the result, and how many
 * places apart results may be: near a zero of sine or cosine the processor has few digits of the angle left.
 */
const FUNCTIONS: readonly (readonly [string, number, number, bigint])[] = [
  ["f2xm1", 0xf0, 0x3ffe, 1n],
  ["fyl2x", 0xf1, 0x7fff, 1n],
  ["fptan", 0xf2, 0x7fff, 64n],
  ["fpatan", 0xf3, 0x7fff, 1n],
  ["fyl2xp1", 0xf9, 0x3ffc, 1n],
  ["fsincos", 0xfb, 0x7fff, 64n],
  ["fsin", 0xfe, 0x7fff, 64n],
  ["fcos", 0xff, 0x7fff, 64n],
];

/** A number's place among all of its sign: neighbours differ by one. */
function place(view: DataView, at: number): bigint {
  const sign = view.getUint16(at + 8, true) >> 15;
  const exponent = BigInt(view.getUint16(at + 8, true) & 0x7fff);
  const size = (exponent << 63n) | (view.getBigUint64(at, true) & ((1n << 63n) - 1n));
  return sign ? -size : size;
}

const cpu = needs(arch() === "x64" && installed("gcc"), "gcc on an x86-64 host");
test("the x87's functions are the processor's but for the last place", cpu, () => {
  const book = loadIsaBook(source.text, source.options);
  const run = evaluator(book);
  const native = nativeCpu();
  const wrong: string[] = [];
  for (const [name, opcode, largest, places] of FUNCTIONS) {
    const random = new Random(opcode);
    const before = new Uint8Array(COUNT * BYTES);
    for (let i = 0; i < COUNT; ) {
      const record = before.subarray(i * BYTES, (i + 1) * BYTES);
      fill(record, Uint8Array.of(0xd9, opcode), random);
      const view = new DataView(record.buffer, record.byteOffset, BYTES);
      // To nearest, all masked, nothing pending; st(7) is free where there are two results.
      view.setUint16(R.FCW, 0x37f, true);
      view.setUint16(R.FSW, 0, true);
      view.setUint8(R.FTW, 0x7f);
      if ((view.getUint16(R.ST + 8, true) & 0x7fff) <= largest) i++;
    }
    const theirs = native(before);
    for (let i = 0; i < COUNT; i++) {
      const mine = before.slice(i * BYTES, (i + 1) * BYTES);
      run(mine);
      const a = new DataView(mine.buffer);
      const b = new DataView(theirs.buffer, theirs.byteOffset + i * BYTES, BYTES);
      // All but C1, and of exceptions those that tell more than that a result was rounded.
      const status = (v: DataView): number => v.getUint16(R.FSW, true) & ~0x230;
      const apart = [0, 16].map((at) => place(a, R.ST + at) - place(b, R.ST + at));
      const near = apart.every((d) => d >= -places && d <= places);
      if (near && status(a) === status(b) && a.getUint8(R.FTW) === b.getUint8(R.FTW)) continue;
      const start = new DataView(before.buffer, i * BYTES, BYTES);
      const x = [0, 16].map((at) => place(start, R.ST + at).toString(16));
      wrong.push(`${name}(${x.join(", ")}): apart ${apart.join(", ")}, status ${status(a)} and ${status(b)}`);
    }
  }
  assert.deepEqual(wrong.slice(0, 20), []);
});
