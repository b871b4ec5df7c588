import type { Node, Op } from "../../ir/node.ts";
import { type Code, F32, F64, I32, I64, V128, type ValueType } from "./code.ts";
import { Demand, FLOAT, FULL, LOW } from "./demand.ts";
import type { FloatHost } from "./float-host.ts";
import { LaneLower } from "./lanes.ts";
import { LOWERINGS } from "./lower-ops.ts";
import { pushNarrow, takesWide } from "./narrow.ts";
import { FD, W } from "./opcodes.ts";
import { ANY, constantAmount, FLOAT_RESULT, isSext32, naturalType, SIGN, type Want, ZERO } from "./values.ts";
import { Wide } from "./wide.ts";

/**
 * How IR values become wasm stack code. A value of up to 32 bits is an i32, a wider one an i64; the bits above its
 * width are as the consumer wants them (`Want`). `low` gives the low 32 bits of a wide value as an i32, computed in
 * i32 as far down as that goes; `float` gives an f32 or f64. What is used more than once is kept in a local.
 */
export interface LowerEnv {
  /** Pushes the value of a leaf (get, param, old, undef and unknown without value) in its natural type. */
  leaf(lower: Lower, node: Node, want: Want): void;
  /** Pushes the low 32 bits of a leaf wider than that, as an i32. */
  leafLow(lower: Lower, node: Node): void;
  /** Pushes a leaf of 32 or 64 bits as a float. */
  leafFloat(lower: Lower, node: Node): void;
  /** Pushes chunk `k` of a leaf wider than 64 bits, as a v128. */
  leafChunk(lower: Lower, node: Node, k: number): void;
  /** Pushes word `j` of a leaf wider than 64 bits, as an i64; bits above its width are zero. */
  leafWord(lower: Lower, node: Node, j: number): void;
  /** Pushes the float at bit `lo` of a `get` wider than 64 bits. */
  leafPart(lower: Lower, node: Node, lo: number, type: "f32" | "f64"): void;
  /** True where the leaf is surely the sign extension of its low 32 bits. */
  leafSext32(node: Node): boolean;
  /** Pushes a float op's result as f32/f64 or (f2s, f2u) its integer, or an `fexc`; see float.ts. */
  floatOp(lower: Lower, node: Node): void;
  /** What float lanes need to ask the reference. */
  floatHost(): FloatHost;
}

/** Where a value is kept: `type` I32 of a node wider than 32 bits means that only its low half is. */
interface Kept {
  readonly local: number;
  readonly type: ValueType;
  readonly clean: Want;
}

/** Values pushed between two resets: beyond, shared values are being computed again and again. */
const MOST_EMITTED = 1_000_000;

/** Code that would grow without measure: what it is for is left to the first tier. */
export class TooLarge extends Error {}

export class Lower {
  private emitted = 0;
  readonly code: Code;
  readonly env: LowerEnv;
  private readonly kept = new Map<Node, Kept>();
  /** Locals with a double in a vector's first lane. */
  private readonly vectors = new Map<Node, number>();
  /** Uses counted so far; what is used twice is kept. */
  readonly demand = new Demand();
  /** Values wider than 64 bits. */
  readonly wide = new Wide(this);
  /** Lanes. */
  readonly lanes = new LaneLower(this);
  private depth = 0;
  private readonly sextLeaf = (node: Node): boolean => {
    if (node.op === "get") return this.env.leafSext32(node);
    const kept = this.kept.get(node);
    return kept !== undefined && kept.type === I32 && kept.clean === SIGN;
  };

  constructor(code: Code, env: LowerEnv) {
    this.code = code;
    this.env = env;
  }

  /** The same into another function. */
  beside(code: Code, env: LowerEnv): Lower {
    return new Lower(code, env);
  }

  /** Above zero: in a part that may not run, so that nothing computed there is kept (wide parts are, until it ends). */
  get frozen(): number {
    return this.depth;
  }
  set frozen(depth: number) {
    if (depth < this.depth) {
      this.wide.leave(depth);
      this.lanes.leave(depth);
    }
    this.depth = depth;
  }

