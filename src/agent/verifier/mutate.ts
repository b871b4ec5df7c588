import { constBig, constNum, constOf, get } from "../../ir/build.ts";
import type { Effect, Inst } from "../../ir/node.ts";
import { Node, type Op } from "../../ir/node.ts";
import { rewrite } from "../../ir/rewrite.ts";
import type { Random } from "./random.ts";

/**
 * Faults planted into an instruction's meaning, of the kinds that people make when they write rows: what a verifier
 * catches of them is what its word is worth.
 */
export interface Mutant {
  readonly what: string;
  readonly inst: Inst;
}

const OTHERS: Partial<Record<Op, readonly Op[]>> = {
  add: ["sub", "xor", "or"],
  sub: ["add", "xor"],
  and: ["or", "xor"],
  or: ["and", "xor", "add"],
  xor: ["or", "and", "sub"],
  mul: ["add"],
  shl: ["lshr", "rol"],
  lshr: ["ashr", "shl", "ror"],
  ashr: ["lshr"],
  rol: ["ror", "shl"],
  ror: ["rol", "lshr"],
  udiv: ["sdiv"],
  sdiv: ["udiv"],
  urem: ["srem"],
  srem: ["urem"],
  clz: ["ctz"],
  ctz: ["clz"],
  popcnt: ["ctz"],
  eq: ["ne"],
  ne: ["eq"],
  ult: ["ule", "slt"],
  ule: ["ult", "sle"],
  slt: ["sle", "ult"],
  sle: ["slt", "ule"],
  sext: ["zext"],
  zext: ["sext"],
  carry: ["overflow"],
  overflow: ["carry"],
  fadd: ["fsub"],
  fsub: ["fadd"],
  fmul: ["fadd"],
  feq: ["fle"],
  flt: ["fle"],
  fle: ["flt"],
  f2s: ["f2u"],
  f2u: ["f2s"],
  s2f: ["u2f"],
  u2f: ["s2f"],
};
/** Swapping their operands is a fault. */
const ORDERED = new Set<Op>(
  "sub shl lshr ashr rol ror udiv sdiv urem srem ult ule slt sle concat fsub fdiv flt fle".split(" ") as Op[],
);

/** All single faults of an instruction. */
export function mutantsOf(inst: Inst): Mutant[] {
  const out: Mutant[] = [];
  const nodes: Node[] = [];
  const seen = new Set<Node>();
  const walk = (n: Node): void => {
    if (seen.has(n)) return;
    seen.add(n);
    nodes.push(n);
    n.args.forEach(walk);
  };
  eachNode(inst.effects, walk);
  const plant = (what: string, at: Node, by: Node): void => void out.push({ what, inst: replace(inst, at, by) });
  const made = (n: Node, op: Op, args: readonly Node[], more: { aux?: number } = {}): Node =>
    new Node(op, n.w, args, {
      lo: n.lo,
      hi: n.hi,
      aux: more.aux ?? n.aux,
      fp: n.fp,
      mem: n.mem,
      name: n.name,
      body: n.body,
    });
  for (const n of nodes) {
    for (const op of OTHERS[n.op] ?? []) plant(`${n.op} becomes ${op}`, n, made(n, op, n.args));
    if (ORDERED.has(n.op) && n.args[0]!.w === n.args[1]!.w && n.args[0] !== n.args[1])
      plant(`operands of ${n.op} swapped`, n, made(n, n.op, [n.args[1]!, n.args[0]!, ...n.args.slice(2)]));
    if (n.op === "select") plant("arms of select swapped", n, made(n, "select", [n.args[0]!, n.args[2]!, n.args[1]!]));
    if (n.op === "extract" && n.aux > 0)
      plant("extract one bit lower", n, made(n, "extract", n.args, { aux: n.aux - 1 }));
    if (n.op === "const" && n.w > 1) {
      const v = constOf(n);
      plant("constant one more", n, constBig(n.w, BigInt.asUintN(n.w, v + 1n)));
      if (v !== 0n) plant("constant one less", n, constBig(n.w, v - 1n));
    }
    if (n.op === "get" && n.w === 1) plant("flag inverted", n, new Node("not", 1, [get(n.aux, 1)]));
  }
  // A write that is forgotten, a condition that always or never holds
  const drop = (list: readonly Effect[], rebuild: (list: readonly Effect[]) => Inst): void => {
    list.forEach((e, i) => {
      const others = [...list.slice(0, i), ...list.slice(i + 1)];
      if (e.k === "set" || e.k === "store" || e.k === "jump")
        out.push({ what: `${e.k} forgotten`, inst: rebuild(others) });
      if (e.k !== "if") return;
      const put = (replaced: Effect): Inst => rebuild([...list.slice(0, i), replaced, ...list.slice(i + 1)]);
      out.push({ what: "condition inverted", inst: put({ ...e, then: e.else, else: e.then }) });
      out.push({ what: "condition always true", inst: put({ ...e, cond: constNum(1, 1) }) });
      drop(e.then, (then) => put({ ...e, then }));
      drop(e.else, (other) => put({ ...e, else: other }));
    });
  };
  drop(inst.effects, (effects) => ({ ...inst, effects }));
  return out;
}

function eachNode(effects: readonly Effect[], f: (n: Node) => void): void {
  for (const e of effects) {
    if (e.k === "load" || e.k === "rmw" || e.k === "ask") f(e.node);
    else if (e.k === "store") {
      f(e.addr);
      f(e.value);
    } else if (e.k === "set") f(e.value);
    else if (e.k === "jump") f(e.target);
    else if (e.k === "if") {
      f(e.cond);
      eachNode(e.then, f);
      eachNode(e.else, f);
    }
  }
}

/** The instruction with one node in another's place, everywhere. */
function replace(inst: Inst, at: Node, by: Node): Inst {
  return rewrite(inst, (n) => (n === at ? by : undefined));
}

/** `n` of them, drawn without repeats. */
export function draw<T>(list: readonly T[], n: number, random: Random): T[] {
  const rest = [...list];
  const out: T[] = [];
  while (out.length < n && rest.length > 0) out.push(rest.splice(random.below(rest.length), 1)[0]!);
  return out;
}
