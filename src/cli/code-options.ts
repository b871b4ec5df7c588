import { parseImage } from "../format/detect.ts";
import type { Image } from "../format/image.ts";
import type { IsaBook } from "../rules/book.ts";
import type { Arguments, OptionSpec } from "./args.ts";
import { findBook, loadBook } from "./books.ts";
import type { Io } from "./command.ts";
import { readFile } from "./file.ts";
import { limitOf, type Stretch, stretches } from "./listing.ts";
import { parseAmount } from "./units.ts";

/** Options of the commands that look into a program's code. */
export const codeOptions: readonly OptionSpec[] = [
  { name: "at", value: "WHERE", help: "only this symbol, or from this address on" },
  { name: "count", value: "N", help: "at most so many instructions (32 from an address)" },
  { name: "rules", value: "FILE", help: "rulebook to use instead of the shipped one" },
];

/** The code a command was asked to show, with the rulebook to read it by. */
export interface Selection {
  readonly image: Image;
  readonly book: IsaBook;
  readonly stretches: readonly Stretch[];
  readonly limit: number;
}

export function select(args: Arguments, io: Io): Selection {
  const image = parseImage(readFile(io.host.fs, args.operands[0]!));
  const count = args.text("count");
  const most = count === undefined ? undefined : parseAmount("--count", count, true);
  const at = args.text("at");
  return {
    image,
    book: loadBook(findBook(image.isa, args.text("rules"), io)),
    stretches: stretches(image, at, most),
    limit: limitOf(image, at, most),
  };
}

/** Gathers text so that a long listing is written in large pieces. */
export class Pages {
  private readonly print: (text: string) => void;
  private held: string[] = [];
  private size = 0;
  constructor(print: (text: string) => void) {
    this.print = print;
  }
  line(text: string): void {
    this.held.push(text, "\n");
    this.size += text.length;
    if (this.size > 1 << 16) this.flush();
  }
  flush(): void {
    this.print(this.held.join(""));
    this.held = [];
    this.size = 0;
  }
}
