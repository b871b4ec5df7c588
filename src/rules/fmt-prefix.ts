import type { Bind, Expr, Stmt } from "./ast.ts";
import { RuleError } from "./error.ts";
import { STRENGTH } from "./parse.ts";

/**
 * The source canonical form: prefix, no brackets, one blank between tokens. Operators have their arity; a call says its
 * own where it is not the usual one: `f<G/N;K` has G widths, N arguments and K options. Statements beyond one
 * are `seq/N`.
 */
export function printPrefix(list: readonly Stmt[]): string {
  const out: string[] = [];
  putBlock(list, out);
  return out.join(" ");
}

export function parsePrefix(text: string): Stmt[] {
  const reader = new Reader(text);
  const list = reader.block();
  reader.end();
  return list;
}

/** Usual number of widths and arguments. */
const USUAL: Readonly<Record<string, readonly [number, number]>> = {
  sext: [0, 1],
  zext: [0, 1],
  msb: [0, 1],
  parity: [0, 1],
  cat: [0, 2],
  rol: [0, 2],
  ror: [0, 2],
  carry: [0, 3],
  overflow: [0, 3],
  lane: [1, 2],
  index: [0, 1],
  ctz: [0, 1],
  clz: [0, 1],
  popcnt: [0, 1],
  bswap: [0, 1],
  fneg: [0, 1],
  fabs: [0, 1],
  fadd: [0, 2],
  fsub: [0, 2],
  fmul: [0, 2],
  fdiv: [0, 2],
  fsqrt: [0, 1],
  fma: [0, 3],
  frint: [0, 1],
  feq: [0, 2],
  flt: [0, 2],
  fle: [0, 2],
  f2f: [1, 1],
  f2s: [1, 1],
  f2u: [1, 1],
  s2f: [1, 1],
  u2f: [1, 1],
  mem: [1, 1],
  rmw: [1, 2],
};
const UNCALLED = new Set(["undef", "ones", "?"]);
const WORDS = new Set(["let", "if", "for", "jump", "call", "ret", "trap", "stop", "=", "?!"]);

function head(f: string, gen: number, args: number, opts: number): string {
  const [g, n] = USUAL[f] ?? [0, -1];
  return `${f}${gen === g ? "" : `<${gen}`}${args === n ? "" : `/${args}`}${opts === 0 ? "" : `;${opts}`}`;
}

function putBlock(list: readonly Stmt[], out: string[]): void {
  if (list.length !== 1) out.push(`seq/${list.length}`);
  for (const s of list) put(s, out);
}

function put(s: Stmt, out: string[]): void {
  const all = (list: readonly Expr[]) => {
    for (const e of list) putExpr(e, out);
  };
  switch (s.k) {
    case "assign":
      out.push("=");
      all([s.place, s.value]);
      return;
    case "let":
      out.push("let", s.name);
      putExpr(s.value, out);
      return;
    case "if":
      out.push("if");
      putExpr(s.c, out);
      putBlock(s.then, out);
      putBlock(s.else, out);
      return;
    case "for":
      out.push("for", s.i);
      all([s.from, s.to]);
      putBlock(s.body, out);
      return;
    case "jump":
      out.push(s.hint);
      putExpr(s.target, out);
      return;
    case "trap":
    case "stop":
      out.push(s.k, s.name);
      return;
    case "fence":
      out.push(`fence/${s.args.length}`);
      all(s.args);
      return;
    case "undef":
      out.push(`undef/${s.places.length}`);
      all(s.places);
      return;
    case "ask":
      out.push(`ask<${s.places.length}/${s.args.length}`, s.f);
      all(s.places);
      all(s.args);
      return;
    case "act":
      out.push(s.called ? `${s.f}/${s.args.length}` : s.f);
      all(s.args);
      return;
    case "unknown":
      out.push("?!");
  }
}

function putExpr(e: Expr, out: string[]): void {
  const all = (list: readonly Expr[]) => {
    for (const x of list) putExpr(x, out);
  };
  switch (e.k) {
    case "num":
      out.push(`${e.value}${e.w === undefined ? "" : `:i${e.w}`}`);
      return;
    case "name":
      out.push(e.id);
      return;
    case "un":
      out.push(e.op === "-" ? "neg-" : e.op);
      putExpr(e.a, out);
      return;
    case "bin":
      out.push(e.op);
      all([e.a, e.b]);
      return;
    case "cond":
      out.push("?:");
      all([e.c, e.a, e.b]);
      return;
    case "slice":
      out.push("[:]");
      all([e.x, e.hi, e.lo]);
      return;
    case "part":
      out.push("[+:]");
      all([e.x, e.lo, e.n]);
      return;
    case "index":
      out.push("[]");
      all([e.x, e.i]);
      return;
    case "mem":
      out.push(head("mem", e.gen.length, 1, 0));
      all([...e.gen, e.addr]);
      return;
    case "rmw":
      out.push(head("rmw", e.gen.length, 2, e.opts.length));
      all([...e.gen, e.addr]);
      out.push(e.old);
      all([e.body, ...e.opts]);
      return;
    case "map":
      out.push(`map/${e.binds.length}`);
      putExpr(e.e, out);
      for (const b of e.binds) {
        out.push(b.name);
        putExpr(b.value, out);
      }
      putExpr(e.body, out);
      return;
    case "join":
      out.push("join", e.i);
      all([e.e, e.from, e.to, e.body]);
      return;
    case "fold":
      out.push("fold", e.t, e.i);
      all([e.init, e.from, e.to, e.body]);
      return;
    case "call":
      out.push(head(e.f, e.gen.length, e.args.length, e.opts.length));
      all([...e.gen, ...e.args, ...e.opts]);
      return;
  }
}

