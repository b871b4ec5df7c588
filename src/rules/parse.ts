import type { Bind, Expr, Stmt } from "./ast.ts";
import { RuleError } from "./error.ts";
import { lex, type Token } from "./lex.ts";

/** Binding strength of the infix operators, as in C. */
export const STRENGTH: Readonly<Record<string, number>> = {
  "||": 1,
  "&&": 2,
  "|": 3,
  "^": 4,
  "&": 5,
  "==": 6,
  "!=": 6,
  "<": 7,
  ">": 7,
  "<=": 7,
  ">=": 7,
  "<u": 7,
  "<s": 7,
  ">u": 7,
  ">s": 7,
  "<=u": 7,
  "<=s": 7,
  ">=u": 7,
  ">=s": 7,
  "<<": 8,
  ">>u": 8,
  ">>s": 8,
  "+": 9,
  "-": 9,
  "*": 10,
  "/": 10,
  "%": 10,
  "/u": 10,
  "/s": 10,
  "%u": 10,
  "%s": 10,
};
const ADDITIVE = 9;
/** Names that always begin a generic call, so that `<` after them never compares. */
const BARE = new Set(["undef", "ones"]);

export function parseExpr(text: string): Expr {
  const p = new Parser(text);
  const e = p.expr();
  p.end();
  return e;
}

export function parseStmts(text: string): Stmt[] {
  const p = new Parser(text);
  const s = p.stmts();
  p.end();
  return s;
}

class Parser {
  private readonly tokens: Token[];
  private i = 0;

  constructor(text: string) {
    this.tokens = lex(text);
  }

  end(): void {
    this.skipLines();
    if (this.tokens[this.i].k !== "end") this.fail(`unexpected "${this.tokens[this.i].s}"`);
  }

  private fail(message: string): never {
    throw new RuleError("RULE_SYNTAX", message);
  }

  private is(s: string): boolean {
    const t = this.tokens[this.i];
    return t.s === s && t.k !== "end";
  }

  private take(s: string): boolean {
    if (!this.is(s)) return false;
    this.i++;
    return true;
  }

  private need(s: string): void {
    this.skipLines();
    if (!this.take(s)) this.fail(`"${s}" expected, found "${this.tokens[this.i].s || "end of row"}"`);
  }

  private ident(): string {
    const t = this.tokens[this.i];
    if (t.k !== "id") this.fail(`a name expected, found "${t.s || "end of row"}"`);
    this.i++;
    return t.s;
  }

  private skipLines(): void {
    while (this.tokens[this.i].k === "nl") this.i++;
  }

  // --- statements

  stmts(): Stmt[] {
    const out: Stmt[] = [];
    for (;;) {
      while (this.tokens[this.i].k === "nl" || this.is(";")) this.i++;
      if (this.tokens[this.i].k === "end" || this.is("}")) return out;
      out.push(this.stmt());
      const t = this.tokens[this.i];
      if (t.k === "nl" || t.k === "end" || t.s === ";" || t.s === "}") continue;
      const last = out[out.length - 1];
      if (last.k === "if" || last.k === "for") continue;
      this.fail(`unexpected "${t.s}" after a statement`);
    }
  }

  private block(): Stmt[] {
    this.need("{");
    const out = this.stmts();
    this.need("}");
    return out;
  }

  private stmt(): Stmt {
    const t = this.tokens[this.i];
    if (t.k === "id") {
      const special = this.keyword(t.s);
      if (special) return special;
    }
    if (this.is("(")) return this.askStmt();
    if (this.is("?")) {
      this.i++;
      return { k: "unknown" };
    }
    const place = this.postfix();
    if (this.take("=")) {
      this.skipLines();
      if (this.is("ask")) return this.askTail([place]);
      return { k: "assign", place, value: this.expr() };
    }
    if (place.k === "call" && place.gen.length === 0) return { k: "act", f: place.f, args: place.args, called: true };
    if (place.k === "name") return { k: "act", f: place.id, args: [], called: false };
    return this.fail("a statement expected");
  }

