import { Node } from "./node.ts";
import { OPS } from "./ops.ts";

/**
 * Constants and arithmetic on them. Up to 64 bits a constant is two int32 halves and the common ops work on those;
 * everything else goes through the ops table's BigInt evaluator (rare on the translator's path).
 */

const zeros: (Node | undefined)[] = [];
const no = new Node("const", 1, [], { lo: 0, hi: 0 });
const yes = new Node("const", 1, [], { lo: 1, hi: 0 });
const leafArgs: readonly Node[] = [];

/** The i1 constants. */
export const bool = (b: boolean): Node => (b ? yes : no);

/** Constant 0 of `w` bits. */
export function zero(w: number): Node {
  return (zeros[w] ??= w === 1 ? no : new Node("const", w, leafArgs, w > 64 ? { big: 0n } : { lo: 0, hi: 0 }));
}

/** Constant of at most 64 bits from its halves; surplus bits are dropped. */
export function constPair(w: number, lo: number, hi: number): Node {
  let l = lo | 0;
  let h = 0;
  if (w < 32) l &= (1 << w) - 1;
  else if (w > 32) h = w === 64 ? hi | 0 : hi & ((1 << (w - 32)) - 1);
  if (l === 0 && h === 0) return zero(w);
  if (w === 1) return yes;
  return new Node("const", w, leafArgs, { lo: l, hi: h });
}

/** Constant from an integer number (exact to 2^53), wrapped to `w` bits; negative ones in two's complement. */
export function constNum(w: number, n: number): Node {
  if (w > 64) return constBig(w, BigInt(n));
  return constPair(w, n | 0, Math.floor(n / 4294967296) | 0);
}

/** Constant from a bigint, wrapped to `w` bits. */
export function constBig(w: number, b: bigint): Node {
  const big = BigInt.asUintN(w, b);
  if (w > 64) return big === 0n ? zero(w) : new Node("const", w, leafArgs, { big });
  return constPair(w, Number(big & 0xffffffffn), Number(big >> 32n));
}

/** Value of a constant, unsigned. */
export function constOf(node: Node): bigint {
  if (node.op !== "const") throw new Error(`constOf: ${node.op} is not a constant`);
  if (node.big !== undefined) return node.big;
  if (node.hi === 0) return BigInt(node.lo >>> 0);
  return (BigInt(node.hi >>> 0) << 32n) | BigInt(node.lo >>> 0);
}

/** All bits of the constant are 0. */
export const isZero = (n: Node): boolean => n.op === "const" && n.lo === 0 && n.hi === 0 && !n.big;

/** All bits of the constant are 1. */
export function isOnes(n: Node): boolean {
  if (n.op !== "const") return false;
  if (n.big !== undefined) return n.big === (1n << BigInt(n.w)) - 1n;
  if (n.w <= 32) return n.lo === (n.w === 32 ? -1 : (1 << n.w) - 1);
  return n.lo === -1 && n.hi === (n.w === 64 ? -1 : (1 << (n.w - 32)) - 1);
}

/** The constant is 1. */
export const isOne = (n: Node): boolean =>
  n.op === "const" && (n.big !== undefined ? n.big === 1n : n.lo === 1 && n.hi === 0);

/** Two constants of the same width and value. */
export function equalConst(a: Node, b: Node): boolean {
  return a.op === "const" && b.op === "const" && a.w === b.w && a.lo === b.lo && a.hi === b.hi && a.big === b.big;
}

/** Value of a constant as a number when it is below 2^31, else -1. */
export function small(n: Node): number {
  if (n.op !== "const") return -1;
  if (n.big !== undefined) return n.big < 0x80000000n ? Number(n.big) : -1;
  return n.hi === 0 && n.lo >= 0 ? n.lo : -1;
}

/** Exponent when the constant is a power of two, else -1. */
export function powerOfTwo(n: Node): number {
  if (n.op !== "const" || n.big !== undefined) return -1;
  if (n.hi === 0) return n.lo !== 0 && (n.lo & (n.lo - 1)) === 0 ? 31 - Math.clz32(n.lo) : -1;
  return n.lo === 0 && (n.hi & (n.hi - 1)) === 0 ? 63 - Math.clz32(n.hi) : -1;
}

