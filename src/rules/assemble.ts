import { literal } from "./assembly.ts";
import { type Core, evalInt } from "./core.ts";
import { PAGE, styleWidth } from "./disassemble.ts";
import { insertField, mask32 } from "./encoding.ts";
import { RuleError } from "./error.ts";
import type { AsmItem, ExpandedBook, ExpandedRow } from "./expanded.ts";
import { SdmDecoder, type SdmForm } from "./sdm.ts";
import { encodeSdm } from "./sdm-encode.ts";

type FlatItem = Exclude<AsmItem, { readonly k: "arms" }>;

/** A spelling of a row: its own or an alias's. */
interface Spelling {
  readonly row: number;
  readonly items: readonly FlatItem[];
  /** Encodings of operands that this spelling is for. */
  readonly forms: readonly Fact[];
  readonly when: Core | undefined;
  readonly pattern: RegExp;
}

/** A core that must come out at a value. */
interface Fact {
  readonly c: Core;
  readonly value: number;
}

/** Fields of together at most this many bits are found by trying. */
const ENUMERABLE = 16;
/** What names of registers and the like are made of. */
const PLAIN = /^[\w.$()]+$/;
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

  private add(row: number, all: readonly AsmItem[], when: Core | undefined): void {
    for (const { items, forms } of flattened(all)) {
      const spelling: Spelling = { row, items, forms, when, pattern: this.patternOf(items) };
      for (const key of mnemonics(items, this.book.tables)) {
        const list = this.byMnemonic.get(key);
        if (list) list.push(spelling);
        else this.byMnemonic.set(key, [spelling]);
      }
    }
  }

  private patternOf(items: readonly FlatItem[]): RegExp {
    const source = items.map((item) => {
      if (item.k === "text") return literal(item.s);
      if (item.k === "choice") return `(${longestFirst(item.texts).map(literal).join("|")})`;
      if (item.style === "disp") return `([+-]0x[0-9a-f]+)`;
      if (item.style.startsWith("x")) return `([0-9a-f]{${styleWidth(item.style)}})`;
      if (item.style.startsWith("opt")) return `((?:${literal(item.style.slice(4, -1))}${NUMBER})?)`;
      if (item.table < 0) return `(${NUMBER})`;
      const names = this.book.tables[item.table];
      return names.every((name) => PLAIN.test(name))
        ? `([\\w.$()]+)`
        : `(${longestFirst(names).map(literal).join("|")})`;
    });
    return new RegExp(`^${source.join("")}$`);
  }

  /** Bytes of one instruction. Throws RuleError. */
  assemble(text: string, pc: number): Uint8Array {
    const flat = text.trim().replace(/\s+/g, " ");
    const key = flat.split(" ", 1)[0];
    const spellings = this.byMnemonic.get(key);
    if (!spellings) throw new RuleError("RULE_ASM", `no instruction ${key}`);
    let matched = false;
    for (const s of spellings) {
      const m = s.pattern.exec(flat);
      if (!m) continue;
      matched = true;
      const bytes = this.encode(s, m.slice(1), pc);
      if (bytes) return bytes;
    }
    throw new RuleError(
      "RULE_ASM",
      matched ? `${flat}: an operand does not fit` : `${flat}: operands of ${key} expected`,
    );
  }

  private encode(s: Spelling, texts: readonly string[], pc: number): Uint8Array | undefined {
    let choices: Fact[][] = [[...s.forms]];
    let k = 0;
    for (const item of s.items) {
      if (item.k === "text") continue;
      const values = this.valuesOf(item, texts[k++], pc);
      choices = choices.flatMap((facts) => values.map((value) => [...facts, { c: item.c, value }]));
    }
    for (const facts of choices) {
      const bytes = this.bytesOf(s, facts);
      if (bytes) return bytes;
    }
    return undefined;
  }

  private bytesOf(s: Spelling, facts: Fact[]): Uint8Array | undefined {
    const row = this.book.rows[s.row];
    if (s.when) for (const term of conjuncts(s.when)) facts.push({ c: term, value: 1 });
    if (row.where) for (const term of conjuncts(row.where)) facts.push({ c: term, value: 1 });
    if (row.sdm) return this.sdmBytes(s.row, row.sdm, facts);
    const fields = solve(row, facts, row.bits / 8);
    if (!fields) return undefined;
    let word = row.match;
    row.fields.forEach((f, i) => {
      word = insertField(f, word, fields[i]);
    });
    const out = new Uint8Array(4);
    new DataView(out.buffer).setInt32(0, word, true);
    const short = out.subarray(0, row.bits / 8);
    return this.book.littleEndian ? short : short.reverse();
  }

  /** Tries the length of the shortest encoding first, then that of what came out. */
  private sdmBytes(row: number, form: SdmForm, facts: readonly Fact[]): Uint8Array | undefined {
    const zeros = this.book.rows[row].fields.map(() => 0);
    let { length } = encodeSdm(form, this.book.addresses ?? [], zeros);
    for (let round = 0; round < 3; round++) {
      const fields = solve(this.book.rows[row], facts, length);
      const bytes = fields && this.encodeSdm(row, form, fields);
      if (!bytes || bytes.length === length) return bytes;
      length = bytes.length;
    }
    return undefined;
  }

  /** The bytes, if they decode to the very row and fields: immediates and displacements may not fit. */
  private encodeSdm(row: number, form: SdmForm, fields: readonly number[]): Uint8Array | undefined {
    const addresses = this.book.addresses ?? [];
    const bytes = encodeSdm(form, addresses, fields);
    const decoder = new SdmDecoder([form], addresses);
    const back = new Int32Array(32);
    if (decoder.decode(bytes, 0, bytes.length, back) < 0 || decoder.length !== bytes.length) return undefined;
    const used = this.book.rows[row].fields.map((f) => f.name);
    const same = used.every((name, i) => back[i] === fields[i] || UNCHECKED.has(name) || fields[i] === 0);
    return same ? bytes : undefined;
  }

  /** What a text can stand for: a name may stand at several numbers. */
  private valuesOf(item: FlatItem, text: string, pc: number): number[] {
    if (item.k === "text") return [];
    if (item.k === "choice") return indexes(item.texts, text);
    return item.table >= 0 ? indexes(this.book.tables[item.table], text) : this.numberOf(item, text, pc);
  }

  private numberOf(item: FlatItem & { k: "operand" }, text: string, pc: number): number[] {
    if (item.style.startsWith("x")) return [Number.parseInt(text, 16)];
    if (item.style.startsWith("opt")) return [Number(new RegExp(`${NUMBER}$`).exec(text)?.[0] ?? 0)];
    const digits = text.replace(/^\+/, "");
    if (!new RegExp(`^${NUMBER}$`).test(digits)) return [];
    const n = digits.startsWith("-") ? -Number(digits.slice(1)) : Number(digits);
    if (item.style.startsWith("u")) return [Number(BigInt.asIntN(styleWidth(item.style), BigInt(digits)))];
    if (item.style !== "label" && item.style !== "page") return [n];
    const far = text.startsWith("0x") && n > 2 ** 53 ? Number(BigInt.asIntN(64, BigInt(text))) : n;
    return [item.style === "label" ? far - pc : (far - pc + (pc % PAGE)) / PAGE];
  }
}

