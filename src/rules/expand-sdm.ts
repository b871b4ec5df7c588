import { type AsmPart, parseAssembly } from "./assembly.ts";
import type { Expr } from "./ast.ts";
import { type Core, core, num } from "./core.ts";
import type { EncField } from "./encoding.ts";
import { RuleError } from "./error.ts";
import { parseExpr, parseStmts } from "./parse.ts";
import { Scope, type Symbols } from "./scope.ts";
import { type AddressForm, parseSdm, SDM_FIELDS, type SdmForm, type SdmPattern, sized } from "./sdm.ts";
import type { OperandDecl, RowSource } from "./source.ts";
import { StmtTyper } from "./typing-stmt.ts";

const WIDTHS: Readonly<Record<string, number>> = {
  ...{ ss: 2, d: 32, imm: 32, imm2: 32, form: 5, locked: 1, rex: 1, seg: 2, a32: 1 },
  ...{ reg8: 5, rm8: 5, o8: 5, abase: 5, rel: 1 },
};
const SIGNED = new Set(["d", "imm", "imm2"]);

/** Fields of every row; they have no bits of their own, sdm.ts reads and writes them. */
export const sdmFields: readonly EncField[] = SDM_FIELDS.map((name) => ({
  name,
  width: WIDTHS[name] ?? 4,
  signed: SIGNED.has(name),
  view: undefined,
  pieces: [],
}));

/** An operand of a row: each way to encode it with its text and place. */
export interface SdmOperand {
  readonly name: string;
  readonly forms: readonly number[];
  readonly texts: readonly (readonly AsmPart[])[];
}

/** One row of one size and vector length, typed. */
export interface SdmRow {
  readonly form: SdmForm;
  readonly body: Core;
  readonly assembly: readonly (AsmPart | SdmOperand)[];
  /** Scope of the row, and that of its operands' texts: fields as numbers, w and vex bound. */
  readonly scope: Scope;
  readonly fields: Scope;
}

/** Address forms of all operand classes, in the order of their first line. */
export class AddressForms {
  readonly list: AddressForm[] = [];
  private readonly byPattern = new Map<string, number>();

  constructor(operands: Iterable<OperandDecl>) {
    for (const o of operands) for (const line of o.lines) if (line.pattern !== "-") this.number(line);
    // More fixed bits first, so that the special cases win.
    const order = this.list.map((_, i) => i).sort((a, b) => ones(this.list[b].mask) - ones(this.list[a].mask) || a - b);
    const patterns = [...this.byPattern.keys()];
    const sorted = order.map((i) => this.list[i]);
    order.forEach((old, i) => {
      this.byPattern.set(patterns[old], i);
    });
    this.list.splice(0, this.list.length, ...sorted);
  }

  number({ pattern, place }: Pick<OperandDecl["lines"][number], "pattern" | "place">): number {
    let n = this.byPattern.get(pattern);
    if (n === undefined) {
      n = this.list.push(addressForm(pattern, place)) - 1;
      this.byPattern.set(pattern, n);
    }
    return n;
  }
}

function ones(x: number): number {
  let n = 0;
  for (let m = x; m !== 0; m &= m - 1) n++;
  return n;
}

const PLACES: Readonly<Record<string, readonly [number, number]>> = {
  reg: [3, 3],
  rm: [0, 3],
  ss: [14, 2],
  idx: [11, 3],
  vidx: [11, 3],
  base: [8, 3],
};

/** Which field numbers the register that an address counts from. */
const baseOf = (place: string): number => (/\(base\)/.test(place) ? 2 : /\(rm\)/.test(place) ? 1 : 0);

