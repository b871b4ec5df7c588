import { accuracy, type Judged } from "../agent/verifier/blocks.ts";
import { sageError } from "../errors.ts";
import { parseImage } from "../format/detect.ts";
import { openOracle } from "../oracle/node/open.ts";
import { executedBlocks } from "../oracle/node/trace.ts";
import { OracleError } from "../oracle/oracle.ts";
import { findBook, loadBook } from "./books.ts";
import type { Command } from "./command.ts";
import { readFile } from "./file.ts";
import { parseAmount } from "./units.ts";

export const command: Command = {
  spec: {
    operands: "PROGRAM...",
    least: 1,
    most: 1000,
    options: [
      { name: "root", value: "DIR", help: "the files that the programs need, as their /" },
      { name: "oracle", value: "O", help: "what to compare with (default: the CPU, else qemu)" },
      { name: "cases", value: "N", help: "states for each distinct instruction (default 64)" },
      { name: "json", help: "print it as JSON" },
    ],
    about: `Runs programs under qemu, takes the blocks that they executed, and compares each of their instructions with the
oracle on states of its own: the share of what programs execute that is translated rightly.
A PROGRAM with arguments is one word: "bash -c true".`,
    examples: [
      ["eval blocks samples/echo-riscv64", "one program"],
      ["eval blocks --root ~/riscv64-root '/bin/ls /' '/bin/true'", "programs of another system's files"],
    ],
  },
  async run(args, io) {
    const root = args.text("root");
    const cases = args.text("cases");
    const states = cases === undefined ? 64 : parseAmount("--cases", cases, true);
    const reports: unknown[] = [];
    let wrong = 0;
    // Programs share much of their code: an instruction is compared once
    const known = new Map<string, Judged>();
    try {
      for (const line of args.operands) {
        const words = line.split(/\s+/).filter((w) => w !== "");
        if (words.length === 0) throw sageError("USAGE", "an empty PROGRAM");
        if (root !== undefined && words[0]!.startsWith("/")) words[0] = root + words[0]!;
        const { isa } = parseImage(readFile(io.host.fs, words[0]!));
        if (isa === undefined || isa === null)
          throw sageError("FORMAT_UNSUPPORTED", `${words[0]} is no program with an ISA`);
        const book = loadBook(findBook(isa, undefined, io));
        const oracle = await openOracle(args.text("oracle"), isa);
        try {
          const blocks = await executedBlocks(isa, words, root);
          if (!known.has(isa)) known.set(isa, new Map());
          const a = await accuracy(oracle, book, blocks, { states, seed: 1, known: known.get(isa)! });
          wrong += a.differences.length;
          const share = (n: number, of: number): string => `${((100 * n) / Math.max(1, of)).toFixed(3)} %`;
          reports.push({ program: line, isa, oracle: oracle.name, ...a, apart: Object.fromEntries(a.apart) });
          if (args.has("json")) continue;
          io.print(
            `${line}: ${a.matchedBlocks} of ${a.blocks} blocks (${share(a.matchedBlocks, a.blocks)}), ${a.matchedExecuted} of ${a.executed} executed instructions (${share(a.matchedExecuted, a.executed)}), ${a.instructions} distinct\n`,
          );
          for (const [why, n] of a.apart) io.print(`  ${n} not compared: ${why}\n`);
          for (const d of a.differences) io.print(`  ${d.text} (${d.bytes}): ${d.why}\n`);
        } finally {
          await oracle.close();
        }
      }
    } catch (error) {
      if (error instanceof OracleError) throw sageError(error.code, error.message);
      throw error;
    }
    if (args.has("json")) io.print(`${JSON.stringify(reports, null, 1)}\n`);
    return wrong > 0 ? 1 : 0;
  },
};
