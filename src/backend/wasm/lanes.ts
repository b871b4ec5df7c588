import { fexc } from "../../ir/build.ts";
import { hole } from "../../ir/lanes.ts";
import type { Node, Op } from "../../ir/node.ts";
import { remake, unroll } from "../../ir/remake.ts";
import { type Code, F32, F64, I32, I64, V128, type ValueType } from "./code.ts";
import type { FloatHost } from "./float-host.ts";
import { resultType } from "./float-operands.ts";
import { pushReference } from "./float-reference.ts";
import { floatLanes, hasFloatLanes, type StickyOf } from "./lanes-float.ts";
import type { Lower } from "./lower.ts";
import { FD, W } from "./opcodes.ts";
import { type Container, int, LANE_S, LANE_U, REPLACE, type Relation, relation, SPLAT, V } from "./simd-codes.ts";
import { type Sticky, type StickyTerm, stickyFor } from "./sticky.ts";
import { ANY, naturalType, SIGN, type Want, ZERO } from "./values.ts";

/** Smallest lane that holds `w` bits. */
export const containerOf = (w: number): Container => (w <= 8 ? 8 : w <= 16 ? 16 : w <= 32 ? 32 : 64);

/** Most registers that one value of a body may take. */
const MOST_REGISTERS = 8;

/**
 * `map` and `ormap` in SIMD registers. A value of a body with `w` bits lies in lanes of the next power of two, in as
 * many registers as its lanes take, the bits above `w` as the consumer wants them, as with scalars; an i1 is a mask of
 * lanes that are all ones or zeros. What SIMD cannot do is done lane by lane in between.
 */
export class LaneLower {
  private readonly l: Lower;
  private readonly open: { readonly lanes: Lanes; readonly depth: number }[] = [];

  constructor(l: Lower) {
    this.l = l;
  }

  /** Pushes chunk `k` of a map; all its chunks are kept. */
  chunk(node: Node, k: number): void {
    const { l } = this;
    const body = node.body!;
    if (!isContainer(body.w) || !fits(node)) {
      const plain = this.plain(node);
      l.wide.v(plain, k);
      return;
    }
    const { lanes, done } = this.lanesOf(node);
    const registers = lanes.vec(body, body.w as Container, ANY);
    done(registers);
    registers.forEach((local, i) => {
      l.wide.keepChunk(node, i, local);
    });
    l.code.get(registers[k]!);
  }

  /** Pushes a map or ormap of up to 64 bits in its natural type. */
  scalar(node: Node, want: Want): void {
    const { l } = this;
    const { code } = l;
    const body = node.body!;
    if (!fits(node)) {
      l.emit(this.plain(node), want);
      return;
    }
    if (node.op === "map" && body.w === 1) {
      const { lanes, done } = this.lanesOf(node);
      const c = lanes.maskHome(body);
      const registers = lanes.mask(body, c);
      const each = 128 / c;
      registers.forEach((local, k) => {
        code.get(local);
        code.fd(int(c, "bitmask"));
        if (node.w > 32) code.op(W.i64_extend_i32_u);
        if (k === 0) return;
        l.number(node.w, k * each);
        l.pair(node.w, W.i32_shl, W.i64_shl);
        l.pair(node.w, W.i32_or, W.i64_or);
      });
      done([]);
      if (node.w < each) l.clean(node.w, want === ANY ? ZERO : want);
      else l.clean(node.w, want);
      return;
    }
    if (node.op === "map" && isContainer(body.w)) {
      l.wide.v(node, 0, true);
      if (node.w > 32) code.lane(LANE_U[64], 0);
      else code.lane((want === SIGN ? LANE_S : LANE_U)[node.w as Container], 0);
      return;
    }
    l.emit(this.plain(node), want);
  }

  /**
   * slot |= the exceptions of lanes, in memory. The float results are kept for the maps over the same lanes that come
   * after. Throws where the exceptions are not those of float ops without conditions.
   */
  accumulate(slot: number, term: StickyTerm, host: FloatHost): void {
    const map = term.lanes!;
    if (!fits(map, true)) throw new Error(`exceptions of ${map.aux} lanes: it has no wasm lowering`);
    const lanes = new Lanes(this.l, map);
    const exceptions: Node[] = [];
    const collect = (n: Node): void => {
      if (n.op === "or") n.args.forEach(collect);
      else exceptions.push(n);
    };
    collect(map.body!);
    for (const n of exceptions) lanes.raise(n, (e, float) => stickyFor(slot, term, e, float), host);
    this.open.push({ lanes, depth: this.l.frozen });
  }

