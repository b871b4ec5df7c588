import type { Effect, Inst, Node } from "../../ir/node.ts";

/** Where the region compiler gets code from. */
export interface CodeSource {
  /** The lifted instruction at `pc`; null: none there, or not executable. */
  inst(pc: number): Inst | null;
  /** Targets that the indirect jump or call at `pc` was seen to take, most frequent first. */
  targets?(pc: number): readonly number[];
  /** What a 64-bit slot held lately, low 32 bits unsigned: a hint where tables may lie. */
  guess?(slot: number): number | undefined;
  /** Bytes that will not change without the engine hearing of it (read-only pages); null: no such promise. */
  constant?(address: number, size: number): Uint8Array | null;
}

/** How an instruction passes control. */
export type Flow =
  | { readonly k: "next" }
  | { readonly k: "goto"; readonly to: number }
  | { readonly k: "branch"; readonly cond: Node; readonly to: number; readonly negated: boolean }
  | { readonly k: "call"; readonly target: Node; readonly to: number }
  | { readonly k: "ret"; readonly target: Node }
  | { readonly k: "jump"; readonly target: Node }
  | { readonly k: "stop"; readonly name: string }
  | { readonly k: "trap"; readonly name: string }
  /** By number to one of several blocks: made by the compiler (reducible.ts), no instruction's. */
  | { readonly k: "dispatch" }
  /** Nothing that a region can do: the evaluator must. */
  | { readonly k: "evaluate" };

/** A run of instructions entered at its first only. */
export interface RawBlock {
  readonly pc: number;
  readonly insts: readonly Inst[];
  readonly flow: Flow;
  /** pc after the last instruction. */
  readonly next: number;
  /** Known targets of `jump`. */
  readonly targets: readonly number[];
}

/** A guest pc that a constant gives, or -1. */
export function pcOf(node: Node): number {
  if (node.op !== "const" || node.big !== undefined || node.hi !== 0) return -1;
  return node.lo >>> 0;
}

const NEXT: Flow = { k: "next" };
const EVALUATE: Flow = { k: "evaluate" };

function hasControl(effects: readonly Effect[]): boolean {
  for (const e of effects) {
    if (e.k === "jump" || e.k === "stop") return true;
    if (e.k === "if" && (hasControl(e.then) || hasControl(e.else))) return true;
  }
  return false;
}

function jumpOnly(effects: readonly Effect[]): number {
  const only = effects[0];
  return effects.length === 1 && only?.k === "jump" && only.hint === "jump" ? pcOf(only.target) : -1;
}

/** Reads an instruction's way on from its last effect; anything unusual is for the evaluator. */
export function flowOf(inst: Inst): Flow {
  const effects = inst.effects;
  const last = effects[effects.length - 1];
  let flow: Flow = NEXT;
  let body = effects.length;
  if (last?.k === "jump") {
    body--;
    const to = pcOf(last.target);
    if (last.hint === "call") flow = { k: "call", target: last.target, to };
    else if (last.hint === "ret") flow = { k: "ret", target: last.target };
    else if (to >= 0) flow = { k: "goto", to };
    else flow = { k: "jump", target: last.target };
  } else if (last?.k === "if" && hasControl([last])) {
    body--;
    const then = jumpOnly(last.then);
    const other = jumpOnly(last.else);
    if (then >= 0 && last.else.length === 0) flow = { k: "branch", cond: last.cond, to: then, negated: false };
    else if (other >= 0 && last.then.length === 0) flow = { k: "branch", cond: last.cond, to: other, negated: true };
    else return EVALUATE;
  } else if (last?.k === "stop") {
    body--;
    flow = { k: "stop", name: last.name };
  } else if (last?.k === "trap") {
    body--;
    flow = { k: "trap", name: last.name };
  }
  for (let i = 0; i < body; i++) {
    const e = effects[i]!;
    // Sets may stand after the jump in a row's order; control may not come before other effects.
    if (e.k === "jump" && last?.k === "set" && flow === NEXT) return lateSets(inst, i);
    if (e.k === "jump" || e.k === "stop" || e.k === "trap" || e.k === "ask") return EVALUATE;
    if (e.k === "if" && hasControl([e])) return EVALUATE;
  }
  return flow;
}

