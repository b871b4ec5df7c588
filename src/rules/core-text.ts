import { type Core, core } from "./core.ts";

/**
 * The inlined canonical form: prefix, blanks between tokens, one token a node. A token is the op and then, where it
 * has them, `.width #number $name =value /arguments`.
 */
export function printCore(c: Core, shared?: Shared): string {
  const out: string[] = [];
  write(c, out, shared);
  return out.join(" ");
}

/** Numbers for what stands in many rows: an operand's encodings. `&7` is the seventh. */
export type Shared = (text: string) => number;

/** Texts of operands; a row mentions its own more than once. */
const operandTexts = new WeakMap<Core, string>();
function operandText(c: Core): string {
  let text = operandTexts.get(c);
  if (text === undefined) operandTexts.set(c, (text = printCore(c)));
  return text;
}

function write(c: Core, out: string[], shared?: Shared): void {
  if (shared && c.op === "opread") {
    out.push(`&${shared(operandText(c))}`);
    return;
  }
  let t = c.op;
  if (c.w > 0) t += `.${c.w}`;
  else if (c.w < 0) t += "!";
  if (c.n !== 0) t += `#${c.n}`;
  if (c.s !== "") t += `$${c.s.replaceAll(" ", ",")}`;
  if (c.v !== 0n) t += `=${c.v}`;
  if (c.a.length > 0) t += `@${c.a.length}`;
  out.push(t);
  c.a.forEach((a, i) => {
    if (shared && c.op === "opset" && i > 1) out.push(`&${shared(printCore(a))}`);
    else write(a, out, shared);
  });
}

const TOKEN =
  /^(.[^.!#$=@]*?|int==|int!=|int<=|int1!)(?:\.(\d+)|(!))?(?:#(-?\d+))?(?:\$([^=@]*))?(?:=(-?\d+))?(?:@(\d+))?$/;

/** Reads what printCore wrote. */
export function parseCore(text: string, shared?: (n: number) => Core): Core {
  const tokens = text.split(" ");
  let i = 0;
  const next = (): Core => {
    if (shared && tokens[i].startsWith("&")) return shared(Number(tokens[i++].slice(1)));
    const m = TOKEN.exec(tokens[i++]);
    if (!m) throw new Error(`bad token ${tokens[i - 1]}`);
    const a: Core[] = [];
    for (let k = m[7] === undefined ? 0 : Number(m[7]); k > 0; k--) a.push(next());
    const w = m[2] === undefined ? (m[3] ? -1 : 0) : Number(m[2]);
    return core(m[1], w, a, Number(m[4] ?? 0), (m[5] ?? "").replaceAll(",", " "), BigInt(m[6] ?? 0));
  };
  return next();
}
