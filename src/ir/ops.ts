import { floatExceptions, floatValue } from "./float/unit.ts";
import type { FpPolicy, Node, Op } from "./node.ts";

/**
 * One row an op: how many arguments, what widths fit, whether it is pure, what it computes. Lowerings (wasm, LLVM)
 * are tables next to their backend, `Record<Op, ...>`, so that the type checker reports a backend that misses an op
 * and the core does not load backends that a run does not use.
 */
export interface OpRow {
  /** Number of arguments; undefined: any. */
  readonly arity: number | undefined;
  /** leaf: no arguments read; effect: value of an Effect; value: a pure function; float: also has exceptions (`fexc`). */
  readonly kind: "leaf" | "effect" | "value" | "float";
  /** What is wrong with a node's widths; undefined: nothing. */
  readonly wrong: (n: Shape) => string | undefined;
  /** The result for argument values (unsigned representation, below 2^w each). undefined: needs a machine. */
  readonly value: Value | undefined;
}

/** What of a node its meaning depends on, beside the values of its arguments. */
export interface Shape {
  readonly op: Op;
  readonly w: number;
  readonly args: readonly { readonly w: number }[];
  readonly aux: number;
  readonly fp: FpPolicy | undefined;
  readonly body?: Node | undefined;
}

type Value = (n: Shape, v: readonly bigint[]) => bigint;

const mask = (w: number, v: bigint): bigint => BigInt.asUintN(w, v);
const bit = (b: boolean): bigint => (b ? 1n : 0n);

type Wrong = OpRow["wrong"];
const fits: Wrong = () => undefined;
const same: Wrong = (n) => (n.args.every((a) => a.w === n.w) ? undefined : "arguments and result differ in width");
const test: Wrong = (n) => {
  if (n.w !== 1) return "result must be i1";
  return n.args[0].w === n.args[1].w ? undefined : "arguments differ in width";
};
const testCarry: Wrong = (n) => (n.args[2].w === 1 ? test(n) : "carry in must be i1");
const choose: Wrong = (n) => {
  if (n.args[0].w !== 1) return "condition must be i1";
  return n.args[1].w === n.w && n.args[2].w === n.w ? undefined : "arms and result differ in width";
};
const widens: Wrong = (n) => (n.args[0].w <= n.w ? undefined : "result is narrower than the argument");
const within: Wrong = (n) => (n.aux >= 0 && n.aux + n.w <= n.args[0].w ? undefined : "bits outside the argument");
const joins: Wrong = (n) =>
  n.args[0].w + n.args[1].w === n.w ? undefined : "result must be as wide as both arguments";
const bytes: Wrong = (n) => (n.w % 8 === 0 ? same(n) : "not a whole number of bytes");
const address: Wrong = (n) => {
  if (n.args[0].w !== 64) return "address must be i64";
  if (n.w % 8 !== 0) return "not a whole number of bytes";
  return n.args.length < 2 || n.args[1].w === n.w ? undefined : "new value and old value differ in width";
};

const FORMATS: readonly number[] = [16, 32, 64, 80];
const format = (w: number): boolean => FORMATS.includes(w);
const noFormat = "not the width of a float (16, 32, 64, 80)";
/** Rounding op: formats in and out as said, policy present, last argument i3. */
function rounds(floatIn: boolean, floatOut: boolean, equal: boolean): Wrong {
  return (n) => {
    if (n.fp === undefined) return "no floating-point policy";
    const last = n.args.length - 1;
    if (n.args[last].w !== 3 && n.args[last].w !== 8) return "rounding mode must be i3, or i8 with more in it";
    if (floatOut && !format(n.w)) return noFormat;
    for (let i = 0; i < last; i++) {
      if (floatIn && !format(n.args[i].w)) return noFormat;
      if (equal && n.args[i].w !== n.w) return "arguments and result differ in width";
    }
    return undefined;
  };
}
const arith = rounds(true, true, true);
const signBit: Wrong = (n) => (format(n.w) ? same(n) : noFormat);
const ftest: Wrong = (n) => {
  if (n.fp === undefined) return "no floating-point policy";
  return format(n.args[0].w) ? test(n) : noFormat;
};

/** Lanes: each argument is as wide as its elem, or `aux` times; the body knows elems and constants alone. */
const lanes =
  (width: (n: Shape, body: Node) => number): Wrong =>
  (n) => {
    const body = n.body;
    if (body === undefined) return "no body";
    if (n.aux < 2) return "fewer than two lanes";
    if (n.w !== width(n, body)) return "result does not fit the lanes";
    return wrongBody(body, n, new Set());
  };