/** Whether a REX prefix is there follows from other fields; vvvv of a legacy row repeats reg. */
const UNCHECKED = new Set(["rex", "vvvv", "o", "rm", "base"]);

/** Every choice of encodings for operands that have several. */
function flattened(items: readonly AsmItem[]): { items: FlatItem[]; forms: Fact[] }[] {
  let out: { items: FlatItem[]; forms: Fact[] }[] = [{ items: [], forms: [] }];
  for (const item of items) {
    if (item.k !== "arms") {
      for (const o of out) o.items.push(item);
      continue;
    }
    out = out.flatMap((o) =>
      item.arms.flatMap((arm, k) =>
        flattened(arm).map((inner) => ({
          items: [...o.items, ...inner.items],
          forms: [...o.forms, ...inner.forms, { c: item.c, value: item.forms[k] }],
        })),
      ),
    );
  }
  return out;
}

const indexes = (texts: readonly string[], text: string): number[] => texts.flatMap((t, i) => (t === text ? [i] : []));
const longestFirst = (texts: readonly string[]): string[] => [...texts].sort((a, b) => b.length - a.length);

/** First words that a spelling can have. */
function mnemonics(items: readonly FlatItem[], tables: ExpandedBook["tables"]): string[] {
  let keys = [""];
  for (const item of items) {
    if (item.k !== "text") {
      const texts = item.k === "choice" ? item.texts : (tables[item.table] ?? []);
      keys = keys.flatMap((key) => texts.map((t) => key + t));
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
function solve(row: ExpandedRow, facts: readonly Fact[], length: number): number[] | undefined {
  const fields: (number | undefined)[] = row.fields.map(() => undefined);
  let open = [...facts];
  for (let before = -1; before !== open.length; ) {
    before = open.length;
    open = open.filter((fact) => !readOff(row, fact, fields, length));
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
    const low = Math.min(31, ...f.pieces.map((p) => p.to)) % 31;
    const min = f.signed ? -(2 ** (f.width - 1)) : 0;
    const max = f.signed ? 2 ** (f.width - 1) - 1 : 2 ** f.width - 1;
    return v >= min && v <= max && v % 2 ** low === 0;
  });
}

/** field = value, field[hi:lo] = value, field == value: gives the field its value. */
function readOff(row: ExpandedRow, fact: Fact, fields: (number | undefined)[], length: number): boolean {
  let { c, value } = fact;
  if (c.op === "int+" && c.a[0].op === "field" && (c.a[1].op === "num" || c.a[1].op === "length")) {
    value -= evalInt(c.a[1], [], [], length);
    c = c.a[0];
  }
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
  // Bits above the field's are copies of its sign; `fits` sees to that.
  if (!isTop || Number(c.a[1].v) < row.fields[c.a[0].n].width - 1) return false;
  const f = row.fields[c.a[0].n];
  if (Math.min(...f.pieces.map((p) => p.to)) !== Number(c.a[2].v)) return false;
  const full = value * 2 ** Number(c.a[2].v);
  const top = 2 ** Number(c.a[1].v);
  fields[c.a[0].n] ??= f.signed && full >= top ? full - 2 * top : full;
  return true;
}

const mentions = (c: Core, field: number): boolean =>
  (c.op === "field" && c.n === field) || c.a.some((a) => mentions(a, field));
