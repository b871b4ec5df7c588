import { fromBlob } from "./blob.ts";
import type { IsaBook } from "./book.ts";
import { Rulebook } from "./rulebook.ts";

/** Opens precompiled bytes; a row is read at its first use. Throws RuleError. */
export function openIsaBook(bytes: Uint8Array): IsaBook {
  return new Rulebook(fromBlob(bytes));
}
