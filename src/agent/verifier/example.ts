import type { IsaBook, Row } from "../../rules/book.ts";
import { Random } from "./random.ts";
import { expect, ReferenceMachine } from "./reference.ts";
import { usageOf } from "./usage.ts";
import { instructionOf } from "./words.ts";

/** One instruction of a row at work, as the evaluator does it. */
export interface Example {
  readonly text: string;
  readonly bytes: string;
  readonly before: string;
  readonly after: string;
}

const WINDOW = 0x1000n;
const PC = 0x10000;

/** undefined: no instruction of the row was found, or it does nothing that can be shown. */
export function exampleOf(book: IsaBook, row: Row): Example | undefined {
  const random = new Random(row.index + 1);
  for (let tries = 0; tries < 20; tries++) {
    const found = instructionOf(book, row, random);
    if (!found) return undefined;
    const inst = book.lift(found.decoded, PC);
    const usage = usageOf(inst);
    const slots = book.slots.map((s) => (s.w <= 8 ? random.bits(s.w) : BigInt(random.below(1000))));
    if (usage.accesses.length > 0) for (const s of usage.reads) slots[s] = WINDOW + BigInt(8 * random.below(8));
    const memory = Uint8Array.from({ length: 256 }, (_, i) => i);
    const machine = new ReferenceMachine([...slots], memory, WINDOW - 64n, 1, 0n, book.littleEndian);
    const ended = expect(inst, machine);
    if (ended.outcome !== 0) continue;
    const name = (slot: number): string => book.slots[slot]!.name;
    const hex = (v: bigint): string => `0x${v.toString(16)}`;
    const list = (of: Iterable<number>, values: readonly bigint[]): string =>
      [...of].map((s) => `${name(s)}=${hex(values[s]!)}`).join(" ");
    const after = list(usage.writes, machine.slots);
    const target = ended.target === undefined ? "" : `pc=${hex(ended.target)}`;
    const stored = memory.findIndex((b, i) => b !== i);
    const wrote = stored < 0 ? "" : `mem[${hex(WINDOW - 64n + BigInt(stored))}]=${hex(BigInt(memory[stored]!))}...`;
    const parts = [after, target, wrote].filter((p) => p !== "");
    return {
      text: book.disassemble(found.decoded, PC),
      bytes: [...found.code].map((b) => b.toString(16).padStart(2, "0")).join(" "),
      before: list(usage.reads, slots),
      after: parts.join(" ") || "nothing changes",
    };
  }
  return undefined;
}
