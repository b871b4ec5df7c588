import { readFileSync } from "node:fs";
import type { IsaBook, Row } from "../../src/rules/book.ts";
import { insertField, parseEncoding, splitWhere } from "../../src/rules/encoding.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { readSource } from "../../src/rules/source.ts";

const FILE = "riscv64.rules";

/** The text of the shipped RISC-V rulebook. */
export const riscv64Text = readFileSync(new URL(`../../rulebooks/isa/${FILE}`, import.meta.url), "utf8");

const source = readSource(riscv64Text, { file: FILE });
const encodings = source.rows.map((row) => parseEncoding(splitWhere(row.encoding).pattern, source.fields));

export function riscv64(text: string = riscv64Text): IsaBook {
  return loadIsaBook(text, { file: FILE });
}

/** Bytes of a row of the shipped book with the given field values; bits of a value outside its field are lost. */
export function encode(row: Row, fields: readonly number[]): Uint8Array {
  const encoding = encodings[row.index];
  let word = encoding.match;
  encoding.fields.forEach((field, i) => {
    word = insertField(field, word, fields[i]);
  });
  return Uint8Array.of(word, word >>> 8, word >>> 16, word >>> 24).slice(0, row.length);
}
