import type { Slot } from "../ir/node.ts";
import type { AsmPart } from "./assembly.ts";
import {
  aliasForms,
  formOf,
  numberScope,
  type RowForm,
  rowScope,
  symbolsOf,
  targetFinder,
  typeRow,
  viewNames,
  viewUse,
} from "./compile.ts";
import { type Core, core } from "./core.ts";
import { printCore } from "./core-text.ts";
import { buildTree, checkOverlaps, type Pattern, patternOf } from "./decoder.ts";
import type { EncField } from "./encoding.ts";
import { at, RuleError } from "./error.ts";
import { AddressForms, type SdmRow, sdmFields, sdmRows } from "./expand-sdm.ts";
import type { AsmItem, ExpandedAlias, ExpandedBook, ExpandedRow, Stands, Style } from "./expanded.ts";
import { parseExpr } from "./parse.ts";
import { policyOf } from "./policy.ts";
import { Scope, type Symbols } from "./scope.ts";
import { SDM_FIELDS } from "./sdm.ts";
import { sha256 } from "./sha256.ts";
import { type BookSource, type ReadOptions, type RowSource, readSource } from "./source.ts";
import { Typer } from "./typing.ts";

/** Reads, crosses, checks and types a rulebook's text. Throws RuleError. */
export function expand(text: string, options: ReadOptions = {}): ExpandedBook {
  const whole = readSource(text, options);
  const { keep } = options;
  // An alias may stand for a row that is not there any more
  const source = keep ? { ...whole, rows: whole.rows.filter((r) => keep(r.name)), aliases: [] } : whole;
  return new Expander(source, symbolsOf(source)).book();
}

class Expander {
  private readonly source: BookSource;
  private readonly symbols: Symbols;
  private readonly tables: string[][] = [];
  private readonly tableNumbers = new Map<string, number>();

  constructor(source: BookSource, symbols: Symbols) {
    this.source = source;
    this.symbols = symbols;
  }

  book(): ExpandedBook {
    return this.source.notation === "sdm" ? this.sdmBook() : this.bitsBook();
  }

  private bitsBook(): ExpandedBook {
    const { source, symbols } = this;
    const forms = source.rows.map((row) => formOf(source, row));
    const aliases = aliasForms(forms, source.aliases);
    const find = targetFinder(symbols, forms, aliases);
    const numbers = new Map(forms.map((form, i) => [form, i]));
    const rows = forms.map((form) => at(form.source.place, () => this.row(form, find, numbers)));
    const patterns: Pattern[] = rows.map((row) => patternOf(row, source.littleEndian));
    checkOverlaps(patterns);
    const spellings = aliases.map((a) =>
      at(a.source.place, () => this.alias(a.row, numbers.get(a.row) ?? 0, a.assembly, a.source.when, a.source.lets)),
    );
    return this.whole(rows, spellings, buildTree(patterns), undefined);
  }

  private sdmBook(): ExpandedBook {
    const { source, symbols } = this;
    const addresses = new AddressForms(source.operands.values());
    const rows = source.rows.flatMap((row) =>
      at(row.place, () => sdmRows(symbols, row, addresses).map((r) => this.sdmRow(row, r))),
    );
    return this.whole(rows, [], new Int32Array(0), addresses.list);
  }

  private whole(
    rows: readonly ExpandedRow[],
    aliases: readonly ExpandedAlias[],
    tree: Int32Array,
    addresses: ExpandedBook["addresses"],
  ): ExpandedBook {
    const { source, symbols, tables } = this;
    const traps = new Set<string>();
    const stops = new Set<string>();
    for (const row of rows) collect(row.body, traps, stops);
    for (const policy of source.policies) {
      const trap = policy.options.get("trap");
      if (trap !== undefined) traps.add(trap);
    }
    return {
      name: source.name,
      littleEndian: source.littleEndian,
      pcWidth: source.pcWidth,
      unitBytes: source.unitBytes,
      slots: slotsOf(source),
      slotNames: this.slotNames(),
      policies: source.policies.map((p) => policyOf(p, symbols.state)),
      rows,
      aliases,
      tables,
      tree,
      addresses,
      traps: [...traps],
      stops: [...stops],
    };
  }

  private sdmRow(source: RowSource, row: SdmRow): ExpandedRow {
    const form = core("field", 0, [], SDM_FIELDS.indexOf("form"));
    const assembly = row.assembly.map((part): AsmItem[] => {
      if ("k" in part) return this.items(sdmFields, [part], row.scope);
      const arms = part.texts.map((text) => this.items(sdmFields, text, row.fields));
      return arms.length === 1 ? arms[0] : [{ k: "arms", c: form, forms: part.forms, arms }];
    });
    const { vex, size } = row.form;
    const hash = sha256(`${source.encoding.replace(/\s+/g, " ")} ${size} ${vex}\n${printCore(row.body)}`);
    return {
      name: source.name.replace("{V}", vex > 0 ? "v" : ""),
      section: source.section,
      file: source.place.file,
      line: source.place.line,
      bits: 0,
      mask: 0,
      match: 0,
      fields: sdmFields,
      where: undefined,
      conditional: false,
      assembly: assembly.flat(),
      stands: undefined,
      hash: hash.slice(0, 12),
      sdm: row.form,
      body: row.body,
    };
  }

