import type { Node } from "../../ir/node.ts";
import { BIAS } from "../../memory/layout.ts";
import type { Lower } from "./lower.ts";
import { W } from "./opcodes.ts";

/** Largest displacement that goes into the access itself, so that accesses through one base share its address. */
const MAX_OFFSET = 2048;

/**
 * Addresses of unchecked accesses: the low 32 bits less BIAS. A small displacement stays in the instruction; that
 * differs from adding it first only where base and address lie on both sides of the first mapped byte, and then traps.
 */
export class Access {
  /** Displacement for the access that follows `address`. */
  offset = 0;

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
      lower.low(addr.args[0]!);
      if (by >= 0 && by < MAX_OFFSET) {
        code.i32(-BIAS);
        this.offset = by;
      } else code.i32((by - BIAS) | 0);
      code.op(W.i32_add);
      return;
    }
    lower.low(addr);
    code.i32(-BIAS);
    code.op(W.i32_add);
  }
}
