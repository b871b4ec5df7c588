import type { FpPolicy } from "../node.ts";
import { type Format, formatOf, notNumber, type Unpacked } from "./format.ts";
import { control, NV, raised } from "./round.ts";

/**
 * Which NaN an operation gives. canonical: always the default one (RISC-V unprivileged ISA section 21.3); arm: the
 * first signaling operand, else the first quiet one (Arm ARM, FPProcessNaNs); x86: the first operand that is a NaN
 * (Intel SDM volume 1 section 4.8.3.5); x87: the larger significand, quiet before signaling (same table);
 * first: the first NaN. A propagated NaN becomes quiet.
 */
export type NanPolicy = FpPolicy["nan"];

/** The NaN of an invalid operation. */
export function defaultNaN(f: Format, policy: NanPolicy): bigint {
  const bits = f.infinity | f.quietBit;
  return policy === "x86" || policy === "x87" ? bits | f.signBit : bits;
}

/** Raises NV and gives the default NaN. */
export function invalid(f: Format, policy: NanPolicy): bigint {
  raised.flags |= NV;
  return defaultNaN(f, policy);
}

const quieted = (f: Format, u: Unpacked): bigint => u.bits | f.quietBit;

/** Result of an operation of which at least one operand is a NaN; raises NV for a signaling one. */
export function propagate(f: Format, policy: NanPolicy, operands: readonly Unpacked[]): bigint {
  if (operands.some((u) => u.kind === "signaling" || u.kind === "unsupported")) raised.flags |= NV;
  if (policy === "canonical" || control.defaultNaN || operands.some((u) => u.kind === "unsupported"))
    return defaultNaN(f, policy);
  return quieted(f, chosen(f, policy, operands.filter(notNumber)));
}

function chosen(f: Format, policy: NanPolicy, nans: readonly Unpacked[]): Unpacked {
  if (policy === "arm") return nans.find((u) => u.kind === "signaling") ?? nans[0];
  if (policy !== "x87" || nans.length === 1) return nans[0];
  const quiet = nans.filter((u) => u.kind === "quiet");
  if (quiet.length === 1) return quiet[0];
  const [a, b] = nans;
  const x = a.bits & f.lowMask;
  const y = b.bits & f.lowMask;
  if (x !== y) return x > y ? a : b;
  return a.sign ? b : a;
}

/** A NaN of another format: sign and the highest payload bits stay. */
export function convertNaN(from: Format, to: Format, policy: NanPolicy, u: Unpacked): bigint {
  if (u.kind !== "quiet") raised.flags |= NV;
  if (policy === "canonical" || control.defaultNaN || u.kind === "unsupported") return defaultNaN(to, policy);
  const payload = u.bits & (from.quietBit - 1n);
  const by = BigInt(to.p - from.p);
  const low = by >= 0n ? payload << by : payload >> -by;
  return to.infinity | to.quietBit | low | (u.sign ? to.signBit : 0n);
}

/** The default NaN of a width, for messages and tests. */
export const defaultNaNOf = (w: number, policy: NanPolicy): bigint => defaultNaN(formatOf(w), policy);
