import { literal } from "./assembly.ts";
import { type Core, evalInt } from "./core.ts";
import { insertField, mask32 } from "./encoding.ts";
import { RuleError } from "./error.ts";
import type { AsmItem, ExpandedBook, ExpandedRow } from "./expanded.ts";

/** A spelling of a row: its own or an alias's. */
interface Spelling {
  readonly row: number;
  readonly items: readonly AsmItem[];
  readonly when: Core | undefined;
  readonly pattern: RegExp;
}

/** Fields of together at most this many bits are found by trying. */
const ENUMERABLE = 16;
const NUMBER = "-?(?:0x[0-9a-fA-F]+|[0-9]+)";

/** Turns text into bytes by inverting the rows' assembly columns. */
export class Assembler {
  private readonly book: ExpandedBook;
  private readonly byMnemonic = new Map<string, Spelling[]>();

  constructor(book: ExpandedBook) {
    this.book = book;
    book.rows.forEach((row, i) => {
      this.add(i, row.assembly, undefined);
    });
    for (const a of book.aliases) this.add(a.row, a.assembly, a.when);
  }

  private add(row: number, items: readonly AsmItem[], when: Core | undefined): void {
    const spelling: Spelling = { row, items, when, pattern: this.patternOf(items) };
    for (const key of mnemonics(items)) {
      const list = this.byMnemonic.get(key);
      if (list) list.push(spelling);
      else this.byMnemonic.set(key, [spelling]);
    }
  }

  private patternOf(items: readonly AsmItem[]): RegExp {
    const source = items.map((item) => {
      if (item.k === "text") return literal(item.s);
      if (item.k === "choice") return `(${longestFirst(item.texts).map(literal).join("|")})`;
      return item.table >= 0 ? `([\\w.$]+)` : `(${NUMBER})`;
    });
    return new RegExp(`^${source.join("")}$`);
  }

  /** Words (int32) and length in bytes of one instruction. Throws RuleError. */
  assemble(text: string, pc: number): { word: number; bytes: number } {
    const flat = text.trim().replace(/\s+/g, " ");
    const key = flat.split(" ", 1)[0];
    const spellings = this.byMnemonic.get(key);
    if (!spellings) throw new RuleError("RULE_ASM", `no instruction ${key}`);
    let matched = false;
    for (const s of spellings) {
      const m = s.pattern.exec(flat);
      if (!m) continue;
      matched = true;
      const word = this.encode(s, m.slice(1), pc);
      if (word !== undefined) return { word, bytes: this.book.rows[s.row].bits / 8 };
    }
    throw new RuleError(
      "RULE_ASM",
      matched ? `${flat}: an operand does not fit` : `${flat}: operands of ${key} expected`,
    );
  }

  private encode(s: Spelling, texts: readonly string[], pc: number): number | undefined {
    const row = this.book.rows[s.row];
    const facts: { c: Core; value: number }[] = [];
    let k = 0;
    for (const item of s.items) {
      if (item.k === "text") continue;
      const value = this.valueOf(item, texts[k++], pc);
      if (value === undefined) return undefined;
      facts.push({ c: item.c, value });
    }
    if (s.when) for (const term of conjuncts(s.when)) facts.push({ c: term, value: 1 });
    if (row.where) for (const term of conjuncts(row.where)) facts.push({ c: term, value: 1 });
    const fields = solve(row, facts);
    if (!fields) return undefined;
    let word = row.match;
    row.fields.forEach((f, i) => {
      word = insertField(f, word, fields[i]);
    });
    return word;
  }

  private valueOf(item: AsmItem, text: string, pc: number): number | undefined {
    if (item.k === "text") return undefined;
    if (item.k === "choice") return found(item.texts.indexOf(text));
    const named = item.table >= 0 ? this.book.tables[item.table].indexOf(text) : -1;
    if (named >= 0) return named;
    if (!new RegExp(`^${NUMBER}$`).test(text)) return undefined;
    const n = text.startsWith("-") ? -Number(text.slice(1)) : Number(text);
    if (item.style !== "label") return n;
    const far = text.startsWith("0x") && n > 2 ** 53 ? Number(BigInt.asIntN(64, BigInt(text))) : n;
    return far - pc;
  }
}