  private row(
    form: RowForm,
    find: ReturnType<typeof targetFinder>,
    numbers: ReadonlyMap<RowForm, number>,
  ): ExpandedRow {
    const { source, encoding } = form;
    const body = typeRow(this.symbols, form, find).core;
    const scope = numberScope(form);
    const where =
      form.whereText === undefined
        ? undefined
        : new Typer(this.symbols, scope).int(parseExpr(form.whereText), scope, "where");
    return {
      name: source.name,
      section: source.section,
      file: source.place.file,
      line: source.place.line,
      bits: encoding.bits,
      mask: encoding.mask,
      match: encoding.match,
      fields: encoding.fields,
      where,
      conditional: where !== undefined,
      assembly: this.items(form.encoding.fields, form.assembly, scope),
      stands: this.stands(form, find, numbers),
      hash: sha256(`${source.encoding.replace(/\s+/g, " ")}\n${printCore(body)}`).slice(0, 12),
      sdm: undefined,
      body,
    };
  }

  private stands(
    form: RowForm,
    find: ReturnType<typeof targetFinder>,
    numbers: ReadonlyMap<RowForm, number>,
  ): Stands | undefined {
    if (!form.source.semantics.startsWith("=>")) return undefined;
    const target = find(form.source.semantics.slice(2).trim(), rowScope(this.symbols, form));
    const own = rowScope(this.symbols, target.form);
    const plain = numberScope(form);
    const fields = target.form.encoding.fields.map(({ name }) => {
      const b = target.scope.find(name);
      const declared = own.find(name);
      if (b?.k === "field") return { c: b.c, map: undefined };
      if (b?.k !== "expr") throw new RuleError("RULE_NAME", `=>: ${name} has no value`);
      const c = new Typer(this.symbols, plain).int(b.e, plain, name);
      const from = b.e.k === "name" ? b.scope.find(b.e.id) : undefined;
      if (from?.k !== "field" || declared?.k !== "field") return { c, map: undefined };
      if (from.view === undefined || declared.view === undefined || from.view === declared.view)
        return { c, map: undefined };
      const names = viewNames(this.symbols, { view: declared.view, gen: declared.gen ?? [] });
      const map = viewNames(this.symbols, { view: from.view, gen: from.gen ?? [] }).map((s) => names.indexOf(s));
      return { c, map };
    });
    return { row: numbers.get(target.form) ?? 0, fields };
  }

  private alias(
    form: RowForm,
    row: number,
    assembly: readonly AsmPart[],
    when: string | undefined,
    lets: readonly { readonly name: string; readonly value: string }[],
  ): ExpandedAlias {
    const base = numberScope(form);
    const scope = new Scope(base);
    for (const { name, value } of lets) scope.bind(name, { k: "expr", e: parseExpr(value), scope: base });
    const condition =
      when === undefined ? undefined : new Typer(this.symbols, scope).int(parseExpr(when), scope, "when");
    return { row, assembly: this.items(form.encoding.fields, assembly, scope), when: condition };
  }

  private items(fields: readonly EncField[], parts: readonly AsmPart[], scope: Scope): AsmItem[] {
    return parts.map((part): AsmItem => {
      if (part.k === "text") return part;
      const c = new Typer(this.symbols, scope).int(
        part.expr,
        scope,
        `operand ${part.k === "operand" ? part.text : ""}`,
      );
      if (part.k === "choice") return { k: "choice", c, texts: part.texts };
      return { k: "operand", c, style: styleOf(part.kind), table: this.table(fields, part, scope) };
    });
  }

  private table(fields: readonly EncField[], part: AsmPart & { k: "operand" }, scope: Scope): number {
    const field = part.expr.k === "name" ? part.expr.id : "";
    const declared = fields.find((f) => f.name === field);
    const own = this.source.names.get(field);
    const kind = part.kind ?? declared?.view;
    if (kind !== undefined && !isStyle(kind)) {
      const use = viewUse(this.symbols, kind, scope);
      if (use) return this.tableOf(viewNames(this.symbols, use));
      const named = this.source.names.get(kind);
      if (!named) throw new RuleError("RULE_NAME", `operand ${part.text}: no view or names ${kind}`);
      return this.tableOf(named);
    }
    return own && declared ? this.tableOf(own) : -1;
  }

  private tableOf(names: readonly string[]): number {
    const key = names.join(" ");
    let n = this.tableNumbers.get(key);
    if (n === undefined) {
      n = this.tables.push([...names]) - 1;
      this.tableNumbers.set(key, n);
    }
    return n;
  }

  private slotNames(): [string, number][] {
    const out: [string, number][] = [];
    for (const [file, names] of this.source.names) {
      const state = this.symbols.state.get(file);
      names.forEach((name, i) => {
        if (state && i < state.count) out.push([name, state.slot + i]);
      });
    }
    return out;
  }
}

const isStyle = (kind: string): kind is Style => /^(dec|hex|label|page|disp|[ux]<[0-9]+>|opt<.*>)$/.test(kind);
const styleOf = (kind: string | undefined): Style => (kind !== undefined && isStyle(kind) ? kind : "dec");

/** Slots one behind the other, each in 8 bytes or the next power of two that holds it. */
function slotsOf(source: BookSource): Slot[] {
  const out: Slot[] = [];
  let offset = 0;
  for (const s of source.state) {
    let size = 8;
    while (size * 8 < s.w) size *= 2;
    for (let i = 0; i < Math.max(1, s.count); i++) {
      offset = Math.ceil(offset / size) * size;
      out.push({ name: s.count > 0 ? `${s.name}[${i}]` : s.name, w: s.w, offset, hidden: s.hidden });
      offset += size;
    }
  }
  return out;
}

function collect(c: Core, traps: Set<string>, stops: Set<string>): void {
  if (c.op === "trap") traps.add(c.s);
  if (c.op === "stop") stops.add(c.s);
  for (const a of c.a) collect(a, traps, stops);
}