/** A jump with only sets after it. */
function lateSets(inst: Inst, at: number): Flow {
  for (let i = at + 1; i < inst.effects.length; i++) if (inst.effects[i]!.k !== "set") return EVALUATE;
  const head = inst.effects.slice(0, at);
  const tail = inst.effects.slice(at + 1);
  return flowOf({ ...inst, effects: [...head, ...tail, inst.effects[at]!] });
}

/** Instructions in a row, the last of which may pass control elsewhere. */
export interface Run {
  readonly pc: number;
  readonly insts: readonly Inst[];
  readonly flow: Flow;
}

export interface DiscoverOptions {
  readonly maxBlocks: number;
  /** More blocks than this are not worth while now: nothing is found. */
  readonly worth?: number | undefined;
  /** True where an instruction must stand in a block of its own (it reads what others accumulate). */
  readonly alone: (inst: Inst) => boolean;
  /** Targets of an indirect jump, from tables or profile. `before`: what ran up to the branch that led there. */
  readonly jumpTargets: (block: Run, before: Run | undefined) => readonly number[];
}

/**
 * The blocks reachable from `entry` without passing calls' targets; the first is the entry's. Stops at `maxBlocks`:
 * targets not in the map are left through the dispatcher. null: there are more than are `worth` it.
 */
export function discover(source: CodeSource, entry: number, options: DiscoverOptions): Map<number, RawBlock> | null {
  const insts = new Map<number, { inst: Inst; flow: Flow }>();
  const leaders = new Set<number>([entry]);
  const targetsOf = new Map<number, readonly number[]>();
  const work = [entry];
  const branches = new Map<number, Run>();
  const budget = options.maxBlocks;
  const worth = options.worth ?? Number.POSITIVE_INFINITY;
  const lead = (pc: number): void => {
    if (leaders.has(pc) || leaders.size >= budget) return;
    leaders.add(pc);
    work.push(pc);
  };
  while (work.length > 0) {
    let pc = work.pop()!;
    const run: Inst[] = [];
    const head = pc;
    for (;;) {
      const known = insts.get(pc);
      if (known !== undefined) break;
      const inst = source.inst(pc);
      if (inst === null) break;
      const flow = flowOf(inst);
      insts.set(pc, { inst, flow });
      if (leaders.size > worth) return null;
      run.push(inst);
      const next = pc + inst.length;
      if (flow.k === "next") {
        if (options.alone(inst)) {
          // The next one begins a block, and so does this one.
          leaders.add(pc);
          lead(next);
        }
        pc = next;
        continue;
      }
      if (flow.k === "goto") lead(flow.to);
      else if (flow.k === "branch") {
        lead(flow.to);
        lead(next);
        for (const to of [flow.to, next]) if (!branches.has(to)) branches.set(to, { insts: run, flow, pc: head });
      } else if (flow.k === "call") lead(next);
      else if (flow.k === "jump") {
        const targets = options.jumpTargets({ insts: run, flow, pc: head }, branches.get(head));
        targetsOf.set(pc, targets);
        for (const to of targets) lead(to);
      }
      break;
    }
  }
  return cut(entry, insts, leaders, targetsOf);
}

const none: readonly number[] = [];

function cut(
  entry: number,
  insts: Map<number, { inst: Inst; flow: Flow }>,
  leaders: Set<number>,
  targetsOf: Map<number, readonly number[]>,
): Map<number, RawBlock> {
  const blocks = new Map<number, RawBlock>();
  for (const pc of [entry, ...leaders]) {
    if (blocks.has(pc) || !insts.has(pc)) continue;
    const run: Inst[] = [];
    let at = pc;
    let flow: Flow = NEXT;
    for (;;) {
      const known = insts.get(at);
      if (known === undefined) break;
      run.push(known.inst);
      at += known.inst.length;
      flow = known.flow;
      if (flow.k !== "next" || leaders.has(at)) break;
    }
    const last = run[run.length - 1]!;
    blocks.set(pc, { pc, insts: run, flow, next: at, targets: targetsOf.get(last.pc) ?? none });
  }
  return blocks;
}
