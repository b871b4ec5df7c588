import { SageError, sageError } from "../errors.ts";
import { denyAll } from "../guard/policy.ts";
import type { RealHost } from "../host/host.ts";
import { runProgram } from "../node.ts";
import type { OptionSpec } from "./args.ts";
import type { Command } from "./command.ts";
import { readFile } from "./file.ts";
import { inRoot } from "./rooted.ts";
import { rootOf, runningOptions, underGuard } from "./running.ts";

const options: readonly OptionSpec[] = [
  { name: "root", value: "DIR", help: "DIR is the guest's /: readable; what it writes is dropped at the end" },
  ...runningOptions,
  { name: "rules", value: "FILE", help: "rulebook to use instead of the shipped one, or `learned`" },
  { name: "record", value: "FILE", help: "record the run" },
  { name: "replay", value: "FILE", help: "replay a recorded run" },
];

export const command: Command = {
  spec: {
    operands: "[--] PROGRAM [ARGS...]",
    least: 1,
    most: Number.POSITIVE_INFINITY,
    greedy: true,
    options,
    about: `Runs PROGRAM. Standard output and exit status are the program's (128 + n where signal n ended it, 127 where it is
not found, 126 where it cannot be run); what SAGE has to say goes to standard error.
The program may read its own file and use the standard streams; all else needs an --allow flag or --root.`,
    examples: [
      ["run samples/hello-riscv64", "a static program"],
      ["run --allow-read=. ./cat-riscv64 notes.txt", "it may read what is below this directory"],
      ["run --root ~/riscv64-root /bin/sh -c 'ls /'", "a dynamic program in the files it was built for"],
      ["run --timeout 5 --memory 64M --audit log.jsonl ./unknown", "bounded, every effect logged"],
    ],
  },
  async run(args, { host }) {
    if (args.has("record") && args.has("replay")) throw sageError("USAGE", "--record and --replay exclude each other");
    const [spelled, ...rest] = args.operands;
    const root = rootOf(host, args.text("root"));
    const program = root === undefined || spelled!.startsWith("/") ? spelled! : `/${spelled}`;
    const file = root === undefined ? program : inRoot(host.fs, root, program);
    const bytes = readProgram(host, file, program);
    const real = host.fs.realpath(file);
    const own = { ...denyAll, read: root === undefined ? [real] : [root] };
    return underGuard(args, host, { program, bytes, args: rest, root, own }, (options) =>
      runProgram({ ...options, program, file: real, bytes, args: rest, rules: args.text("rules") }),
    );
  },
};

/** The program's bytes; errors name it as it was typed. */
function readProgram(host: RealHost, file: string, program: string): Uint8Array {
  try {
    return readFile(host.fs, file);
  } catch (error) {
    if (error instanceof SageError && file !== program)
      throw sageError(error.code, error.message.replace(file, program));
    throw error;
  }
}
