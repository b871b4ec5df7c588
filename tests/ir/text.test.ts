import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
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
  sext,
  trunc,
  undef,
  zext,
} from "../../src/ir/build.ts";
import { evalNode } from "../../src/ir/eval.ts";
import type { Effect, FpPolicy, Inst, Slot } from "../../src/ir/node.ts";
import { IrTextError, parseEffects, parseInst } from "../../src/ir/parse.ts";
import { effectsText, instText } from "../../src/ir/text.ts";
import { TestMachine } from "./machine.ts";
import { Random, tree } from "./random.ts";

const fp: FpPolicy = { name: "rv", nan: "canonical", toint: "saturate-max", tiny: "after" };
const slot = (name: string, w: number): Slot => ({ name, w, offset: 0, hidden: false });
const slots = [slot("X[1]", 64), slot("X[2]", 64), slot("fflags", 5), slot("F[1]", 64), slot("f.rm", 3)];
const names = { slots, policies: [fp] };
const x1 = get(0, 64);
const x2 = get(1, 64);

const amo = rmw(x1, binary("add", old(32), trunc(x2, 32)), { acq: true, rel: true });
const sum = fop("fadd", 64, [get(3, 64), get(3, 64), get(4, 3)], fp);
const word = load(binary("add", x1, constNum(64, -8)), 32, { aligned: true });
const time = ask("time", [], 0, 64);

const EXAMPLES: readonly [Inst, string][] = [
  [
    {
      pc: 0x1000,
      length: 4,
      row: "amoadd.w",
      effects: [
        { k: "rmw", node: amo },
        { k: "set", slot: 1, value: sext(amo, 64) },
      ],
    },
    `amoadd.w @0x1000 +4
  %1 = rmw:32(X[1]:64, add(old:32, extract(X[2]:64, 31:0))) acq rel
  X[2] = sext:64(%1)
`,
  ],
  [
    {
      pc: 0x10004,
      length: 4,
      row: "fadd.d",
      effects: [
        { k: "set", slot: 3, value: sum },
        { k: "set", slot: 2, value: binary("or", get(2, 5), trunc(fexc(sum), 5)) },
      ],
    },
    `fadd.d @0x10004 +4
  %1 = fadd{rv}(F[1]:64, F[1]:64, f.rm:3)
  F[1] = %1
  fflags = or(fflags:5, extract(fexc(%1), 4:0))
`,
  ],
  [
    {
      pc: 0,
      length: 2,
      row: "all",
      effects: [
        { k: "load", node: word },
        { k: "ask", node: time },
        { k: "store", addr: x2, value: word, mem: { rel: true } },
        { k: "fence", kind: "rw, w" },
        {
          k: "if",
          cond: compare("ult", zext(word, 64), time),
          then: [{ k: "trap", name: "misaligned" }],
          else: [{ k: "set", slot: 0, value: ask("time", [time], 1, 64) }],
        },
        { k: "if", cond: undef(1), then: [{ k: "stop", name: "fence.i" }], else: [] },
        { k: "jump", target: constNum(64, 2 ** 40), hint: "ret" },
      ],
    },
    `all @0x0 +2
  %1 = load:32(add(X[1]:64, -8:64)) aligned
  %2 = ask:64 time()
  mem[X[2]:64] = %1 rel
  fence rw, w
  if ult(zext:64(%1), %2) {
    trap misaligned
  } else {
    X[1] = ask:64 time@1(%2)
  }
  if undef:1 {
    stop fence.i
  }
  ret 0x10000000000:64
`,
  ],
];

for (const [inst, text] of EXAMPLES)
  test(`text of ${inst.row}`, () => {
    assert.equal(instText(inst, slots), text);
    assert.equal(instText(parseInst(text, names), slots), text);
  });

test("random values survive text", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 80 }), (seed, w) => {
      const r = new Random(seed);
      const raw = tree(r, w, 4, []);
      const effects: Effect[] = [{ k: "set", slot: 9, value: raw }];
      const text = effectsText(effects);
      const back = parseEffects(text);
      assert.equal(effectsText(back), text);
      const machine = new TestMachine([1n, 0n, 1n, 0n]);
      const first = back[0];
      assert.equal(evalNode(first.k === "set" ? first.value : raw, machine), evalNode(raw, machine));
    }),
    { numRuns: 1500 },
  );
});

const BAD: readonly [string, RegExp][] = [
  ["  X[1] = add(X[1]:64", /line 1: expected/],
  ["  X[1] = plus(X[1]:64, 1:64)", /no slot is called "plus"/],
  ["  X[9] = 1:64", /no slot is called "X\[9\]"/],
  ["  X[1] = %1", /%1 has no value yet/],
  ["  if 1:1 {\n    trap x", /line 2: expected "}"/],
  ["  X[1] = 1:64 2", /unexpected "2"/],
  ["  X[1] = sext(X[1]:64)x", /unexpected "x"/],
  ["  X[1] = fadd{none}(X[1]:64)", /no policy is called "none"/],
];
test("bad text is refused with its line", () => {
  for (const [text, said] of BAD)
    assert.throws(
      () => parseEffects(text, names),
      (e: unknown) => e instanceof IrTextError && said.test(e.message),
      text,
    );
  assert.throws(() => parseInst("add"), /expected ROW @0xPC \+LENGTH/);
  assert.throws(() => parseInst(""), /expected an instruction/);
});
