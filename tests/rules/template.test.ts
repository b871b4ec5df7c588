import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { constNum, constPair, get } from "../../src/ir/build.ts";
import type { Effect, Node } from "../../src/ir/node.ts";
import { remake } from "../../src/ir/remake.ts";
import { type Decoded, type IsaBook, SINK, type Template } from "../../src/rules/book.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { mix, observe, randomState } from "./machine.ts";

const url = new URL("../../rulebooks/isa/riscv64.rules", import.meta.url);
const book = loadIsaBook(readFileSync(url, "utf8"), { file: "riscv64.rules" });
const PC = 0x12344;

/** The template's effects with its parameters filled in. A dropped write goes to slot SINK. */
function fill(t: Template, d: Decoded): Effect[] {
  const values = t.valueParams.map((p) => {
    const out = new Int32Array(3);
    p.compute(d.fields, PC, d.length, out, 1);
    return p.w <= 32 ? constNum(p.w, out[1] >>> 0) : constPair(p.w, out[1], out[2]);
  });
  const memo = new Map<Node, Node>();
  const node = (n: Node): Node => {
    let out = memo.get(n);
    if (!out) memo.set(n, (out = filled(n)));
    return out;
  };
  const slot = (n: number): number => {
    if (n >= 0) return n;
    const p = t.slotParams[-1 - n];
    const field = d.fields[p.field];
    return p.slots[field];
  };
  const filled = (n: Node): Node => {
    if (n.op === "param") return values[n.aux];
    if (n.op !== "get") return remake(n, n.args.map(node));
    const s = slot(n.aux);
    return s < 0 ? constNum(n.w, 0) : get(s, n.w);
  };
  const effect = (e: Effect): Effect => {
    switch (e.k) {
      case "load":
      case "rmw":
      case "ask":
        return { k: e.k, node: node(e.node) };
      case "store":
        return { ...e, addr: node(e.addr), value: node(e.value) };
      case "set":
        return { ...e, slot: slot(e.slot), value: node(e.value) };
      case "jump":
        return { ...e, target: node(e.target) };
      case "if":
        return { k: "if", cond: node(e.cond), then: effects(e.then), else: effects(e.else) };
      default:
        return e;
    }
  };
  const effects = (list: readonly Effect[]) => list.map(effect).filter((e) => e.k !== "set" || e.slot !== SINK);
  return effects(t.effects);
}

function seen(b: IsaBook, d: Decoded, effects: readonly Effect[], seed: bigint): unknown {
  const { outcome, machine } = observe(
    { pc: PC, length: d.length, row: d.row.name, effects },
    randomState(b.slots, seed),
  );
  const { hint, ...rest } = outcome as { hint?: string };
  return { rest, slots: machine.slots, written: [...machine.written], said: machine.said, hasHint: hint !== undefined };
}

test("every RISC-V row has a template, and it means what the lifted instruction means", () => {
  for (const row of book.rows) {
    const t = book.template(row);
    assert.ok(t, `${row.name}: ${book.templateGap(row)}`);
    for (let k = 0; k < 12; k++) {
      const seed = BigInt(row.index * 100 + k);
      const d: Decoded = {
        row,
        length: row.length,
        fields: row.fields.map((f, i) => fieldValue(f.width, f.signed, seed, i)),
      };
      assert.deepEqual(seen(book, d, fill(t, d), seed), seen(book, d, book.lift(d, PC).effects, seed), row.name);
    }
  }
});

/** Register 0 often, so that dropped writes and zero reads come up. */
function fieldValue(width: number, signed: boolean, seed: bigint, i: number): number {
  const r = mix(seed * 10n + BigInt(i));
  if ((r & 7n) === 0n) return 0;
  return Number(signed ? BigInt.asIntN(width, r >> 8n) : BigInt.asUintN(width, r >> 8n));
}
