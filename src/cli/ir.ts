import { printable, sageError } from "../errors.ts";
import type { Inst } from "../ir/node.ts";
import { instText } from "../ir/text.ts";
import type { IsaBook } from "../rules/book.ts";
import { codeOptions, Pages, select } from "./code-options.ts";
import type { Command } from "./command.ts";
import { instructions, labels, wordText } from "./listing.ts";

/** What an instruction is printed as. One entry an output of `--emit`. */
type Emit = (inst: Inst, book: IsaBook) => string;
const emitters: Readonly<Record<string, Emit>> = {
  sage: (inst, book) => instText(inst, book.slots),
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
      throw form === "llvm" || form === "wat"
        ? sageError("NOT_YET", `--emit ${form}`, hint)
        : sageError("USAGE", `there is no form ${form}`, hint);
    }
    const { image, book, stretches, limit } = select(args, io);
    const names = labels(image);
    const pages = new Pages(io.print);
    for (const stretch of stretches) {
      for (const { address, bytes, decoded } of instructions(book, stretch, limit)) {
        const name = names.get(address);
        if (name) pages.line(`; <${printable(name)}>`);
        const where = `0x${address.toString(16)}`;
        if (decoded) pages.line(emit(book.lift(decoded, address), book));
        else pages.line(`; ${where}: no row decodes ${wordText(bytes, book.littleEndian)}\n`);
      }
    }
    pages.flush();
    return 0;
  },
};
