import { existsSync, readFileSync } from "node:fs";
import { readTraining, writeModel, writeTraining } from "../agent/trainer/checkpoint.ts";
import { KINDS, type RoundReport, Trainer } from "../agent/trainer/trainer.ts";
import { sageError } from "../errors.ts";
import { Network } from "../model/network.ts";
import type { Command, Io } from "./command.ts";
import { replaceFile } from "./replace-file.ts";
import { parseAmount, parseDuration } from "./units.ts";

/** Rounds between checkpoints. */
const EVERY = 25;
const WIDTH = 24;

export const command: Command = {
  spec: {
    operands: "",
    least: 0,
    most: 0,
    options: [
      {
        name: "output",
        short: "o",
        value: "FILE",
        help: "the model to write (safetensors); FILE.training stands beside it",
      },
      { name: "time", value: "T", help: "stop after T: 90s, 15m, 1h (default 10m)" },
      { name: "rounds", value: "N", help: "stop after N rounds in all, those before a break counted" },
      { name: "seed", value: "N", help: "another seed sets other tasks (default 1)" },
      { name: "resume", help: "go on from FILE.training" },
      { name: "no-self-play", help: "the proposer draws at random and is not rewarded (for comparison)" },
      { name: "no-gate", help: "train on invalid tasks too (for comparison)" },
      { name: "json", help: "print a line of JSON for each round" },
    ],
    about: `Trains the model that guides learning, by self-play alone: it invents tasks (what expression gave these values? what does this
expression give? which input tells these two apart?), solves them, and keeps what running them confirms. No machine,
rulebook or program is read. A seed and a number of rounds give the same model each time, broken off or not.`,
    examples: [
      ["train -o model.safetensors --time 10m", "a model for this machine's spare minutes"],
      ["train -o model.safetensors --resume --time 10m", "ten minutes more"],
      ["learn isa --model model.safetensors --oracle qemu-riscv64 -o rv.rules", "learn with it"],
    ],
  },
  async run(args, io) {
    const file = args.text("output");
    if (file === undefined) throw sageError("USAGE", "train needs -o FILE");
    const beside = `${file}.training`;
    const time = parseDuration("--time", args.text("time") ?? "10m");
    const rounds = args.has("rounds") ? parseAmount("--rounds", args.text("rounds")!, true) : Number.POSITIVE_INFINITY;
    const seed = parseAmount("--seed", args.text("seed") ?? "1", true);
    await Network.ready();
    const trainer =
      args.has("resume") && existsSync(beside)
        ? readTraining(new Uint8Array(readFileSync(beside)), beside)
        : new Trainer({ seed, selfPlay: !args.has("no-self-play"), gate: !args.has("no-gate") });
    const began = performance.now();
    const show = shownOn(io, args.has("json"));
    let last: RoundReport | undefined;
    let unsaved = false;
    const save = (): void => {
      try {
        replaceFile(beside, writeTraining(trainer));
        replaceFile(file, writeModel(trainer));
        unsaved = false;
      } catch (error) {
        // What is there already stays; training goes on and tries again
        if (!unsaved) tell(io, `sage: nothing is saved for now: ${String(error)}\n`);
        unsaved = true;
      }
    };
    while (trainer.round < rounds && performance.now() - began < time) {
      last = trainer.step();
      const spent = performance.now() - began;
      const part = Math.max(spent / time, rounds === Number.POSITIVE_INFINITY ? 0 : trainer.round / rounds);
      show(last, Math.min(1, part));
      if (trainer.round % EVERY === 0) save();
    }
    save();
    if (process.stderr.isTTY) tell(io, "\r\x1b[K");
    if (!args.has("json"))
      io.print(
        `${file}: ${trainer.network.size} weights after ${trainer.round} rounds${last ? `; ${figures(last)}` : ""}\n`,
      );
    return unsaved ? 1 : 0;
  },
};

const tell = (io: Io, text: string): void => void io.host.stderr.write(new TextEncoder().encode(text));

const figures = (r: RoundReport): string =>
  `${KINDS.map((k) => `${k} ${Math.round(100 * r.solved[k])} % solved, reward ${r.reward[k].toFixed(2)}`).join("; ")}; ${Math.round(r.tried)} candidates a task`;

/** A bar that is rewritten on a terminal; elsewhere a line now and then, or JSON. */
function shownOn(io: Io, json: boolean): (r: RoundReport, part: number) => void {
  let at = 0;
  return (r, part) => {
    if (json) {
      io.print(`${JSON.stringify(r)}\n`);
      return;
    }
    const now = performance.now();
    if (now - at < (process.stderr.isTTY ? 200 : 15_000)) return;
    at = now;
    const full = Math.round(WIDTH * part);
    const bar = `[${"#".repeat(full)}${".".repeat(WIDTH - full)}] round ${r.round}: ${figures(r)}`;
    tell(io, process.stderr.isTTY ? `\r\x1b[K${bar}` : `${bar}\n`);
  };
}
