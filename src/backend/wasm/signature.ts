import type { Slot } from "../../ir/node.ts";
import { findSticky, type Signature } from "./batch.ts";
import { BitRows } from "./bits.ts";
import { F64, I32, I64, V128, type ValueType } from "./code.ts";
import { paramType } from "./frame.ts";
import type { ModuleBuilder } from "./module.ts";
import type { Analysed } from "./summary.ts";

/** Declares the functions of a batch in the module: what each takes and returns. */
export function signaturesOf(module: ModuleBuilder, slots: readonly Slot[], all: Analysed): Signature[] {
  const { units, summaries, analyses } = all;
  const funcs = units.map((unit) => unit.func);
  const callees = funcs.map((func) => func.blocks.map((block) => summaries.calleeOf(block)).filter((c) => c >= 0));
  const reach = reachable(callees);
  const loops = funcs.map((func) => func.blocks.some((block) => block.isHeader));
  const floats = funcs.map(
    (func) => findSticky(func) !== undefined || func.blocks.some((b) => b.values.steps.some((s) => s.k === "put")),
  );
  return units.map(({ func, outer }, i) => {
    const analysis = analyses[i]!;
    const takes = summaries.takes.list(i);
    const params = takes.map((slot) => paramType(analysis, slots[slot]!.w, slot, summaries.preserved.has(i, slot)));
    const results = summaries.results[i]!;
    const resultTypes = results.map((slot): ValueType => {
      if (slots[slot]!.w <= 32) return I32;
      if (slots[slot]!.w > 64) return V128;
      return analysis.floats.has(0, slot) ? F64 : I64;
    });
    const recursive = reach.has(i, i);
    const below = [i, ...reach.list(i)];
    const nests = below.some((f) => reach.has(f, f));
    return {
      func: module.func(
        module.type(nests ? [...params, I32] : params, [I64, ...resultTypes]),
        `${outer ? "guest" : "inner"}_${func.entry.toString(16)}`,
      ),
      takes,
      params,
      results,
      resultTypes,
      recursive,
      nests,
      usesFuel: nests || below.some((f) => loops[f]!),
      usesSticky: below.some((f) => floats[f]!),
    };
  });
}

/** Rows: functions that a function calls, directly or not. */
function reachable(callees: readonly (readonly number[])[]): BitRows {
  const reach = new BitRows(callees.length, callees.length);
  callees.forEach((list, i) => {
    for (const callee of list) reach.add(i, callee);
  });
  for (let grew = true; grew; ) {
    grew = false;
    callees.forEach((list, i) => {
      for (const callee of list) if (reach.union(i, reach, callee)) grew = true;
    });
  }
  return reach;
}
