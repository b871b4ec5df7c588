import type { Slot } from "../ir/node.ts";
import type { Core } from "./core.ts";
import { parseCore, printCore } from "./core-text.ts";
import type { EncField } from "./encoding.ts";
import { RuleError } from "./error.ts";
import type { AsmItem, ExpandedAlias, ExpandedBook, ExpandedRow, Stands, Style } from "./expanded.ts";
import type { Policy } from "./policy.ts";
import type { AddressForm, SdmForm } from "./sdm.ts";

/**
 * A book as lines of text: magic; JSON of what decoding needs; JSON of what assembly needs; the semantics of each row
 * in the inlined canonical form. Lines are read when first looked at, so that opening a book costs a short JSON's time.
 */
const MAGIC = "sage-book 4";

type PackedItem =
  | string
  /** Of `arms`. */
  | number
  | readonly [string, Style, number]
  | readonly [string, readonly string[]]
  | readonly [string, readonly number[], readonly (readonly PackedItem[])[]];
type PackedField = readonly [string, number, number, string, readonly number[]];
type PackedRow = readonly [
  name: string,
  section: number,
  file: number,
  line: number,
  bits: number,
  mask: number,
  match: number,
  /** 0: those of the row before. */
  fields: readonly number[] | 0,
  where: string,
  hash: string,
  sdm: PackedForm | 0,
];
type PackedForm = readonly [
  ...numbers: readonly [prefix: number, map: number, opcode: number, digit: number, modes: number, size: number],
  ...more: readonly [vex: number, vexW: number, flags: number, modrm: SdmForm["modrm"], immediates: readonly number[]],
];
/** Assembly of a row and what it stands for. */
type PackedText = readonly [
  assembly: readonly PackedItem[],
  stands: 0 | readonly [number, readonly (readonly [string, readonly number[] | 0])[]],
];
interface PackedTexts {
  readonly rows: readonly PackedText[];
  readonly aliases: readonly (readonly [number, readonly PackedItem[], string])[];
  readonly tables: readonly (readonly string[])[];
  readonly arms: readonly PackedItem[];
}
interface PackedBook {
  readonly name: string;
  readonly little: boolean;
  readonly pc: number;
  readonly unit: number;
  readonly slots: readonly Slot[];
  readonly slotNames: readonly (readonly [string, number])[];
  readonly policies: readonly Policy[];
  readonly texts: readonly string[];
  readonly fields: readonly PackedField[];
  readonly rows: readonly PackedRow[];
  readonly tree: readonly number[];
  readonly addresses: readonly AddressForm[] | 0;
  readonly traps: readonly string[];
  readonly stops: readonly string[];
}

/** Bytes of an expanded book, for `fromBlob`. */
export function toBlob(book: ExpandedBook): Uint8Array {
  const texts = new Numbering<string>((s) => s);
  const fields = new Numbering<EncField>((f) => JSON.stringify(f));
  const rows = book.rows.map((r, i): PackedRow => {
    return [
      r.name,
      texts.of(r.section),
      texts.of(r.file),
      r.line,
      r.bits,
      r.mask,
      r.match,
      r.fields === book.rows[i - 1]?.fields ? 0 : r.fields.map((f) => fields.of(f)),
      r.where ? printCore(r.where) : "",
      r.hash,
      r.sdm ? packForm(r.sdm) : 0,
    ];
  });
  const packed: PackedBook = {
    name: book.name,
    little: book.littleEndian,
    pc: book.pcWidth,
    unit: book.unitBytes,
    slots: book.slots,
    slotNames: book.slotNames,
    policies: book.policies,
    texts: texts.list,
    fields: fields.list.map((f) => [
      f.name,
      f.width,
      f.signed ? 1 : 0,
      f.view ?? "",
      f.pieces.flatMap((p) => [p.at, p.to, p.len]),
    ]),
    rows,
    tree: [...book.tree],
    addresses: book.addresses ?? 0,
    traps: book.traps,
    stops: book.stops,
  };
  const arms = new Numbering<PackedItem>((item) => JSON.stringify(item));
  const operands = new Numbering<string>((s) => s);
  const packItem = (item: AsmItem): PackedItem => {
    if (item.k === "text") return item.s;
    if (item.k === "arms") return arms.of([printCore(item.c), item.forms, item.arms.map((arm) => arm.map(packItem))]);
    return item.k === "choice" ? [printCore(item.c), item.texts] : [printCore(item.c), item.style, item.table];
  };
  const assembly: PackedTexts = {
    rows: book.rows.map((r) => [
      r.assembly.map(packItem),
      r.stands ? [r.stands.row, r.stands.fields.map(packStands)] : 0,
    ]),
    aliases: book.aliases.map((a) => [a.row, a.assembly.map(packItem), a.when ? printCore(a.when) : ""]),
    tables: book.tables,
    arms: arms.list,
  };
  const bodies = book.rows.map((r) => printCore(r.body, (text) => operands.of(text)));
  const lines = [MAGIC, JSON.stringify(packed), JSON.stringify(assembly), JSON.stringify(operands.list), ...bodies, ""];
  return new TextEncoder().encode(lines.join("\n"));
}

