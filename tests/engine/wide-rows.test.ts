import assert from "node:assert/strict";
import test from "node:test";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import { isaRulebook } from "../../src/host/node/assets.ts";
import type { Row } from "../../src/rules/book.ts";
import { expand } from "../../src/rules/expand.ts";
import type { ExpandedRow } from "../../src/rules/expanded.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { Random } from "../isa/oracle/random.ts";
import { instruction } from "../isa/x86-64/cases.ts";
import { Pair, randomSource } from "./interp-rows.ts";

const SEED = Number(process.env.SEED ?? 1);
const WORDS = Number(process.env.WORDS ?? 1);
const STATES = Number(process.env.STATES ?? 3);
/** One row in so many is compiled. */
const REGIONS = Number(process.env.REGIONS ?? 16);
const ONLY = process.env.ROWS ? new RegExp(process.env.ROWS) : undefined;

/** Rows without a handler, by name: what they ask only the machine around knows, or their handler would be too large. */
const WITHOUT: readonly string[] = ["mrs.cntvct", "crc32x", "crc32cx", "pmull.1q", "pmull2.1q"];

for (const isa of ["aarch64", "x86_64"]) {
  const source = isaRulebook(isa);
  assert.ok(source);
  const book = loadIsaBook(source.text, source.options);
  const expanded = expand(source.text, source.options);
  const handled = new Set(book.rows.map((row) => row.name));
  const report = (row: Row): void => void handled.delete(row.name);
  const interpreter = new WebAssembly.Module(interpreterBytes(book, { report }));
  const filler = isa === "x86_64" ? 0x06 : 0;

  /** An instruction of the row; undefined: the bits drawn are another row's. */
  const draw = (row: Row, random: Random, bits: () => number): Uint8Array | undefined => {
    const form = expanded.rows[row.index];
    const bytes = form.sdm ? instruction(expanded, row.index, random) : fixed(form, bits);
    return bytes && book.decode(pad(bytes), 0)?.row.index === row.index ? bytes : undefined;
  };
  const shown = (bytes: Uint8Array): string => {
    const decoded = book.decode(pad(bytes), 0);
    return `${decoded && book.disassemble(decoded, 0x80000000)} (${Buffer.from(bytes).toString("hex")})`;
  };

  if (isa === "aarch64")
    test(`${isa}: every row but those named has a handler`, () => {
      const without = [...new Set(book.rows.map((row) => row.name))].filter((name) => !handled.has(name));
      assert.deepEqual(
        without.filter((name) => !WITHOUT.includes(name)),
        [],
      );
    });

  test(`${isa}: every row's handler does what the evaluator says`, () => {
    const bits = randomSource(SEED);
    const random = new Random(SEED);
    const pair = new Pair(book, interpreter, bits, filler);
    const wrong: string[] = [];
    for (const row of book.rows) {
      if (ONLY && !ONLY.test(row.name)) continue;
      for (let i = 0; i < WORDS; i++) {
        const bytes = draw(row, random, bits);
        if (bytes === undefined) continue;
        for (let k = 0; k < STATES; k++) {
          const { differs } = pair.compare(bytes);
          if (differs) wrong.push(`${shown(bytes)}: ${differs}`);
        }
      }
    }
    assert.deepEqual(wrong.slice(0, 12), [], `${wrong.length} wrong`);
  });

  test(`${isa}: rows, and a few in a row, do in a compiled region what the interpreter does`, () => {
    const bits = randomSource(SEED + 1);
    const random = new Random(SEED + 1);
    const pair = new Pair(book, interpreter, bits, filler);
    const wrong: string[] = [];
    let last: Uint8Array = new Uint8Array();
    for (const row of book.rows) {
      if (ONLY && !ONLY.test(row.name)) continue;
      if (random.below(REGIONS) !== 0) continue;
      const bytes = draw(row, random, bits);
      if (bytes === undefined) continue;
      for (const run of last.length > 0 ? [bytes, Uint8Array.of(...bytes, ...last, ...bytes)] : [bytes]) {
        const { differs } = pair.compareRegion(run);
        if (differs) wrong.push(`${shown(bytes)}${run === bytes ? "" : ` and ${shown(last)}`}: ${differs}`);
      }
      last = bytes;
    }

    assert.deepEqual(wrong.slice(0, 12), [], `${wrong.length} wrong`);
  });
}

/** A word of a row of fixed width; the bits that it leaves open are random. */
function fixed({ match, mask }: ExpandedRow, bits: () => number): Uint8Array {
  const word = (match | (bits() & ~mask)) >>> 0;
  return Uint8Array.of(word, word >>> 8, word >>> 16, word >>> 24);
}
const pad = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(16);
  out.set(bytes);
  return out;
};
