import assert from "node:assert/strict";
import test from "node:test";
import { llvmFunction, llvmText } from "../../../src/backend/llvm/function.ts";
import { Module } from "../../../src/backend/llvm/module.ts";
import { checkInst } from "../../../src/ir/check.ts";
import { evalInst } from "../../../src/ir/eval.ts";
import type { FpPolicy, Inst, Node } from "../../../src/ir/node.ts";
import { parseInst } from "../../../src/ir/parse.ts";
import { instText, operands } from "../../../src/ir/text.ts";
import { TestMachine } from "../../ir/machine.ts";
import { Random } from "../../ir/random.ts";
import { encode, riscv64 } from "../../isa/books.ts";
import { execute, missing, refused } from "./tools.ts";

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
  for (const [i, inst] of all.entries()) llvmFunction(module, `${inst.row} ${i}`, [[inst]], book.slots);
  const r = new Random(3);
  for (let i = 0; i < 50; i++)
    llvmFunction(module, `block ${i}`, [Array.from({ length: 20 }, () => r.pick(all))], book.slots);
  assert.equal(refused(module.toString()), "");
});

const [T0, T1, T2, A0, A1, A2, T3, T4, T5] = [5, 6, 7, 10, 11, 12, 28, 29, 30];
/** Running sums of an array in place, the largest number kept by an atomic, and a division; fields in rows' order. */
const LOOP: readonly (readonly [string, ...number[]])[][] = [
  [
    ["addi", 0, 0, T0],
    ["addi", 0, 0, T1],
    ["addi", 512, A0, T5],
  ],
  [
    ["slli", 3, T1, T2],
    ["add", A0, T2, T2],
    ["ld", 0, T2, T3],
    ["add", T3, T0, T0],
    ["sd", 0, T0, T2],
    ["amomax.d", 0, 0, T3, T5, T4],
    ["divw", T1, T0, T4],
    ["xor", T4, A2, A2],
    ["addi", 1, T1, T1],
    ["blt", -36, A1, T1],
  ],
  [["addi", 0, T0, A0], ["ecall"]],
];

function assembled(): Inst[][] {
  let pc = PC;
  return LOOP.map((lines) =>
    lines.map(([name, ...fields]) => {
      const row = book.rows.find((r) => r.name === name)!;
      const one = book.lift(book.decode(encode(row, fields), 0)!, pc);
      pc += row.length;
      return one;
    }),
  );
}

test("a loop compiled by LLVM ends as the evaluator does", (t) => {
  const none = missing("llc-19", "gcc");
  if (none) return t.skip(none);
  const blocks = assembled();
  const [count, array, size] = [40, 64, 1024];
  const r = new Random(8);
  const numbers = Array.from({ length: count }, () => r.value(64));
  const last = book.slots[book.slots.length - 1];
  const state = last.offset + 16;
  const input = new Uint8Array(state + size);
  const view = new DataView(input.buffer);
  const slotOf = (name: string): number => book.slot(name)!;
  const machine = new TestMachine(book.slots.map(() => 0n));
  machine.map(0n, Array(size).fill(0));
  const start = (name: string, v: bigint): void => {
    machine.slots[slotOf(name)] = v;
    view.setBigUint64(book.slots[slotOf(name)].offset, v, true);
  };
  start("a0", BigInt(array));
  start("a1", BigInt(count));
  for (const [i, n] of numbers.entries()) {
    machine.store(BigInt(array + 8 * i), 64, n);
    view.setBigUint64(state + array + 8 * i, n, true);
  }
  const main = `#include <stdio.h>
#include <string.h>
struct exit { const char *why; unsigned long pc; };
struct exit loop(void *, void *);
int main(void) {
  static _Alignas(16) unsigned char all[${input.length}];
  if (fread(all, 1, sizeof all, stdin) != sizeof all) return 1;
  struct exit e = loop(all, all + ${state});
  if (!e.why || strcmp(e.why, "stop syscall") || e.pc != ${blocks[2][1].pc + 4}) return 2;
  fwrite(all, 1, sizeof all, stdout);
}
`;
  const output = execute(llvmText("loop", blocks, book.slots), main, input);
  const byPc = new Map(blocks.flat().map((one) => [one.pc, one]));
  for (let pc = PC; ; ) {
    const one = byPc.get(pc)!;
    const outcome = evalInst(one, machine);
    if (outcome.k === "stop") break;
    pc = outcome.k === "jump" ? Number(outcome.target) : pc + one.length;
  }
  for (const [i, s] of book.slots.entries()) assert.equal(output.readBigUInt64LE(s.offset), machine.slots[i], s.name);
  for (let at = 0; at < size; at++) assert.equal(output[state + at], machine.memory.get(BigInt(at)), `byte ${at}`);
  assert.notEqual(machine.slots[slotOf("a0")], BigInt(array));
});
