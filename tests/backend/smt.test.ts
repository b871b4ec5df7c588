import assert from "node:assert/strict";
import test from "node:test";
import { proveRow } from "../../src/agent/verifier/prove.ts";
import { Random } from "../../src/agent/verifier/random.ts";
import { sameEffect } from "../../src/backend/smt/equal.ts";
import type { Solver } from "../../src/backend/smt/solver.ts";
import { bits, Terms } from "../../src/backend/smt/term.ts";
import * as ir from "../../src/ir/build.ts";
import { evalNode } from "../../src/ir/eval.ts";
import { type Node, Node as NodeClass, type Op } from "../../src/ir/node.ts";
import { z3 } from "../../src/oracle/node/z3.ts";
import { riscv64 } from "../isa/books.ts";

let solver: Solver;
test.before(async () => {
  solver = await z3(20_000);
});
test.after(() => solver.close());

const BINARY: Op[] = "add sub mul and or xor shl lshr ashr rol ror udiv sdiv urem srem eq ne ult ule slt sle".split(
  " ",
) as Op[];
const UNARY: Op[] = "not neg ctz clz popcnt bswap parity".split(" ") as Op[];
const COMPARES = new Set<Op>(["eq", "ne", "ult", "ule", "slt", "sle"]);

/** Each op's term on constants is what the evaluator says. */
test("terms mean what the evaluator says, op by op", async () => {
  const random = new Random(5);
  const terms = new Terms();
  const wrong: string[] = [];
  const machine = { getSlot: (slot: number): bigint => values[slot]! } as unknown as Parameters<typeof evalNode>[1];
  let values: bigint[] = [];
  const check = (node: Node, w: number, args: readonly bigint[]): void => {
    values = [...args];
    const expected = evalNode(node, machine);
    // The slots' values are put in by names of their own
    const fresh = new Terms();
    const name = fresh.of(node);
    const prefix = `c${terms.lines.length}_`;
    for (const line of fresh.lines) {
      const slot = /^\(declare-fun (s\d+) \(\) (.*)\)$/.exec(line);
      const named = line.replace(/\b([st]\d+)\b/g, `${prefix}$1`);
      terms.lines.push(
        slot
          ? `(define-fun ${prefix}${slot[1]} () ${slot[2]} ${bits(args[Number(slot[1]!.slice(1))]!, slot[1] === "s2" ? 1 : w)})`
          : named,
      );
    }
    wrong.push(`(not (= ${name.replace(/\b([st]\d+)\b/g, `${prefix}$1`)} ${bits(expected, node.w)}))`);
  };
  for (const w of [1, 3, 8, 16, 32, 64]) {
    const any = (): bigint =>
      random.chance(30) ? BigInt.asUintN(w, random.pick([0n, 1n, -1n, 1n << BigInt(w - 1)])) : random.bits(w);
    const [a, b, c] = [ir.get(0, w), ir.get(1, w), ir.get(2, 1)];
    for (const op of BINARY)
      for (let i = 0; i < 3; i++) check(new NodeClass(op, COMPARES.has(op) ? 1 : w, [a, b]), w, [any(), any(), 0n]);
    for (const op of UNARY)
      if (op !== "bswap" || w % 8 === 0) check(new NodeClass(op, op === "parity" ? 1 : w, [a]), w, [any(), 0n, 0n]);
    for (const op of ["carry", "overflow"] as const)
      for (let i = 0; i < 3; i++) check(new NodeClass(op, 1, [a, b, c]), w, [any(), any(), random.bits(1)]);
    check(new NodeClass("select", w, [c, a, b]), w, [any(), any(), random.bits(1)]);
    check(new NodeClass("sext", w + 5, [a]), w, [any(), 0n, 0n]);
  }
  assert.equal((await solver.check([...terms.lines, `(assert (or ${wrong.join(" ")}))`].join("\n"))).k, "unsat");
  // And a wrong one is found
  assert.equal((await solver.check(`(declare-const s1 (_ BitVec 8))(assert (= (bvmul s1 s1) #x09))`)).k, "sat");
});

test("instructions are equal to themselves and differ from others", async () => {
  const book = riscv64();
  const lift = (text: string) => book.lift(book.decode(book.assemble(text, 0x1000), 0)!, 0x1000);
  const pairs: readonly (readonly [string, string, "equal" | "differs"])[] = [
    ["add a0, a1, a2", "add a0, a2, a1", "equal"],
    ["sub a0, a1, a2", "sub a0, a2, a1", "differs"],
    ["slli a0, a1, 1", "add a0, a1, a1", "equal"],
    ["sltu a0, zero, a1", "sltiu a0, a1, 1", "differs"],
    ["ld a0, 8(a1)", "ld a0, 8(a1)", "equal"],
    ["ld a0, 8(a1)", "ld a0, 0(a1)", "differs"],
    ["lw a0, 8(a1)", "lwu a0, 8(a1)", "differs"],
    ["sd a0, 8(a1)", "sd a0, 8(a1)", "equal"],
    ["sd a0, 8(a1)", "sw a0, 8(a1)", "differs"],
    ["beq a0, a1, 0x1100", "beq a1, a0, 0x1100", "equal"],
    ["beq a0, a1, 0x1100", "bne a0, a1, 0x1100", "differs"],
    ["amoadd.d a0, a1, (a2)", "amoadd.d a0, a1, (a2)", "equal"],
    ["amoadd.d a0, a1, (a2)", "amoxor.d a0, a1, (a2)", "differs"],
    ["fadd.d fa0, fa1, fa2", "fadd.d fa0, fa1, fa2", "equal"],
    ["fadd.d fa0, fa1, fa2", "fsub.d fa0, fa1, fa2", "differs"],
  ];
  for (const [a, b, result] of pairs) {
    const answer = await sameEffect(solver, lift(a), lift(b));
    assert.equal(
      answer.k,
      result,
      `${a} and ${b}: ${JSON.stringify(answer, (_, v) => (typeof v === "bigint" ? String(v) : v))}`,
    );
  }
});

test("z3 proves rows equal to the wasm that is made of them", async () => {
  const book = riscv64();
  for (const name of ["add", "addiw", "sltu", "sraw", "slli", "ctz", "rol", "max", "beq", "lui", "c.addi"]) {
    const row = book.rows.find((r) => r.name === name)!;
    assert.deepEqual(await proveRow(solver, book, row, 2, 1), { k: "equal" }, name);
  }
  const row = book.rows.find((r) => r.name === "ld")!;
  assert.equal((await proveRow(solver, book, row, 1, 1)).k, "unknown");
});
