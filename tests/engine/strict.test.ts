// Faults in hot code of checked regions: the same pc, address, registers and memory as the evaluator's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import type { Stop } from "../../src/engine/cpu.ts";
import { createMachine, type EngineKind } from "../../src/engine/create.ts";
import type { Machine } from "../../src/engine/machine.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../src/memory/layout.ts";
import { loadIsaBook } from "../../src/rules/index.ts";

const path = new URL("../../rulebooks/isa/riscv64.rules", import.meta.url);
const book = loadIsaBook(readFileSync(path, "utf8"), { file: "riscv64.rules" });
const interpreter = new WebAssembly.Module(interpreterBytes(book));

const CODE = 0x20000;
const DATA = 0x30000;
const PAGE = 0x1000;
/** DATA: eight pages to read and write, then one to read, one that allows nothing, and no more. */
const WRITABLE = 8 * PAGE;
const STACK = 0x50000;

type Registers = Readonly<Record<string, bigint>>;

/** Lines are instructions or `label:`; `@label` is its address. */
function assemble(lines: readonly string[]): Uint8Array {
  const labels = new Map<string, number>();
  for (let pass = 0; ; pass++) {
    const bytes: number[] = [];
    let moved = false;
    for (const line of lines) {
      const pc = CODE + bytes.length;
      if (line.endsWith(":")) {
        moved ||= labels.get(line.slice(0, -1)) !== pc;
        labels.set(line.slice(0, -1), pc);
      } else
        bytes.push(
          ...book.assemble(
            line.replace(/@(\w+)/, (_, name: string) => `${labels.get(name) ?? pc}`),
            pc,
          ),
        );
    }
    if (!moved) return Uint8Array.from(bytes);
    assert.ok(pass < 10, "labels settle");
  }
}

function machine(engine: EngineKind, code: Uint8Array, registers: Registers): Machine {
  const made = createMachine({ book, interpreter }, { engine, strict: true, threshold: 10, ask: () => [0n] });
  const { memory } = made;
  memory.map(CODE, PAGE, PROT_READ | PROT_EXEC);
  memory.poke(CODE, code);
  memory.map(DATA, WRITABLE, PROT_READ | PROT_WRITE);
  memory.map(DATA + WRITABLE, PAGE, PROT_READ);
  memory.map(DATA + WRITABLE + PAGE, PAGE, 0);
  memory.map(STACK - PAGE, PAGE, PROT_READ | PROT_WRITE);
  book.slots.forEach((slot, i) => {
    if (/^[XF]/.test(slot.name)) made.state.setBig(i, BigInt(i) * 0x123456789abcdefn);
  });
  for (const [name, value] of Object.entries({ sp: BigInt(STACK), zero: 0n, ...registers }))
    made.state.setBig(book.slot(name)!, BigInt.asUintN(64, value));
  made.pc = CODE;
  return made;
}

/** Runs to the first stop, compiling early. */
function run(on: Machine): Stop {
  for (let i = 0; i < 200_000; i++) {
    const stop = on.run(12);
    if (stop.k !== "fuel") return stop;
  }
  throw new Error("no stop");
}

/** All that may be seen of a machine. */
function seen(on: Machine, stop: Stop): readonly string[] {
  const slots = book.slots.map((slot, i) => `${slot.name}=${on.state.getBig(i).toString(16)}`);
  const memory = [Buffer.from(on.memory.read(DATA, WRITABLE)), Buffer.from(on.memory.read(STACK - PAGE, PAGE))];
  const at = stop.k === "fault" ? `${stop.address.toString(16)} ${stop.access} ${stop.mapped} ${stop.precise}` : "";
  return [`${stop.k} ${at}`, `pc=${on.pc.toString(16)}`, ...slots, ...memory.map((bytes) => bytes.toString("hex"))];
}

/** Both machines stop alike; the compiled one in a region (the evaluator tells what is wrong, and only it counts). */
function same(code: readonly string[], registers: Registers, kind: Stop["k"] = "fault", inRegion = true): void {
  const bytes = assemble(code);
  const [wasm, reference] = [machine("wasm", bytes, registers), machine("eval", bytes, registers)];
  const [stop, expected] = [run(wasm), run(reference)];
  assert.equal(expected.k, kind, "the reference stops as the test means it to");
  assert.deepEqual(seen(wasm, stop), seen(reference, expected));
  assert.ok(wasm.stats().regions! > 0, "compiled");
  if (inRegion) assert.ok(wasm.stats().evaluated! > 0, "left a region for the evaluator");
}

const ACCESSES = [
  ...["sb", "sh", "sw", "sd", "lb", "lbu", "lh", "lhu", "lw", "lwu", "ld"].map((op) => `${op} a1, 4(a0)`),
  ...["fsw fa0, 4(a0)", "fsd fa0, 4(a0)", "flw fa0, 4(a0)", "fld fa0, 4(a0)"],
];
const ATOMICS = ["amoadd.d a1, a2, (a0)", "amoswap.w a1, a2, (a0)", "amomaxu.d a1, a2, (a0)", "lr.d a1, (a0)"];

