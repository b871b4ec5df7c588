import { sageError } from "../errors.ts";
import { isaRulebook, rulebookNames } from "../host/node/assets.ts";
import type { IsaBook } from "../rules/book.ts";
import { loadIsaBook } from "../rules/index.ts";
import type { ReadOptions } from "../rules/source.ts";
import type { Io } from "./command.ts";
import { readFile } from "./file.ts";

/** A rulebook that is there: what it is of, its text and the name its places are told by. */
export interface BookText {
  readonly isa: string;
  readonly name: string;
  readonly text: string;
  readonly options: ReadOptions;
  readonly origin: "shipped" | "given";
}

export function listBooks(): BookText[] {
  return rulebookNames("isa").map(shipped);
}

/** The rulebook of an ISA: from `given` (a file), else the shipped one. Throws RULEBOOK_UNKNOWN, FILE_*. */
export function findBook(isa: string, given: string | undefined, io: Io): BookText {
  if (given === undefined) return shipped(isa);
  const text = new TextDecoder().decode(readFile(io.host.fs, given));
  return { isa, name: given, text, options: { file: given }, origin: "given" };
}

function shipped(isa: string): BookText {
  // An ISA's name becomes a file's name: nothing but a name may
  const found = /^[\w-]+$/.test(isa) ? isaRulebook(isa) : null;
  if (found === null) throw sageError("RULEBOOK_UNKNOWN", `there is no rulebook for ${isa}`);
  return { isa, name: `${isa}.rules`, ...found, origin: "shipped" };
}

/** Throws RuleError. */
export function loadBook(book: BookText): IsaBook {
  return loadIsaBook(book.text, book.options);
}
