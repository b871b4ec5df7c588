import {
  bool,
  constBig,
  constNum,
  constOf,
  constPair,
  equalConst,
  foldBig,
  foldBinary,
  foldCompare,
  isOne,
  isOnes,
  isZero,
  powerOfTwo,
  small,
  zero,
} from "./fold.ts";
import { type FpPolicy, type MemAttrs, Node, type Op } from "./node.ts";
import { OPS } from "./ops.ts";
import { bug, concat, extract, sext, trunc, zext } from "./width.ts";

/**
 * The constructors of nodes. They fold: constants, identities, and a few canonical forms that every reader can count
 * on: a constant stands on the right of a commutative op, subtraction of a constant is an addition, `trunc` is
 * `extract` at 0, `not` of a comparison is the opposite comparison. Widths that do not fit are a programming error
 * and throw; what a rulebook or a guest can cause is reported before it comes here.
 */
export { concat, constBig, constNum, constOf, constPair, extract, sext, trunc, zext };

const noArgs: readonly Node[] = [];

/** State slot `slot` of `w` bits, as it was when the instruction began. */
export const get = (slot: number, w: number): Node => new Node("get", w, noArgs, { aux: slot });
/** The value in memory, inside the new value of an `rmw`. */
export const old = (w: number): Node => new Node("old", w, noArgs);
/** Parameter `number` of a template. */
export const param = (w: number, number: number): Node => new Node("param", w, noArgs, { aux: number });
/** Architecturally open; `inner` is what the machines seen do. */
export function undef(w: number, inner?: Node): Node {
  if (inner !== undefined && inner.w !== w) bug("undef", `i${inner.w} is not i${w}`);
  return new Node("undef", w, inner === undefined ? noArgs : [inner]);
}
/** Not known yet: some function of `args`, called `name` in messages. */
export const unknown = (w: number, name: string, args: readonly Node[]): Node => new Node("unknown", w, args, { name });

/** Value of a load effect; list it as `{ k: "load", node }`. */
export function load(addr: Node, w: number, mem?: MemAttrs): Node {
  return addr.w === 64 ? new Node("load", w, [addr], { mem }) : bug("load", `address is i${addr.w}`);
}
/** Old value of an atomic read-modify-write, `newValue` is over `old(w)`; list it as `{ k: "rmw", node }`. */
export function rmw(addr: Node, newValue: Node, mem?: MemAttrs): Node {
  return addr.w === 64 ? new Node("rmw", newValue.w, [addr, newValue], { mem }) : bug("rmw", `address is i${addr.w}`);
}
/**
 * Result number `result` of a question to the machine profile. Result 0 takes the question's arguments and stands in
 * the effect `{ k: "ask", node }`; a further result takes that node as its only argument and is no effect.
 */
export function ask(name: string, args: readonly Node[], result: number, w: number): Node {
  if (result > 0 && (args.length !== 1 || args[0].op !== "ask")) bug("ask", "a further result belongs to an ask node");
  return new Node("ask", w, args, { name, aux: result });
}

const negated: Partial<Record<Op, Op>> = { eq: "ne", ne: "eq" };
const swapped: Partial<Record<Op, Op>> = { ult: "ule", ule: "ult", slt: "sle", sle: "slt" };

/** not, neg, ctz, clz, popcnt, bswap, parity (i1), fneg, fabs. */
export function unary(op: Op, a: Node): Node {
  switch (op) {
    case "not": {
      if (a.op === "const") break;
      if (a.op === "not") return a.args[0];
      const opposite = negated[a.op];
      if (opposite) return new Node(opposite, 1, a.args);
      const turned = swapped[a.op];
      if (turned) return new Node(turned, 1, [a.args[1], a.args[0]]);
      break;
    }
    case "neg":
      if (a.op === "neg") return a.args[0];
      if (a.op === "sub") return binary("sub", a.args[1], a.args[0]);
      if (a.w === 1) return a;
      break;
    case "bswap":
      if (a.op === "bswap") return a.args[0];
      if (a.w % 8 !== 0) bug(op, `i${a.w} is not a whole number of bytes`);
      break;
    case "fneg":
      if (a.op === "fneg") return a.args[0];
      break;
    case "fabs":
      if (a.op === "fabs") return a;
      if (a.op === "fneg") return unary("fabs", a.args[0]);
      break;
    case "ctz":
    case "clz":
    case "popcnt":
    case "parity":
      break;
    default:
      bug(op, "not a unary op");
  }
  const node = new Node(op, op === "parity" ? 1 : a.w, [a]);
  return a.op === "const" ? foldBig(node) : node;
}

