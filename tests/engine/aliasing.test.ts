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

/** Addresses in `early`: all of its instructions have four bytes. */
const LOOP = CODE + 12;
const FUNCTION = CODE + 48;
const RETURN = CODE + 72;
const hex = (address: number): string => `0x${address.toString(16)}`;

/**
 * A function that saves a register at 8(s0) and returns early where a0 is 0, restoring it; `between` comes after the
 * save. Every second call is such a one; results and the restored register are added up at 32(s0).
 */
const early = (between: string): string[] => [
  "addi a4, s0, 0",
  "addi s0, s0, 32",
  "li s3, 0",
  "andi a0, s4, 1",
  "addi s1, s4, 5",
  `jal ra, ${hex(FUNCTION)}`,
  "add s3, s3, s1",
  "add s3, s3, a1",
  "addi s4, s4, -1",
  `bnez s4, ${hex(LOOP)}`,
  "sd s3, 0(s0)",
  "ebreak",
  // FUNCTION
  "addi s0, s0, -32",
  "sd s1, 8(s0)",
  between,
  `beqz a0, ${hex(RETURN)}`,
  "addi s1, a0, 3",
  "add a1, s1, s1",
  // RETURN
  "ld s1, 8(s0)",
  "addi s0, s0, 32",
  "ret",
];

for (const [what, between] of [
  ["as it was saved", "nop"],
  ["stored to through another register", "sw a3, 8(a4)"],
  ["stored to in part", "sb a3, 9(s0)"],
  ["stored to beside", "sd a3, 16(s0)"],
] as const) {
  test(`a register restored by an early return, ${what}`, () => {
    const lines = early(between);
    for (const line of lines) assert.equal(book.assemble(line, CODE).length, 4, line);
    const expected = run("eval", lines);
    assert.equal(run("interp", lines), expected);
    assert.equal(run("wasm", lines), expected);
  });
}
