import { Analysis, type Summaries } from "./analysis.ts";
import { BitRows } from "./bits.ts";
import type { Block, Func } from "./func.ts";
import { flowNeeds, type Needs } from "./needs.ts";
import { checkPreserved } from "./preserve.ts";
import { Uses } from "./uses.ts";

/**
 * A function as it is compiled. What the dispatcher enters (`outer`) gives back all state; what only calls within the
 * batch enter gives back what their code may read.
 */
export interface Unit {
  readonly func: Func;
  readonly outer: boolean;
}

export interface Analysed {
  readonly units: readonly Unit[];
  readonly summaries: Summaries;
  readonly analyses: readonly Analysis[];
}

/** Results beside the pc that come back in registers or on the wasm stack. */
const MAX_RESULTS = 2;

/** What a function's code does to slots, whoever enters it; rows are functions. */
export interface Effects {
  readonly changes: BitRows;
  readonly touches: BitRows;
  readonly defines: BitRows;
  readonly preserved: BitRows;
  readonly restores: BitRows;
}

/**
 * Analyses the functions of a batch. entries: functions that the dispatcher enters. calleeOf: the function that a call
 * block enters, -1: none of these.
 */
export function summarise(
  funcs: readonly Func[],
  entries: readonly boolean[],
  slotCount: number,
  resident: ReadonlySet<number>,
  calleeOf: (block: Block) => number,
): Analysed {
  const effects = effectsOf(funcs, slotCount, calleeOf);
  const uses = funcs.map((func) => new Uses(func, slotCount, resident));
  const needs = flowNeeds(funcs, uses, entries, effects, slotCount, calleeOf);
  const { units, inner } = unitsOf(funcs, entries, effects, needs);
  const rows = (from: BitRows): BitRows => {
    const out = new BitRows(units.length, slotCount);
    units.forEach(({ index }, u) => void out.copy(u, from, index));
    return out;
  };
  const returns = rows(effects.changes);
  const entryNeeds = new BitRows(units.length, slotCount);
  units.forEach(({ index, outer }, u) => {
    if (!outer) returns.intersect(u, needs.returns, index);
    const seen = outer ? needs.outer[index] : needs.inner[index];
    entryNeeds.copy(u, seen!, 0);
  });
  const takes = rows(effects.preserved);
  const summaries: Summaries = {
    slotCount,
    changes: rows(effects.changes),
    touches: rows(effects.touches),
    defines: rows(effects.defines),
    preserved: rows(effects.preserved),
    restores: rows(effects.restores),
    returns,
    needs: entryNeeds,
    takes,
    results: units.map(() => []),
    resident,
    calleeOf: (block) => {
      const callee = calleeOf(block);
      return callee < 0 ? -1 : inner[callee]!;
    },
  };
  const analyses = units.map(
    ({ func, index }, u) => new Analysis(func, uses[index]!, u, summaries, inner[index]! >= 0),
  );
  const settle = (): void => {
    for (let grew = true; grew; ) {
      grew = false;
      for (let u = units.length - 1; u >= 0; u--) {
        const analysis = analyses[u]!;
        if (analysis.flowDirty()) grew = true;
        if (analysis.flowLive()) grew = true;
        if (takes.union(u, analysis.live, 0)) grew = true;
      }
    }
  };
  settle();
  chooseResults(analyses, summaries);
  settle();
  for (const analysis of analyses) analysis.flowSext();
  return { units, summaries, analyses };
}

/** Units, and by function the unit that calls enter. One is enough where callers may read all that a function changes. */
function unitsOf(
  funcs: readonly Func[],
  entries: readonly boolean[],
  effects: Effects,
  needs: Needs,
): { units: readonly (Unit & { readonly index: number })[]; inner: readonly number[] } {
  const units: (Unit & { readonly index: number })[] = [];
  const rest = new BitRows(1, effects.changes.words * 32);
  const inner = funcs.map((func, index) => {
    rest.copy(0, effects.changes, index);
    rest.subtract(0, needs.returns, index);
    const called = needs.inner[index] !== undefined;
    const shared = entries[index]! && rest.list(0).length === 0;
    if (entries[index]) units.push({ func, index, outer: true });
    if (called && !shared) units.push({ func, index, outer: false });
    return called ? units.length - 1 : -1;
  });
  return { units, inner };
}

