import assert from "node:assert/strict";
import test from "node:test";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import { isaRulebook } from "../../src/host/node/assets.ts";
import { expand } from "../../src/rules/expand.ts";
import type { ExpandedRow } from "../../src/rules/expanded.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { Random } from "../isa/oracle/random.ts";
import { instruction } from "../isa/x86-64/cases.ts";
import { Pair, randomSource } from "./interp-rows.ts";

const SEED = Number(process.env.SEED ?? 1);
const WORDS = Number(process.env.WORDS ?? 2);
const STATES = Number(process.env.STATES ?? 3);
const ONLY = process.env.ROWS ? new RegExp(process.env.ROWS) : undefined;

/** Rows that the evaluator does where they stand: they ask the machine around, or are too rare for a handler. */
const EVALUATED: Readonly<Record<string, RegExp>> = {
  aarch64: /^mrs\.|^(dc|ic)\b|^fccmp|^ccm|^bfm|^ld[234]\.|^st[234]\./,
  x86_64: /./,
};

for (const isa of ["aarch64", "x86_64"]) {
  const source = isaRulebook(isa);
  assert.ok(source);
  test(`${isa}: every row's handler does what the evaluator says`, () => {
    const book = loadIsaBook(source.text, source.options);
    const expanded = expand(source.text, source.options);
    const bits = randomSource(SEED);
    const random = new Random(SEED);
    const pair = new Pair(book, new WebAssembly.Module(interpreterBytes(book)), bits, isa === "x86_64" ? 0x06 : 0);
    const wrong: string[] = [];
    const left = new Map<string, number>();
    let ran = 0;
    for (const row of book.rows) {
      if (ONLY && !ONLY.test(row.name)) continue;
      for (let i = 0; i < WORDS; i++) {
        const bytes = expanded.rows[row.index].sdm
          ? instruction(expanded, row.index, random)
          : fixed(expanded.rows[row.index], bits);
        const decoded = bytes && book.decode(pad(bytes), 0);
        if (decoded?.row.index !== row.index) continue;
        for (let k = 0; k < STATES; k++) {
          const { differs, evaluated } = pair.compare(bytes!);
          if (evaluated) left.set(row.name, (left.get(row.name) ?? 0) + 1);
          else ran++;
          if (differs)
            wrong.push(`${book.disassemble(decoded, 0x80000000)} (${Buffer.from(bytes!).toString("hex")}): ${differs}`);
        }
      }
    }
    if (process.env.VERBOSE) console.log(isa, ran, left.size, [...left.keys()].join(" "));
    assert.deepEqual(wrong.slice(0, 12), [], `${wrong.length} wrong`);
    assert.deepEqual(
      [...left].filter(([name, times]) => times >= WORDS * STATES && !EVALUATED[isa].test(name)),
      [],
    );
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
