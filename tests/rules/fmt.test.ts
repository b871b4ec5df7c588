import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { RuleError } from "../../src/rules/error.ts";
import { evidenceLine, readEvidence } from "../../src/rules/evidence.ts";
import { format, toInfix, toPrefix } from "../../src/rules/fmt.ts";
import { parseStmts } from "../../src/rules/parse.ts";
import { sha256 } from "../../src/rules/sha256.ts";
import { readSource } from "../../src/rules/source.ts";

const BOOKS = ["../../rulebooks/isa/riscv64.rules", "hard-aarch64.rules", "hard-x86-64.rules"];

for (const book of BOOKS) {
  test(`prefix and infix of ${book} say the same`, () => {
    const { rows } = readSource(readFileSync(new URL(book, import.meta.url), "utf8"));
    const seen = new Set(rows.map((r) => r.semantics));
    for (const text of seen) {
      const prefix = toPrefix(text);
      const infix = toInfix(prefix);
      assert.equal(toPrefix(infix), prefix, text);
      assert.equal(format(text), infix, text);
      if (!text.startsWith("=>")) assert.deepEqual(parseStmts(infix), parseStmts(text), text);
    }
  });
}

test("the canonical form reads as the manual's sums do", () => {
  assert.equal(toPrefix("rd = rs1 + imm"), "= rd + rs1 imm");
  assert.equal(toPrefix("rd = sext(mem<32>[rs1 + imm])"), "= rd sext mem 32 + rs1 imm");
  assert.equal(toPrefix("sum(d, d, b, CF)"), "sum/4 d d b CF");
  assert.equal(toInfix("= rd & + a b ~ 1"), "rd = a + b & ~1");
  assert.equal(toInfix("= rd + & a b 1"), "rd = (a & b) + 1");
});

test("prefix that ends too soon or goes on is an error", () => {
  for (const bad of ["= rd", "= rd a b", "if a"]) assert.throws(() => toInfix(bad), RuleError, bad);
});

test("hashes are SHA-256's", () => {
  assert.equal(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert.equal(sha256("a".repeat(1000)), "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
});

test("evidence reads back", () => {
  const line = "9f2c41d07aa1  x86-64/bsf  learned  tested  1,200,000  seed=7  oracle=native:<cpu>";
  const [e] = readEvidence(`# a comment\n${line}   # figures\n`, "x.evidence");
  assert.equal(evidenceLine(e), line);
  assert.equal(e.facts.get("seed"), "7");
  assert.throws(
    () => readEvidence("\n9f2c  a/b  hand  proved", "x.evidence"),
    (x) => x instanceof RuleError && x.message.startsWith("x.evidence:2: RULE_SYNTAX: "),
  );
});
