import { bits, type Terms } from "./term.ts";

/**
 * Straight wasm code as terms: what the backend made of a value, read back from its bytes, so that it can be held against
 * the value itself. Branches are not followed; code that has them (or floats) cannot be read.
 */

/** A value on the stack or in a local: a term of 32 or 64 bits, or one of the two pointers. */
type Value = { readonly t: string; readonly w: number } | "from" | "to";

interface State {
  readonly stack: Value[];
  readonly locals: (Value | undefined)[];
  readonly stores: Map<number, string>;
}

class Unreadable extends Error {}

/** What the code stores at `to` + offset (64 bits each), by offset; a text: why it cannot be read. `load`: what stands at `from` + offset. */
export function readWasm(
  terms: Terms,
  code: Uint8Array,
  widthOf: (local: number) => number,
  locals: number,
  load: (offset: number) => string,
): ReadonlyMap<number, string> | string {
  const reader = new Reader(terms, code, load);
  const state: State = {
    stack: [],
    locals: Array.from({ length: locals }, (_, i) =>
      i === 0 ? "from" : i === 1 ? "to" : { t: bits(0n, widthOf(i)), w: widthOf(i) },
    ),
    stores: new Map(),
  };
  try {
    reader.run(state);
    return state.stores;
  } catch (error) {
    if (error instanceof Unreadable) return error.message;
    throw error;
  }
}

/** Two arguments and one result of one width, from the first opcode of a run (i32 at 0x6a, i64 at 0x7c). */
const ARITHMETIC = [
  "bvadd",
  "bvsub",
  "bvmul",
  "bvsdiv",
  "bvudiv",
  "bvsrem",
  "bvurem",
  "bvand",
  "bvor",
  "bvxor",
  "bvshl",
  "bvashr",
  "bvlshr",
];
/** From i32 at 0x46, i64 at 0x51. */
const COMPARE = ["=", "distinct", "bvslt", "bvult", "bvsgt", "bvugt", "bvsle", "bvule", "bvsge", "bvuge"];

class Reader {
  private at = 0;
  private readonly terms: Terms;
  private readonly code: Uint8Array;
  private readonly load: (offset: number) => string;

  constructor(terms: Terms, code: Uint8Array, load: (offset: number) => string) {
    this.terms = terms;
    this.code = code;
    this.load = load;
  }

  /** Up to the end of the block: "else", "end" or the end of the code. */
  run(s: State): number {
    while (this.at < this.code.length) {
      const op = this.code[this.at++]!;
      if (op === 0x05 || op === 0x0b) return op;
      this.op(op, s);
    }
    return 0x0b;
  }

  private op(op: number, s: State): void {
    const { stack } = s;
    switch (op) {
      case 0x01:
        return;
      case 0x02:
        this.byte();
        this.run(s);
        return;
      case 0x04:
        this.branch(s);
        return;
      case 0x1a:
        stack.pop();
        return;
      case 0x1b: {
        const c = this.pop(s);
        const [b, a] = [this.pop(s), this.pop(s)];
        this.push(s, `(ite (= ${c.t} ${bits(0n, 32)}) ${b.t} ${a.t})`, a.w);
        return;
      }
      case 0x20:
        stack.push(s.locals[this.number()]!);
        return;
      case 0x21:
        s.locals[this.number()] = stack.pop();
        return;
      case 0x22:
        s.locals[this.number()] = stack.at(-1);
        return;
      case 0x29:
      case 0x37:
        this.access(op, s);
        return;
      case 0x41:
        stack.push({ t: bits(this.signed(), 32), w: 32 });
        return;
      case 0x42:
        stack.push({ t: bits(this.signed(), 64), w: 64 });
        return;
    }
    this.value(op, s);
  }

  private value(op: number, s: State): void {
    const wide = (op >= 0x50 && op <= 0x5a) || (op >= 0x79 && op <= 0x8a);
    const w = wide ? 64 : 32;
    if (op === 0x45 || op === 0x50) {
      this.truth(s, `(= ${this.pop(s).t} ${bits(0n, w)})`);
      return;
    }
    const compare = COMPARE[op - (wide ? 0x51 : 0x46)];
    if (op < 0x5b && compare) {
      const [b, a] = [this.pop(s), this.pop(s)];
      this.truth(s, `(${compare} ${a.t} ${b.t})`);
      return;
    }
    const first = wide ? 0x79 : 0x67;
    if (op >= first && op < first + 3) {
      this.count(s, op - first, w);
      return;
    }
    const arithmetic = ARITHMETIC[op - (wide ? 0x7c : 0x6a)];
    if (op >= 0x6a && op <= 0x88 && arithmetic) {
      const [b, a] = [this.pop(s), this.pop(s)];
      // Amounts of shifts count modulo the width
      const right = /sh[lr]$/.test(arithmetic) ? `(bvand ${b.t} ${bits(BigInt(w - 1), w)})` : b.t;
      this.push(s, `(${arithmetic} ${a.t} ${right})`, w);
      return;
    }
    if (op === 0x77 || op === 0x78 || op === 0x89 || op === 0x8a) {
      const [b, a] = [this.pop(s), this.pop(s)];
      const left = op === 0x77 || op === 0x89;
      const k = `(bvand ${b.t} ${bits(BigInt(w - 1), w)})`;
      const back = `(bvand (bvneg ${k}) ${bits(BigInt(w - 1), w)})`;
      const [there, here] = left ? ["bvshl", "bvlshr"] : ["bvlshr", "bvshl"];
      this.push(s, `(bvor (${there} ${a.t} ${k}) (${here} ${a.t} ${back}))`, w);
      return;
    }
    this.convert(op, s);
  }

