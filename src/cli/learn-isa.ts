import { existsSync, readFileSync } from "node:fs";
import { placesOf } from "../agent/translator/checkpoint.ts";
import type { Progress } from "../agent/translator/explore.ts";
import { learnIsa } from "../agent/translator/session.ts";
import type { Prior } from "../agent/translator/solve.ts";
import { sageError } from "../errors.ts";
import { openOracle } from "../oracle/node/open.ts";
import { OracleError } from "../oracle/oracle.ts";
import type { Command, Io } from "./command.ts";
import { readFile } from "./file.ts";
import { replaceFile } from "./replace-file.ts";
import { parseAmount, parseDuration } from "./units.ts";

export const command: Command = {
  spec: {
    operands: "",
    least: 0,
    most: 0,
    options: [
      { name: "oracle", value: "O", help: "what can execute it: gdb:HOST:PORT, host, qemu-ISA" },
      { name: "output", short: "o", value: "FILE", help: "the rulebook to write; FILE.checkpoint stands beside it" },
      { name: "time", value: "T", help: "stop after T: 90s, 15m, 2h (default 15m)" },
      { name: "resume", help: "go on from FILE.checkpoint" },
      { name: "seed", value: "N", help: "another seed asks other questions (default 1)" },
      { name: "model", value: "FILE", help: "a model of `sage train` that guides the search" },
      { name: "name", value: "ISA", help: "what the rulebook calls the machine" },
    ],
    about: "Learns an instruction set from something that executes it, and from nothing else.",
    examples: [
      ["learn isa --oracle gdb:localhost:1234 -o odd.rules --time 15m", "a machine behind a GDB stub"],
      ["learn isa --oracle qemu-riscv64 -o rv.rules", "RISC-V, by running it under qemu"],
    ],
  },
  async run(args, io) {
    const file = args.text("output");
    const name = args.text("oracle");
    if (file === undefined) throw sageError("USAGE", "learn isa needs -o FILE");
    if (name === undefined) throw sageError("USAGE", "learn isa needs --oracle O");
    const checkpoint = `${file}.checkpoint`;
    const time = parseDuration("--time", args.text("time") ?? "15m");
    const seed = parseAmount("--seed", args.text("seed") ?? "1", true);
    const from = args.has("resume") && existsSync(checkpoint) ? readFileSync(checkpoint, "utf8") : undefined;
    const model = args.text("model");
    const prior = model === undefined ? undefined : await priorFrom(readFile(io.host.fs, model), model);
    try {
      const oracle = await openOracle(
        name,
        /^qemu-(\w+)$/.exec(name)?.[1] ?? "",
        undefined,
        from === undefined ? undefined : placesOf(from),
      );
      try {
        const isa = args.text("name") ?? oracle.machine.isa ?? "learned";
        let full = false;
        const learned = await learnIsa(oracle, {
          seed,
          isa,
          time,
          now: () => performance.now(),
          report: progressTo(io),
          save: (book, state) => {
            try {
              replaceFile(checkpoint, state);
              replaceFile(file, book);
              full = false;
            } catch (error) {
              // What is there already stays; learning goes on and tries again
              if (!full) io.host.stderr.write(encode(`sage: nothing is saved for now: ${String(error)}\n`));
              full = true;
            }
          },
          ...(from === undefined ? {} : { from }),
          ...(prior ? { prior } : {}),
        });
        replaceFile(file, learned.book);
        say(io, `\r\x1b[K`);
        io.print(
          `${learned.forms.length} forms learned, ${learned.failures.length} words not understood, ${learned.observations} observations, ${learned.candidates} candidates${learned.complete ? "" : "; time is up, --resume goes on"}\n`,
        );
        for (const f of learned.failures) io.print(`  ${f.word.toString(16).padStart(2 * f.length, "0")}: ${f.why}\n`);
        return 0;
      } finally {
        await oracle.close();
      }
    } catch (error) {
      if (error instanceof OracleError) throw sageError(error.code, error.message);
      throw error;
    }
  },
};

/** Loaded only where a model is given: the library it computes with takes its time. */
async function priorFrom(bytes: Uint8Array, name: string): Promise<Prior> {
  const { readPrior } = await import("../agent/trainer/checkpoint.ts");
  return readPrior(bytes, name);
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function say(io: Io, text: string): void {
  if (process.stderr.isTTY) io.host.stderr.write(encode(text));
}

function progressTo(io: Io): (p: Progress, left: number) => void {
  let last = 0;
  return (p, left) => {
    const now = performance.now();
    const every = process.stderr.isTTY ? 200 : 15_000;
    if (now - last < every) return;
    last = now;
    const text = `${p.forms} forms, ${p.failures} open, ${(100 * p.covered).toFixed(1)} % of random words known, ${p.observations} observations, ${p.candidates} candidates, ${Math.round(left / 1000)} s left: ${p.doing}`;
    if (process.stderr.isTTY) say(io, `\r\x1b[K${text}`);
    else io.host.stderr.write(encode(`${text}\n`));
  };
}
