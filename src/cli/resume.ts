import { sageError } from "../errors.ts";
import { denyAll } from "../guard/policy.ts";
import { readSnapshot, resumeProgram } from "../node.ts";
import type { OptionSpec } from "./args.ts";
import type { Command } from "./command.ts";
import { readFile } from "./file.ts";
import { rootOf, runningOptions, underGuard } from "./running.ts";
import { version } from "./version.ts";

const options: readonly OptionSpec[] = [
  { name: "root", value: "DIR", help: "DIR is the guest's /, with the files that it was saved with" },
  ...runningOptions,
];

export const command: Command = {
  spec: {
    operands: "FILE",
    least: 1,
    most: 1,
    options,
    about: `Goes on with a program that \`sage run --snapshot FILE\` saved, in this process, on this machine. Its time stood still in
between. Nothing is granted by the file: grants and --root are given again.`,
    examples: [
      ["run --root ~/root --snapshot saved --snapshot-at 2s /usr/bin/python3 long.py", "save it after two seconds"],
      ["resume --root ~/root saved", "go on"],
    ],
  },
  async run(args, { host }) {
    const [file] = args.operands;
    const bytes = readFile(host.fs, file!);
    const snapshot = await readSnapshot(bytes, file!, version);
    const root = rootOf(host, args.text("root"));
    if (snapshot.header.root !== (root !== undefined)) {
      const hint = root === undefined ? "give --root DIR with the same files" : "resume it without --root";
      throw sageError("USAGE", `${file} was saved ${root === undefined ? "with" : "without"} --root`, hint);
    }
    const own = root === undefined ? denyAll : { ...denyAll, read: [root] };
    return underGuard(args, host, { program: file!, bytes, args: [], root, own }, (options) =>
      resumeProgram(options, snapshot),
    );
  },
};
