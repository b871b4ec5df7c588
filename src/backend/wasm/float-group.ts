import type { Node, Op } from "../../ir/node.ts";
import { V128 } from "./code.ts";
import { ExactTests, testedExactly, twoSteps } from "./exact-group.ts";
import { lowerFloat } from "./float.ts";
import { compute, knownFloat } from "./float-fast.ts";
import { newLimits, updateLimits } from "./float-host.ts";
import { ARITH, COMPARISONS, modeOf, operands, reportsDenormals, resultType } from "./float-operands.ts";
import type { Frame } from "./frame.ts";
import type { Step } from "./graph.ts";
import { FD, W } from "./opcodes.ts";
import { ZERO } from "./values.ts";

/** A float op that is computed and not yet tested. */
export interface Member {
  readonly node: Node;
  readonly step: Step & { k: "float" };
  /** Locals: the result, and the same as a vector (-1: none). */
  readonly result: number;
  readonly vector: number;
}

const SUMS: ReadonlySet<Op> = new Set<Op>(["fadd", "fsub", "fsqrt"]);
const PRODUCTS: ReadonlySet<Op> = new Set<Op>(["fmul", "fdiv", "fma"]);

/** Members of a group at most: all results stay in locals until the tests. */
const MOST = 16;

/** From so many products on they are tested in pairs. */
const PAIRS = 5;

/** Looks through what changes signs only. */
const bare = (node: Node): Node => (node.op === "fneg" || node.op === "fabs" ? bare(node.args[0]!) : node);

/**
 * Float ops that follow each other in a block, all of them computed as the host does it, and tested together before
 * anything happens that cannot be undone: a result that has to be finite and is not makes those that are computed from
 * it so, therefore only the last ones are tested. Where a test fails all ops are done once more, each with its own
 * tests (float.ts), which gives the guest's results and exceptions.
 *
 * Where NX was not set when the code was compiled the tests ask whether all results are exact instead (exact-group.ts).
 */
export class FloatGroup {
  private readonly f: Frame;
  private readonly members: Member[] = [];
  private readonly memberOf = new Map<Node, Member>();
  /** Members in the order of the whole block, and the first of them that is still to be tested. */
  private count = 0;
  private first = 0;
  private readonly order = new Map<Node, number>();
  private readonly latest = new Map<Node, number>();

  constructor(f: Frame) {
    this.f = f;
  }

  /** Whether the value is computed from ops that are still to be tested. */
  depends(node: Node): boolean {
    return this.members.length > 0 && this.last(node) >= this.first;
  }

  private last(node: Node): number {
    const own = this.order.get(node);
    if (own !== undefined) return own;
    // Exceptions are read from memory: all that were raised must be there.
    if (node.op === "get" && this.f.batch.resident.has(node.aux)) return Number.POSITIVE_INFINITY;
    if (node.args.length === 0 || node.op === "load" || node.op === "rmw") return -1;
    let last = this.latest.get(node);
    if (last !== undefined) return last;
    last = -1;
    for (const arg of node.args) last = Math.max(last, this.last(arg));
    this.latest.set(node, last);
    return last;
  }

  /** Computes the op of a step and leaves its tests to `flush`. False: it is none for that, and nothing was done. */
  take(step: Step & { k: "float" }): boolean {
    const { f } = this;
    const { node } = step;
    const { lower, code } = f;
    const host = f.batch.float;
    if (lower.frozen > 0 || f.limits === undefined || !knownFloat(node) || modeOf(node) !== 0) return false;
    if (this.memberOf.has(node)) return true;
    const compares = node.op in COMPARISONS;
    if (!compares && !SUMS.has(node.op) && !PRODUCTS.has(node.op)) return false;
    if (node.op === "fma" && !host.fused) return false;
    if (compares && this.members.length === 0) return false;
    if (host.exactFirst && !compares && !testedExactly(node, host.fused)) return false;
    const args = operands(node);
    if (this.members.length >= MOST || args.some((arg) => !this.memberOf.has(bare(arg)) && this.depends(arg)))
      this.flush();
    if (compares && this.members.length === 0) return false;
    const signed = args.filter((arg) => arg !== bare(arg) && this.memberOf.has(bare(arg)));
    for (const arg of args) lower.bindFloat(bare(arg));
    const type = resultType(node);
    const result = code.freshLocal(type);
    const vector = this.compute(node, result);
    // Other results may come to stand in their place.
    for (const arg of signed) lower.forget(arg);
    lower.keep(node, result, ZERO);
    if (vector >= 0) lower.keepVector(node, vector);
    const member = { node, step, result, vector };
    this.members.push(member);
    this.memberOf.set(node, member);
    // The same op again, after something read or wrote the exceptions.
    if (this.order.has(node)) this.latest.clear();
    this.order.set(node, this.count++);
    return true;
  }

