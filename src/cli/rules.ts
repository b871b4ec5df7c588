import { sageError } from "../errors.ts";
import type { Row } from "../rules/book.ts";
import { columns } from "./args.ts";
import { type BookText, findBook, listBooks, loadBook } from "./books.ts";
import type { Command, Io } from "./command.ts";

export const command: Command = {
  spec: {
    operands: "[ISA [NAME]]",
    least: 0,
    most: 2,
    options: [{ name: "json", help: "print it as JSON" }],
    about: "Lists the rulebooks, an ISA's rows, or shows one row: where it stands, where it is from, what it says.",
    examples: [
      ["rules", "the ISAs there are"],
      ["rules riscv64", "every row of one"],
      ["rules riscv64 addi", "one row as its rulebook says it"],
    ],
  },
  run(args, io) {
    const [isa, name] = args.operands;
    const json = args.has("json");
    if (isa === undefined)
      return show(io, json, listBooks().map(summary), ({ isa, rows, origin }) => [isa, `${rows} rows, ${origin}`]);
    const file = findBook(isa, undefined, io);
    const rows = loadBook(file).rows;
    if (name === undefined)
      return show(io, json, rows.map(brief), (r) => [r.name, `${r.bytes} bytes  ${r.section}  ${r.hash}`]);
    const named = rows.filter((row) => row.name === name);
    if (named.length === 0)
      throw sageError("ROW_UNKNOWN", `${isa} has no row ${name}`, `sage rules ${isa} lists its rows`);
    const full = named.map((row) => ({ ...brief(row), ...origin(file, row) }));
    if (json) return show(io, true, full, () => ["", ""]);
    for (const { text, ...row } of full)
      io.print(`${columns(Object.entries(row).map(([key, value]) => [key, String(value)]))}\n\n${text}\n`);
    return 0;
  },
};

function summary(book: BookText) {
  return { isa: book.isa, rows: loadBook(book).rows.length, origin: book.origin, file: book.name };
}

function brief(row: Row) {
  return {
    name: row.name,
    bytes: row.length,
    section: row.section,
    hash: row.hash,
    fields: row.fields.map((f) => f.name).join(" "),
  };
}

/** Where a row is from. Written by hand, it has no evidence of its own: the test suite runs it against QEMU. */
function origin(book: BookText, row: Row) {
  const where = `${row.source.file}:${row.source.line}`;
  return {
    origin: book.origin,
    source: where,
    evidence: "written by hand, tested against an oracle",
    text: sourceText(book, row),
  };
}

/** The row's line with the deeper-indented ones that belong to it. */
function sourceText(book: BookText, row: Row): string {
  const text = book.options.files?.[row.source.file] ?? book.text;
  const lines = text.split("\n").slice(row.source.line - 1);
  const indent = (line: string) => line.length - line.trimStart().length;
  const first = indent(lines[0] ?? "");
  const end = lines.findIndex((line, i) => i > 0 && indent(line) <= first);
  return lines.slice(0, end < 0 ? undefined : end).join("\n");
}

function show<T>(io: Io, json: boolean, items: readonly T[], row: (item: T) => readonly [string, string]): number {
  io.print(json ? `${JSON.stringify(items, null, 2)}\n` : `${columns(items.map(row))}\n`);
  return 0;
}