  /** Forgets kept values and uses, gives their locals back. */
  reset(): void {
    this.emitted = 0;
    for (const kept of this.kept.values()) this.code.release(kept.local);
    this.kept.clear();
    for (const local of this.vectors.values()) this.code.release(local);
    this.vectors.clear();
    this.wide.reset();
    this.lanes.reset();
    this.demand.reset();
  }

  /** From now on the value is in `local`. clean: how the bits above its width are. */
  keep(node: Node, local: number, clean: Want): void {
    this.kept.set(node, { local, type: this.code.typeOf(local), clean });
  }
  /** The value is no longer where `keep` said. */
  forget(node: Node): void {
    this.kept.delete(node);
  }
  isKept(node: Node): boolean {
    return this.kept.has(node);
  }

  sext32(node: Node): boolean {
    return isSext32(node, this.sextLeaf);
  }

  /** Makes sure that emitting the value again is cheap: computes it into a local now. */
  bind(node: Node, want: Want = ANY): void {
    if (node.op === "const" || node.op === "get" || this.frozen > 0 || this.kept.has(node)) return;
    if (node.w > 64) {
      for (let k = 0; k * 128 < node.w; k++) this.wide.hold(node, k);
      return;
    }
    const clean = this.cleanWant(node, want);
    this.compute(node, clean);
    const local = this.code.local(naturalType(node.w));
    this.code.set(local);
    this.keep(node, local, clean);
  }

  /** Pushes the value in its natural type, bits above the width as wanted. */
  emit(node: Node, want: Want = ANY): void {
    if (++this.emitted > MOST_EMITTED) throw new TooLarge();
    const kept = this.kept.get(node);
    if (kept !== undefined) {
      this.fromKept(node, kept, want);
      return;
    }
    if (node.w > 64) {
      if (node.w > 128) throw new Error(`${node.op} of i${node.w} has no wasm lowering as a whole`);
      this.wide.v(node, 0);
      return;
    }
    if (!this.keeps(node)) {
      this.compute(node, want);
      return;
    }
    if (FLOAT_RESULT.has(node.op) || this.demand.how(node) === FLOAT) {
      this.float(node);
      this.code.op(node.w === 64 ? W.i64_reinterpret_f64 : W.i32_reinterpret_f32);
      return;
    }
    const clean = this.cleanWant(node, want);
    this.compute(node, clean);
    const local = this.code.local(naturalType(node.w));
    this.code.tee(local);
    this.keep(node, local, clean);
    if (clean !== want && want !== ANY) this.clean(node.w, want);
  }

  /** Whether a value that is computed now is to be kept. */
  private keeps(node: Node): boolean {
    return (
      this.frozen === 0 && node.op !== "get" && node.op !== "const" && node.op !== "old" && this.demand.count(node) > 1
    );
  }

  private cleanWant(node: Node, want: Want): Want {
    return want === ANY && node.w !== 32 && node.w !== 64 ? ZERO : want;
  }

  private fromKept(node: Node, kept: Kept, want: Want): void {
    const code = this.code;
    code.get(kept.local);
    if (kept.type === V128) code.lane(FD.f64x2_extract_lane, 0);
    if (kept.type === F64 || kept.type === V128) code.op(W.i64_reinterpret_f64);
    else if (kept.type === F32) code.op(W.i32_reinterpret_f32);
    else if (kept.type === I64 && node.w <= 32) code.op(W.i32_wrap_i64);
    else if (kept.type === I32 && node.w > 32) {
      code.op(kept.clean === SIGN ? W.i64_extend_i32_s : W.i64_extend_i32_u);
      return;
    }
    if (want !== ANY && want !== kept.clean) this.clean(node.w, want);
  }

  /** From now on the double is in the first lane of a vector too. */
  keepVector(node: Node, local: number): void {
    this.vectors.set(node, local);
  }

