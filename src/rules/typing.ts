import type { Op } from "../ir/node.ts";
import type { Expr } from "./ast.ts";
import { bitsOf, type Core, core, intOp, intUn, isNum, num } from "./core.ts";
import { RuleError } from "./error.ts";
import { parseExpr } from "./parse.ts";
import { type Binding, Scope, type Symbols, unknownName } from "./scope.ts";
import type { ViewDecl } from "./source.ts";
import { OPEN, shown, type Typed, widthError } from "./typed.ts";
import { float, isFloat, raised } from "./typing-float.ts";
import { fold, join, lane, map } from "./typing-lanes.ts";
import { amount, intBinary, isOrder, linear, sameWidth } from "./typing-ops.ts";

const SAME: Readonly<Record<string, Op>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "&": "and",
  "|": "or",
  "^": "xor",
  "/u": "udiv",
  "/s": "sdiv",
  "%u": "urem",
  "%s": "srem",
};
const SHIFTS: Readonly<Record<string, Op>> = { "<<": "shl", ">>u": "lshr", ">>s": "ashr", rol: "rol", ror: "ror" };
/** op, whether operands change sides */
const COMPARES: Readonly<Record<string, readonly [Op, boolean]>> = {
  "==": ["eq", false],
  "!=": ["ne", false],
  "<u": ["ult", false],
  "<s": ["slt", false],
  "<=u": ["ule", false],
  "<=s": ["sle", false],
  ">u": ["ult", true],
  ">s": ["slt", true],
  ">=u": ["ule", true],
  ">=s": ["sle", true],
};
const UNARY = new Set(["ctz", "clz", "popcnt", "bswap", "fneg", "fabs"]);
const EXTREMES: Readonly<Record<string, Op>> = { minu: "ult", mins: "slt", maxu: "ult", maxs: "slt" };

/** Gives every expression of one row its width. One object a row; locals are numbered through the row. */
/** Locals that hold what is written to an operand. */
const FEW = 16;
/** First local of an operand's encodings. */
export const OPERAND_LOCALS = 900;

export class Typer {
  readonly symbols: Symbols;
  /** The row's own scope: fields, cells, operands. Defs and acts see it, not their callers' lets. */
  readonly row: Scope;
  locals = 0;
  private depth = 0;
  /** Operands read, typed once. */
  private readonly operandReads = new WeakMap<Binding, Core>();

  constructor(symbols: Symbols, row: Scope) {
    this.symbols = symbols;
    this.row = row;
  }

  /** Locals of an operand's encodings have numbers of their own: then the encodings read alike in all rows. */
  protected apart<T>(f: () => T): T {
    const outer = this.locals;
    this.locals = OPERAND_LOCALS;
    const result = f();
    this.locals = outer;
    return result;
  }

  newLocal(): number {
    if (this.locals === OPERAND_LOCALS - FEW) throw new RuleError("RULE_SYNTAX", "a row of too many values");
    return this.locals++;
  }

  /** An expression of exactly `w` bits. */
  bits(e: Expr, scope: Scope, w: number): Core {
    return this.fit(this.expr(e, scope, w), w);
  }

  /** An expression whose width is its own; integers and open ones are an error. */
  own(e: Expr, scope: Scope, what: string): Core {
    const c = this.expr(e, scope, undefined);
    if (c === OPEN || c.w === 0) return widthError(`${what} needs a width (write <w>)`);
    return c;
  }

  /** Bits or an integer. */
  any(e: Expr, scope: Scope, what: string): Core {
    return this.expr(e, scope, undefined) ?? widthError(`${what} needs a width (write <w>)`);
  }

  /** An integer known at decode time. */
  int(e: Expr, scope: Scope, what: string): Core {
    const c = this.any(e, scope, what);
    return c.w === 0 ? c : widthError(`${what} must be known once decoded`);
  }

  /** An integer known from the text alone. */
  constant(e: Expr, scope: Scope, what: string): number {
    const c = this.int(e, scope, what);
    return isNum(c) ? Number(c.v) : widthError(`${what} must be a constant`);
  }

  /** A condition: i1, or an integer (0 is false). */
  condition(e: Expr, scope: Scope): Core {
    const c = this.expr(e, scope, undefined) ?? this.bits(e, scope, 1);
    return c.w <= 1 ? c : widthError(`a condition is i1, not ${shown(c)}`);
  }