/** `00 reg 100 ss idx 101 d:32`: ModRM's bits, SIB's bits, a displacement. */
function addressForm(pattern: string, place: string): AddressForm {
  let mask = 0;
  let match = 0;
  let disp = 0;
  let indexed = false;
  let vsib = false;
  let bit = 0;
  for (const token of pattern.split(/\s+/)) {
    const d = /^d:(8|32)$/.exec(token);
    if (d) {
      disp = Number(d[1]) / 8;
      continue;
    }
    const place = PLACES[token];
    if (!place && !/^[01]+$/.test(token)) throw new RuleError("RULE_SYNTAX", `operand: cannot read "${token}"`);
    const len = place ? place[1] : token.length;
    const at = bit < 8 ? 8 - bit - len : 24 - bit - len;
    if (place && place[0] !== at) throw new RuleError("RULE_BITS", `operand: ${token} stands at the wrong bits`);
    if (!place) {
      mask |= ((1 << len) - 1) << at;
      match |= Number.parseInt(token, 2) << at;
    }
    if (token === "idx") indexed = true;
    if (token === "vidx") vsib = true;
    bit += len;
  }
  if (bit !== 8 && bit !== 16) throw new RuleError("RULE_BITS", `operand: ${bit} bits, not 8 (ModRM) or 16 (with SIB)`);
  return { mask, match, sib: bit === 16, disp, indexed, vsib, base: baseOf(place), relative: /\bnext\b/.test(place) };
}

/** An operand's kind: class and width: a number, v or y (chosen by prefixes), or none. */
function kindOf(symbols: Symbols, kind: string): { decl: OperandDecl; width: string } | undefined {
  for (const width of ["", "8", "16", "32", "64", "80", "128", "256", "v", "y"]) {
    if (!kind.endsWith(width)) continue;
    const decl = symbols.source.operands.get(kind.slice(0, kind.length - width.length));
    if (decl) return { decl, width };
  }
  return undefined;
}

/** Rows that one line stands for: by operand size, and for V? by encoding. */
export function sdmRows(symbols: Symbols, source: RowSource, addresses: AddressForms): SdmRow[] {
  const pattern = parseSdm(substituted(source.encoding, source.cells));
  const parts = parseAssembly(source.assembly);
  const widths = parts.map((p) => (p.k === "operand" && p.kind ? (kindOf(symbols, p.kind)?.width ?? "") : ""));
  const sizes = widths.includes("v") ? [16, 32, 64] : widths.includes("y") ? [32, 64] : [0];
  const fixed = Number(widths.find((w) => /^[0-9]+$/.test(w)) ?? 0);
  const out: SdmRow[] = [];
  for (const vex of pattern.encodings)
    for (const size of sizes) {
      const w = pattern.twins ? vex || 128 : size || fixed;
      out.push(oneRow(symbols, source, pattern, parts, addresses, { size, w, vex, byW: widths.includes("y") }));
    }
  return out;
}

interface Variant {
  readonly size: number;
  readonly w: number;
  readonly vex: number;
  readonly byW: boolean;
}

