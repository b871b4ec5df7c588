import type { Op } from "../node.ts";
import {
  add32,
  add64,
  bits32,
  div32,
  div64,
  double64,
  fma32,
  fma64,
  highHalf,
  lowHalf,
  mul32,
  mul64,
  quick,
  single32,
  sqrt32,
  sqrt64,
} from "./quick.ts";
import { NX, RNE, raised } from "./round.ts";
import { type FloatShape, floatValue } from "./unit.ts";

/**
 * The slow way out of compiled code: computes one float op exactly, with its exceptions. Everything crosses as int32
 * (halves of values up to 64 bits, rm as number), so that it can be a wasm import. Writes out[at] the result's low half, out[at + 1] its high half,
 * out[at + 2] the exceptions (fexc's bits), and returns the exceptions.
 */
export type FloatHelper = (
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  cLo: number,
  cHi: number,
  rm: number,
) => number;

/** Helper for one op of at most 64 bits; of shape.args only the first's width matters. */
export function floatHelper(shape: FloatShape, out: Int32Array, at: number): FloatHelper {
  const wide = [shape.w, ...shape.args.map((a) => a.w)].find((w) => w > 64);
  if (wide !== undefined) throw new Error(`float helper: i${wide} does not cross in two halves`);
  const common = shape.w === 64 ? quick64(shape) : shape.w === 32 ? quick32(shape) : undefined;
  const exact = reference(shape, out, at);
  if (common === undefined) return exact;
  const double = shape.w === 64;
  const notes = shape.fp?.nan === "x86" ? (double ? denormal64 : denormal32) : undefined;
  const values = shape.op === "fma" ? 3 : shape.op === "fsqrt" ? 1 : 2;
  return (aLo, aHi, bLo, bHi, cLo, cHi, rm) => {
    if (rm !== RNE) return exact(aLo, aHi, bLo, bHi, cLo, cHi, rm);
    if (notes?.(aLo, aHi) || (values > 1 && notes?.(bLo, bHi)) || (values > 2 && notes?.(cLo, cHi)))
      return exact(aLo, aHi, bLo, bHi, cLo, cHi, rm);
    const r = common(aLo, aHi, bLo, bHi, cLo, cHi);
    if (!quick.taken) return exact(aLo, aHi, bLo, bHi, cLo, cHi, rm);
    out[at] = double ? lowHalf(r) : bits32(r);
    out[at + 1] = double ? highHalf() : 0;
    return (out[at + 2] = quick.inexact ? NX : 0);
  };
}

/** Operands that x86 reports. */
const denormal64 = (lo: number, hi: number): boolean => (hi & 0x7ff00000) === 0 && ((hi & 0xfffff) !== 0 || lo !== 0);
const denormal32 = (bits: number): boolean => (bits & 0x7f800000) === 0 && (bits & 0x7fffff) !== 0;

type Common = (aLo: number, aHi: number, bLo: number, bHi: number, cLo: number, cHi: number) => number;

function quick64(shape: FloatShape): Common | undefined {
  switch (shape.op) {
    case "fadd":
      return (al, ah, bl, bh) => add64(double64(al, ah), double64(bl, bh));
    case "fsub":
      return (al, ah, bl, bh) => add64(double64(al, ah), -double64(bl, bh));
    case "fmul":
      return (al, ah, bl, bh) => mul64(double64(al, ah), double64(bl, bh));
    case "fdiv":
      return (al, ah, bl, bh) => div64(double64(al, ah), double64(bl, bh));
    case "fsqrt":
      return (al, ah) => sqrt64(double64(al, ah));
    case "fma":
      return (al, ah, bl, bh, cl, ch) => fma64(double64(al, ah), double64(bl, bh), double64(cl, ch));
    default:
      return undefined;
  }
}

function quick32(shape: FloatShape): Common | undefined {
  switch (shape.op) {
    case "fadd":
      return (a, _, b) => add32(single32(a), single32(b));
    case "fsub":
      return (a, _, b) => add32(single32(a), -single32(b));
    case "fmul":
      return (a, _, b) => mul32(single32(a), single32(b));
    case "fdiv":
      return (a, _, b) => div32(single32(a), single32(b));
    case "fsqrt":
      return (a) => sqrt32(single32(a));
    case "fma":
      return (a, _, b, _h, c) => fma32(single32(a), single32(b), single32(c));
    default:
      return undefined;
  }
}

const join = (w: number, lo: number, hi: number): bigint => BigInt.asUintN(w, (BigInt(hi) << 32n) | BigInt(lo >>> 0));

const PAIRS: ReadonlySet<Op> = new Set<Op>(["fadd", "fsub", "fmul", "fdiv"]);
const TESTS: ReadonlySet<Op> = new Set<Op>(["feq", "flt", "fle"]);

function reference(shape: FloatShape, out: Int32Array, at: number): FloatHelper {
  const test = TESTS.has(shape.op);
  const values = shape.op === "fma" ? 3 : test || PAIRS.has(shape.op) ? 2 : 1;
  const w = shape.args[0].w;
  return (aLo, aHi, bLo, bHi, cLo, cHi, rm) => {
    const v = [join(w, aLo, aHi)];
    if (values > 1) v.push(join(w, bLo, bHi));
    if (values > 2) v.push(join(w, cLo, cHi));
    if (!test) v.push(BigInt(rm));
    const result = floatValue(shape, v);
    out[at] = Number(BigInt.asIntN(32, result));
    out[at + 1] = Number(BigInt.asIntN(32, result >> 32n));
    return (out[at + 2] = raised.flags);
  };
}