const LF = 10;

/** The lines of a blob, read when asked for. */
class Lines {
  readonly head: PackedBook;
  private readonly bytes: Uint8Array;
  /** Where the lines behind the head begin. */
  private readonly starts: readonly number[];
  private bodies: number[] | undefined;
  private parsed: PackedTexts | undefined;
  private operands: readonly string[] | undefined;
  private readonly shared: Core[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    const starts = [0];
    for (let i = 0; i < 4; i++) starts.push(bytes.indexOf(LF, starts[i]) + 1);
    if (this.text(0, starts[1]) !== `${MAGIC}\n` || starts.includes(0, 1) || bytes[bytes.length - 1] !== LF)
      throw new RuleError("RULE_BLOB", "not a precompiled rulebook of this version, or a damaged one");
    this.starts = starts;
    this.head = json<PackedBook>(this.text(starts[1], starts[2]));
  }

  private text(from: number, to: number): string {
    return new TextDecoder().decode(this.bytes.subarray(from, to));
  }

  get assembly(): PackedTexts {
    return (this.parsed ??= json<PackedTexts>(this.text(this.starts[2], this.starts[3])));
  }

  body(row: number): Core {
    this.bodies ??= linesFrom(this.bytes, this.starts[4]);
    return parseCore(this.text(this.bodies[row], this.bodies[row + 1] - 1), this.operand);
  }

  /** What rows have in common. */
  private readonly operand = (n: number): Core => {
    this.operands ??= json<readonly string[]>(this.text(this.starts[3], this.starts[4]));
    return (this.shared[n] ??= parseCore(this.operands[n]));
  };
}

/** Where each line begins, and the end. */
function linesFrom(bytes: Uint8Array, from: number): number[] {
  const out = [from];
  for (let at = from; ; ) {
    const end = bytes.indexOf(LF, at);
    if (end < 0) return out;
    out.push((at = end + 1));
  }
}

/** The book that `toBlob` wrote. Throws RuleError for anything else. */
export function fromBlob(bytes: Uint8Array): ExpandedBook {
  const lines = new Lines(bytes);
  const p = lines.head;
  let aliases: readonly ExpandedAlias[] | undefined;
  const fields = p.fields.map(unpackField);
  return {
    name: p.name,
    littleEndian: p.little,
    pcWidth: p.pc,
    unitBytes: p.unit,
    slots: p.slots,
    slotNames: p.slotNames,
    policies: p.policies,
    rows: blobRows(lines, fields),
    get aliases() {
      return (aliases ??= lines.assembly.aliases.map((a) => new BlobAlias(a, lines)));
    },
    get tables() {
      return lines.assembly.tables;
    },
    tree: Int32Array.from(p.tree),
    addresses: p.addresses === 0 ? undefined : p.addresses,
    traps: p.traps,
    stops: p.stops,
  };
}

function blobRows(lines: Lines, all: readonly EncField[]): BlobRow[] {
  let fields: readonly EncField[] = [];
  return lines.head.rows.map((row, i) => {
    if (row[7] !== 0) fields = row[7].map((n) => all[n]);
    return new BlobRow(i, row, lines, fields);
  });
}

function json<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new RuleError("RULE_BLOB", "a precompiled rulebook is damaged");
  }
}

class BlobRow implements ExpandedRow {
  readonly name: string;
  readonly section: string;
  readonly file: string;
  readonly line: number;
  readonly bits: number;
  readonly mask: number;
  readonly match: number;
  readonly fields: readonly EncField[];
  readonly conditional: boolean;
  readonly hash: string;
  readonly sdm: SdmForm | undefined;
  private readonly index: number;
  private readonly packed: PackedRow;
  private readonly lines: Lines;
  private readBody: Core | undefined;
  private readWhere: Core | undefined;
  private readAssembly: readonly AsmItem[] | undefined;

