import type { Node, Op } from "../../ir/node.ts";
import { ENGINE, F32, F64, V128 } from "./code.ts";
import { type FloatHost, inexactBits } from "./float-host.ts";
import { leastNormal, reportsDenormals } from "./float-operands.ts";
import { pushReference } from "./float-reference.ts";
import type { Registers } from "./lanes-registers.ts";
import { byLane } from "./lanes-scalar.ts";
import type { Lanes } from "./lanes-values.ts";
import { FD, M, W } from "./opcodes.ts";
import { type FloatOp, floatOp, V } from "./simd-codes.ts";
import type { Sticky } from "./sticky.ts";
import { ZERO } from "./values.ts";

const OPS: Partial<Record<Op, FloatOp>> = { fadd: "add", fsub: "sub", fmul: "mul", fdiv: "div", fsqrt: "sqrt" };

/** Whether the op has a SIMD instruction that is right in the usual case. */
export const hasFloatLanes = (node: Node): boolean => node.op in OPS && (node.w === 32 || node.w === 64);

/** Makes the accumulation of one lane's exceptions from the op on that lane. */
export type StickyOf = (float: Node) => Sticky;

/**
 * A float op on all lanes at once, to nearest even as the host does it, where the rounding mode is that and every
 * result is such that it raised nothing new: as with scalars (float-fast.ts), finite and normal where NX is set already.
 * Else all lanes are done one by one. `sticky` undefined: nobody asks for exceptions, only NaNs are not the host's.
 */
export function floatLanes(lanes: Lanes, node: Node, host: FloatHost, sticky: StickyOf | undefined): Registers {
  const { code, l } = lanes;
  const c = node.w as 32 | 64;
  const wide = c === 64;
  const args = node.args.slice(0, -1);
  const mode = node.args[node.args.length - 1]!;
  const inputs = args.map((a) => lanes.vec(a, c, 0));
  const out = inputs[0]!.map((_, k) => {
    for (const input of inputs) code.get(input[k]!);
    code.fd(floatOp(c, OPS[node.op]!));
    return lanes.set();
  });
  // One i32: some lane is another case.
  let some = false;
  const also = (): void => {
    if (some) code.op(W.i32_or);
    some = true;
  };
  if (mode.op === "const") {
    if (mode.lo !== 0) {
      code.i32(1);
      also();
    }
  } else if (mode.op === "elem" && lanes.map.args[mode.aux]!.op === "const") {
    if (lanes.map.args[mode.aux]!.lo !== 0) {
      code.i32(1);
      also();
    }
  } else if (mode.op === "elem" && lanes.map.args[mode.aux]!.w === mode.w) {
    l.emit(lanes.map.args[mode.aux]!, ZERO);
    also();
  } else {
    code.i32(1);
    also();
  }
  const limit = sticky === undefined ? undefined : code.local(V128);
  const least = code.local(V128);
  if (limit !== undefined) {
    // Infinity where NX is set, else NaN, so that one comparison asks for both.
    const first = sticky!(lanes.one(node));
    const bits = inexactBits(first);
    code.f64Const(Number.POSITIVE_INFINITY);
    code.f64Const(Number.NaN);
    code.i32(0);
    code.mem(M.i32_load, ENGINE, host.slotOffset(first.slot));
    code.i32(bits);
    code.op(W.i32_and);
    code.i32(bits);
    code.op(W.i32_eq);
    code.op(W.select);
    if (!wide) code.op(W.f32_demote_f64);
    code.fd(wide ? FD.f64x2_splat : FD.f32x4_splat);
    code.set(limit);
    code.f64Const(leastNormal(wide));
    if (!wide) code.op(W.f32_demote_f64);
    code.fd(wide ? FD.f64x2_splat : FD.f32x4_splat);
    code.set(least);
  }
  const abs = (x: number): void => {
    code.get(x);
    code.fd(floatOp(c, "abs"));
  };
  const isZero = (x: number): void => {
    code.get(x);
    l.wide.bytes([]);
    code.fd(floatOp(c, "eq"));
  };
  out.forEach((r, k) => {
    if (limit === undefined) {
      code.get(r);
      code.get(r);
      code.fd(floatOp(c, "eq"));
    } else {
      abs(r);
      code.get(limit);
      code.fd(floatOp(c, "lt"));
      if (node.op === "fmul" || node.op === "fdiv") {
        code.get(least);
        abs(r);
        code.fd(floatOp(c, node.fp!.tiny === "before" ? "lt" : "le"));
        // A zero operand gives an exact zero.
        isZero(inputs[0]![k]!);
        code.fd(V.or);
        if (node.op === "fmul") {
          isZero(inputs[1]![k]!);
          code.fd(V.or);
        }
        code.fd(V.and);
      }
      if (reportsDenormals(node))
        for (const input of inputs) {
          code.get(least);
          abs(input[k]!);
          code.fd(floatOp(c, "le"));
          isZero(input[k]!);
          code.fd(V.or);
          code.fd(V.and);
        }
    }
    code.fd(V.not);
    lanes.live(c, k);
    code.fd(V.any_true);
    also();
  });
  if (limit !== undefined) code.release(limit);
  code.release(least);
  code.unlikely();
  code.if();
  byLane(lanes, node, c, {
    out,
    push: (op) => {
      pushReference(l, op, host, sticky?.(op));
      return wide ? F64 : F32;
    },
  });
  code.end();
  return out;
}
