import assert from "node:assert/strict";
import test from "node:test";
import { llvmFunction, llvmText } from "../../../src/backend/llvm/function.ts";
import { Module } from "../../../src/backend/llvm/module.ts";
import { OPS as LOWERED } from "../../../src/backend/llvm/ops.ts";
import {
  ask,
  binary,
  compare,
  constNum,
  get,
  load,
  old,
  rmw,
  select,
  sext,
  undef,
  unknown,
  zext,
} from "../../../src/ir/build.ts";
import { checkInst } from "../../../src/ir/check.ts";
import { evalInst } from "../../../src/ir/eval.ts";
import { elem } from "../../../src/ir/lanes.ts";
import { type Effect, type FpPolicy, type Inst, Node, type Op, type Slot } from "../../../src/ir/node.ts";
import { OPS } from "../../../src/ir/ops.ts";
import { instText } from "../../../src/ir/text.ts";
import { TestMachine } from "../../ir/machine.ts";
import { Random, tree } from "../../ir/random.ts";
import { execute, missing, refused } from "./tools.ts";

const WIDTHS = [1, 3, 6, 8, 16, 24, 32, 64, 80, 128];
/** Two slots of each width. */
const slots: Slot[] = WIDTHS.flatMap((w, i) =>
  [0, 1].map((j) => ({ name: `r${w}.${j}`, w, offset: 32 * i + 16 * j, hidden: false })),
);
const slot = (w: number, which = 0): number => 2 * WIDTHS.indexOf(w) + which;
const reg = (w: number, which = 0): Node => get(slot(w, which), w);
const set = (value: Node): Effect => ({ k: "set", slot: slot(value.w), value });

const policy = (nan: FpPolicy["nan"], toint: FpPolicy["toint"]): FpPolicy => ({ name: nan, nan, toint, tiny: "after" });
const POLICIES = [policy("canonical", "saturate-max"), policy("arm", "zero"), policy("x87", "indefinite")];
const FORMATS = [16, 32, 64, 80];
const MODES = [...[0, 1, 2, 3, 4].map((rm) => constNum(3, rm)), reg(3)];

/** Every way to write an op over registers. */
function* samples(op: Op): Generator<Node> {
  const row = OPS[op];
  if (op === "map" || op === "ormap") {
    for (const w of [8, 16, 32, 64]) {
      const body = binary("xor", elem(w, 0), elem(w, 1));
      const args = [reg(128, 0), reg(128, 1)];
      yield new Node(op, op === "map" ? 128 : w, args, { aux: 128 / w, body });
    }
    return;
  }
  const tests = op === "feq" || op === "flt" || op === "fle";
  if (row.kind === "float") {
    for (const fp of POLICIES)
      for (const rm of tests ? [undefined] : MODES)
        for (const from of op === "s2f" || op === "u2f" ? [32, 64, 128] : FORMATS)
          for (const w of tests ? [1] : op.startsWith("f2s") || op === "f2u" ? [32, 64] : FORMATS) {
            const args: Node[] = Array.from({ length: row.arity! - (rm ? 1 : 0) }, (_, i) => reg(from, i % 2));
            if (rm) args.push(rm);
            const node = new Node(op, w, args, { fp });
            if (row.wrong(node) === undefined) yield node;
          }
    return;
  }
  for (const w of WIDTHS)
    for (const from of WIDTHS) {
      const widths = { carry: [from, from, 1], overflow: [from, from, 1], select: [1, w, w], concat: [from, w - from] }[
        op as string
      ];
      const args = (widths ?? Array(row.arity).fill(from)).map((x, i) =>
        WIDTHS.includes(x) ? reg(x, i % 2) : constNum(Math.max(x, 1), 5),
      );
      const node = new Node(op, w, args, { aux: op === "extract" ? Math.max(0, from - w) : 0 });
      if (row.wrong(node) === undefined) yield node;
    }
}

function inst(...effects: Effect[]): Inst {
  const one: Inst = { pc: 0x1000, length: 4, row: "test", effects };
  assert.deepEqual(checkInst(one, slots), []);
  return one;
}

