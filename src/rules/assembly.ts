import type { Expr } from "./ast.ts";
import { RuleError } from "./error.ts";
import { parseExpr } from "./parse.ts";

/** A piece of a row's assembly column. */
export type AsmPart =
  | { readonly k: "text"; readonly s: string }
  /** {E} or {E:kind}: kind is label, hex, or a view, with its width where it has one */
  | { readonly k: "operand"; readonly expr: Expr; readonly text: string; readonly kind: string | undefined }
  /** {E|a|b|c}: the text that E picks. */
  | { readonly k: "choice"; readonly expr: Expr; readonly texts: readonly string[] };

/** Reads an assembly column; `{{` and `}}` are braces of the text. */
export function parseAssembly(text: string): AsmPart[] {
  const parts: AsmPart[] = [];
  let i = 0;
  let plain = "";
  while (i < text.length) {
    const c = text[i];
    if ((c === "{" || c === "}") && text[i + 1] === c) {
      plain += c;
      i += 2;
      continue;
    }
    if (c !== "{") {
      plain += c;
      i++;
      continue;
    }
    if (plain !== "") parts.push({ k: "text", s: plain });
    plain = "";
    const close = text.indexOf("}", i);
    if (close < 0) throw new RuleError("RULE_SYNTAX", `assembly: "{" without "}" in "${text}"`);
    parts.push(operand(text.slice(i + 1, close)));
    i = close + 1;
  }
  if (plain !== "") parts.push({ k: "text", s: plain });
  return parts;
}

function operand(text: string): AsmPart {
  // Blanks are part of a text.
  const texts = text.split("|");
  if (texts.length > 1) return { k: "choice", expr: parseExpr(texts[0]), texts: texts.slice(1) };
  const colon = /^(.*):([A-Za-z_][A-Za-z0-9_]*(?:<[^>]*>)?)$/.exec(text);
  if (!colon) return { k: "operand", expr: parseExpr(text), text, kind: undefined };
  return { k: "operand", expr: parseExpr(colon[1]), text: colon[1], kind: colon[2] };
}

/** First word of an assembly column. */
export function mnemonic(text: string): string {
  return text.split(/\s/, 1)[0];
}

/** Escapes for a regular expression; a run of blanks matches any. */
export function literal(text: string): string {
  return text
    .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replace(/\s*,\s*/g, "\\s*,\\s*")
    .replace(/\s+/g, "\\s+");
}
