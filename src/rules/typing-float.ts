import type { Op } from "../ir/node.ts";
import { OPS } from "../ir/ops.ts";
import type { Expr } from "./ast.ts";
import { bitsOf, type Core, core, num } from "./core.ts";
import { RuleError } from "./error.ts";
import { parseExpr } from "./parse.ts";
import type { Scope } from "./scope.ts";
import { OPEN, type Typed, widthError } from "./typed.ts";
import type { Typer } from "./typing.ts";

const FLOAT = new Set(["fadd", "fsub", "fmul", "fdiv", "fsqrt", "fma", "frint", "feq", "flt", "fle"]);
const CONVERT = new Set(["f2f", "f2s", "f2u", "s2f", "u2f"]);
const ROUNDING: Readonly<Record<string, number>> = { rne: 0, rtz: 1, rdn: 2, rup: 3, rmm: 4 };

export const isFloat = (f: string): boolean => FLOAT.has(f) || CONVERT.has(f);

export function float(
  t: Typer,
  f: Op,
  e: Expr & { k: "call" },
  scope: Scope,
  gen: number | undefined,
  want: number | undefined,
): Typed {
  const arity = OPS[f].arity ?? 0;
  const compares = f === "feq" || f === "flt" || f === "fle";
  const rounds = !compares;
  if (e.args.length !== arity - (rounds ? 1 : 0))
    throw new RuleError("RULE_SYNTAX", `${f} takes ${arity - (rounds ? 1 : 0)} arguments, not ${e.args.length}`);
  let policy = 0;
  let rm: Core | undefined;
  for (const option of e.opts) {
    const named = option.k === "name" ? t.symbols.policies.findIndex((p) => p.name === option.id) : -1;
    if (named >= 0) policy = named;
    else rm = rounding(t, option, scope);
  }
  const decl = t.symbols.policies[policy];
  if (!decl) throw new RuleError("RULE_NAME", `${f}: the book has no fp line`);
  if (rounds && !rm) rm = rounding(t, parseExpr(decl.options.get("rm") ?? "rne"), t.row);
  const w = CONVERT.has(f) ? (gen ?? want) : undefined;
  if (CONVERT.has(f) && w === undefined) return OPEN;
  const first = t.expr(e.args[0], scope, CONVERT.has(f) || compares ? undefined : want);
  if (first === OPEN || first.w === 0) return widthError(`${f}: a width is missing`);
  const args = [first, ...e.args.slice(1).map((arg) => t.bits(arg, scope, first.w))];
  return core(`f:${f}`, w ?? (compares ? 1 : first.w), rm ? [...args, rm] : args, policy);
}

function rounding(t: Typer, e: Expr, scope: Scope): Core {
  if (e.k === "name" && e.id in ROUNDING && !scope.find(e.id)) return bitsOf(num(ROUNDING[e.id]), 3);
  return t.bits(e, scope, 3);
}
