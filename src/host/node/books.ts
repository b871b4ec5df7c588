import fs from "node:fs";
import path from "node:path";
import { sageError } from "../../errors.ts";
import type { IsaBook } from "../../rules/book.ts";
import { loadIsaBook } from "../../rules/index.ts";

/** A rulebook that is there: its ISA and file. */
export interface BookFile {
  readonly isa: string;
  readonly file: string;
  readonly origin: "shipped" | "learned" | "given";
}

/** The package's rulebooks folder: beside or above this file, whether it runs from src/ or bundled in dist/. */
function folder(): string {
  for (let at = import.meta.dirname; ; at = path.dirname(at)) {
    const here = path.join(at, "rulebooks");
    if (fs.existsSync(path.join(here, "isa"))) return here;
    if (path.dirname(at) === at)
      throw sageError("INTERNAL", "the rulebooks of the package are missing", "install SAGE again");
  }
}

/** ISA rulebooks shipped and learned, by name. A `.rules` file that no ISA line begins is a prelude for `use`. */
export function listBooks(): BookFile[] {
  const found: BookFile[] = [];
  for (const [dir, origin] of [["isa", "shipped"] as const, ["learned", "learned"] as const]) {
    const at = path.join(folder(), dir);
    if (!fs.existsSync(at)) continue;
    for (const name of fs.readdirSync(at).sort()) {
      const file = path.join(at, name);
      if (name.endsWith(".rules") && /^isa\s/m.test(fs.readFileSync(file, "utf8")))
        found.push({ isa: name.slice(0, -".rules".length), file, origin });
    }
  }
  return found;
}

/** Text of a rulebook and of the files beside it that it may `use`. */
export function readBook(book: BookFile): { text: string; files: Record<string, string> } {
  const dir = path.dirname(book.file);
  const others = fs.readdirSync(dir).filter((name) => name.endsWith(".rules") && name !== path.basename(book.file));
  const files = Object.fromEntries(others.map((name) => [name, fs.readFileSync(path.join(dir, name), "utf8")]));
  return { text: fs.readFileSync(book.file, "utf8"), files };
}

/** The rulebook of an ISA: `given` (a file), else the learned, else the shipped one. Throws RULEBOOK_UNKNOWN, RuleError. */
export function findBook(isa: string, given?: string): BookFile {
  if (given !== undefined) return { isa, file: given, origin: "given" };
  const books = listBooks();
  const book = books.find((b) => b.isa === isa);
  if (!book) throw sageError("RULEBOOK_UNKNOWN", `there is no rulebook for ${isa}`);
  return book;
}

export function loadBook(book: BookFile): IsaBook {
  const { text, files } = readBook(book);
  return loadIsaBook(text, { file: path.basename(book.file), files });
}
