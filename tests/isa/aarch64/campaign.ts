import type { Effect, Inst, Node } from "../../../src/ir/node.ts";
import type { IsaBook, Row } from "../../../src/rules/book.ts";
import { insertField, parseEncoding, splitWhere } from "../../../src/rules/encoding.ts";
import { readSource } from "../../../src/rules/source.ts";
import type { Random } from "../oracle/random.ts";
import type { Engine } from "./engines.ts";
import * as R from "./record.ts";
import { fillState } from "./states.ts";
import type { BookText } from "./text.ts";

/** A group of cases with what is known of it: the row it tests, and the record words that no two engines share. */
export interface Trial extends R.Group {
  readonly row: Row;
  readonly text: string;
  readonly ignore: ReadonlySet<number>;
}

/** The word of a row with the given field values. */
export type Encode = (row: Row, fields: readonly number[]) => number;

export function encoder({ text, options }: BookText): Encode {
  const source = readSource(text, options);
  const encodings = source.rows.map((row) => parseEncoding(splitWhere(row.encoding).pattern, source.fields));
  return (row, fields) => {
    const { match, fields: places } = encodings[row.index];
    return places.reduce((word, field, i) => insertField(field, word, fields[i]), match);
  };
}

export const bytesOf = (word: number): Uint8Array => Uint8Array.of(word, word >>> 8, word >>> 16, word >>> 24);

/** Field values: registers often equal and few, numbers often at their ends. */
export function fieldsOf(row: Row, random: Random): number[] {
  const equal = random.chance(20) ? random.below(32) : undefined;
  return row.fields.map(({ name, width, signed }) => {
    const bits = 2 ** width;
    if (/^R[a-z]\d?$/.test(name)) {
      if (random.chance(12)) return 31 % bits;
      return (equal ?? random.below(32)) % bits;
    }
    let v = random.below(bits);
    if (width > 3 && random.chance(40)) v = random.pick([0, 1, bits / 2 - 1, bits / 2, bits - 1, bits - 2]);
    return signed && v >= bits / 2 ? v - bits : v;
  });
}

/** A word of the row that decodes to it, and does not jump to itself. */
export function wordOf(book: IsaBook, row: Row, encode: Encode, random: Random): number | undefined {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const word = encode(row, fieldsOf(row, random));
    const decoded = book.decode(bytesOf(word), 0);
    if (decoded?.row === row && !jumpsToItself(book.lift(decoded, R.CODE))) return word;
  }
  return undefined;
}

/** Trials for one row: `words` instructions with `states` states each, whose addresses mostly hit the record's memory. */
export function trialsOf(
  book: IsaBook,
  row: Row,
  encode: Encode,
  plan: { words: number; states: number },
  random: Random,
): Trial[] {
  const trials: Trial[] = [];
  for (let n = 0; n < plan.words; n++) {
    const word = wordOf(book, row, encode, random);
    if (word === undefined) break;
    const code = bytesOf(word);
    const decoded = book.decode(code, 0)!;
    const inst = book.lift(decoded, R.CODE);
    const records = new BigUint64Array(plan.states * R.RECORD);
    for (let i = 0; i < records.length; i += R.RECORD) {
      const record = records.subarray(i, i + R.RECORD);
      fillState(record, random);
      steer(book, inst.effects, record, random);
    }
    trials.push({ row, code, records, text: book.disassemble(decoded, R.CODE), ignore: answersOf(book, inst) });
  }
  return trials;
}

function* nested(effects: readonly Effect[]): Generator<Effect> {
  for (const e of effects) {
    yield e;
    if (e.k === "if") {
      yield* nested(e.then);
      yield* nested(e.else);
    }
  }
}

/** A direct jump into the code under test would never end. */
export function jumpsToItself(inst: Inst): boolean {
  for (const e of nested(inst.effects)) {
    if (e.k !== "jump" || e.target.op !== "const") continue;
    if (e.target.hi === 0 && e.target.lo >= R.CODE && e.target.lo < R.CODE + inst.length) return true;
  }
  return false;
}

/** Words in which answers to questions end up: clocks differ between any two engines. */
function answersOf(book: IsaBook, inst: Inst): Set<number> {
  const words = new Set<number>();
  for (const e of nested(inst.effects))
    if (e.k === "set" && e.value.op === "ask") words.add(R.placeOf(book.slots[e.slot].name)!.word);
  return words;
}

/** Puts addresses into the registers that a memory access or an indirect jump reads its address from. */
function steer(book: IsaBook, effects: readonly Effect[], record: BigUint64Array, random: Random): void {
  for (const e of nested(effects)) {
    if (e.k === "store") aim(book, e.addr, record, dataAddress(e.value.w / 8, random));
    else if (e.k === "load" || e.k === "rmw") aim(book, e.node.args[0], record, dataAddress(e.node.w / 8, random));
    else if (e.k === "jump") aim(book, e.target, record, codeAddress(random));
    else if (e.k === "stop" && e.name === "syscall") record[R.X + 8] = 0x7fffffn;
  }
}

