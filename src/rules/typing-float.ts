import type { Op } from "../ir/node.ts";
import { OPS } from "../ir/ops.ts";
import type { Expr } from "./ast.ts";
import { bitsOf, type Core, core, num } from "./core.ts";
import { RuleError } from "./error.ts";
import { parseExpr } from "./parse.ts";
import { policyOf } from "./policy.ts";
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
  const modes: Expr[] = [];
  for (const option of e.opts) {
    const named = option.k === "name" ? t.symbols.policies.findIndex((p) => p.name === option.id) : -1;
    if (named >= 0) policy = named;
    else modes.push(option);
  }
  const decl = t.symbols.policies[policy];
  if (!decl) throw new RuleError("RULE_NAME", `${f}: the book has no fp line`);
  const usual = rounds ? mode(t, parseExpr(decl.options.get("rm") ?? "rne"), t.row) : undefined;
  const rm = usual && modes.length > 0 ? chosen(t, modes[0], scope, usual) : usual;
  const w = CONVERT.has(f) ? (gen ?? want) : undefined;
  if (CONVERT.has(f) && w === undefined) return OPEN;
  const first = t.expr(e.args[0], scope, CONVERT.has(f) || compares ? undefined : want);
  if (first === OPEN || first.w === 0) return widthError(`${f}: a width is missing`);
  const args = [first, ...e.args.slice(1).map((arg) => t.bits(arg, scope, first.w))];
  return core(`f:${f}`, w ?? (compares ? 1 : first.w), rm ? [...args, rm] : args, policy);
}

/** `raised(POLICY)`: the exceptions that the row's operations of a policy with `unmasked=` have raised so far. */
export function raised(t: Typer, e: Expr): Core {
  const n = e.k === "name" ? t.symbols.policies.findIndex((p) => p.name === e.id) : -1;
  const policy = n < 0 ? undefined : policyOf(t.symbols.policies[n], t.symbols.state);
  if (policy?.unmasked === undefined)
    throw new RuleError("RULE_NAME", "raised takes the name of an fp line with unmasked=REGISTER");
  return core("raised", policy.flagsWidth, [], n);
}

/** A rounding mode, i3, or a mode with more in it, i8 (src/ir/float/unit.ts). */
function mode(t: Typer, e: Expr, scope: Scope): Core {
  if (e.k === "name" && e.id in ROUNDING && !scope.find(e.id)) return bitsOf(num(ROUNDING[e.id]), 3);
  const c = t.expr(e, scope, 3);
  return c !== OPEN && c.w === 8 ? c : t.fit(c, 3);
}

/** The mode that an operation names: a rounding mode alone leaves the rest of the policy's as it is. */
function chosen(t: Typer, e: Expr, scope: Scope, usual: Core): Core {
  const own = mode(t, e, scope);
  if (own.w === usual.w || own.w === 8) return own;
  const rest = core("and", 8, [usual, bitsOf(num(0xf8), 8)]);
  return core("or", 8, [rest, core("zext", 8, [own])]);
}
