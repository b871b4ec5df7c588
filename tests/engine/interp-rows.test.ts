import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { Pair, randomSource, wordsOfRows } from "./interp-rows.ts";

const SEED = Number(process.env.SEED ?? 1);
const WORDS = Number(process.env.WORDS ?? 6);
const STATES = Number(process.env.STATES ?? 4);

const book = loadIsaBook(readFileSync(new URL("../../rulebooks/isa/riscv64.rules", import.meta.url), "utf8"));

/** Rows that are the evaluator's: what they ask only the machine around can answer. */
const ASKING = /^csr.*\.(cycle|time|instret)$/;

for (const inline of [1000, 0])
  test(`every row's handler does what the evaluator says (${inline ? "switch" : "functions"})`, () => {
    const random = randomSource(SEED);
    const words = wordsOfRows(book, random, WORDS);
    const unseen = book.rows.filter((row) => !words.has(`${row.name}#${row.index}`));
    assert.deepEqual(
      unseen.map((row) => row.name),
      [],
    );
    const pair = new Pair(book, new WebAssembly.Module(interpreterBytes(book, { inline })), random);
    const wrong: string[] = [];
    const left = new Set<string>();
    for (const [row, list] of words)
      for (const bytes of list)
        for (let i = 0; i < STATES; i++) {
          const { differs, evaluated } = pair.compare(bytes);
          if (evaluated) left.add(row.replace(/#.*/, ""));
          if (differs) wrong.push(`${row} ${Buffer.from(bytes).toString("hex")}: ${differs}`);
        }
    assert.deepEqual(wrong.slice(0, 20), []);
    assert.deepEqual(
      [...left].filter((row) => !ASKING.test(row)),
      [],
    );
  });
