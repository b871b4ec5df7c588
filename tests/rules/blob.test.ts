import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { parseCore, printCore } from "../../src/rules/core-text.ts";
import { expand } from "../../src/rules/expand.ts";
import { loadIsaBook, openIsaBook, precompile, RuleError } from "../../src/rules/index.ts";
import { SMALL } from "./small.ts";

const RISCV = readFileSync(new URL("../../rulebooks/isa/riscv64.rules", import.meta.url), "utf8");

for (const [name, text] of [
  ["small", SMALL],
  ["riscv64", RISCV],
] as const) {
  test(`the canonical form of every row of ${name} reads back`, () => {
    for (const row of expand(text).rows) {
      const printed = printCore(row.body);
      assert.deepEqual(parseCore(printed), row.body, `${row.name}: ${printed}`);
    }
  });

  test(`a precompiled ${name} is the same book`, () => {
    const book = loadIsaBook(text);
    const opened = openIsaBook(precompile(text));
    const { rows } = expand(text);
    assert.deepEqual(opened.slots, book.slots);
    assert.deepEqual(opened.rows, book.rows);
    assert.deepEqual([opened.traps, opened.stops, opened.lengths], [book.traps, book.stops, book.lengths]);
    for (const row of book.rows) {
      const word = new Int32Array(1);
      const bytes = new Uint8Array(word.buffer);
      word[0] = rows[row.index].match;
      const decoded = book.decode(bytes, 0);
      assert.deepEqual(opened.decode(bytes, 0), decoded);
      if (!decoded) continue;
      assert.equal(opened.disassemble(decoded, 64), book.disassemble(decoded, 64));
    }
  });
}

test("damaged bytes are no book", () => {
  const bytes = precompile(SMALL);
  for (const bad of [new Uint8Array(0), bytes.slice(5), bytes.slice(0, bytes.length - 9)])
    assert.throws(
      () => openIsaBook(bad),
      (e) => e instanceof RuleError && e.code === "RULE_BLOB",
    );
});
