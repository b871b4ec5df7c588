import { type AsmPart, literal, mnemonic, parseAssembly } from "./assembly.ts";
import type { Expr } from "./ast.ts";
import { block, type Core, core, evalInt, num } from "./core.ts";
import { type Encoding, parseEncoding, splitWhere } from "./encoding.ts";
import { at, RuleError } from "./error.ts";
import { parseExpr, parseStmts } from "./parse.ts";
import { Scope, type StateEntry, type Symbols } from "./scope.ts";
import type { AliasSource, BookSource, RowSource } from "./source.ts";
import { Typer } from "./typing.ts";
import { StmtTyper } from "./typing-stmt.ts";

/** A row whose encoding and assembly are read; its semantics is typed by `typeRow`. */
export interface RowForm {
  readonly source: RowSource;
  readonly encoding: Encoding;
  readonly whereText: string | undefined;
  readonly assembly: readonly AsmPart[];
}
export interface AliasForm {
  readonly source: AliasSource;
  readonly assembly: readonly AsmPart[];
  readonly row: RowForm;
}
/** What a row does: core statements over numbered locals and fields. */
export interface Body {
  readonly core: Core;
  readonly locals: number;
}

export function symbolsOf(source: BookSource): Symbols {
  const state = new Map<string, StateEntry>();
  let slot = 0;
  for (const s of source.state) {
    state.set(s.name, { slot, w: s.w, count: s.count });
    slot += Math.max(1, s.count);
  }
  return { source, state, policies: source.policies };
}

export function formOf(source: BookSource, row: RowSource): RowForm {
  return at(row.place, () => {
    const { pattern, where } = splitWhere(row.encoding);
    const encoding = parseEncoding(pattern, source.fields);
    return { source: row, encoding, whereText: where, assembly: parseAssembly(row.assembly) };
  });
}

/** Fields and cells of a row. A view named in the assembly (`{fd:s}`) is how the field is seen. */
export function rowScope(symbols: Symbols, form: RowForm): Scope {
  const cells = new Scope();
  for (const [name, text] of form.source.cells) cells.bind(name, { k: "cell", text });
  const scope = new Scope(cells);
  const seen = new Map<string, ViewUse>();
  for (const part of form.assembly) {
    if (part.k !== "operand" || part.expr.k !== "name" || part.kind === undefined) continue;
    const use = viewUse(symbols, part.kind, cells);
    if (use) seen.set(part.expr.id, use);
  }
  form.encoding.fields.forEach((f, i) => {
    const use = seen.get(f.name) ?? (f.view === undefined ? undefined : viewUse(symbols, f.view, cells));
    scope.bind(f.name, { k: "field", c: core("field", 0, [], i), view: use?.view, gen: use?.gen ?? [] });
  });
  return scope;
}

/** A view with its widths filled in. */
export interface ViewUse {
  readonly view: string;
  readonly gen: readonly number[];
}

/** `r` or `r<64>`; a view with one width takes the row's w where none is written. */
export function viewUse(symbols: Symbols, text: string, scope: Scope): ViewUse | undefined {
  const m = /^([A-Za-z_][A-Za-z0-9_]*)(?:<(.*)>)?$/.exec(text);
  const decl = m ? symbols.source.views.get(m[1]) : undefined;
  if (!m || !decl) return undefined;
  if (decl.gen.length === 0) return { view: m[1], gen: [] };
  const typer = new Typer(symbols, scope);
  return { view: m[1], gen: [typer.constant(parseExpr(m[2] ?? "w"), scope, `view ${m[1]}'s width`)] };
}

/** The same with every field a number, for `where`, `when` and operands of the assembly. */
export function numberScope(form: RowForm): Scope {
  const cells = new Scope();
  for (const [name, text] of form.source.cells) cells.bind(name, { k: "cell", text });
  const scope = new Scope(cells);
  form.encoding.fields.forEach((f, i) => {
    scope.bind(f.name, { k: "core", c: core("field", 0, [], i) });
  });
  return scope;
}

/** Types a row's semantics. */
export function typeRow(symbols: Symbols, form: RowForm, find: TargetFinder): Body {
  return at(form.source.place, () => {
    const scope = rowScope(symbols, form);
    return typeIn(symbols, form, scope, find, 0);
  });
}

