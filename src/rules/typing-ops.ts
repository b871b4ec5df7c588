import { bitsOf, type Core, core, intOp, isNum, num } from "./core.ts";

export const isOrder = (op: string): boolean => op === "<" || op === "<=" || op === ">" || op === ">=";
export const sameWidth = (op: string, a: readonly Core[]): Core => core(op, a[0].w, a);

export function intBinary(op: string, a: Core, b: Core): Core {
  const plain = op.length > 1 && /[us]$/.test(op) ? op.slice(0, -1) : op;
  if (plain === ">" || plain === ">=") return intOp(plain === ">" ? "<" : "<=", b, a);
  return intOp(plain, a, b);
}

/** A shift amount in the width of what it shifts; too large ones stay too large. */
export function amount(b: Core, w: number, rotates: boolean): Core {
  if (b.w === 0) return bitsOf(rotates && isNum(b) ? num(((b.v % BigInt(w)) + BigInt(w)) % BigInt(w)) : b, w);
  if (b.w === w) return b;
  if (b.w < w) return core("zext", w, [b]);
  if (rotates) return core("slice", w, [core("urem", b.w, [b, bitsOf(num(w), b.w)]), num(0)]);
  const big = core("ule", 1, [bitsOf(num(w), b.w), b]);
  return core("cond", w, [big, bitsOf(num(-1), w), core("slice", w, [b, num(0)])]);
}

/** k + rest, so that bounds that differ by a constant are seen to. */
export function linear(c: Core): { k: bigint; rest: string } {
  if (isNum(c)) return { k: c.v, rest: "" };
  if (c.op === "int+" || c.op === "int-") {
    const a = linear(c.a[0]);
    const b = linear(c.a[1]);
    if (b.rest === "") return { k: c.op === "int+" ? a.k + b.k : a.k - b.k, rest: a.rest };
    if (a.rest === "" && c.op === "int+") return { k: a.k + b.k, rest: b.rest };
  }
  return { k: 0n, rest: printed(c) };
}

function printed(c: Core): string {
  return `(${c.op} ${c.n} ${c.v} ${c.a.map(printed).join(" ")})`;
}
