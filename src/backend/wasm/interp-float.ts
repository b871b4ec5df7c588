import { FUSED } from "../../engine/predecode-layout.ts";
import { constNum } from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";
import { ENGINE, I32 } from "./code.ts";
import { lowerFloat } from "./float.ts";
import { type FloatHost, newLimits, updateLimits } from "./float-host.ts";
import { resultType } from "./float-operands.ts";
import { NotLowered } from "./interp-plan.ts";
import type { Lower } from "./lower.ts";
import { M, W } from "./opcodes.ts";
import type { Sticky } from "./sticky.ts";
import { ANY, SIGN, ZERO } from "./values.ts";

/** Rounding modes that an op has a fast way for. */
const NEAREST: readonly number[] = [0];
const CONVERSIONS: readonly number[] = [0, 1];
const WHOLE: readonly number[] = [0, 1, 2, 3];

/**
 * Computes a float op and keeps it: its exceptions go straight into the sticky slot in memory, where there is one. The
 * rounding mode is as a rule known only when it runs, so the modes with a fast way are tried first; whether the
 * host's relaxed_madd is fused is known only then, too.
 */
export function keepFloat(lower: Lower, host: FloatHost, node: Node, sticky: Sticky | undefined): void {
  const { code } = lower;
  const type = resultType(node);
  pushFloat(lower, host, node, sticky);
  const result = code.local(type);
  code.set(result);
  lower.keep(node, result, node.w === 1 ? ZERO : ANY);
}

/** Pushes a float op's result in its type. */
export function pushFloat(lower: Lower, host: FloatHost, node: Node, sticky: Sticky | undefined): void {
  const { code } = lower;
  if (node.w > 64 || node.args.some((a) => a.w > 64)) throw new NotLowered(`${node.op} of i80`);
  const limits = sticky && newLimits(code);
  if (sticky && limits) updateLimits(code, host, sticky, limits);
  const plain = (n: Node): void => lowerFloat(lower, n, host, sticky, limits);
  const type = resultType(node);
  const mode = node.args[node.args.length - 1];
  if (COMPARES.has(node.op) || mode.op === "const") {
    plain(node);
    return;
  }
  for (const arg of node.args.slice(0, -1)) {
    if (node.op === "s2f" || node.op === "u2f") lower.bind(arg, node.op === "s2f" ? SIGN : ZERO);
    else lower.bindFloat(arg);
  }
  const rm = code.local(I32);
  lower.emit(mode, ZERO);
  code.set(rm);
  const known = lower.isKept(mode);
  if (!known) lower.keep(mode, rm, ZERO);
  const modes = node.op === "f2s" || node.op === "f2u" ? CONVERSIONS : node.op === "frint" ? WHOLE : NEAREST;
  lower.frozen++;
  for (const fixed of modes) {
    code.get(rm);
    code.i32(fixed);
    code.op(W.i32_eq);
    if (node.op === "fma") {
      code.i32(0);
      code.mem(M.i32_load, ENGINE, FUSED);
      code.op(W.i32_and);
    }
    code.if(type);
    plain(remake(node, [...node.args.slice(0, -1), constNum(3, fixed)]));
    code.else();
  }
  plain(node);
  for (const _ of modes) code.end();
  lower.frozen--;
  // In a part that may not run the mode is read anew elsewhere.
  if (!known && lower.frozen > 0) lower.forget(mode);
}

const COMPARES: ReadonlySet<string> = new Set(["feq", "flt", "fle"]);
