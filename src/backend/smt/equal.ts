import type { Inst } from "../../ir/node.ts";
import { type After, execute } from "./inst.ts";
import type { Solver } from "./solver.ts";
import { Terms } from "./term.ts";

export type Equality =
  | { readonly k: "equal" }
  /** A state for which they differ: slots by number. */
  | { readonly k: "differs"; readonly state: ReadonlyMap<number, bigint> }
  | { readonly k: "unknown"; readonly why: string };

/** Whether two instructions do the same to every state. `next`: the address behind them. */
export async function sameEffect(solver: Solver, a: Inst, b: Inst): Promise<Equality> {
  const terms = new Terms();
  const [x, y] = [execute(terms, a, BigInt(a.pc + a.length)), execute(terms, b, BigInt(b.pc + b.length))];
  return ask(solver, terms, differences(terms, x, y));
}

/** Terms of truth values, one for each part of the state in which they may differ. */
function differences(terms: Terms, x: After, y: After): string[] {
  const out: string[] = [`(not (= ${x.outcome} ${y.outcome}))`, `(not (= ${x.pc} ${y.pc}))`];
  if (x.memory !== y.memory) out.push(`(not (= ${x.memory} ${y.memory}))`);
  for (const slot of new Set([...x.slots.keys(), ...y.slots.keys()])) {
    const w = x.widths.get(slot) ?? y.widths.get(slot)!;
    const [p, q] = [x, y].map((s) => s.slots.get(slot) ?? terms.slot(slot, w));
    if (p !== q) out.push(`(not (= ${p} ${q}))`);
  }
  return out;
}

/** Asks whether any of the differences can be. */
export async function ask(solver: Solver, terms: Terms, different: readonly string[]): Promise<Equality> {
  if (different.length === 0) return { k: "equal" };
  const text = [...terms.lines, `(assert (or false ${different.join(" ")}))`].join("\n");
  const answer = await solver.check(text);
  if (answer.k === "unsat") return { k: "equal" };
  if (answer.k === "unknown") return { k: "unknown", why: answer.why };
  return { k: "differs", state: new Map([...answer.values].map(([name, v]) => [Number(name.slice(1)), v])) };
}
