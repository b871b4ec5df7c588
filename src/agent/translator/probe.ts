import type { Field, Oracle } from "../../oracle/oracle.ts";
import { high, maskHigh, maskLow, put, Rng, structured } from "./values.ts";
import { byteAt } from "./word-bits.ts";

/** Something of the state that is set before a case and seen after it. */
export interface Cell {
  readonly name: string;
  readonly bits: number;
  /** Number in the machine's fields. */
  readonly field: number;
  /** False: what is written to it does not stay. */
  readonly settable: boolean;
  readonly flag: boolean;
}

/** Results of a batch. Cell c of case k stands at 2 * (k * cells + c), low half first. */
export interface Seen {
  readonly outcome: Uint8Array;
  /** Where each case began and where control went, as halves. */
  readonly at: Int32Array;
  readonly pc: Int32Array;
  readonly state: Int32Array;
  readonly memory: Uint8Array;
  /** 1 where something changed that is no cell. */
  readonly strayed: Uint8Array;
}

/** An oracle as the learner sees it: instruction words, integer cells, a window of memory. Counts what it asks. */
export class Probe {
  readonly oracle: Oracle;
  readonly cells: readonly Cell[];
  readonly pcBits: number;
  readonly little: boolean;
  /** Bytes an address stands for. */
  unit: number;
  readonly dataAt: number;
  readonly dataSize: number;
  count = 0;
  /** By cell: bits that keep what is written to them, and what the others read as; halves. */
  readonly keeps: Int32Array;
  readonly reads: Int32Array;
  /** By length: which first bytes begin instructions of it; absent: all. */
  readonly begins = new Map<number, Uint8Array>();
  private readonly carry: readonly number[];
  private readonly hidden: readonly Field[];

  constructor(oracle: Oracle) {
    this.oracle = oracle;
    const { machine } = oracle;
    const pc = machine.fields.findIndex((f) => f.role === "pc");
    const usable = (f: Field): boolean => f.role !== "pc" && f.role !== "float" && f.role !== "vector" && f.bits <= 64;
    this.cells = machine.fields.flatMap((f, i) =>
      usable(f) ? [{ name: f.name, bits: f.bits, field: i, settable: f.settable, flag: f.bits === 1 }] : [],
    );
    this.pcBits = machine.fields[pc]!.bits;
    this.carry = this.cells.map((c) => c.field);
    this.hidden = machine.fields.filter((f) => (f.role === "float" || f.role === "vector") && f.bits >= 32);
    this.little = machine.littleEndian;
    this.unit = Math.round(1 / machine.unitsPerByte);
    this.keeps = new Int32Array(2 * this.cells.length);
    this.reads = new Int32Array(2 * this.cells.length);
    this.cells.forEach((c, i) => {
      this.keeps[2 * i] = c.settable ? maskLow(c.bits) : 0;
      this.keeps[2 * i + 1] = c.settable ? maskHigh(c.bits) : 0;
    });
    this.dataAt = machine.data ? Number(machine.data.address) : 0;
    this.dataSize = machine.data ? machine.data.size : 0;
  }

  get rate(): number {
    return this.oracle.machine.rate;
  }

  /** Runs `words[i]` (or one word for all) on state i. `memory`: the same number of bytes for each case. */
  async run(words: Float64Array | number, length: number, state: Int32Array, memory?: Uint8Array): Promise<Seen> {
    const count = state.length / (2 * this.cells.length);
    const single = typeof words === "number";
    const code = new Uint8Array(single ? length : length * count);
    for (let k = 0; k < (single ? 1 : count); k++) {
      const word = single ? words : words[k]!;
      for (let i = 0; i < length; i++) code[k * length + (this.little ? i : length - 1 - i)] = byteAt(word, i);
    }
    const bytes = new Uint8Array(state.buffer, state.byteOffset, state.byteLength);
    this.count += count;
    const seen = await this.oracle.observe({
      count,
      stride: single ? 0 : length,
      code,
      carry: this.carry,
      ...(this.oracle.machine.steps ? { steps: 1 } : {}),
      state: bytes,
      ...(this.hidden.length > 0 ? { rest: this.rest() } : {}),
      ...(memory ? { memory } : {}),
    });
    const after = seen.state.byteOffset % 4 === 0 ? seen.state : seen.state.slice();
    return {
      outcome: seen.outcome,
      at: new Int32Array(seen.at.buffer, seen.at.byteOffset, 2 * count),
      pc: new Int32Array(seen.pc.buffer, seen.pc.byteOffset, 2 * count),
      state: new Int32Array(after.buffer, after.byteOffset, after.byteLength >> 2),
      memory: seen.memory,
      strayed: seen.strayed,
    };
  }

  /** Registers that are no cells, at random: a value that never changes would look like one of the machine's own. */
  private rest(): Uint8Array {
    const rng = new Rng(this.count);
    const record = new Uint8Array(this.oracle.machine.recordBytes);
    for (const f of this.hidden) for (let i = f.at >> 3; i < (f.at + f.bits) >> 3; i++) record[i] = rng.next() >>> 9;
    return record;
  }

