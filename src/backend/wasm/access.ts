import type { Node } from "../../ir/node.ts";
import { BIAS, PAGE_CODE, PAGE_SHIFT, PERMS, PROT_WRITE } from "../../memory/layout.ts";
import { ENGINE, I32 } from "./code.ts";
import type { Step } from "./graph.ts";
import type { Lower } from "./lower.ts";
import { M, W } from "./opcodes.ts";
import { naturalType, ZERO } from "./values.ts";

/** Largest displacement that goes into the access itself, so that accesses through one base share its address. */
const MAX_OFFSET = 2048;

/**
 * Addresses of unchecked accesses: the low 32 bits less BIAS. A small displacement stays in the instruction; that
 * differs from adding it first only where base and address lie on both sides of the first mapped byte, and then traps.
 */
export class Access {
  /** Displacement for the access that follows `address`. */
  offset = 0;
  /** By the register of the addresses in the block at hand: displacement from which the others are counted. */
  private readonly lowest = new Map<Node, number>();

  /** Looks at a block's accesses: the lowest displacement from a register is part of the address that they share. */
  begin(steps: readonly Step[]): void {
    this.lowest.clear();
    this.look(steps);
  }

  private look(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.k === "if") {
        this.look(step.then);
        this.look(step.else);
      }
      if (step.k !== "load" && step.k !== "store" && step.k !== "rmw") continue;
      const addr = step.k === "store" ? step.addr : step.node.args[0]!;
      if (addr.op !== "add" || addr.args[1]!.op !== "const") continue;
      const root = addr.args[0]!;
      const by = addr.args[1]!.lo;
      this.lowest.set(root, Math.min(by, this.lowest.get(root) ?? 0));
    }
  }

  /** Pushes the wasm address. */
  address(lower: Lower, addr: Node): void {
    const { code } = lower;
    this.offset = 0;
    if (addr.op === "const") {
      code.i32((addr.lo - BIAS) | 0);
      return;
    }
    if (addr.op === "add" && addr.args[1]!.op === "const" && !lower.isKept(addr)) {
      const by = addr.args[1]!.lo;
      const from = this.lowest.get(addr.args[0]!) ?? 0;
      lower.low(addr.args[0]!);
      if (by >= from && by - from < MAX_OFFSET) {
        code.i32((from - BIAS) | 0);
        this.offset = by - from;
      } else code.i32((by - BIAS) | 0);
      code.op(W.i32_add);
      return;
    }
    lower.low(addr);
    code.i32(-BIAS);
    code.op(W.i32_add);
  }
}

/**
 * Pushes an i32: not zero where the guest may not access `bytes` at `addr` in all of the ways `access` (PROT_*). Both
 * pages of an access are looked up, which mostly are one. Gives a local, to be released, with the address's low 32 bits.
 */
export function pushForbidden(lower: Lower, addr: Node, bytes: number, access: number): number {
  const { code } = lower;
  // What code was decoded from is not to be written unnoticed.
  const writes = (access & PROT_WRITE) !== 0;
  const type = naturalType(addr.w);
  const low = code.local(I32);
  lower.emit(addr, ZERO);
  if (type === I32) code.set(low);
  else {
    const whole = code.local(type);
    code.tee(whole);
    code.op(W.i32_wrap_i64);
    code.set(low);
    code.get(whole);
    code.get(low);
    code.op(W.i64_extend_i32_u);
    code.op(W.i64_ne);
    code.release(whole);
  }
  code.get(low);
  permissions();
  if (bytes > 1) {
    code.get(low);
    code.i32(bytes - 1);
    code.op(W.i32_add);
    permissions();
    code.op(W.i32_and);
  }
  const wanted = writes ? access | PAGE_CODE : access;
  code.i32(wanted);
  code.op(W.i32_and);
  code.i32(wanted);
  code.op(W.i32_ne);
  if (type !== I32) code.op(W.i32_or);
  return low;

  function permissions(): void {
    code.i32(PAGE_SHIFT);
    code.op(W.i32_shr_u);
    code.mem(M.i32_load8_u, ENGINE, PERMS);
    if (!writes) return;
    code.i32(PAGE_CODE);
    code.op(W.i32_xor);
  }
}
