import type { Expr, Stmt } from "./ast.ts";
import { STRENGTH } from "./parse.ts";

/** Statements on one line, parentheses only where they are needed. */
export function printInfix(list: readonly Stmt[]): string {
  return list.map(stmt).join("; ");
}

function stmt(s: Stmt): string {
  switch (s.k) {
    case "assign":
      return `${expr(s.place)} = ${expr(s.value)}`;
    case "let":
      return `let ${s.name} = ${expr(s.value)}`;
    case "if": {
      const head = `if ${expr(s.c)} ${block(s.then)}`;
      if (s.else.length === 0) return head;
      const [only] = s.else;
      return s.else.length === 1 && only.k === "if" ? `${head} else ${stmt(only)}` : `${head} else ${block(s.else)}`;
    }
    case "for":
      return `for ${s.i} in ${expr(s.from, SUM)}..${expr(s.to, SUM)} ${block(s.body)}`;
    case "jump":
      return `${s.hint} ${expr(s.target)}`;
    case "trap":
    case "stop":
      return `${s.k} ${s.name}`;
    case "fence":
      return `fence(${s.args.map((a) => expr(a)).join(", ")})`;
    case "undef":
      return `undef ${s.places.map((p) => expr(p)).join(" ")}`;
    case "ask": {
      const places = s.places.map((p) => expr(p)).join(", ");
      return `(${places}) = ask ${s.f}(${s.args.map((a) => expr(a)).join(", ")})`;
    }
    case "act":
      return s.called ? `${s.f}(${s.args.map((a) => expr(a)).join(", ")})` : s.f;
    case "unknown":
      return "?";
  }
}

const block = (list: readonly Stmt[]): string => (list.length === 0 ? "{ }" : `{ ${printInfix(list)} }`);

const SUM = 9;
const UNARY = 11;
const POSTFIX = 12;

/** `least`: binding strength that the place needs; 0 takes anything. */
function expr(e: Expr, least = 0): string {
  const [text, strength] = spelled(e);
  return strength < least ? `(${text})` : text;
}

function spelled(e: Expr): [string, number] {
  switch (e.k) {
    case "num":
      return [`${number(e.value)}${e.w === undefined ? "" : `:i${e.w}`}`, POSTFIX];
    case "name":
      return [e.id, POSTFIX];
    case "un":
      return [`${e.op}${expr(e.a, UNARY)}`, UNARY];
    case "bin": {
      const s = STRENGTH[e.op];
      return [`${expr(e.a, s)} ${e.op} ${expr(e.b, s + 1)}`, s];
    }
    case "cond":
      return [`${expr(e.c, 1)} ? ${expr(e.a)} : ${expr(e.b)}`, 0];
    case "slice":
      return [`${expr(e.x, POSTFIX)}[${expr(e.hi, 1)}:${expr(e.lo)}]`, POSTFIX];
    case "part":
      return [`${expr(e.x, POSTFIX)}[${expr(e.lo, 1)} +: ${expr(e.n)}]`, POSTFIX];
    case "index":
      return [`${expr(e.x, POSTFIX)}[${expr(e.i)}]`, POSTFIX];
    case "mem":
      return [`mem${generics(e.gen)}[${expr(e.addr)}]`, POSTFIX];
    case "rmw":
      return [`rmw${generics(e.gen)}(${expr(e.addr)}; ${e.old} => ${expr(e.body)}${options(e.opts)})`, POSTFIX];
    case "map": {
      const binds = e.binds.map((b) => `${b.name} = ${expr(b.value)}`).join(", ");
      return [`map<${expr(e.e, SUM)}>(${binds}): ${expr(e.body)}`, 0];
    }
    case "join":
      return [`join<${expr(e.e, SUM)}>(${range(e.i, e.from, e.to)}): ${expr(e.body)}`, 0];
    case "fold":
      return [`fold(${e.t} = ${expr(e.init)}, ${range(e.i, e.from, e.to)}): ${expr(e.body)}`, 0];
    case "call":
      return [call(e), POSTFIX];
  }
}

function call(e: Expr & { k: "call" }): string {
  const head = e.f + generics(e.gen);
  if (!e.called) return head;
  if (e.f === "select") {
    const [i, ...arms] = e.args.map((a) => expr(a));
    return `${head}(${i}; ${arms.join(", ")})`;
  }
  return `${head}(${e.args.map((a) => expr(a)).join(", ")}${options(e.opts)})`;
}

const range = (i: string, from: Expr, to: Expr): string => `${i} in ${expr(from, SUM)}..${expr(to, SUM)}`;
const options = (opts: readonly Expr[]): string => (opts.length > 0 ? `; ${opts.map((o) => expr(o)).join(", ")}` : "");
const generics = (gen: readonly Expr[]): string =>
  gen.length > 0 ? `<${gen.map((g) => expr(g, SUM)).join(", ")}>` : "";
const number = (v: bigint): string => (v > 1024n ? `0x${v.toString(16)}` : String(v));
