import type { IsaBook } from "../../src/rules/book.ts";
import { insertField } from "../../src/rules/encoding.ts";
import { Rulebook } from "../../src/rules/rulebook.ts";
import type { Random } from "./random.ts";

/** Makes instructions: of rows of a book, with fields that keep jumps and accesses near. */
export class Words {
  private readonly book: Rulebook;

  constructor(book: IsaBook) {
    if (!(book instanceof Rulebook)) throw new Error("these are not a rulebook's rows");
    this.book = book;
  }

  /** An instruction of a random row; of no row now and then, where the row's condition fails. */
  ofRow(random: Random): Uint8Array {
    const { expanded } = this.book;
    const row = random.pick(expanded.rows);
    let word = row.match;
    for (const field of row.fields) {
      const wide = field.width > 5;
      const near = wide && !random.oneIn(4) ? random.below(64) - (field.signed ? 32 : 0) : random.u32();
      word = insertField(field, word, wide ? near : random.u32() >>> random.below(32));
    }
    return bytesOf(word, row.bits / 8, this.book.littleEndian);
  }

  /** Any bits, of a length that instructions have. */
  any(random: Random): Uint8Array {
    return bytesOf(random.u32(), random.pick(this.book.lengths), this.book.littleEndian);
  }
}

function bytesOf(word: number, length: number, little: boolean): Uint8Array {
  const bytes = Uint8Array.of(word, word >>> 8, word >>> 16, word >>> 24).slice(0, length);
  return little ? bytes : bytes.reverse();
}
