import assert from "node:assert/strict";
import test from "node:test";
import type { Effect } from "../../src/ir/node.ts";
import { loadIsaBook, RuleError } from "../../src/rules/index.ts";
import { SMALL } from "./small.ts";

const book = loadIsaBook(SMALL, { file: "small.rules" });

function effects(word: number, pc = 0x1000): readonly Effect[] {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word, true);
  const decoded = book.decode(bytes, 0);
  assert.ok(decoded);
  return book.lift(decoded, pc).effects;
}

test("an immediate is added to a register", () => {
  const [e, ...rest] = effects(0xfff58513); // addi a0, a1, -1
  assert.equal(rest.length, 0);
  assert.ok(e.k === "set" && e.slot === 10 && e.value.op === "add");
  assert.equal(e.value.args[0].aux, 11);
});

test("register 0 reads zero and drops writes", () => {
  assert.deepEqual(effects(0x00000013), []);
  const [e] = effects(0x00500513); // addi a0, zero, 5
  assert.ok(e.k === "set" && e.value.op === "const" && e.value.lo === 5);
});

test("a branch is an if with a jump", () => {
  const [e] = effects(0x00b50463); // beq a0, a1, 8
  assert.ok(e.k === "if" && e.then[0].k === "jump" && e.then[0].target.lo === 0x1008);
});

test("a load comes before the write of its value", () => {
  const [load, set] = effects(0x0085a503); // lw a0, 8(a1)
  assert.ok(load.k === "load" && set.k === "set" && set.value.op === "sext" && set.value.args[0] === load.node);
});

test("a row with => means its target", () => {
  const [e] = effects(0x0505); // c.addi a0, 1
  assert.ok(e.k === "set" && e.slot === 10 && e.value.op === "add" && e.value.args[1].lo === 1);
});

const BAD: readonly (readonly [string, string])[] = [
  ["x | 0000000 rd 0010011 | x {rd} | rd = 0", "RULE_BITS"],
  ["x | imm[11:0] rs1 111 rd 0010011 | x {rd} | rd = rs1[31:0]", "RULE_WIDTH"],
  ["x | imm[11:0] rs1 111 rd 0010011 | x {rd} | rd = rs1 + rs1[31:0]", "RULE_WIDTH"],
  ["x | imm[11:0] rs1 111 rd 0010011 | x {rd} | rd = rs9", "RULE_NAME"],
  ["x | imm[11:0] rs1 000 rd 0010011 | x {rd} | rd = rs1", "RULE_OVERLAP"],
  ["x | imm[11:0] rs1 111 rd 0010011 | x {rd} | rs1 + 1 = rd", "RULE_SYNTAX"],
  ["x | imm[11:0] rs1 111 rd 0010011 | x {rd} | pc = rd", "RULE_PLACE"],
  ["x | imm[11:0] rs1 111 rd 0010011 | x {rd} | => nothing {rd}", "RULE_NAME"],
  ["x | imm[11:0] rs1 111 rd 0010011", "RULE_SYNTAX"],
  [
    "x | imm[11:0] rs1 000 rd 0010011 where rd == 31 | x {rd} | rd = rs1\ny | imm[11:0] rs1 000 rd 0010011 where rd >= 31 | y {rd} | rd = rs1",
    "RULE_OVERLAP",
  ],
  ["x | imm[11:0] rs1 111 rd 0010011 | x {rd} | rd = sext(rs1[7:0])[7:0]", "RULE_WIDTH"],
  ["x | imm[11:0] rs1 111 rd 0010011 | x {rd}", "RULE_SYNTAX"],
  ["def f(a) = f(a)\nx | imm[11:0] rs1 111 rd 0010011 | x {rd} | rd = f(rs1)", "RULE_NAME"],
  ["reg X: i64", "RULE_NAME"],
  ["use other.rules", "RULE_USE"],
];
for (const [row, code] of BAD) {
  test(`load error ${code}: ${row}`, () => {
    const line = SMALL.split("\n").length;
    assert.throws(
      () => loadIsaBook(`${SMALL}${row}\n`, { file: "small.rules" }),
      (e) =>
        e instanceof RuleError &&
        e.code === code &&
        new RegExp(`^small\\.rules:(${line}|${line + 1}): ${code}: `).test(e.message),
    );
  });
}