test("LLVM takes every op at every width, format, policy and rounding mode", (t) => {
  const none = missing("llvm-as-19", "opt-19");
  if (none) return t.skip(none);
  const module = new Module();
  for (const op of Object.keys(LOWERED) as Op[]) {
    if (OPS[op].kind === "leaf" || OPS[op].kind === "effect" || op === "fexc") continue;
    let found = 0;
    for (const node of samples(op)) {
      found++;
      const effects = [set(node)];
      if (OPS[op].kind === "float") effects.push(set(new Node("fexc", 6, [node])));
      llvmFunction(module, `${op} ${found}`, [[inst(...effects)]], slots);
    }
    assert.ok(found > 0, op);
  }
  assert.equal(refused(module.toString()), "");
});

const address = reg(64);
const word = load(address, 32, { acq: true });
const EFFECTS: readonly Effect[][] = [
  [{ k: "load", node: word }, set(sext(word, 64))],
  [{ k: "store", addr: address, value: reg(128), mem: undefined }],
  [{ k: "store", addr: address, value: reg(32), mem: { rel: true } }],
  [{ k: "store", addr: address, value: reg(24), mem: undefined }],
  ...[
    binary("add", old(32), reg(32)),
    binary("sub", reg(32), old(32)),
    reg(32),
    select(compare("slt", old(32), reg(32)), old(32), reg(32)),
  ].map((body): Effect[] => {
    const node = rmw(address, body, { acq: true });
    return [{ k: "rmw", node }, set(sext(node, 64))];
  }),
  [{ k: "fence", kind: "rw, rw" }],
  [{ k: "if", cond: reg(1), then: [set(reg(64, 1)), { k: "trap", name: "breakpoint" }], else: [set(constNum(64, 1))] }],
  [{ k: "if", cond: reg(1), then: [{ k: "jump", target: address, hint: "jump" }], else: [] }, set(reg(64, 1))],
  [{ k: "if", cond: reg(1), then: [{ k: "trap", name: "a" }], else: [{ k: "trap", name: "b" }] }],
  [{ k: "stop", name: "fence.i" }],
  [set(undef(64)), set(unknown(32, 'what\n"it" does', []))],
];
const time = ask("time", [reg(32)], 0, 64);
EFFECTS[0].push({ k: "ask", node: time }, set(binary("add", time, ask("time", [time], 1, 64))));

test("LLVM takes every effect", (t) => {
  const none = missing("llvm-as-19", "opt-19");
  if (none) return t.skip(none);
  const module = new Module();
  for (const [i, effects] of EFFECTS.entries())
    llvmFunction(module, `effect ${i}`, [[inst(...effects), inst(set(address))]], slots);
  const blocks = EFFECTS.map((effects) => inst(...effects)).map((one, i) => [{ ...one, pc: one.pc + 4 * i }]);
  llvmFunction(module, "all", blocks, slots);
  assert.equal(refused(module.toString()), "");
});

test("text of a block", () => {
  const i = inst({
    k: "if",
    cond: compare("ult", reg(64), reg(64, 1)),
    then: [{ k: "jump", target: constNum(64, 0x2000), hint: "jump" }],
    else: [],
  });
  assert.equal(
    llvmText("b", [[i]], slots),
    `define { ptr, i64 } @b(ptr noalias %state, ptr noalias %memory) {
entry:
  br label %at1000
at1000:
  %v1 = getelementptr i8, ptr %state, i64 224
  %v2 = load i64, ptr %v1, align 8
  %v3 = getelementptr i8, ptr %state, i64 240
  %v4 = load i64, ptr %v3, align 8
  %v5 = icmp ult i64 %v2, %v4
  br i1 %v5, label %then6, label %else7
then6:
  br label %join8
else7:
  br label %join8
join8:
  %v9 = phi i1 [ true, %then6 ], [ false, %else7 ]
  %v10 = phi i64 [ 8192, %then6 ], [ 4100, %else7 ]
  br i1 %v9, label %leave11, label %on12
leave11:
  %v13 = insertvalue { ptr, i64 } poison, ptr null, 0
  %v14 = insertvalue { ptr, i64 } %v13, i64 %v10, 1
  ret { ptr, i64 } %v14
on12:
  %v15 = insertvalue { ptr, i64 } poison, ptr null, 0
  %v16 = insertvalue { ptr, i64 } %v15, i64 4100, 1
  ret { ptr, i64 } %v16
}
`,
  );
});

