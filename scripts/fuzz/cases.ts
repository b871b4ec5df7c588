import type { Slot } from "../../src/ir/node.ts";
import type { IsaBook } from "../../src/rules/book.ts";
import { CODES, EDGES, FILLED_SIZE, WRITABLE_CODE } from "./arena.ts";
import { Random } from "./random.ts";
import { Words } from "./words.ts";

/** One case: everything that decides what happens, made from its seed alone. */
export interface Case {
  readonly seed: number;
  /** Index into CODES, and the address of the stream in it. */
  readonly area: number;
  readonly start: number;
  readonly stream: Uint8Array;
  /** What FILLED pages hold, one after the other. */
  readonly data: Uint8Array;
  /** Value of each slot. */
  readonly slots: readonly bigint[];
  /** Where to go on after each stop that ends a run: offset in the stream, or -1 for behind the instruction. */
  readonly resume: readonly number[];
  readonly kind: "rows" | "real";
}

/** Stops a case goes through. */
const STOPS = 16;
/** Bytes of random data that cases take theirs from. */
const POOL = 1 << 16;

/** Values at which instructions change their mind: integers, doubles, singles in their NaN boxes. */
const VALUES: readonly bigint[] = [
  ...[0n, 1n, 2n, 7n, 31n, 63n, 64n, 0x7fn, 0x80n, 0x7fffn, 0x8000n, 0x7fffffffn, 0x80000000n, 0xffffffffn],
  ...[-1n, -2n, -8n, -2048n, -(1n << 31n), 1n << 63n, (1n << 63n) - 1n, 0x0123456789abcdefn, 0x5555555555555555n],
  ...[0x3ff0000000000000n, 0xbff8000000000000n, 0x7ff0000000000000n, 0x7ff8000000000000n, 0x7ff0000000000001n],
  ...[0x000fffffffffffffn, 0x0010000000000000n, 0x7fefffffffffffffn, 0x43e0000000000000n, 0xc3e0000000000000n],
  ...[0xffffffff3f800000n, 0xffffffffbfc00000n, 0xffffffff7f800000n, 0xffffffff7fc00000n, 0xffffffff7f800001n],
  ...[0xffffffff00000001n, 0xffffffff00800000n, 0xffffffff7f7fffffn, 0xffffffff4f000000n, 0xffffffff5f000000n],
];

/** Makes cases of a book; `real` is code of programs to take streams from. */
export class Cases {
  private readonly book: IsaBook;
  private readonly words: Words;
  private readonly real: readonly Uint8Array[];
  private readonly pool = new Uint8Array(POOL);

  constructor(book: IsaBook, real: readonly Uint8Array[]) {
    this.book = book;
    this.words = new Words(book);
    this.real = real;
    const random = new Random(1);
    for (let i = 0; i < POOL; i++) this.pool[i] = random.u32();
  }

  make(seed: number): Case {
    const random = new Random(seed);
    const kind = this.real.length > 0 && random.oneIn(2) ? "real" : "rows";
    const stream = kind === "real" ? this.mutated(random) : this.made(random);
    const area = random.oneIn(12) ? WRITABLE_CODE : random.below(WRITABLE_CODE);
    return {
      ...{ seed, kind, stream, area, start: this.place(area, stream.length, random) },
      data: this.pool.subarray(random.below(POOL - FILLED_SIZE)).subarray(0, FILLED_SIZE),
      slots: this.book.slots.map((slot) => value(slot, random)),
      resume: Array.from({ length: STOPS }, () => (random.oneIn(3) ? this.boundary(stream.length, random) : -1)),
    };
  }

  /** Rows' instructions, with bits of no row in one stream of four. */
  private made(random: Random): Uint8Array {
    const noise = random.oneIn(4) ? 2 + random.below(10) : 0;
    const parts: Uint8Array[] = [];
    for (let n = 4 + random.below(60); n > 0; n--)
      parts.push(noise && random.oneIn(noise) ? this.words.any(random) : this.words.ofRow(random));
    return joined(parts);
  }

  /** A piece of a program's code, with some of it changed. */
  private mutated(random: Random): Uint8Array {
    const code = random.pick(this.real);
    const at = this.boundary(Math.max(code.length - 256, 0), random);
    let bytes: Uint8Array = code.slice(at, at + 32 + this.boundary(224, random));
    for (let changes = random.below(8); changes > 0 && bytes.length > 8; changes--) {
      const at = this.boundary(bytes.length, random);
      const size = random.pick(this.book.lengths);
      switch (random.below(5)) {
        case 0:
          bytes[at]! ^= 1 << random.below(8);
          break;
        case 1:
          bytes.set(this.words.ofRow(random).subarray(0, bytes.length - at), at);
          break;
        case 2:
          bytes.set(this.words.any(random).subarray(0, bytes.length - at), at);
          break;
        case 3:
          bytes = joined([bytes.subarray(0, at), bytes.subarray(at + size)]);
          break;
        default:
          bytes = joined([bytes.subarray(0, at), bytes.subarray(0, 2 * size), bytes.subarray(at)]);
      }
    }
    return bytes;
  }

  /** Where the stream begins: first in its area, across its pages, last in it, or anywhere. */
  private place(area: number, length: number, random: Random): number {
    const { address, size } = CODES[area]!;
    const rest = size - length;
    const wish = [0, size / 2 - this.boundary(length, random), rest, random.below(rest)][random.below(4)]!;
    const at = Math.max(0, Math.min(rest, wish));
    return address + at - (at % this.book.align);
  }

  private boundary(below: number, random: Random): number {
    const at = random.below(below);
    return at - (at % this.book.align);
  }
}

/** An address more often than not: most near an edge or in data, some wrapped or with high bits. */
function value(slot: Slot, random: Random): bigint {
  if (slot.w < 32) return random.oneIn(2) ? 0n : BigInt.asUintN(slot.w, random.u64());
  return BigInt.asUintN(slot.w, wide(random));
}

function wide(random: Random): bigint {
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      return BigInt(0x20000 + (random.below(0x2000) & -8));
    case 3:
      return BigInt(0x20000 + random.below(0x3000));
    case 4:
      return BigInt(random.pick(EDGES) + random.below(64) - 40);
    case 5:
      return BigInt(0x20000 + random.below(0x2000)) | (BigInt(random.below(4)) << BigInt(30 + random.below(34)));
    case 6:
      return BigInt(random.below(512) - 256);
    case 7:
      return random.u64() >> BigInt(random.below(64));
    default:
      return random.pick(VALUES);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