const found = (i: number): number | undefined => (i < 0 ? undefined : i);
const longestFirst = (texts: readonly string[]): string[] => [...texts].sort((a, b) => b.length - a.length);

/** First words that a spelling can have. */
function mnemonics(items: readonly AsmItem[]): string[] {
  let keys = [""];
  for (const item of items) {
    if (item.k === "operand") return keys;
    if (item.k === "choice") {
      keys = keys.flatMap((key) => item.texts.map((t) => key + t));
      continue;
    }
    const end = item.s.search(/\s/);
    keys = keys.map((key) => key + (end < 0 ? item.s : item.s.slice(0, end)));
    if (end >= 0) return keys;
  }
  return keys;
}

function conjuncts(c: Core): Core[] {
  return c.op === "int&&" ? [...conjuncts(c.a[0]), ...conjuncts(c.a[1])] : [c];
}

/** Field values that make every fact true. Those given plainly are read off, the rest tried. */
function solve(row: ExpandedRow, facts: readonly { c: Core; value: number }[]): number[] | undefined {
  const fields: (number | undefined)[] = row.fields.map(() => undefined);
  const length = row.bits / 8;
  let open = [...facts];
  for (let before = -1; before !== open.length; ) {
    before = open.length;
    open = open.filter((fact) => !readOff(row, fact, fields));
  }
  const unknown = row.fields.map((_, i) => i).filter((i) => fields[i] === undefined);
  const tried = unknown.filter((i) => open.some((f) => mentions(f.c, i)));
  const bits = tried.reduce((n, i) => n + row.fields[i].width, 0);
  if (bits > ENUMERABLE) return undefined;
  const values = fields.map((v) => v ?? 0);
  for (let n = 0; n < 1 << bits; n++) {
    let rest = n;
    for (const i of tried) {
      const { width, signed } = row.fields[i];
      const v = rest & mask32(width);
      values[i] = signed ? (v << (32 - width)) >> (32 - width) : v;
      rest >>>= width;
    }
    if (facts.every((f) => evalInt(f.c, values, [], length) === f.value) && fits(row, values)) return values;
  }
  return undefined;
}

/** Every field must come out of the encoding as it went in. */
function fits(row: ExpandedRow, values: readonly number[]): boolean {
  return row.fields.every((f, i) => {
    const v = values[i];
    const low = Math.min(...f.pieces.map((p) => p.to));
    const min = f.signed ? -(2 ** (f.width - 1)) : 0;
    const max = f.signed ? 2 ** (f.width - 1) - 1 : 2 ** f.width - 1;
    return v >= min && v <= max && v % 2 ** low === 0;
  });
}

/** field = value, field[hi:lo] = value, field == value: gives the field its value. */
function readOff(row: ExpandedRow, fact: { c: Core; value: number }, fields: (number | undefined)[]): boolean {
  let { c, value } = fact;
  if (c.op === "int==" && value === 1) {
    const [a, b] = c.a;
    if (a.op === "field" && b.op === "num") {
      c = a;
      value = Number(b.v);
    } else if (a.op === "field" && b.op === "field") {
      if (fields[a.n] === undefined && fields[b.n] === undefined) return false;
      fields[a.n] ??= fields[b.n];
      fields[b.n] ??= fields[a.n];
      return true;
    }
  }
  if (c.op === "field") {
    fields[c.n] ??= value;
    return true;
  }
  const isTop = c.op === "intslice" && c.a[0].op === "field" && c.a[1].op === "num" && c.a[2].op === "num";
  if (!isTop || Number(c.a[1].v) !== row.fields[c.a[0].n].width - 1) return false;
  const f = row.fields[c.a[0].n];
  if (Math.min(...f.pieces.map((p) => p.to)) !== Number(c.a[2].v)) return false;
  const full = value * 2 ** Number(c.a[2].v);
  fields[c.a[0].n] ??= f.signed && full >= 2 ** (f.width - 1) ? full - 2 ** f.width : full;
  return true;
}

const mentions = (c: Core, field: number): boolean =>
  (c.op === "field" && c.n === field) || c.a.some((a) => mentions(a, field));