  /** The parts deeper than `depth` are over. */
  leave(depth: number): void {
    for (
      let last = this.open[this.open.length - 1];
      last && last.depth > depth;
      last = this.open[this.open.length - 1]
    ) {
      this.open.pop();
      last.lanes.done([]);
    }
  }
  reset(): void {
    this.leave(-1);
  }

  /** Lanes of which float results are known already, or new ones. */
  private lanesOf(node: Node): { lanes: Lanes; done: (results: Registers) => void } {
    const same = this.open.find(
      ({ lanes }) =>
        lanes.map.aux === node.aux &&
        lanes.map.args.length === node.args.length &&
        lanes.map.args.every((a, i) => a === node.args[i]),
    );
    if (same) return { lanes: same.lanes, done: () => undefined };
    const lanes = new Lanes(this.l, node);
    return { lanes, done: (results) => lanes.done(results) };
  }

  /** The value without lanes, its uses counted. */
  private plain(node: Node): Node {
    const plain = unroll(node);
    this.l.demand.full(plain);
    return plain;
  }
}

const isContainer = (w: number): boolean => w === 8 || w === 16 || w === 32 || w === 64;

/** Whether a body's values fit into registers. */
function fits(node: Node, exceptions = false): boolean {
  if (exceptions ? node.op !== "ormap" : node.op === "ormap" || (node.w > 64 && node.w % 128 !== 0)) return false;
  const seen = new Set<Node>();
  const ok = (n: Node): boolean => {
    if (seen.has(n)) return true;
    seen.add(n);
    const picked = pickOf(n, node);
    if (picked !== undefined) return ok(picked.index);
    if (n.w > 64 || node.aux * containerOf(n.w) > 128 * MOST_REGISTERS) return false;
    if ((n.op === "fexc" && !exceptions) || n.op === "map" || n.op === "ormap") return false;
    if (n.op === "elem") return node.args[n.aux]!.w === n.w || n.w === 1 || isContainer(n.w);
    return n.args.every(ok);
  };
  return ok(node.body!);
}

/** Whether the exceptions of an `ormap` can go to a sticky slot lane by lane. */
export function accumulates(node: Node): boolean {
  const part = (n: Node): boolean => {
    if (n.op === "or") return n.args.every(part);
    if (n.op === "fexc") return true;
    return (
      n.op === "select" && n.args.slice(1).some((a) => a.op === "fexc") && n.args.slice(1).some((a) => a.op === "const")
    );
  };
  return fits(node, true) && part(node.body!);
}

/** lane<w>(table, index) of a table that all lanes share: what `lshr` by a multiple of w and a cut make of it. */
function pickOf(n: Node, map: Node): { readonly table: Node; readonly index: Node } | undefined {
  if (n.op !== "extract" || n.aux !== 0 || !isContainer(n.w)) return undefined;
  const shift = n.args[0]!;
  if (shift.op !== "lshr") return undefined;
  const [table, amount] = shift.args as [Node, Node];
  const whole = table.op === "const" ? table : table.op === "elem" ? map.args[table.aux] : undefined;
  if (whole === undefined || table.w % 128 !== 0 || whole.w !== table.w) return undefined;
  if (amount.op !== "shl" || amount.args[1]!.op !== "const") return undefined;
  const by = amount.args[1]!;
  if ((by.big === undefined ? by.lo : Number(by.big)) !== Math.log2(n.w)) return undefined;
  const index = amount.args[0]!.op === "zext" ? amount.args[0]!.args[0]! : undefined;
  if (index === undefined || index.w > 8) return undefined;
  return n.w === 8 || 2 ** index.w * (n.w / 8) <= 256 ? { table: whole, index } : undefined;
}

/** How a lane's scalar is computed, into registers that are there already. */
export interface ByLane {
  readonly out: Registers;
  /** Pushes the op's value, answers its type. */
  push(op: Node): ValueType;
  /** Opens an `if` around lane `i`, whose value nobody wants. */
  lane?(i: number): void;
}

const F32X4_REPLACE = 32;

const COMPARES: Partial<Record<Op, Relation>> = {
  eq: "eq",
  ne: "ne",
  ult: "lt_u",
  ule: "le_u",
  slt: "lt_s",
  sle: "le_s",
};

export type Registers = readonly number[];

/** The values of one map's body. */
export class Lanes {
  readonly l: Lower;
  readonly code: Code;
  readonly map: Node;
  private readonly n: number;
  private readonly made: number[] = [];
  private readonly known = new Map<Node, { c: Container; want: Want; registers: Registers }[]>();