  /** True where the double is in a vector already. */
  isVector(node: Node): boolean {
    return this.kept.get(node)?.type === V128 || this.vectors.has(node);
  }

  /** Pushes a double as a vector; only its first lane counts. */
  vector(node: Node): void {
    const kept = this.kept.get(node);
    const local = kept?.type === V128 ? kept.local : this.vectors.get(node);
    if (local !== undefined) {
      this.code.get(local);
      return;
    }
    this.float(node);
    this.code.fd(FD.f64x2_splat);
  }

  /** Pushes a value of up to 32 bits extended to 64, where it is kept that way. False: it is not. */
  extended(node: Node, want: Want): boolean {
    const kept = this.kept.get(node);
    if (kept === undefined || kept.type !== I64 || node.w > 32 || kept.clean !== want) return false;
    this.code.get(kept.local);
    return true;
  }

  /** As bind, for a value of 32 or 64 bits that is wanted as a float. */
  bindFloat(node: Node): void {
    if (node.op === "const" || node.op === "get" || this.frozen > 0 || this.kept.has(node)) return;
    this.computeFloat(node);
    const local = this.code.local(node.w === 64 ? F64 : F32);
    this.code.set(local);
    this.keep(node, local, ANY);
  }

  /** Pushes the low 32 bits as an i32 (all of it where the value is no wider; the bits above are any). */
  low(node: Node): void {
    const code = this.code;
    if (node.w <= 32) {
      this.emit(node, ANY);
      return;
    }
    const kept = this.kept.get(node);
    if (kept !== undefined) {
      code.get(kept.local);
      if (kept.type === V128) code.lane(FD.f64x2_extract_lane, 0);
      if (kept.type === F64 || kept.type === V128) code.op(W.i64_reinterpret_f64);
      if (kept.type !== I32) code.op(W.i32_wrap_i64);
      return;
    }
    if (node.op === "get") {
      this.env.leafLow(this, node);
      return;
    }
    if (this.keeps(node)) {
      if (this.demand.how(node) !== LOW) {
        this.emit(node);
        code.op(W.i32_wrap_i64);
        return;
      }
      this.computeLow(node);
      const local = code.local(I32);
      code.tee(local);
      // The upper half is nobody's business: all uses are of the lower.
      this.keep(node, local, ANY);
      return;
    }
    this.computeLow(node);
  }

  private computeLow(node: Node): void {
    const code = this.code;
    const args = node.args;
    const binary = LOW_BINARY[node.op];
    if (binary !== undefined) {
      this.low(args[0]!);
      this.low(args[1]!);
      code.op(binary);
      return;
    }
    switch (node.op) {
      case "const":
        code.i32(node.lo);
        return;
      case "not":
        this.low(args[0]!);
        code.i32(-1);
        code.op(W.i32_xor);
        return;
      case "neg":
        code.i32(0);
        this.low(args[0]!);
        code.op(W.i32_sub);
        return;
      case "shl": {
        const k = constantAmount(args[1]!);
        if (k < 0) break;
        if (k >= 32) {
          code.i32(0);
          return;
        }
        this.low(args[0]!);
        code.i32(k);
        code.op(W.i32_shl);
        return;
      }
      case "sext":
      case "zext":
        if (args[0]!.w > 32) this.low(args[0]!);
        else this.emit(args[0]!, node.op === "sext" ? SIGN : ZERO);
        return;
      case "select":
        this.low(args[1]!);
        this.low(args[2]!);
        this.emit(args[0]!, ZERO);
        code.op(W.select);
        return;
    }
    this.compute(node, ANY);
    code.op(W.i32_wrap_i64);
  }

