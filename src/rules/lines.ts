/** A line of a rulebook with the deeper-indented lines that follow it. */
export interface Line {
  readonly text: string;
  readonly indent: number;
  readonly line: number;
  readonly children: Line[];
}

/** A comment is a `#` at the line's start or after a blank, followed by a blank, another `#` or the line's end. */
const COMMENT = /(^|\s)#(?=\s|#|$).*$/;

/** Cuts a text into its tree of lines; blank lines and comments are gone. */
export function lineTree(text: string): Line[] {
  const roots: Line[] = [];
  const open: Line[] = [];
  const raw = text.split("\n");
  for (let i = 0; i < raw.length; i++) {
    const body = raw[i].replace(COMMENT, "").trimEnd();
    const content = body.trimStart();
    if (content === "") continue;
    const line: Line = { text: content, indent: body.length - content.length, line: i + 1, children: [] };
    while (open.length > 0 && open[open.length - 1].indent >= line.indent) open.pop();
    (open.length > 0 ? open[open.length - 1].children : roots).push(line);
    open.push(line);
  }
  return roots;
}

/** The text of statement lines: one a line; a deeper line continues its parent unless a block is open. */
export function joinStatements(lines: readonly Line[]): string {
  let out = "";
  for (const line of lines) {
    if (out !== "") out += "\n";
    out = joinOne(out + line.text, line.children);
  }
  return out;
}

function joinOne(head: string, children: readonly Line[]): string {
  let out = head;
  for (const child of children) {
    out += depth(out, "{", "}") > 0 ? "\n" : " ";
    out = joinOne(out + child.text, child.children);
  }
  return out;
}

function depth(text: string, open: string, close: string): number {
  let n = 0;
  for (const c of text) n += c === open ? 1 : c === close ? -1 : 0;
  return n;
}

/**
 * Splits at `|` outside of brackets, into at most `max` parts, trimmed; the last part keeps its bars. `||` is an
 * operator.
 */
export function splitBars(text: string, max: number): string[] {
  const parts: string[] = [];
  let level = 0;
  let start = 0;
  for (let i = 0; i < text.length && parts.length < max - 1; i++) {
    const c = text[i];
    if (c === "[" || c === "{" || c === "(") level++;
    else if (c === "]" || c === "}" || c === ")") level--;
    else if (c === "|" && text[i + 1] === "|") i++;
    else if (c === "|" && level <= 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts;
}
