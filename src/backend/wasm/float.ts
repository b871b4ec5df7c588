import { constNum } from "../../ir/build.ts";
import type { Node, Op } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";
import { SCRATCH, SCRATCH_RESULT, SCRATCH_RM } from "./abi.ts";
import { Code, ENGINE, F32, F64, I32, I64, V128, type ValueType } from "./code.ts";
import { exactFmaTest, exactTest, exactWay, testsExact } from "./exact.ts";
import { floatCode } from "./floatcall.ts";
import type { Lower, LowerEnv } from "./lower.ts";
import type { ModuleBuilder } from "./module.ts";
import { FC, FD, M, W } from "./opcodes.ts";
import type { Sticky } from "./sticky.ts";
import { FLOAT_RESULT, naturalType, SIGN, ZERO } from "./values.ts";

/**
 * Float ops. The host's instruction rounds to nearest even like the guest's; what it cannot promise is NaN bits and
 * the exceptions. So each op runs natively and is then checked: a finite normal result under mode 0 can only have
 * raised NX, which is sticky and as a rule set already. All else goes to a helper out of line that asks the reference.
 *
 * "NX is set" and "the result is finite" are one comparison: `limit` is infinity where NX is set, else NaN.
 */
export interface FloatHost {
  readonly module: ModuleBuilder;
  /** Index of the imported reference (abi.ts, IMPORT_FLOAT). */
  readonly importFloat: number;
  /** relaxed_madd is fused on this host. */
  readonly fused: boolean;
  /** Look for exact results in line where NX is not set: code that runs often. */
  readonly inlineExact?: boolean;
  /** NX was not set when this was compiled: ask first whether a result is exact. Only speed hangs on it. */
  readonly exactFirst?: boolean;
  /** Byte address of a slot in engine memory, and its width. */
  slotOffset(slot: number): number;
  slotWidth(slot: number): number;
  /** Helpers made so far, by what they do. */
  readonly helpers: Map<string, number>;
}

/** Locals that the function keeps current: the limit for f64 and f32, and a mask that is 0 where NX is not set. */
export interface Limits {
  readonly f64: number;
  readonly f32: number;
  readonly exponent: number;
}

const FROM_INTEGER: ReadonlySet<Op> = new Set<Op>(["s2f", "u2f"]);

/** Wasm type of a float op's result. */
export const resultType = (node: Node): ValueType =>
  FLOAT_RESULT.has(node.op) ? (node.w === 64 ? F64 : F32) : naturalType(node.w);

/** True where the lowering knows the op's widths. */
export function knownFloat(node: Node): boolean {
  const from = node.args[0]!.w;
  return (from === 32 || from === 64) && (node.w === 32 || node.w === 64 || node.w === 1);
}

/** Value arguments: without the rounding mode. */
function operands(node: Node): readonly Node[] {
  return node.op === "feq" || node.op === "flt" || node.op === "fle" ? node.args : node.args.slice(0, -1);
}
/** The rounding mode where it is a constant, -1: only known at run time. */
function modeOf(node: Node): number {
  if (node.op === "feq" || node.op === "flt" || node.op === "fle") return 0;
  const rm = node.args[node.args.length - 1]!;
  return rm.op === "const" ? rm.lo : -1;
}

function operandType(node: Node, arg: Node): ValueType {
  if (FROM_INTEGER.has(node.op)) return naturalType(arg.w);
  return arg.w === 64 ? F64 : F32;
}

function pushOperand(l: Lower, node: Node, arg: Node): void {
  if (!FROM_INTEGER.has(node.op)) l.float(arg);
  else l.emit(arg, node.op === "s2f" ? SIGN : ZERO);
}

/**
 * Pushes the op's result in `resultType`. sticky: its exceptions go there; undefined: nobody asks for them.
 */
