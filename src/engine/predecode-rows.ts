import { Node, type Op } from "../ir/node.ts";
import { SINK_SLOT, STATE, ZERO_SLOT } from "../memory/layout.ts";
import { type IsaBook, SINK, type ValueParam, ZERO } from "../rules/book.ts";
import { compute } from "../rules/decode-time.ts";

/**
 * How instructions become micro-ops, row by row, as plain data: made from the templates together with the
 * interpreter's module and stored in it, so that a start needs no template.
 */
export interface RowsText {
  /** Slot addresses by field value; SlotText.table points here. */
  readonly tables: readonly (readonly number[])[];
  /** By row index; 0: left to the evaluator. */
  readonly rows: readonly (RowText | 0)[];
}
export interface RowText {
  readonly handler: number;
  /** Field, table, byte offset in the micro-op. */
  readonly slots: readonly (readonly [field: number, table: number, at: number])[];
  /** Value, byte offset, bytes (1, 2, 4, 8), 1: they extend by their sign. */
  readonly values: readonly (readonly [value: ValueText, at: number, bytes: number, signed: number])[];
  /** Target of a direct jump. */
  readonly link?: ValueText;
  /** 1: control never goes to the next instruction. */
  readonly ends: number;
}
/** A value over fields and pc: op, width, lo, hi, aux, name, arguments. */
type ValueText = readonly [
  op: string,
  w: number,
  lo: number,
  hi: number,
  aux: number,
  name: string,
  ...args: ValueText[],
];

/** A row ready to encode. Parallel arrays: this is the hot path of decoding. */
export interface RowEncoder {
  readonly handler: number;
  readonly slotField: readonly number[];
  readonly slotTable: readonly Uint16Array[];
  readonly slotAt: readonly number[];
  readonly values: readonly ValueEncoder[];
  readonly link: DecodeTimeValue | null;
  readonly ends: boolean;
}
export interface ValueEncoder {
  readonly value: DecodeTimeValue;
  readonly at: number;
  readonly bytes: number;
  readonly signed: boolean;
}

/** A value known once decoded; `of` leaves its high half in `hi` and gives the low one. Allocates nothing. */
export class DecodeTimeValue {
  hi = 0;
  private readonly kind: number;
  private readonly field: number = 0;
  /** Bits to shift out at the top of a field. */
  private readonly shift: number = 0;
  private readonly lo: number = 0;
  private readonly high: number = 0;
  private readonly node: Node;
  private readonly out = new Int32Array(2);

  constructor(node: Node) {
    this.node = node;
    this.kind = GENERAL;
    const added = node.op === "add" && isPc(node.args[0]) ? node.args[1] : isPc(node) ? NOTHING : undefined;
    const part = added ?? node;
    if (part.op === "const") {
      this.kind = added ? PC_CONST : CONST;
      this.lo = part.lo;
      this.high = part.hi;
    } else if (isField(part) && !added) this.kind = FIELD;
    else if (part.op === "zext" && isField(part.args[0]) && !added) this.kind = FIELD;
    else if (part.op === "sext" && part.w === 64 && isField(part.args[0])) this.kind = added ? PC_FIELD : SIGNED_FIELD;
    if (this.kind === GENERAL || part.op === "const") return;
    const leaf = isField(part) ? part : part.args[0];
    this.field = leaf.aux;
    this.shift = 32 - leaf.w;
  }

  of(fields: Int32Array, pc: number): number {
    switch (this.kind) {
      case CONST:
        this.hi = this.high;
        return this.lo;
      case FIELD:
        this.hi = 0;
        return ((fields[this.field]! << this.shift) >>> this.shift) | 0;
      case SIGNED_FIELD: {
        const value = (fields[this.field]! << this.shift) >> this.shift;
        this.hi = value >> 31;
        return value;
      }
      case PC_CONST:
        if (this.high !== this.lo >> 31) break;
        return this.sum(pc + this.lo);
      case PC_FIELD:
        return this.sum(pc + ((fields[this.field]! << this.shift) >> this.shift));
    }
    compute(this.node, fields, pc, this.out, 0);
    this.hi = this.out[1]!;
    return this.out[0]!;
  }

  /** Halves of a sum of a pc and an int32. */
  private sum(value: number): number {
    this.hi = value < 0 ? -1 : value < 0x100000000 ? 0 : 1;
    return value | 0;
  }
}
const GENERAL = 0;
const CONST = 1;
const FIELD = 2;
const SIGNED_FIELD = 3;
const PC_CONST = 4;
const PC_FIELD = 5;
const NOTHING = new Node("const", 64, []);
const isPc = (n: Node): boolean => n.op === "param" && n.aux < 0 && n.w === 64;
const isField = (n: Node): boolean => n.op === "param" && n.aux >= 0 && n.w <= 32;

/** Collects rows into their text. */
export class RowsWriter {
  private readonly tables: number[][] = [];
  private readonly byText = new Map<string, number>();
  private readonly book: IsaBook;

  constructor(book: IsaBook) {
    this.book = book;
  }

  /** Number of the table of slot addresses by field value. */
  table(slots: Int16Array, bytes?: Uint8Array): number {
    const addresses = Array.from(slots, (slot, i) =>
      slot === ZERO ? ZERO_SLOT : slot === SINK ? SINK_SLOT : STATE + this.book.slots[slot].offset + (bytes?.[i] ?? 0),
    );
    const text = addresses.join();
    let number = this.byText.get(text);
    if (number === undefined) {
      number = this.tables.push(addresses) - 1;
      this.byText.set(text, number);
    }
    return number;
  }

  value(param: ValueParam): ValueText {
    return valueText(param.node);
  }

  text(rows: readonly (RowText | 0)[]): RowsText {
    return { tables: this.tables, rows };
  }
}

function valueText(n: Node): ValueText {
  if (n.big !== undefined) throw new Error("a decode-time value of more than 64 bits");
  return [n.op, n.w, n.lo, n.hi, n.aux, n.name, ...n.args.map(valueText)];
}

/** Reads what RowsWriter wrote; rows come to life when first asked for. */
export class RowsReader {
  private readonly source: RowsText;
  private readonly tables: (Uint16Array | undefined)[] = [];
  private readonly rows: (RowEncoder | null | undefined)[] = [];

  constructor(source: RowsText) {
    this.source = source;
    this.rows.length = source.rows.length;
  }

  get count(): number {
    return this.source.rows.length;
  }

  /** Handler number by row; 0 where the evaluator runs it. */
  handlers(): number[] {
    return this.source.rows.map((row) => (row === 0 ? 0 : row.handler));
  }

  /** null: left to the evaluator. */
  row(index: number): RowEncoder | null {
    let row = this.rows[index];
    if (row === undefined) row = this.rows[index] = this.make(this.source.rows[index]);
    return row;
  }

  private make(text: RowText | 0): RowEncoder | null {
    if (text === 0) return null;
    return {
      handler: text.handler,
      slotField: text.slots.map((s) => s[0]),
      slotTable: text.slots.map((s) => (this.tables[s[1]] ??= Uint16Array.from(this.source.tables[s[1]]))),
      slotAt: text.slots.map((s) => s[2]),
      values: text.values.map(([value, at, bytes, signed]) => ({
        value: new DecodeTimeValue(node(value)),
        at,
        bytes,
        signed: signed !== 0,
      })),
      link: text.link ? new DecodeTimeValue(node(text.link)) : null,
      ends: text.ends !== 0,
    };
  }
}

function node([op, w, lo, hi, aux, name, ...args]: ValueText): Node {
  return new Node(op as Op, w, args.map(node), { lo, hi, aux, name });
}
