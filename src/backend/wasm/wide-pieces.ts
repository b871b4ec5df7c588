import { constOf } from "../../ir/fold.ts";
import type { Node } from "../../ir/node.ts";
import { constantAmount } from "./values.ts";

/** Bits [lo, lo + w) of a node, or zeros (no node), standing at bit `at` of what is put together. */
export interface Piece {
  readonly node: Node | undefined;
  readonly lo: number;
  readonly w: number;
  readonly at: number;
}

/** Bits [lo, lo + w) of `node`, lowest first: what only moves bits (concat, extract, zext, shifts) is seen through. */
export function piecesOf(node: Node, lo: number, w: number, kept: (n: Node) => boolean): Piece[] {
  const out: Piece[] = [];
  const add = (from: Node | undefined, at: number, width: number, to: number): void => {
    const last = out[out.length - 1];
    if (last !== undefined && last.node === from && (from === undefined || last.lo + last.w === at))
      out[out.length - 1] = { ...last, w: last.w + width };
    else out.push({ node: from, lo: from === undefined ? 0 : at, w: width, at: to });
  };
  const walk = (n: Node, from: number, width: number, to: number): void => {
    if (width <= 0) return;
    if (kept(n)) {
      add(n, from, width, to);
      return;
    }
    switch (n.op) {
      case "const": {
        const zero = (constOf(n) >> BigInt(from)) & ((1n << BigInt(width)) - 1n);
        add(zero === 0n ? undefined : n, from, width, to);
        return;
      }
      case "concat": {
        const low = n.args[1]!;
        const inLow = Math.min(width, Math.max(0, low.w - from));
        walk(low, from, inLow, to);
        walk(n.args[0]!, from + inLow - low.w, width - inLow, to + inLow);
        return;
      }
      case "extract":
        walk(n.args[0]!, from + n.aux, width, to);
        return;
      case "undef":
        if (n.args.length === 0) add(undefined, 0, width, to);
        else walk(n.args[0]!, from, width, to);
        return;
      case "zext": {
        const inside = Math.min(width, Math.max(0, n.args[0]!.w - from));
        walk(n.args[0]!, from, inside, to);
        if (inside < width) add(undefined, 0, width - inside, to + inside);
        return;
      }
      case "shl": {
        const k = amountOf(n);
        if (k < 0) break;
        const zeros = Math.min(width, Math.max(0, k - from));
        if (zeros > 0) add(undefined, 0, zeros, to);
        walk(n.args[0]!, from + zeros - k, width - zeros, to + zeros);
        return;
      }
      case "lshr": {
        const k = amountOf(n);
        if (k < 0) break;
        const inside = Math.min(width, Math.max(0, n.w - k - from));
        walk(n.args[0]!, from + k, inside, to);
        if (inside < width) add(undefined, 0, width - inside, to + inside);
        return;
      }
    }
    add(n, from, width, to);
  };
  walk(node, lo, w, 0);
  return out;
}

/** A shift's constant amount below its width, or -1. */
function amountOf(n: Node): number {
  const k = n.args[1]!;
  if (k.op !== "const") return -1;
  const amount = k.big === undefined ? constantAmount(k) : k.big < BigInt(n.w) ? Number(k.big) : -1;
  return amount < n.w ? amount : -1;
}

/** Ops that only move bits: `piecesOf` sees through them. */
export const MOVES: ReadonlySet<string> = new Set(["concat", "extract", "zext"]);
export const moves = (n: Node): boolean =>
  MOVES.has(n.op) ||
  ((n.op === "shl" || n.op === "lshr") && amountOf(n) >= 0) ||
  (n.op === "undef" && n.args.length > 0);

/** 16 bytes of a constant from bit `lo` on. */
export function constBytes(n: Node, lo: number, bytes: number): number[] {
  const value = constOf(n) >> BigInt(lo);
  return Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}