function wrongBody(node: Node, n: Shape, seen: Set<Node>): string | undefined {
  if (seen.has(node)) return undefined;
  seen.add(node);
  if (node.op === "elem") {
    const arg = n.args[node.aux];
    if (arg === undefined) return `no argument ${node.aux}`;
    return arg.w === node.w || arg.w === node.w * n.aux ? undefined : `argument ${node.aux} does not fit the lanes`;
  }
  const row = OPS[node.op];
  if (row.kind === "effect" || (row.kind === "leaf" && node.op !== "const" && node.op !== "undef"))
    return `${node.op} inside a body`;
  if (row.arity !== undefined && row.arity !== node.args.length) return `${node.op}: ${node.args.length} arguments`;
  for (const arg of node.args) {
    const wrong = wrongBody(arg, n, seen);
    if (wrong !== undefined) return wrong;
  }
  const wrong = row.wrong(node);
  return wrong === undefined ? undefined : `${node.op} (i${node.w}): ${wrong}`;
}
/** The body's value for each lane, lane 0 first. */
function laneValues(n: Shape, v: readonly bigint[]): bigint[] {
  const body = n.body!;
  return Array.from({ length: n.aux }, (_, i) => {
    const known = new Map<Node, bigint>();
    const of = (node: Node): bigint => {
      let value = known.get(node);
      if (value === undefined) known.set(node, (value = compute(node)));
      return value;
    };
    const compute = (node: Node): bigint => {
      switch (node.op) {
        case "const":
          return node.big ?? (BigInt(node.hi >>> 0) << 32n) | BigInt(node.lo >>> 0);
        case "elem":
          return n.args[node.aux].w === node.w ? v[node.aux] : mask(node.w, v[node.aux] >> BigInt(i * node.w));
        case "undef":
          return node.args.length ? of(node.args[0]) : 0n;
        case "fexc":
          return BigInt(floatExceptions(node.args[0], node.args[0].args.map(of)));
        default:
          return OPS[node.op].value!(node, node.args.map(of));
      }
    };
    return of(body);
  });
}

const leaf: OpRow = { arity: 0, kind: "leaf", wrong: fits, value: undefined };
const int = (arity: number, value: Value, wrong: Wrong = same): OpRow => ({ arity, kind: "value", wrong, value });
const effect = (arity: number | undefined, wrong: Wrong): OpRow => ({ arity, kind: "effect", wrong, value: undefined });
const float = (arity: number, wrong: Wrong): OpRow => ({ arity, kind: "float", wrong, value: floatValue });

const signed = (w: number, v: bigint): bigint => BigInt.asIntN(w, v);
/** Shift amounts at or above the width shift everything out. */
const shift = (w: number, k: bigint): bigint => (k > BigInt(w) ? BigInt(w) : k);
const turn = (w: number, v: bigint, left: bigint): bigint => mask(w, v << left) | (v >> (BigInt(w) - left));
function count(v: bigint): number {
  let n = 0;
  for (let rest = v; rest !== 0n; rest &= rest - 1n) n++;
  return n;
}
function trailing(w: number, v: bigint): number {
  return v === 0n ? w : (v & -v).toString(2).length - 1;
}
function swap(w: number, v: bigint): bigint {
  let r = 0n;
  for (let i = 0; i < w; i += 8) r = (r << 8n) | ((v >> BigInt(i)) & 255n);
  return r;
}
const sum3 = (v: readonly bigint[]): bigint => v[0] + v[1] + v[2];