  fit(c: Typed, w: number): Core {
    if (c === OPEN) return widthError("a width is missing (write <w>)");
    if (c.w === 0) return bitsOf(c, w);
    return c.w === w ? c : widthError(`i${w} expected, found ${shown(c)}`);
  }

  /** `want`: the context's width, where it has one. An integer may come back in any context. */
  expr(e: Expr, scope: Scope, want: number | undefined): Typed {
    switch (e.k) {
      case "num":
        return e.w === undefined ? num(e.value) : core("big", e.w, [], 0, "", BigInt.asUintN(e.w, e.value));
      case "name":
        return this.name(e.id, scope, want);
      case "un":
        return this.unary(e.op, e.a, scope, want);
      case "bin":
        return this.binary(e.op, e.a, e.b, scope, want);
      case "cond":
        return this.choice(this.condition(e.c, scope), e, scope, want);
      case "slice":
      case "part":
      case "index":
        return this.slice(e, scope);
      case "call":
        return this.call(e.f, e, scope, want);
      case "mem": {
        const { w, attrs, guards } = this.memArgs(e.gen, scope, want);
        return w === undefined
          ? OPEN
          : core("load", w, [this.bits(e.addr, scope, this.symbols.source.pcWidth), ...guards], 0, attrs);
      }
      case "rmw": {
        const { w, attrs, guards } = this.memArgs([...e.gen, ...e.opts], scope, want);
        if (w === undefined) return OPEN;
        const inner = new Scope(scope);
        inner.bind(e.old, { k: "core", c: core("old", w) });
        const addr = this.bits(e.addr, scope, this.symbols.source.pcWidth);
        return core("rmw", w, [addr, this.bits(e.body, inner, w), ...guards], 0, attrs);
      }
      case "map":
        return map(this, e, scope);
      case "join":
        return join(this, e, scope);
      case "fold":
        return fold(this, e, scope, want);
    }
  }

  // --- names

  private name(id: string, scope: Scope, want: number | undefined): Typed {
    const b = scope.find(id);
    if (b) return this.binding(id, b, scope, want);
    if (id === "pc" || id === "next") return core(id, this.symbols.source.pcWidth);
    if (id === "length") return core("length", 0);
    const state = this.symbols.state.get(id);
    if (state) {
      if (state.count > 0) throw new RuleError("RULE_NAME", `${id} is a file: ${id}[n] expected`);
      return core("slot", state.w, [], state.slot);
    }
    if (id === "ea") return this.effectiveAddress(scope);
    const macro = this.symbols.source.macros.get(id);
    if (macro) return this.nested(id, () => this.expr(macro, scope, want));
    return unknownName(id);
  }

  private binding(id: string, b: Binding, scope: Scope, want: number | undefined): Typed {
    switch (b.k) {
      case "local":
        return core("local", b.w, [], b.n);
      case "core":
        return b.c;
      case "expr":
        return this.nested(id, () => this.expr(b.e, b.scope, want));
      case "cell":
        return this.nested(id, () => this.expr(parseExpr(b.text), scope, want));
      case "operand": {
        let read = this.operandReads.get(b);
        if (!read) {
          const arms = this.apart(() =>
            b.arms.map((e) => this.expr(e, b.scope, undefined) ?? widthError(`${id}: a width is missing`)),
          );
          read = arms.length === 1 ? arms[0] : core("opread", arms[0].w, [b.form, ...arms], b.n, b.forms.join(" "));
          this.operandReads.set(b, read);
        }
        return read;
      }
      case "field":
        return b.view === undefined ? b.c : this.view(b.view, b.gen ?? [], [b.c]);
    }
  }

  /** Address of the row's memory operand. */
  private effectiveAddress(scope: Scope): Core {
    const b = scope.find("%memory");
    if (b?.k !== "operand") return unknownName("ea");
    const arms = b.arms.map((e) => (e.k === "mem" ? this.bits(e.addr, b.scope, this.symbols.source.pcWidth) : num(0)));
    const w = this.symbols.source.pcWidth;
    return core("opread", w, [b.form, ...arms.map((a) => (a.w === 0 ? bitsOf(a, w) : a))], -1, b.forms.join(" "));
  }

  /** Guards against names that stand for themselves. */
  nested<T>(name: string, f: () => T): T {
    if (++this.depth > 100) throw new RuleError("RULE_NAME", `${name} stands for itself`);
    try {
      return f();
    } finally {
      this.depth--;
    }
  }

  // --- operators

