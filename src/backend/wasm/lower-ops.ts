import type { Op } from "../../ir/node.ts";
import { carries, compare, concat, extend, extract } from "./lower-compare.ts";
import { bitwise, bswap, count, divide, type Lowering, rotate, shift, wraps } from "./lower-integer.ts";
import { W } from "./opcodes.ts";
import { ANY, SIGN, ZERO } from "./values.ts";

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

/** How each op becomes wasm. A file that adds ops exports their lowerings and is named here. */
export const LOWERINGS: Readonly<Record<Op, Lowering>> = {
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
  map: (l, node, want) => l.lanes.scalar(node, want),
  ormap: (l, node, want) => l.lanes.scalar(node, want),
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
