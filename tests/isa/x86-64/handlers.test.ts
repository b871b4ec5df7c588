import assert from "node:assert/strict";
import test from "node:test";
import { interpreterBytes } from "../../../src/backend/wasm/interp-module.ts";
import { isaRulebook } from "../../../src/host/node/assets.ts";
import { expand } from "../../../src/rules/expand.ts";
import { loadIsaBook } from "../../../src/rules/index.ts";
import { Pair, randomSource } from "../../engine/interp-rows.ts";
import { Random } from "../oracle/random.ts";
import { instruction } from "./cases.ts";

const source = isaRulebook("x86_64");
assert.ok(source);
const book = loadIsaBook(source.text, source.options);
const expanded = expand(source.text, source.options);

const SEED = Number(process.env.SEED ?? 1);
const WORDS = Number(process.env.WORDS ?? 4);
const STATES = Number(process.env.STATES ?? 3);
/** No instruction begins with it. */
const FILLER = 0x06;

test("every row's handler does what the evaluator says", () => {
  const pair = new Pair(book, new WebAssembly.Module(interpreterBytes(book)), randomSource(SEED), FILLER);
  const wrong: string[] = [];
  let compared = 0;
  for (const row of book.rows) {
    const random = new Random(SEED * 65537 + row.index);
    for (let i = 0; i < WORDS; i++) {
      const bytes = instruction(expanded, row.index, random);
      if (bytes === null) continue;
      for (let k = 0; k < STATES; k++) {
        const { differs, evaluated } = pair.compare(bytes);
        if (!evaluated) compared++;
        if (differs) wrong.push(`${row.name} ${Buffer.from(bytes).toString("hex")}: ${differs}`);
      }
    }
  }
  assert.ok(compared > 4000, `only ${compared} cases`);
  assert.deepEqual(wrong.slice(0, 30), []);
});