export function lowerFloat(
  l: Lower,
  node: Node,
  host: FloatHost,
  sticky: Sticky | undefined,
  limits: Limits | undefined,
): void {
  const code = l.code;
  const args = operands(node);
  for (const arg of args) {
    if (FROM_INTEGER.has(node.op)) l.bind(arg, node.op === "s2f" ? SIGN : ZERO);
    else l.bindFloat(arg);
  }
  const type = resultType(node);
  const result = code.local(type);
  const checked = sticky !== undefined && limits !== undefined;
  const tests = checked && (host.inlineExact ?? false) && modeOf(node) === 0 && testsExact(node, host.fused);
  // Vectors are what a fused multiply-add takes and gives.
  const vector = host.fused && node.op === "fma" && node.w === 64 ? code.local(V128) : -1;
  const test = (): void => {
    if (node.op === "fma") {
      exactFmaTest(code, (i) => l.vector(args[i]!), vector, 0);
      return;
    }
    const at = args.map((arg) => {
      const local = code.local(F64);
      l.float(arg);
      code.set(local);
      return local;
    });
    exactTest(code, node.op, at[0]!, at[1]!, result, 0);
    for (const local of at) code.release(local);
  };
  const first = tests && (host.exactFirst ?? false) && fastWayKnown(node);
  if (first) {
    compute(l, node, result, vector);
    code.block();
    test();
  }
  const fast = fastWay(l, node, host, checked ? limits : undefined, result, vector, first);
  if (checked && fast === "checked" && reportsDenormals(node)) {
    pushNormal(code, args[0]!.w === 64, args.length, (i) => l.float(args[i]!));
    code.op(W.i32_and);
  }
  if (fast === "exact") {
    code.get(result);
    code.release(result);
    return;
  }
  if (fast === "checked") {
    code.op(W.i32_eqz);
    code.unlikely();
    code.if();
  }
  if (fast === "checked" && tests && !first) test();
  pushReference(l, node, host, sticky);
  code.set(result);
  const holds = vector >= 0 && fast === "checked" && l.frozen === 0 && l.demand.fused(node);
  if (holds) {
    code.get(result);
    code.fd(FD.f64x2_splat);
    code.set(vector);
  }
  if (sticky !== undefined && limits !== undefined) updateLimits(code, host, sticky, limits);
  if (fast === "checked") code.end();
  if (first) code.end();
  code.get(result);
  code.release(result);
  if (holds) l.keepVector(node, vector);
  else if (vector >= 0) code.release(vector);
}

/** Pushes the operands and calls the function that asks the reference; the result in `resultType`. */
export function pushReference(l: Lower, node: Node, host: FloatHost, sticky: Sticky | undefined): void {
  for (const arg of operands(node)) pushOperand(l, node, arg);
  const mode = modeOf(node);
  if (mode < 0) l.emit(node.args[node.args.length - 1]!, ZERO);
  else l.code.i32(mode);
  l.code.call(helper(l, host, node, sticky));
}

/** Ops that `compute` knows. */
const fastWayKnown = (node: Node): boolean => !reportsDenormals(node) && knownFloat(node);

/** x86 raises DE for denormal operands. */
export const reportsDenormals = (node: Node): boolean =>
  (node.fp!.nan === "x86" || node.fp!.nan === "x87") &&
  !FROM_INTEGER.has(node.op) &&
  node.op !== "f2s" &&
  node.op !== "f2u";

/** The least normal number of a float of 32 or 64 bits. */
export const leastNormal = (wide: boolean): number => (wide ? 2 ** -1022 : 2 ** -126);

/** Pushes a single or double constant. */
function pushFloat(code: Code, wide: boolean, value: number): void {
  code.f64Const(value);
  if (!wide) code.op(W.f32_demote_f64);
}

/** Pushes an i32: no operand is denormal. `push` pushes operand i. */
function pushNormal(code: Code, wide: boolean, count: number, push: (i: number) => void): void {
  for (let i = 0; i < count; i++) {
    push(i);
    code.op(wide ? W.f64_abs : W.f32_abs);
    pushFloat(code, wide, leastNormal(wide));
    code.op(wide ? W.f64_lt : W.f32_lt);
    push(i);
    pushFloat(code, wide, 0);
    code.op(wide ? W.f64_ne : W.f32_ne);
    code.op(W.i32_and);
    if (i > 0) code.op(W.i32_or);
  }
  code.op(W.i32_eqz);
}

/**
 * result = the op in the host's arithmetic, to nearest even: sums, products, quotients, fused multiply-adds. What of
 * those is a double goes to the local `vector` too.
 */
function compute(l: Lower, node: Node, result: number, vector: number): void {
  const code = l.code;
  const wide = node.w === 64;
  const [a, b, c] = node.args as [Node, Node, Node];
  if (node.op === "fma") {
    for (const x of [a, b, c]) {
      if (wide) l.vector(x);
      else {
        l.float(x);
        code.fd(FD.f32x4_splat);
      }
    }
    code.fd(wide ? FD.f64x2_relaxed_madd : FD.f32x4_relaxed_madd);
    if (wide) code.tee(vector);
    code.lane(wide ? FD.f64x2_extract_lane : FD.f32x4_extract_lane, 0);
  } else {
    l.float(a);
    l.float(b);
    code.op(ARITH[node.op]![wide ? 0 : 1]);
  }
  code.set(result);
}

