import assert from "node:assert/strict";
import test from "node:test";
import {
  ask,
  binary,
  compare,
  constNum,
  fexc,
  fop,
  get,
  load,
  old,
  rmw,
  select,
  undef,
  unknown,
  zext,
} from "../../src/ir/build.ts";
import { AccessFault, evalInst, type Outcome } from "../../src/ir/eval.ts";
import type { Effect, FpPolicy, Node } from "../../src/ir/node.ts";
import { TestMachine } from "./machine.ts";

const num = (n: number): Node => constNum(64, n);
const r = (slot: number): Node => get(slot, 64);
const set = (slot: number, value: Node): Effect => ({ k: "set", slot, value });
const store = (addr: number, value: Node): Effect => ({ k: "store", addr: num(addr), value, mem: undefined });

function run(machine: TestMachine, ...effects: Effect[]): Outcome {
  return evalInst({ pc: 0x100, length: 4, row: "t", effects }, machine);
}

test("sets are simultaneous and read the state before", () => {
  const m = new TestMachine([1n, 2n]);
  assert.deepEqual(run(m, set(0, r(1)), set(1, r(0))), { k: "next" });
  assert.deepEqual(m.slots, [2n, 1n]);
});

test("sets behind a jump and before a stop are in force", () => {
  const m = new TestMachine([0n, 0n]);
  const target = num(0x200);
  assert.deepEqual(run(m, { k: "jump", target, hint: "ret" }, set(0, num(5))), {
    k: "jump",
    target: 0x200n,
    hint: "ret",
  });
  assert.deepEqual(run(m, set(1, num(6)), { k: "stop", name: "syscall" }), { k: "stop", name: "syscall" });
  assert.deepEqual(m.slots, [5n, 6n]);
});

test("a trap drops all sets", () => {
  const m = new TestMachine([7n]);
  const trap: Effect = { k: "if", cond: compare("eq", r(0), num(7)), then: [{ k: "trap", name: "x" }], else: [] };
  assert.deepEqual(run(m, set(0, num(1)), trap, set(0, num(2))), { k: "trap", name: "x" });
  assert.deepEqual(m.slots, [7n]);
});

test("a fault drops all sets and is thrown", () => {
  const m = new TestMachine([7n]);
  const word = load(num(0x1000), 32);
  assert.throws(
    () => run(m, set(0, num(1)), { k: "load", node: word }),
    (e: unknown) => e instanceof AccessFault && e.address === 0x1000n && e.access === 1,
  );
  assert.deepEqual(m.slots, [7n]);
});

test("a load has the value of its place in the order", () => {
  const m = new TestMachine([0n, 0n]);
  m.map(0x1000n, [1, 0, 0, 0]);
  const first = load(num(0x1000), 32);
  const second = load(num(0x1000), 32);
  run(
    m,
    { k: "load", node: first },
    store(0x1000, constNum(32, 9)),
    { k: "load", node: second },
    set(0, zext(first, 64)),
    set(1, zext(second, 64)),
  );
  assert.deepEqual(m.slots, [1n, 9n]);
});

test("several stores: none happens when one faults", () => {
  const m = new TestMachine([7n]);
  m.map(0x1000n, [1, 2, 3, 4]);
  assert.throws(() => run(m, store(0x1000, constNum(16, 0)), store(0x1003, constNum(16, 0))), AccessFault);
  assert.equal(m.load(0x1000n, 32), 0x04030201n);
  assert.throws(() => run(m, store(0x1000, constNum(16, 0)), { k: "load", node: load(num(0x2000), 8) }), AccessFault);
  assert.equal(m.load(0x1000n, 32), 0x04030201n);
});

test("a trap behind a store keeps the store from happening", () => {
  const m = new TestMachine([1n]);
  m.map(0x1000n, [1]);
  assert.deepEqual(run(m, store(0x1000, constNum(8, 5)), { k: "trap", name: "x" }), { k: "trap", name: "x" });
  assert.equal(m.load(0x1000n, 8), 1n);
});

test("rmw gives the value before; its body may look at it twice", () => {
  const m = new TestMachine([5n, 0n]);
  m.map(0x1000n, [3, 0, 0, 0, 0, 0, 0, 0]);
  const before = old(64);
  const node = rmw(num(0x1000), select(compare("ult", before, r(0)), binary("add", before, r(0)), before));
  run(m, { k: "rmw", node }, set(1, node));
  assert.equal(m.slots[1], 3n);
  run(m, { k: "rmw", node }, set(1, node));
  assert.deepEqual([m.slots[1], m.load(0x1000n, 64)], [8n, 8n]);
});

test("a question is asked once, whatever its results are used for", () => {
  const m = new TestMachine([0n, 0n, 4n]);
  m.answers = [11n, 0x1_0000_0016n];
  const first = ask("cpuid", [r(2)], 0, 64);
  const second = ask("cpuid", [first], 1, 32);
  run(m, { k: "ask", node: first }, set(0, first), set(1, binary("add", zext(second, 64), zext(second, 64))));
  assert.deepEqual(m.slots, [11n, 44n, 4n]);
  assert.deepEqual(m.asked, [{ name: "cpuid", args: [4n] }]);
});

test("what is not known ends the instruction with its name, unless it is not chosen", () => {
  const m = new TestMachine([1n]);
  const gap = unknown(64, "AF", []);
  assert.deepEqual(run(m, set(0, gap)), { k: "unknown", name: "AF" });
  assert.deepEqual(m.slots, [1n]);
  assert.deepEqual(run(m, set(0, select(get(0, 1), num(3), gap))), { k: "next" });
  assert.deepEqual(run(m, set(0, undef(64, num(4)))), { k: "next" });
  assert.deepEqual(m.slots, [4n]);
});

test("exceptions are those of the very op", () => {
  const fp: FpPolicy = { name: "t", nan: "canonical", toint: "saturate-max", tiny: "after" };
  const m = new TestMachine([0x3ff0000000000000n, 0x4008000000000000n, 0n, 0n]);
  const third = fop("fdiv", 64, [r(0), r(1), constNum(3, 0)], fp);
  run(m, set(2, third), set(3, zext(fexc(third), 64)));
  assert.deepEqual(m.slots.slice(2), [0x3fd5555555555555n, 1n]);
});
