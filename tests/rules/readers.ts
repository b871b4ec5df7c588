import assert from "node:assert/strict";
import test from "node:test";
import { llvmFunction } from "../../src/backend/llvm/function.ts";
import { Module } from "../../src/backend/llvm/module.ts";
import { Code, I32, I64 } from "../../src/backend/wasm/code.ts";
import { Lower, type LowerEnv } from "../../src/backend/wasm/lower.ts";
import { unlowerable } from "../../src/backend/wasm/lowerable.ts";
import { ModuleBuilder } from "../../src/backend/wasm/module.ts";
import { W } from "../../src/backend/wasm/opcodes.ts";
import { naturalType, ZERO } from "../../src/backend/wasm/values.ts";
import { get } from "../../src/ir/build.ts";
import { checkInst } from "../../src/ir/check.ts";
import type { Effect, FpPolicy, Inst, Node } from "../../src/ir/node.ts";
import { OPS } from "../../src/ir/ops.ts";
import { parseInst } from "../../src/ir/parse.ts";
import { remake } from "../../src/ir/remake.ts";
import { instText } from "../../src/ir/text.ts";
import type { IsaBook } from "../../src/rules/book.ts";
import { missing, refused } from "../backend/llvm/tools.ts";
import { mix } from "./machine.ts";

/** Tests that instructions of a book go through the readers behind the IR: checker, text, LLVM, wasm. */
export function throughReaders(book: IsaBook, insts: readonly Inst[], atLeast: number): void {
  test(`${book.name}: lifted instructions keep the IR's rules`, () => {
    for (const inst of insts) assert.deepEqual(checkInst(inst, book.slots), [], inst.row);
  });

  test(`${book.name}: the IR's text reads back`, () => {
    const policies = [...new Set(insts.flatMap((i) => valuesOf(i.effects)).flatMap(policiesOf))];
    for (const inst of insts) {
      const text = instText(inst, book.slots);
      assert.equal(instText(parseInst(text, { slots: book.slots, policies }), book.slots), text);
    }
  });

  test(`${book.name}: LLVM takes the instructions`, { skip: missing("llvm-as-19", "opt-19") ?? false }, () => {
    const module = new Module();
    insts.forEach((inst, i) => {
      llvmFunction(module, `${inst.row}.${i}`, [[inst]], book.slots);
    });
    assert.equal(refused(module.toString()), "");
  });

  test(`${book.name}: wasm computes what the evaluator does`, () => {
    const values = insts.flatMap((i) => valuesOf(i.effects)).map(withLeaves);
    const narrow = (n: Node): boolean => n.w <= 64 && [...nodesOf(n)].every((x) => x.op !== "get" || x.w <= 64);
    const fit = values.filter(
      (v) =>
        narrow(v.node) &&
        v.leaves <= LEAVES &&
        nodesOf(v.node).size < 80 &&
        unlowerable(v.node) === undefined &&
        !floats(v.node),
    );
    assert.ok(fit.length >= atLeast, `${fit.length} of ${values.length} values are for wasm`);
    const run = compile(fit.map((v) => v.node));
    for (let seed = 0; seed < 4; seed++) {
      const leaves = Array.from({ length: LEAVES }, (_, i) => mix(BigInt(seed * 100 + i)) >> BigInt(seed * 8));
      const got = run(leaves);
      fit.forEach(({ node }, i) => {
        assert.equal(got[i], BigInt.asUintN(64, evaluate(node, leaves)), `value ${i} of ${book.name}`);
      });
    }
  });
}

const LEAVES = 8;

function valuesOf(effects: readonly Effect[]): Node[] {
  return effects.flatMap((e) => {
    if (e.k === "set") return [e.value];
    if (e.k === "store") return [e.addr, e.value];
    if (e.k === "jump") return [e.target];
    return e.k === "if" ? [e.cond, ...valuesOf(e.then), ...valuesOf(e.else)] : [];
  });
}

/** Every node once: values share their parts. */
function nodesOf(n: Node, seen = new Set<Node>()): Set<Node> {
  if (!seen.has(n)) {
    seen.add(n);
    for (const a of n.args) nodesOf(a, seen);
  }
  return seen;
}

const policiesOf = (n: Node): FpPolicy[] => [...nodesOf(n)].flatMap((x) => x.fp ?? []);
const floats = (n: Node): boolean => [...nodesOf(n)].some((x) => OPS[x.op].kind === "float" || x.op === "undef");

/** The value over numbered leaves instead of state and memory. */
function withLeaves(value: Node): { node: Node; leaves: number } {
  const numbers = new Map<string | Node, number>();
  const memo = new Map<Node, Node>();
  const visit = (n: Node): Node => {
    let out = memo.get(n);
    if (out) return out;
    if (n.op === "get" || n.op === "load" || n.op === "rmw" || n.op === "ask") {
      const key = n.op === "get" ? `${n.aux}` : n;
      const number = numbers.get(key) ?? numbers.size;
      numbers.set(key, number);
      out = get(number, n.w);
    } else out = remake(n, n.args.map(visit));
    memo.set(n, out);
    return out;
  };
  return { node: visit(value), leaves: numbers.size };
}

function evaluate(node: Node, leaves: readonly bigint[], memo = new Map<Node, bigint>()): bigint {
  let out = memo.get(node);
  if (out === undefined) memo.set(node, (out = computed(node, leaves, memo)));
  return out;
}

function computed(node: Node, leaves: readonly bigint[], memo: Map<Node, bigint>): bigint {
  if (node.op === "get") return BigInt.asUintN(node.w, leaves[node.aux]);
  if (node.op === "const") return node.big ?? BigInt.asUintN(node.w, (BigInt(node.hi) << 32n) | BigInt(node.lo >>> 0));
  if (node.op === "select")
    return evaluate(node.args[evaluate(node.args[0], leaves, memo) !== 0n ? 1 : 2], leaves, memo);
  const value = OPS[node.op].value;
  assert.ok(value, node.op);
  return value(
    node,
    node.args.map((a) => evaluate(a, leaves, memo)),
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
  leafFloat: () => assert.fail("no floats here"),
  floatHost: () => assert.fail("no floats here"),
  leafChunk: () => assert.fail("no wide leaves here"),
  leafWord: () => assert.fail("no wide leaves here"),
  leafPart: () => assert.fail("no wide leaves here"),
  leafSext32: () => false,
  floatOp: () => assert.fail("no floats here"),
};

function compile(nodes: readonly Node[]): (leaves: readonly bigint[]) => bigint[] {
  const module = new ModuleBuilder();
  const type = module.type(Array(LEAVES).fill(I64), [I64]);
  nodes.forEach((node, i) => {
    const code = new Code(Array(LEAVES).fill(I64));
    const lower = new Lower(code, env);
    lower.demand.full(node);
    lower.emit(node, ZERO);
    if (naturalType(node.w) === I32) code.op(W.i64_extend_i32_u);
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
