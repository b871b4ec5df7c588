import type { Effect, Inst, Node, Slot } from "../../ir/node.ts";
import { OPS } from "../../ir/ops.ts";
import type { CodeSource } from "./discover.ts";
import type { Splitter, Tastes } from "./halves.ts";
import { stickyTerms, trapsForExceptions } from "./sticky.ts";

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
export function watched(source: CodeSource, roles: Roles, tastes: Tastes, splitter: Splitter): CodeSource {
  const insts = new Map<number, Inst | null>();
  return {
    inst: (pc) => {
      const seen = insts.get(pc);
      if (seen !== undefined) return seen;
      const inst = source.inst(pc);
      if (inst === null) {
        insts.set(pc, null);
        return null;
      }
      learnEffects(inst.effects, roles.resident, roles.assumedZero);
      tastes.see(inst);
      const split = splitter.inst(inst);
      insts.set(pc, split);
      return split;
    },
    guess: (slot) => source.guess?.(slot),
    targets: (pc) => source.targets?.(pc) ?? [],
    constant: (address, size) => source.constant?.(address, size) ?? null,
  };
}

function learnEffects(effects: readonly Effect[], resident: Set<number>, assumed: Set<number>): void {
  const seen = new Set<Node>();
  const zero = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.op === "get" && node.w <= 8) {
      resident.add(node.aux);
      assumed.add(node.aux);
    }
    node.args.forEach(zero);
  };
  for (const e of effects) {
    if (e.k === "set") {
      for (const term of stickyTerms(e.slot, e.value) ?? []) {
        resident.add(e.slot);
        const { float, lanes } = term;
        for (const slot of term.modes) {
          resident.add(slot);
          assumed.add(slot);
        }
        if (float) modes(float, []).forEach(zero);
        else if (lanes) modes(lanes.body!, lanes.args).forEach(zero);
      }
    } else if (e.k === "if") {
      // Which exceptions trap: as a rule none.
      if (e.then.length > 0 && e.then.every(trapsForExceptions)) zero(e.cond);
      learnEffects(e.then, resident, assumed);
      learnEffects(e.else, resident, assumed);
    }
  }
}

/** The mode arguments of float ops; those of lanes are arguments that all lanes share. */
function modes(node: Node, args: readonly Node[], found: Node[] = [], seen = new Set<Node>()): Node[] {
  if (seen.has(node)) return found;
  seen.add(node);
  const row = OPS[node.op];
  if (row.kind === "float" && !TESTS.has(node.op)) {
    const mode = node.args[node.args.length - 1]!;
    found.push(mode.op === "elem" ? args[mode.aux]! : mode);
  }
  if (args.length > 0) for (const arg of node.args) modes(arg, args, found, seen);
  return found;
}
const TESTS: ReadonlySet<string> = new Set(["feq", "flt", "fle"]);

/** True where an instruction reads or writes a resident slot other than by accumulating into it. */
export const standsAlone = (inst: Inst, roles: Roles): boolean =>
  touches(inst.effects, roles.resident, roles.assumedZero);

/** A read or write of a resident slot that is neither accumulation nor a rounding mode taken for zero. */
function touches(effects: readonly Effect[], resident: ReadonlySet<number>, assumed: ReadonlySet<number>): boolean {
  if (resident.size === 0) return false;
  // Values share their parts: each is looked at once.
  const free = new Set<Node>();
  const reads = (node: Node): boolean => {
    if (free.has(node)) return false;
    free.add(node);
    return node.op === "get" ? resident.has(node.aux) && !assumed.has(node.aux) : node.args.some(reads);
  };
  for (const e of effects) {
    if (e.k === "set") {
      if (resident.has(e.slot)) {
        if (stickyTerms(e.slot, e.value) === undefined) return true;
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
