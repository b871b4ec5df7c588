import type { IsaBook } from "./book.ts";
import { expand } from "./expand.ts";
import { Rulebook } from "./rulebook.ts";
import type { ReadOptions } from "./source.ts";

export { RuleError } from "./error.ts";

/** Reads, checks and types a rulebook. Throws RuleError. */
export function loadIsaBook(text: string, options: ReadOptions = {}): IsaBook {
  return new Rulebook(expand(text, options));
}
