import { printInfix } from "./fmt-infix.ts";
import { parsePrefix, printPrefix } from "./fmt-prefix.ts";
import { parseStmts } from "./parse.ts";

/**
 * The two spellings of a row's semantics. Both name the same source tree: printing one and reading the other loses
 * nothing but spacing and comments. `=> ASSEMBLY` is the same in both.
 */
export function toPrefix(infix: string): string {
  return infix.startsWith("=>") ? oneBlank(infix) : printPrefix(parseStmts(infix));
}

/** Infix of a text in prefix, on one line. Throws RuleError. */
export function toInfix(prefix: string): string {
  return prefix.startsWith("=>") ? oneBlank(prefix) : printInfix(parsePrefix(prefix));
}

/** Infix in the standard spacing. Throws RuleError. */
export function format(infix: string): string {
  return infix.startsWith("=>") ? oneBlank(infix) : printInfix(parseStmts(infix));
}

const oneBlank = (text: string): string => text.replace(/\s+/g, " ").trim();