/** Locals for limits; to be set with updateLimits. */
export const newLimits = (code: Code): Limits => ({
  f64: code.freshLocal(F64),
  f32: code.freshLocal(F32),
  exponent: code.freshLocal(I32),
});

/** Sets the limits from the sticky slot in memory. */
export function updateLimits(code: Code, host: FloatHost, sticky: Sticky, limits: Limits): void {
  const m = inexactBits(sticky);
  code.i32(0);
  code.mem(M.i32_load, ENGINE, host.slotOffset(sticky.slot));
  code.i32(m);
  code.op(W.i32_and);
  code.i32(m);
  code.op(W.i32_eq);
  code.if(F64);
  code.f64Const(Number.POSITIVE_INFINITY);
  code.else();
  code.f64Const(Number.NaN);
  code.end();
  code.tee(limits.f64);
  code.op(W.f32_demote_f64);
  code.set(limits.f32);
  code.i32(0x7fe);
  code.i32(0);
  code.get(limits.f64);
  code.f64Const(0);
  code.op(W.f64_gt);
  code.op(W.select);
  code.set(limits.exponent);
}

/** The bits that NX alone sets in the sticky slot. */
export function inexactBits(sticky: Sticky): number {
  const value = withExceptions(sticky.value, constNum(6, 1));
  return value.op === "const" ? value.lo : -1;
}

function withExceptions(node: Node, bits: Node): Node {
  if (node.op === "fexc") return bits;
  if (node.args.length === 0) return node;
  return remake(
    node,
    node.args.map((arg) => withExceptions(arg, bits)),
  );
}

type Fast = "exact" | "checked" | "none";

/**
 * Computes the usual case into `result`, unless it is `computed`; "checked": pushes whether it holds.
 * limits undefined: exceptions do not matter.
 */
function fastWay(
  l: Lower,
  node: Node,
  host: FloatHost,
  limits: Limits | undefined,
  result: number,
  vector: number,
  computed: boolean,
): Fast {
  const code = l.code;
  const mode = modeOf(node);
  const wide = node.w === 64;
  const [a, b] = node.args as [Node, Node];
  const before = node.fp!.tiny === "before";
  if (!knownFloat(node)) return "none";
  switch (node.op) {
    case "fadd":
    case "fsub":
    case "fmul":
    case "fdiv": {
      if (mode !== 0) return "none";
      if (!computed) compute(l, node, result, vector);
      return checkResult(code, wide, limits, result, node.op === "fmul" || node.op === "fdiv", before);
    }
    case "fsqrt":
      if (mode !== 0) return "none";
      l.float(a);
      code.op(wide ? W.f64_sqrt : W.f32_sqrt);
      code.set(result);
      return checkResult(code, wide, limits, result, false, before);
    case "fma":
      if (mode !== 0 || !host.fused) return "none";
      if (!computed) compute(l, node, result, vector);
      return checkResult(code, wide, limits, result, true, before);
    case "f2f":
      // More than a rounding mode may say that denormals count as zeros.
      if (mode !== 0 && node.args[1]!.w > 3) return "none";
      l.float(a);
      if (wide) {
        code.op(W.f64_promote_f32);
        code.tee(result);
        code.get(result);
        code.op(W.f64_eq);
        return "checked";
      }
      if (mode !== 0) {
        code.op(W.f32_demote_f64);
        code.set(result);
        return "none";
      }
      code.op(W.f32_demote_f64);
      code.set(result);
      return checkResult(code, false, limits, result, true, before);
    case "s2f":
    case "u2f":
      return fromInteger(l, node, mode, limits, result);
    case "f2s":
    case "f2u":
      return toInteger(l, node, mode, limits, result);
    case "feq":
    case "flt":
    case "fle": {
      const double = a.w === 64;
      l.float(a);
      l.float(b);
      if (node.op === "feq") code.op(double ? W.f64_eq : W.f32_eq);
      else if (node.op === "flt") code.op(double ? W.f64_lt : W.f32_lt);
      else code.op(double ? W.f64_le : W.f32_le);
      code.set(result);
      if (limits === undefined) return "exact";
      for (const x of [a, b]) {
        l.float(x);
        l.float(x);
        code.op(double ? W.f64_eq : W.f32_eq);
      }
      code.op(W.i32_and);
      return "checked";
    }
    case "frint": {
      const op = ROUNDINGS[mode]?.[wide ? 0 : 1];
      if (op === undefined) return "none";
      l.float(a);
      code.op(op);
      code.set(result);
      if (limits === undefined) return checkResult(code, wide, undefined, result, false, before);
      // Finite, and a whole number before or NX set already.
      code.get(result);
      code.op(wide ? W.f64_abs : W.f32_abs);
      pushFloat(code, wide, Number.POSITIVE_INFINITY);
      code.op(wide ? W.f64_lt : W.f32_lt);
      code.get(result);
      l.float(a);
      code.op(wide ? W.f64_eq : W.f32_eq);
      code.get(limits.f64);
      code.f64Const(0);
      code.op(W.f64_gt);
      code.op(W.i32_or);
      code.op(W.i32_and);
      return "checked";
    }
    default:
      return "none";
  }
}

