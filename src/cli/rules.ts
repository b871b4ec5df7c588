import { beliefIn, evidenceFor } from "../agent/verifier/evidence.ts";
import { exampleOf } from "../agent/verifier/example.ts";
import { sageError } from "../errors.ts";
import type { IsaBook, Row } from "../rules/book.ts";
import { columns } from "./args.ts";
import { type BookText, findBook, listBooks, loadBook, readBookEvidence } from "./books.ts";
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
    const isaBook = loadBook(file);
    const { rows } = isaBook;
    const evidence = evidenceFor(isaBook, readBookEvidence(file));
    const believed = (row: Row) => beliefIn(evidence.get(row), "hand");
    if (name === undefined) {
      const all = rows.map((row) => ({ ...brief(row), ...believed(row) }));
      if (json) io.print(`${JSON.stringify({ isa: isaBook.name, rows: all }, null, 1)}\n`);
      else
        show(io, false, all, (r) => [
          r.name,
          `${r.bytes} bytes  ${r.section}  ${r.hash}  ${r.verdict} ${r.cases || ""}`,
        ]);
      return 0;
    }
    const named = rows.filter((row) => row.name === name);
    if (named.length === 0)
      throw sageError("ROW_UNKNOWN", `${isa} has no row ${name}`, `sage rules ${isa} lists its rows`);
    const full = named.map((row) => ({
      ...brief(row),
      ...believed(row),
      ...example(isaBook, row),
      ...origin(file, row),
    }));
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

function origin(book: BookText, row: Row) {
  return { book: book.origin, source: `${row.source.file}:${row.source.line}`, text: sourceText(book, row) };
}

/** One instruction of the row at work. */
function example(book: IsaBook, row: Row): { readonly example?: string } {
  const e = exampleOf(book, row);
  return e ? { example: `${e.text} (${e.bytes}) with ${e.before}: ${e.after}` } : {};
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