  private unary(op: string, a: Expr, scope: Scope, want: number | undefined): Typed {
    const c = this.expr(a, scope, op === "!" ? 1 : want);
    if (c === OPEN) return OPEN;
    if (c.w === 0) return intUn(op, c);
    if (op === "!" && c.w !== 1) return widthError(`! takes an i1, not ${shown(c)}`);
    return core(op === "-" ? "neg" : "not", c.w, [c]);
  }

  private binary(op: string, ea: Expr, eb: Expr, scope: Scope, want: number | undefined): Typed {
    if (op === "&&" || op === "||") {
      const a = this.condition(ea, scope);
      const b = this.condition(eb, scope);
      if (a.w === 0 && b.w === 0) return intOp(op, a, b);
      return core(op === "&&" ? "and" : "or", 1, [this.fit(a, 1), this.fit(b, 1)]);
    }
    if (op in SHIFTS) return this.shift(op, ea, eb, scope, want);
    const compare = COMPARES[op];
    const [a, b] = this.pair(ea, eb, scope, compare || isOrder(op) ? undefined : want);
    if (a === OPEN || b === OPEN) return compare ? widthError(`${op}: a width is missing (write <w>)`) : OPEN;
    if (a.w === 0) {
      if (op === "*" && want !== undefined && !isNum(a) && !isNum(b))
        return core("mul", want, [bitsOf(a, want), bitsOf(b, want)]);
      return intBinary(op, a, b);
    }
    if (compare) return core(compare[0], 1, compare[1] ? [b, a] : [a, b]);
    const same = SAME[op];
    if (!same) return widthError(`${op} on bits needs its sign: ${op}u or ${op}s`);
    return core(same, a.w, [a, b]);
  }

  /** Two operands of one width; both integers stay so. */
  private pair(ea: Expr, eb: Expr, scope: Scope, want: number | undefined): [Typed, Typed] {
    let a = this.expr(ea, scope, want);
    let b = this.expr(eb, scope, want ?? (a && a.w > 0 ? a.w : undefined));
    if (a === OPEN && b !== OPEN && b.w > 0) a = this.expr(ea, scope, b.w);
    if (a === OPEN || b === OPEN) return [a, b];
    if (a.w === 0 && b.w > 0) a = bitsOf(a, b.w);
    if (b.w === 0 && a.w > 0) b = bitsOf(b, a.w);
    if (a.w !== b.w) return widthError(`mixed widths ${shown(a)} and ${shown(b)}`);
    return [a, b];
  }

  private shift(op: string, ea: Expr, eb: Expr, scope: Scope, want: number | undefined): Typed {
    let a = this.expr(ea, scope, want);
    const b = this.any(eb, scope, "a shift amount");
    // A left shift may leave the range in which integers are exact: with a context it is done in bits.
    const exact = want === undefined || op !== "<<" || (a !== OPEN && isNum(a) && isNum(b));
    if (a !== OPEN && a.w === 0 && b.w === 0 && op !== "rol" && op !== "ror" && exact)
      return intOp(op === "<<" ? "<<" : ">>", a, b);
    if (a === OPEN || (a.w === 0 && want === undefined)) return OPEN;
    if (a.w === 0) a = bitsOf(a, want as number);
    const rotates = op === "rol" || op === "ror";
    return core(SHIFTS[op], a.w, [a, amount(b, a.w, rotates)]);
  }

  /** A condition that the text alone decides leaves the other arm unread: it may not even fit this width. */
  private choice(c: Core, e: Expr & { k: "cond" }, scope: Scope, want: number | undefined): Typed {
    if (isNum(c)) return this.expr(c.v !== 0n ? e.a : e.b, scope, want);
    return this.conditional(c, [e.b, e.a], scope, want, "cond");
  }

  /** `arms` has the else arm first, so that select's order is that of its index. */
  private conditional(c: Core, arms: readonly Expr[], scope: Scope, want: number | undefined, op: string): Typed {
    const typed = arms.map((arm) => this.expr(arm, scope, want));
    const wide = want ?? typed.find((t) => t !== OPEN && t.w > 0)?.w;
    if (wide === undefined) {
      if (typed.some((t) => t === OPEN)) return OPEN;
      if (c.w === 0) {
        const ints = typed as Core[];
        return op === "cond" ? core("intcond", 0, [c, ints[1], ints[0]]) : core("intpick", 0, [c, ...ints]);
      }
      return OPEN;
    }
    const arms2 = arms.map((arm, i) => {
      const t = typed[i];
      return this.fitArm(t === OPEN ? this.expr(arm, scope, wide) : t, wide);
    });
    if (op === "cond") return core("cond", wide, [c, arms2[1], arms2[0]]);
    return core("pick", wide, [c, ...arms2]);
  }

