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
  readonly link: Node | null;
  readonly ends: boolean;
}
export interface ValueEncoder {
  readonly node: Node;
  readonly at: number;
  readonly bytes: number;
  readonly signed: boolean;
}

/** Value of an encoder's node as halves: out[0], out[1]. */
export function decodeTimeValue(node: Node, fields: readonly number[], pc: number, out: Int32Array): void {
  compute(node, fields, pc, out, 0);
}

/** Collects rows into their text. */
export class RowsWriter {
  private readonly tables: number[][] = [];
  private readonly byText = new Map<string, number>();
  private readonly book: IsaBook;

  constructor(book: IsaBook) {
    this.book = book;
  }

  /** Number of the table of slot addresses by field value. */
  table(slots: Int16Array): number {
    const addresses = Array.from(slots, (slot) =>
      slot === ZERO ? ZERO_SLOT : slot === SINK ? SINK_SLOT : STATE + this.book.slots[slot].offset,
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
      values: text.values.map(([value, at, bytes, signed]) => ({ node: node(value), at, bytes, signed: signed !== 0 })),
      link: text.link ? node(text.link) : null,
      ends: text.ends !== 0,
    };
  }
}

function node([op, w, lo, hi, aux, name, ...args]: ValueText): Node {
  return new Node(op as Op, w, args.map(node), { lo, hi, aux, name });
}