  private keyword(word: string): Stmt | undefined {
    const next = this.tokens[this.i + 1];
    switch (word) {
      case "let": {
        this.i++;
        const name = this.ident();
        this.need("=");
        return { k: "let", name, value: this.expr() };
      }
      case "if":
        return this.ifStmt();
      case "for": {
        this.i++;
        const i = this.ident();
        this.need("in");
        const [from, to] = this.range();
        return { k: "for", i, from, to, body: this.block() };
      }
      case "jump":
      case "call":
      case "ret":
        this.i++;
        return { k: "jump", hint: word, target: this.expr() };
      case "trap":
        this.i++;
        return { k: "trap", name: this.dotted() };
      case "stop":
        this.i++;
        return { k: "stop", name: this.dotted() };
      case "undef": {
        if (next.k !== "id") return undefined;
        this.i++;
        const places: Expr[] = [];
        while (this.tokens[this.i].k === "id") places.push(this.postfix());
        return { k: "undef", places };
      }
      case "fence": {
        this.i++;
        const args: Expr[] = [];
        if (this.take("(") && !this.take(")")) {
          do args.push(this.expr());
          while (this.take(","));
          this.need(")");
        }
        return { k: "fence", args };
      }
      default:
        return undefined;
    }
  }

  /** A name of a trap or stop: words joined by dots ("fence.i"). */
  private dotted(): string {
    let s = this.ident();
    while (this.is(".") && this.tokens[this.i].glued) {
      this.i++;
      s += `.${this.ident()}`;
    }
    return s;
  }

  private ifStmt(): Stmt {
    this.need("if");
    const c = this.expr();
    const then = this.block();
    const mark = this.i;
    this.skipLines();
    if (!this.take("else")) {
      this.i = mark;
      return { k: "if", c, then, else: [] };
    }
    return { k: "if", c, then, else: this.is("if") ? [this.ifStmt()] : this.block() };
  }

  private askStmt(): Stmt {
    this.need("(");
    const places: Expr[] = [];
    do places.push(this.postfix());
    while (this.take(","));
    this.need(")");
    this.need("=");
    return this.askTail(places);
  }

  private askTail(places: readonly Expr[]): Stmt {
    this.need("ask");
    const f = this.ident();
    this.need("(");
    return { k: "ask", places, f, args: this.list(")") };
  }

  // --- expressions

  expr(): Expr {
    const c = this.infix(1);
    const mark = this.i;
    this.skipIfOperatorFollows();
    if (!this.take("?")) {
      this.i = mark;
      return c;
    }
    this.skipLines();
    const a = this.expr();
    this.need(":");
    this.skipLines();
    return { k: "cond", c, a, b: this.expr() };
  }

  /** A line that begins with an operator goes on with the expression above. */
  private skipIfOperatorFollows(): void {
    let j = this.i;
    while (this.tokens[j].k === "nl") j++;
    const s = this.tokens[j].s;
    if (j > this.i && this.tokens[j].k === "op" && (s === "?" || s === ":" || (s in STRENGTH && s !== "*"))) this.i = j;
  }

  private infix(strength: number): Expr {
    let a = this.unary();
    for (;;) {
      const t = this.tokens[this.i];
      const s = t.k === "op" ? STRENGTH[t.s] : undefined;
      if (s === undefined || s < strength) return a;
      this.i++;
      this.skipLines();
      a = { k: "bin", op: t.s, a, b: this.infix(s + 1) };
    }
  }

  private unary(): Expr {
    for (const op of ["-", "~", "!"]) {
      if (!this.take(op)) continue;
      return { k: "un", op, a: this.unary() };
    }
    return this.postfix();
  }

  private postfix(): Expr {
    let x = this.primary();
    while (this.is("[") && this.tokens[this.i].glued) {
      this.i++;
      const first = this.expr();
      if (this.take(":")) x = { k: "slice", x, hi: first, lo: this.expr() };
      else if (this.take("+:")) x = { k: "part", x, lo: first, n: this.expr() };
      else x = { k: "index", x, i: first };
      this.need("]");
    }
    return x;
  }

  private primary(): Expr {
    const t = this.tokens[this.i];
    if (t.k === "num") return this.number();
    if (this.take("(")) {
      this.skipLines();
      const e = this.expr();
      this.need(")");
      return e;
    }
    if (this.is("?")) {
      this.i++;
      const args = this.is("(") && this.tokens[this.i].glued ? this.paren() : [];
      return { k: "call", f: "?", gen: [], args, opts: [], called: args.length > 0 };
    }
    return this.word();
  }