const ROUNDINGS: readonly (readonly [number, number])[] = [
  [W.f64_nearest, W.f32_nearest],
  [W.f64_trunc, W.f32_trunc],
  [W.f64_floor, W.f32_floor],
  [W.f64_ceil, W.f32_ceil],
];

const ARITH: Partial<Record<Op, readonly [number, number]>> = {
  fadd: [W.f64_add, W.f32_add],
  fsub: [W.f64_sub, W.f32_sub],
  fmul: [W.f64_mul, W.f32_mul],
  fdiv: [W.f64_div, W.f32_div],
};

/** Finite, NX set already and, where it may underflow, at least the least normal. Without limits: not NaN. */
function checkResult(
  code: Code,
  wide: boolean,
  limits: Limits | undefined,
  result: number,
  tiny: boolean,
  before: boolean,
): Fast {
  if (limits === undefined) {
    code.get(result);
    code.get(result);
    code.op(wide ? W.f64_eq : W.f32_eq);
    return "checked";
  }
  if (!tiny) {
    code.get(result);
    code.op(wide ? W.f64_abs : W.f32_abs);
    code.get(wide ? limits.f64 : limits.f32);
    code.op(wide ? W.f64_lt : W.f32_lt);
    return "checked";
  }
  if (before) {
    // Tiny before rounding, the least normal number may have been less.
    code.get(result);
    code.op(wide ? W.f64_abs : W.f32_abs);
    pushFloat(code, wide, leastNormal(wide));
    code.op(wide ? W.f64_gt : W.f32_gt);
    code.get(result);
    code.op(wide ? W.f64_abs : W.f32_abs);
    code.get(wide ? limits.f64 : limits.f32);
    code.op(wide ? W.f64_lt : W.f32_lt);
    code.op(W.i32_and);
    return "checked";
  }
  // Exponent + 1, without its lowest bit, is 0 for zero, subnormals, infinity and NaN.
  code.get(result);
  if (wide) {
    code.op(W.i64_reinterpret_f64);
    code.i64s(52);
    code.op(W.i64_shr_u);
    code.op(W.i32_wrap_i64);
  } else {
    code.op(W.i32_reinterpret_f32);
    code.i32(23);
    code.op(W.i32_shr_u);
  }
  code.i32(1);
  code.op(W.i32_add);
  code.get(limits.exponent);
  if (!wide) {
    code.i32(0xfe);
    code.op(W.i32_and);
  }
  code.op(W.i32_and);
  return "checked";
}

function fromInteger(l: Lower, node: Node, mode: number, limits: Limits | undefined, result: number): Fast {
  const code = l.code;
  const from = node.args[0]!;
  const signed = node.op === "s2f";
  const wide = node.w === 64;
  const exact = wide && from.w === 32;
  if (mode !== 0 && !exact) return "none";
  pushOperand(l, node, from);
  if (from.w === 32) {
    if (wide) code.op(signed ? W.f64_convert_i32_s : W.f64_convert_i32_u);
    else code.op(signed ? W.f32_convert_i32_s : W.f32_convert_i32_u);
  } else if (wide) code.op(signed ? W.f64_convert_i64_s : W.f64_convert_i64_u);
  else code.op(signed ? W.f32_convert_i64_s : W.f32_convert_i64_u);
  code.set(result);
  if (exact || limits === undefined) return "exact";
  // A small magnitude is exact; else NX must be set.
  code.get(result);
  code.op(wide ? W.f64_abs : W.f32_abs);
  if (!wide) code.op(W.f64_promote_f32);
  code.f64Const(wide ? 2 ** 53 : 2 ** 24);
  code.op(W.f64_lt);
  code.get(limits.f64);
  code.f64Const(0);
  code.op(W.f64_gt);
  code.op(W.i32_or);
  return "checked";
}