function typeIn(symbols: Symbols, form: RowForm, scope: Scope, find: TargetFinder, depth: number): Body {
  const text = form.source.semantics;
  if (depth > 8) throw new RuleError("RULE_NAME", `${form.source.name} => stands for itself`);
  if (!text.startsWith("=>")) {
    const typer = new StmtTyper(symbols, scope);
    const body = text === "" ? block([]) : typer.stmts(parseStmts(text), scope);
    return { core: body, locals: typer.locals };
  }
  const target = find(text.slice(2).trim(), scope);
  return typeIn(symbols, target.form, target.scope, find, depth + 1);
}

export type TargetFinder = (text: string, scope: Scope) => { form: RowForm; scope: Scope };

/** Finds what `=> ASSEMBLY` means: the row or alias whose spelling it is, with its fields bound to what stands there. */
export function targetFinder(symbols: Symbols, rows: readonly RowForm[], aliases: readonly AliasForm[]): TargetFinder {
  const byMnemonic = new Map<string, { parts: readonly AsmPart[]; row: RowForm; when: string | undefined }[]>();
  const add = (text: string, parts: readonly AsmPart[], row: RowForm, when: string | undefined) => {
    const list = byMnemonic.get(mnemonic(text));
    if (list) list.push({ parts, row, when });
    else byMnemonic.set(mnemonic(text), [{ parts, row, when }]);
  };
  for (const row of rows) add(row.source.assembly, row.assembly, row, undefined);
  for (const alias of aliases) add(alias.source.assembly, alias.assembly, alias.row, alias.source.when);
  return (text, scope) => {
    for (const candidate of byMnemonic.get(mnemonic(text)) ?? []) {
      const bound = bindTarget(symbols, candidate, text, scope);
      if (bound) return { form: candidate.row, scope: bound };
    }
    throw new RuleError("RULE_NAME", `=> ${text}: no row or alias is spelt so`);
  };
}

function bindTarget(
  symbols: Symbols,
  target: { parts: readonly AsmPart[]; row: RowForm; when: string | undefined },
  text: string,
  from: Scope,
): Scope | undefined {
  const given: string[] = [];
  const flat = text.replace(/\{([^}]*)\}/g, (_, inner: string) => `\u0001${given.push(inner) - 1}\u0001`);
  let pattern = "^";
  for (const part of target.parts) {
    if (part.k === "text") pattern += literal(part.s);
    else if (part.k === "operand") pattern += "([\\w.+-]+|\u0001\\d+\u0001)";
  }
  const match = new RegExp(`${pattern}$`).exec(flat);
  if (!match) return undefined;
  const scope = rowScope(symbols, target.row);
  const out = new Scope(scope);
  const open = new Set(target.row.encoding.fields.map((f) => f.name));
  let k = 1;
  for (const part of target.parts) {
    if (part.k !== "operand") continue;
    const arg = match[k++];
    const name =
      part.expr.k === "name" ? part.expr.id : part.expr.k === "slice" && part.expr.x.k === "name" ? part.expr.x.id : "";
    if (!open.delete(name)) return undefined;
    const value = arg.startsWith("\u0001") ? parseExpr(given[Number(arg.slice(1, -1))].replace(/:[a-z]+$/, "")) : arg;
    if (!bindOperand(symbols, scope, out, name, part.expr, value, from)) return undefined;
  }
  for (const [name, value] of equalities(target.when)) {
    const b = scope.find(name);
    if (!open.delete(name) || b?.k !== "field") return undefined;
    out.bind(name, { ...b, c: num(value) });
  }
  if (open.size === 0) return out;
  // Attributes that the spelling leaves out (aq, rl, choices) are zero.
  for (const name of open) {
    if (target.parts.some((p) => p.k === "choice")) out.bind(name, { k: "field", c: num(0), view: undefined });
    else return undefined;
  }
  return out;
}