function effectsOf(funcs: readonly Func[], slotCount: number, calleeOf: (block: Block) => number): Effects {
  const n = funcs.length;
  const changes = new BitRows(n, slotCount);
  const preserved = new BitRows(n, slotCount);
  const restores = new BitRows(n, slotCount);
  const defines = new BitRows(n, slotCount);
  const writes = new BitRows(n, slotCount);
  funcs.forEach((func, i) => {
    for (const block of func.blocks) for (const slot of block.values.sets.keys()) writes.add(i, slot);
  });
  const callees = funcs.map((func) => [...new Set(func.blocks.map(calleeOf).filter((callee) => callee >= 0))]);
  const touches = new BitRows(n, slotCount);
  touches.data.set(writes.data);
  for (let grew = true; grew; ) {
    grew = false;
    for (let i = n - 1; i >= 0; i--)
      for (const callee of callees[i]!) if (touches.union(i, touches, callee)) grew = true;
  }
  // Only what is written on the way needs giving back, and only to callers.
  const called = new Set(callees.flat());
  for (const i of called) preserved.copy(i, touches, i);
  const stale = funcs.map((_, i) => called.has(i));
  const before = new BitRows(1, slotCount);
  // What each changes follows from what it gives back, and the other way round: from the most hopeful, downwards.
  for (let again = true; again; ) {
    again = false;
    changes.data.fill(0);
    for (let grew = true; grew; ) {
      grew = false;
      for (let i = n - 1; i >= 0; i--) {
        before.copy(0, changes, i);
        changes.union(i, writes, i);
        for (const callee of callees[i]!) changes.union(i, changes, callee);
        changes.subtract(i, preserved, i);
        if (!before.equal(0, changes, i)) grew = true;
      }
    }
    for (let i = n - 1; i >= 0; i--) {
      if (!stale[i]) continue;
      stale[i] = callees[i]!.length > 0;
      const func = funcs[i]!;
      const modifies = (block: Block, slot: number): boolean => {
        const callee = calleeOf(block);
        return callee < 0 || changes.has(callee, slot);
      };
      if (checkPreserved(func, i, preserved, touches, slotCount, modifies)) again = true;
    }
  }
  findDefined(funcs, defines, slotCount, calleeOf);
  const left = new BitRows(1, slotCount);
  for (let grew = true; grew; ) {
    grew = false;
    for (let i = n - 1; i >= 0; i--) {
      for (const callee of callees[i]!) {
        left.copy(0, changes, callee);
        left.union(0, restores, callee);
        left.intersect(0, preserved, i);
        if (restores.union(i, left, 0)) grew = true;
      }
    }
  }
  return { changes, touches, defines, preserved, restores };
}

/** Slots set on every way from a function's entry to its returns: from all downwards. */
function findDefined(
  funcs: readonly Func[],
  defines: BitRows,
  slotCount: number,
  calleeOf: (block: Block) => number,
): void {
  funcs.forEach((_, i) => {
    defines.fill(i, slotCount);
  });
  for (let shrank = true; shrank; ) {
    shrank = false;
    funcs.forEach((func, i) => {
      const before = new BitRows(func.blocks.length, slotCount);
      for (const block of func.blocks) if (block.index > 0) before.fill(block.index, slotCount);
      const after = new BitRows(1, slotCount);
      for (let changed = true; changed; ) {
        changed = false;
        for (const block of func.blocks) {
          after.copy(0, before, block.index);
          for (const slot of block.values.sets.keys()) after.add(0, slot);
          const callee = block.flow.k === "call" ? calleeOf(block) : -1;
          if (callee >= 0) after.union(0, defines, callee);
          for (const succ of block.succs) if (succ && before.intersect(succ.index, after, 0)) changed = true;
          if (block.flow.k === "ret" && defines.intersect(i, after, 0)) shrank = true;
        }
      }
    });
  }
}

/** Returns in registers what callers read most. */
function chooseResults(analyses: readonly Analysis[], summaries: Summaries): void {
  const counts = analyses.map(() => new Map<number, number>());
  for (const analysis of analyses) {
    for (const block of analysis.func.blocks) {
      const callee = summaries.calleeOf(block);
      const succ = block.succs[0];
      if (callee < 0 || succ === undefined) continue;
      const count = counts[callee]!;
      for (const slot of analysis.live.list(succ.index))
        if (summaries.changes.has(callee, slot)) count.set(slot, (count.get(slot) ?? 0) + 1);
    }
  }
  counts.forEach((count, i) => {
    const best = [...count].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, MAX_RESULTS);
    for (const [slot] of best) summaries.results[i]!.push(slot);
  });
}
