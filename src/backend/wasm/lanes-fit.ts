import type { Node } from "../../ir/node.ts";
import type { Container } from "./simd-codes.ts";

// Which maps' bodies fit into SIMD registers.

/** Smallest lane that holds `w` bits. */
export const containerOf = (w: number): Container => (w <= 8 ? 8 : w <= 16 ? 16 : w <= 32 ? 32 : 64);

export const isContainer = (w: number): boolean => w === 8 || w === 16 || w === 32 || w === 64;

/** Most registers that one value of a body may take. */
const MOST_REGISTERS = 8;

/** Whether a body's values fit into registers. */
export function fits(node: Node, exceptions = false): boolean {
  if (exceptions ? node.op !== "ormap" : node.op === "ormap" || (node.w > 64 && node.w % 128 !== 0)) return false;
  const seen = new Set<Node>();
  const ok = (n: Node): boolean => {
    if (seen.has(n)) return true;
    seen.add(n);
    const picked = pickOf(n, node);
    if (picked !== undefined) return ok(picked.index);
    if (n.w > 64 || node.aux * containerOf(n.w) > 128 * MOST_REGISTERS) return false;
    if ((n.op === "fexc" && !exceptions) || n.op === "map" || n.op === "ormap") return false;
    if (n.op === "elem") return node.args[n.aux]!.w === n.w || n.w === 1 || isContainer(n.w);
    return n.args.every(ok);
  };
  return ok(node.body!);
}

/** Whether the exceptions of an `ormap` can go to a sticky slot lane by lane. */
export function accumulates(node: Node): boolean {
  const part = (n: Node): boolean => {
    if (n.op === "or") return n.args.every(part);
    if (n.op === "fexc") return true;
    return (
      n.op === "select" && n.args.slice(1).some((a) => a.op === "fexc") && n.args.slice(1).some((a) => a.op === "const")
    );
  };
  return fits(node, true) && part(node.body!);
}

/** lane<w>(table, index) of a table that all lanes share: what `lshr` by a multiple of w and a cut make of it. */
export function pickOf(n: Node, map: Node): { readonly table: Node; readonly index: Node } | undefined {
  if (n.op !== "extract" || n.aux !== 0 || !isContainer(n.w)) return undefined;
  const shift = n.args[0]!;
  if (shift.op !== "lshr") return undefined;
  const [table, amount] = shift.args as [Node, Node];
  const whole = table.op === "const" ? table : table.op === "elem" ? map.args[table.aux] : undefined;
  if (whole === undefined || table.w % 128 !== 0 || whole.w !== table.w) return undefined;
  if (amount.op !== "shl" || amount.args[1]!.op !== "const") return undefined;
  const by = amount.args[1]!;
  if ((by.big === undefined ? by.lo : Number(by.big)) !== Math.log2(n.w)) return undefined;
  const index = amount.args[0]!.op === "zext" ? amount.args[0]!.args[0]! : undefined;
  if (index === undefined || index.w > 8) return undefined;
  return n.w === 8 || 2 ** index.w * (n.w / 8) <= 256 ? { table: whole, index } : undefined;
}
