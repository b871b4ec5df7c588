import assert from "node:assert/strict";
import { arch } from "node:os";
import test from "node:test";
import { isaRulebook } from "../../../src/host/node/assets.ts";
import type { Row } from "../../../src/rules/book.ts";
import { expand } from "../../../src/rules/expand.ts";
import { loadIsaBook } from "../../../src/rules/index.ts";
import type { Random } from "../oracle/random.ts";
import { installed, needs } from "../tools.ts";
import type { Steer } from "./cases.ts";
import { compareRows, nativeCpu } from "./compare.ts";
import * as R from "./record.ts";

const source = isaRulebook("x86_64");
assert.ok(source);
const book = loadIsaBook(source.text, source.options);
const expanded = expand(source.text, source.options);

/** What the system answers, what a record does not hold (segment bases), what a processor's model decides. */
const LEFT = /^(syscall|cpuid|rdtsc|rdtscp|xgetbv|(rd|wr)[fg]sbase|int|int3|int1|toolong|.*pushf|.*popf|prefetchw.*)$/;

const u64 = (v: bigint): bigint => BigInt.asUintN(64, v);
const small = (random: Random, n: number): bigint => u64(BigInt(random.below(2 * n) - n));

/** Stack and counters within the record's memory; operands that divide, shift and index as programs do. */
function steer(row: Row): Steer {
  return (words, random) => {
    const crooked = row.section.startsWith("Control") || random.chance(95) ? 0 : random.below(8);
    words[R.G + 4] = BigInt(R.WINDOW_AT + 304 + 8 * random.below(8) + crooked);
    words[R.G + 5] = BigInt(R.WINDOW_AT + 400 + 8 * random.below(8));
    if (random.chance(30)) words[R.G + 1] = small(random, 80);
    if (/^(rep|repz|repnz) /.test(row.name)) words[R.G + 1] = BigInt(random.below(6));
    // Where one of these faults in its midst, the processor takes the flags back to before the first step.
    if (/^rep(z|nz) (cmps|scas)/.test(row.name)) {
      words[R.G + 6] = BigInt(R.WINDOW_AT + 64 + 8 * random.below(40));
      words[R.G + 7] = BigInt(R.WINDOW_AT + 64 + 8 * random.below(40));
    }
    if (random.chance(20)) words[R.FLAGS] |= 1n << 10n;
    if (/div/.test(row.name) && random.chance(85)) {
      const wide = random.chance(50);
      words[R.G + 2] = wide ? small(random, 200) : u64(-(words[R.G] >> 63n));
      for (const n of [8, 9, 11, 12, 13, 14, 15])
        words[R.G + n] = random.chance(50) ? small(random, 5000) : random.u64();
    }
    if (/^bt/.test(row.name)) for (const n of [0, 1, 2, 8, 9, 11, 12, 13, 14, 15]) words[R.G + n] = small(random, 100);
    if (/^cmpxchg/.test(row.name) && random.chance(60)) {
      const at = random.below(R.WINDOW / 8 - 1);
      for (let i = 0; i < R.WINDOW / 8; i++) words[R.MEMORY + i] = words[R.MEMORY + at];
      words[R.G] = words[R.MEMORY];
      words[R.G + 2] = words[R.MEMORY + (random.chance(50) ? 1 : 0)];
      if (row.name === "cmpxchg8b") words[R.G + 2] = words[R.G] >> 32n;
    }
    // Of 16 bits, more than 16 leave result and flags open.
    if (/^sh[lr]d/.test(row.name)) words[R.G + 1] = BigInt(random.below(17));
    // A jump to what is no address for the processor faults before it happens; here the fetch at the target does.
    if (row.section.startsWith("Control"))
      for (let i = R.MEMORY; i < R.RECORD; i++) words[i] = BigInt(R.CODE + 64 + random.below(3000));
    if (row.section.startsWith("Control")) for (const n of [3, 6, 7]) words[R.G + n] &= ~7n;
    if (row.section.startsWith("Control"))
      for (const n of [0, 1, 2, 8, 9, 10, 11, 12, 13, 14, 15])
        words[R.G + n] = BigInt(R.CODE + 64 + random.below(3000));
  };
}

const host = needs(arch() === "x64" && process.platform === "linux" && installed("gcc"), "gcc on an x86-64 Linux host");
const count = Number(process.env.SAGE_CASES ?? 6);
const only = process.env.SAGE_ROWS;
test("integer rows do what the processor does", host, () => {
  const chosen = (row: Row): boolean =>
    row.source.file === "x86_64.rules" && !LEFT.test(row.name) && (only === undefined || row.name === only);
  const { rows, wrong } = compareRows(book, expanded, nativeCpu(), chosen, count, 20263, steer);
  assert.ok(rows > 500 || only !== undefined, `only ${rows} rows`);
  assert.deepEqual(wrong.slice(0, 60), []);
});
