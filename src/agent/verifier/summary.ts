import { binary, constBig, constNum, get, select, unary } from "../../ir/build.ts";
import type { Effect, Inst, Node } from "../../ir/node.ts";

/**
 * An instruction as a function of the state before it, without memory: what each slot becomes, where control goes, whether
 * it traps. `if`s have become selects. For provers and for bulk evaluation.
 */
export interface Summary {
  readonly sets: ReadonlyMap<number, Node>;
  readonly pc: Node;
  /** i1: it ends in a trap or stop, the slots then stay. */
  readonly leaves: Node;
}

/** undefined: it accesses memory, asks, or cannot be said this way. `next`: the address of the next instruction. */
export function summarize(inst: Inst, widthOf: (slot: number) => number, next: bigint): Summary | undefined {
  const sets = new Map<number, Node>();
  let pc: Node = constBig(64, next);
  let leaves: Node = constNum(1, 0);
  let plain = true;
  const both = (a: Node | undefined, b: Node): Node => (a === undefined ? b : binary("and", a, b));
  const walk = (effects: readonly Effect[], when: Node | undefined): void => {
    for (const e of effects) {
      switch (e.k) {
        case "set": {
          const old = sets.get(e.slot) ?? get(e.slot, widthOf(e.slot));
          sets.set(e.slot, when ? select(when, e.value, old) : e.value);
          break;
        }
        case "jump":
          pc = when ? select(when, e.target, pc) : e.target;
          break;
        case "if":
          walk(e.then, both(when, e.cond));
          walk(e.else, both(when, unary("not", e.cond)));
          break;
        case "trap":
        case "stop":
          if (e.k === "stop" && e.name !== "syscall") break;
          leaves = when ? select(when, constNum(1, 1), leaves) : constNum(1, 1);
          break;
        case "fence":
          break;
        default:
          plain = false;
      }
    }
  };
  walk(inst.effects, undefined);
  if (!plain) return undefined;
  for (const [slot, value] of sets) sets.set(slot, select(leaves, get(slot, widthOf(slot)), value));
  return { sets, pc, leaves };
}
