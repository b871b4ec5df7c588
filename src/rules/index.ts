import { toBlob } from "./blob.ts";
import type { IsaBook } from "./book.ts";
import { expand } from "./expand.ts";
import { Rulebook } from "./rulebook.ts";
import type { ReadOptions } from "./source.ts";

export { RuleError } from "./error.ts";
export { openIsaBook } from "./open.ts";

/** Reads, checks and types a rulebook. Throws RuleError. */
export function loadIsaBook(text: string, options: ReadOptions = {}): IsaBook {
  return new Rulebook(expand(text, options));
}

/** A rulebook's text as bytes that `openIsaBook` opens in about a millisecond. Throws RuleError. */
export function precompile(text: string, options: ReadOptions = {}): Uint8Array {
  return toBlob(expand(text, options));
}
