// Candidates that the search tries for instructions of real machines, by what guides it:
// scripts/ablation.ts [--seeds N] [--budget N] [NAME=MODEL.safetensors ...]
// The machines are the oracles that are there; no model was trained on anything but invented tasks.
import { readFileSync } from "node:fs";
import { readPrior } from "../src/agent/trainer/checkpoint.ts";
import { answer, type Question, questionsOf } from "../src/agent/trainer/exam.ts";
import { abstraction, uniform } from "../src/agent/trainer/plain-priors.ts";
import { Probe } from "../src/agent/translator/probe.ts";
import type { Prior } from "../src/agent/translator/solve.ts";
import { Rng } from "../src/agent/translator/values.ts";
import { isaRulebook } from "../src/host/node/assets.ts";
import { openOracle } from "../src/oracle/node/open.ts";
import { loadIsaBook } from "../src/rules/index.ts";

const args = process.argv.slice(2);
const option = (name: string, otherwise: number): number => {
  const i = args.indexOf(name);
  return i < 0 ? otherwise : Number(args.splice(i, 2)[1]);
};
const seeds = option("--seeds", 3);
const budget = option("--budget", 100_000);

/** Registers only: what an immediate is, is another question. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  riscv64:
    `add sub and or xor sll srl sra slt sltu mul mulh mulhu mulhsu div divu rem remu addw subw sllw srlw sraw mulw divw divuw
    remw remuw sh1add sh2add sh3add add.uw sh1add.uw sh2add.uw sh3add.uw andn orn xnor max maxu min minu rol ror rolw rorw`
      .split(/\s+/)
      .map((m) => `${m} a0, a1, a2`)
      .concat("clz ctz cpop clzw ctzw cpopw sext.b sext.h zext.h rev8 orc.b".split(" ").map((m) => `${m} a0, a1`)),
  aarch64:
    `add adds sub subs and ands bic bics orr orn eor eon adc adcs sbc sbcs lsl lsr asr ror mul umulh smulh udiv sdiv`
      .split(/\s+/)
      .flatMap((m) => [`${m} x3, x4, x5`, ...(/^[us]mulh$/.test(m) ? [] : [`${m} w3, w4, w5`])])
      .concat("clz cls rbit rev rev16".split(" ").map((m) => `${m} x3, x4`))
      .concat(
        ["madd", "msub"].map((m) => `${m} x3, x4, x5, x6`),
        ["csel", "csinc", "csinv", "csneg"].flatMap((m) =>
          ["eq", "ge", "hi", "gt"].map((c) => `${m} x3, x4, x5, ${c}`),
        ),
      ),
  x86_64: `add sub adc sbb cmp and or xor test`
    .split(" ")
    .flatMap((m) => [`${m} rax, rbx`, `${m} eax, ebx`])
    .concat(
      "neg inc dec not bswap".split(" ").flatMap((m) => [`${m} rax`, `${m} eax`]),
      [
        "cmovb rax, rbx",
        "cmovbe rax, rbx",
        "cmovl rax, rbx",
        "cmovle rax, rbx",
        "cmovs rax, rbx",
        "cmc",
        "stc",
        "lahf",
        "cdqe",
        "cqo",
      ],
    ),
};

const priors: [string, Prior | undefined][] = [
  ["uniform", uniform],
  ["abstraction", abstraction],
  ["by hand", undefined],
];
for (const a of args) {
  const [name, file] = a.split("=") as [string, string];
  priors.push([name, await readPrior(new Uint8Array(readFileSync(file)), file)]);
}

console.log(`budget ${budget}, ${seeds} seeds; geometric mean of candidates (an unsolved one counts the budget)`);
for (const [isa, list] of Object.entries(WORDS)) {
  if (process.env.ISA && process.env.ISA !== isa) continue;
  const found = isaRulebook(isa)!;
  const book = loadIsaBook(found.text, found.options);
  const oracle = await openOracle(isa === "x86_64" ? "host" : `qemu-${isa}`, isa);
  const probe = new Probe(oracle);
  await probe.calibrate(new Rng(1), 4);
  const questions: Question[] = [];
  for (let seed = 1; seed <= seeds; seed++)
    for (const text of list) {
      const bytes = book.assemble(text, 0x1000);
      if (bytes.length > 4) continue;
      const word = bytes.reduce((v, b, i) => (v | (b << (8 * i))) >>> 0, 0);
      questions.push(...(await questionsOf(probe, new Rng(seed), text, word, bytes.length)));
    }
  for (const bits of [false, true]) {
    const own = questions.filter((q) => (q.target.sort === "B") === bits);
    if (own.length === 0) continue;
    const hand = own.map((q) => answer(q, undefined, budget));
    for (const [name, prior] of priors) {
      const got = prior ? own.map((q) => answer(q, prior, budget)) : hand;
      const cost = got.map((g) => (g.solved ? Math.max(1, g.tried) : budget));
      const mean = Math.exp(cost.reduce((s, c) => s + Math.log(c), 0) / cost.length);
      const solved = got.filter((g) => g.solved).length;
      const ahead = cost.filter((c, i) => c < (hand[i]!.solved ? hand[i]!.tried : budget)).length;
      console.log(
        `${isa} ${bits ? "flags" : "registers"}: ${name.padEnd(14)} ${solved}/${own.length} solved, ${Math.round(mean)} candidates, fewer than by hand ${ahead}`,
      );
      if (process.env.OPEN)
        console.log(`   open: ${[...new Set(own.filter((_, i) => !got[i]!.solved).map((q) => q.name))].join("; ")}`);
    }
  }
  await oracle.close();
}
process.exit(0);
