import type { Inst, Slot } from "../../ir/node.ts";
import { BlockWriter } from "./block.ts";
import { Body } from "./body.ts";
import { Module, quoted } from "./module.ts";

/**
 * Guest code as one LLVM function:
 *
 *     define { ptr, i64 } @NAME(ptr noalias %state, ptr noalias %memory)
 *
 * state: the slots at their offsets; memory: the byte at guest address 0. It returns why it left (null: nothing
 * special; else a C string, "trap breakpoint", "stop syscall") and the pc to go on at (trap: of the instruction).
 *
 * Each of `blocks` is straight code, entered at its first instruction; the function is entered at the first block.
 * Jumps to a constant address where a block begins stay inside. State is in memory between blocks; nothing is polled
 * at back-edges, so a guest loop does not end before the guest ends it.
 */
export function llvmFunction(
  module: Module,
  name: string,
  blocks: readonly (readonly Inst[])[],
  slots: readonly Slot[],
): void {
  const body = new Body(module);
  const labels = new Map(blocks.map((block) => [block[0].pc, `at${block[0].pc.toString(16)}`]));
  body.begin("entry");
  body.line(`br label %at${blocks[0][0].pc.toString(16)}`);
  for (const block of blocks) {
    body.begin(labels.get(block[0].pc)!);
    const writer = new BlockWriter(body, slots, labels);
    for (const inst of block) if (!writer.ended) writer.inst(inst);
    const last = block[block.length - 1];
    const next = last.pc + last.length;
    if (!writer.ended) writer.leave("null", `${next}`, [next]);
  }
  const head = `define { ptr, i64 } @${quoted(name)}(ptr noalias %state, ptr noalias %memory) {`;
  module.add([head, ...body.lines, "}"].join("\n"));
}

/** A module with one function. */
export function llvmText(name: string, blocks: readonly (readonly Inst[])[], slots: readonly Slot[]): string {
  const module = new Module();
  llvmFunction(module, name, blocks, slots);
  return module.toString();
}
