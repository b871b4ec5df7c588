import { defaultNaNOf } from "../../ir/float/nan.ts";
import { RMM, RNE, RTZ } from "../../ir/float/round.ts";
import { small } from "../../ir/fold.ts";
import type { Node, Op } from "../../ir/node.ts";
import type { Lower, Values } from "./ops.ts";

/**
 * Floats are bits in the IR and are cast for the instruction. LLVM's plain float instructions round to nearest even
 * and leave a NaN's bits open, so they serve where the rounding mode is that constant and NaNs are canonical; all
 * else, exceptions above all, is a declared helper that takes and gives bits: `sage.fadd.i64.POLICY(a, b, i32 rm)`.
 */
export type FloatOp =
  | ("fadd" | "fsub" | "fmul" | "fdiv" | "fsqrt" | "fma" | "f2f" | "f2s" | "f2u" | "s2f" | "u2f" | "frint")
  | ("fneg" | "fabs" | "feq" | "flt" | "fle" | "fexc");

const TYPES: Readonly<Record<number, string>> = { 16: "half", 32: "float", 64: "double", 80: "x86_fp80" };
const SUFFIXES: Readonly<Record<number, string>> = { 16: "f16", 32: "f32", 64: "f64", 80: "f80" };

const cast = (v: Values, n: Node): string =>
  `${TYPES[n.w]} ${v.body.value(`bitcast i${n.w} ${v.of(n)} to ${TYPES[n.w]}`)}`;

/** Bits of a float value, any NaN made the canonical one. */
function canonical(v: Values, w: number, value: string): string {
  const t = TYPES[w];
  const nan = v.body.value(`fcmp uno ${t} ${value}, ${value}`);
  const bits = v.body.value(`bitcast ${t} ${value} to i${w}`);
  const one = BigInt.asIntN(w, defaultNaNOf(w, "canonical"));
  return v.body.value(`select i1 ${nan}, i${w} ${one}, i${w} ${bits}`);
}

/** The op as a helper, for every case LLVM does not state exactly. */
function helper(v: Values, n: Node, prefix: string, result: string): string {
  const tests = n.op === "feq" || n.op === "flt" || n.op === "fle";
  const values = tests ? n.args : n.args.slice(0, -1);
  const args = values.map((a) => `i${a.w} ${v.of(a)}`);
  if (!tests) args.push(`i32 ${v.body.value(`zext i3 ${v.of(n.args[n.args.length - 1])} to i32`)}`);
  const widths = n.w === values[0].w ? `i${n.w}` : `i${n.w}.i${values[0].w}`;
  return v.body.call(`${prefix}${n.op}.${widths}.${n.fp!.name}`, result, args);
}

const modeOf = (n: Node): number => small(n.args[n.args.length - 1]);
const plain = (n: Node): boolean => n.fp!.nan === "canonical" && n.args.every((a) => a.w !== 80) && n.w !== 80;

/** LLVM's own form where it is exact (`fits`), else the helper. */
const either =
  (fits: (n: Node) => boolean, own: Lower): Lower =>
  (v, n) =>
    fits(n) ? own(v, n) : helper(v, n, "sage.", `i${n.w}`);

const nearest = (n: Node): boolean => plain(n) && modeOf(n) === RNE;

const arithmetic = (instruction: string): Lower =>
  either(nearest, (v, n) => {
    const a = cast(v, n.args[0]);
    const b = cast(v, n.args[1]);
    return canonical(v, n.w, v.body.value(`${instruction} ${a}, ${b.slice(b.indexOf(" ") + 1)}`));
  });

/** An intrinsic over all arguments but the rounding mode. */
const intrinsic =
  (name: (n: Node) => string): Lower =>
  (v, n) => {
    const args = n.args.slice(0, -1).map((a) => cast(v, a));
    return canonical(v, n.w, v.body.call(`llvm.${name(n)}.${SUFFIXES[n.w]}`, TYPES[n.w], args));
  };

const convert = either(nearest, (v, n) => {
  const from = n.args[0];
  if (n.w === from.w) return canonical(v, n.w, cast(v, from).split(" ")[1]);
  const instruction = n.w > from.w ? "fpext" : "fptrunc";
  return canonical(v, n.w, v.body.value(`${instruction} ${cast(v, from)} to ${TYPES[n.w]}`));
});

/** llvm.fpto*i.sat cuts towards zero, saturates and takes a NaN for 0. */
const toInt = (signed: boolean): Lower =>
  either(
    (n) => n.fp!.toint !== "indefinite" && modeOf(n) === RTZ && n.args[0].w !== 80,
    (v, n) => {
      const from = n.args[0];
      const value = cast(v, from);
      const name = `llvm.fpto${signed ? "s" : "u"}i.sat.i${n.w}.${SUFFIXES[from.w]}`;
      const result = v.body.call(name, `i${n.w}`, [value]);
      if (n.fp!.toint === "zero") return result;
      const nan = v.body.value(`fcmp uno ${value}, ${value.split(" ")[1]}`);
      const most = BigInt.asIntN(n.w, (1n << BigInt(signed ? n.w - 1 : n.w)) - 1n);
      return v.body.value(`select i1 ${nan}, i${n.w} ${most}, i${n.w} ${result}`);
    },
  );

const fromInt = (instruction: string): Lower =>
  either(nearest, (v, n) => {
    const value = v.body.value(`${instruction} i${n.args[0].w} ${v.of(n.args[0])} to ${TYPES[n.w]}`);
    return v.body.value(`bitcast ${TYPES[n.w]} ${value} to i${n.w}`);
  });

const ROUNDINGS = ["roundeven", "trunc", "floor", "ceil", "round"];
const integral = either(
  (n) => plain(n) && modeOf(n) >= RNE && modeOf(n) <= RMM,
  intrinsic((n) => ROUNDINGS[modeOf(n)]),
);

/** No rounding, no NaN result: exact for every policy. */
const compare =
  (predicate: string): Lower =>
  (v, n) => {
    const b = cast(v, n.args[1]);
    return v.body.value(`fcmp ${predicate} ${cast(v, n.args[0])}, ${b.split(" ")[1]}`);
  };

const exceptions: Lower = (v, n) => helper(v, n.args[0], "sage.fexc.", "i6");

const signMask = (w: number): bigint => BigInt.asIntN(w, 1n << BigInt(w - 1));

export const FLOAT: Readonly<Record<FloatOp & Op, Lower>> = {
  fadd: arithmetic("fadd"),
  fsub: arithmetic("fsub"),
  fmul: arithmetic("fmul"),
  fdiv: arithmetic("fdiv"),
  fsqrt: either(
    nearest,
    intrinsic(() => "sqrt"),
  ),
  fma: either(
    nearest,
    intrinsic(() => "fma"),
  ),
  f2f: convert,
  f2s: toInt(true),
  f2u: toInt(false),
  s2f: fromInt("sitofp"),
  u2f: fromInt("uitofp"),
  frint: integral,
  fneg: (v, n) => v.body.value(`xor i${n.w} ${v.of(n.args[0])}, ${signMask(n.w)}`),
  fabs: (v, n) => v.body.value(`and i${n.w} ${v.of(n.args[0])}, ${~signMask(n.w)}`),
  feq: compare("oeq"),
  flt: compare("olt"),
  fle: compare("ole"),
  fexc: exceptions,
};