const commutative: Partial<Record<Op, boolean>> = { add: true, mul: true, and: true, or: true, xor: true };

/** add sub mul and or xor shl lshr ashr rol ror udiv sdiv urem srem: both arguments and the result have one width. */
export function binary(op: Op, a: Node, b: Node): Node {
  if (a.w !== b.w) bug(op, `i${a.w} and i${b.w}`);
  if (b.op === "const") {
    if (a.op === "const") return foldBinary(op, a, b) ?? foldBig(new Node(op, a.w, [a, b]));
    return withConst(op, a, b) ?? new Node(op, a.w, [a, b]);
  }
  if (a.op === "const") {
    if (commutative[op]) return withConst(op, b, a) ?? new Node(op, a.w, [b, a]);
    if (isZero(a)) {
      if (op === "sub") return unary("neg", b);
      if (op === "shl" || op === "lshr" || op === "ashr" || op === "rol" || op === "ror") return a;
    }
    return new Node(op, a.w, [a, b]);
  }
  if (a === b) {
    if (op === "and" || op === "or") return a;
    if (op === "xor" || op === "sub") return zero(a.w);
  }
  if (b.op === "neg") {
    if (op === "add") return binary("sub", a, b.args[0]);
    if (op === "sub") return binary("add", a, b.args[0]);
  }
  return new Node(op, a.w, [a, b]);
}

/** `a op b` with b constant and a not; undefined: nothing to simplify. */
function withConst(op: Op, a: Node, b: Node): Node | undefined {
  switch (op) {
    case "add":
      if (isZero(b)) return a;
      return a.op === "add" && a.args[1].op === "const" ? again("add", a, "add", b) : undefined;
    case "sub":
      return binary("add", a, unary("neg", b));
    case "and":
      if (isZero(b)) return b;
      if (isOnes(b)) return a;
      if (a.op === "and" && a.args[1].op === "const") return again("and", a, "and", b);
      return a.op === "zext" && isOnes(extract(b, 0, a.args[0].w)) ? a : undefined;
    case "or":
      if (isZero(b)) return a;
      if (isOnes(b)) return b;
      return a.op === "or" && a.args[1].op === "const" ? again("or", a, "or", b) : undefined;
    case "xor":
      if (isZero(b)) return a;
      if (isOnes(b)) return unary("not", a);
      return a.op === "xor" && a.args[1].op === "const" ? again("xor", a, "xor", b) : undefined;
    case "mul":
      if (isZero(b)) return b;
      if (isOne(b)) return a;
      return powerOfTwo(b) > 0 ? binary("shl", a, constNum(a.w, powerOfTwo(b))) : undefined;
    case "shl":
    case "lshr":
    case "ashr":
      return shiftBy(op, a, b);
    case "rol":
    case "ror":
      return small(b) >= 0 && small(b) % a.w === 0 ? a : undefined;
    case "udiv":
      if (isOne(b)) return a;
      return powerOfTwo(b) > 0 ? binary("lshr", a, constNum(a.w, powerOfTwo(b))) : undefined;
    case "sdiv":
      return isOne(b) && a.w > 1 ? a : undefined;
    case "urem":
      return powerOfTwo(b) >= 0 ? binary("and", a, binary("sub", b, constNum(a.w, 1))) : undefined;
    case "srem":
      return undefined;
    default:
      return bug(op, "not a binary op");
  }
}

/** (x inner c) outer b for an associative pair: x inner (c outer b). */
const again = (inner: Op, a: Node, outer: Op, b: Node): Node => binary(inner, a.args[0], binary(outer, a.args[1], b));

function shiftBy(op: "shl" | "lshr" | "ashr", a: Node, b: Node): Node | undefined {
  const k = small(b);
  if (k === 0) return a;
  if (k < 0 || k >= a.w) return op === "ashr" ? spread(a) : zero(a.w);
  if (a.op !== op || a.args[1].op !== "const") return undefined;
  const both = k + small(a.args[1]);
  if (both < a.w) return new Node(op, a.w, [a.args[0], constNum(a.w, both)]);
  return op === "ashr" ? spread(a.args[0]) : zero(a.w);
}

/** All bits a copy of the sign. */
const spread = (a: Node): Node => (a.w === 1 ? a : new Node("ashr", a.w, [a, constNum(a.w, a.w - 1)]));

