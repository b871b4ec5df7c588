import type { Node } from "../../ir/node.ts";
import { SCRATCH, SCRATCH_RESULT, SCRATCH_RM } from "./abi.ts";
import { Code, ENGINE, F32, F64, I32, I64, type ValueType } from "./code.ts";
import { exactWay } from "./exact.ts";
import { type FloatHost, inexactBits } from "./float-host.ts";
import {
  ARITH,
  modeOf,
  operands,
  operandType,
  pushNormal,
  pushOperand,
  reportsDenormals,
  resultType,
} from "./float-operands.ts";
import { floatCode } from "./floatcall.ts";
import type { Lower, LowerEnv } from "./lower.ts";
import { M, W } from "./opcodes.ts";
import type { Sticky } from "./sticky.ts";
import { ZERO } from "./values.ts";

// All other cases: functions out of line that ask the reference.

/** Pushes the operands and calls the function that asks the reference; the result in `resultType`. */
export function pushReference(l: Lower, node: Node, host: FloatHost, sticky: Sticky | undefined): void {
  for (const arg of operands(node)) pushOperand(l, node, arg);
  const mode = modeOf(node);
  if (mode < 0) l.emit(node.args[node.args.length - 1]!, ZERO);
  else l.code.i32(mode);
  l.code.call(helper(l, host, node, sticky));
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