  private fitArm(c: Typed, w: number): Core {
    if (c !== OPEN && c.w > 0 && c.w !== w) return widthError(`arms of i${w} and ${shown(c)}`);
    return this.fit(c, w);
  }

  // --- slices and elements

  private slice(e: Expr & { k: "slice" | "part" | "index" }, scope: Scope): Typed {
    const element = e.k === "index" ? this.element(e.x, e.i, scope) : undefined;
    if (element) return element;
    const x = this.any(e.x, scope, "a sliced value");
    const { lo, hi } = this.bounds(e, scope);
    if (x.w === 0) {
      const loC = this.needInt(lo);
      return core("intslice", 0, [x, hi ?? loC, loC]);
    }
    if (e.k === "index" && lo.w > 0) return core("bitat", 1, [x, amount(lo, x.w, false)]);
    const loC = this.needInt(lo);
    const width = this.sliceWidth(loC, hi);
    if (width === undefined) return widthError("a slice of varying width stands only inside sext<w> or zext<w>");
    if (width < 1 || width > x.w) return widthError(`slice of ${width} bits of ${shown(x)}`);
    if (isNum(loC) && (loC.v < 0n || Number(loC.v) + width > x.w))
      return widthError(`bits ${Number(loC.v) + width - 1}:${loC.v} of ${shown(x)}`);
    return core("slice", width, [x, loC]);
  }

  needInt(c: Core): Core {
    return c.w === 0 ? c : widthError("bounds of a slice must be known once decoded");
  }

  /** hi is undefined for one bit. */
  bounds(e: Expr & { k: "slice" | "part" | "index" }, scope: Scope): { lo: Core; hi: Core | undefined } {
    if (e.k === "index") return { lo: this.any(e.i, scope, "an index"), hi: undefined };
    const lo = this.int(e.lo, scope, "a slice's bound");
    if (e.k === "slice") return { lo, hi: this.int(e.hi, scope, "a slice's bound") };
    return { lo, hi: intOp("-", intOp("+", lo, this.int(e.n, scope, "a slice's width")), num(1)) };
  }

  /** hi - lo + 1 where that is a constant, although lo may not be. */
  sliceWidth(lo: Core, hi: Core | undefined): number | undefined {
    if (hi === undefined) return 1;
    const base = linear(lo);
    const top = linear(hi);
    return base.rest === top.rest ? Number(top.k - base.k) + 1 : undefined;
  }

  /** file[n] or const[n]. */
  private element(x: Expr, i: Expr, scope: Scope): Typed {
    if (x.k !== "name" || scope.find(x.id)) return OPEN;
    const state = this.symbols.state.get(x.id);
    if (state && state.count > 0) return this.elementAt(x.id, i, scope);
    const table = this.symbols.source.consts.get(x.id);
    if (!table) return OPEN;
    const index = this.any(i, scope, "an index");
    const values = table.values.map((v) => bitsOf(num(v), table.w));
    return core("pick", table.w, [index, ...values]);
  }

  elementAt(file: string, i: Expr, scope: Scope): Core {
    const state = this.symbols.state.get(file);
    if (!state || state.count === 0) return unknownName(file);
    const index = this.any(i, scope, "an index");
    if (isNum(index)) {
      if (index.v < 0n || index.v >= BigInt(state.count)) return widthError(`${file}[${index.v}] of ${state.count}`);
      return core("slot", state.w, [], state.slot + Number(index.v));
    }
    if (index.w > 0 && 2 ** index.w > state.count)
      return widthError(`${file}: an index of i${index.w} for ${state.count}`);
    return core("elem", state.w, [index], state.slot, String(state.count));
  }

  // --- calls

  private call(f: string, e: Expr & { k: "call" }, scope: Scope, want: number | undefined): Typed {
    const b = scope.find(f);
    if (b?.k === "cell" && /^\w+$/.test(b.text) && b.text !== f) return this.call(b.text, e, scope, want);
    const view = this.symbols.source.views.get(f);
    if (view) {
      const gen = e.gen.map((g) => this.constant(g, scope, "a width"));
      return this.view(
        f,
        gen,
        e.args.map((arg) => this.int(arg, scope, `${f}'s argument`)),
      );
    }
    const def = this.symbols.source.defs.get(f);
    if (def) return this.def(f, e, scope, want);
    return this.builtin(f, e, scope, want);
  }

