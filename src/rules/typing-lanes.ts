import type { Expr } from "./ast.ts";
import { type Core, core, intOp, num } from "./core.ts";
import { Scope } from "./scope.ts";
import { OPEN, shown, type Typed, widthError } from "./typed.ts";
import type { Typer } from "./typing.ts";

export function lane(t: Typer, w: number, args: readonly Expr[], scope: Scope): Core {
  const x = t.own(args[0], scope, "lane's value");
  const i = t.any(args[1], scope, "lane's index");
  if (x.w % w !== 0) return widthError(`lanes of i${w} in ${shown(x)}`);
  if (i.w === 0) return core("slice", w, [x, intOp("*", i, num(w))]);
  return core("lane", w, [x, i]);
}

export function map(t: Typer, e: Expr & { k: "map" }, scope: Scope): Core {
  const w = t.constant(e.e, scope, "map's width");
  const inner = new Scope(scope);
  const first = t.locals;
  const sources = e.binds.map((b) => t.own(b.value, scope, "map's argument"));
  const wide = sources[0]?.w ?? w;
  if (wide % w !== 0 || sources.some((s) => s.w !== wide))
    return widthError(`map<${w}> over ${sources.map(shown).join(", ")}`);
  const locals = e.binds.map((b) => {
    const n = t.newLocal();
    inner.bind(b.name, { k: "local", n, w });
    return num(n);
  });
  const body = t.bits(e.body, inner, w);
  return core("map", wide, [...sources, ...locals, body], first, String(sources.length));
}

export function join(t: Typer, e: Expr & { k: "join" }, scope: Scope): Core {
  const w = t.constant(e.e, scope, "join's width");
  const from = t.constant(e.from, scope, "join's range");
  const to = t.constant(e.to, scope, "join's range");
  if (to <= from) return widthError("join over nothing");
  const n = t.newLocal();
  const inner = new Scope(scope);
  inner.bind(e.i, { k: "local", n, w: 0 });
  return core("join", w * (to - from), [num(from), num(to), t.bits(e.body, inner, w)], n);
}

export function fold(t: Typer, e: Expr & { k: "fold" }, scope: Scope, want: number | undefined): Typed {
  const init = t.expr(e.init, scope, want);
  if (init === OPEN || (init.w === 0 && want === undefined)) return OPEN;
  const start = t.fit(init, init.w || (want as number));
  const acc = t.newLocal();
  const i = t.newLocal();
  const inner = new Scope(scope);
  inner.bind(e.t, { k: "local", n: acc, w: start.w });
  inner.bind(e.i, { k: "local", n: i, w: 0 });
  const from = t.int(e.from, scope, "fold's range");
  const to = t.int(e.to, scope, "fold's range");
  return core("fold", start.w, [start, from, to, num(i), t.bits(e.body, inner, start.w)], acc);
}