  constructor(index: number, packed: PackedRow, lines: Lines, fields: readonly EncField[]) {
    const { texts } = lines.head;
    this.index = index;
    this.packed = packed;
    this.lines = lines;
    this.name = packed[0];
    this.section = texts[packed[1]];
    this.file = texts[packed[2]];
    this.line = packed[3];
    this.bits = packed[4];
    this.mask = packed[5];
    this.match = packed[6];
    this.fields = fields;
    this.conditional = packed[8] !== "";
    this.hash = packed[9];
    this.sdm = packed[10] === 0 ? undefined : unpackForm(packed[10]);
  }

  get where(): Core | undefined {
    return this.conditional ? (this.readWhere ??= parseCore(this.packed[8])) : undefined;
  }

  get assembly(): readonly AsmItem[] {
    return (this.readAssembly ??= this.lines.assembly.rows[this.index][0].map((item) =>
      unpackItem(item, this.lines.assembly),
    ));
  }

  get stands(): Stands | undefined {
    const stands = this.lines.assembly.rows[this.index][1];
    if (stands === 0) return undefined;
    return {
      row: stands[0],
      fields: stands[1].map(([c, map]) => ({ c: parseCore(c), map: map === 0 ? undefined : map })),
    };
  }

  get body(): Core {
    return (this.readBody ??= this.lines.body(this.index));
  }
}

class BlobAlias implements ExpandedAlias {
  readonly row: number;
  private readonly packed: PackedTexts["aliases"][number];
  private readonly lines: Lines;
  private readAssembly: readonly AsmItem[] | undefined;
  private readWhen: Core | undefined;

  constructor(packed: PackedTexts["aliases"][number], lines: Lines) {
    this.packed = packed;
    this.lines = lines;
    this.row = packed[0];
  }

  get assembly(): readonly AsmItem[] {
    return (this.readAssembly ??= this.packed[1].map((item) => unpackItem(item, this.lines.assembly)));
  }

  get when(): Core | undefined {
    if (this.packed[2] === "") return undefined;
    return (this.readWhen ??= parseCore(this.packed[2]));
  }
}

const packStands = (f: Stands["fields"][number]) => [printCore(f.c), f.map ?? (0 as const)] as const;

function packForm(f: SdmForm): PackedForm {
  const flags = [f.register, f.vsib, f.lock, f.byW, f.vvvv, f.lowOnly].reduce(
    (sum, on, i) => sum | (on ? 1 << i : 0),
    0,
  );
  return [f.prefix, f.map, f.opcode, f.digit, f.modes, f.size, f.vex, f.vexW, flags, f.modrm, f.immediates];
}

function unpackForm(p: PackedForm): SdmForm {
  const [prefix, map, opcode, digit, modes, size, vex, vexW, flags, modrm, immediates] = p;
  const on = (i: number): boolean => (flags & (1 << i)) !== 0;
  const kind = { prefix, map, opcode, digit, modes, size, vex, vexW, modrm, immediates };
  return { ...kind, register: on(0), vsib: on(1), lock: on(2), byW: on(3), vvvv: on(4), lowOnly: on(5) };
}

function unpackItem(p: PackedItem, all: PackedTexts): AsmItem {
  if (typeof p === "string") return { k: "text", s: p };
  if (typeof p === "number") return unpackItem(all.arms[p], all);
  if (p.length === 2) return { k: "choice", c: parseCore(p[0]), texts: p[1] };
  if (typeof p[2] === "number") return { k: "operand", c: parseCore(p[0]), style: p[1] as Style, table: p[2] };
  return {
    k: "arms",
    c: parseCore(p[0]),
    forms: p[1] as readonly number[],
    arms: p[2].map((arm) => arm.map((item) => unpackItem(item, all))),
  };
}

function unpackField(p: PackedField): EncField {
  const pieces = [];
  for (let i = 0; i < p[4].length; i += 3) pieces.push({ at: p[4][i], to: p[4][i + 1], len: p[4][i + 2] });
  return { name: p[0], width: p[1], signed: p[2] === 1, view: p[3] === "" ? undefined : p[3], pieces };
}

/** Gives things numbers in the order they come, equal ones the same. */
class Numbering<T> {
  readonly list: T[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly key: (x: T) => string;

  constructor(key: (x: T) => string) {
    this.key = key;
  }

  of(x: T): number {
    const key = this.key(x);
    let n = this.numbers.get(key);
    if (n === undefined) this.numbers.set(key, (n = this.list.push(x) - 1));
    return n;
  }
}