  private builtin(f: string, e: Expr & { k: "call" }, scope: Scope, want: number | undefined): Typed {
    const gen = e.gen.length > 0 ? this.constant(e.gen[0], scope, "a width") : undefined;
    const args = e.args;
    const arity = (n: number) => {
      if (args.length !== n) throw new RuleError("RULE_SYNTAX", `${f} takes ${n} arguments, not ${args.length}`);
    };
    if (f === "sext" || f === "zext") {
      arity(1);
      return this.extend(f, args[0], scope, gen ?? want);
    }
    if (f === "cat") {
      const parts = args.map((a) => this.own(a, scope, "a part of cat"));
      return parts.reduceRight((lo, hi) => core("concat", hi.w + lo.w, [hi, lo]));
    }
    if (f === "ones") return (gen ?? want) === undefined ? OPEN : bitsOf(num(-1), (gen ?? want) as number);
    if (f === "select") {
      if (e.gen.length > 0) return widthError("select takes no width");
      return this.conditional(this.any(args[0], scope, "select's index"), args.slice(1), scope, want, "pick");
    }
    if (f === "msb") {
      arity(1);
      const x = this.own(args[0], scope, "msb's argument");
      return core("slice", 1, [x, num(x.w - 1)]);
    }
    if (f === "parity") {
      arity(1);
      return core("parity", 1, [this.own(args[0], scope, "parity's argument")]);
    }
    if (f === "rol" || f === "ror") {
      arity(2);
      return this.shift(f, args[0], args[1], scope, want);
    }
    if (f === "carry" || f === "overflow") {
      arity(3);
      const [a, b] = this.pair(args[0], args[1], scope, undefined);
      if (a === OPEN || b === OPEN || a.w === 0) return widthError(`${f}: a width is missing`);
      return core(f, 1, [a, b, this.bits(args[2], scope, 1)]);
    }
    if (f in EXTREMES) return this.extreme(f, args, scope, want);
    if (f === "index") return this.fieldNumber(args, scope);
    if (f === "undef" || f === "?") return this.open(f, args, scope, gen ?? want);
    if (UNARY.has(f)) {
      arity(1);
      const a = this.expr(args[0], scope, want);
      return a === OPEN || (a.w === 0 && want === undefined)
        ? OPEN
        : sameWidth(f, [this.fit(a, a.w || (want as number))]);
    }
    if (f === "raised") {
      arity(1);
      return raised(this, args[0]);
    }
    if (isFloat(f)) return float(this, f as Op, e, scope, gen, want);
    if (f === "lane") {
      arity(2);
      return lane(this, gen ?? widthError("lane<e> needs its width"), args, scope);
    }
    return unknownName(f);
  }

  private extend(f: string, arg: Expr, scope: Scope, w: number | undefined): Typed {
    if (arg.k === "slice" && w !== undefined) {
      const { lo, hi } = this.bounds(arg, scope);
      if (this.sliceWidth(this.needInt(lo), hi) === undefined) {
        const x = this.own(arg.x, scope, "a sliced value");
        if (hi) return core(f === "sext" ? "sextslice" : "zextslice", w, [x, hi, lo]);
      }
    }
    const a = this.any(arg, scope, `${f}'s argument`);
    if (a.w === 0) return w === undefined ? a : bitsOf(a, w);
    if (w === undefined) return OPEN;
    if (w < a.w) return widthError(`${f} of i${a.w} to i${w}`);
    return w === a.w ? a : core(f, w, [a]);
  }

  private extreme(f: string, args: readonly Expr[], scope: Scope, want: number | undefined): Typed {
    const [a, b] = this.pair(args[0], args[1], scope, want);
    if (a === OPEN || b === OPEN) return OPEN;
    if (a.w === 0) return widthError(`${f} of two integers`);
    const less = core(EXTREMES[f], 1, f.startsWith("min") ? [a, b] : [b, a]);
    return core("cond", a.w, [less, a, b]);
  }

  /** The number in a field that otherwise stands for a register. */
  private fieldNumber(args: readonly Expr[], scope: Scope): Core {
    const arg = args[0];
    let b = arg?.k === "name" ? scope.find(arg.id) : undefined;
    while (b?.k === "expr" && b.e.k === "name") b = b.scope.find(b.e.id);
    if (args.length !== 1 || b?.k !== "field") throw new RuleError("RULE_NAME", "index takes the name of a field");
    return b.c;
  }

