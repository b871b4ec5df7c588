import { isaRulebook } from "../../../src/host/node/assets.ts";
import type { IsaBook } from "../../../src/rules/book.ts";
import { loadIsaBook } from "../../../src/rules/index.ts";
import type { ReadOptions } from "../../../src/rules/source.ts";

export interface BookText {
  readonly text: string;
  readonly options: ReadOptions;
}

/** The shipped rulebook with its chapters. */
export const aarch64Text: BookText = isaRulebook("aarch64")!;

export const aarch64 = (): IsaBook => loadIsaBook(aarch64Text.text, aarch64Text.options);