  constructor(l: Lower, map: Node) {
    this.l = l;
    this.code = l.code;
    this.map = map;
    this.n = map.aux;
  }

  /** Gives back all registers but the results. */
  done(results: Registers): void {
    for (const local of this.made) if (!results.includes(local)) this.code.release(local);
  }

  private count(c: Container): number {
    return Math.ceil((this.n * c) / 128);
  }

  /** One lane's op, on leaves that stand for lane values: its shape is what counts. */
  one(node: Node): Node {
    return remake(
      node,
      node.args.map((a) => (a.op === "const" ? a : hole(a.w))),
    );
  }

  /** Of the v128 on the stack, clears the lanes of register `k` that are beyond the last. */
  live(c: Container, k: number): void {
    const bytes = Math.min(16, (this.n * c) / 8 - 16 * k);
    if (bytes >= 16) return;
    this.l.wide.bytes(new Array<number>(bytes).fill(255));
    this.code.fd(V.and);
  }

  /** The v128 on the stack in a local of its own. */
  set(): number {
    const local = this.code.local(V128);
    this.made.push(local);
    this.code.set(local);
    return local;
  }
  private each(c: Container, push: (k: number) => void): number[] {
    return Array.from({ length: this.count(c) }, (_, k) => {
      push(k);
      return this.set();
    });
  }
  private binary(op: number, a: Registers, b: Registers): number[] {
    return a.map((x, k) => {
      this.code.get(x);
      this.code.get(b[k]!);
      this.code.fd(op);
      return this.set();
    });
  }
  private unary(op: number, a: Registers): number[] {
    return a.map((x) => {
      this.code.get(x);
      this.code.fd(op);
      return this.set();
    });
  }
  /** A shift of all lanes by a constant. */
  private shift(c: Container, op: "shl" | "shr_s" | "shr_u", a: Registers, by: number): Registers {
    if (by === 0) return a;
    return a.map((x) => {
      this.code.get(x);
      this.code.i32(by);
      this.code.fd(int(c, op));
      return this.set();
    });
  }

  /** Pushes a constant of `c` bits in every lane. */
  private splat(c: Container, value: bigint): void {
    const bytes = Array.from({ length: c / 8 }, (_, i) => Number((BigInt.asUintN(c, value) >> BigInt(8 * i)) & 255n));
    this.l.wide.bytes(Array.from({ length: 16 }, (_, i) => bytes[i % bytes.length]!));
  }

  private clean(a: Registers, w: number, c: Container, want: Want): Registers {
    if (w === c || want === ANY) return a;
    if (want === SIGN) return this.shift(c, "shr_s", this.shift(c, "shl", a, c - w), c - w);
    return a.map((x) => {
      this.code.get(x);
      this.splat(c, (1n << BigInt(w)) - 1n);
      this.code.fd(V.and);
      return this.set();
    });
  }

  /** Lanes of `from` bits as lanes of `to`. */
  private widen(a: Registers, from: Container, to: Container, signed: boolean): Registers {
    let registers = a;
    for (let c = from; c < to; ) {
      const next = (c * 2) as Container;
      const count = this.count(next);
      registers = Array.from({ length: count }, (_, k) => {
        this.code.get(registers[k >> 1]!);
        const high = (k & 1) === 1;
        this.code.fd(
          int(next, signed ? (high ? "extend_high_s" : "extend_low_s") : high ? "extend_high_u" : "extend_low_u"),
        );
        return this.set();
      });
      c = next;
    }
    return registers;
  }
  private narrow(a: Registers, from: Container, to: Container): Registers {
    let registers = a;
    for (let c = from; c > to; ) {
      const next = (c / 2) as Container;
      const bytes = next / 8;
      registers = Array.from({ length: this.count(next) }, (_, k) => {
        this.code.get(registers[2 * k]!);
        this.code.get(registers[2 * k + 1] ?? registers[2 * k]!);
        this.code.fd(V.shuffle);
        for (let i = 0; i < 16; i++) this.code.u8(Math.floor(i / bytes) * bytes * 2 + (i % bytes));
        return this.set();
      });
      c = next;
    }
    return registers;
  }

  /** The value in lanes of `c` bits, at least its width. */
  vec(node: Node, c: Container, want: Want): Registers {
    const list = this.known.get(node);
    const hit = list?.find((x) => x.c === c && (want === ANY || x.want === want || node.w === c));
    if (hit !== undefined) return hit.registers;
    const registers = this.make(node, c, want);
    const entry = { c, want, registers };
    if (list) list.push(entry);
    else this.known.set(node, [entry]);
    return registers;
  }

