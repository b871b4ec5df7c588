import { CTL_FUEL, Exit } from "../../memory/layout.ts";
import { UNWOUND } from "./abi.ts";
import { MASK_WORDS, type Signature, STORED_MASK } from "./batch.ts";
import { ENGINE, F64, I32, I64, V128 } from "./code.ts";
import { updateLimits } from "./float-host.ts";
import { type Frame, leaveWith, WIDE } from "./frame.ts";
import type { Block } from "./func.ts";
import type { Edge } from "./jump.ts";
import { exitAt, exitTo, orTouched, unwound } from "./leave.ts";
import { M, W } from "./opcodes.ts";
import { V } from "./simd-codes.ts";

/** Control on the way into a guest function: a wasm call where the batch has it, else out through the dispatcher. */
export function call(f: Frame, block: Block, edge: Edge): void {
  const { code, batch, analysis } = f;
  const callee = batch.summaries.calleeOf(block);
  if (callee < 0) {
    if (block.callee >= 0 && !block.guarded) exitAt(f, block.callee, Exit.Dispatch, 0, f.dirtyAfter(block));
    else exitTo(f, f.dirtyAfter(block));
    return;
  }
  const to = batch.signatures[callee]!;
  const dirty = f.dirtyAfter(block);
  const owed = analysis.owedAtCall(block, callee);
  if (block.guarded) {
    const target = code.local(I64);
    code.tee(target);
    code.i64(block.callee | 0, 0);
    code.op(W.i64_ne);
    code.unlikely();
    code.if();
    code.get(target);
    exitTo(f, dirty);
    code.end();
    code.release(target);
  }
  // What the callee only may change comes back in memory, whichever way it goes.
  const { returns, takes, defines } = batch.summaries;
  for (const slot of owed)
    if (returns.has(callee, slot) && !takes.has(callee, slot) && !defines.has(callee, slot)) f.storeSlot(slot);
  if (to.usesFuel) f.storeFuel();
  to.takes.forEach((slot, i) => {
    f.pushAs(slot, to.params[i]!);
  });
  if (to.nests) {
    code.get(f.depth);
    code.i32(1);
    code.op(W.i32_sub);
  }
  code.call(to.func);
  // Kept apart until it is clear that there are results: a callee that left altogether returns nothing.
  const results = to.resultTypes.map((type) => code.local(type));
  for (let i = results.length - 1; i >= 0; i--) code.set(results[i]!);
  const pc = code.local(I64);
  code.tee(pc);
  code.i64(block.raw.next | 0, 0);
  code.op(W.i64_ne);
  code.unlikely();
  code.if();
  unwind(f, callee, to, results, pc, owed);
  code.end();
  f.touched.forEach((local, i) => {
    // Results are not in memory.
    let mask = batch.summaries.changes.data[callee * batch.summaries.changes.words + i]!;
    for (const slot of to.results) if (slot >>> 5 === i) mask &= ~(1 << (slot & 31));
    if (local < 0 || mask === 0) return;
    code.get(local);
    code.i32(mask);
    code.op(W.i32_or);
    code.set(local);
  });
  results.forEach((local, i) => {
    code.get(local);
    f.popAs(to.results[i]!, to.resultTypes[i]!);
    code.release(local);
  });
  code.release(pc);
  if (to.usesFuel && f.fuel >= 0) {
    code.i32(0);
    code.mem(M.i32_load, ENGINE, CTL_FUEL);
    code.set(f.fuel);
  }
  if (to.usesSticky && f.sticky && f.limits) updateLimits(code, batch.float, f.sticky, f.limits);
  const succ = block.succs[0];
  if (succ !== undefined) {
    for (const slot of analysis.live.list(succ.index)) {
      const want = f.entryRep(succ, slot);
      if (batch.summaries.changes.has(callee, slot) && !to.results.includes(slot)) {
        f.loadSlot(slot, want);
        continue;
      }
      const have = f.reps[slot]!;
      if (have === want || (have !== WIDE && want !== WIDE)) continue;
      if (want === WIDE) {
        code.get(f.narrowLocal(slot));
        code.op(W.i64_extend_i32_s);
        code.set(f.wideLocal(slot));
      } else {
        code.get(f.wideLocal(slot));
        code.op(W.i32_wrap_i64);
        code.set(f.narrowLocal(slot));
      }
    }
    edge(block, 0);
    return;
  }
  // Nothing of this function follows: memory must have all that the call did not write there itself.
  const after = dirty.filter((slot) => !batch.summaries.changes.has(callee, slot));
  exitAt(f, block.raw.next, Exit.Dispatch, 0, [...after, ...to.results]);
}

