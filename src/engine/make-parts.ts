import { hotRows, interpreterBytes } from "../backend/wasm/interp-module.ts";
import { loadIsaBook } from "../rules/index.ts";
import { isLearned, joinLearned, LEARNED } from "../rules/learned.ts";
import type { ReadOptions } from "../rules/source.ts";
import { readSupplement } from "../rules/supplement.ts";
import type { IsaParts } from "./create.ts";

/** What runs an ISA, from its rulebook's text; `hot` names its most executed rows. Throws RuleError. */
export function makeParts(text: string, options: ReadOptions, hot: string | null): IsaParts {
  const book = loadIsaBook(text, options);
  return { book, interpreter: new WebAssembly.Module(interpreterBytes(book, { hot: hotRows(hot) })) };
}

export { isLearned };

/** The same of a learned rulebook's text, with what the supplement declares of its ISA's shipped one. Throws RuleError. */
export function makeLearnedParts(
  text: string,
  shipped: { readonly text: string; readonly options: ReadOptions },
  supplement: string,
  counted: boolean,
): IsaParts & { readonly learned: (row: string) => boolean } {
  const { book } = joinLearned(text, shipped.text, shipped.options, readSupplement(supplement));
  const interpreter = new WebAssembly.Module(interpreterBytes(book, { profile: counted }));
  return { book, interpreter, learned: (row) => row.startsWith(LEARNED) };
}