  private make(node: Node, c: Container, want: Want): Registers {
    if (node.w === 1) {
      const mask = this.mask(node, c);
      if (want === SIGN) return mask;
      return mask.map((x) => {
        this.code.get(x);
        this.splat(c, 1n);
        this.code.fd(V.and);
        return this.set();
      });
    }
    if (node.op === "const") {
      const value = node.big ?? (BigInt(node.hi >>> 0) << 32n) | BigInt(node.lo >>> 0);
      return this.each(c, () => this.splat(c, want === SIGN ? BigInt.asIntN(node.w, value) : value));
    }
    if (node.op === "elem" && this.map.args[node.aux]!.w === node.w) return this.shared(node, c, want);
    const home = containerOf(node.w);
    if (node.op === "zext" || node.op === "sext") return this.extended(node, c, want);
    if (c > home) return this.widen(this.vec(node, home, want), home, c, want === SIGN);
    return this.compute(node, c, want);
  }

  /** A value that all lanes share, splatted. */
  private shared(node: Node, c: Container, want: Want): Registers {
    const arg = this.map.args[node.aux]!;
    if (c <= 32 && arg.w > 32) this.l.low(arg);
    else {
      this.l.emit(arg, node.w === c ? ANY : want);
      if (c === 64 && arg.w <= 32) this.code.op(want === SIGN ? W.i64_extend_i32_s : W.i64_extend_i32_u);
    }
    this.code.fd(SPLAT[c]);
    const local = this.set();
    return Array.from({ length: this.count(c) }, () => local);
  }

  private extended(node: Node, c: Container, want: Want): Registers {
    const a = node.args[0]!;
    const signed = node.op === "sext";
    if (a.w === 1 && signed) return this.clean(this.mask(a, c), node.w, c, want === ZERO ? ZERO : ANY);
    const from = containerOf(a.w);
    const inner = this.vec(a, from, signed ? SIGN : ZERO);
    const registers = this.widen(inner, from, c, signed);
    return signed && want === ZERO ? this.clean(registers, node.w, c, ZERO) : registers;
  }

  private compute(node: Node, c: Container, want: Want): Registers {
    const [a, b] = node.args as [Node, Node];
    const w = node.w;
    const picked = pickOf(node, this.map);
    if (picked !== undefined) return this.pick(picked.table, picked.index, c);
    if (hasFloatLanes(node)) return floatLanes(this, node, this.l.env.floatHost(), undefined);
    switch (node.op) {
      case "elem":
        return this.each(c, (k) => this.l.wide.v(this.map.args[node.aux]!, k, true));
      case "add":
      case "sub":
        return this.clean(this.binary(int(c, node.op), this.vec(a, c, ANY), this.vec(b, c, ANY)), w, c, want);
      case "mul":
        return this.clean(this.product(a, b, c), w, c, want);
      case "neg":
        return this.clean(this.unary(int(c, "neg"), this.vec(a, c, ANY)), w, c, want);
      case "not":
        return this.clean(this.unary(V.not, this.vec(a, c, ANY)), w, c, want);
      case "and":
        return this.binary(V.and, this.vec(a, c, want), this.vec(b, c, want));
      case "or":
        return this.binary(V.or, this.vec(a, c, want), this.vec(b, c, want));
      case "xor":
        return this.binary(V.xor, this.vec(a, c, want), this.vec(b, c, want));
      case "undef":
        return a === undefined ? this.each(c, () => this.splat(c, 0n)) : this.vec(a, c, want);
      case "shl":
      case "lshr":
      case "ashr":
        return this.shifted(node, c, want) ?? this.clean(this.byLane(node, c), w, c, want === SIGN ? SIGN : ANY);
      case "rol":
      case "ror":
        return this.rotated(node, c) ?? this.byLane(node, c);
      case "select":
        return this.selected(node, c, want);
      case "extract": {
        const from = containerOf(a.w);
        const whole = node.aux + w === a.w && want === SIGN;
        const source = this.vec(a, from, whole ? SIGN : ANY);
        const down = this.shift(from, whole ? "shr_s" : "shr_u", source, node.aux);
        return this.clean(this.narrow(down, from, c), w, c, want);
      }
      case "concat": {
        const high = this.shift(c, "shl", this.vec(a, c, want === SIGN ? SIGN : want), b.w);
        return this.binary(V.or, high, this.vec(b, c, ZERO));
      }
      case "popcnt":
        if (w === 8) return this.unary(V.i8x16_popcnt, this.vec(a, 8, ZERO));
        break;
      case "bswap": {
        if (w !== c) break;
        const bytes = c / 8;
        return this.vec(a, c, ANY).map((x) => {
          this.code.get(x);
          this.code.get(x);
          this.code.fd(V.shuffle);
          for (let i = 0; i < 16; i++) this.code.u8(i - (i % bytes) + bytes - 1 - (i % bytes));
          return this.set();
        });
      }
      case "fneg":
      case "fabs": {
        const sign = 1n << BigInt(w - 1);
        const bits = node.op === "fneg" ? sign : sign - 1n;
        const out = this.vec(a, c, want).map((x) => {
          this.code.get(x);
          this.splat(c, bits);
          this.code.fd(node.op === "fneg" ? V.xor : V.and);
          return this.set();
        });
        return this.clean(out, w, c, want);
      }
    }
    return this.clean(this.byLane(node, c), w, c, want === SIGN ? SIGN : ANY);
  }

