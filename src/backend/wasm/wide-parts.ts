import type { Node } from "../../ir/node.ts";
import { F64, I64, V128, type ValueType } from "./code.ts";
import { FLOAT_RESULT } from "./values.ts";
import { type Piece, piecesOf } from "./wide-pieces.ts";

/** A part of a slot that is written at once: byte offset and wasm type (8 bytes, or 16 for a v128). */
export interface Part {
  readonly at: number;
  readonly type: ValueType;
  /** Store of fewer bytes than the type has. */
  readonly op?: number | undefined;
}

/** Whether a piece is best had in a SIMD register. */
const vector = (p: Piece): boolean =>
  p.node !== undefined && (p.node.op === "map" || (p.node.w > 64 && p.node.op !== "const"));

/**
 * How a set of a wide slot is written: 16 bytes at a time, or word by word where a word stays as it is or scalars make
 * up both. `same`: the node reads this very slot, so what stands where it stood need not be written.
 */
export function wideParts(value: Node, same: (n: Node) => boolean): Part[] {
  const parts: Part[] = [];
  const words = Math.ceil(value.w / 64);
  for (let j = 0; j < words; j += 2) {
    const word = (i: number): Piece[] => piecesOf(value, 64 * i, Math.min(64, value.w - 64 * i), () => false);
    const here = j + 1 < words ? [word(j), word(j + 1)] : [word(j)];
    const stays = here.map((pieces, i) => {
      const [first, ...more] = pieces;
      return more.length === 0 && first!.node !== undefined && same(first!.node) && first!.lo === 64 * (j + i);
    });
    if (here.length === 2 && stays.every((s) => !s) && here.flat().some(vector)) {
      parts.push({ at: 8 * j, type: V128 });
      continue;
    }
    here.forEach((pieces, i) => {
      if (stays[i]) return;
      const [first, ...more] = pieces;
      const float = more.length === 0 && first!.node?.w === 64 && first!.lo === 0 && FLOAT_RESULT.has(first!.node.op);
      parts.push({ at: 8 * (j + i), type: float ? F64 : I64 });
    });
  }
  return parts;
}