  /** The op as the host does it into a local; gives the local with it as a vector, or -1. */
  private compute(node: Node, result: number): number {
    const { code, lower, batch } = this.f;
    const [a, b] = operands(node) as [Node, Node];
    const wide = a.w === 64;
    if (node.op === "fma" && wide && batch.float.exactFirst) return twoSteps(lower, node, result);
    if (node.op in ARITH || node.op === "fma") {
      const vector = node.op === "fma" && wide ? code.local(V128) : -1;
      compute(lower, node, result, vector);
      return vector;
    }
    lower.float(a);
    if (node.op === "fsqrt") code.op(wide ? W.f64_sqrt : W.f32_sqrt);
    else {
      lower.float(b);
      code.op(COMPARISONS[node.op]![wide ? 0 : 1]);
    }
    code.set(result);
    return -1;
  }

  /** Tests what was taken; from here on all results are the guest's. */
  flush(): void {
    if (this.members.length === 0) return;
    const { f, members } = this;
    const { code, lower } = f;
    // Nothing computed for tests is kept: the second way may come before it.
    lower.frozen++;
    code.block();
    code.block();
    if (f.batch.float.exactFirst) new ExactTests(lower, 0).run(members.filter(({ node }) => !(node.op in COMPARISONS)));
    this.finite();
    if (!f.batch.float.exactFirst) this.notTiny();
    this.normal();
    code.br(1);
    code.end();
    const host = { ...f.batch.float, inlineExact: false, exactFirst: false };
    // Limits of its own: the function's would have to be carried through every loop.
    const limits = newLimits(code);
    updateLimits(code, host, f.sticky!, limits);
    for (const { node, step, result, vector } of members) {
      lowerFloat(lower, node, host, step.sticky, limits);
      code.set(result);
      if (vector < 0) continue;
      code.get(result);
      code.fd(FD.f64x2_splat);
      code.set(vector);
    }
    code.get(limits.least);
    code.set(f.limits!.least);
    code.end();
    lower.frozen--;
    members.length = 0;
    this.memberOf.clear();
    this.first = this.count;
  }

  /** Off to the second way unless the i32 on the stack is set. */
  private unless(): void {
    this.f.code.op(W.i32_eqz);
    this.f.code.unlikely();
    this.f.code.brIf(0);
  }

  /**
   * Finite are results, and what is compared. What is an operand of one that is tested needs no test. Numbers less
   * themselves are zero, all others NaN; and the limit is no more than zero where NX is not set.
   */
  private finite(): void {
    const { f } = this;
    const { code, lower } = f;
    let some = false;
    for (const node of this.wanted()) {
      const wide = node.w === 64;
      lower.float(node);
      lower.float(node);
      code.op(wide ? W.f64_sub : W.f32_sub);
      if (!wide) code.op(W.f64_promote_f32);
      if (some) code.op(W.f64_add);
      some = true;
    }
    if (!some) return;
    if (f.batch.float.exactFirst) code.f64Const(1);
    else code.get(f.limits!.least);
    code.op(W.f64_lt);
    this.unless();
  }

  private wanted(): Node[] {
    const exact = this.f.batch.float.exactFirst === true;
    const covered = new Set<Node>();
    const wanted = new Set<Node>();
    for (const { node } of this.members) {
      const args = operands(node).map(bare);
      if (node.op in COMPARISONS) {
        for (const arg of args) wanted.add(arg);
        continue;
      }
      if (exact) covered.add(node);
      else wanted.add(node);
      // (What is divided by an infinity is zero, and tiny.)
      for (const arg of args) covered.add(arg);
    }
    return [...wanted].filter((node) => !covered.has(node) && !finiteConstant(node));
  }