  private product(a: Node, b: Node, c: Container): Registers {
    if (c === 8) {
      const low = this.binary(int(16, "extmul_low_u"), this.vec(a, 8, ANY), this.vec(b, 8, ANY));
      if (this.n <= 8) return this.narrow(low, 16, 8);
      const high = this.binary(int(16, "extmul_high_u"), this.vec(a, 8, ANY), this.vec(b, 8, ANY));
      return this.narrow(
        low.flatMap((x, k) => [x, high[k]!]),
        16,
        8,
      );
    }
    // Of two values extended alike from half the width: one instruction a half.
    const half = (c / 2) as Container;
    if (
      a.op === b.op &&
      (a.op === "sext" || a.op === "zext") &&
      containerOf(a.args[0]!.w) === half &&
      containerOf(b.args[0]!.w) === half
    ) {
      const want = a.op === "sext" ? SIGN : ZERO;
      const [x, y] = [this.vec(a.args[0]!, half, want), this.vec(b.args[0]!, half, want)];
      const s = a.op === "sext";
      return this.each(c, (k) => {
        this.code.get(x[k >> 1]!);
        this.code.get(y[k >> 1]!);
        this.code.fd(int(c, k & 1 ? (s ? "extmul_high_s" : "extmul_high_u") : s ? "extmul_low_s" : "extmul_low_u"));
      });
    }
    return this.binary(int(c, "mul"), this.vec(a, c, ANY), this.vec(b, c, ANY));
  }

  /** Shifts by one amount for all lanes. undefined: each lane has its own. */
  private shifted(node: Node, c: Container, want: Want): Registers | undefined {
    const [a, by] = node.args as [Node, Node];
    const w = node.w;
    const left = node.op === "shl";
    const arithmetic = node.op === "ashr";
    const source = (): Registers => this.vec(a, c, left ? ANY : arithmetic ? SIGN : ZERO);
    const op = left ? "shl" : arithmetic ? "shr_s" : "shr_u";
    const already = left ? ANY : arithmetic ? SIGN : ZERO;
    const finish = (r: Registers): Registers => (want === already ? r : this.clean(r, w, c, want));
    if (by.op === "const") {
      const k = by.hi === 0 && by.lo >= 0 && by.lo < w ? by.lo : w;
      if (k < w) return finish(this.shift(c, op, source(), k));
      return arithmetic ? finish(this.shift(c, op, source(), w - 1)) : this.each(c, () => this.splat(c, 0n));
    }
    if (by.op !== "elem" || this.map.args[by.aux]!.w !== by.w) return undefined;
    const amount = this.code.local(I32);
    const inside = this.code.local(I32);
    const arg = this.map.args[by.aux]!;
    this.l.emit(arg, ZERO);
    const wide = arg.w > 32;
    const bits = this.code.local(naturalType(arg.w));
    this.code.tee(bits);
    this.l.number(arg.w, w);
    this.l.pair(arg.w, W.i32_lt_u, W.i64_lt_u);
    this.code.set(inside);
    this.code.get(bits);
    if (wide) this.code.op(W.i32_wrap_i64);
    if (arithmetic) {
      this.code.i32(w - 1);
      this.code.get(inside);
      this.code.op(W.select);
    }
    this.code.set(amount);
    const zero = this.code.local(V128);
    if (!arithmetic) {
      this.code.i32(0);
      this.code.get(inside);
      this.code.op(W.i32_sub);
      this.code.fd(SPLAT[32]);
      this.code.set(zero);
    }
    const out = source().map((x) => {
      this.code.get(x);
      this.code.get(amount);
      this.code.fd(int(c, op));
      if (!arithmetic) {
        this.code.get(zero);
        this.code.fd(V.and);
      }
      return this.set();
    });
    for (const local of [amount, inside, bits, zero]) this.code.release(local);
    return finish(out);
  }

