import type { Node } from "../../ir/node.ts";
import { V128 } from "./code.ts";
import type { Member } from "./float-group.ts";
import { operands } from "./float-operands.ts";
import type { Lower } from "./lower.ts";
import { FD, W } from "./opcodes.ts";

// Tests together whether float ops gave exact results.

/** Whether an op has a test here. */
export const testedExactly = (node: Node, fused: boolean): boolean =>
  node.w === 64 && (node.op === "fadd" || node.op === "fsub" || fused);

/**
 * Twice the bits of a factor, less one, below which its products' errors may not be numbers: of 2^-450. A factor of
 * zero is beyond all.
 */
const LEAST_FACTOR = 2 * ((1023 - 450) << 20);

/**
 * Branches out unless all results are surely exact. The bits of these differences together are zero where each is +0,
 * as where its result r is exact (it is -0 where the root of -0 is taken, which is then done once more):
 *  - r = a + b: (r - a) - b and (r - b) - a, of which one is the error (Dekker's Fast2Sum says which);
 *  - r = a * b, a / b, sqrt a: r - a * b, a - r * b, a - r * r, by a fused multiply-add;
 *  - r = a * b + c, done in two steps: with z = r - c, rounded, z - a * b, which says that the product is z, a number;
 *    then the sum's other difference, (r - a * b) - c. The two steps have then done what one does.
 * An infinity or NaN on the way leaves one.
 */
export class ExactTests {
  private readonly l: Lower;
  private readonly out: number;
  private some = false;
  private readonly factors = new Set<Node>();

  constructor(l: Lower, out: number) {
    this.l = l;
    this.out = out;
  }

  run(members: readonly Member[]): void {
    const { code } = this.l;
    for (const member of members) this.differences(member);
    if (!this.some) return;
    code.i64s(0);
    code.op(W.i64_ne);
    code.unlikely();
    code.brIf(this.out);
    for (const factor of this.factors) this.factor(factor);
  }

  /** Puts the bits of the double on the stack, or of a vector's first, to the others. */
  private add(vector: boolean): void {
    const { code } = this.l;
    if (vector) code.lane(FD.i64x2_extract_lane, 0);
    else code.op(W.i64_reinterpret_f64);
    if (this.some) code.op(W.i64_or);
    this.some = true;
  }

  private differences(member: Member): void {
    const { l } = this;
    const { code } = l;
    const { node, result } = member;
    const [a, b, c] = operands(node) as [Node, Node, Node];
    const vector = (x: Node | undefined): void => {
      if (x !== undefined) l.vector(x);
      else if (member.vector >= 0) code.get(member.vector);
      else {
        code.get(result);
        code.fd(FD.f64x2_splat);
      }
    };
    /** x * y less z: z - x * y. */
    const less = (x: Node | undefined, y: Node | undefined, z: () => void): void => {
      vector(x);
      vector(y);
      z();
      code.fd(FD.f64x2_relaxed_nmadd);
    };
    switch (node.op) {
      case "fadd":
      case "fsub": {
        const plus = node.op === "fadd";
        code.get(result);
        l.float(a);
        code.op(W.f64_sub);
        l.float(b);
        code.op(plus ? W.f64_sub : W.f64_add);
        this.add(false);
        code.get(result);
        l.float(b);
        code.op(plus ? W.f64_sub : W.f64_add);
        l.float(a);
        code.op(W.f64_sub);
        this.add(false);
        return;
      }
      case "fmul":
        less(a, b, () => vector(undefined));
        this.add(true);
        this.factors.add(a);
        this.factors.add(b);
        return;
      case "fdiv":
        less(undefined, b, () => vector(a));
        this.add(true);
        this.factors.add(a);
        return;
      case "fsqrt":
        less(undefined, undefined, () => vector(a));
        this.add(true);
        this.factors.add(a);
        return;
    }
    // A fused multiply-add.
    less(a, b, () => {
      vector(undefined);
      vector(c);
      code.fd(FD.f64x2_sub);
    });
    less(a, b, () => vector(undefined));
    vector(c);
    code.fd(FD.f64x2_sub);
    code.fd(FD.v128_or);
    this.add(true);
    this.factors.add(a);
    this.factors.add(b);
  }

  /** A factor is zero, or large enough. */
  private factor(node: Node): void {
    const { code } = this.l;
    if (node.op === "const" && (node.hi << 1) >>> 0 >= LEAST_FACTOR) return;
    if (this.l.isVector(node)) {
      this.l.vector(node);
      code.lane(FD.i64x2_extract_lane, 0);
    } else {
      this.l.float(node);
      code.op(W.i64_reinterpret_f64);
    }
    code.i64s(1);
    code.op(W.i64_shl);
    code.i64s(1);
    code.op(W.i64_sub);
    code.i64(0, LEAST_FACTOR);
    code.op(W.i64_lt_u);
    code.unlikely();
    code.brIf(this.out);
  }
}

/**
 * Computes a double's fused multiply-add in two steps into `result`, which is right where both are exact. Gives the
 * local with the result as a vector, -1 where there is none.
 */
export function twoSteps(l: Lower, node: Node, result: number): number {
  const { code } = l;
  const [a, b, c] = operands(node) as [Node, Node, Node];
  if (!l.isVector(c)) {
    l.float(a);
    l.float(b);
    code.op(W.f64_mul);
    l.float(c);
    code.op(W.f64_add);
    code.set(result);
    return -1;
  }
  const vector = code.local(V128);
  l.vector(a);
  l.vector(b);
  code.fd(FD.f64x2_mul);
  l.vector(c);
  code.fd(FD.f64x2_add);
  code.tee(vector);
  code.lane(FD.f64x2_extract_lane, 0);
  code.set(result);
  return vector;
}