/** Sign-extended high half of a constant up to 64 bits (of its 64-bit extension). */
function highSigned(n: Node): number {
  if (n.w === 64) return n.hi;
  if (n.w > 32) return (n.hi << (64 - n.w)) >> (64 - n.w);
  return (n.lo << (32 - n.w)) >> 31;
}
/** Sign-extended low half. */
const lowSigned = (n: Node): number => (n.w < 32 ? (n.lo << (32 - n.w)) >> (32 - n.w) : n.lo);

/** A node over constants only, computed by the reference evaluator. */
export function foldBig(node: Node): Node {
  const row = OPS[node.op];
  if (row.value === undefined) throw new Error(`fold: ${node.op} has no value of its own`);
  return constBig(node.w, row.value(node, node.args.map(constOf)));
}

/** Unary and binary ops of one width up to 64 bits; undefined: no fast path. */
export function foldBinary(op: Node["op"], a: Node, b: Node): Node | undefined {
  const w = a.w;
  if (w > 64) return undefined;
  switch (op) {
    case "add": {
      const lo = (a.lo + b.lo) | 0;
      return constPair(w, lo, a.hi + b.hi + (lo >>> 0 < a.lo >>> 0 ? 1 : 0));
    }
    case "sub":
      return constPair(w, a.lo - b.lo, a.hi - b.hi - (a.lo >>> 0 < b.lo >>> 0 ? 1 : 0));
    case "and":
      return constPair(w, a.lo & b.lo, a.hi & b.hi);
    case "or":
      return constPair(w, a.lo | b.lo, a.hi | b.hi);
    case "xor":
      return constPair(w, a.lo ^ b.lo, a.hi ^ b.hi);
    case "mul":
      return w <= 32 ? constPair(w, Math.imul(a.lo, b.lo), 0) : undefined;
    case "shl":
    case "lshr":
    case "ashr":
      return foldShift(op, a, small(b));
    default:
      return undefined;
  }
}

/** Shift of a constant up to 64 bits by `k`; -1 stands for any amount of 2^31 and more. */
function foldShift(op: "shl" | "lshr" | "ashr", a: Node, amount: number): Node {
  const w = a.w;
  const k = amount < 0 || amount > w ? w : amount;
  if (op === "shl") {
    if (k >= w) return zero(w);
    if (k === 0) return a;
    if (k >= 32) return constPair(w, 0, a.lo << (k - 32));
    return constPair(w, a.lo << k, (a.hi << k) | (a.lo >>> (32 - k)));
  }
  if (k === 0) return a;
  const signed = op === "ashr";
  const lo = signed ? lowSigned(a) : a.lo;
  const hi = signed ? highSigned(a) : a.hi;
  const fill = signed ? hi >> 31 : 0;
  if (k >= 64) return constPair(w, fill, fill);
  if (k === 32) return constPair(w, hi, fill);
  if (k > 32) return constPair(w, signed ? hi >> (k - 32) : hi >>> (k - 32), fill);
  return constPair(w, (lo >>> k) | (hi << (32 - k)), signed ? hi >> k : hi >>> k);
}

/** Comparison of two constants of one width; undefined: no fast path. */
export function foldCompare(op: Node["op"], a: Node, b: Node): Node | undefined {
  if (a.w > 64) return undefined;
  const same = a.lo === b.lo && a.hi === b.hi;
  switch (op) {
    case "eq":
      return bool(same);
    case "ne":
      return bool(!same);
    case "ult":
      return bool(below(a.hi >>> 0, a.lo, b.hi >>> 0, b.lo));
    case "ule":
      return bool(same || below(a.hi >>> 0, a.lo, b.hi >>> 0, b.lo));
    case "slt":
      return bool(below(highSigned(a), lowSigned(a), highSigned(b), lowSigned(b)));
    case "sle":
      return bool(same || below(highSigned(a), lowSigned(a), highSigned(b), lowSigned(b)));
    default:
      return undefined;
  }
}
const below = (ah: number, al: number, bh: number, bl: number): boolean => (ah === bh ? al >>> 0 < bl >>> 0 : ah < bh);

/** Sign extension of a constant up to 64 bits to at most 64. */
export const foldSext = (a: Node, w: number): Node => constPair(w, lowSigned(a), highSigned(a));

/** Bits [at + w - 1 : at] of a constant up to 64 bits. */
export function foldExtract(a: Node, at: number, w: number): Node {
  if (at === 0) return constPair(w, a.lo, a.hi);
  if (at >= 32) return constPair(w, at === 32 ? a.hi : a.hi >>> (at - 32), 0);
  return constPair(w, (a.lo >>> at) | (a.hi << (32 - at)), a.hi >>> at);
}
