import { printable } from "../errors.ts";
import { codeOptions, Pages, type Selection, select } from "./code-options.ts";
import type { Command } from "./command.ts";
import { instructions, labels, wordText } from "./listing.ts";

export const command: Command = {
  spec: {
    operands: "FILE",
    least: 1,
    most: 1,
    options: [
      ...codeOptions,
      { name: "no-aliases", help: "rows' own spellings only" },
      { name: "json", help: "print one JSON object a line" },
    ],
    about: "Disassembles a program's code, as its ISA's rulebook reads it.",
    examples: [
      ["disasm a.out", "all executable sections"],
      ["disasm --at main a.out", "one function"],
      ["disasm --at 0x10430 --count 8 a.out", "eight instructions from an address"],
    ],
  },
  run(args, io) {
    const selection = select(args, io);
    const pages = new Pages(io.print);
    if (args.has("json")) listJson(selection, !args.has("no-aliases"), pages);
    else listText(selection, !args.has("no-aliases"), pages);
    pages.flush();
    return 0;
  },
};

/** objdump's layout: labels, address, word, text; targets that have a name get it appended. */
function listText({ image, book, stretches, limit }: Selection, aliases: boolean, pages: Pages): void {
  const names = labels(image);
  const wide = Math.max(...book.lengths) * 2;
  for (const stretch of stretches) {
    if (stretches.length > 1) pages.line(`\nDisassembly of section ${printable(stretch.name)}:`);
    for (const { address, bytes, decoded } of instructions(book, stretch, limit)) {
      const name = names.get(address);
      if (name) pages.line(`\n${address.toString(16).padStart(16, "0")} <${printable(name)}>:`);
      const text = decoded ? book.disassemble(decoded, address, { aliases }) : unknown(bytes, book.littleEndian);
      const word = wordText(bytes, book.littleEndian).padEnd(wide);
      pages.line(`${address.toString(16).padStart(8)}:\t${word}\t${named(text, names)}`);
    }
  }
}

function listJson({ book, stretches, limit }: Selection, aliases: boolean, pages: Pages): void {
  for (const stretch of stretches) {
    for (const { address, bytes, decoded } of instructions(book, stretch, limit))
      pages.line(
        JSON.stringify({
          address: `0x${address.toString(16)}`,
          word: wordText(bytes, book.littleEndian),
          row: decoded?.row.name,
          text: decoded ? book.disassemble(decoded, address, { aliases }) : unknown(bytes, book.littleEndian),
        }),
      );
  }
}

function unknown(bytes: Uint8Array, littleEndian: boolean): string {
  return `.${bytes.length}byte\t0x${wordText(bytes, littleEndian)}`;
}

/** Appends the name of the last address in the text, where it has one. */
function named(text: string, names: ReadonlyMap<number, string>): string {
  const address = text.match(/0x([0-9a-f]{1,13})$/)?.[1];
  const name = address === undefined ? undefined : names.get(Number.parseInt(address, 16));
  return name ? `${text} <${printable(name)}>` : text;
}
