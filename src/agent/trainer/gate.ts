import { exprSize, type Vector } from "../translator/search.ts";
import { agree, run, SHOWN, type Task } from "./world.ts";

/** Why a proposed task is none. */
export type Refusal = "not deterministic" | "changes nothing" | "seen before" | "faults";

/** Repeats of one shape that are still worth a task. */
const REPEATS = 6;
const REMEMBERED = 20_000;

/** Shapes of the tasks of late, so that the proposer does not set the same one again and again. */
export class MemoryBank {
  private readonly times = new Map<string, number>();

  /** False: it was met too often. Counts it. */
  meet(shape: string): boolean {
    const n = (this.times.get(shape) ?? 0) + 1;
    this.times.delete(shape);
    this.times.set(shape, n);
    if (this.times.size > REMEMBERED) this.times.delete(this.times.keys().next().value!);
    return n <= REPEATS;
  }
  list(): [string, number][] {
    return [...this.times];
  }
  restore(list: readonly (readonly [string, number])[]): void {
    this.times.clear();
    for (const [k, n] of list) this.times.set(k, n);
  }
}

/** What a task is about, whatever its operands' values: an expression over numbered operands at a width. */
export function shapeOf(task: Task): string {
  const text = (e: Task["answer"]): string =>
    e.k === "leaf" ? e.leaf.name : `${e.rule.name}(${e.args.map(text).join()})`;
  return `${task.world.w} ${text(task.answer)}`;
}

/** The gate that no task passes unless it can be learned from; the same whatever the rewards are. */
export function refusal(task: Task, bank: MemoryBank): Refusal | undefined {
  let again: Vector;
  try {
    again = run(task.answer, task.world, task.known);
  } catch {
    return "faults";
  }
  const n = again.lo.length;
  if (!agree(again, task.value, 0, n)) return "not deterministic";
  if (constant(task.value, SHOWN) || task.leaves.some((l) => same(task, l.value))) return "changes nothing";
  // A result that one of its operations does not need is a simpler task under another name
  if (exprSize(task.answer) > 1 && needless(task)) return "changes nothing";
  return bank.meet(shapeOf(task)) ? undefined : "seen before";
}

const constant = (v: Vector, n: number): boolean => {
  for (let k = 1; k < n; k++) if (v.lo[k] !== v.lo[0] || v.hi[k] !== v.hi[0]) return false;
  return true;
};

const same = (task: Task, v: Vector): boolean => agree(task.value, v, 0, SHOWN);

/** Whether an argument of the outermost operation already is the value. */
function needless({ answer, world, known, value }: Task): boolean {
  if (answer.k === "leaf") return true;
  return answer.args.some((a) => a.k === "apply" && agree(run(a, world, known), value, 0, SHOWN));
}