  /** The same with every case's state repeated for each of several words: word-major. */
  async runAll(words: readonly number[], length: number, state: Int32Array, memory?: Uint8Array): Promise<Seen> {
    const per = state.length / (2 * this.cells.length);
    const all = new Int32Array(state.length * words.length);
    const list = new Float64Array(per * words.length);
    const bytes = memory ? new Uint8Array(memory.length * words.length) : undefined;
    words.forEach((word, i) => {
      all.set(state, i * state.length);
      list.fill(word, i * per, (i + 1) * per);
      if (memory) bytes!.set(memory, i * memory.length);
    });
    return this.run(list, length, all, bytes);
  }

  /** Whether a word may be an instruction of its length. */
  proper(word: number, length: number): boolean {
    const begins = this.begins.get(length);
    return !begins || begins[byteAt(word, this.little ? 0 : length - 1)] === 1;
  }

  // --- states

  empty(count: number): Int32Array {
    return new Int32Array(2 * count * this.cells.length);
  }

  /** `count` states: `kind` random, structured (edges, equal registers), or near the middle of the data window. */
  states(rng: Rng, count: number, kind: "random" | "structured" | "twins" | "window"): Int32Array {
    const out = this.empty(count);
    const { cells } = this;
    for (let k = 0; k < count; k++) {
      const pool = Array.from({ length: 3 }, () => [rng.next(), rng.next()] as const);
      // Some pools are of neighbours: comparisons show at them
      if (k % 2 === 1) for (const i of [1, 2]) pool[i] = [pool[0]![0] + i, pool[0]![1]];
      // Some of zeros: what a branch may ask of one register
      if (k % 3 === 2) pool[2] = [0, 0];
      const same = kind === "structured" && rng.below(4) === 0;
      const seedLo = rng.next();
      const seedHi = rng.next();
      const delta = rng.below(3) - 1;
      for (let c = 0; c < cells.length; c++) {
        const { bits } = cells[c]!;
        const at = 2 * (k * cells.length + c);
        if (kind === "random" || bits === 1) out[at] = put(rng.next(), rng.next(), bits);
        else if (kind === "twins") {
          const [lo, hi] = rng.pick(pool);
          out[at] = put(lo, hi, bits);
        } else if (kind === "window") {
          const middle = this.dataAt + Math.floor(this.dataSize / this.unit / 2);
          out[at] = put(
            middle +
              8 *
                (rng.below(Math.max(1, Math.floor(this.dataSize / this.unit / 16))) -
                  Math.floor(this.dataSize / this.unit / 32)),
            0,
            bits,
          );
        } else if (same && rng.below(3) > 0) out[at] = put(seedLo + (rng.below(4) === 0 ? delta : 0), seedHi, bits);
        else out[at] = structured(rng, bits);
        out[at + 1] = high;
        this.settle(out, at, c);
      }
    }
    return out;
  }

  lo(state: Int32Array, k: number, cell: number): number {
    return state[2 * (k * this.cells.length + cell)]!;
  }
  hi(state: Int32Array, k: number, cell: number): number {
    return state[2 * (k * this.cells.length + cell) + 1]!;
  }
  setCell(state: Int32Array, k: number, cell: number, lo: number, hi: number): void {
    const at = 2 * (k * this.cells.length + cell);
    const { bits } = this.cells[cell]!;
    state[at] = lo & maskLow(bits);
    state[at + 1] = hi & maskHigh(bits);
    this.settle(state, at, cell);
  }

  /** Bits that do not stay as they are set. */
  private settle(state: Int32Array, at: number, cell: number): void {
    for (const half of [0, 1]) {
      const keep = this.keeps[2 * cell + half]!;
      state[at + half] = (state[at + half]! & keep) | (this.reads[2 * cell + half]! & ~keep);
    }
  }

  /** Finds out which bits of the state keep what is written to them, by running words on all ones and all zeros. */
  async calibrate(rng: Rng, length: number): Promise<void> {
    const n = 64;
    const state = this.empty(2 * n);
    const words = new Float64Array(2 * n);
    for (let k = 0; k < 2 * n; k++) {
      words[k] = k < n ? rng.next() : words[k - n]!;
      for (const [c, cell] of this.cells.entries()) {
        state[2 * (k * this.cells.length + c)] = k < n ? maskLow(cell.bits) : 0;
        state[2 * (k * this.cells.length + c) + 1] = k < n ? maskHigh(cell.bits) : 0;
      }
    }
    const seen = await this.run(words, length, state);
    for (let i = 0; i < 2 * this.cells.length; i++) {
      for (let bit = 0; bit < 32; bit++) {
        let kept = 0;
        let ones = 0;
        for (let k = 0; k < n; k++) {
          const one = (seen.state[k * 2 * this.cells.length + i]! >>> bit) & 1;
          const zero = (seen.state[(k + n) * 2 * this.cells.length + i]! >>> bit) & 1;
          if (one === 1 && zero === 0) kept++;
          ones += one + zero;
        }
        if (kept * 3 > n) continue;
        this.keeps[i] = this.keeps[i]! & ~(1 << bit);
        if (ones > n) this.reads[i] = this.reads[i]! | (1 << bit);
      }
    }
  }

  /** Whether a cell keeps anything that is written to it. */
  keepsAny(cell: number): boolean {
    return this.keeps[2 * cell] !== 0 || this.keeps[2 * cell + 1] !== 0;
  }
}
