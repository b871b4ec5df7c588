import { llvmFunction } from "../backend/llvm/function.ts";
import { Module } from "../backend/llvm/module.ts";
import { printable, sageError } from "../errors.ts";
import type { Effect, Inst } from "../ir/node.ts";
import { instText } from "../ir/text.ts";
import { codeOptions, Pages, type Selection, select } from "./code-options.ts";
import type { Command } from "./command.ts";
import { instructions, labels, type Stretch, wordText } from "./listing.ts";

/** What instructions are printed as. One entry an output of `--emit`. */
const emitters: Readonly<Record<string, (selection: Selection, stretch: Stretch, pages: Pages) => void>> = {
  sage: emitSage,
  llvm: emitLlvm,
};

export const command: Command = {
  spec: {
    operands: "FILE",
    least: 1,
    most: 1,
    options: [...codeOptions, { name: "emit", value: "FORM", help: "sage (the IR itself), llvm or wat" }],
    about: "Shows what a program's instructions mean: the IR that their rulebook rows give.",
    examples: [
      ["ir --at main a.out", "a function, instruction by instruction"],
      ["ir --at 0x10430 --count 4 --emit llvm a.out", "four instructions as LLVM IR"],
    ],
  },
  run(args, io) {
    const form = args.text("emit") ?? "sage";
    const emit = emitters[form];
    if (!emit) {
      const hint = `choose one of ${Object.keys(emitters).join(", ")}`;
      throw form === "wat"
        ? sageError("NOT_YET", `--emit ${form}`, hint)
        : sageError("USAGE", `there is no form ${form}`, hint);
    }
    const selection = select(args, io);
    const pages = new Pages(io.print);
    for (const stretch of selection.stretches) emit(selection, stretch, pages);
    pages.flush();
    return 0;
  },
};

function emitSage({ image, book, limit }: Selection, stretch: Stretch, pages: Pages): void {
  const names = labels(image);
  for (const { address, bytes, decoded } of instructions(book, stretch, limit)) {
    const name = names.get(address);
    if (name) pages.line(`; <${printable(name)}>`);
    if (decoded) pages.line(instText(book.lift(decoded, address), book.slots));
    else pages.line(`; 0x${address.toString(16)}: no row decodes ${wordText(bytes, book.littleEndian)}\n`);
  }
}

/** A module with a function for each symbol and each known target of a call; jumps within one stay inside. */
function emitLlvm({ image, book, limit }: Selection, stretch: Stretch, pages: Pages): void {
  const names = labels(image);
  const insts: Inst[] = [];
  for (const { address, decoded } of instructions(book, stretch, limit))
    if (decoded) insts.push(book.lift(decoded, address));
  const entries = new Set<number>();
  const starts = new Set(names.keys());
  for (const inst of insts) {
    for (const { pc, call } of targets(inst.effects)) (call ? starts : entries).add(pc);
  }
  const module = new Module();
  let blocks: Inst[][] = [];
  const finish = () => {
    const pc = blocks[0]?.[0]?.pc;
    if (pc !== undefined) llvmFunction(module, names.get(pc) ?? `pc_${pc.toString(16)}`, blocks, book.slots);
    blocks = [];
  };
  let last: Inst | undefined;
  for (const inst of insts) {
    const follows = last !== undefined && last.pc + last.length === inst.pc;
    if (!follows || starts.has(inst.pc)) finish();
    const opens = blocks.length === 0 || entries.has(inst.pc) || last?.effects.some(leaves);
    if (opens) blocks.push([inst]);
    else blocks.at(-1)!.push(inst);
    last = inst;
  }
  finish();
  pages.line(module.toString());
}

function leaves(effect: Effect): boolean {
  if (effect.k === "if") return effect.then.some(leaves) || effect.else.some(leaves);
  return effect.k === "jump" || effect.k === "stop" || effect.k === "trap";
}

/** Addresses that an instruction may jump to or call, as far as they are constants. */
function targets(effects: readonly Effect[]): { readonly pc: number; readonly call: boolean }[] {
  return effects.flatMap((effect) => {
    if (effect.k === "if") return [...targets(effect.then), ...targets(effect.else)];
    if (effect.k !== "jump" || effect.target.op !== "const") return [];
    return [{ pc: effect.target.hi * 0x100000000 + (effect.target.lo >>> 0), call: effect.hint === "call" }];
  });
}