  private rotated(node: Node, c: Container): Registers | undefined {
    const [a, by] = node.args as [Node, Node];
    if (node.w !== c || by.op !== "const") return undefined;
    const k = Number(((BigInt(by.hi >>> 0) << 32n) | BigInt(by.lo >>> 0)) % BigInt(c));
    const x = this.vec(a, c, ANY);
    const left = node.op === "rol" ? k : (c - k) % c;
    if (left === 0) return x;
    return this.binary(V.or, this.shift(c, "shl", x, left), this.shift(c, "shr_u", x, c - left));
  }

  private selected(node: Node, c: Container, want: Want): Registers {
    const [cond, a, b] = node.args as [Node, Node, Node];
    const relation = COMPARES[cond.op];
    if (relation !== undefined && relation !== "eq" && relation !== "ne" && c < 64 && node.w === c) {
      const [x, y] = cond.args as [Node, Node];
      const least = (a === x && b === y) || undefined;
      const most = (a === y && b === x) || undefined;
      const signed = relation.endsWith("_s");
      if (least || most) {
        const op = int(c, least ? (signed ? "min_s" : "min_u") : signed ? "max_s" : "max_u");
        return this.binary(op, this.vec(x, c, ANY), this.vec(y, c, ANY));
      }
    }
    const mask = this.mask(cond, c);
    const [x, y] = [this.vec(a, c, want), this.vec(b, c, want)];
    return x.map((yes, k) => {
      this.code.get(yes);
      this.code.get(y[k]!);
      this.code.get(mask[k]!);
      this.code.fd(V.bitselect);
      return this.set();
    });
  }

  /** lane<c>(table, index), 0 beyond the table. */
  private pick(table: Node, index: Node, c: Container): Registers {
    let at = this.vec(index, c, ZERO);
    if (c > 8) {
      // Bytes of each lane: index * bytes + 0, 1, ...
      const bytes = c / 8;
      let ones = 0n;
      let steps = 0n;
      for (let i = bytes - 1; i >= 0; i--) {
        ones = (ones << 8n) | 1n;
        steps = (steps << 8n) | BigInt(i);
      }
      at = at.map((x) => {
        this.code.get(x);
        this.splat(c, ones * BigInt(bytes));
        this.code.fd(int(c, "mul"));
        this.splat(c, steps);
        this.code.fd(int(8, "add"));
        return this.set();
      });
    }
    return at.map((x) => {
      for (let k = 0; k < table.w / 128; k++) {
        this.l.wide.v(table, k);
        this.code.get(x);
        if (k > 0) {
          this.splat(8, BigInt(16 * k));
          this.code.fd(int(8, "sub"));
        }
        this.code.fd(V.swizzle);
        if (k > 0) this.code.fd(V.or);
      }
      return this.set();
    });
  }

  /** Exceptions of one float op go to the sticky slot of each lane; `n` is fexc(float), maybe under a condition. */
  raise(n: Node, sticky: (exceptions: Node, float: Node) => Sticky, host: FloatHost): void {
    if (n.op === "select" && n.args.some((a) => a.op === "const")) {
      this.raiseIf(n, sticky, host);
      return;
    }
    if (n.op !== "fexc") throw new Error(`${n.op} of exceptions has no wasm lowering`);
    const float = n.args[0]!;
    const of: StickyOf = (op) => sticky(fexc(op), op);
    const c = containerOf(float.w === 1 ? float.args[0]!.w : float.w);
    const registers = hasFloatLanes(float)
      ? floatLanes(this, float, host, of)
      : this.byLane(float, c, {
          out: this.each(c, () => this.l.wide.bytes([])),
          push: (op) => this.pushSticky(op, c, host, of),
        });
    this.known.set(float, [{ c, want: float.w === 1 ? SIGN : ANY, registers }]);
  }