  private open(f: string, args: readonly Expr[], scope: Scope, w: number | undefined): Typed {
    if (w === undefined) return OPEN;
    if (f === "undef")
      return core(
        "undef",
        w,
        args.map((a) => this.bits(a, scope, w)),
      );
    return core(
      "unknown",
      w,
      args.map((a) => this.own(a, scope, "an argument of ?")),
      0,
      "?",
    );
  }

  private def(f: string, e: Expr & { k: "call" }, scope: Scope, want: number | undefined): Typed {
    const def = this.symbols.source.defs.get(f);
    if (!def) return unknownName(f);
    const inner = new Scope(this.row);
    const lets = this.bindArgs(f, def.params, e.args, scope, inner);
    const body = this.nested(f, () => this.expr(def.body, inner, want));
    if (body === OPEN) return OPEN;
    return lets.reduceRight<Core>((rest, [n, value]) => core("let", rest.w, [value, rest], n), body);
  }

  /** Arguments with a width of their own are computed once; places, literals and open ones go in as they stand. */
  bindArgs(f: string, params: readonly string[], args: readonly Expr[], scope: Scope, inner: Scope): [number, Core][] {
    if (params.length !== args.length)
      throw new RuleError("RULE_SYNTAX", `${f} takes ${params.length} arguments, not ${args.length}`);
    const lets: [number, Core][] = [];
    params.forEach((param, i) => {
      const arg = args[i];
      const byName = arg.k === "name" || arg.k === "num" || this.isPlace(arg, scope);
      const value = byName ? OPEN : this.expr(arg, scope, undefined);
      if (value === OPEN || value.w === 0) {
        inner.bind(param, { k: "expr", e: arg, scope });
        return;
      }
      const n = this.newLocal();
      lets.push([n, value]);
      inner.bind(param, { k: "local", n, w: value.w });
    });
    return lets;
  }

  private isPlace(e: Expr, scope: Scope): boolean {
    if (e.k === "call") return this.symbols.source.views.has(e.f);
    if (e.k === "slice" || e.k === "part" || e.k === "index") return this.isPlace(e.x, scope);
    return e.k === "name" && scope.find(e.id)?.k !== "local";
  }

  // --- views

  /** Reads a view: its expression with the arguments as integers. */
  view(name: string, gen: readonly number[], args: readonly Core[]): Core {
    const { view, scope, w, binds } = this.openView(name, gen, args);
    if (!view.get) throw new RuleError("RULE_NAME", `view ${name} cannot be read`);
    const get = view.get;
    const body = this.nested(name, () => this.bits(get, scope, w));
    return core("view", w, [...args, body], binds.length > 0 ? binds[0] : -1);
  }

  openView(
    name: string,
    gen: readonly number[],
    args: readonly Core[],
  ): { view: ViewDecl; scope: Scope; w: number; binds: number[] } {
    const view = this.symbols.source.views.get(name);
    if (!view) return unknownName(name);
    if (view.params.length !== args.length || view.gen.length !== gen.length)
      throw new RuleError(
        "RULE_SYNTAX",
        `view ${name} takes ${view.gen.length} widths and ${view.params.length} arguments`,
      );
    const scope = new Scope(this.row);
    view.gen.forEach((g, i) => {
      scope.bind(g, { k: "core", c: num(gen[i]) });
    });
    const binds = view.params.map((param) => {
      const n = this.newLocal();
      scope.bind(param, { k: "local", n, w: 0 });
      return n;
    });
    return { view, scope, w: this.constant(view.width, scope, `view ${name}'s width`), binds };
  }

  // --- memory attributes

  /** Width first, then acq, rel, aligned, or the fields aq and rl, which decide once decoded. */
  memArgs(
    gen: readonly Expr[],
    scope: Scope,
    want: number | undefined,
  ): { w: number | undefined; attrs: string; guards: Core[] } {
    let w: number | undefined = want;
    const attrs: string[] = [];
    const guards: Core[] = [];
    for (const g of gen) {
      if (g.k === "name" && (g.id === "acq" || g.id === "rel" || g.id === "aligned")) attrs.push(g.id);
      else if (g.k === "name" && (g.id === "aq" || g.id === "rl") && scope.find(g.id)?.k === "field") {
        attrs.push(g.id);
        guards.push(this.int(g, scope, g.id));
      } else w = this.constant(g, scope, "a width");
    }
    if (w !== undefined && (w % 8 !== 0 || w < 8)) return widthError(`memory of ${w} bits`);
    return { w, attrs: attrs.join(" "), guards };
  }
}
