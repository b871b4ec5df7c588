import type { Inst, Slot } from "../ir/node.ts";
import type { Decoded, Field, IsaBook, Row, Template } from "./book.ts";
import { aliasForms, type Body, formOf, type RowForm, symbolsOf, targetFinder, typeRow, whereOf } from "./compile.ts";
import type { Core } from "./core.ts";
import { buildTree, checkOverlaps, findRow, type Pattern } from "./decoder.ts";
import { extractField } from "./encoding.ts";
import { RuleError } from "./error.ts";
import { Lifter } from "./lift.ts";
import { type Policy, policyOf } from "./policy.ts";
import type { Symbols } from "./scope.ts";
import { type BookSource, type ReadOptions, readSource } from "./source.ts";
import { templateOf } from "./template.ts";

export { RuleError } from "./error.ts";

/** Reads, checks and types a rulebook. Throws RuleError. */
export function loadIsaBook(text: string, options: ReadOptions = {}): IsaBook {
  const source = readSource(text, options);
  const symbols = symbolsOf(source);
  const forms = source.rows.map((row) => formOf(source, row));
  return new TextBook(source, symbols, forms);
}

class TextBook implements IsaBook {
  readonly name: string;
  readonly littleEndian: boolean;
  readonly slots: readonly Slot[];
  readonly rows: readonly Row[];
  readonly traps: readonly string[];
  readonly stops: readonly string[];
  readonly lengths: readonly number[];
  readonly align: number;
  private readonly bySlotName = new Map<string, number>();
  private readonly patterns: Pattern[];
  private readonly tree: Int32Array;
  private readonly bodies: Body[];
  private readonly lifter: Lifter;
  private readonly policies: readonly Policy[];
  private readonly pcWidth: number;
  private readonly templates: (Template | string)[] = [];

  constructor(source: BookSource, symbols: Symbols, forms: readonly RowForm[]) {
    this.name = source.name;
    this.littleEndian = source.littleEndian;
    this.slots = slotsOf(source);
    this.slots.forEach((s, i) => {
      this.bySlotName.set(s.name, i);
    });
    for (const [file, names] of source.names) {
      const state = symbols.state.get(file);
      names.forEach((name, i) => {
        if (state && i < state.count && !this.bySlotName.has(name)) this.bySlotName.set(name, state.slot + i);
      });
    }
    this.rows = forms.map(rowOf);
    this.patterns = forms.map((form) => ({
      encoding: form.encoding,
      where: whereOf(symbols, form),
      name: form.source.name,
      place: form.source.place,
    }));
    checkOverlaps(this.patterns);
    this.tree = buildTree(this.patterns);
    this.policies = source.policies.map((p) => policyOf(p, symbols.state));
    this.pcWidth = source.pcWidth;
    this.lifter = new Lifter(this.policies);
    const find = targetFinder(symbols, forms, aliasForms(forms, source.aliases));
    this.bodies = forms.map((form) => typeRow(symbols, form, find));
    const traps = new Set<string>();
    const stops = new Set<string>();
    for (const body of this.bodies) collect(body.core, traps, stops);
    this.traps = [...traps];
    this.stops = [...stops];
    this.lengths = [...new Set(this.rows.map((r) => r.length))].sort((a, b) => a - b);
    this.align = this.lengths[0] ?? 1;
  }

  slot(name: string): number | undefined {
    return this.bySlotName.get(name);
  }

  decode(bytes: Uint8Array, offset: number): Decoded | null {
    const avail = bytes.length - offset;
    if (avail < 2) return null;
    let word = bytes[offset] | (bytes[offset + 1] << 8);
    if (avail >= 4) word |= (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24);
    const index = findRow(this.tree, this.patterns, word, avail);
    if (index < 0) return null;
    const row = this.rows[index];
    const fields = this.patterns[index].encoding.fields.map((f) => extractField(f, word));
    return { row, length: row.length, fields };
  }

  lift(decoded: Decoded, pc: number): Inst {
    const { row, length, fields } = decoded;
    const effects = this.lifter.lift(this.bodies[row.index].core, fields, pc, length);
    return { pc, length, row: row.name, effects };
  }

  disassemble(decoded: Decoded): string {
    throw new RuleError("RULE_ASM", `${decoded.row.name}: not yet`);
  }

  assemble(text: string): Uint8Array {
    throw new RuleError("RULE_ASM", `${text}: not yet`);
  }

  template(row: Row): Template | null {
    const t = this.templates[row.index] ?? this.makeTemplate(row.index);
    return typeof t === "string" ? null : t;
  }

  templateGap(row: Row): string | undefined {
    const t = this.templates[row.index] ?? this.makeTemplate(row.index);
    return typeof t === "string" ? t : undefined;
  }

  private makeTemplate(index: number): Template | string {
    const { encoding } = this.patterns[index];
    const t = templateOf(this.bodies[index], this.policies, encoding.fields, this.pcWidth, encoding.bits / 8);
    this.templates[index] = t;
    return t;
  }
}

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

function rowOf(form: RowForm, index: number): Row {
  const fields: Field[] = form.encoding.fields.map(({ name, width, signed, view }) => ({ name, width, signed, view }));
  const { name, place, section } = form.source;
  return { index, name, length: form.encoding.bits / 8, fields, hash: "", source: place, section };
}

function collect(c: Core, traps: Set<string>, stops: Set<string>): void {
  if (c.op === "trap") traps.add(c.s);
  if (c.op === "stop") stops.add(c.s);
  for (const a of c.a) collect(a, traps, stops);
}
