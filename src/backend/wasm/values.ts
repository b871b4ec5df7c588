import type { Node, Op } from "../../ir/node.ts";
import { I32, I64, V128, type ValueType } from "./code.ts";

/** What a consumer needs of the bits above a value's width in its wasm type. */
export const ANY = 0;
export const ZERO = 1;
export const SIGN = 2;
export type Want = typeof ANY | typeof ZERO | typeof SIGN;

/** Wasm type of a value of `w` bits. */
export const naturalType = (w: number): ValueType => (w <= 32 ? I32 : w <= 64 ? I64 : V128);

/** Ops whose result is a float by nature. */
export const FLOAT_RESULT: ReadonlySet<Op> = new Set<Op>([
  ...(["fadd", "fsub", "fmul", "fdiv", "fsqrt", "fma", "f2f", "s2f", "u2f", "frint"] as const),
]);

/** Small unsigned value of a constant of at most 32 bits, or -1. */
export function constantAmount(node: Node): number {
  if (node.op !== "const" || node.big !== undefined || node.hi !== 0) return -1;
  return node.lo >= 0 ? node.lo : -1;
}

/** True where the value is surely below `limit` (unsigned); looks through extensions and masks. */
export function surelyBelow(node: Node, limit: number): boolean {
  if (node.w < 31 && 2 ** node.w <= limit) return true;
  if (node.op === "const") return node.big === undefined && node.hi === 0 && node.lo >= 0 && node.lo < limit;
  if (node.op === "zext") return surelyBelow(node.args[0]!, limit);
  if (node.op === "and") return surelyBelow(node.args[0]!, limit) || surelyBelow(node.args[1]!, limit);
  return false;
}

/** Leaves the lowering cannot judge: the environment answers whether a `get` is the sign extension of its low 32 bits. */
export type LeafSext32 = (node: Node) => boolean;

/** True where an i64 value is surely the sign extension of its low 32 bits. */
export function isSext32(node: Node, leaf: LeafSext32, fuel = 6): boolean {
  if (node.w !== 64 || fuel === 0) return false;
  switch (node.op) {
    case "const":
      return node.hi === node.lo >> 31;
    case "sext":
      return node.args[0]!.w <= 32;
    case "zext":
      return node.args[0]!.w < 32;
    case "get":
    case "load":
      return leaf(node);
    case "and": {
      const [a, b] = node.args as [Node, Node];
      if (isSmallConst(b)) return true;
      return isSext32(a, leaf, fuel - 1) && isSext32(b, leaf, fuel - 1);
    }
    case "or":
    case "xor":
      return isSext32(node.args[0]!, leaf, fuel - 1) && isSext32(node.args[1]!, leaf, fuel - 1);
    case "not":
      return isSext32(node.args[0]!, leaf, fuel - 1);
    case "select":
      return isSext32(node.args[1]!, leaf, fuel - 1) && isSext32(node.args[2]!, leaf, fuel - 1);
    case "lshr":
      return constantAmount(node.args[1]!) > 32;
    case "ashr":
      return constantAmount(node.args[1]!) >= 32 || isSext32(node.args[0]!, leaf, fuel - 1);
    case "ctz":
    case "clz":
    case "popcnt":
      return true;
    default:
      return false;
  }
}

/** True where an i64 value is surely below 2^32. */
export function isZext32(node: Node, fuel = 6): boolean {
  if (node.w !== 64 || fuel === 0) return false;
  switch (node.op) {
    case "const":
      return node.hi === 0;
    case "zext":
      return node.args[0]!.w <= 32;
    case "and":
      return isZext32(node.args[0]!, fuel - 1) || isZext32(node.args[1]!, fuel - 1);
    case "or":
    case "xor":
      return isZext32(node.args[0]!, fuel - 1) && isZext32(node.args[1]!, fuel - 1);
    case "select":
      return isZext32(node.args[1]!, fuel - 1) && isZext32(node.args[2]!, fuel - 1);
    case "lshr":
      return constantAmount(node.args[1]!) >= 32;
    case "ctz":
    case "clz":
    case "popcnt":
      return true;
    default:
      return false;
  }
}

/** A constant of 0 to 2^31 - 1: what is and-ed with it fits both extensions. */
const isSmallConst = (node: Node): boolean => node.op === "const" && node.hi === 0 && node.lo >= 0;
