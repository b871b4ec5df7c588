import type { Node } from "../../ir/node.ts";
import type { CodeSource } from "./discover.ts";

/** Most entries that a table is read for. */
const MAX_ENTRIES = 512;
/** A target further than this from the jump is no target: the table has ended. */
const REACH = 0x10000;

/** A guess of an i64's low 32 bits, unsigned; undefined: none. */
export type Guess = (node: Node) => number | undefined;

/**
 * Targets of the indirect jump at `near` through a table in read-only memory: the entry at base + index * size is the
 * target, or an offset to add to a base. Empty: not of that shape. Bases may be guessed and the table's end is where
 * entries stop being plausible; wrong guesses cost code, not correctness, for the code compares with the real target.
 */
export function jumpTable(source: CodeSource, target: Node, near: number, guess: Guess): number[] {
  if (source.constant === undefined) return [];
  const at = target.op === "and" ? target.args[0]! : target; // & ~1
  if (isEntry(at)) return read(source, at, 0, near, guess);
  if (at.op !== "add") return [];
  const [a, b] = at.args as [Node, Node];
  const entry = isEntry(a) ? a : isEntry(b) ? b : undefined;
  if (entry === undefined) return [];
  const base = guess(entry === a ? b : a);
  return base === undefined ? [] : read(source, entry, base, near, guess);
}

const loadOf = (node: Node): Node => (node.op === "sext" || node.op === "zext" ? node.args[0]! : node);
const isEntry = (node: Node): boolean => loadOf(node).op === "load" && loadOf(node).w >= 32;

function read(source: CodeSource, entry: Node, base: number, near: number, guess: Guess): number[] {
  const load = loadOf(entry);
  const size = load.w / 8;
  const out: number[] = [];
  for (const table of tables(load.args[0]!, guess)) {
    for (let i = 0; i < MAX_ENTRIES; i++) {
      const bytes = source.constant!(table + i * size, size);
      if (bytes === null) break;
      const word = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24);
      const to = ((word + base) & ~1) >>> 0;
      if (Math.abs(to - near) > REACH) break;
      // Code that never ran may be left out by the source.
      if (source.inst(to) !== null) out.push(to);
    }
    if (out.length > 0) break;
  }
  return out;
}

/** Where the table may begin: the parts of the address that are no index. */
function tables(addr: Node, guess: Guess): number[] {
  if (addr.op !== "add") return [];
  const out: number[] = [];
  for (const part of addr.args) {
    if (part.op === "add" && part.args[1]!.op === "const") {
      const inner = guess(part.args[0]!);
      if (inner !== undefined) out.push((inner + part.args[1]!.lo) >>> 0);
    }
    const value = guess(part);
    if (value !== undefined) out.push(value);
  }
  return out;
}