  /** A float op of a lane, with its exceptions; an i1 as a mask. */
  private pushSticky(op: Node, c: Container, host: FloatHost, of: StickyOf): ValueType {
    const { code } = this;
    if (op.w === 1) code.i32(0);
    pushReference(this.l, op, host, of(op));
    if (op.w === 1) code.op(W.i32_sub);
    // A half travels as the bits of a single.
    const half = op.w === 16 && resultType(op) === F32;
    if (half) code.op(W.i32_reinterpret_f32);
    const type = op.w === 1 || half ? I32 : resultType(op);
    if (type !== I32) return type === I64 && c !== 64 ? I32 : type;
    if (c === 64) code.op(W.i64_extend_i32_s);
    return c === 64 ? I64 : I32;
  }

  /** select(condition, exceptions, 0): only the lanes for which it holds. */
  private raiseIf(n: Node, sticky: (exceptions: Node, float: Node) => Sticky, host: FloatHost): void {
    const { code, l } = this;
    const [cond, yes, no] = n.args as [Node, Node, Node];
    const otherwise = yes.op === "const";
    const exceptions = otherwise ? no : yes;
    if (exceptions.op !== "fexc") throw new Error(`${exceptions.op} of exceptions has no wasm lowering`);
    const float = exceptions.args[0]!;
    const c = containerOf(float.args[0]!.w);
    const mask = this.mask(cond, c);
    this.byLane(float, c, {
      out: this.each(c, () => l.wide.bytes([])),
      lane: (i) => {
        code.get(mask[(i * c) >> 7]!);
        code.lane(LANE_U[c], ((i * c) & 127) / c);
        if (c === 64) code.op(W.i32_wrap_i64);
        if (otherwise) code.op(W.i32_eqz);
        code.if();
      },
      push: (op) => {
        pushReference(l, op, host, sticky(fexc(op), op));
        code.op(W.drop);
        return I32;
      },
    });
  }

  // --- i1: masks

  /** The lane width in which a mask comes for nothing. */
  maskHome(node: Node): Container {
    if (node.op in COMPARES || node.op === "feq" || node.op === "flt" || node.op === "fle" || node.op === "extract")
      return containerOf(node.args[0]!.w);
    for (const a of node.args)
      if (a.op !== "const" && a.op !== "elem") return a.w === 1 ? this.maskHome(a) : containerOf(a.w);
    return 16;
  }

  /** An i1 value as lanes of `c` bits, all ones or zeros. */
  mask(node: Node, c: Container): Registers {
    const key = this.known.get(node)?.find((x) => x.c === c && x.want === SIGN);
    if (key !== undefined) return key.registers;
    const registers = this.makeMask(node, c);
    const list = this.known.get(node);
    const entry = { c, want: SIGN as Want, registers };
    if (list) list.push(entry);
    else this.known.set(node, [entry]);
    return registers;
  }

  private convert(a: Registers, from: Container, to: Container): Registers {
    return from < to ? this.widen(a, from, to, true) : this.narrow(a, from, to);
  }

  private makeMask(node: Node, c: Container): Registers {
    const { code } = this;
    const [a, b] = node.args as [Node, Node];
    const op = COMPARES[node.op];
    if (op !== undefined) {
      if (a.w === 1) {
        const [x, y] = [this.mask(a, c), this.mask(b, c)];
        if (op === "ne") return this.binary(V.xor, x, y);
        if (op === "eq") return this.unary(V.not, this.binary(V.xor, x, y));
        return this.convert(this.compare(op, x, y, 8, c), c, c);
      }
      const from = containerOf(a.w);
      const want = op.endsWith("_s") ? SIGN : ZERO;
      return this.convert(this.compare(op, this.vec(a, from, want), this.vec(b, from, want), a.w, from), from, c);
    }
    switch (node.op) {
      case "const":
        return this.each(c, () => this.splat(c, node.lo === 0 ? 0n : -1n));
      case "elem":
        return this.maskElem(node, c);
      case "and":
        return this.binary(V.and, this.mask(a, c), this.mask(b, c));
      case "or":
        return this.binary(V.or, this.mask(a, c), this.mask(b, c));
      case "xor":
      case "add":
      case "sub":
        return this.binary(V.xor, this.mask(a, c), this.mask(b, c));
      case "mul":
        return this.binary(V.and, this.mask(a, c), this.mask(b, c));
      case "not":
        return this.unary(V.not, this.mask(a, c));
      case "select": {
        const [cond, yes, no] = [this.mask(a, c), this.mask(b, c), this.mask(node.args[2]!, c)];
        return cond.map((m, k) => {
          code.get(yes[k]!);
          code.get(no[k]!);
          code.get(m);
          code.fd(V.bitselect);
          return this.set();
        });
      }
      case "undef":
        return a === undefined ? this.each(c, () => this.splat(c, 0n)) : this.mask(a, c);
      case "extract": {
        const from = containerOf(a.w);
        const up = this.shift(from, "shl", this.vec(a, from, ANY), from - 1 - node.aux);
        return this.convert(this.shift(from, "shr_s", up, from - 1), from, c);
      }
    }
    return this.byLane(node, c);
  }

