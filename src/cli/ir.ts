import { sageError } from "../errors.ts";
import { codeOptions, Pages, select } from "./code-options.ts";
import type { Command } from "./command.ts";
import { emitters } from "./emit.ts";

export const command: Command = {
  spec: {
    operands: "FILE",
    least: 1,
    most: 1,
    options: [...codeOptions, { name: "emit", value: "FORM", help: "sage (the IR itself), llvm or wat" }],
    about:
      "Shows what a program's instructions mean: the IR that their rulebook rows give, or what a backend makes of it.",
    examples: [
      ["ir --at main a.out", "a function, instruction by instruction"],
      ["ir --at 0x10430 --count 4 --emit llvm a.out", "four instructions as LLVM IR"],
      ["ir --at main --emit wat a.out", "the WebAssembly that the engine would run"],
    ],
  },
  run(args, io) {
    const form = args.text("emit") ?? "sage";
    const emit = emitters[form];
    if (!emit)
      throw sageError("USAGE", `there is no form ${form}`, `choose one of ${Object.keys(emitters).join(", ")}`);
    const pages = new Pages(io.print);
    emit(select(args, io), pages);
    pages.flush();
    return 0;
  },
};
