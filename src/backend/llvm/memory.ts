import type { MemAttrs, Node, Op } from "../../ir/node.ts";

/** Memory accesses in LLVM's terms. */

const ATOMICS: Partial<Record<Op, string>> = { add: "add", sub: "sub", and: "and", or: "or", xor: "xor" };

/** In bytes. */
export const alignment = (mem: MemAttrs | undefined, w: number): number => (mem?.aligned ? w / 8 : 1);

/** Of a read-modify-write. */
export function ordering(mem: MemAttrs | undefined): string {
  if (mem?.acq) return mem.rel ? "acq_rel" : "acquire";
  return mem?.rel ? "release" : "monotonic";
}

/** `op(old, x)` with x free of `old`: one of LLVM's atomicrmw operations. */
export function nativeUpdate(update: Node): { op: string; value: Node } | undefined {
  if (!mentionsOld(update)) return { op: "xchg", value: update };
  const op = ATOMICS[update.op];
  if (op === undefined) return undefined;
  const [a, b] = update.args;
  if (a.op === "old" && !mentionsOld(b)) return { op, value: b };
  return b.op === "old" && !mentionsOld(a) && op !== "sub" ? { op, value: a } : undefined;
}
const mentionsOld = (n: Node): boolean => n.op === "old" || n.args.some(mentionsOld);
