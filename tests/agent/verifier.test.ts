import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { bind } from "../../src/agent/verifier/bind.ts";
import { coverage } from "../../src/agent/verifier/random-words.ts";
import { verifyBook, verifyRow } from "../../src/agent/verifier/verdict.ts";
import { gdbOracle } from "../../src/oracle/gdb.ts";
import { batchOracle } from "../../src/oracle/node/batch.ts";
import { tcpLink } from "../../src/oracle/node/tcp.ts";
import { type Oracle, OracleError } from "../../src/oracle/oracle.ts";
import type { IsaBook } from "../../src/rules/book.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { run } from "../cli/sage.ts";
import { riscv64, riscv64Text } from "../isa/books.ts";
import { needs } from "../isa/tools.ts";
import { oddStub } from "../oracle/odd-stub.ts";
import { serveStub } from "../oracle/stub.ts";

const EFFORT = { cases: 60, words: 6, seed: Number(process.env.SAGE_SEED ?? 1), slow: 60 };

function open(): Oracle | null {
  try {
    return batchOracle("riscv64", { on: "qemu" });
  } catch (error) {
    if (error instanceof OracleError) return null;
    throw error;
  }
}
const oracle = open();
const tools = needs(oracle !== null, "qemu-riscv64 or riscv64-linux-gnu-gcc");
test.after(() => oracle?.close());

async function summary(book: IsaBook): Promise<{ refuted: string[]; unknown: string[]; tested: number }> {
  const refuted: string[] = [];
  const unknown: string[] = [];
  let tested = 0;
  for await (const { row, verdict } of verifyBook(oracle!, book, book.rows, EFFORT)) {
    if (verdict.k === "refuted") refuted.push(`${row.name}: ${JSON.stringify(verdict.counterexample)}`);
    else if (verdict.k === "unknown") unknown.push(`${row.name}: ${verdict.why}`);
    else if (verdict.k === "tested") tested += verdict.cases > 0 ? 1 : 0;
  }
  return { refuted, unknown, tested };
}

test("no RISC-V row is refuted, and none is unknown but the system call", tools, async () => {
  const book = riscv64();
  const { refuted, unknown, tested } = await summary(book);
  assert.deepEqual(refuted, []);
  assert.deepEqual(unknown, ["ecall: a system call"]);
  assert.equal(tested, book.rows.length - 1);
});

/** Rows made wrong: each change is one that a person could make. */
const FAULTS: readonly (readonly [row: string, right: string, wrong: string])[] = [
  ["sub", "0100000  000  rs1 - rs2", "0100000  000  rs2 - rs1"],
  ["sltu", "011  zext(rs1 <u rs2)", "011  zext(rs1 <s rs2)"],
  ["lbu", "100  zext(mem<8>[a])", "100  sext(mem<8>[a])"],
  ["beq", "beq   000  rs1 == rs2", "beq   000  rs1 == rs2 + 1"],
  ["subw", "000  rs1[31:0] - rs2[31:0]", "000  rs1[31:0] - rs2[31:0] - 1"],
];

test("a wrong row is refuted, with a state that shows it", tools, async () => {
  for (const [name, from, to] of FAULTS) {
    assert.ok(riscv64Text.includes(from), `the book says "${from}"`);
    const book = riscv64(riscv64Text.replace(from, to));
    const row = book.rows.find((r) => r.name === name)!;
    const verdict = await verifyRow(oracle!, bind(book, oracle!.machine), row, {
      cases: 400,
      words: 10,
      seed: 3,
      slow: 400,
    });
    assert.equal(verdict.k, "refuted", `${name}: ${to}`);
    if (verdict.k === "refuted") assert.notEqual(verdict.counterexample.expected, verdict.counterexample.observed);
  }
});

test("a book of a machine that nobody has, against its stub", async () => {
  const { machine, options } = oddStub();
  const stub = await serveStub(machine, options);
  const text = readFileSync(new URL("../oracle/odd.rules", import.meta.url), "utf8");
  const name = `gdb:127.0.0.1:${stub.port}`;
  try {
    const odd = await gdbOracle(await tcpLink("127.0.0.1", stub.port, 1000), { name, patience: 3000 });
    const all = await coverage(odd, loadIsaBook(text), { words: 60, seed: 1 });
    assert.deepEqual(all, { executed: 60, decoded: 60, matched: 60 });
    // Without a row some words are not decoded; with a wrong one some do not match
    const fewer = await coverage(odd, loadIsaBook(text.replace(/^addi.*$/m, "")), { words: 60, seed: 1 });
    assert.ok(fewer.executed === 60 && fewer.decoded < 60 && fewer.matched === fewer.decoded);
    const wrong = await coverage(odd, loadIsaBook(text.replace("d = a + i", "d = a - i")), { words: 60, seed: 1 });
    assert.ok(wrong.decoded === 60 && wrong.matched < 60);
    await odd.close();
    // The same by the command line
    const file = new URL("../oracle/odd.rules", import.meta.url).pathname;
    const cli = await run("verify", file, "--oracle", name, "--random", "20", "--json");
    assert.equal(cli.stderr, "");
    assert.deepEqual(JSON.parse(cli.stdout), { executed: 20, decoded: 20, matched: 20 });
    const rows = await run("verify", file, "add", "--oracle", name, "--cases", "20", "--json");
    assert.equal(JSON.parse(rows.stdout).rows[0].verdict, "tested");
  } finally {
    stub.close();
  }
});

test("an oracle that is not there is one line and an exit status", async () => {
  const none = await run("verify", "riscv64", "--oracle", "gdb:127.0.0.1:1");
  assert.equal(none.status, 2);
  assert.match(none.stderr, /^sage: ORACLE_MISSING: /);
  const unknown = await run("verify", "riscv64", "--oracle", "crystal-ball");
  assert.match(unknown.stderr, /^sage: ORACLE_MISSING: there is no oracle crystal-ball/);
});
