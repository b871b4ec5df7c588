// Runs single instructions of a rulebook on the interpreter and on the evaluator, from the same random state.
import { IMPORT_ENGINE, IMPORT_FLOAT, IMPORT_GUEST, IMPORTS } from "../../src/backend/wasm/abi.ts";
import { floatImport } from "../../src/backend/wasm/floatcall.ts";
import { halvesOf } from "../../src/backend/wasm/halves.ts";
import { Interpreter } from "../../src/backend/wasm/interp.ts";
import { relaxedMaddIsFused } from "../../src/backend/wasm/probe.ts";
import { compileRegions } from "../../src/backend/wasm/region.ts";
import { rolesOf } from "../../src/backend/wasm/slots.ts";
import { Code } from "../../src/engine/code.ts";
import { AccessFault, evalInst, type Machine } from "../../src/ir/eval.ts";
import * as L from "../../src/memory/layout.ts";
import { GuestMemory } from "../../src/memory/memory.ts";
import type { Decoded, IsaBook } from "../../src/rules/book.ts";

/** In the middle, so that what is relative to the pc stays an address. */
export const CODE = 0x80000000;
export const DATA = 0x200000;
const DATA_SIZE = 0x2000;

/** What is left after one instruction, as text. */
export interface Left {
  readonly exit: string;
  readonly slots: string[];
  readonly memory: Uint8Array;
}