  /** Pushes a value of 32 or 64 bits as an f32 or f64. */
  float(node: Node): void {
    const code = this.code;
    const kept = this.kept.get(node);
    if (kept !== undefined) {
      code.get(kept.local);
      if (kept.type === V128) code.lane(FD.f64x2_extract_lane, 0);
      else if (kept.type === I64 && node.w <= 32) {
        code.op(W.i32_wrap_i64);
        code.op(W.f32_reinterpret_i32);
      } else if (kept.type === I64) code.op(W.f64_reinterpret_i64);
      else if (kept.type === I32) code.op(W.f32_reinterpret_i32);
      return;
    }
    const type = node.w === 64 ? F64 : F32;
    const keep = this.keeps(node);
    if (keep && (this.demand.how(node) & FULL) !== 0 && !FLOAT_RESULT.has(node.op)) {
      this.emit(node);
      code.op(type === F64 ? W.f64_reinterpret_i64 : W.f32_reinterpret_i32);
      return;
    }
    this.computeFloat(node);
    if (!keep) return;
    const local = code.local(type);
    code.tee(local);
    this.keep(node, local, ANY);
  }

  private computeFloat(node: Node): void {
    const code = this.code;
    const wide = node.w === 64;
    if (FLOAT_RESULT.has(node.op)) {
      this.env.floatOp(this, node);
      return;
    }
    switch (node.op) {
      case "get":
        this.env.leafFloat(this, node);
        return;
      case "extract":
        if (node.args[0]!.w > 64 && this.wide.float(node)) return;
        break;
      case "fneg":
      case "fabs":
        this.float(node.args[0]!);
        if (node.op === "fneg") code.op(wide ? W.f64_neg : W.f32_neg);
        else code.op(wide ? W.f64_abs : W.f32_abs);
        return;
      case "select":
        this.float(node.args[1]!);
        this.float(node.args[2]!);
        this.emit(node.args[0]!, ZERO);
        code.op(W.select);
        return;
    }
    this.compute(node, ANY);
    code.op(wide ? W.f64_reinterpret_i64 : W.f32_reinterpret_i32);
  }

  private compute(node: Node, want: Want): void {
    if (node.w > 64) throw new Error(`${node.op} of i${node.w} has no wasm lowering as a whole`);
    if (takesWide(node) && pushNarrow(this, node, want)) return;
    LOWERINGS[node.op](this, node, want);
  }

  /** Cleans the bits above `w` of the value on the stack. */
  clean(w: number, want: Want): void {
    if (want === ANY || w === 32 || w === 64) return;
    const code = this.code;
    if (want === ZERO) {
      if (w < 32) {
        code.i32(2 ** w - 1);
        code.op(W.i32_and);
      } else {
        code.i64(-1, 2 ** (w - 32) - 1);
        code.op(W.i64_and);
      }
    } else if (w === 8) code.op(W.i32_extend8_s);
    else if (w === 16) code.op(W.i32_extend16_s);
    else if (w < 32) {
      code.i32(32 - w);
      code.op(W.i32_shl);
      code.i32(32 - w);
      code.op(W.i32_shr_s);
    } else {
      code.i64s(64 - w);
      code.op(W.i64_shl);
      code.i64s(64 - w);
      code.op(W.i64_shr_s);
    }
  }

  /** Clears the bits of the i64 on the stack from `w` on. */
  clean64(w: number): void {
    if (w >= 64) return;
    this.code.i64(w >= 32 ? -1 : 2 ** w - 1, w > 32 ? 2 ** (w - 32) - 1 : 0);
    this.code.op(W.i64_and);
  }

  /** Pushes a constant of the natural type of `w` from an i32, sign-extended. */
  number(w: number, value: number): void {
    if (w <= 32) this.code.i32(value);
    else this.code.i64s(value);
  }

  /** Emits one of a pair of ops by the natural type of `w`. */
  pair(w: number, narrow: number, wide: number): void {
    this.code.op(w <= 32 ? narrow : wide);
  }
}

const LOW_BINARY: Partial<Record<Op, number>> = {
  add: W.i32_add,
  sub: W.i32_sub,
  mul: W.i32_mul,
  and: W.i32_and,
  or: W.i32_or,
  xor: W.i32_xor,
};
