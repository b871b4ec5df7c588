import assert from "node:assert/strict";
import test from "node:test";
import { llvmBlock } from "../../../src/backend/llvm/block.ts";
import { Module } from "../../../src/backend/llvm/module.ts";
import { checkInst } from "../../../src/ir/check.ts";
import type { FpPolicy, Inst, Node } from "../../../src/ir/node.ts";
import { parseInst } from "../../../src/ir/parse.ts";
import { instText, operands } from "../../../src/ir/text.ts";
import { Random } from "../../ir/random.ts";
import { encode, riscv64 } from "../../isa/books.ts";
import { missing, refused } from "./tools.ts";

const book = riscv64();
const PC = 0x10000;

/** Instructions of every row with random fields, lifted. */
function instructions(each: number): Inst[] {
  const r = new Random(64);
  const found: Inst[] = [];
  for (const row of book.rows) {
    let left = each;
    for (let tries = 0; left > 0 && tries < 2000; tries++) {
      // Fields that a `where` clause wants 0 or small are met, too.
      const fields = row.fields.map((f) => (r.below(3) ? r.next() % 2 ** Math.min(f.width, 31) : r.below(2)));
      const decoded = book.decode(encode(row, fields), 0);
      if (decoded?.row !== row) continue;
      left--;
      found.push(book.lift(decoded, PC));
    }
    assert.ok(left < each, `no instruction of ${row.name}`);
  }
  return found;
}
const all = instructions(4);
assert.ok(all.length >= 4 * book.rows.length - 40);

test("what RISC-V's rows lift to keeps the IR's rules", () => {
  for (const inst of all) assert.deepEqual(checkInst(inst, book.slots), [], instText(inst, book.slots));
});

function policies(inst: Inst): FpPolicy[] {
  const found = new Map<string, FpPolicy>();
  const visit = (n: Node): void => {
    if (n.fp) found.set(n.fp.name, n.fp);
    n.args.forEach(visit);
  };
  const walk = (effects: Inst["effects"]): void => {
    for (const e of effects) {
      operands(e).forEach(visit);
      if (e.k === "if") [e.then, e.else].forEach(walk);
    }
  };
  walk(inst.effects);
  return [...found.values()];
}

test("their text reads back", () => {
  for (const inst of all) {
    const text = instText(inst, book.slots);
    assert.equal(instText(parseInst(text, { slots: book.slots, policies: policies(inst) }), book.slots), text);
  }
});

test("LLVM takes every row, alone and in blocks", (t) => {
  const none = missing("llvm-as-19", "opt-19");
  if (none) return t.skip(none);
  const module = new Module();
  for (const [i, inst] of all.entries()) llvmBlock(module, `${inst.row} ${i}`, [inst], book.slots);
  const r = new Random(3);
  for (let i = 0; i < 50; i++)
    llvmBlock(
      module,
      `block ${i}`,
      Array.from({ length: 20 }, () => r.pick(all)),
      book.slots,
    );
  assert.equal(refused(module.toString()), "");
});
