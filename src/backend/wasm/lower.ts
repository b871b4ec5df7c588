import type { Node, Op } from "../../ir/node.ts";
import { unroll } from "../../ir/remake.ts";
import { type Code, F32, F64, I32, I64, type ValueType } from "./code.ts";
import { Demand, FLOAT, FULL, LOW } from "./demand.ts";
import { mulHigh, wideFactors } from "./mulhigh.ts";
import { W } from "./opcodes.ts";
import { ANY, constantAmount, FLOAT_RESULT, isSext32, isZext32, SIGN, surelyBelow, type Want, ZERO } from "./values.ts";

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
  /** True where the leaf is surely the sign extension of its low 32 bits. */
  leafSext32(node: Node): boolean;
  /** Pushes a float op's result as f32/f64 or (f2s, f2u) its integer, or an `fexc`; see float.ts. */
  floatOp(lower: Lower, node: Node): void;
}

/** Where a value is kept: `type` I32 of a node wider than 32 bits means that only its low half is. */
interface Kept {
  readonly local: number;
  readonly type: ValueType;
  readonly clean: Want;
}

export const naturalType = (w: number): ValueType => (w <= 32 ? I32 : I64);

export class Lower {
  readonly code: Code;
  readonly env: LowerEnv;
  private readonly kept = new Map<Node, Kept>();
  /** Uses counted so far; what is used twice is kept. */
  readonly demand = new Demand();
  /** Above zero: in a part that may not run, so that nothing computed there is kept. */
  frozen = 0;
  private readonly sextLeaf = (node: Node): boolean => {
    if (node.op === "get") return this.env.leafSext32(node);
    const kept = this.kept.get(node);
    return kept !== undefined && kept.type === I32 && kept.clean === SIGN;
  };

  constructor(code: Code, env: LowerEnv) {
    this.code = code;
    this.env = env;
  }

  /** Forgets kept values and uses, gives their locals back. */
  reset(): void {
    for (const kept of this.kept.values()) this.code.release(kept.local);
    this.kept.clear();
    this.demand.reset();
  }

  /** From now on the value is in `local`. clean: how the bits above its width are. */
  keep(node: Node, local: number, clean: Want): void {
    this.kept.set(node, { local, type: this.code.typeOf(local), clean });
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
    const clean = this.cleanWant(node, want);
    this.compute(node, clean);
    const local = this.code.local(naturalType(node.w));
    this.code.set(local);
    this.keep(node, local, clean);
  }