  private number(): Expr {
    const value = BigInt(this.tokens[this.i++].s.replaceAll("_", ""));
    if (!this.is(":") || !this.tokens[this.i].glued) return { k: "num", value, w: undefined };
    const next = this.tokens[this.i + 1];
    if (next.k !== "id" || !/^i[0-9]+$/.test(next.s)) return { k: "num", value, w: undefined };
    this.i += 2;
    return { k: "num", value, w: Number(next.s.slice(1)) };
  }

  private word(): Expr {
    const f = this.ident();
    const gen = this.generics(f);
    if (f === "mem") {
      this.need("[");
      const addr = this.expr();
      this.need("]");
      return { k: "mem", gen, addr };
    }
    const called = this.is("(") && (this.tokens[this.i].glued || gen.length > 0);
    if (!called) {
      if (gen.length === 0 && !BARE.has(f)) return { k: "name", id: f };
      return { k: "call", f, gen, args: [], opts: [], called: false };
    }
    if (f === "rmw") return this.rmw(gen);
    if (f === "map") return this.map(gen);
    if (f === "join") return this.join(gen);
    if (f === "fold") return this.fold();
    this.need("(");
    if (f === "select") {
      const i = this.expr();
      this.need(";");
      return { k: "call", f, gen, args: [i, ...this.list(")")], opts: [], called };
    }
    const args: Expr[] = [];
    const opts: Expr[] = [];
    this.skipLines();
    if (!this.is(")") && !this.is(";")) {
      do args.push(this.spaced());
      while (this.take(","));
    }
    if (this.take(";")) {
      do opts.push(this.spaced());
      while (this.take(","));
    }
    this.need(")");
    return { k: "call", f, gen, args, opts, called };
  }

  private spaced(): Expr {
    this.skipLines();
    const e = this.expr();
    this.skipLines();
    return e;
  }

  private paren(): Expr[] {
    this.need("(");
    return this.list(")");
  }

  private list(close: string): Expr[] {
    const out: Expr[] = [];
    this.skipLines();
    if (this.take(close)) return out;
    do out.push(this.spaced());
    while (this.take(","));
    this.need(close);
    return out;
  }

  /** `<a, b>` right behind a name; arguments are sums, never comparisons. */
  private generics(f: string): Expr[] {
    const t = this.tokens[this.i];
    if (!t.glued || t.k !== "op" || t.s !== "<") return [];
    this.i++;
    const out: Expr[] = [];
    do out.push(this.infix(ADDITIVE));
    while (this.take(","));
    if (!this.take(">")) this.fail(`">" expected after ${f}<…`);
    return out;
  }

  private rmw(gen: readonly Expr[]): Expr {
    this.need("(");
    const addr = this.spaced();
    this.need(";");
    this.skipLines();
    const old = this.ident();
    this.need("=>");
    const body = this.spaced();
    const opts: Expr[] = [];
    if (this.take(";")) {
      do opts.push(this.spaced());
      while (this.take(","));
    }
    this.need(")");
    return { k: "rmw", gen, addr, old, body, opts };
  }

  private map(gen: readonly Expr[]): Expr {
    this.need("(");
    const binds: Bind[] = [];
    do {
      this.skipLines();
      const name = this.ident();
      this.need("=");
      binds.push({ name, value: this.expr() });
    } while (this.take(","));
    this.need(")");
    this.need(":");
    return { k: "map", e: this.one(gen, "map"), binds, body: this.spacedBefore() };
  }

  private join(gen: readonly Expr[]): Expr {
    this.need("(");
    const i = this.ident();
    this.need("in");
    const [from, to] = this.range();
    this.need(")");
    this.need(":");
    return { k: "join", e: this.one(gen, "join"), i, from, to, body: this.spacedBefore() };
  }

  private fold(): Expr {
    this.need("(");
    const t = this.ident();
    this.need("=");
    const init = this.expr();
    this.need(",");
    this.skipLines();
    const i = this.ident();
    this.need("in");
    const [from, to] = this.range();
    this.need(")");
    this.need(":");
    return { k: "fold", t, init, i, from, to, body: this.spacedBefore() };
  }

  private spacedBefore(): Expr {
    this.skipLines();
    return this.expr();
  }

  private range(): [Expr, Expr] {
    const from = this.infix(ADDITIVE);
    this.need("..");
    return [from, this.infix(ADDITIVE)];
  }

  private one(gen: readonly Expr[], f: string): Expr {
    if (gen.length !== 1) this.fail(`${f} takes one width`);
    return gen[0];
  }
}
