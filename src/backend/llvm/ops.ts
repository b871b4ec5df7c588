import { constOf, small } from "../../ir/fold.ts";
import type { Node, Op } from "../../ir/node.ts";
import { unroll } from "../../ir/remake.ts";
import type { Body } from "./body.ts";
import { FLOAT } from "./float.ts";

/** What a lowering may ask for: the text being written and the LLVM value of a node. */
export interface Values {
  readonly body: Body;
  /** LLVM name or literal of a node's value. */
  of(node: Node): string;
  slot(number: number): string;
  /** The value before, inside an rmw. */
  old(): string;
  /** Value that an effect left behind. */
  made(node: Node): string;
}

/** Writes a node's computation, answers the LLVM value. One entry an op: the type checker reports what is missing. */
export type Lower = (v: Values, n: Node) => string;

const type = (n: Node): string => `i${n.w}`;
const typed = (v: Values, n: Node): string => `${type(n)} ${v.of(n)}`;

const simple =
  (instruction: string): Lower =>
  (v, n) =>
    v.body.value(`${instruction} ${typed(v, n.args[0])}, ${v.of(n.args[1])}`);

const test =
  (predicate: string): Lower =>
  (v, n) =>
    v.body.value(`icmp ${predicate} ${typed(v, n.args[0])}, ${v.of(n.args[1])}`);

/** A shift by the width or more is poison in LLVM and 0 here. */
const shift =
  (instruction: string): Lower =>
  (v, n) => {
    const [a, k] = n.args;
    const result = v.body.value(`${instruction} ${typed(v, a)}, ${v.of(k)}`);
    if (small(k) >= 0 && small(k) < n.w) return result;
    const inside = v.body.value(`icmp ult ${typed(v, k)}, ${literal(BigInt(n.w), n.w)}`);
    return v.body.value(`select i1 ${inside}, ${type(n)} ${result}, ${type(n)} 0`);
  };

const arithmeticShift: Lower = (v, n) => {
  const [a, k] = n.args;
  const last = literal(BigInt(n.w - 1), n.w);
  const amount = v.body.call(`llvm.umin.${type(n)}`, type(n), [typed(v, k), `${type(n)} ${last}`]);
  return v.body.value(`ashr ${typed(v, a)}, ${amount}`);
};

const literal = (value: bigint, w: number): string =>
  w === 1 ? `${(value & 1n) === 1n}` : BigInt.asIntN(w, value).toString();

const rotate =
  (intrinsic: string): Lower =>
  (v, n) =>
    v.body.call(`llvm.${intrinsic}.${type(n)}`, type(n), [
      typed(v, n.args[0]),
      typed(v, n.args[0]),
      typed(v, n.args[1]),
    ]);

/** Division is total here; the divisor is replaced where LLVM has none or traps. */
const divide =
  (instruction: string, signed: boolean, remainder: boolean): Lower =>
  (v, n) => {
    const b = v.body;
    const t = type(n);
    const [x, y] = [v.of(n.args[0]), v.of(n.args[1])];
    const none = b.value(`icmp eq ${t} ${y}, 0`);
    let bad = none;
    if (signed) {
      const least = b.value(`icmp eq ${t} ${x}, ${literal(1n << BigInt(n.w - 1), n.w)}`);
      const minusOne = b.value(`icmp eq ${t} ${y}, -1`);
      bad = b.value(`or i1 ${none}, ${b.value(`and i1 ${least}, ${minusOne}`)}`);
    }
    // In i1 the one divisor left, 1 = -1, is wrong for sdiv too; there x / y is x and x % y is 0.
    if (n.w === 1)
      return remainder ? b.value(`select i1 ${none}, i1 ${x}, i1 0`) : b.value(`select i1 ${none}, i1 1, i1 ${x}`);
    const safe = b.value(`select i1 ${bad}, ${t} 1, ${t} ${y}`);
    const result = b.value(`${instruction} ${t} ${x}, ${safe}`);
    return b.value(`select i1 ${none}, ${t} ${remainder ? x : "-1"}, ${t} ${result}`);
  };

const zeros =
  (intrinsic: string): Lower =>
  (v, n) =>
    v.body.call(`llvm.${intrinsic}.${type(n)}`, type(n), [typed(v, n.args[0]), "i1 false"]);

const population: Lower = (v, n) =>
  v.body.call(`llvm.ctpop.${type(n.args[0])}`, type(n.args[0]), [typed(v, n.args[0])]);

/** llvm.bswap takes pairs of bytes only. */
const byteSwap: Lower = (v, n) => {
  if (n.w === 8) return v.of(n.args[0]);
  if (n.w % 16 === 0) return v.body.call(`llvm.bswap.${type(n)}`, type(n), [typed(v, n.args[0])]);
  const wide = `i${n.w + 8}`;
  const padded = v.body.value(`zext ${typed(v, n.args[0])} to ${wide}`);
  const swapped = v.body.call(`llvm.bswap.${wide}`, wide, [`${wide} ${padded}`]);
  return v.body.value(`trunc ${wide} ${v.body.value(`lshr ${wide} ${swapped}, 8`)} to ${type(n)}`);
};

