import { hotRows, interpreterBytes } from "../backend/wasm/interp-module.ts";
import { loadIsaBook } from "../rules/index.ts";
import type { ReadOptions } from "../rules/source.ts";
import type { IsaParts } from "./create.ts";

/** What runs an ISA, from its rulebook's text; `hot` names its most executed rows. Throws RuleError. */
export function makeParts(text: string, options: ReadOptions, hot: string | null): IsaParts {
  const book = loadIsaBook(text, options);
  return { book, interpreter: new WebAssembly.Module(interpreterBytes(book, { hot: hotRows(hot) })) };
}
