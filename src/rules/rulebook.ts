import type { Inst, Slot } from "../ir/node.ts";
import { Assembler } from "./assemble.ts";
import type { Decoded, IsaBook, Row, Template } from "./book.ts";
import { Decoder, patternOf } from "./decoder.ts";
import { disassemble } from "./disassemble.ts";
import { RuleError } from "./error.ts";
import type { ExpandedBook } from "./expanded.ts";
import { Lifter } from "./lift.ts";
import { SDM_FIELDS, SdmDecoder, VARIANTS } from "./sdm.ts";
import { sdmTemplate } from "./sdm-template.ts";
import { templateOf } from "./template.ts";

/** An SDM instruction has 1 to 15 bytes. */
const SDM_LENGTHS = Array.from({ length: 15 }, (_, i) => i + 1);
const LOCKED = SDM_FIELDS.indexOf("locked");

/** The readers of an expanded book behind one door. */
export class Rulebook implements IsaBook {
  readonly name: string;
  readonly littleEndian: boolean;
  readonly unitBytes: number;
  readonly slots: readonly Slot[];
  readonly rows: readonly Row[];
  readonly traps: readonly string[];
  readonly stops: readonly string[];
  readonly lengths: readonly number[];
  readonly align: number;
  readonly variants: number;
  decodedLength = 0;
  readonly expanded: ExpandedBook;
  private readonly bySlotName = new Map<string, number>();
  private readonly decoder: Decoder;
  private readonly sdm: SdmDecoder | undefined;
  private readonly scratch = new Int32Array(32);
  private readonly lifter: Lifter;
  private readonly templates: (Template | string)[] = [];
  private assembler: Assembler | undefined;

  constructor(book: ExpandedBook) {
    this.expanded = book;
    this.name = book.name;
    this.littleEndian = book.littleEndian;
    this.unitBytes = book.unitBytes;
    this.slots = book.slots;
    this.slots.forEach((s, i) => {
      this.bySlotName.set(s.name, i);
    });
    for (const [name, slot] of book.slotNames) if (!this.bySlotName.has(name)) this.bySlotName.set(name, slot);
    this.rows = book.rows.map((r, index) => ({
      index,
      name: r.name,
      length: r.bits / 8,
      fields: r.fields,
      hash: r.hash,
      source: { file: r.file, line: r.line },
      section: r.section,
    }));
    this.decoder = new Decoder(
      book.tree,
      book.rows.map((row) => patternOf(row, book.littleEndian)),
    );
    this.sdm =
      book.addresses &&
      new SdmDecoder(
        book.rows.flatMap((r) => r.sdm ?? []),
        book.addresses,
      );
    this.traps = book.traps;
    this.stops = book.stops;
    const lengths = book.addresses ? SDM_LENGTHS : [...new Set(this.rows.map((r) => r.length))];
    this.lengths = lengths.sort((a, b) => a - b);
    this.align = this.lengths[0] ?? 1;
    this.variants = this.sdm ? VARIANTS : 1;
    this.lifter = new Lifter(book.policies);
  }

  slot(name: string): number | undefined {
    return this.bySlotName.get(name);
  }

  decodeInto(bytes: Uint8Array, at: number, end: number, fields: Int32Array): number {
    if (this.sdm) {
      const row = this.sdm.decode(bytes, at, end, fields);
      if (row < 0) return -1;
      this.decodedLength = this.sdm.length;
      return row * VARIANTS + this.sdm.variant(row, fields);
    }
    const word = wordAt(bytes, at, end, this.littleEndian);
    const row = this.decoder.row(word, end - at);
    if (row < 0) return -1;
    this.decodedLength = this.rows[row].length;
    this.decoder.fields(row, word, fields);
    return row;
  }

  decode(bytes: Uint8Array, offset: number): Decoded | null {
    if (this.sdm) {
      const found = this.sdm.decode(bytes, offset, bytes.length, this.scratch);
      if (found < 0) return null;
      const fields: number[] = [];
      for (let i = 0; i < SDM_FIELDS.length; i++) fields.push(this.scratch[i]);
      return { row: this.rows[found], length: this.sdm.length, fields };
    }
    const avail = bytes.length - offset;
    if (avail < this.align) return null;
    const word = wordAt(bytes, offset, bytes.length, this.littleEndian);
    const index = this.decoder.row(word, avail);
    if (index < 0) return null;
    const row = this.rows[index];
    this.decoder.fields(index, word, this.scratch);
    const fields: number[] = [];
    for (let i = 0; i < row.fields.length; i++) fields.push(this.scratch[i]);
    return { row, length: row.length, fields };
  }

  endsShort(bytes: Uint8Array, offset: number): boolean {
    if (this.sdm) return this.sdm.decode(bytes, offset, bytes.length, this.scratch) < 0 && this.sdm.short;
    const avail = bytes.length - offset;
    const word = wordAt(bytes, offset, bytes.length, this.littleEndian);
    return avail < 4 && this.decoder.endsShort(word, avail, this.littleEndian);
  }

  lift(decoded: Decoded, pc: number): Inst {
    const { row, length, fields } = decoded;
    const { body, sdm } = this.expanded.rows[row.index];
    const effects = this.lifter.lift(
      body,
      fields,
      pc,
      length / this.expanded.unitBytes,
      sdm !== undefined && fields[LOCKED] === 1,
    );
    return { pc, length, row: row.name, effects };
  }

  disassemble(decoded: Decoded, pc: number, options: { aliases?: boolean } = {}): string {
    return disassemble(this.expanded, decoded.row.index, decoded.fields, pc, options.aliases ?? true, decoded.length);
  }

  assemble(text: string, pc: number): Uint8Array {
    this.assembler ??= new Assembler(this.expanded);
    return this.assembler.assemble(text, pc);
  }

  template(row: Row, variant = 0): Template | null {
    const t = this.templates[row.index * this.variants + variant] ?? this.makeTemplate(row.index, variant);
    return typeof t === "string" ? null : t;
  }

  templateGap(row: Row, variant = 0): string | undefined {
    const t = this.templates[row.index * this.variants + variant] ?? this.makeTemplate(row.index, variant);
    return typeof t === "string" ? t : undefined;
  }

  leanTemplate(row: Row, variant: number, lean: number): Template | null {
    const t = this.madeTemplate(row.index, variant, lean);
    return typeof t === "string" ? null : t;
  }

  private makeTemplate(index: number, variant: number): Template | string {
    return (this.templates[index * this.variants + variant] = this.madeTemplate(index, variant, 0));
  }

  private madeTemplate(index: number, variant: number, lean: number): Template | string {
    const row = this.expanded.rows[index];
    if (!row) throw new RuleError("RULE_NAME", `no row ${index}`);
    const { policies, pcWidth, addresses, unitBytes } = this.expanded;
    return row.sdm
      ? sdmTemplate(row.body, row.sdm, addresses ?? [], policies, pcWidth, variant, lean)
      : templateOf(row.body, policies, row.fields, pcWidth, row.bits / 8 / unitBytes, lean);
  }
}

/** Up to four bytes before `end` as one int32; what is missing at the end reads as zero. */
function wordAt(bytes: Uint8Array, offset: number, end: number, little: boolean): number {
  const room = end - offset;
  const a = bytes[offset];
  const b = room > 1 ? bytes[offset + 1] : 0;
  const c = room > 2 ? bytes[offset + 2] : 0;
  const d = room > 3 ? bytes[offset + 3] : 0;
  return little ? a | (b << 8) | (c << 16) | (d << 24) : (a << 24) | (b << 16) | (c << 8) | d;
}
