import { llvmBlock } from "../backend/llvm/block.ts";
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

/** A module with a function for each run of instructions, which ends where control may leave or come in. */
function emitLlvm({ image, book, limit }: Selection, stretch: Stretch, pages: Pages): void {
  const names = labels(image);
  const insts: Inst[] = [];
  for (const { address, decoded } of instructions(book, stretch, limit))
    if (decoded) insts.push(book.lift(decoded, address));
  const entries = new Set(insts.flatMap((inst) => targets(inst.effects)));
  const module = new Module();
  let run: Inst[] = [];
  const finish = () => {
    const first = run[0];
    if (first) llvmBlock(module, names.get(first.pc) ?? `pc_${first.pc.toString(16)}`, run, book.slots);
    run = [];
  };
  for (const inst of insts) {
    const last = run.at(-1);
    const follows = last !== undefined && last.pc + last.length === inst.pc;
    if (!follows || entries.has(inst.pc) || names.has(inst.pc)) finish();
    run.push(inst);
    if (inst.effects.some(leaves)) finish();
  }
  finish();
  pages.line(module.toString());
}

function leaves(effect: Effect): boolean {
  if (effect.k === "if") return effect.then.some(leaves) || effect.else.some(leaves);
  return effect.k === "jump" || effect.k === "stop" || effect.k === "trap";
}

/** Addresses that an instruction may jump to, as far as they are constants. */
function targets(effects: readonly Effect[]): number[] {
  return effects.flatMap((effect) => {
    if (effect.k === "if") return [...targets(effect.then), ...targets(effect.else)];
    if (effect.k !== "jump" || effect.target.op !== "const") return [];
    return [effect.target.hi * 0x100000000 + (effect.target.lo >>> 0)];
  });
}
