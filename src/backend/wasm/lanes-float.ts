import type { Node, Op } from "../../ir/node.ts";
import { ENGINE, F32, F64, V128 } from "./code.ts";
import { exactLanes, testsExactLanes } from "./exact-lanes.ts";
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

const OPS: Partial<Record<Op, FloatOp>> = {
  fadd: "add",
  fsub: "sub",
  fmul: "mul",
  fdiv: "div",
  fsqrt: "sqrt",
  fma: "madd",
};

/** Whether the op has a SIMD instruction that is right in the usual case. */
export const hasFloatLanes = (node: Node, host: () => FloatHost): boolean =>
  node.op in OPS && (node.w === 32 || node.w === 64) && (node.op !== "fma" || host().fused);

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
  /** Pushes an i32: the rounding mode is another, or in some lane the mask that `push` pushes is not set. */
  const someNot = (push: (k: number) => void): void => {
    pushOtherMode(lanes, mode);
    out.forEach((_, k) => {
      push(k);
      code.fd(V.not);
      lanes.live(c, k);
      code.fd(V.any_true);
      code.op(W.i32_or);
    });
  };
  const normal = (k: number): void => {
    for (const input of inputs) {
      code.get(least);
      abs(input[k]!);
      code.fd(floatOp(c, "le"));
      isZero(input[k]!);
      code.fd(V.or);
      code.fd(V.and);
    }
  };
  someNot((k) => {
    const r = out[k]!;
    if (limit === undefined) {
      code.get(r);
      code.get(r);
      code.fd(floatOp(c, "eq"));
      return;
    }
    abs(r);
    code.get(limit);
    code.fd(floatOp(c, "lt"));
    if (node.op === "fmul" || node.op === "fdiv" || node.op === "fma") {
      code.get(least);
      abs(r);
      code.fd(floatOp(c, "lt"));
      if (node.op !== "fma") {
        // A zero operand gives an exact zero.
        isZero(inputs[0]![k]!);
        code.fd(V.or);
        if (node.op === "fmul") {
          isZero(inputs[1]![k]!);
          code.fd(V.or);
        }
      }
      code.fd(V.and);
    }
    if (reportsDenormals(node)) normal(k);
  });
  code.unlikely();
  code.if();
  const exact = limit !== undefined && testsExactLanes(node.op, host.fused);
  if (exact) {
    someNot((k) => {
      exactLanes(
        lanes,
        node.op,
        c,
        inputs.map((input) => input[k]!),
        out[k]!,
      );
      if (reportsDenormals(node)) normal(k);
    });
    code.if();
  }
  byLane(lanes, node, c, {
    out,
    push: (op) => {
      pushReference(l, op, host, sticky?.(op));
      return wide ? F64 : F32;
    },
  });
  if (exact) code.end();
  code.end();
  if (limit !== undefined) code.release(limit);
  code.release(least);
  return out;
}

/** Pushes an i32 that is not 0 where the rounding mode is not to nearest even. */
function pushOtherMode({ code, l, map }: Lanes, mode: Node): void {
  const arg = mode.op === "elem" ? map.args[mode.aux]! : mode;
  if (arg.op === "const") code.i32(arg.lo === 0 ? 0 : 1);
  else if (mode.op === "elem" && arg.w === mode.w) l.emit(arg, ZERO);
  else code.i32(1);
}
