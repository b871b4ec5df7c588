import type { Effect, Inst, Node } from "../../../src/ir/node.ts";
import type { IsaBook, Row } from "../../../src/rules/book.ts";
import { wordOf } from "./evaluator.ts";
import { Random } from "./random.ts";
import * as R from "./record.ts";
import { EDGES, fillState } from "./states.ts";

/** A group of cases with what is known of it: the row it tests, and the record words that no two engines share. */
export interface Trial extends R.Group {
  readonly row: Row;
  readonly fields: readonly number[];
  readonly text: string;
  readonly ignore: ReadonlySet<number>;
}

/** Bytes of a row's instruction with these field values; null where they do not fit. */
export type Encode = (row: Row, fields: readonly number[]) => Uint8Array | null;

interface Plan {
  readonly words: number;
  /** States for each word. */
  readonly states: number;
}

/** Most words of records in one batch. */
const BATCH = 4_000_000;
const WORDS = 10;

/** Trials for every row, in batches: about `cases` a row, the same ones for equal seeds. */
export function* campaign(book: IsaBook, encode: Encode, cases: number, seed: number): Generator<Trial[]> {
  let batch: Trial[] = [];
  let size = 0;
  for (const row of book.rows) {
    const plan = { words: WORDS, states: Math.max(1, Math.ceil(cases / WORDS)) };
    for (const trial of trialsOf(book, row, encode, plan, new Random(seed * 65537 + row.index))) {
      batch.push(trial);
      size += trial.records.length;
    }
    if (size < BATCH) continue;
    yield batch;
    batch = [];
    size = 0;
  }
  if (batch.length > 0) yield batch;
}

/** Trials for one row: words with chosen fields, states with addresses that mostly hit the record's memory. */
function trialsOf(book: IsaBook, row: Row, encode: Encode, plan: Plan, random: Random): Trial[] {
  const trials: Trial[] = [];
  for (let attempt = 0; trials.length < plan.words && attempt < plan.words * 20; attempt++) {
    const code = encode(row, fieldsOf(row, random));
    const decoded = code && book.decode(code, 0);
    if (!code || !decoded || decoded.row !== row) continue;
    const inst = book.lift(decoded, R.CODE);
    if (jumpsToItself(inst)) continue;
    const records = new BigUint64Array(plan.states * R.RECORD);
    for (let i = 0; i < records.length; i += R.RECORD) {
      const record = records.subarray(i, i + R.RECORD);
      fillState(record, random);
      provoke(row, decoded.fields, record, random);
      steer(book, inst.effects, record, random);
    }
    trials.push({
      row,
      fields: decoded.fields,
      code,
      records,
      text: book.disassemble(decoded, R.CODE),
      ignore: answersOf(book, inst),
    });
  }
  return trials;
}

/** Bytes of code that a group can hold. */
const ROOM = 32;
/** The register that holds an address throughout a sequence; code in it does not write it. */
const BASE = 8;
/** Few registers, so that one instruction's result is another's operand. */
const POOL: readonly number[] = [0, 8, 9, 10, 11, 12];

/** Trials for sequences of random straight-line instructions that read each other's results. */
export function sequences(book: IsaBook, encode: Encode, count: number, seed: number): Trial[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const bytes: number[] = [];
    const lines: string[] = [];
    let row = book.rows[0];
    while (bytes.length + 4 <= ROOM) {
      row = random.pick(book.rows);
      const fields = row.fields.map((f, i) => {
        const value = fieldsOf(row, random)[i];
        return f.view === undefined ? value : (random.pick(POOL) - (f.width < 5 ? 8 : 0)) & (2 ** f.width - 1);
      });
      const code = encode(row, fields);
      const decoded = code && book.decode(code, 0);
      if (!code || decoded?.row !== row) continue;
      if (!straight(book, book.lift(decoded, R.CODE + bytes.length))) continue;
      bytes.push(...code);
      lines.push(book.disassemble(decoded, R.CODE));
    }
    const records = new BigUint64Array(SEQUENCE_STATES * R.RECORD);
    for (let i = 0; i < records.length; i += R.RECORD) {
      const record = records.subarray(i, i + R.RECORD);
      fillState(record, random);
      record[R.X + BASE] = BigInt(R.WINDOW_AT + 8 * random.below(8));
    }
    return {
      row,
      fields: [],
      code: Uint8Array.from(bytes),
      records,
      text: lines.join("; "),
      ignore: new Set<number>(),
    };
  });
}
const SEQUENCE_STATES = 6;
/** Highest address of the base and the most bytes above it that an access may touch. */
const ABOVE = 128n;

/** Stays in line, asks nothing, and accesses memory through BASE within the record alone. */
function straight(book: IsaBook, inst: Inst): boolean {
  const base = book.slots.findIndex((slot) => slot.name === `X[${BASE}]`);
  for (const e of nested(inst.effects)) {
    if (e.k === "jump" || e.k === "stop" || e.k === "ask") return false;
    if (e.k === "trap" && e.name !== "illegal") return false;
    if (e.k === "trap" && inst.effects.includes(e)) return false;
    if (e.k === "set" && e.slot === base) return false;
    if (e.k === "store" && !near(e.addr, base)) return false;
    if ((e.k === "load" || e.k === "rmw") && !near(e.node.args[0], base)) return false;
  }
  return true;
}

