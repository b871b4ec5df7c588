import { sageError } from "../errors.ts";
import { format, toInfix, toPrefix } from "../rules/fmt.ts";
import { type RowSource, readSource } from "../rules/source.ts";
import { columns } from "./args.ts";
import { findBook } from "./books.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  spec: {
    operands: "[ISA [NAME]]",
    least: 0,
    most: 2,
    options: [
      { name: "prefix", help: "print prefix of fixed arity, as rows are hashed, searched and modelled" },
      { name: "text", value: "TEXT", help: "one row's semantics, in the other spelling than the one printed" },
      { name: "rules", value: "FILE", help: "rulebook to read instead of the shipped one" },
      { name: "json", help: "print it as JSON" },
    ],
    about:
      "Prints what rows do in standard spacing: infix as a manual says it, or prefix. Either reads back as the other.",
    examples: [
      ["rules fmt riscv64 lui", "one row"],
      ["rules fmt --prefix riscv64", "every row's semantics in prefix"],
      ["rules fmt --text '= rd + rs1 imm'", "infix of a text in prefix"],
    ],
  },
  run(args, io) {
    const prefix = args.has("prefix");
    const text = args.text("text");
    const [isa, name] = args.operands;
    if (text !== undefined) {
      if (isa !== undefined) throw sageError("USAGE", "--text is all that there is to print", "leave the ISA out");
      const said = prefix ? toPrefix(text) : toInfix(text);
      io.print(args.has("json") ? `${JSON.stringify({ text: said })}\n` : `${said}\n`);
      return 0;
    }
    if (isa === undefined) throw sageError("USAGE", "nothing to print", "name an ISA, or give --text");
    const book = findBook(isa, args.text("rules"), io);
    const { rows } = readSource(book.text, book.options);
    const wanted = rows.filter((row) => name === undefined || row.name === name);
    if (wanted.length === 0)
      throw sageError("ROW_UNKNOWN", `${isa} has no row ${name}`, `sage rules ${isa} lists its rows`);
    const said = wanted.map((row) => {
      const text = row.semantics && (prefix ? toPrefix : format)(row.semantics);
      return { name: row.name, text, cells: Object.fromEntries(cellsOf(row)) };
    });
    if (args.has("json")) io.print(`${JSON.stringify({ isa, rows: said }, null, 1)}\n`);
    else io.print(`${columns(said.map((r) => [r.name, withCells(r)]))}\n`);
    return 0;
  },
};

/** The columns of a row's family that its semantics speaks of. */
function cellsOf({ semantics, cells }: RowSource): [string, string][] {
  const words = new Set(semantics.match(/\w+/g));
  return [...cells].filter(([name]) => words.has(name));
}

function withCells({
  text,
  cells,
}: {
  readonly text: string;
  readonly cells: Readonly<Record<string, string>>;
}): string {
  const said = Object.entries(cells).map(([name, cell]) => `${name}: ${cell}`);
  return said.length ? `${text}   # ${said.join(", ")}` : text;
}