export const OPS: Readonly<Record<Op, OpRow>> = {
  const: leaf,
  get: leaf,
  old: leaf,
  param: leaf,
  elem: leaf,
  undef: { arity: undefined, kind: "leaf", wrong: same, value: undefined },
  unknown: { arity: undefined, kind: "leaf", wrong: fits, value: undefined },

  load: effect(1, address),
  rmw: effect(2, address),
  ask: effect(undefined, fits),

  add: int(2, (n, v) => mask(n.w, v[0] + v[1])),
  sub: int(2, (n, v) => mask(n.w, v[0] - v[1])),
  mul: int(2, (n, v) => mask(n.w, v[0] * v[1])),
  and: int(2, (_, v) => v[0] & v[1]),
  or: int(2, (_, v) => v[0] | v[1]),
  xor: int(2, (_, v) => v[0] ^ v[1]),
  not: int(1, (n, v) => mask(n.w, ~v[0])),
  neg: int(1, (n, v) => mask(n.w, -v[0])),
  shl: int(2, (n, v) => mask(n.w, v[0] << shift(n.w, v[1]))),
  lshr: int(2, (n, v) => v[0] >> shift(n.w, v[1])),
  ashr: int(2, (n, v) => mask(n.w, signed(n.w, v[0]) >> shift(n.w, v[1]))),
  rol: int(2, (n, v) => turn(n.w, v[0], v[1] % BigInt(n.w))),
  ror: int(2, (n, v) => turn(n.w, v[0], BigInt(n.w) - (v[1] % BigInt(n.w)))),
  udiv: int(2, (n, v) => (v[1] === 0n ? mask(n.w, -1n) : v[0] / v[1])),
  sdiv: int(2, (n, v) => mask(n.w, v[1] === 0n ? -1n : signed(n.w, v[0]) / signed(n.w, v[1]))),
  urem: int(2, (_, v) => (v[1] === 0n ? v[0] : v[0] % v[1])),
  srem: int(2, (n, v) => (v[1] === 0n ? v[0] : mask(n.w, signed(n.w, v[0]) % signed(n.w, v[1])))),
  ctz: int(1, (n, v) => mask(n.w, BigInt(trailing(n.w, v[0])))),
  clz: int(1, (n, v) => mask(n.w, BigInt(v[0] === 0n ? n.w : n.w - v[0].toString(2).length))),
  popcnt: int(1, (n, v) => mask(n.w, BigInt(count(v[0])))),
  bswap: int(1, (n, v) => swap(n.w, v[0]), bytes),
  parity: int(
    1,
    (_, v) => BigInt(count(v[0]) & 1),
    (n) => (n.w === 1 ? undefined : "result must be i1"),
  ),

  eq: int(2, (_, v) => bit(v[0] === v[1]), test),
  ne: int(2, (_, v) => bit(v[0] !== v[1]), test),
  ult: int(2, (_, v) => bit(v[0] < v[1]), test),
  ule: int(2, (_, v) => bit(v[0] <= v[1]), test),
  slt: int(2, (n, v) => bit(signed(n.args[0].w, v[0]) < signed(n.args[0].w, v[1])), test),
  sle: int(2, (n, v) => bit(signed(n.args[0].w, v[0]) <= signed(n.args[0].w, v[1])), test),

  select: int(3, (_, v) => (v[0] !== 0n ? v[1] : v[2]), choose),
  carry: int(3, (n, v) => bit(sum3(v) >> BigInt(n.args[0].w) !== 0n), testCarry),
  overflow: int(
    3,
    (n, v) => {
      const w = n.args[0].w;
      const exact = signed(w, v[0]) + signed(w, v[1]) + v[2];
      return bit(exact !== signed(w, exact));
    },
    testCarry,
  ),

  sext: int(1, (n, v) => mask(n.w, signed(n.args[0].w, v[0])), widens),
  zext: int(1, (_, v) => v[0], widens),
  extract: int(1, (n, v) => mask(n.w, v[0] >> BigInt(n.aux)), within),
  concat: int(2, (n, v) => (v[0] << BigInt(n.args[1].w)) | v[1], joins),

  fadd: float(3, arith),
  fsub: float(3, arith),
  fmul: float(3, arith),
  fdiv: float(3, arith),
  fsqrt: float(2, arith),
  fma: float(4, arith),
  f2f: float(2, rounds(true, true, false)),
  f2s: float(2, rounds(true, false, false)),
  f2u: float(2, rounds(true, false, false)),
  s2f: float(2, rounds(false, true, false)),
  u2f: float(2, rounds(false, true, false)),
  frint: float(2, arith),
  fneg: int(1, (n, v) => v[0] ^ (1n << BigInt(n.w - 1)), signBit),
  fabs: int(1, (n, v) => BigInt.asUintN(n.w - 1, v[0]), signBit),
  feq: float(2, ftest),
  flt: float(2, ftest),
  fle: float(2, ftest),
  map: {
    arity: undefined,
    kind: "value",
    wrong: lanes((n, body) => body.w * n.aux),
    value: (n, v) => laneValues(n, v).reduceRight((all, lane) => (all << BigInt(n.body!.w)) | lane, 0n),
  },
  ormap: {
    arity: undefined,
    kind: "value",
    wrong: lanes((_, body) => body.w),
    value: (n, v) => laneValues(n, v).reduce((all, lane) => all | lane, 0n),
  },
  fexc: { arity: 1, kind: "value", wrong: (n) => (n.w === 6 ? undefined : "result must be i6"), value: undefined },
};