const STATE = 32 * WIDTHS.length;
const BLOCKS = 150;
const STATES = 8;

/** A tree over the test's slots instead of slots 0 to 3 of any width. */
function overSlots(node: Node): Node {
  if (node.op === "get") {
    if (node.w > 128) return new Node("zext", node.w, [reg(128, node.aux & 1)]);
    const w = WIDTHS.find((x) => x >= node.w)!;
    const whole = reg(w, node.aux & 1);
    return w === node.w ? whole : new Node("extract", node.w, [whole]);
  }
  return { ...node, args: node.args.map(overSlots) };
}

test("compiled by LLVM, random values are what the evaluator says", (t) => {
  const none = missing("llc-19", "gcc");
  if (none) return t.skip(none);
  const r = new Random(99);
  const module = new Module();
  const insts: Inst[] = [];
  for (let i = 0; i < BLOCKS; i++) {
    const w = r.pick(WIDTHS);
    const value = overSlots(tree(r, w, 3, []));
    const other = overSlots(tree(r, 64, 2, []));
    const cond = overSlots(tree(r, 1, 2, []));
    const stop: Effect[] = r.below(4) ? [set(other)] : [{ k: "trap", name: "t" }];
    const jump: Effect = { k: "jump", target: zext(reg(32), 64), hint: "jump" };
    insts.push(inst(set(value), { k: "if", cond, then: stop, else: r.below(2) ? [jump] : [] }));
    llvmFunction(module, `b${i}`, [[insts[i]]], slots);
  }
  assert.equal(missing("llvm-as-19") ?? refused(module.toString()), "");
  const input = new Uint8Array(BLOCKS * STATES * STATE);
  const view = new DataView(input.buffer);
  const put = (at: number, v: bigint): void => {
    view.setBigUint64(at, BigInt.asUintN(64, v), true);
    view.setBigUint64(at + 8, v >> 64n, true);
  };
  const starts = Array.from({ length: BLOCKS * STATES }, () => slots.map((s) => r.value(s.w)));
  for (const [i, start] of starts.entries()) for (const [s, v] of start.entries()) put(i * STATE + slots[s].offset, v);
  const names = Array.from({ length: BLOCKS }, (_, i) => `b${i}`);
  const main = `#include <stdio.h>
struct exit { const char *why; unsigned long pc; };
typedef struct exit block(void *, void *);
${names.map((n) => `block ${n};`).join("\n")}
static block *const blocks[] = {${names.join(", ")}};
int main(void) {
  static _Alignas(16) unsigned char state[${STATE}];
  for (int i = 0; i < ${BLOCKS}; i++) for (int j = 0; j < ${STATES}; j++) {
    if (fread(state, 1, ${STATE}, stdin) != ${STATE}) return 1;
    struct exit e = blocks[i](state, 0);
    unsigned long out[2] = {e.why != 0, e.pc};
    fwrite(state, 1, ${STATE}, stdout);
    fwrite(out, 1, 16, stdout);
  }
}
`;
  const output = execute(module.toString(), main, input);
  for (const [i, start] of starts.entries()) {
    const machine = new TestMachine([...start]);
    const one = insts[Math.floor(i / STATES)];
    const outcome = evalInst(one, machine);
    const at = i * (STATE + 16);
    const theirs = slots.map((s) => {
      const low = output.readBigUInt64LE(at + s.offset);
      return s.w <= 64 ? low : low | (output.readBigUInt64LE(at + s.offset + 8) << 64n);
    });
    assert.deepEqual(theirs, machine.slots, instText(one, slots));
    assert.equal(output.readBigUInt64LE(at + STATE), outcome.k === "trap" ? 1n : 0n);
    const pc = outcome.k === "jump" ? outcome.target : outcome.k === "trap" ? 0x1000n : 0x1004n;
    assert.equal(output.readBigUInt64LE(at + STATE + 8), pc);
  }
});