  private convert(op: number, s: State): void {
    const low: Readonly<Record<number, readonly [from: number, to: number]>> = {
      172: [32, 64],
      192: [8, 32],
      193: [16, 32],
      194: [8, 64],
      195: [16, 64],
      196: [32, 64],
    };
    if (op === 0xa7) this.push(s, `((_ extract 31 0) ${this.pop(s).t})`, 32);
    else if (op === 0xad) this.push(s, `((_ zero_extend 32) ${this.pop(s).t})`, 64);
    else if (low[op]) {
      const [from, to] = low[op]!;
      this.push(s, `((_ sign_extend ${to - from}) ((_ extract ${from - 1} 0) ${this.pop(s).t}))`, to);
    } else throw new Unreadable(`wasm op 0x${op.toString(16)}`);
  }

  /** clz, ctz, popcnt. */
  private count(s: State, kind: number, w: number): void {
    const { t } = this.pop(s);
    const bit = (i: number): string => `((_ extract ${i} ${i}) ${t})`;
    let out = bits(kind === 2 ? 0n : BigInt(w), w);
    for (let i = 0; i < w; i++) {
      const at = kind === 0 ? i : w - 1 - i;
      out =
        kind === 2
          ? `(bvadd ${out} ((_ zero_extend ${w - 1}) ${bit(i)}))`
          : `(ite (= ${bit(at)} #b1) ${bits(BigInt(kind === 0 ? w - 1 - at : at), w)} ${out})`;
    }
    this.push(s, out, w);
  }

  private branch(s: State): void {
    this.byte();
    const c = this.pop(s);
    const copy = (): State => ({ stack: [...s.stack], locals: [...s.locals], stores: s.stores });
    const yes = copy();
    const no = copy();
    if (this.run(yes) === 0x05) this.run(no);
    const test = this.terms.define(`(ite (= ${c.t} ${bits(0n, 32)}) #b0 #b1)`, 1);
    const merge = (a: Value | undefined, b: Value | undefined): Value => {
      if (a === b || b === undefined) return a!;
      if (a === undefined || typeof a === "string" || typeof b === "string")
        throw new Unreadable("arms that differ in kind");
      return a.t === b.t ? a : { t: this.terms.define(`(ite (= ${test} #b1) ${a.t} ${b.t})`, a.w), w: a.w };
    };
    if (yes.stack.length !== no.stack.length) throw new Unreadable("arms that differ in height");
    s.stack.length = 0;
    yes.stack.forEach((v, i) => void s.stack.push(merge(v, no.stack[i])));
    yes.locals.forEach((v, i) => {
      s.locals[i] = merge(v, no.locals[i]);
    });
  }

  private access(op: number, s: State): void {
    if (this.number() !== 0) throw new Unreadable("another memory");
    const offset = this.number();
    if (op === 0x29) {
      if (s.stack.pop() !== "from") throw new Unreadable("a load from elsewhere");
      s.stack.push({ t: this.load(offset), w: 64 });
      return;
    }
    const v = this.pop(s);
    if (s.stack.pop() !== "to") throw new Unreadable("a store to elsewhere");
    s.stores.set(offset, v.t);
  }

  private pop(s: State): { t: string; w: number } {
    const v = s.stack.pop();
    if (v === undefined || typeof v === "string") throw new Unreadable("a pointer for a value");
    return v;
  }
  private push(s: State, term: string, w: number): void {
    s.stack.push({ t: this.terms.define(term, w), w });
  }
  private truth(s: State, test: string): void {
    this.push(s, `(ite ${test} ${bits(1n, 32)} ${bits(0n, 32)})`, 32);
  }
  private byte(): number {
    return this.code[this.at++]!;
  }
  private number(): number {
    let v = 0;
    for (let shift = 0; ; shift += 7) {
      const b = this.byte();
      v |= (b & 127) << shift;
      if (b < 128) return v;
    }
  }
  private signed(): bigint {
    let v = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const b = this.byte();
      v |= BigInt(b & 127) << shift;
      if (b < 128) return BigInt.asIntN(Number(shift) + 7, v);
    }
  }
}