/** A reproducible source of 32-bit numbers (xorshift). */
export function randomSource(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

const EDGES = [0n, 1n, -1n, 2n, -2n, 1n << 63n, (1n << 63n) - 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 63n, 64n, 31n];
const FLOATS = [
  ...[
    0n,
    1n << 63n,
    0x3ff0000000000000n,
    0x7ff0000000000000n,
    0xfff0000000000000n,
    0x7ff8000000000000n,
    0x7ff0000000000001n,
  ],
  ...[1n, 0x000fffffffffffffn, 0x0010000000000000n, 0x7fefffffffffffffn, 0x43e0000000000000n, 0xc3e0000000000000n],
  ...[0xffffffff3f800000n, 0xffffffff7f800000n, 0xffffffff7fc00000n, 0xffffffff7f800001n, 0xffffffff00000001n],
  ...[0xffffffff80000000n, 0xffffffff00000000n, 0xffffffff4f000000n, 0xffffffff5f000000n, 0xffffffff7f7fffffn],
];

export class Pair {
  readonly engine = L.engineMemory();
  readonly memory = new GuestMemory(this.engine);
  readonly book: IsaBook;
  readonly interp: Interpreter;
  private readonly words = new Int32Array(this.engine.buffer);
  private readonly longs = new BigUint64Array(this.engine.buffer);
  private readonly random: () => number;
  private readonly data: Uint8Array;

  private readonly filler: number;

  /** `filler`: a byte that no instruction begins with. */
  constructor(book: IsaBook, module: WebAssembly.Module, random: () => number, filler = 0) {
    this.filler = filler;
    this.book = book;
    this.random = random;
    this.memory.map(CODE, 0x2000, L.PROT_READ | L.PROT_EXEC);
    this.memory.map(DATA, DATA_SIZE, L.PROT_READ | L.PROT_WRITE);
    const regions = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
    const { engine } = this;
    this.interp = new Interpreter(book, module, { engine, guest: this.memory.wasm, regions });
    this.memory.onCodeChange = (at, size) => this.interp.predecoder.dropRange(at, size);
    this.data = new Uint8Array(this.memory.wasm.buffer, DATA - L.BIAS, DATA_SIZE);
    this.memory.poke(CODE, new Uint8Array(0x2000).fill(filler));
  }

  private bits(): bigint {
    return (BigInt(this.random()) << 32n) | BigInt(this.random());
  }

  /** A value that instructions find interesting: edges, addresses, floats, small numbers, noise. */
  private value(): bigint {
    switch (this.random() & 7) {
      case 0:
        return EDGES[this.random() % EDGES.length];
      case 1:
      case 2:
        return BigInt(DATA + ((this.random() % DATA_SIZE) & (this.random() & 1 ? -8 : -1)));
      case 3:
      case 4:
        return FLOATS[this.random() % FLOATS.length];
      case 5:
        return 0xffffffff00000000n | BigInt(this.random());
      case 6:
        return BigInt((this.random() % 4096) - 2048);
      default:
        return this.bits();
    }
  }

  private scramble(): void {
    for (const slot of this.book.slots)
      for (let w = slot.w, at = L.STATE + slot.offset; w > 0; w -= 64, at += 8)
        this.longs[at >> 3] = BigInt.asUintN(Math.min(64, w), this.value());
    for (let i = 0; i < DATA_SIZE; i += 256) this.data[i + (this.random() & 255)] = this.random();
  }

  private slots(): string[] {
    return this.book.slots.map((_, i) => this.slotText(i, this.slot(i)));
  }
  private slotText(slot: number, value: bigint): string {
    return `${this.book.slots[slot].name}=${value.toString(16)}`;
  }
  /** The slot's value, whatever its width. */
  private slot(slot: number): bigint {
    const { w, offset } = this.book.slots[slot];
    let value = 0n;
    for (let j = Math.ceil(w / 64) - 1; j >= 0; j--) value = (value << 64n) | this.longs[((L.STATE + offset) >> 3) + j];
    return value;
  }

  /** Runs one instruction on both from a random state; null: equal, else what differs. `evaluated`: the tier left it out. */
  compare(bytes: Uint8Array): { readonly differs: string | null; readonly evaluated: boolean } {
    this.memory.poke(CODE, new Uint8Array(16).fill(this.filler));
    this.memory.poke(CODE, bytes);
    const decoded = this.book.decode(new Uint8Array(this.memory.wasm.buffer), CODE - L.BIAS);
    if (!decoded) throw new Error("no instruction");
    this.scramble();
    const expected = this.evaluate(decoded);
    this.words[L.CTL_FUEL >> 2] = 1;
    this.longs[L.CTL_PC >> 3] = BigInt(CODE);
    this.interp.run();
    const exit = this.words[L.CTL_EXIT >> 2];
    if (exit === L.Exit.Evaluate) return { differs: null, evaluated: true };
    const got: Left = { exit: this.exitText(exit, decoded.length), slots: this.slots(), memory: this.data.slice() };
    // A locked instruction may be seen to read before it writes.
    const locked =
      bytes[0] === 0xf0 && got.exit.replace(/ [12] at/, " at") === expected.exit.replace(/ [12] at/, " at");
    if (got.exit !== expected.exit && !locked)
      return { differs: `exit ${got.exit}, not ${expected.exit}`, evaluated: false };
    const wrong = got.slots.findIndex((s, i) => s !== expected.slots[i]);
    if (wrong >= 0) return { differs: `${got.slots[wrong]}, not ${expected.slots[wrong]}`, evaluated: false };
    const at = got.memory.findIndex((b, i) => b !== expected.memory[i]);
    if (at >= 0) return { differs: `memory at ${at}: ${got.memory[at]}, not ${expected.memory[at]}`, evaluated: false };
    return { differs: null, evaluated: false };
  }

  /**
   * Runs instructions in a row, compiled as a checked region, and on the interpreter; what the region leaves out the
   * interpreter does from where it left. null: equal, else what differs; `left`: the region did nothing.
   */
  compareRegion(bytes: Uint8Array): { readonly differs: string | null; readonly left: boolean } {
    this.memory.poke(CODE, new Uint8Array(64).fill(this.filler));
    this.memory.poke(CODE, bytes);
    const code = new Code(this.book, this.memory);
    const inside = (pc: number): boolean => pc >= CODE && pc < CODE + bytes.length;
    const source = { inst: (pc: number) => (inside(pc) ? code.inst(pc) : null) };
    const regions = compileRegions(this.book, source, [CODE], { fused: relaxedMaddIsFused(), checked: true });
    const name = regions?.exports.get(CODE);
    if (!regions || name === undefined) return { differs: null, left: true };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(regions.bytes), {
      [IMPORTS]: {
        [IMPORT_GUEST]: this.memory.wasm,
        [IMPORT_ENGINE]: this.engine,
        [IMPORT_FLOAT]: floatImport(this.engine),
      },
    });
    this.scramble();
    const { slots } = halvesOf(this.book.slots);
    for (const slot of rolesOf(slots).assumedZero) this.longs[(L.STATE + slots[slot].offset) >> 3] = 0n;
    const state = this.longs.slice(0, L.STATE_SIZE / 8);
    const data = this.data.slice();
    const finish = (): string => {
      this.words[L.CTL_FUEL >> 2] = 1;
      this.interp.run();
      return this.exitText(this.words[L.CTL_EXIT >> 2], 0);
    };
    this.longs[L.CTL_PC >> 3] = BigInt(CODE);
    const expected = { exit: finish(), slots: this.slots(), memory: this.data.slice() };
    // The evaluator's: nothing to compare with.
    if (this.words[L.CTL_EXIT >> 2] === L.Exit.Evaluate) return { differs: null, left: false };
    this.longs.set(state);
    this.data.set(data);
    this.longs[L.CTL_PC >> 3] = BigInt(CODE);
    this.words[L.CTL_FUEL >> 2] = 1000;
    (instance.exports[name] as () => void)();
    const left = this.longs[L.CTL_PC >> 3] === BigInt(CODE) && this.words[L.CTL_EXIT >> 2] === L.Exit.Evaluate;
    const reason = this.words[L.CTL_EXIT >> 2];
    const over = reason === L.Exit.Stop || reason === L.Exit.Trap;
    const exit = over ? this.exitText(reason, 0) : finish();
    if (exit !== expected.exit) return { differs: `exit ${exit}, not ${expected.exit}`, left };
    const got = this.slots();
    const wrong = got.findIndex((s, i) => s !== expected.slots[i]);
    if (wrong >= 0) return { differs: `${got[wrong]}, not ${expected.slots[wrong]}`, left };
    const at = this.data.findIndex((b, i) => b !== expected.memory[i]);
    return { differs: at < 0 ? null : `memory at ${at}: ${this.data[at]}, not ${expected.memory[at]}`, left };
  }

  private exitText(exit: number, length: number): string {
    const pc = this.longs[L.CTL_PC >> 3];
    const aux = this.words[L.CTL_AUX >> 2];
    const at = `at ${pc.toString(16)}`;
    if (exit === L.Exit.Stop) return `stop ${this.book.stops[aux]} ${at}`;
    if (exit === L.Exit.Trap && pc === BigInt(CODE)) return `trap ${this.book.traps[aux]} ${at}`;
    // What lies behind the instruction cannot be executed: that is where it went.
    const here = pc === BigInt(CODE) && exit === L.Exit.Fault && aux !== L.PROT_EXEC;
    if (here) return `fault ${this.longs[L.CTL_ADDR >> 3].toString(16)} ${aux} ${length > 0 ? at : ""}`;
    return `to ${pc.toString(16)}`;
  }

  private evaluate(decoded: Decoded): Left {
    const slots = new Map<number, bigint>();
    const memory = this.data.slice();
    const view = new DataView(memory.buffer);
    const where = (addr: bigint, w: number, access: number): number => {
      for (const at of [addr, addr + BigInt(w / 8 - 1)])
        if (at < BigInt(DATA) || at >= BigInt(DATA + DATA_SIZE)) {
          const code = access === 1 && at >= BigInt(CODE) && at < BigInt(CODE + 0x2000);
          if (!code) throw new AccessFault(at === addr ? at : at & ~0xfffn, access & 2 ? 2 : 1);
        }
      return Number(addr) - DATA;
    };
    const read = (at: number, w: number): bigint => {
      let value = 0n;
      for (let i = 0; i < w / 8; i++) {
        const byte = at >= 0 && at + i < DATA_SIZE ? view.getUint8(at + i) : this.memory.u8(DATA + at + i);
        value |= BigInt(byte) << BigInt(8 * i);
      }
      return value;
    };
    const write = (at: number, w: number, value: bigint): void => {
      for (let i = 0; i < w / 8; i++) view.setUint8(at + i, Number((value >> BigInt(8 * i)) & 255n));
    };
    const machine: Machine = {
      getSlot: (s) => this.slot(s),
      setSlot: (s, value) => slots.set(s, value),
      load: (addr, w) => read(where(addr, w, 1), w),
      store: (addr, w, value) => write(where(addr, w, 2), w, value),
      rmw: (addr, w, change) => {
        const at = where(addr, w, 3);
        const old = read(at, w);
        write(at, w, change(old));
        return old;
      },
      ask: () => [0n, 0n, 0n, 0n],
      probe: (addr, w) => void where(addr, w, 2),
    };
    let exit: string;
    const at = `at ${CODE.toString(16)}`;
    const next = BigInt(CODE + decoded.length);
    try {
      const outcome = evalInst(this.book.lift(decoded, CODE), machine);
      if (outcome.k === "next") exit = `to ${next.toString(16)}`;
      else if (outcome.k === "jump") exit = `to ${outcome.target.toString(16)}`;
      else if (outcome.k === "stop") exit = `stop ${outcome.name} at ${next.toString(16)}`;
      else exit = `${outcome.k} ${outcome.name} ${at}`;
    } catch (error) {
      if (!(error instanceof AccessFault)) throw error;
      exit = `fault ${error.address.toString(16)} ${error.access} ${at}`;
    }
    const text = this.book.slots.map((_, i) => this.slotText(i, slots.get(i) ?? this.slot(i)));
    return { exit, slots: text, memory };
  }
}

