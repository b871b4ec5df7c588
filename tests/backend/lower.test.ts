import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { Code, I32, I64 } from "../../src/backend/wasm/code.ts";
import { Lower, type LowerEnv } from "../../src/backend/wasm/lower.ts";
import { unlowerable } from "../../src/backend/wasm/lowerable.ts";
import { ModuleBuilder } from "../../src/backend/wasm/module.ts";
import { W } from "../../src/backend/wasm/opcodes.ts";
import { naturalType, ZERO } from "../../src/backend/wasm/values.ts";
import * as ir from "../../src/ir/build.ts";
import type { Node, Op } from "../../src/ir/node.ts";
import { OPS } from "../../src/ir/ops.ts";

const LEAVES = 3;
const WIDTHS = [1, 3, 5, 8, 12, 16, 31, 32, 33, 48, 63, 64];

/** The reference: op by op from the table. */
function evaluate(node: Node, leaves: readonly bigint[]): bigint {
  if (node.op === "get") return BigInt.asUintN(node.w, leaves[node.aux]!);
  if (node.op === "const") return node.big ?? BigInt.asUintN(node.w, (BigInt(node.hi) << 32n) | BigInt(node.lo >>> 0));
  const value = OPS[node.op].value;
  assert.ok(value, node.op);
  return value(
    node,
    node.args.map((arg) => evaluate(arg, leaves)),
  );
}

/** Leaves are i64 parameters. */
const env: LowerEnv = {
  leaf(l, node, want) {
    l.code.get(node.aux);
    if (node.w <= 32) l.code.op(W.i32_wrap_i64);
    l.clean(node.w, want);
  },
  leafLow(l, node) {
    l.code.get(node.aux);
    l.code.op(W.i32_wrap_i64);
  },
  leafFloat() {
    assert.fail("no floats here");
  },
  floatHost: () => assert.fail("no floats here"),
  leafChunk: () => assert.fail("no wide leaves here"),
  leafWord: () => assert.fail("no wide leaves here"),
  leafPart: () => assert.fail("no wide leaves here"),
  leafSext32: () => false,
  floatOp() {
    assert.fail("no floats here");
  },
};

function compile(nodes: readonly Node[]): (leaves: readonly bigint[]) => bigint[] {
  const module = new ModuleBuilder();
  const type = module.type(Array(LEAVES).fill(I64), [I64]);
  nodes.forEach((node, i) => {
    const code = new Code(Array(LEAVES).fill(I64));
    const lower = new Lower(code, env);
    // Twice, in two ways, so that keeping of values is exercised.
    lower.demand.full(node);
    lower.demand.low(node);
    const total = code.freshLocal(I32);
    lower.low(node);
    code.set(total);
    lower.emit(node, ZERO);
    if (naturalType(node.w) === I32) code.op(W.i64_extend_i32_u);
    // The low half, once more: must agree below the width.
    code.get(total);
    code.op(W.i64_extend_i32_u);
    const mask = node.w >= 32 ? -1 : 2 ** node.w - 1;
    code.i64(mask, 0);
    code.op(W.i64_and);
    const low = code.freshLocal(I64);
    const full = code.freshLocal(I64);
    code.set(low);
    code.tee(full);
    code.i64(0x55555555, 0x55555555);
    code.get(full);
    code.i64(-1, 0);
    code.op(W.i64_and);
    code.get(low);
    code.op(W.i64_eq);
    code.op(W.select);
    const func = module.func(type);
    module.body(func, code);
    module.exportFunc(`f${i}`, func);
  });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build()));
  return (leaves) =>
    nodes.map((_, i) => {
      const f = instance.exports[`f${i}`] as (...args: bigint[]) => bigint;
      return BigInt.asUintN(64, f(...leaves.map((v) => BigInt.asIntN(64, v))));
    });
}

const UNARY: Op[] = ["not", "neg", "ctz", "clz", "popcnt", "parity"];
const BINARY: Op[] = "add sub mul and or xor shl lshr ashr udiv sdiv urem srem".split(" ") as Op[];
const COMPARE: Op[] = ["eq", "ne", "ult", "ule", "slt", "sle"];

type Draw = (below: number) => number;

function random(seed: number): Draw {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A random value of `w` bits. */
function build(draw: Draw, w: number, depth: number): Node {
  if (depth === 0 || draw(8) === 0) {
    if (draw(3) > 0) return ir.get(draw(LEAVES), w);
    return ir.constPair(w, draw(4) === 0 ? -draw(70) : draw(0x7fffffff) - draw(70), draw(3) - 1);
  }
  const sub = (width: number): Node => build(draw, width, depth - 1);
  const other = WIDTHS[draw(WIDTHS.length)]!;
  switch (draw(9)) {
    case 0: {
      const op = UNARY[draw(UNARY.length - 1)]!;
      return ir.unary(op, sub(w));
    }
    case 1:
    case 2:
      return ir.binary(BINARY[draw(BINARY.length)]!, sub(w), sub(w));
    case 3:
      return ir.select(sub(1), sub(w), sub(w));
    case 4:
      return other < w ? ir.sext(sub(other), w) : ir.extract(sub(other), draw(other - w + 1), w);
    case 5:
      return other < w ? ir.zext(sub(other), w) : ir.extract(sub(other), draw(other - w + 1), w);
    case 6:
      if (w === 1) {
        const [a, b] = [sub(other), sub(other)];
        if (draw(3) > 0) return ir.compare(COMPARE[draw(COMPARE.length)]!, a, b);
        return draw(2) ? ir.carry(a, b, sub(1)) : draw(2) ? ir.overflow(a, b, sub(1)) : ir.unary("parity", a);
      }
      return other < w ? ir.concat(sub(w - other), sub(other)) : sub(w);
    case 7:
      if (w === 64) {
        const extend = (): Node => (draw(2) ? ir.sext(sub(64), 128) : ir.zext(sub(64), 128));
        return ir.extract(ir.binary("mul", extend(), extend()), draw(2) * 64, 64);
      }
      if ([8, 16, 32].includes(w))
        return draw(3) ? ir.binary(draw(2) ? "rol" : "ror", sub(w), sub(w)) : ir.unary("bswap", sub(w));
      return sub(w);
    default: {
      // Shared parts.
      const a = sub(w);
      return ir.binary(BINARY[draw(BINARY.length)]!, a, ir.binary("xor", a, sub(w)));
    }
  }
}

test("lowered values equal the op table on random graphs", () => {
  const edges = [
    0n,
    1n,
    0x7fffffffn,
    0x80000000n,
    0xffffffffn,
    1n << 63n,
    (1n << 63n) - 1n,
    (1n << 64n) - 1n,
    0xffffffff80000000n,
  ];
  const leaf = fc.oneof(
    fc.constantFrom(...edges),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.bigInt({ min: 0n, max: 80n }),
  );
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(fc.array(leaf, { minLength: LEAVES, maxLength: LEAVES }), { minLength: 6, maxLength: 6 }),
      (seed, inputs) => {
        const draw = random(seed);
        const nodes: Node[] = [];
        while (nodes.length < 20) {
          const node = build(draw, WIDTHS[draw(WIDTHS.length)]!, 4);
          if (unlowerable(node) === undefined) nodes.push(node);
        }
        const run = compile(nodes);
        for (const input of inputs)
          assert.deepEqual(
            run(input),
            nodes.map((node) => evaluate(node, input)),
          );
      },
    ),
    { numRuns: 150 },
  );
});