/** The callee came back somewhere else, or left altogether (then it stored what it owns). */
function unwind(
  f: Frame,
  callee: number,
  to: Signature,
  results: readonly number[],
  pc: number,
  owed: readonly number[],
): void {
  const { code, batch } = f;
  const { changes, takes, touches } = batch.summaries;
  code.get(pc);
  code.i64s(UNWOUND);
  code.op(W.i64_ne);
  code.if();
  leaveWith(code, pc, to, results, batch.slots);
  for (let i = 0; i * 32 < batch.slots.length; i++) {
    code.i32(0);
    code.i32(changes.data[callee * changes.words + i]!);
    code.mem(M.i32_store, ENGINE, STORED_MASK + 4 * i);
  }
  code.end();
  const mask = new Int32Array(MASK_WORDS);
  for (const slot of owed) {
    mask[slot >>> 5]! |= 1 << (slot & 31);
    if (!touches.has(callee, slot)) f.storeSlotApart(slot);
    else if (!takes.has(callee, slot) || !changes.has(callee, slot)) {
      code.i32(0);
      code.mem(M.i32_load, ENGINE, STORED_MASK + 4 * (slot >>> 5));
      code.i32(1 << (slot & 31));
      code.op(W.i32_and);
      code.op(W.i32_eqz);
      code.if();
      f.storeSlotApart(slot);
      code.end();
    }
  }
  for (let i = 0; i * 32 < batch.slots.length; i++) {
    if (mask[i] === 0 && f.touched[i]! < 0) continue;
    code.i32(0);
    code.i32(0);
    code.mem(M.i32_load, ENGINE, STORED_MASK + 4 * i);
    code.i32(mask[i]!);
    code.op(W.i32_or);
    orTouched(f, i);
    code.mem(M.i32_store, ENGINE, STORED_MASK + 4 * i);
  }
  unwound(f);
}

/** Target on the stack: return to the caller, with what is to be given back checked. */
export function ret(f: Frame, block: Block): void {
  const { code, analysis, batch, signature } = f;
  const target = code.local(I64);
  code.set(target);
  const dirty = analysis.owedAtReturn(block);
  code.block();
  const bad = code.depth;
  for (const slot of f.preserved) {
    const param = signature.takes.indexOf(slot);
    const type = signature.params[param]!;
    f.pushAs(slot, type === I32 ? I32 : type === V128 ? V128 : I64);
    code.get(param);
    if (type === F64) code.op(W.i64_reinterpret_f64);
    if (type === V128) {
      code.fd(V.xor);
      code.fd(V.any_true);
    } else code.op(type === I32 ? W.i32_ne : W.i64_ne);
    code.unlikely();
    code.brIf(code.depth - bad);
  }
  for (const slot of dirty)
    if (batch.summaries.returns.has(analysis.index, slot) && !signature.results.includes(slot)) f.storeSlot(slot);
  for (const slot of f.preserved) if (batch.summaries.restores.has(analysis.index, slot)) f.storeSlot(slot);
  f.storeFuel();
  code.get(target);
  signature.results.forEach((slot, i) => {
    f.pushAs(slot, signature.resultTypes[i]!);
  });
  code.op(W.return);
  code.end();
  if (f.preserved.length > 0) {
    code.get(target);
    exitTo(f, dirty);
  } else code.op(W.unreachable);
  code.release(target);
}