/**
 * Instruction words of every row: all values of the bits that fixed-width encodings fix (`patterns`), the others
 * random, at most `each` a row.
 */
export function wordsOfRows(book: IsaBook, random: () => number, each: number): Map<string, Uint8Array[]> {
  const found = new Map<string, Uint8Array[]>();
  const bytes = new Uint8Array(4);
  const view = new DataView(bytes.buffer);
  const offer = (word: number): void => {
    view.setUint32(0, word, true);
    const decoded = book.decode(bytes, 0);
    if (!decoded) return;
    const key = `${decoded.row.name}#${decoded.row.index}`;
    let list = found.get(key);
    if (!list) found.set(key, (list = []));
    if (list.length < each) list.push(bytes.slice(0, decoded.length));
    else if (random() % 16 === 0) list[random() % each] = bytes.slice(0, decoded.length);
  };
  const start = random() & 0xffff;
  for (let i = 0; i < 0x10000; i++) if (((start + i * 40503) & 3) !== 3) offer((start + i * 40503) & 0xffff);
  // Bits 31:20, 14:12 and 6:2 are what 32-bit encodings fix; 19:15 and 11:7 are random, or zero.
  for (let fixed = 0; fixed < 1 << 20; fixed++) {
    const word = (fixed >>> 8) * 0x100000 + (((fixed >>> 5) & 7) << 12) + ((fixed & 31) << 2) + 3;
    offer(word | ((random() & 31) << 15) | ((random() & 31) << 7));
    if (fixed >>> 8 < 2 || fixed >>> 8 === 0x010 || (fixed >>> 8) - ((fixed >>> 8) % 4) === 0xc00) offer(word);
  }
  return found;
}