function bindOperand(
  symbols: Symbols,
  scope: Scope,
  out: Scope,
  name: string,
  pattern: Expr,
  value: Expr | string,
  from: Scope,
): boolean {
  const b = scope.find(name);
  if (b?.k !== "field") return false;
  if (typeof value === "string") {
    const n = b.view === undefined ? undefined : registerNumber(symbols, { view: b.view, gen: b.gen ?? [] }, value);
    if (b.view !== undefined && n === undefined) return false;
    if (n === undefined && !/^-?(0x)?[0-9a-f]+$/.test(value)) return false;
    out.bind(name, { ...b, c: num(n ?? Number(value)) });
    return true;
  }
  let inner = value;
  if (pattern.k === "slice") {
    if (value.k !== "slice" || !sameBound(pattern.hi, value.hi) || !sameBound(pattern.lo, value.lo)) return false;
    inner = value.x;
  }
  out.bind(name, { k: "expr", e: inner, scope: from });
  return true;
}

const sameBound = (a: Expr, b: Expr): boolean => a.k === "num" && b.k === "num" && a.value === b.value;

/** `a == 1 && b == 2` as pairs; other conditions do not bind. */
export function equalities(text: string | undefined): [string, number][] {
  const out: [string, number][] = [];
  for (const term of (text ?? "").split("&&")) {
    const m = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*==\s*(-?(?:0x)?[0-9a-f]+)\s*$/.exec(term);
    if (m) out.push([m[1], Number(m[2])]);
  }
  return out;
}

/** Number of a register by its assembly name in a view. */
export function registerNumber(symbols: Symbols, use: ViewUse, name: string): number | undefined {
  const n = viewNames(symbols, use).indexOf(name);
  return n < 0 ? undefined : n;
}

/** Assembly names of a view by number: its own, or those of the file or view that it reads. */
export function viewNames(symbols: Symbols, use: ViewUse): string[] {
  const { names, views } = symbols.source;
  const own = names.get(use.gen.length > 0 ? `${use.view}<${use.gen[0]}>` : use.view) ?? names.get(use.view);
  if (own) return own;
  const decl = views.get(use.view);
  const inner = decl?.get ? firstPlace(symbols, decl.get) : undefined;
  if (!decl || !inner) return [];
  const found = inner.file ? (names.get(inner.name) ?? []) : viewNames(symbols, { view: inner.name, gen: [] });
  const out: string[] = [];
  for (let n = 0; n < 64; n++) {
    const scope = new Scope();
    for (const p of decl.params) scope.bind(p, { k: "core", c: num(n) });
    const index = new Typer(symbols, scope).int(inner.index, scope, "index");
    const s = found[evalInt(index, [], [], 0)];
    if (s === undefined) break;
    out.push(s);
  }
  return out;
}

/** The first element of a file or use of a view in an expression. */
function firstPlace(symbols: Symbols, e: Expr): { name: string; index: Expr; file: boolean } | undefined {
  switch (e.k) {
    case "index":
      if (e.x.k === "name" && symbols.source.names.has(e.x.id)) return { name: e.x.id, index: e.i, file: true };
      return firstPlace(symbols, e.x);
    case "slice":
    case "part":
      return firstPlace(symbols, e.x);
    case "call":
      if (symbols.source.views.has(e.f) && e.args.length > 0) return { name: e.f, index: e.args[0], file: false };
      return e.args.map((a) => firstPlace(symbols, a)).find((p) => p !== undefined);
    case "cond":
      return firstPlace(symbols, e.a) ?? firstPlace(symbols, e.b) ?? firstPlace(symbols, e.c);
    case "bin":
      return firstPlace(symbols, e.a) ?? firstPlace(symbols, e.b);
    case "un":
      return firstPlace(symbols, e.a);
    default:
      return undefined;
  }
}

/** Resolves each alias to its row. */
export function aliasForms(rows: readonly RowForm[], aliases: readonly AliasSource[]): AliasForm[] {
  const byName = new Map<string, RowForm[]>();
  for (const row of rows) {
    const list = byName.get(row.source.name);
    if (list) list.push(row);
    else byName.set(row.source.name, [row]);
  }
  return aliases.map((source) =>
    at(source.place, () => {
      const name = mnemonic(source.target);
      const named = byName.get(name) ?? [];
      const exact = named.filter((r) => r.source.assembly === source.target);
      const found = exact.length > 0 ? exact : source.target === name ? named : [];
      if (found.length === 0) throw new RuleError("RULE_NAME", `alias: no row ${source.target}`);
      return { source, assembly: parseAssembly(source.assembly), row: found[0] };
    }),
  );
}
