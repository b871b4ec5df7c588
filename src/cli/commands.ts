import { type Listed, main } from "./main.ts";

export const commands: readonly Listed[] = [
  { name: "run", summary: "run a program", load: () => import("./run.ts") },
  { name: "resume", summary: "go on with a program that was saved", load: () => import("./resume.ts") },
  { name: "inspect", summary: "say what a file is, and what is odd about it", load: () => import("./inspect.ts") },
  { name: "disasm", summary: "disassemble a program", load: () => import("./disasm.ts") },
  { name: "ir", summary: "show what a program's instructions mean", load: () => import("./ir.ts") },
  {
    name: "rules fmt",
    summary: "print what rows do, in infix or in prefix",
    load: () => import("./rules-fmt.ts"),
  },
  { name: "rules", summary: "list the rulebooks and their rows", load: () => import("./rules.ts") },
  {
    name: "learn isa",
    summary: "learn an instruction set from something that executes it",
    load: () => import("./learn-isa.ts"),
  },
  { name: "train", summary: "train the model that guides learning, by self-play", load: () => import("./train.ts") },
  { name: "verify", summary: "run a rulebook's rows beside a real machine", load: () => import("./verify.ts") },
  {
    name: "eval blocks",
    summary: "how much of what programs execute is right",
    load: () => import("./eval-blocks.ts"),
  },
  { name: "audit verify", summary: "check that an audit log is whole", load: () => import("./audit-verify.ts") },
];

/** The `sage` command. Ends the process. */
export function start(argv: readonly string[]): Promise<never> {
  return main(argv, commands);
}
