import { fexc } from "../../ir/build.ts";
import { hole } from "../../ir/lanes.ts";
import type { Node, Op } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";
import { F32, F64, I32, I64, V128, type ValueType } from "./code.ts";
import { lowerFloat } from "./float.ts";
import { knownFloat } from "./float-fast.ts";
import { type FloatHost, type Limits, updateLimits } from "./float-host.ts";
import { modeOf, resultType } from "./float-operands.ts";
import { pushReference } from "./float-reference.ts";
import { containerOf, pickOf } from "./lanes-fit.ts";
import { floatLanes, hasFloatLanes, type StickyOf } from "./lanes-float.ts";
import { LaneRegisters, type Registers } from "./lanes-registers.ts";
import { byLane } from "./lanes-scalar.ts";
import type { Lower } from "./lower.ts";
import { W } from "./opcodes.ts";
import { type Container, int, LANE_U, type Relation, relation, SPLAT, V } from "./simd-codes.ts";
import type { Sticky } from "./sticky.ts";
import { ANY, naturalType, SIGN, type Want, ZERO } from "./values.ts";

const COMPARES: Partial<Record<Op, Relation>> = {
  eq: "eq",
  ne: "ne",
  ult: "lt_u",
  ule: "le_u",
  slt: "lt_s",
  sle: "le_s",
};

/** The values of one map's body. */
export class Lanes extends LaneRegisters {
  readonly map: Node;
  private readonly known = new Map<Node, { c: Container; want: Want; registers: Registers }[]>();

  constructor(l: Lower, map: Node) {
    super(l, map.aux);
    this.map = map;
  }

  /** What is known now; the result goes back to that. */
  mark(): () => void {
    const known = new Map([...this.known].map(([node, list]) => [node, list.slice()]));
    const forget = this.markMade();
    return () => {
      this.known.clear();
      for (const [node, list] of known) this.known.set(node, list);
      forget();
    };
  }

  /** One lane's op, on leaves that stand for lane values: its shape is what counts. */
  one(node: Node): Node {
    return remake(
      node,
      node.args.map((a) => (a.op === "const" ? a : hole(a.w))),
    );
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
    if (hasFloatLanes(node, () => this.l.env.floatHost()))
      return floatLanes(this, node, this.l.env.floatHost(), undefined);
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
        return this.shifted(node, c, want) ?? this.clean(byLane(this, node, c), w, c, want === SIGN ? SIGN : ANY);
      case "rol":
      case "ror":
        return this.rotated(node, c) ?? byLane(this, node, c);
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
    return this.clean(byLane(this, node, c), w, c, want === SIGN ? SIGN : ANY);
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
    const registers = hasFloatLanes(float, () => host)
      ? floatLanes(this, float, host, of)
      : this.floatsByLane(float, c, host, of);
    this.known.set(float, [{ c, want: float.w === 1 ? SIGN : ANY, registers }]);
  }

  /** A float op lane by lane, each as a scalar would be. */
  private floatsByLane(float: Node, c: Container, host: FloatHost, of: StickyOf): Registers {
    const { code } = this;
    const limits = { f64: code.local(F64), f32: code.local(F32), least: code.local(F64) };
    updateLimits(code, host, of(this.one(float)), limits);
    const registers = byLane(this, float, c, {
      out: this.each(c, () => this.l.wide.bytes([])),
      push: (op) => this.pushSticky(op, c, host, of(op), limits),
    });
    for (const local of Object.values(limits)) code.release(local);
    return registers;
  }

  /** A float op of a lane, with its exceptions; an i1 as a mask. */
  private pushSticky(op: Node, c: Container, host: FloatHost, sticky: Sticky, limits: Limits): ValueType {
    const { code } = this;
    if (op.w === 1) code.i32(0);
    if (modeOf(op) >= 0 && knownFloat(op)) lowerFloat(this.l, op, host, sticky, limits);
    else pushReference(this.l, op, host, sticky);
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
    byLane(this, float, c, {
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
    return byLane(this, node, c);
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
}