const parity: Lower = (v, n) => {
  const from = n.args[0];
  return from.w === 1 ? v.of(from) : v.body.value(`trunc ${type(from)} ${population(v, n)} to i1`);
};

/** a + b + c with one bit more, each extended by `extend`. */
function sum(v: Values, n: Node, extend: "zext" | "sext"): { wide: string; exact: string } {
  const b = v.body;
  const wide = `i${n.args[0].w + 1}`;
  const [x, y] = n.args.slice(0, 2).map((a) => b.value(`${extend} ${typed(v, a)} to ${wide}`));
  const c = b.value(`zext i1 ${v.of(n.args[2])} to ${wide}`);
  return { wide, exact: b.value(`add ${wide} ${b.value(`add ${wide} ${x}, ${y}`)}, ${c}`) };
}
const carry: Lower = (v, n) => {
  const { wide, exact } = sum(v, n, "zext");
  return v.body.value(`trunc ${wide} ${v.body.value(`lshr ${wide} ${exact}, ${n.args[0].w}`)} to i1`);
};
const overflow: Lower = (v, n) => {
  const { wide, exact } = sum(v, n, "sext");
  const t = type(n.args[0]);
  const kept = v.body.value(`trunc ${wide} ${exact} to ${t}`);
  return v.body.value(`icmp ne ${wide} ${exact}, ${v.body.value(`sext ${t} ${kept} to ${wide}`)}`);
};

const widen =
  (instruction: string): Lower =>
  (v, n) =>
    n.w === n.args[0].w ? v.of(n.args[0]) : v.body.value(`${instruction} ${typed(v, n.args[0])} to ${type(n)}`);

const extract: Lower = (v, n) => {
  const from = n.args[0];
  let value = v.of(from);
  if (n.aux > 0) value = v.body.value(`lshr ${type(from)} ${value}, ${n.aux}`);
  return n.w === from.w ? value : v.body.value(`trunc ${type(from)} ${value} to ${type(n)}`);
};

const concat: Lower = (v, n) => {
  const [hi, lo] = n.args;
  const high = v.body.value(`zext ${typed(v, hi)} to ${type(n)}`);
  const low = v.body.value(`zext ${typed(v, lo)} to ${type(n)}`);
  return v.body.value(`or ${type(n)} ${v.body.value(`shl ${type(n)} ${high}, ${lo.w}`)}, ${low}`);
};

export const OPS: Readonly<Record<Op, Lower>> = {
  const: (_, n) => literal(constOf(n), n.w),
  get: (v, n) => v.slot(n.aux),
  old: (v) => v.old(),
  param: () => {
    throw new Error("param: a template is not an instruction");
  },
  elem: () => {
    throw new Error("elem outside a map");
  },
  undef: (v, n) => (n.args.length ? v.of(n.args[0]) : v.body.value(`freeze ${type(n)} undef`)),
  unknown: (v, n) => v.body.call(`sage.unknown.${type(n)}`, type(n), [`ptr ${v.body.module.text(n.name)}`]),

  load: (v, n) => v.made(n),
  rmw: (v, n) => v.made(n),
  ask: (v, n) => v.made(n),

  add: simple("add"),
  sub: simple("sub"),
  mul: simple("mul"),
  and: simple("and"),
  or: simple("or"),
  xor: simple("xor"),
  not: (v, n) => v.body.value(`xor ${typed(v, n.args[0])}, -1`),
  neg: (v, n) => v.body.value(`sub ${type(n)} 0, ${v.of(n.args[0])}`),
  shl: shift("shl"),
  lshr: shift("lshr"),
  ashr: arithmeticShift,
  rol: rotate("fshl"),
  ror: rotate("fshr"),
  udiv: divide("udiv", false, false),
  sdiv: divide("sdiv", true, false),
  urem: divide("urem", false, true),
  srem: divide("srem", true, true),
  ctz: zeros("cttz"),
  clz: zeros("ctlz"),
  popcnt: population,
  bswap: byteSwap,
  parity,

  eq: test("eq"),
  ne: test("ne"),
  ult: test("ult"),
  ule: test("ule"),
  slt: test("slt"),
  sle: test("sle"),

  select: (v, n) => v.body.value(`select i1 ${v.of(n.args[0])}, ${typed(v, n.args[1])}, ${typed(v, n.args[2])}`),
  carry,
  overflow,

  sext: widen("sext"),
  zext: widen("zext"),
  extract,
  concat,
  map: (v, n) => v.of(unroll(n)),
  ormap: (v, n) => v.of(unroll(n)),

  ...FLOAT,
};
