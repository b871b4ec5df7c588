// Slices of what the scripts do at length: programs' blocks, and planted faults.
import assert from "node:assert/strict";
import test from "node:test";
import { bind } from "../../src/agent/verifier/bind.ts";
import { mutationCampaign } from "../../src/agent/verifier/mutation.ts";
import { batchOracle } from "../../src/oracle/node/batch.ts";
import { z3 } from "../../src/oracle/node/z3.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { run } from "../cli/sage.ts";
import { riscv64Text } from "../isa/books.ts";
import { installed, needs } from "../isa/tools.ts";

const tools = needs(
  installed("qemu-riscv64") && installed("riscv64-linux-gnu-gcc"),
  "qemu-riscv64 or riscv64-linux-gnu-gcc",
);
const sample = new URL("../../samples/echo-riscv64", import.meta.url).pathname;

test("every instruction that a program executes is right", tools, async () => {
  const { status, stdout, stderr } = await run("eval", "blocks", sample, "--cases", "8", "--json");
  assert.equal(stderr, "");
  const [report] = JSON.parse(stdout);
  assert.equal(status, 0);
  assert.ok(report.blocks > 10 && report.executed > 5000, stdout);
  assert.equal(report.matchedBlocks, report.blocks);
  assert.equal(report.matchedExecuted, report.executed);
  assert.deepEqual(report.apart, { "a system call": 1 });
});

test("planted faults are caught", tools, async () => {
  const book = loadIsaBook(riscv64Text, { file: "riscv64.rules" });
  const oracle = batchOracle("riscv64", { on: "qemu" });
  const solver = await z3(3000);
  try {
    const result = await mutationCampaign(oracle, bind(book, oracle.machine), solver, {
      faults: 40,
      states: 100,
      seed: 1,
    });
    assert.equal(result.planted, 40);
    assert.equal(result.caught + result.equivalent + result.missed.length, 40);
    assert.deepEqual(result.missed, []);
  } finally {
    solver.close();
    await oracle.close();
  }
});
