import type { Effect, Inst, Node, Slot } from "../../ir/node.ts";
import type { CodeSource } from "./discover.ts";
import { stickyOf } from "./graph.ts";

/** Slots that are not kept in locals. */
export interface Roles {
  /** Accumulate float exceptions, or select the rounding mode: they stay in memory. */
  readonly resident: Set<number>;
  /** Select the rounding mode of float ops: functions are compiled for zero. */
  readonly assumedZero: Set<number>;
}

/** Roles by state: what a book's slots are for does not change from region to region. */
const known = new WeakMap<object, Roles>();

/** Roles of `slots` as far as instructions have shown them. */
export function rolesOf(slots: readonly Slot[]): Roles {
  let roles = known.get(slots);
  if (roles === undefined) known.set(slots, (roles = { resident: new Set(), assumedZero: new Set() }));
  return roles;
}

/** The source with memory, and learning the roles that instructions show. */
export function watched(source: CodeSource, roles: Roles): CodeSource {
  const insts = new Map<number, Inst | null>();
  return {
    inst: (pc) => {
      const seen = insts.get(pc);
      if (seen !== undefined) return seen;
      const inst = source.inst(pc);
      insts.set(pc, inst);
      if (inst !== null) learnEffects(inst.effects, roles.resident, roles.assumedZero);
      return inst;
    },
    guess: (slot) => source.guess?.(slot),
    targets: (pc) => source.targets?.(pc) ?? [],
    constant: (address, size) => source.constant?.(address, size) ?? null,
  };
}

function learnEffects(effects: readonly Effect[], resident: Set<number>, assumed: Set<number>): void {
  for (const e of effects) {
    if (e.k === "set") {
      const sticky = stickyOf(e.slot, e.value);
      if (sticky !== undefined) {
        resident.add(e.slot);
        const rm = sticky.float.args[sticky.float.args.length - 1]!;
        // A comparison has none: its last argument is a float.
        if (rm.op === "get" && rm.w <= 8) {
          resident.add(rm.aux);
          assumed.add(rm.aux);
        }
      }
    } else if (e.k === "if") {
      learnEffects(e.then, resident, assumed);
      learnEffects(e.else, resident, assumed);
    }
  }
}

/** True where an instruction reads or writes a resident slot other than by accumulating into it. */
export const standsAlone = (inst: Inst, roles: Roles): boolean =>
  touches(inst.effects, roles.resident, roles.assumedZero);

/** A read or write of a resident slot that is neither accumulation nor a rounding mode taken for zero. */
function touches(effects: readonly Effect[], resident: ReadonlySet<number>, assumed: ReadonlySet<number>): boolean {
  if (resident.size === 0) return false;
  const reads = (node: Node): boolean =>
    node.op === "get" ? resident.has(node.aux) && !assumed.has(node.aux) : node.args.some(reads);
  for (const e of effects) {
    if (e.k === "set") {
      if (resident.has(e.slot)) {
        if (stickyOf(e.slot, e.value) === undefined) return true;
      } else if (reads(e.value)) return true;
    } else if (e.k === "load" || e.k === "rmw") {
      if (e.node.args.some(reads)) return true;
    } else if (e.k === "store") {
      if (reads(e.addr) || reads(e.value)) return true;
    } else if (e.k === "if") {
      if (reads(e.cond) || touches(e.then, resident, assumed) || touches(e.else, resident, assumed)) return true;
    }
  }
  return false;
}