/** BASE, or BASE plus less than ABOVE. */
function near(address: Node, base: number): boolean {
  if (address.op === "get") return address.aux === base;
  if (address.op !== "add") return false;
  const [a, b] = address.args;
  return a.op === "get" && a.aux === base && b.op === "const" && b.hi === 0 && b.lo >= 0 && BigInt(b.lo) < ABOVE;
}

/** Field values: registers often equal, immediates often at their ends. */
function fieldsOf(row: Row, random: Random): number[] {
  const equal = random.chance(20) ? random.u32() : undefined;
  return row.fields.map((field) => {
    const { width } = field;
    const bits = 2 ** width;
    let v = random.below(bits);
    if (field.view !== undefined) {
      if (random.chance(10)) v = 0;
      else if (equal !== undefined) v = equal % bits;
    } else if (width > 3 && random.chance(40)) v = random.pick([0, 1, bits / 2 - 1, bits / 2, bits - 1, bits - 2]);
    return field.signed && v >= bits / 2 ? v - bits : v;
  });
}

/** Sources that states alone rarely hold: an operand equal to the immediate or its neighbour, a rounding edge. */
function provoke(row: Row, fields: readonly number[], record: BigUint64Array, random: Random): void {
  const of = (view: string): number[] => fields.filter((_, i) => row.fields[i].view === view);
  const immediate = row.fields.findIndex((f) => f.view === undefined && f.width > 3);
  const [x, ...more] = of("x");
  if (immediate >= 0 && x !== undefined && random.chance(25)) {
    const near = BigInt.asUintN(64, BigInt(fields[immediate] + random.below(3) - 1));
    for (const register of [x, ...more]) if (register !== 0) record[R.X + register] = near;
  }
  const floats = of("d");
  if (floats.length >= 2 && random.chance(10)) {
    const pair = random.pick(EDGES);
    floats.forEach((register, i) => {
      record[R.F + register] = pair[i % pair.length];
    });
  }
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
function jumpsToItself(inst: Inst): boolean {
  for (const e of nested(inst.effects)) {
    if (e.k !== "jump" || e.target.op !== "const") continue;
    if (e.target.hi === 0 && e.target.lo >= R.CODE && e.target.lo < R.CODE + inst.length) return true;
  }
  return false;
}

/** Words of the record in which answers to questions end up: cycle counters differ between any two engines. */
function answersOf(book: IsaBook, inst: Inst): Set<number> {
  const words = new Set<number>();
  for (const e of nested(inst.effects)) {
    if (e.k === "set" && e.value.op === "ask") words.add(wordOf(book.slots[e.slot].name)!);
  }
  return words;
}

/** Puts addresses into the registers that a memory access or an indirect jump reads its address from. */
function steer(book: IsaBook, effects: readonly Effect[], record: BigUint64Array, random: Random): void {
  for (const e of nested(effects)) {
    if (e.k === "store") aim(book, e.addr, record, dataAddress(e.value.w / 8, random));
    else if (e.k === "load" || e.k === "rmw") aim(book, e.node.args[0], record, dataAddress(e.node.w / 8, random));
    else if (e.k === "jump") aim(book, e.target, record, codeAddress(random));
    else if (e.k === "stop" && e.name === "syscall") record[R.X + 17] = 1n << 40n;
  }
}

/** Sets the one register in `address` so that register + constant is `target`. */
function aim(book: IsaBook, address: Node, record: BigUint64Array, target: bigint): void {
  const gets: Node[] = [];
  let offset = 0n;
  const walk = (n: Node): void => {
    if (n.op === "get") gets.push(n);
    else if (n.op === "add") n.args.forEach(walk);
    else if (n.op === "and") walk(n.args[0].op === "const" ? n.args[1] : n.args[0]);
    else if (n.op === "const") offset += (BigInt(n.hi) << 32n) | BigInt(n.lo >>> 0);
  };
  walk(address);
  const word = gets.length === 1 ? wordOf(book.slots[gets[0].aux].name) : undefined;
  if (word !== undefined) record[word] = BigInt.asUintN(64, target - offset);
}

/** Unmapped; exact as doubles, which a program counter may be. */
const NOWHERE: readonly bigint[] = [0n, 8n, 0x30000000n, 0x1234567800000000n, 1n << 63n, (1n << 64n) - 4096n];
const END = BigInt(R.DATA + R.PAGE);

function dataAddress(size: number, random: Random): bigint {
  const kind = random.below(100);
  if (kind < 5) return random.pick(NOWHERE);
  if (kind < 9) return END - BigInt(random.below(size));
  const at = BigInt(R.WINDOW_AT + random.below(R.WINDOW - size + 1));
  return kind < 30 ? at : at & ~BigInt(size - 1);
}

function codeAddress(random: Random): bigint {
  const kind = random.below(100);
  if (kind < 8) return random.pick(NOWHERE);
  const at = R.CODE + 4 + random.below(R.REACH / 2) * (random.chance(50) ? 1 : -1);
  return BigInt(at >= R.CODE - 2 && at < R.CODE + 4 ? R.CODE + 8 : at);
}