/** Steps a0 by a2 until the access faults; half-done work before and after it in the block. */
const loop = (access: string): string[] => [
  "again:",
  "addi a3, a3, 1",
  "xor a4, a3, a0",
  "fadd.d fa1, fa1, fa2",
  "mulw a5, a4, a3",
  access,
  "add a6, a6, a1",
  "addi a3, a3, 3",
  "sub a4, a5, a6",
  "sd a4, -8(sp)",
  "add a0, a0, a2",
  "jal zero, @again",
];
const START: Registers = { a0: BigInt(DATA), a2: 8n, a3: 0n, a6: 0n };

for (const access of [...ACCESSES, ...ATOMICS]) {
  test(`${access}: into pages that forbid it or are not there`, () => {
    same(loop(access), START);
    if (access.endsWith("4(a0)")) same(loop(access), { ...START, a0: BigInt(DATA + 1), a2: 7n }); // over the edge
    same(loop(access), { ...START, a2: 0x200n });
    same(loop(access), { ...START, a0: BigInt(DATA + WRITABLE - PAGE), a2: -16n });
  });
}

test("null, and addresses with upper bits, after a hundred good ones", () => {
  for (const bad of [0n, 8n, 0xffffn, BigInt(DATA) + (1n << 32n), BigInt(DATA) | (1n << 63n), -8n, 0xfffffff8n]) {
    for (const access of ["ld a1, 0(a0)", "sd a1, 0(a0)", "sw a1, 0(a0)", "lbu a1, 0(a0)"]) {
      const code = [
        "again:",
        "addi a3, a3, 1",
        "slli a5, a3, 40",
        "bne a3, a7, @good",
        "addi a0, t0, 0",
        "good:",
        "addi a4, a4, 5",
        access,
        "add a6, a6, a1",
        "jal zero, @again",
      ];
      same(code, { ...START, a7: 100n, t0: bad });
    }
  }
});

test("in a function that saved registers and holds others", () => {
  const code = [
    "jal zero, @main",
    "store:",
    "addi sp, sp, -32",
    "sd s0, 0(sp)",
    "sd s1, 8(sp)",
    "addi s0, a0, 1",
    "addi t2, zero, 3",
    "inner:",
    "addi t2, t2, -1",
    "slli s1, s0, 33",
    "add a3, a3, s1",
    "bne t2, zero, @inner",
    "sd s1, 0(a0)",
    "addi a3, a3, 1",
    "ld s1, 8(sp)",
    "ld s0, 0(sp)",
    "addi sp, sp, 32",
    "jalr zero, 0(ra)",
    "main:",
    "addi s0, s0, 7",
    "again:",
    "addi s1, s1, 1",
    "add s2, s2, s0",
    "slli s3, s2, 35",
    "addi a0, a0, 8",
    "jal ra, @store",
    "add s4, s4, a3",
    "jal zero, @again",
  ];
  same(code, START);
});

test("endless recursion ends below the stack", () => {
  const code = [
    "down:",
    "addi sp, sp, -64",
    "sd ra, 56(sp)",
    "addi a3, a3, 1",
    "addi s1, s1, 5",
    "jal ra, @down",
    "add a4, a4, a3",
    "ld ra, 56(sp)",
    "addi sp, sp, 64",
    "jalr zero, 0(ra)",
  ];
  same(code, { ...START, sp: BigInt(DATA + WRITABLE) });
});

test("a jump away from code", () => {
  for (const to of [0n, BigInt(DATA), 0xdead_0000n, BigInt(CODE) | (1n << 40n)]) {
    const code = [
      "again:",
      "addi a3, a3, 1",
      "sd a3, 0(a0)",
      "bne a3, a7, @again",
      "addi a4, a4, 5",
      "jalr ra, 0(t0)",
      "jal zero, @again",
    ];
    same(code, { ...START, a7: 500n, t0: to }, "fault", false);
  }
});

test("a machine that is to be precise from some time on checks what it had compiled", () => {
  const bytes = assemble(loop("sd a1, 4(a0)"));
  const late = createMachine({ book, interpreter }, { engine: "wasm", strict: false, threshold: 10, ask: () => [0n] });
  const reference = machine("eval", bytes, START);
  const early = machine("wasm", bytes, START);
  late.memory.map(CODE, PAGE, PROT_READ | PROT_EXEC);
  late.memory.poke(CODE, bytes);
  late.memory.map(DATA, WRITABLE, PROT_READ | PROT_WRITE);
  late.memory.map(DATA + WRITABLE, PAGE, PROT_READ);
  late.memory.map(STACK - PAGE, PAGE, PROT_READ | PROT_WRITE);
  late.restore(early.save());
  late.pc = CODE;
  for (let i = 0; i < 20; i++) assert.equal(late.run(20).k, "fuel");
  const before = late.stats().regions!;
  assert.ok(before > 0, "compiled unchecked");
  late.bePrecise();
  const stop = run(late);
  assert.deepEqual(seen(late, stop), seen(reference, run(reference)));
  assert.ok(late.stats().regions! > before, "compiled again");
});
