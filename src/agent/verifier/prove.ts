import { ask, type Equality } from "../../backend/smt/equal.ts";
import type { Solver } from "../../backend/smt/solver.ts";
import { Terms } from "../../backend/smt/term.ts";
import { readWasm } from "../../backend/smt/wasm.ts";
import { Code, I32 } from "../../backend/wasm/code.ts";
import type { Inst, Node } from "../../ir/node.ts";
import type { IsaBook, Row } from "../../rules/book.ts";
import { lowerOutputs, unbulkable } from "./bulk.ts";
import { Random } from "./random.ts";
import { summarize } from "./summary.ts";
import { usageOf } from "./usage.ts";
import { instructionOf } from "./words.ts";

const PC = 0x10000;

/** Whether the wasm that the backend makes of an instruction's values computes them, for every state. */
export async function proveCompiled(solver: Solver, book: IsaBook, inst: Inst): Promise<Equality> {
  const summary = summarize(inst, (s) => book.slots[s]!.w, BigInt(inst.pc + inst.length));
  if (!summary) return { k: "unknown", why: "it accesses memory or asks" };
  const usage = usageOf(inst);
  const places = new Map([...new Set([...usage.reads, ...usage.writes])].map((slot, i) => [slot, 8 * i]));
  const outputs: Node[] = [...summary.sets.values(), summary.pc, summary.leaves].filter((n) => n.op !== "undef");
  for (const node of outputs) {
    const why = unbulkable(node, places);
    if (why !== undefined) return { k: "unknown", why };
  }
  const code = new Code([I32, I32]);
  lowerOutputs(code, places, outputs);
  const terms = new Terms();
  const slotAt = new Map([...places].map(([slot, at]) => [at, slot]));
  const load = (offset: number): string => {
    const slot = slotAt.get(offset)!;
    const { w } = book.slots[slot]!;
    return w === 64 ? terms.slot(slot, w) : terms.define(`((_ zero_extend ${64 - w}) ${terms.slot(slot, w)})`, 64);
  };
  const width = (local: number): number => (code.typeOf(local) === I32 ? 32 : 64);
  const stored = readWasm(terms, code.take(), width, code.locals, load);
  if (typeof stored === "string") return { k: "unknown", why: stored };
  const different = outputs.map((node, k) => {
    const value = terms.of(node);
    const wide = node.w === 64 ? value : `((_ zero_extend ${64 - node.w}) ${value})`;
    return `(not (= ${stored.get(8 * k)} ${wide}))`;
  });
  return ask(solver, terms, different);
}

/** The same for some instructions of a row. */
export async function proveRow(
  solver: Solver,
  book: IsaBook,
  row: Row,
  words: number,
  seed: number,
): Promise<Equality> {
  const random = new Random(seed * 65537 + row.index);
  for (let i = 0; i < words; i++) {
    const found = instructionOf(book, row, random);
    if (!found) return { k: "unknown", why: "no instruction of the row was found" };
    const equality = await proveCompiled(solver, book, book.lift(found.decoded, PC));
    if (equality.k !== "equal") return equality;
  }
  return { k: "equal" };
}
