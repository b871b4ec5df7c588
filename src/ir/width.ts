import { constBig, constOf, constPair, foldBig, foldExtract, foldSext, isOnes, isZero, small, zero } from "./fold.ts";
import { Node } from "./node.ts";

/** Constructors that change a width; they fold like those of build.ts, which exports them. */

/** A programming error in the use of a constructor. */
export function bug(op: string, said: string): never {
  throw new Error(`IR ${op}: ${said}`);
}

/** Sign extension to `w` bits, at least a's width. */
export function sext(a: Node, w: number): Node {
  if (w <= a.w) return w === a.w ? a : bug("sext", `i${a.w} to i${w}`);
  if (a.op === "const") return w <= 64 ? foldSext(a, w) : foldBig(new Node("sext", w, [a]));
  if (a.op === "sext") return new Node("sext", w, a.args);
  return new Node(a.op === "zext" ? "zext" : "sext", w, a.op === "zext" ? a.args : [a]);
}

/** Zero extension to `w` bits, at least a's width. */
export function zext(a: Node, w: number): Node {
  if (w <= a.w) return w === a.w ? a : bug("zext", `i${a.w} to i${w}`);
  if (a.op === "const") return w <= 64 ? constPair(w, a.lo, a.hi) : constBig(w, constOf(a));
  return new Node("zext", w, a.op === "zext" ? a.args : [a]);
}

/** Low `w` bits. */
export const trunc = (a: Node, w: number): Node => extract(a, 0, w);

/** Bits [lo + w - 1 : lo]. */
export function extract(a: Node, lo: number, w: number): Node {
  if (lo < 0 || w < 1 || lo + w > a.w) bug("extract", `bits ${lo + w - 1}:${lo} of i${a.w}`);
  if (w === a.w) return a;
  switch (a.op) {
    case "const":
      if (a.w <= 64) return foldExtract(a, lo, w);
      return constBig(w, constOf(a) >> BigInt(lo));
    case "extract":
      return extract(a.args[0], a.aux + lo, w);
    case "concat": {
      const low = a.args[1];
      if (lo >= low.w) return extract(a.args[0], lo - low.w, w);
      if (lo + w <= low.w) return extract(low, lo, w);
      break;
    }
    case "zext":
    case "sext":
      return extractExtended(a, lo, w);
    case "and": {
      if (a.args[1].op !== "const") break;
      const mask = extract(a.args[1], lo, w);
      if (isZero(mask)) return mask;
      if (isOnes(mask)) return extract(a.args[0], lo, w);
      break;
    }
    case "lshr": {
      const k = small(a.args[1]);
      if (k >= 0 && lo + k + w <= a.w) return extract(a.args[0], lo + k, w);
      break;
    }
  }
  return new Node("extract", w, [a], { aux: lo });
}

function extractExtended(a: Node, lo: number, w: number): Node {
  const inner = a.args[0];
  if (lo + w <= inner.w) return extract(inner, lo, w);
  if (a.op === "zext") return lo >= inner.w ? zero(w) : zext(extract(inner, lo, inner.w - lo), w);
  const from = Math.min(lo, inner.w - 1);
  return sext(extract(inner, from, inner.w - from), w);
}

/** `hi` above `lo`. */
export function concat(hi: Node, lo: Node): Node {
  const w = hi.w + lo.w;
  if (hi.op === "const") {
    if (lo.op === "const") return foldBig(new Node("concat", w, [hi, lo]));
    if (isZero(hi)) return zext(lo, w);
  }
  if (hi.op === "extract" && lo.op === "extract" && hi.args[0] === lo.args[0] && hi.aux === lo.aux + lo.w)
    return extract(hi.args[0], lo.aux, w);
  return new Node("concat", w, [hi, lo]);
}
