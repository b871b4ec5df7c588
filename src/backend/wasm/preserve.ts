import type { Node } from "../../ir/node.ts";
import type { BitRows } from "./bits.ts";
import type { Block, Func } from "./func.ts";
import type { Step } from "./graph.ts";

/**
 * Which slots a function gives back as it got them: restored by arithmetic (a stack pointer) or by loading them from
 * where the function saved them. This is a guess from the code's shape; the code checks it at every return and
 * leaves to the dispatcher where it fails, so a wrong guess is only slow.
 */

/** What is known of a slot: anything, or a number of `Knowledge`. */
const ANYTHING = -2;

/** Numbers for "entry value of slot + offset" and "loaded from (entry value of slot + offset)". */
class Knowledge {
  private readonly numbers = new Map<number, number>();
  readonly kinds: { readonly loaded: boolean; readonly slot: number; readonly offset: number }[] = [];

  of(loaded: boolean, slot: number, offset: number): number {
    // Slots are fewer than 4096, offsets of 32 bits.
    const key = (offset * 0x1000 + slot) * 2 + (loaded ? 1 : 0);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    this.numbers.set(key, this.kinds.length);
    return this.kinds.push({ loaded, slot, offset }) - 1;
  }
}

/**
 * Clears from row `index` of `preserved` what `func` does not give back, given what its callees do. True: changed.
 * touches: slots that it or its callees write at all.
 */
export function checkPreserved(
  func: Func,
  index: number,
  preserved: BitRows,
  touches: BitRows,
  slotCount: number,
  calleeModifies: (block: Block, slot: number) => boolean,
): boolean {
  const { blocks } = func;
  if (!blocks.some((block) => block.flow.k === "ret")) {
    const any = preserved.list(index).length > 0;
    preserved.clear(index);
    return any;
  }
  const slots = touches.list(index);
  const knowledge = new Knowledge();
  const entry = new Int32Array(slotCount);
  for (let s = 0; s < slotCount; s++) entry[s] = knowledge.of(false, s, 0);
  /** Knowledge of the slots where a block begins, `slotCount` a block; of slots not touched it stays the entry's. */
  const ins = new Int32Array(blocks.length * slotCount);
  for (let at = 0; at < ins.length; at += slotCount) ins.set(entry, at);
  const seen = new Uint8Array(blocks.length);
  seen[0] = 1;
  /** Where entry values were stored: "slot:offset" of the address to knowledge of the value. */
  const stored = new Map<number, number>();
  const atReturn: Int32Array[] = [];
  const out = new Int32Array(slotCount);
  let changed = true;
  for (let round = 0; changed && round < 20; round++) {
    changed = false;
    atReturn.length = 0;
    for (const block of blocks) {
      if (!seen[block.index]) continue;
      const at = ins.subarray(block.index * slotCount, (block.index + 1) * slotCount);
      noteStores(block.values.steps, at, knowledge, stored);
      out.set(at);
      for (const [slot, value] of block.values.sets) out[slot] = knownOf(value, at, knowledge);
      if (block.flow.k === "call") for (const s of slots) if (calleeModifies(block, s)) out[s] = ANYTHING;
      if (block.flow.k === "ret") atReturn.push(out.slice());
      for (const succ of block.succs) {
        if (succ === undefined) continue;
        const into = succ.index * slotCount;
        if (!seen[succ.index]) {
          seen[succ.index] = 1;
          ins.set(out, into);
          changed = true;
          continue;
        }
        for (const s of slots) {
          if (ins[into + s] === out[s] || ins[into + s] === ANYTHING) continue;
          ins[into + s] = ANYTHING;
          changed = true;
        }
      }
    }
  }
  let lost = false;
  for (const slot of preserved.list(index)) {
    const kept =
      atReturn.length > 0 &&
      atReturn.every((known) => {
        const k = known[slot]!;
        if (k < 0) return false;
        return k === entry[slot] || (knowledge.kinds[k]!.loaded && stored.get(k) === entry[slot]);
      });
    if (kept) continue;
    preserved.remove(index, slot);
    lost = true;
  }
  return lost;
}

function knownOf(node: Node, at: Int32Array, knowledge: Knowledge): number {
  if (node.op === "get") return at[node.aux]!;
  if (node.op === "load" && node.w === 64) {
    const from = knownOf(node.args[0]!, at, knowledge);
    if (from < 0) return ANYTHING;
    const kind = knowledge.kinds[from]!;
    return kind.loaded ? ANYTHING : knowledge.of(true, kind.slot, kind.offset);
  }
  if (node.op !== "add" || node.args[1]!.op !== "const") return ANYTHING;
  const of = knownOf(node.args[0]!, at, knowledge);
  if (of < 0) return ANYTHING;
  const kind = knowledge.kinds[of]!;
  return kind.loaded ? ANYTHING : knowledge.of(false, kind.slot, (kind.offset + node.args[1]!.lo) | 0);
}

function noteStores(steps: readonly Step[], at: Int32Array, knowledge: Knowledge, stored: Map<number, number>): void {
  for (const step of steps) {
    if (step.k !== "store" || step.value.w !== 64) continue;
    const addr = knownOf(step.addr, at, knowledge);
    if (addr < 0) continue;
    const kind = knowledge.kinds[addr]!;
    if (kind.loaded) continue;
    const where = knowledge.of(true, kind.slot, kind.offset);
    const value = knownOf(step.value, at, knowledge);
    const before = stored.get(where);
    stored.set(where, before === undefined || before === value ? value : ANYTHING);
  }
}