  /**
   * Products and quotients are larger than the least normal number, which before rounding may have been less: by their
   * squares, which need no sign to be taken off, and are tiny sooner.
   */
  private notTiny(): void {
    const { code } = this.f;
    const products = this.members.filter(({ node }) => PRODUCTS.has(node.op));
    const singles = products.filter(({ node }) => node.w === 32);
    const doubles = products.filter(({ node }) => node.w === 64);
    for (const { result } of singles) {
      for (const _ of [0, 1]) {
        code.get(result);
        code.op(W.f64_promote_f32);
      }
      code.op(W.f64_mul);
      code.f64Const(2 ** -252);
      code.op(W.f64_gt);
      this.unless();
    }
    if (doubles.length >= PAIRS) {
      this.leastOfPairs(doubles.map(({ result }) => result));
      return;
    }
    for (const { result } of doubles) {
      code.get(result);
      code.get(result);
      code.op(W.f64_mul);
      this.aboveLeast();
    }
  }

  /** The double on the stack is larger than the least normal one. */
  private aboveLeast(): void {
    this.f.code.get(this.f.limits!.least);
    this.f.code.op(W.f64_gt);
    this.unless();
  }

  /** The same for the squares of all, of which two at a time are compared with the least so far. */
  private leastOfPairs(results: readonly number[]): void {
    const { code } = this.f;
    const least = code.local(V128);
    const pair = code.local(V128);
    for (let i = 0; i < results.length; i += 2) {
      code.get(results[i]!);
      code.fd(FD.f64x2_splat);
      if (i + 1 < results.length) {
        code.get(results[i + 1]!);
        code.lane(FD.f64x2_replace_lane, 1);
      }
      code.set(pair);
      if (i > 0) code.get(least);
      code.get(pair);
      code.get(pair);
      code.fd(FD.f64x2_mul);
      if (i > 0) code.fd(FD.f64x2_pmin);
      code.set(least);
    }
    for (const lane of [0, 1]) {
      code.get(least);
      code.lane(FD.f64x2_extract_lane, lane);
      this.aboveLeast();
    }
    code.release(pair);
    code.release(least);
  }

  /** No operand is denormal, where that is an exception. */
  private normal(): void {
    const { f, members, memberOf } = this;
    const { code, lower } = f;
    const done = new Set<Node>();
    for (const { node } of members) {
      if (!reportsDenormals(node)) continue;
      for (const arg of operands(node).map(bare)) {
        if (done.has(arg) || finiteConstant(arg)) continue;
        done.add(arg);
        if (!f.batch.float.exactFirst && PRODUCTS.has(arg.op) && memberOf.has(arg)) continue;
        const wide = arg.w === 64;
        // Twice the bits have no sign; less one, zero is the largest.
        lower.float(arg);
        if (wide) {
          code.op(W.i64_reinterpret_f64);
          code.i64s(1);
          code.op(W.i64_shl);
          code.i64s(1);
          code.op(W.i64_sub);
          code.i64(-1, 0x001fffff);
          code.op(W.i64_lt_u);
        } else {
          code.op(W.i32_reinterpret_f32);
          code.i32(1);
          code.op(W.i32_shl);
          code.i32(1);
          code.op(W.i32_sub);
          code.i32(0x00ffffff);
          code.op(W.i32_lt_u);
        }
        code.unlikely();
        code.brIf(0);
      }
    }
  }
}

/** A constant that is neither denormal nor infinite nor a NaN. */
function finiteConstant(node: Node): boolean {
  if (node.op !== "const") return false;
  const high = node.w === 64 ? node.hi : node.lo;
  const exponent = node.w === 64 ? (high >>> 20) & 0x7ff : (high >>> 23) & 0xff;
  const zero = high << 1 === 0 && (node.w === 32 || node.lo === 0);
  return node.big === undefined && (zero || (exponent !== 0 && exponent !== (node.w === 64 ? 0x7ff : 0xff)));
}
