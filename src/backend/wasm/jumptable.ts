import { constPair } from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";
import { type CodeSource, pcOf } from "./discover.ts";

/** Most entries that a table is read for. */
const MAX_ENTRIES = 512;
/** A target further than this from the jump is no target: the table has ended. */
const REACH = 0x10000;

/** A guess of an i64's low 32 bits, unsigned; undefined: none. */
export type Guess = (node: Node) => number | undefined;

/**
 * Targets of the indirect jump at `near` through a table in read-only memory: whatever is computed of one entry and of
 * values that can be guessed. Empty: not of that shape. The table's end is where entries stop being plausible, or what
 * the branch before it (`guard`, its condition) compares with; wrong guesses cost code, not correctness, for the code
 * compares with the real target.
 */
export function jumpTable(
  source: CodeSource,
  target: Node,
  near: number,
  guess: Guess,
  guard: Node | undefined,
): number[] {
  if (source.constant === undefined) return [];
  const loads = new Set<Node>();
  findLoads(target, loads);
  const [load] = loads;
  if (loads.size !== 1 || load === undefined || load.w > 64) return [];
  const most = (guard && largest(guard)) ?? MAX_ENTRIES - 1;
  const size = load.w / 8;
  for (const table of tables(load.args[0]!, guess)) {
    const out: number[] = [];
    for (let i = 0; i <= most; i++) {
      const bytes = source.constant(table + i * size, size);
      if (bytes === null) break;
      const to = pcOf(targetOf(target, load, entryOf(bytes, load.w), guess, new Map()));
      if (to < 0 || Math.abs(to - near) > REACH) break;
      // Code that never ran may be left out by the source.
      if (source.inst(to) !== null) out.push(to);
    }
    if (out.length > 0) return out;
  }
  return [];
}

function findLoads(node: Node, found: Set<Node>): void {
  if (node.op === "load") found.add(node);
  else for (const arg of node.args) findLoads(arg, found);
}

function entryOf(bytes: Uint8Array, w: number): Node {
  let hi = 0;
  let lo = 0;
  bytes.forEach((byte, i) => {
    if (i < 4) lo |= byte << (8 * i);
    else hi |= byte << (8 * (i - 4));
  });
  return constPair(w, lo, hi);
}

/** The value with `entry` for the load and guesses for the rest; constant where all could be guessed. */
function targetOf(node: Node, load: Node, entry: Node, guess: Guess, known: Map<Node, Node>): Node {
  if (node === load) return entry;
  const seen = known.get(node);
  if (seen !== undefined) return seen;
  let made = node;
  if (node.op === "get" && node.w === 64) {
    const value = guess(node);
    if (value !== undefined) made = constPair(64, value | 0, 0);
  } else if (node.args.length > 0)
    made = remake(
      node,
      node.args.map((arg) => targetOf(arg, load, entry, guess, known)),
    );
  known.set(node, made);
  return made;
}

/** Where the table may begin: the constant part of the address, and one part that is no index. */
function tables(addr: Node, guess: Guess): number[] {
  let fixed = 0;
  const parts: Node[] = [];
  const split = (node: Node): void => {
    if (node.op === "add") node.args.forEach(split);
    else if (node.op === "const") fixed += node.lo;
    else parts.push(node);
  };
  split(addr);
  const out: number[] = [];
  for (const part of parts) {
    const value = guess(part);
    if (value !== undefined) out.push((value + fixed) >>> 0);
  }
  if (fixed !== 0) out.push(fixed >>> 0);
  return out;
}

/** The largest constant that an index may be compared with in a branch's condition; undefined: none. */
function largest(cond: Node): number | undefined {
  let most: number | undefined;
  const seen = new Set<Node>();
  const walk = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.op === "const" && node.hi === 0 && node.lo > 0 && node.lo < MAX_ENTRIES)
      most = Math.max(most ?? 0, node.lo);
    node.args.forEach(walk);
  };
  walk(cond);
  return most;
}