class Reader {
  private readonly tokens: readonly string[];
  private i = 0;

  constructor(text: string) {
    this.tokens = text.trim().split(/\s+/);
  }

  end(): void {
    if (this.i < this.tokens.length)
      throw new RuleError("RULE_SYNTAX", `prefix: "${this.tokens[this.i]}" is left over`);
  }

  private next(): string {
    const t = this.tokens[this.i++];
    if (t === undefined) throw new RuleError("RULE_SYNTAX", "prefix: ends too soon");
    return t;
  }

  block(): Stmt[] {
    const m = /^seq\/(\d+)$/.exec(this.tokens[this.i] ?? "");
    if (!m) return [this.stmt()];
    this.i++;
    return Array.from({ length: Number(m[1]) }, () => this.stmt());
  }

  private exprs(n: number): Expr[] {
    return Array.from({ length: n }, () => this.expr());
  }

  private stmt(): Stmt {
    const t = this.next();
    if (WORDS.has(t)) return this.word(t);
    const m = /^([^</]+)(?:<(\d+))?\/(\d+)$/.exec(t);
    if (!m) return { k: "act", f: t, args: [], called: false };
    const n = Number(m[3]);
    if (m[1] === "fence") return { k: "fence", args: this.exprs(n) };
    if (m[1] === "undef") return { k: "undef", places: this.exprs(n) };
    if (m[1] !== "ask") return { k: "act", f: m[1], args: this.exprs(n), called: true };
    const f = this.next();
    const places = this.exprs(Number(m[2]));
    return { k: "ask", places, f, args: this.exprs(n) };
  }

  private word(t: string): Stmt {
    switch (t) {
      case "let":
        return { k: "let", name: this.next(), value: this.expr() };
      case "if":
        return { k: "if", c: this.expr(), then: this.block(), else: this.block() };
      case "for":
        return { k: "for", i: this.next(), from: this.expr(), to: this.expr(), body: this.block() };
      case "jump":
      case "call":
      case "ret":
        return { k: "jump", hint: t, target: this.expr() };
      case "trap":
      case "stop":
        return { k: t, name: this.next() };
      case "=":
        return { k: "assign", place: this.expr(), value: this.expr() };
      default:
        return { k: "unknown" };
    }
  }

  private expr(): Expr {
    const t = this.next();
    const number = /^(\d+)(?::i(\d+))?$/.exec(t);
    if (number)
      return { k: "num", value: BigInt(number[1]), w: number[2] === undefined ? undefined : Number(number[2]) };
    if (t === "neg-" || t === "~" || t === "!") return { k: "un", op: t === "neg-" ? "-" : t, a: this.expr() };
    if (t in STRENGTH) return { k: "bin", op: t, a: this.expr(), b: this.expr() };
    switch (t) {
      case "?:":
        return { k: "cond", c: this.expr(), a: this.expr(), b: this.expr() };
      case "[:]":
        return { k: "slice", x: this.expr(), hi: this.expr(), lo: this.expr() };
      case "[+:]":
        return { k: "part", x: this.expr(), lo: this.expr(), n: this.expr() };
      case "[]":
        return { k: "index", x: this.expr(), i: this.expr() };
      case "join": {
        const i = this.next();
        return { k: "join", i, e: this.expr(), from: this.expr(), to: this.expr(), body: this.expr() };
      }
      case "fold": {
        const name = this.next();
        const i = this.next();
        return { k: "fold", t: name, i, init: this.expr(), from: this.expr(), to: this.expr(), body: this.expr() };
      }
    }
    return this.called(t);
  }

  private called(t: string): Expr {
    const m = /^([^</;]+)(?:<(\d+))?(?:\/(\d+))?(?:;(\d+))?$/.exec(t);
    if (!m) throw new RuleError("RULE_SYNTAX", `prefix: cannot read "${t}"`);
    const f = m[1];
    const usual = USUAL[f];
    if (!usual && m[3] === undefined) return { k: "name", id: f };
    const gens = Number(m[2] ?? usual?.[0] ?? 0);
    const count = Number(m[3] ?? usual?.[1] ?? 0);
    const options = Number(m[4] ?? 0);
    if (f === "map") return this.map(count);
    const gen = this.exprs(gens);
    if (f === "mem") return { k: "mem", gen, addr: this.expr() };
    if (f === "rmw") {
      const addr = this.expr();
      const old = this.next();
      return { k: "rmw", gen, addr, old, body: this.expr(), opts: this.exprs(options) };
    }
    const args = this.exprs(count);
    const called = !(UNCALLED.has(f) && count === 0);
    return { k: "call", f, gen, args, opts: this.exprs(options), called };
  }

  private map(count: number): Expr {
    const e = this.expr();
    const binds: Bind[] = Array.from({ length: count }, () => ({ name: this.next(), value: this.expr() }));
    return { k: "map", e, binds, body: this.expr() };
  }
}
