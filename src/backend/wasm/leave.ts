import type { Node } from "../../ir/node.ts";
import { CTL_AUX, CTL_EXIT, CTL_PC, Exit, STATE } from "../../memory/layout.ts";
import { UNWOUND } from "./abi.ts";
import { MASK_WORDS, STORED_MASK } from "./batch.ts";
import { ENGINE, I64 } from "./code.ts";
import { type Frame, pushZero, storeAs } from "./frame.ts";
import { M, W } from "./opcodes.ts";
import { naturalType, ZERO } from "./values.ts";

/** Leaves at an instruction in the middle of the block; `sets` are those of the instructions before it. */
export function leaveBefore(f: Frame, pc: number, reason: number, aux: number, sets: ReadonlyMap<number, Node>): void {
  const { code, lower, analysis, batch } = f;
  const stored = new Set([...analysis.dirty.list(f.block.index), ...sets.keys()]);
  lower.frozen++;
  for (const slot of stored) if (!sets.has(slot)) f.storeSlot(slot);
  for (const [slot, value] of sets) {
    code.i32(0);
    lower.emit(value, ZERO);
    storeAs(code, naturalType(value.w), STATE + batch.slots[slot]!.offset);
  }
  lower.frozen--;
  exitAt(f, pc, reason, aux, [], stored);
}

/** Stores state and leaves with a constant pc. `stored`: slots that already are. */
export function exitAt(
  f: Frame,
  pc: number,
  reason: number,
  aux: number,
  dirty: readonly number[],
  stored: Iterable<number> = [],
): void {
  const { code } = f;
  code.i32(0);
  code.i64(pc | 0, 0);
  code.mem(M.i64_store, ENGINE, CTL_PC);
  if (reason !== Exit.Dispatch) {
    code.i32(0);
    code.i32(aux);
    code.mem(M.i32_store, ENGINE, CTL_AUX);
  }
  leave(f, reason, dirty, stored);
}

/** Stores state and leaves; CTL_PC is set. */
function leave(f: Frame, reason: number, dirty: readonly number[], stored: Iterable<number> = []): void {
  const { code, batch } = f;
  code.i32(0);
  code.i32(reason);
  code.mem(M.i32_store, ENGINE, CTL_EXIT);
  const mask = new Int32Array(MASK_WORDS);
  for (const slot of dirty) f.storeSlot(slot);
  for (const slot of [...dirty, ...stored]) mask[slot >>> 5]! |= 1 << (slot & 31);
  for (let i = 0; i * 32 < batch.slots.length; i++) {
    code.i32(0);
    code.i32(mask[i]!);
    orTouched(f, i);
    code.mem(M.i32_store, ENGINE, STORED_MASK + 4 * i);
  }
  f.storeFuel();
  unwound(f);
}

export function orTouched(f: Frame, word: number): void {
  if (f.touched[word]! < 0) return;
  f.code.get(f.touched[word]!);
  f.code.op(W.i32_or);
}

export function unwound(f: Frame): void {
  const { code, signature } = f;
  code.i64s(UNWOUND);
  for (const type of signature.resultTypes) {
    pushZero(code, type);
  }
  code.op(W.return);
}

/** Target on the stack: leave to it. */
export function exitTo(f: Frame, dirty: readonly number[]): void {
  const { code } = f;
  const target = code.local(I64);
  code.set(target);
  code.i32(0);
  code.get(target);
  code.mem(M.i64_store, ENGINE, CTL_PC);
  code.release(target);
  leave(f, Exit.Dispatch, dirty);
}