  /** Pushes the value in its natural type, bits above the width as wanted. */
  emit(node: Node, want: Want = ANY): void {
    const kept = this.kept.get(node);
    if (kept !== undefined) {
      this.fromKept(node, kept, want);
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
    if (kept.type === F64) code.op(W.i64_reinterpret_f64);
    else if (kept.type === F32) code.op(W.i32_reinterpret_f32);
    else if (kept.type === I32 && node.w > 32) {
      code.op(kept.clean === SIGN ? W.i64_extend_i32_s : W.i64_extend_i32_u);
      return;
    }
    if (want !== ANY && want !== kept.clean) this.clean(node.w, want);
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
      if (kept.type === F64) code.op(W.i64_reinterpret_f64);
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
      if (kept.type === I64) code.op(W.f64_reinterpret_i64);
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
    OPS[node.op](this, node, want);
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

type Lowering = (l: Lower, node: Node, want: Want) => void;

/** Low bits of the result depend on low bits of the arguments only. */
const wraps =
  (narrow: number, wide: number): Lowering =>
  (l, node, want) => {
    l.emit(node.args[0]!);
    l.emit(node.args[1]!);
    l.pair(node.w, narrow, wide);
    l.clean(node.w, want);
  };
/** Clean arguments give a clean result. */
const bitwise =
  (narrow: number, wide: number): Lowering =>
  (l, node, want) => {
    l.emit(node.args[0]!, want);
    l.emit(node.args[1]!, want);
    l.pair(node.w, narrow, wide);
  };

function shift(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const w = node.w;
  const [value, amount] = node.args as [Node, Node];
  const arithmetic = node.op === "ashr";
  const valueWant = node.op === "shl" ? ANY : arithmetic ? SIGN : ZERO;
  const last = (): void => {
    if (node.op === "shl") l.pair(w, W.i32_shl, W.i64_shl);
    else if (arithmetic) l.pair(w, W.i32_shr_s, W.i64_shr_s);
    else l.pair(w, W.i32_shr_u, W.i64_shr_u);
  };
  if (surelyBelow(amount, w)) {
    l.emit(value, valueWant);
    l.emit(amount, ZERO);
    last();
  } else if (arithmetic) {
    l.bind(amount, ZERO);
    l.emit(value, SIGN);
    l.emit(amount, ZERO);
    l.number(w, w - 1);
    l.emit(amount, ZERO);
    l.number(w, w);
    l.pair(w, W.i32_lt_u, W.i64_lt_u);
    code.op(W.select);
    last();
  } else {
    l.bind(amount, ZERO);
    l.emit(value, valueWant);
    l.emit(amount, ZERO);
    last();
    l.number(w, 0);
    l.emit(amount, ZERO);
    l.number(w, w);
    l.pair(w, W.i32_lt_u, W.i64_lt_u);
    code.op(W.select);
  }
  const already = node.op === "shl" ? ANY : valueWant;
  if (want !== already) l.clean(w, want);
}

function rotate(l: Lower, node: Node, want: Want): void {
  const w = node.w;
  const [value, amount] = node.args as [Node, Node];
  const rotation = (): void => {
    if (node.op === "rol") l.pair(w, W.i32_rotl, W.i64_rotl);
    else l.pair(w, W.i32_rotr, W.i64_rotr);
  };
  l.emit(value, ZERO);
  if (w === 8 || w === 16) {
    l.code.i32(w === 8 ? 0x01010101 : 0x00010001);
    l.code.op(W.i32_mul);
  } else if (w !== 32 && w !== 64) throw new Error(`rotation of i${w} has no wasm lowering`);
  l.emit(amount, ANY);
  rotation();
  l.clean(w, want);
}

/** x/0 = -1, x%0 = x, MIN/-1 = MIN: what wasm traps on is taken apart, unless the divisor is a constant that cannot. */
function divide(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const w = node.w;
  const [a, b] = node.args as [Node, Node];
  const signed = node.op === "sdiv" || node.op === "srem";
  const remainder = node.op === "urem" || node.op === "srem";
  const clean: Want = signed ? SIGN : ZERO;
  const last = (): void => {
    if (signed && remainder) l.pair(w, W.i32_rem_s, W.i64_rem_s);
    else if (signed) l.pair(w, W.i32_div_s, W.i64_div_s);
    else if (remainder) l.pair(w, W.i32_rem_u, W.i64_rem_u);
    else l.pair(w, W.i32_div_u, W.i64_div_u);
  };
  const zero = b.op === "const" && b.lo === 0 && b.hi === 0;
  const safe = b.op === "const" && !zero && !(signed && (b.lo === -1 || w < 32));
  if (safe) {
    l.emit(a, clean);
    l.emit(b, clean);
    last();
  } else {
    l.bind(a, clean);
    l.bind(b, clean);
    const type = naturalType(w);
    l.emit(b, clean);
    if (signed && !remainder) {
      l.number(w, 1);
      l.pair(w, W.i32_add, W.i64_add);
      l.number(w, 1);
      l.pair(w, W.i32_gt_u, W.i64_gt_u);
      code.if(type);
      l.emit(a, clean);
      l.emit(b, clean);
      last();
      code.else();
      // b is 0 or -1: -1 or -a.
      l.number(w, 0);
      l.emit(a, clean);
      l.pair(w, W.i32_sub, W.i64_sub);
      l.number(w, -1);
      l.emit(b, clean);
      code.op(w <= 32 ? W.i32_eqz : W.i64_eqz);
      code.op(W.i32_eqz);
      code.op(W.select);
    } else {
      code.op(w <= 32 ? W.i32_eqz : W.i64_eqz);
      code.if(type);
      if (remainder) l.emit(a, clean);
      else l.number(w, -1);
      code.else();
      l.emit(a, clean);
      l.emit(b, clean);
      last();
    }
    code.end();
  }
  // -1 of an unsigned division and MIN / -1 of a narrow one are not clean.
  l.clean(w, want);
}

function count(l: Lower, node: Node, want: Want): void {
  const w = node.w;
  const a = node.args[0]!;
  const full = w === 32 || w === 64;
  l.emit(a, node.op === "ctz" ? ANY : ZERO);
  if (node.op === "popcnt") l.pair(w, W.i32_popcnt, W.i64_popcnt);
  else if (node.op === "ctz") {
    if (!full) {
      if (w < 32) l.code.i32(2 ** w);
      else l.code.i64(0, 2 ** (w - 32));
      l.pair(w, W.i32_or, W.i64_or);
    }
    l.pair(w, W.i32_ctz, W.i64_ctz);
  } else {
    l.pair(w, W.i32_clz, W.i64_clz);
    if (!full) {
      l.number(w, (w < 32 ? 32 : 64) - w);
      l.pair(w, W.i32_sub, W.i64_sub);
    }
  }
  // A count may reach the sign bit of a very narrow type.
  if (w < 8) l.clean(w, want);
}

function bswap(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const w = node.w;
  const a = node.args[0]!;
  if (w === 8) {
    l.emit(a, want);
    return;
  }
  if (w === 16) {
    l.bind(a, ZERO);
    l.emit(a, ZERO);
    code.i32(8);
    code.op(W.i32_shl);
    l.emit(a, ZERO);
    code.i32(8);
    code.op(W.i32_shr_u);
    code.op(W.i32_or);
    l.clean(16, want);
    return;
  }
  if (w !== 32 && w !== 64) throw new Error(`bswap of i${w} has no wasm lowering`);
  const half = (local: number): void => {
    code.get(local);
    code.i32(8);
    code.op(W.i32_rotl);
    code.i32(0x00ff00ff);
    code.op(W.i32_and);
    code.get(local);
    code.i32(8);
    code.op(W.i32_rotr);
    code.i32(0xff00ff00);
    code.op(W.i32_and);
    code.op(W.i32_or);
  };
  const part = code.local(I32);
  if (w === 32) {
    l.emit(a);
    code.set(part);
    half(part);
  } else {
    l.bind(a);
    l.low(a);
    code.set(part);
    half(part);
    code.op(W.i64_extend_i32_u);
    code.i64s(32);
    code.op(W.i64_shl);
    l.emit(a);
    code.i64s(32);
    code.op(W.i64_shr_u);
    code.op(W.i32_wrap_i64);
    code.set(part);
    half(part);
    code.op(W.i64_extend_i32_u);
    code.op(W.i64_or);
  }
  code.release(part);
}

const COMPARE: Partial<Record<Op, readonly [narrow: number, wide: number, want: Want]>> = {
  eq: [W.i32_eq, W.i64_eq, ZERO],
  ne: [W.i32_ne, W.i64_ne, ZERO],
  ult: [W.i32_lt_u, W.i64_lt_u, ZERO],
  ule: [W.i32_le_u, W.i64_le_u, ZERO],
  slt: [W.i32_lt_s, W.i64_lt_s, SIGN],
  sle: [W.i32_le_s, W.i64_le_s, SIGN],
};
/** Signed comparisons of zero-extended values are unsigned ones. */
const UNSIGNED: Partial<Record<Op, number>> = { slt: W.i32_lt_u, sle: W.i32_le_u };

function compare(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const [a, b] = node.args as [Node, Node];
  const [narrow, wide, argWant] = COMPARE[node.op]!;
  const toZero = b.op === "const" && b.lo === 0 && b.hi === 0 && (node.op === "eq" || node.op === "ne");
  const sext = a.w === 64 && l.sext32(a) && l.sext32(b);
  const zext = a.w === 64 && !sext && isZext32(a) && isZext32(b);
  if (sext || zext) {
    l.low(a);
    if (toZero) {
      code.op(W.i32_eqz);
      if (node.op === "ne") code.op(W.i32_eqz);
    } else {
      l.low(b);
      code.op(zext ? (UNSIGNED[node.op] ?? narrow) : narrow);
    }
  } else if (toZero) {
    l.emit(a, ZERO);
    code.op(a.w <= 32 ? W.i32_eqz : W.i64_eqz);
    if (node.op === "ne") code.op(W.i32_eqz);
  } else {
    l.emit(a, argWant);
    l.emit(b, argWant);
    code.op(a.w <= 32 ? narrow : wide);
  }
  if (want === SIGN) l.clean(1, SIGN);
}

/** Carry: msb of (a & b) | ((a | b) & ~s); overflow: msb of (a ^ s) & (b ^ s), where s = a + b + c. */
function carries(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const [a, b, c] = node.args as [Node, Node, Node];
  const w = a.w;
  l.bind(a);
  l.bind(b);
  const sum = code.local(naturalType(w));
  l.emit(a);
  l.emit(b);
  l.pair(w, W.i32_add, W.i64_add);
  if (!(c.op === "const" && c.lo === 0)) {
    l.emit(c, ZERO);
    if (w > 32) code.op(W.i64_extend_i32_u);
    l.pair(w, W.i32_add, W.i64_add);
  }
  code.set(sum);
  if (node.op === "carry") {
    l.emit(a);
    l.emit(b);
    l.pair(w, W.i32_and, W.i64_and);
    l.emit(a);
    l.emit(b);
    l.pair(w, W.i32_or, W.i64_or);
    code.get(sum);
    l.number(w, -1);
    l.pair(w, W.i32_xor, W.i64_xor);
    l.pair(w, W.i32_and, W.i64_and);
    l.pair(w, W.i32_or, W.i64_or);
  } else {
    l.emit(a);
    code.get(sum);
    l.pair(w, W.i32_xor, W.i64_xor);
    l.emit(b);
    code.get(sum);
    l.pair(w, W.i32_xor, W.i64_xor);
    l.pair(w, W.i32_and, W.i64_and);
  }
  l.number(w, w - 1);
  l.pair(w, W.i32_shr_u, W.i64_shr_u);
  if (w > 32) code.op(W.i32_wrap_i64);
  // Bits above the width were any.
  l.clean(1, w === 32 || w === 64 ? (want === SIGN ? SIGN : ANY) : want === ANY ? ZERO : want);
  code.release(sum);
}

function extend(l: Lower, node: Node, want: Want): void {
  const a = node.args[0]!;
  const signed = node.op === "sext";
  if (a.w > 64) throw new Error(`${node.op} of i${a.w} has no wasm lowering`);
  l.emit(a, signed ? SIGN : ZERO);
  if (a.w <= 32 && node.w > 32) l.code.op(signed ? W.i64_extend_i32_s : W.i64_extend_i32_u);
  // A zero extension has a clear top bit, so it is clean both ways.
  if (signed && want === ZERO) l.clean(node.w, ZERO);
}

function extract(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const a = node.args[0]!;
  const lo = node.aux;
  const w = node.w;
  if (a.w > 64) {
    if (!mulHigh(l, node)) throw new Error(`extract from ${a.op} of i${a.w} has no wasm lowering`);
    l.clean(w, want);
    return;
  }
  if (w > 32) {
    l.emit(a);
    if (lo > 0) {
      code.i64s(lo);
      code.op(W.i64_shr_u);
    }
    if (lo + w < 64 || want === SIGN) l.clean(w, want);
    return;
  }
  if (lo + w > 32) {
    l.emit(a);
    code.i64s(lo);
    code.op(want === SIGN && lo + w === 64 ? W.i64_shr_s : W.i64_shr_u);
    code.op(W.i32_wrap_i64);
    if (lo + w < 64 || w > 32) l.clean(w, want);
    return;
  }
  if (a.w > 32) l.low(a);
  else l.emit(a, ANY);
  if (lo > 0) {
    code.i32(lo);
    code.op(want === SIGN && lo + w === 32 ? W.i32_shr_s : W.i32_shr_u);
  }
  if (lo + w < 32 || lo === 0) l.clean(w, want);
}

function concat(l: Lower, node: Node, want: Want): void {
  const code = l.code;
  const [hi, lo] = node.args as [Node, Node];
  const w = node.w;
  if (w > 64) throw new Error(`concat of i${w} has no wasm lowering`);
  l.emit(hi, want === SIGN ? SIGN : ZERO);
  if (w > 32 && hi.w <= 32) code.op(want === SIGN ? W.i64_extend_i32_s : W.i64_extend_i32_u);
  l.number(w, lo.w);
  l.pair(w, W.i32_shl, W.i64_shl);
  l.emit(lo, ZERO);
  if (w > 32 && lo.w <= 32) code.op(W.i64_extend_i32_u);
  l.pair(w, W.i32_or, W.i64_or);
}

const leaf: Lowering = (l, node, want) => l.env.leaf(l, node, want);
const open: Lowering = (l, node, want) => (node.args.length > 0 ? l.emit(node.args[0]!, want) : leaf(l, node, want));
/** A float's bits: what computes it as a float, reinterpreted. */
const bits: Lowering = (l, node) => {
  l.env.floatOp(l, node);
  l.code.op(node.w === 64 ? W.i64_reinterpret_f64 : W.i32_reinterpret_f32);
};
const floatInteger: Lowering = (l, node, want) => {
  l.env.floatOp(l, node);
  l.clean(node.w, want);
};
const floatCompare: Lowering = (l, node, want) => {
  l.float(node.args[0]!);
  l.float(node.args[1]!);
  const wide = node.args[0]!.w === 64;
  if (node.op === "feq") l.code.op(wide ? W.f64_eq : W.f32_eq);
  else if (node.op === "flt") l.code.op(wide ? W.f64_lt : W.f32_lt);
  else l.code.op(wide ? W.f64_le : W.f32_le);
  if (want === SIGN) l.clean(1, SIGN);
};

/** A float's sign bit, in integers: NaNs keep their payload. */
const signBit: Lowering = (l, node, want) => {
  l.emit(node.args[0]!, ANY);
  const neg = node.op === "fneg";
  if (node.w === 64) {
    l.code.i64(neg ? 0 : -1, neg ? -0x80000000 : 0x7fffffff);
    l.code.op(neg ? W.i64_xor : W.i64_and);
  } else {
    const sign = 2 ** (node.w - 1);
    l.code.i32(neg ? sign | 0 : sign - 1);
    l.code.op(neg ? W.i32_xor : W.i32_and);
    l.clean(node.w, want);
  }
};

const OPS: Readonly<Record<Op, Lowering>> = {
  const: (l, node, want) => {
    if (node.w > 32) {
      if (want === SIGN && node.w < 64 && (node.hi >> (node.w - 33)) & 1)
        l.code.i64(node.lo, node.hi | (-1 << (node.w - 32)));
      else l.code.i64(node.lo, node.hi);
    } else if (want === SIGN && node.w < 32) l.code.i32((node.lo << (32 - node.w)) >> (32 - node.w));
    else l.code.i32(node.lo);
  },
  get: leaf,
  old: leaf,
  param: leaf,
  elem: leaf,
  undef: open,
  unknown: leaf,
  load: leaf,
  rmw: leaf,
  ask: leaf,
  add: wraps(W.i32_add, W.i64_add),
  sub: wraps(W.i32_sub, W.i64_sub),
  mul: wraps(W.i32_mul, W.i64_mul),
  and: bitwise(W.i32_and, W.i64_and),
  or: bitwise(W.i32_or, W.i64_or),
  xor: bitwise(W.i32_xor, W.i64_xor),
  not: (l, node, want) => {
    const clean = want === SIGN ? SIGN : ANY;
    l.emit(node.args[0]!, clean);
    l.number(node.w, -1);
    l.pair(node.w, W.i32_xor, W.i64_xor);
    if (want === ZERO) l.clean(node.w, ZERO);
  },
  neg: (l, node, want) => {
    l.number(node.w, 0);
    l.emit(node.args[0]!);
    l.pair(node.w, W.i32_sub, W.i64_sub);
    l.clean(node.w, want);
  },
  shl: shift,
  lshr: shift,
  ashr: shift,
  rol: rotate,
  ror: rotate,
  udiv: divide,
  sdiv: divide,
  urem: divide,
  srem: divide,
  ctz: count,
  clz: count,
  popcnt: count,
  bswap,
  parity: (l, node, want) => {
    const w = node.args[0]!.w;
    l.emit(node.args[0]!, ZERO);
    l.pair(w, W.i32_popcnt, W.i64_popcnt);
    if (w > 32) l.code.op(W.i32_wrap_i64);
    l.code.i32(1);
    l.code.op(W.i32_and);
    if (want === SIGN) l.clean(1, SIGN);
  },
  eq: compare,
  ne: compare,
  ult: compare,
  ule: compare,
  slt: compare,
  sle: compare,
  select: (l, node, want) => {
    l.emit(node.args[1]!, want);
    l.emit(node.args[2]!, want);
    l.emit(node.args[0]!, ZERO);
    l.code.op(W.select);
  },
  carry: carries,
  overflow: carries,
  sext: extend,
  zext: extend,
  extract,
  concat,
  map: (l, node, want) => l.emit(unroll(node), want),
  ormap: (l, node, want) => l.emit(unroll(node), want),
  fadd: bits,
  fsub: bits,
  fmul: bits,
  fdiv: bits,
  fsqrt: bits,
  fma: bits,
  f2f: bits,
  f2s: floatInteger,
  f2u: floatInteger,
  s2f: bits,
  u2f: bits,
  frint: bits,
  fneg: signBit,
  fabs: signBit,
  feq: floatCompare,
  flt: floatCompare,
  fle: floatCompare,
  fexc: (l, node) => l.env.floatOp(l, node),
};

/** Why these effects' values cannot be lowered; undefined: they can. Widths above 64 bits only inside high multiplies. */
export function unlowerable(node: Node): string | undefined {
  if (lowerable.has(node)) return undefined;
  const why = reason(node);
  if (why === undefined) lowerable.add(node);
  return why;
}

/** Nodes share parts: without a memory of them a walk takes exponential time. */
const lowerable = new WeakSet<Node>();

function reason(node: Node): string | undefined {
  if (node.w > 64) return `${node.op} of i${node.w}`;
  if (node.op === "unknown" || node.op === "ask" || node.op === "fexc") return node.op;
  if (node.op === "undef" && node.args.length === 0) return undefined;
  if ((node.op === "rol" || node.op === "ror") && ![8, 16, 32, 64].includes(node.w)) return `${node.op} of i${node.w}`;
  if (node.op === "bswap" && ![8, 16, 32, 64].includes(node.w)) return `bswap of i${node.w}`;
  if (node.op === "extract" && node.args[0]!.w > 64) {
    const factors = wideFactors(node);
    if (factors === undefined) return `extract from ${node.args[0]!.op} of i${node.args[0]!.w}`;
    for (const factor of factors) {
      const why = factor.value && unlowerable(factor.value);
      if (why !== undefined) return why;
    }
    return undefined;
  }
  for (const arg of node.args) {
    const why = unlowerable(arg);
    if (why !== undefined) return why;
  }
  return undefined;
}