function oneRow(
  symbols: Symbols,
  source: RowSource,
  pattern: SdmPattern,
  parts: readonly AsmPart[],
  addresses: AddressForms,
  v: Variant,
): SdmRow {
  const cells = new Scope();
  for (const [name, text] of source.cells) cells.bind(name, { k: "cell", text });
  cells.bind("w", { k: "core", c: num(v.w) });
  cells.bind("vex", { k: "core", c: num(v.vex > 0 ? 1 : 0) });
  const fields = new Scope(cells);
  SDM_FIELDS.forEach((name, i) => {
    fields.bind(name, { k: "core", c: core("field", 0, [], i) });
  });
  const scope = new Scope(fields);
  const formField = core("field", 0, [], SDM_FIELDS.indexOf("form"));
  const assembly: (AsmPart | SdmOperand)[] = [];
  let modes = 0;
  let vsib = false;
  for (const part of parts) {
    const kind = part.k === "operand" && part.kind ? kindOf(symbols, part.kind) : undefined;
    if (part.k === "operand" && part.text === "V") {
      if (v.vex > 0) assembly.push({ k: "text", s: "v" });
      continue;
    }
    if (part.k !== "operand" || part.expr.k !== "name" || !kind) {
      assembly.push(part);
      continue;
    }
    const w = kind.width === "v" || kind.width === "y" || kind.width === "" ? v.w : Number(kind.width);
    const lines = kind.decl.lines;
    const bound = new Scope(fields);
    for (const g of kind.decl.gen) bound.bind(g, { k: "core", c: num(w) });
    const forms = lines.map((line) => (line.pattern === "-" ? -1 : addresses.number(line)));
    const arms: Expr[] = lines.map((line) => placeOf(line.place));
    for (const { pattern: p } of lines) {
      if (p !== "-") modes |= p.startsWith("11") ? 1 : 2;
      if (p.includes("vidx")) vsib = true;
    }
    const n = assembly.length;
    scope.bind(part.expr.id, { k: "operand", n, form: formField, forms, arms, scope: bound });
    if (forms.length > 1) scope.bind("%memory", { k: "operand", n, form: formField, forms, arms, scope: bound });
    const texts = lines.map((line) =>
      parseAssembly(line.assembly.replace(/\{[^}]*\}/g, (t) => t.replace(/\bw\b/g, String(w)))),
    );
    // In a legacy row the first source is the destination, so it is not written.
    if (v.vex === 0 && usesVvvv(symbols, [part])) dropComma(assembly);
    else assembly.push({ name: part.expr.id, forms, texts });
  }
  const typer = new StmtTyper(symbols, scope);
  const body = typer.stmts(parseStmts(source.semantics), scope);
  return {
    form: sized(pattern, {
      size: v.size,
      byW: v.byW,
      vex: v.vex,
      vvvv: usesVvvv(symbols, parts),
      modes: modes || 3,
      vsib,
    }),
    body,
    assembly,
    scope,
    fields,
  };
}

/** Whether an operand is encoded in VEX.vvvv: its place says so. */
function usesVvvv(symbols: Symbols, parts: readonly AsmPart[]): boolean {
  return parts.some(
    (p) =>
      p.k === "operand" && p.kind && kindOf(symbols, p.kind)?.decl.lines.some((line) => /\bvvvv\b/.test(line.place)),
  );
}

const places = new Map<string, Expr>();
/** Operand classes come again in row after row. */
function placeOf(text: string): Expr {
  let e = places.get(text);
  if (!e) places.set(text, (e = parseExpr(text)));
  return e;
}

/** Takes back the ", " before an operand that is not written. */
function dropComma(assembly: (AsmPart | SdmOperand)[]): void {
  const last = assembly[assembly.length - 1];
  if (last && "k" in last && last.k === "text")
    assembly[assembly.length - 1] = { k: "text", s: last.s.replace(/,\s*$/, "") };
}

/** `{8*n+0}`: a byte computed from the columns, in hex; `/{n}` a digit. */
function substituted(text: string, cells: ReadonlyMap<string, string>): string {
  return text.replace(/(\/?)\{([^}]*)\}/g, (_, slash: string, inner: string) => {
    const scope = new Map([...cells].map(([k, s]) => [k, Number.parseInt(s, /[A-F]/.test(s) ? 16 : 10)]));
    const value = constant(parseExpr(inner), scope);
    return slash === "/" ? `/${value}` : value.toString(16).toUpperCase().padStart(2, "0");
  });
}

function constant(e: Expr, names: ReadonlyMap<string, number>): number {
  if (e.k === "num") return Number(e.value);
  if (e.k === "name") return names.get(e.id) ?? Number.NaN;
  if (e.k !== "bin") throw new RuleError("RULE_SYNTAX", "encoding: sums and products of columns only");
  const a = constant(e.a, names);
  const b = constant(e.b, names);
  return e.op === "+" ? a + b : e.op === "*" ? a * b : a - b;
}
