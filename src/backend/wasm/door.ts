import type { Slot } from "../../ir/node.ts";
import { CTL_PC, STATE } from "../../memory/layout.ts";
import { UNWOUND } from "./abi.ts";
import type { Signature } from "./batch.ts";
import { Code, ENGINE, I64 } from "./code.ts";
import { leaveWith, loadAs } from "./frame.ts";
import { M, W } from "./opcodes.ts";

/** The dispatcher's way in: arguments from memory, results into it. depth: calls that may nest. */
export function enter(entry: number, signature: Signature, slots: readonly Slot[], depth: number): Code {
  const code = new Code([]);
  // Where a trap of unchecked code happened is known no better.
  code.i32(0);
  code.i64(entry | 0, 0);
  code.mem(M.i64_store, ENGINE, CTL_PC);
  signature.takes.forEach((slot, i) => {
    const type = signature.params[i]!;
    code.i32(0);
    loadAs(code, type, STATE + slots[slot]!.offset);
  });
  if (signature.nests) code.i32(depth);
  code.call(signature.func);
  const held = signature.resultTypes.map((type) => code.freshLocal(type));
  for (let i = held.length - 1; i >= 0; i--) code.set(held[i]!);
  const pc = code.freshLocal(I64);
  code.tee(pc);
  code.i64s(UNWOUND);
  code.op(W.i64_ne);
  code.if();
  leaveWith(code, pc, signature, held, slots);
  code.end();
  return code;
}