function toInteger(l: Lower, node: Node, mode: number, limits: Limits | undefined, result: number): Fast {
  const code = l.code;
  const from = node.args[0]!;
  const double = from.w === 64;
  const signed = node.op === "f2s";
  if (mode !== 0 && mode !== 1) return "none";
  const whole = code.local(F64);
  l.float(from);
  if (!double) code.op(W.f64_promote_f32);
  code.op(mode === 1 ? W.f64_trunc : W.f64_nearest);
  code.tee(whole);
  if (node.w === 32) code.fc(signed ? FC.i32_trunc_sat_f64_s : FC.i32_trunc_sat_f64_u);
  else code.fc(signed ? FC.i64_trunc_sat_f64_s : FC.i64_trunc_sat_f64_u);
  code.set(result);
  const bits = signed ? node.w - 1 : node.w;
  code.get(whole);
  if (signed) code.op(W.f64_abs);
  code.f64Const(2 ** bits);
  code.op(W.f64_lt);
  if (!signed) {
    code.get(whole);
    code.f64Const(0);
    code.op(W.f64_ge);
    code.op(W.i32_and);
  }
  if (limits !== undefined) {
    code.get(whole);
    l.float(from);
    if (!double) code.op(W.f64_promote_f32);
    code.op(W.f64_eq);
    code.get(limits.f64);
    code.f64Const(0);
    code.op(W.f64_gt);
    code.op(W.i32_or);
    code.op(W.i32_and);
  }
  code.release(whole);
  return "checked";
}

/** Pushes the exceptions (i6) that a float op raises, for those who want them otherwise than accumulated. */
export function pushExceptions(l: Lower, node: Node, host: FloatHost): void {
  const args = operands(node);
  for (const arg of args) pushOperand(l, node, arg);
  const mode = modeOf(node);
  if (mode < 0) l.emit(node.args[node.args.length - 1]!, ZERO);
  else l.code.i32(mode);
  const number = floatCode(node);
  const key = `exceptions ${number}`;
  let func = host.helpers.get(key);
  if (func === undefined) {
    const params = [...args.map((arg) => operandType(node, arg)), I32 as ValueType];
    func = host.module.func(host.module.type(params, [I32]), `exceptions_${node.op}`);
    host.helpers.set(key, func);
    const code = new Code(params);
    askReference(code, params, number, host);
    host.module.body(func, code);
  }
  l.code.call(func);
}

/** Pushes the exceptions of the reference's answer on the function's parameters; the result is in memory then. */
function askReference(code: Code, params: readonly ValueType[], number: number, host: FloatHost): void {
  params.slice(0, -1).forEach((type, i) => {
    code.i32(0);
    code.get(i);
    toBits(code, type);
    code.mem(M.i64_store, ENGINE, SCRATCH + 8 * i);
  });
  code.i32(0);
  code.get(params.length - 1);
  code.mem(M.i32_store, ENGINE, SCRATCH_RM);
  code.i32(number);
  code.call(host.importFloat);
}

