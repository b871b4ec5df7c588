import { Random } from "../../src/agent/verifier/random.ts";
import { value } from "../../src/agent/verifier/states.ts";
import { usageOf } from "../../src/agent/verifier/usage.ts";
import { instructionOf } from "../../src/agent/verifier/words.ts";
import { type OracleMachine, writeField } from "../../src/oracle/oracle.ts";
import type { Decoded, IsaBook, Row } from "../../src/rules/book.ts";

/** A few instructions and the state that they begin with. */
export interface Stream {
  readonly seed: number;
  readonly kind: "rows" | "real";
  readonly code: Uint8Array;
  /** A full record of the oracle's machine. */
  readonly record: Uint8Array;
  readonly memory: Uint8Array;
}

/** Bytes of memory that streams have: all of the page. */
export const MEMORY = 4096;
/** Bytes between the streams of a round, as the oracle places them. */
export const APART = 528;
/** Vector values: some are drawn once and used often, since drawing is slow. */
const POOL = 512;
/** Bytes of random memory that streams take theirs from. */
const NOISE = 1 << 16;

/** Makes streams from seeds: half of rows, half of pieces of programs with some of it changed. */
export class Streams {
  private readonly book: IsaBook;
  private readonly machine: OracleMachine;
  private readonly real: readonly Uint8Array[];
  private readonly rows: readonly Row[];
  private readonly jumps = new Map<Row, boolean>();
  private readonly pools = new Map<number, readonly bigint[]>();
  private readonly noise = new Uint8Array(NOISE);
  private readonly most: number;

  /** `apart`: rows that streams are not made of, and pieces of programs with them are not taken. */
  constructor(book: IsaBook, machine: OracleMachine, real: readonly Uint8Array[], apart: (row: Row) => boolean) {
    this.book = book;
    this.machine = machine;
    this.real = real;
    this.rows = book.rows.filter((row) => !apart(row));
    this.most = machine.codeBytes;
    const random = new Random(1);
    for (let i = 0; i < NOISE; i++) this.noise[i] = random.i32();
  }

  make(seed: number): Stream {
    const random = new Random(Math.imul(seed, 0x9e3779b1) ^ 0x5f3759df);
    const kind = this.real.length > 0 && random.chance(50) ? "real" : "rows";
    const code = kind === "real" ? this.mutated(random) : this.made(random);
    const from = random.below(NOISE - MEMORY);
    const memory = this.noise.subarray(from, from + MEMORY);
    return { seed, kind, code, record: this.record(random), memory };
  }

  private made(random: Random): Uint8Array {
    const out = new Uint8Array(this.most);
    let at = 0;
    for (let n = 2 + random.below(15); n > 0; n--) {
      const code = this.ofRow(random);
      if (at + code.length > this.most) break;
      out.set(code, at);
      at += code.length;
    }
    return out.slice(0, at);
  }

  private ofRow(random: Random): Uint8Array {
    for (;;) {
      const row = random.pick(this.rows);
      const found = instructionOf(this.book, row, random);
      if (!found || found.code.length > this.most) continue;
      // Most jumps lead away, and nothing behind them would be tried
      if (this.jumpsAway(row, found.decoded) && !random.chance(20)) continue;
      return found.code;
    }
  }

  private jumpsAway(row: Row, decoded: Decoded): boolean {
    let jumps = this.jumps.get(row);
    if (jumps === undefined) {
      const usage = usageOf(this.book.lift(decoded, 0x10000));
      this.jumps.set(row, (jumps = usage.targets.length > 0));
    }
    return jumps;
  }

  /** A piece of a program, from where instructions begin; then bits flipped, instructions of rows, noise, parts left out. */
  private mutated(random: Random): Uint8Array {
    const { align, lengths } = this.book;
    const code = random.pick(this.real);
    let at = random.below(Math.max(1, code.length - 4 * this.most));
    at -= at % align;
    // Where instructions have many lengths, decoding from anywhere soon falls into step
    if (lengths.length > 2) for (let n = 0; n < 6; n++) at += this.book.decode(code, at)?.length ?? align;
    let bytes: Uint8Array = code.slice(at, at + 8 + random.below(this.most - 7));
    const place = (): number => {
      const k = random.below(bytes.length);
      return k - (k % align);
    };
    for (let changes = random.below(5); changes > 0 && bytes.length > 8; changes--) {
      const k = place();
      switch (random.below(4)) {
        case 0:
          bytes[k + random.below(Math.min(align, bytes.length - k))]! ^= 1 << random.below(8);
          break;
        case 1:
          bytes.set(this.ofRow(random).subarray(0, bytes.length - k), k);
          break;
        case 2:
          bytes.set(
            Uint8Array.of(random.i32(), random.i32(), random.i32(), random.i32()).subarray(0, bytes.length - k),
            k,
          );
          break;
        default:
          bytes = Uint8Array.of(...bytes.subarray(0, k), ...bytes.subarray(k + align));
      }
    }
    return bytes;
  }

  private record(random: Random): Uint8Array {
    const { machine } = this;
    const out = new Uint8Array(machine.recordBytes);
    const quiet = random.chance(50);
    for (const f of machine.fields) {
      // What follows from modes is not shown: streams begin with the usual ones
      if (!f.settable || f.role === "pc" || f.choices || (f.kept !== undefined && f.bits > 8)) continue;
      let v: bigint;
      if (f.bits <= 8) v = quiet && f.role === "system" ? 0n : random.bits(f.bits);
      else if (f.role === "integer") v = this.integer(random, f.bits);
      else v = random.pick(this.pool(f.bits));
      writeField(out, 0, f.at, f.bits, f.kept === undefined ? v : v & f.kept);
    }
    return out;
  }

  /** An address within the data more often than not. */
  private integer(random: Random, w: number): bigint {
    const kind = random.below(100);
    const data = this.machine.data!;
    if (kind < 50) return data.address + BigInt(8 * random.below(MEMORY / 8));
    if (kind < 58) return data.address + BigInt(random.below(MEMORY + 32) - 16);
    if (kind < 70) return BigInt.asUintN(w, BigInt(random.below(80) - 16));
    return random.pick(this.pool(w));
  }

  private pool(w: number): readonly bigint[] {
    let pool = this.pools.get(w);
    if (!pool) {
      const random = new Random(w);
      pool = Array.from({ length: POOL }, () => this.near(value(random, w, [], w !== 64 || random.chance(20)), w));
      this.pools.set(w, pool);
    }
    return pool;
  }

  /** An address is 64 bits of which an engine uses 32: none points at data but for bits above. */
  private near(v: bigint, w: number): bigint {
    return w === 64 && v >> 32n !== 0n && BigInt.asUintN(31, v) >> 12n === this.machine.data!.address >> 12n ? 0n : v;
  }
}
