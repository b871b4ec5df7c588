import assert from "node:assert/strict";
import test from "node:test";
import { binary, constNum, fexc, get, load, old, param, rmw, sext } from "../../src/ir/build.ts";
import { checkEffects, checkInst } from "../../src/ir/check.ts";
import { type Effect, Node, type Slot } from "../../src/ir/node.ts";

const slots: Slot[] = [
  { name: "a", w: 64, offset: 0, hidden: false },
  { name: "f", w: 1, offset: 8, hidden: false },
];
const a = get(0, 64);
const f = get(1, 1);
const word = load(a, 32);
const again = rmw(a, binary("add", old(32), word));
const set = (value: Node, slot = 0): Effect => ({ k: "set", slot, value });
const wrong = (...effects: Effect[]): readonly string[] => checkInst({ pc: 0, length: 4, row: "r", effects }, slots);

test("a right instruction has nothing wrong", () => {
  const effects: Effect[] = [
    { k: "load", node: word },
    { k: "rmw", node: again },
    { k: "if", cond: f, then: [set(sext(word, 64)), { k: "jump", target: a, hint: "jump" }], else: [set(a)] },
    { k: "jump", target: a, hint: "jump" },
    set(f, 1),
  ];
  assert.deepEqual(wrong(...effects), []);
});

const CASES: readonly [string, readonly Effect[]][] = [
  ["set: a has 64 bits, not 32", [set(get(5, 32))]],
  ["get: no slot 5", [set(get(5, 64))]],
  ["load is used before its effect", [set(sext(word, 64)), { k: "load", node: word }]],
  [
    "load is used before its effect",
    [{ k: "if", cond: f, then: [{ k: "load", node: word }], else: [] }, set(sext(word, 64))],
  ],
  [
    "load happens twice",
    [
      { k: "load", node: word },
      { k: "load", node: word },
    ],
  ],
  ["effect rmw has a node load", [{ k: "rmw", node: word }]],
  ["old outside an rmw", [set(old(64))]],
  ["param outside a template", [set(param(64, 0))]],
  ["if: condition is i64", [{ k: "if", cond: a, then: [], else: [] }]],
  ["jump: target is i1", [{ k: "jump", target: f, hint: "jump" }]],
  ["store: i1 is not a whole number of bytes", [{ k: "store", addr: a, value: f, mem: undefined }]],
  [
    "trap after the instruction was left",
    [
      { k: "jump", target: a, hint: "jump" },
      { k: "trap", name: "x" },
    ],
  ],
  ["trap without a name", [{ k: "trap", name: "" }]],
  ["add (i64): arguments and result differ in width", [set(new Node("add", 64, [a, f]))]],
  ["add (i64): 1 arguments", [set(new Node("add", 64, [a]))]],
  ["const (i80): wrong form of constant", [set(new Node("extract", 64, [new Node("const", 80, [], { lo: 1 })]))]],
  ["fexc of get", [set(new Node("fexc", 6, [a]))]],
  ["sext (i64): result is narrower than the argument", [set(new Node("sext", 64, [new Node("concat", 65, [a, f])]))]],
  ["fadd (i64): no floating-point policy", [set(new Node("fadd", 64, [a, a, constNum(3, 0)]))]],
];
for (const [said, effects] of CASES)
  test(`reported: ${said}`, () => {
    assert.ok(wrong(...effects).includes(said), JSON.stringify(wrong(...effects)));
  });

test("templates may have parameters and slot parameters", () => {
  assert.deepEqual(checkEffects([set(param(64, 0), -1), set(get(-2, 64))], slots, true), []);
  assert.notDeepEqual(checkEffects([set(param(64, 0), -1)], slots, false), []);
});

test("fexc of what raises nothing is 0", () => {
  assert.equal(fexc(new Node("fneg", 64, [a])).op, "const");
});