/** eq ne ult ule slt sle of two values of one width: i1. */
export function compare(op: Op, a: Node, b: Node): Node {
  if (a.w !== b.w) bug(op, `i${a.w} and i${b.w}`);
  const symmetric = op === "eq" || op === "ne";
  if (!symmetric && !swapped[op]) bug(op, "not a comparison");
  if (a.op === "const") {
    if (b.op === "const") return foldCompare(op, a, b) ?? foldBig(new Node(op, 1, [a, b]));
    if (symmetric) return compare(op, b, a);
    if (op === "ult" && isZero(a)) return compare("ne", b, a);
    if (op === "ule" && isZero(a)) return bool(true);
    if (isOnes(a) && op === "ult") return bool(false);
  }
  if (a === b) return bool(op === "eq" || op === "ule" || op === "sle");
  if (b.op !== "const") return new Node(op, 1, [a, b]);
  if (symmetric) return equality(op, a, b);
  if (op === "ult" && isZero(b)) return bool(false);
  if (op === "ule" && isZero(b)) return compare("eq", a, b);
  if (op === "ult" && isOne(b)) return compare("eq", a, zero(a.w));
  if (op === "ule" && isOnes(b)) return bool(true);
  return new Node(op, 1, [a, b]);
}

function equality(op: "eq" | "ne", a: Node, b: Node): Node {
  if (a.w === 1) return isZero(b) === (op === "eq") ? unary("not", a) : a;
  if (a.op === "zext" || a.op === "sext") {
    const inner = a.args[0];
    const part = extract(b, 0, inner.w);
    const back = a.op === "zext" ? zext(part, a.w) : sext(part, a.w);
    return equalConst(back, b) ? compare(op, inner, part) : bool(op === "ne");
  }
  if (isZero(b) && (a.op === "sub" || a.op === "xor")) return compare(op, a.args[0], a.args[1]);
  if (a.op === "add" && a.args[1].op === "const") return compare(op, a.args[0], binary("sub", b, a.args[1]));
  return new Node(op, 1, [a, b]);
}

/** `c` is i1: `a` where it is 1, `b` where it is 0. */
export function select(c: Node, a: Node, b: Node): Node {
  if (c.w !== 1) bug("select", `condition is i${c.w}`);
  if (a.w !== b.w) bug("select", `i${a.w} and i${b.w}`);
  if (c.op === "const") return c.lo !== 0 ? a : b;
  if (a === b || equalConst(a, b)) return a;
  if (c.op === "not") return select(c.args[0], b, a);
  if (a.op === "const" && b.op === "const") {
    if (isOne(a) && isZero(b)) return zext(c, a.w);
    if (isZero(a) && isOne(b)) return zext(unary("not", c), a.w);
  }
  return new Node("select", a.w, [c, a, b]);
}

function threeWay(op: "carry" | "overflow", a: Node, b: Node, c: Node): Node | undefined {
  if (a.w !== b.w || c.w !== 1) bug(op, `i${a.w}, i${b.w} and i${c.w}`);
  if (a.op === "const" && b.op === "const" && c.op === "const") return foldBig(new Node(op, 1, [a, b, c]));
  if (isZero(c) && (isZero(a) || isZero(b))) return bool(false);
  return undefined;
}
/** Carry out of a + b + c (i1), c is i1. */
export function carry(a: Node, b: Node, c: Node): Node {
  const folded = threeWay("carry", a, b, c);
  if (folded) return folded;
  if (isOne(c) && b.op === "not") return compare("ule", b.args[0], a);
  return new Node("carry", 1, [a, b, c]);
}
/** Signed overflow of a + b + c (i1), c is i1. */
export function overflow(a: Node, b: Node, c: Node): Node {
  return threeWay("overflow", a, b, c) ?? new Node("overflow", 1, [a, b, c]);
}

/**
 * A float op other than fneg and fabs; rounding ones take rm (i3) last. Not folded, because `fexc` of the very node
 * may be asked for.
 */
export function fop(op: Op, w: number, args: readonly Node[], fp: FpPolicy): Node {
  const row = OPS[op];
  const node = new Node(op, w, args, { fp });
  if (row.kind !== "float") bug(op, "not a float op");
  const wrong = args.length === row.arity ? row.wrong(node) : `${args.length} arguments`;
  return wrong === undefined ? node : bug(op, wrong);
}

/** Exceptions (i6) that float op `node` raises; 0 for what raises none. */
export function fexc(node: Node): Node {
  if (node.op === "fneg" || node.op === "fabs") return zero(6);
  return OPS[node.op].kind === "float" ? new Node("fexc", 6, [node]) : bug("fexc", `of ${node.op}`);
}
