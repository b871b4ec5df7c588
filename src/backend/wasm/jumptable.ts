import { constOf } from "../../ir/fold.ts";
import type { Node } from "../../ir/node.ts";
import type { CodeSource } from "./discover.ts";

/** Most entries that a table is read for. */
const MAX_ENTRIES = 512;
/** A target further than this from the function is no target: the table has ended. */
const REACH = 0x100000;

/**
 * Targets of an indirect jump through a table in read-only memory, where the address has the shape
 * constant + index * size and the entry is the target or an offset to a constant base. Empty: not of that shape.
 * The table's end is where entries stop being plausible; a wrong guess costs code, not correctness.
 */
export function jumpTable(source: CodeSource, target: Node, near: number): number[] {
  const out: number[] = [];
  if (source.constant === undefined) return out;
  let at = target;
  if (at.op === "and") at = at.args[0]!; // & ~1
  let base = 0;
  if (at.op === "add" && at.args[1]!.op === "const") {
    base = low(at.args[1]!);
    at = at.args[0]!;
  }
  const wide = at.op !== "sext";
  const load = wide ? at : at.args[0]!;
  if (load.op !== "load" || (load.w !== 32 && load.w !== 64)) return out;
  const addr = load.args[0]!;
  if (addr.op !== "add" || addr.args[1]!.op !== "const") return out;
  const table = low(addr.args[1]!) >>> 0;
  const size = load.w / 8;
  for (let i = 0; i < MAX_ENTRIES; i++) {
    const bytes = source.constant(table + i * size, size);
    if (bytes === null) break;
    const word = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24);
    const to = ((word + base) & ~1) >>> 0;
    if (Math.abs(to - near) > REACH) break;
    out.push(to);
  }
  return out;
}

const low = (node: Node): number => Number(BigInt.asIntN(32, constOf(node)));