/** Sets the register in `address` that is added as it stands so that the sum is `target`. */
function aim(book: IsaBook, address: Node, record: BigUint64Array, target: bigint): void {
  const gets: Node[] = [];
  let rest = 0n;
  const read = (n: Node): bigint => {
    if (n.op === "const") return (BigInt(n.hi) << 32n) | BigInt(n.lo >>> 0);
    if (n.op === "get") return record[R.placeOf(book.slots[n.aux].name)!.word];
    if (n.op === "shl") return BigInt.asUintN(n.w, read(n.args[0]) << (read(n.args[1]) & 255n));
    if (n.op === "zext" || n.op === "extract") return BigInt.asUintN(n.w, read(n.args[0]));
    if (n.op === "sext") return BigInt.asUintN(n.w, BigInt.asIntN(n.args[0].w, read(n.args[0])));
    return 0n;
  };
  const walk = (n: Node): void => {
    if (n.op === "get" && gets.length === 0) gets.push(n);
    else if (n.op === "add") n.args.forEach(walk);
    else if (n.op === "and") walk(n.args[0].op === "const" ? n.args[1] : n.args[0]);
    else rest += read(n);
  };
  walk(address);
  const slot = gets[0] && R.placeOf(book.slots[gets[0].aux].name);
  if (slot?.w !== 64) return;
  record[slot.word] = BigInt.asUintN(64, target - rest);
  const before = rest;
  rest = 0n;
  walk(address);
  // The register is the offset as well: let it point to nothing.
  if (rest !== before) record[slot.word] = 8n;
}

/** Unmapped; exact as doubles, which a program counter may be. */
const NOWHERE: readonly bigint[] = [0n, 8n, 0x30000000n, 0x1234567800n];
const END = BigInt(R.DATA + R.PAGE);

function dataAddress(size: number, random: Random): bigint {
  const kind = random.below(100);
  if (kind < 4) return random.pick(NOWHERE);
  if (kind < 7) return END - BigInt(random.below(size));
  const at = BigInt(R.WINDOW_AT + 64 + random.below(R.WINDOW - 64 - size + 1));
  return kind < 25 ? at : at & ~BigInt(size - 1);
}

function codeAddress(random: Random): bigint {
  const at = R.CODE + 4 + 4 * random.below(R.REACH / 8) * (random.chance(50) ? 1 : -1);
  return BigInt(at === R.CODE ? R.CODE + 8 : at);
}

/** A case in which two engines differ. */
export interface Difference {
  readonly trial: Trial;
  readonly before: BigUint64Array;
  readonly words: readonly { readonly index: number; readonly left: bigint; readonly right: bigint }[];
}

/** Runs all trials on both engines; the trials' own records stay as they are. */
export function compare(trials: readonly Trial[], left: Engine, right: Engine): Difference[] {
  const lefts = trials.map((t) => ({ code: t.code, records: t.records.slice() }));
  const rights = trials.map((t) => ({ code: t.code, records: t.records.slice() }));
  left(lefts);
  right(rights);
  const differences: Difference[] = [];
  trials.forEach((trial, i) => {
    for (let at = 0; at < trial.records.length; at += R.RECORD) {
      const a = lefts[i].records.subarray(at, at + R.RECORD);
      const b = rights[i].records.subarray(at, at + R.RECORD);
      const words = [];
      for (let index = 0; index < R.RECORD; index++) {
        if (a[index] === b[index] || index === R.MODE || trial.ignore.has(index)) continue;
        if (index === R.ADDRESS && (a[R.SIGNAL] !== R.SIGSEGV || a[index] === 0n)) continue;
        words.push({ index, left: a[index], right: b[index] });
      }
      if (words.length > 0) differences.push({ trial, before: trial.records.subarray(at, at + R.RECORD), words });
    }
  });
  return differences;
}

/** The first difference in each of the first rows, as text. */
export function report(differences: readonly Difference[], left: string, right: string): string {
  const byRow = new Map<Row, Difference>();
  for (const d of differences) if (!byRow.has(d.trial.row)) byRow.set(d.trial.row, d);
  const shown = [...byRow.values()].slice(0, 12).map((d) => describe(d, left, right));
  return `${differences.length} differences in ${byRow.size} rows\n${shown.join("\n")}`;
}

function describe(d: Difference, left: string, right: string): string {
  const hex = (v: bigint): string => `0x${v.toString(16)}`;
  const state: string[] = [];
  for (let i = 0; i < R.PC; i++) {
    const name = R.nameOf(i);
    const number = /^[xv](\d+)/.exec(name)?.[1];
    const named =
      number !== undefined && new RegExp(`\\b[${name[0] === "x" ? "xw" : "vqdshb"}]${number}\\b`).test(d.trial.text);
    if (named || (name === "sp" && /sp/.test(d.trial.text)) || i >= R.NZCV) state.push(`${name}=${hex(d.before[i])}`);
  }
  const words = d.words
    .slice(0, 6)
    .map((w) => `  ${R.nameOf(w.index)}: ${left} ${hex(w.left)}, ${right} ${hex(w.right)}`);
  return [`${d.trial.text} (${d.trial.row.name}) with ${state.join(" ")}`, ...words].join("\n");
}
