import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { sageError } from "../errors.ts";
import { evidencePath, isaRulebook, rulebookNames } from "../host/node/assets.ts";
import type { IsaBook } from "../rules/book.ts";
import { type Evidence, readEvidence } from "../rules/evidence.ts";
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

/** The side file of a book: in its place, whether or not it is there. */
export function evidenceFile(book: BookText): string | undefined {
  return book.origin === "shipped" ? evidencePath(book.isa) : `${book.name.replace(/\.rules$/, "")}.evidence`;
}

/** What is known of a book's rows, from its side file; nothing where there is none. Throws RuleError. */
export function readBookEvidence(book: BookText): Evidence[] {
  const file = evidenceFile(book);
  return file !== undefined && existsSync(file) ? readEvidence(readFileSync(file, "utf8"), basename(file)) : [];
}

/** Throws RuleError. */
export function loadBook(book: BookText): IsaBook {
  return loadIsaBook(book.text, book.options);
}
