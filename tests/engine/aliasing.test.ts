import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import { createMachine, type EngineKind } from "../../src/engine/create.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../src/memory/layout.ts";
import { loadIsaBook } from "../../src/rules/index.ts";

const CODE = 0x80000;
const DATA = 0x200000;
const book = loadIsaBook(readFileSync(new URL("../../rulebooks/isa/riscv64.rules", import.meta.url), "utf8"));
const interpreter = new WebAssembly.Module(interpreterBytes(book));

/** Runs the loop until its ebreak; what it left at DATA. */
function run(engine: EngineKind, lines: readonly string[]): string {
  const machine = createMachine({ book, interpreter }, { engine, strict: false, threshold: 5, ask: () => [0n] });
  machine.memory.map(CODE, 0x1000, PROT_READ | PROT_EXEC);
  machine.memory.map(DATA, 0x1000, PROT_READ | PROT_WRITE);
  let at = CODE;
  const bytes = lines.flatMap((line) => {
    const inst = book.assemble(line, at);
    at += inst.length;
    return [...inst];
  });
  machine.memory.poke(CODE, Uint8Array.from(bytes));
  machine.set(machine.slot("s0"), DATA, 0);
  machine.set(machine.slot("a5"), DATA + 64, 0);
  machine.set(machine.slot("s4"), 200, 0);
  machine.set(machine.slot("a3"), 0x77665544, 0);
  machine.set(machine.slot("s2"), 0x3dd15d00, 0);
  machine.pc = CODE;
  for (;;) {
    const stop = machine.run(20);
    machine.improve();
    if (stop.k === "fuel") continue;
    assert.deepEqual(stop, { k: "trap", name: "breakpoint" });
    if (engine === "wasm") assert.ok(machine.stats().regions! > 0, "compiled");
    return Buffer.from(machine.memory.read(DATA, 128)).toString("hex");
  }
}

const loop = [
  "sw a3, 0(a5)",
  "lbu t4, 1(a5)",
  "lbu t3, 2(a5)",
  "sd s2, 0(a5)",
  "lbu a7, 1(a5)",
  "lbu a6, 2(a5)",
  "sb t4, 5(s0)",
  "sb t3, 6(s0)",
  "sb a7, 13(s0)",
  "sb a6, 14(s0)",
  "amoadd.w a0, a3, (a5)",
  "amoadd.w a1, a3, (a5)",
  "sw a0, 20(s0)",
  "sw a1, 24(s0)",
  "addi s4, s4, -1",
];

test("loads of one address with a store between are two values, in compiled code too", () => {
  const lines = [...loop, `bnez s4, 0x${CODE.toString(16)}`, "ebreak"];
  const expected = run("eval", lines);
  assert.equal(expected.slice(10, 14), "5566");
  assert.equal(expected.slice(26, 30), "5dd1");
  assert.equal(run("interp", lines), expected);
  assert.equal(run("wasm", lines), expected);
});