/** Function of the module that asks the reference: (operands, mode) -> result, exceptions into the sticky slot. */
function helper(from: Lower, host: FloatHost, node: Node, sticky: Sticky | undefined): number {
  const number = floatCode(node);
  const key = sticky === undefined ? `${number}` : `${number} ${sticky.slot} ${shapeKey(sticky.value)}`;
  const known = host.helpers.get(key);
  if (known !== undefined) return known;
  const args = operands(node);
  const params = [...args.map((arg) => operandType(node, arg)), I32 as ValueType];
  const type = resultType(node);
  const func = host.module.func(host.module.type(params, [type]), `float_${node.op}`);
  host.helpers.set(key, func);
  const code = new Code(params);
  const base = (): void => code.i32(0);
  const careful = sticky !== undefined && reportsDenormals(node);
  if (careful) {
    pushNormal(code, params[0] === F64, args.length, (i) => code.get(i));
    code.if();
  }
  // Under another mode a denormal operand may count as zero, and be reported.
  code.get(args.length);
  code.op(W.i32_eqz);
  code.if();
  exactZero(code, node, type);
  code.end();
  if (sticky !== undefined) decideHere(code, node, host, sticky, args.length);
  if (careful) code.end();
  askReference(code, params, number, host);
  if (sticky === undefined) code.op(W.drop);
  else accumulate(from, code, host, sticky);
  base();
  if (type === F64) code.mem(M.f64_load, ENGINE, SCRATCH_RESULT);
  else if (type === F32) code.mem(M.f32_load, ENGINE, SCRATCH_RESULT);
  else if (type === I64) code.mem(M.i64_load, ENGINE, SCRATCH_RESULT);
  else code.mem(M.i32_load, ENGINE, SCRATCH_RESULT);
  host.module.body(func, code);
  return func;
}

/** Under mode 0, finite cases: the rounding error tells whether NX is due. */
function decideHere(code: Code, node: Node, host: FloatHost, sticky: Sticky, mode: number): void {
  const inexact = (): void => {
    code.i32(0);
    code.i32(0);
    code.mem(M.i32_load, ENGINE, host.slotOffset(sticky.slot));
    code.i32(inexactBits(sticky));
    code.op(W.i32_or);
    code.mem(M.i32_store, ENGINE, host.slotOffset(sticky.slot));
  };
  code.get(mode);
  code.op(W.i32_eqz);
  code.if();
  exactWay(code, node, host.fused, inexact);
  code.end();
}

/** A product or quotient with a zero (of finite numbers) is exact and raises nothing: the commonest tiny result. */
function exactZero(code: Code, node: Node, type: ValueType): void {
  if ((node.op !== "fmul" && node.op !== "fdiv") || (type !== F64 && type !== F32)) return;
  const wide = type === F64;
  const finite = (i: number): void => {
    code.get(i);
    code.get(i);
    code.op(wide ? W.f64_sub : W.f32_sub);
    zero();
    code.op(wide ? W.f64_eq : W.f32_eq);
  };
  const zero = (): void => {
    code.f64Const(0);
    if (!wide) code.op(W.f32_demote_f64);
  };
  const isZero = (i: number): void => {
    code.get(i);
    zero();
    code.op(wide ? W.f64_eq : W.f32_eq);
  };
  isZero(0);
  if (node.op === "fmul") {
    isZero(1);
    code.op(W.i32_or);
    finite(0);
    code.op(W.i32_and);
  } else {
    isZero(1);
    code.op(W.i32_eqz);
    code.op(W.i32_and);
  }
  finite(1);
  code.op(W.i32_and);
  code.if();
  code.get(0);
  code.get(1);
  code.op(ARITH[node.op]![wide ? 0 : 1]);
  code.op(W.return);
  code.end();
}

function toBits(code: Code, type: ValueType): void {
  if (type === F64) code.op(W.i64_reinterpret_f64);
  else if (type === F32) {
    code.op(W.i32_reinterpret_f32);
    code.op(W.i64_extend_i32_u);
  } else if (type === I32) code.op(W.i64_extend_i32_u);
}

/** Exceptions on the stack: slot |= what the sticky says of them. */
function accumulate(from: Lower, code: Code, host: FloatHost, sticky: Sticky): void {
  const flags = code.local(I32);
  code.set(flags);
  const env: LowerEnv = {
    leaf: () => undefined,
    leafLow: () => undefined,
    leafFloat: () => undefined,
    leafChunk: () => undefined,
    leafWord: () => undefined,
    leafPart: () => undefined,
    leafSext32: () => false,
    floatOp: (l) => l.code.get(flags),
    floatHost: () => host,
  };
  const l = from.beside(code, env);
  code.i32(0);
  code.i32(0);
  code.mem(M.i32_load, ENGINE, host.slotOffset(sticky.slot));
  l.emit(sticky.value, ZERO);
  code.op(W.i32_or);
  code.mem(M.i32_store, ENGINE, host.slotOffset(sticky.slot));
}

/** The shape of an expression over one fexc, as a key. */
function shapeKey(node: Node): string {
  if (node.op === "fexc") return "e";
  return `${node.op}${node.w}.${node.aux}.${node.lo}(${node.args.map(shapeKey).join()})`;
}