  private compare(op: Relation, x: Registers, y: Registers, _w: number, c: Container): Registers {
    const number = relation(c, op);
    if (number >= 0) return this.binary(number, x, y);
    const flip = (a: Registers): Registers =>
      a.map((r) => {
        this.code.get(r);
        this.splat(c, 1n << 63n);
        this.code.fd(V.xor);
        return this.set();
      });
    return this.binary(relation(c, op === "lt_u" ? "lt_s" : "le_s"), flip(x), flip(y));
  }

  private maskElem(node: Node, c: Container): Registers {
    const { code } = this;
    const arg = this.map.args[node.aux]!;
    if (arg.w === 1) {
      code.i32(0);
      this.l.emit(arg, ZERO);
      code.op(W.i32_sub);
      if (c === 64) code.op(W.i64_extend_i32_s);
      code.fd(SPLAT[c]);
      const local = this.set();
      return Array.from({ length: this.count(c) }, () => local);
    }
    // A bit a lane: spread eight of them at a time over lanes of 16 bits.
    const registers = this.each(16, (k) => {
      this.l.wide.bits(arg, 8 * k, Math.min(8, arg.w - 8 * k));
      code.op(W.i32_wrap_i64);
      code.fd(SPLAT[16]);
      const bit = Array.from({ length: 16 }, (_, i) => (i & 1 ? 0 : 1 << (i >> 1)));
      this.l.wide.bytes(bit);
      code.fd(V.and);
      this.l.wide.bytes(bit);
      code.fd(relation(16, "eq"));
    });
    return this.convert(registers, 16, c);
  }

  // --- lane by lane

  /** The op on each lane as a scalar; an i1 becomes a mask. Zero above its width. */
  byLane(node: Node, c: Container, by?: ByLane): Registers {
    const { code, l } = this;
    const inputs = node.args.map((arg) => {
      if (arg.op === "const") return { node: arg, c: 8 as Container, registers: [] as Registers };
      if (arg.op === "elem" && this.map.args[arg.aux]!.w === arg.w)
        return { node: this.map.args[arg.aux]!, c: 8 as Container, registers: [] as Registers };
      const home = containerOf(arg.w);
      return { node: hole(arg.w), c: home, registers: this.vec(arg, home, ZERO) };
    });
    for (const x of inputs) if (x.registers.length === 0) l.bind(x.node, ZERO);
    // One lane's op, on holes that stand for the lane's values.
    const op = remake(
      node,
      inputs.map((x) => x.node),
    );
    const locals = inputs.map((x) => (x.registers.length > 0 ? code.local(x.c === 64 ? I64 : I32) : -1));
    const out = by?.out ?? this.each(c, () => l.wide.bytes([]));
    l.frozen++;
    for (let i = 0; i < this.n; i++) {
      const to = out[Math.floor((i * c) / 128)]!;
      code.get(to);
      inputs.forEach((x, k) => {
        if (x.registers.length === 0) return;
        const at = i * x.c;
        code.get(x.registers[at >> 7]!);
        code.lane(LANE_U[x.c], (at & 127) / x.c);
        code.set(locals[k]!);
        l.keep(x.node, locals[k]!, ZERO);
      });
      if (by?.lane) {
        code.op(W.drop);
        by.lane(i);
        by.push(op);
        code.end();
        continue;
      }
      if (by !== undefined) {
        const type = by.push(op);
        const at = ((i * c) & 127) / c;
        if (type === F64) code.lane(FD.f64x2_replace_lane, at);
        else if (type === F32) code.lane(F32X4_REPLACE, at);
        else code.lane(REPLACE[c], at);
        code.set(to);
        continue;
      }
      if (node.w === 1) {
        code.i32(0);
        l.emit(op, ZERO);
        code.op(W.i32_sub);
        if (c === 64) code.op(W.i64_extend_i32_s);
      } else {
        l.emit(op, ZERO);
        if (c === 64 && node.w <= 32) code.op(W.i64_extend_i32_u);
      }
      code.lane(REPLACE[c], ((i * c) & 127) / c);
      code.set(to);
    }
    l.frozen--;
    for (const x of inputs) l.forget(x.node);
    for (const local of locals) if (local >= 0) code.release(local);
    return out;
  }
}
