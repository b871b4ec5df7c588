import { RuleError } from "./error.ts";

/** A token of an expression or statement. `glued`: no blank stands before it. */
export interface Token {
  readonly k: "num" | "id" | "op" | "nl" | "end";
  readonly s: string;
  readonly glued: boolean;
}

const OPERATORS = [
  ">>u",
  ">>s",
  "<=u",
  "<=s",
  ">=u",
  ">=s",
  "..",
  "<<",
  "=>",
  "==",
  "!=",
  "<=",
  ">=",
  "&&",
  "||",
  "+:",
  "<u",
  "<s",
  ">u",
  ">s",
  "/u",
  "/s",
  "%u",
  "%s", // prettier keeps one list
  "+",
  "-",
  "*",
  "/",
  "%",
  "&",
  "|",
  "^",
  "~",
  "!",
  "<",
  ">",
  "=",
  "?",
  ":",
  ";",
  ",",
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  ".",
]; // longest first within a first character
const WORD = /[A-Za-z_]/;
const WORD_OR_DIGIT = /[A-Za-z0-9_]/;

export function lex(text: string): Token[] {
  const out: Token[] = [];
  let i = 0;
  let glued = false;
  const push = (k: Token["k"], s: string) => {
    out.push({ k, s, glued });
    i += s.length;
    glued = true;
  };
  while (i < text.length) {
    const c = text[i];
    if (c === "\n") push("nl", c);
    else if (c === " " || c === "\t" || c === "\r") {
      i++;
      glued = false;
    } else if (WORD.test(c)) {
      let j = i + 1;
      while (j < text.length && WORD_OR_DIGIT.test(text[j])) j++;
      push("id", text.slice(i, j));
    } else if (c >= "0" && c <= "9") {
      const match = /^(0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*)/.exec(text.slice(i));
      if (!match) throw new RuleError("RULE_SYNTAX", `bad number at "${text.slice(i, i + 12)}"`);
      push("num", match[0]);
    } else push("op", operatorAt(text, i));
  }
  out.push({ k: "end", s: "", glued: false });
  return out;
}

function operatorAt(text: string, i: number): string {
  for (const op of OPERATORS) {
    if (!text.startsWith(op, i)) continue;
    const last = op[op.length - 1];
    // `<u` and its kin end where a word would go on: `mem<size>` has no `<s`.
    if ((last === "u" || last === "s") && i + op.length < text.length && WORD_OR_DIGIT.test(text[i + op.length]))
      continue;
    return op;
  }
  throw new RuleError("RULE_SYNTAX", `unexpected character "${text[i]}"`);
}
