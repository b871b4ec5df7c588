import { constNum } from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";
import { type Code, ENGINE, F32, F64, I32 } from "./code.ts";
import type { ModuleBuilder } from "./module.ts";
import { M, W } from "./opcodes.ts";
import type { Sticky } from "./sticky.ts";

// Where a float op is compiled, and the limits that say whether NX is set.

/** What float lowering needs of its surroundings. */
export interface FloatHost {
  readonly module: ModuleBuilder;
  /** Index of the imported reference (abi.ts, IMPORT_FLOAT). */
  readonly importFloat: number;
  /** relaxed_madd is fused on this host. */
  readonly fused: boolean;
  /** Look for exact results in line where NX is not set: code that runs often. */
  readonly inlineExact?: boolean;
  /** NX was not set when this was compiled: ask first whether a result is exact. Only speed hangs on it. */
  readonly exactFirst?: boolean;
  /** Byte address of a slot in engine memory, and its width. */
  slotOffset(slot: number): number;
  slotWidth(slot: number): number;
  /** Helpers made so far, by what they do. */
  readonly helpers: Map<string, number>;
}

/** Locals that the function keeps current: the limit for f64 and f32, a NaN where NX is not set. */
export interface Limits {
  readonly f64: number;
  readonly f32: number;
  /** The least normal double where NX is set, else zero. */
  readonly least: number;
}

/** Locals for limits; to be set with updateLimits. */
export const newLimits = (code: Code): Limits => ({
  f64: code.freshLocal(F64),
  f32: code.freshLocal(F32),
  least: code.freshLocal(F64),
});

/** Sets the limits from the sticky slot in memory, without branches: what nobody reads of them costs nothing. */
export function updateLimits(code: Code, host: FloatHost, sticky: Sticky, limits: Limits): void {
  const m = inexactBits(sticky);
  const set = code.local(I32);
  code.i32(0);
  code.mem(M.i32_load, ENGINE, host.slotOffset(sticky.slot));
  code.i32(m);
  code.op(W.i32_and);
  code.i32(m);
  code.op(W.i32_eq);
  code.set(set);
  const bit = (at: number): void => {
    code.get(set);
    code.op(W.i64_extend_i32_u);
    code.i64s(at);
    code.op(W.i64_shl);
  };
  // The quiet bit makes a NaN of an infinity; the exponent's lowest alone is the least normal number.
  code.i64(0, 0x7ff80000);
  bit(51);
  code.op(W.i64_xor);
  code.op(W.f64_reinterpret_i64);
  code.tee(limits.f64);
  code.op(W.f32_demote_f64);
  code.set(limits.f32);
  bit(52);
  code.op(W.f64_reinterpret_i64);
  code.set(limits.least);
  code.release(set);
}

/** The bits that NX alone sets in the sticky slot. */
export function inexactBits(sticky: Sticky): number {
  const value = withExceptions(sticky.value, constNum(6, 1));
  return value.op === "const" ? value.lo : -1;
}

function withExceptions(node: Node, bits: Node): Node {
  if (node.op === "fexc") return bits;
  if (node.args.length === 0) return node;
  return remake(
    node,
    node.args.map((arg) => withExceptions(arg, bits)),
  );
}
