import type { Node } from "../ir/node.ts";
import { OPS } from "../ir/ops.ts";

/** High half of the value that `low` gave last. */
let high = 0;

/** Value of a node over constants, fields and pc, at most 64 bits: two int32 halves into `out`. Allocates nothing. */
export function compute(n: Node, fields: ArrayLike<number>, pc: number, out: Int32Array, at: number): void {
  out[at] = low(n, fields, pc);
  out[at + 1] = high;
}

function put(lo: number, hi: number, w: number): number {
  if (w >= 64) high = hi | 0;
  else if (w > 32) high = hi & ((1 << (w - 32)) - 1);
  else high = 0;
  return w >= 32 ? lo | 0 : lo & ((1 << w) - 1);
}

function low(n: Node, fields: ArrayLike<number>, pc: number): number {
  switch (n.op) {
    case "const":
      high = n.hi;
      return n.lo;
    case "param":
      if (n.aux < 0) return put(pc | 0, Math.floor(pc / 0x100000000) | 0, n.w);
      return put(fields[n.aux], fields[n.aux] < 0 ? -1 : 0, n.w);
    case "select":
      return low(n.args[low(n.args[0], fields, pc) !== 0 ? 1 : 2], fields, pc);
    case "sext":
      return signExtend(n, low(n.args[0], fields, pc), high);
    case "zext":
      return low(n.args[0], fields, pc);
    case "extract": {
      const lo = low(n.args[0], fields, pc);
      return shiftRight(lo, high, n.aux, 0, n.w);
    }
    case "not": {
      const lo = low(n.args[0], fields, pc);
      return put(~lo, ~high, n.w);
    }
    case "neg": {
      const lo = low(n.args[0], fields, pc);
      return put(-lo, ~high + (lo === 0 ? 1 : 0), n.w);
    }
  }
  if (n.args.length !== 2) return rare(n, fields, pc);
  const aLo = low(n.args[0], fields, pc);
  const aHi = high;
  const bLo = low(n.args[1], fields, pc);
  return binary(n, aLo, aHi, bLo, high);
}

/** Ops that few rows use on what is known once decoded: by their rows in ops.ts. */
function rare(n: Node, fields: ArrayLike<number>, pc: number): number {
  const values = n.args.map((a) => {
    const lo = low(a, fields, pc);
    return (BigInt(high >>> 0) << 32n) | BigInt(lo >>> 0);
  });
  const value = OPS[n.op].value!(n, values);
  return put(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)), n.w);
}

function signExtend(n: Node, lo: number, hi: number): number {
  const w = n.args[0].w;
  if (w === 32) return put(lo, lo >> 31, n.w);
  if (w < 32) {
    const s = (lo << (32 - w)) >> (32 - w);
    return put(s, s >> 31, n.w);
  }
  return put(lo, w === 64 ? hi : (hi << (64 - w)) >> (64 - w), n.w);
}

function shiftRight(lo: number, hi: number, k: number, fill: number, w: number): number {
  if (k === 0) return put(lo, hi, w);
  if (k < 32) return put((lo >>> k) | (hi << (32 - k)), (hi >>> k) | (fill << (32 - k)), w);
  if (k === 32) return put(hi, fill, w);
  if (k < 64) return put((hi >>> (k - 32)) | (fill << (64 - k)), fill, w);
  return put(fill, fill, w);
}

function binary(n: Node, aLo: number, aHi: number, bLo: number, bHi: number): number {
  switch (n.op) {
    case "add": {
      const lo = (aLo + bLo) | 0;
      return put(lo, aHi + bHi + (lo >>> 0 < aLo >>> 0 ? 1 : 0), n.w);
    }
    case "sub":
      return put(aLo - bLo, aHi - bHi - (aLo >>> 0 < bLo >>> 0 ? 1 : 0), n.w);
    case "and":
      return put(aLo & bLo, aHi & bHi, n.w);
    case "or":
      return put(aLo | bLo, aHi | bHi, n.w);
    case "xor":
      return put(aLo ^ bLo, aHi ^ bHi, n.w);
    case "mul":
      return multiply(aLo, aHi, bLo, bHi, n.w);
    case "shl": {
      const k = bHi !== 0 || bLo >>> 0 > 64 ? 64 : bLo;
      if (k === 0) return put(aLo, aHi, n.w);
      if (k < 32) return put(aLo << k, (aHi << k) | (aLo >>> (32 - k)), n.w);
      return k < 64 ? put(0, aLo << (k - 32), n.w) : put(0, 0, n.w);
    }
    case "lshr":
      return shiftRight(aLo, aHi, bHi !== 0 || bLo >>> 0 > 64 ? 64 : bLo, 0, n.w);
    case "ashr": {
      const w = n.w;
      const sign = w > 32 ? (aHi << (64 - w)) >> 31 : (aLo << (32 - w)) >> 31;
      const lo = w < 32 ? aLo | (sign << w) : aLo;
      const hi = w <= 32 ? sign : w < 64 ? aHi | (sign << (w - 32)) : aHi;
      return shiftRight(lo, hi, bHi !== 0 || bLo >>> 0 > 64 ? 64 : bLo, sign, w);
    }
    case "concat": {
      const k = n.args[1].w;
      if (k < 32) return put(bLo | (aLo << k), (aHi << k) | (aLo >>> (32 - k)), n.w);
      return k === 32 ? put(bLo, aLo, n.w) : put(bLo, bHi | (aLo << (k - 32)), n.w);
    }
    case "eq":
      return put(aLo === bLo && aHi === bHi ? 1 : 0, 0, 1);
    case "ne":
      return put(aLo !== bLo || aHi !== bHi ? 1 : 0, 0, 1);
    case "ult":
      return put(aHi >>> 0 < bHi >>> 0 || (aHi === bHi && aLo >>> 0 < bLo >>> 0) ? 1 : 0, 0, 1);
    case "ule":
      return put(aHi >>> 0 < bHi >>> 0 || (aHi === bHi && aLo >>> 0 <= bLo >>> 0) ? 1 : 0, 0, 1);
    case "slt":
    case "sle":
      return signedLess(n, aLo, aHi, bLo, bHi);
  }
  throw new Error(`decode-time ${n.op}`);
}

function signedLess(n: Node, aLo: number, aHi: number, bLo: number, bHi: number): number {
  const w = n.args[0].w;
  const k = w > 32 ? 64 - w : 32 - w;
  const a = w > 32 ? aHi << k : aLo << k;
  const b = w > 32 ? bHi << k : bLo << k;
  if (a !== b) return put(a < b ? 1 : 0, 0, 1);
  if (w <= 32) return put(n.op === "sle" ? 1 : 0, 0, 1);
  return put(aLo >>> 0 < bLo >>> 0 || (n.op === "sle" && aLo === bLo) ? 1 : 0, 0, 1);
}

function multiply(aLo: number, aHi: number, bLo: number, bHi: number, w: number): number {
  const a0 = aLo & 0xffff;
  const a1 = aLo >>> 16;
  const b0 = bLo & 0xffff;
  const b1 = bLo >>> 16;
  const low0 = a0 * b0;
  const mid = a1 * b0 + (low0 >>> 16);
  const mid2 = a0 * b1 + (mid & 0xffff);
  const hi = a1 * b1 + Math.floor(mid / 65536) + Math.floor(mid2 / 65536);
  return put(Math.imul(aLo, bLo), (hi | 0) + Math.imul(aHi, bLo) + Math.imul(aLo, bHi), w);
}
