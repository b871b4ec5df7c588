import type { Op } from "../../ir/node.ts";
import type { LaneRegisters } from "./lanes-registers.ts";
import { FD, W } from "./opcodes.ts";
import { type FloatOp, floatOp, V } from "./simd-codes.ts";

// Which lanes of a float op are surely exact: the tests of exact.ts on all lanes at once.

/** Below these a product's error may not be representable. */
const SAFE = { 32: 2 ** -60, 64: 2 ** -900 } as const;

export const testsExactLanes = (op: Op, fused: boolean): boolean =>
  op === "fadd" || op === "fsub" || (fused && (op === "fmul" || op === "fma"));

/**
 * Pushes a mask of the lanes where `result` = op(inputs) to nearest even is surely exact; why, see exactTest and
 * exactFmaTest. An infinity or NaN on the way makes the comparisons false.
 */
export function exactLanes(lanes: LaneRegisters, op: Op, c: 32 | 64, inputs: readonly number[], result: number): void {
  const { code } = lanes;
  const [a, b, addend] = inputs as [number, number, number];
  const apply = (name: FloatOp): void => code.fd(floatOp(c, name));
  const equal = (x: number, sign: FloatOp, y: number, z: number): void => {
    code.get(x);
    code.get(y);
    apply(sign);
    code.get(z);
    apply("eq");
  };
  if (op === "fadd" || op === "fsub") {
    // a + b - a = b and a + b - b = a; a - b + b = a and a - (a - b) = b.
    if (op === "fadd") equal(result, "sub", a, b);
    else equal(a, "sub", result, b);
    equal(result, op === "fadd" ? "sub" : "add", b, a);
    code.fd(V.and);
    return;
  }
  // rest = c - r, or -r; the product is surely -rest where a * b + rest is 0.
  if (op === "fma") {
    code.get(addend);
    code.get(result);
    apply("sub");
  } else {
    code.get(result);
    apply("neg");
  }
  const rest = lanes.set();
  const zero = (): void => lanes.l.wide.bytes([]);
  code.get(a);
  code.get(b);
  code.get(rest);
  apply("madd");
  zero();
  apply("eq");
  if (op === "fma") {
    equal(result, "add", rest, addend);
    code.fd(V.and);
  }
  code.f64Const(SAFE[c]);
  if (c === 32) {
    code.op(W.f32_demote_f64);
    code.fd(FD.f32x4_splat);
  } else code.fd(FD.f64x2_splat);
  code.get(rest);
  apply("abs");
  apply("lt");
  for (const factor of [a, b]) {
    code.get(factor);
    zero();
    apply("eq");
    code.fd(V.or);
  }
  code.fd(V.and);
}
