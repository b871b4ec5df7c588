// Learns the instructions that some programs execute, word by word, from an oracle alone:
// scripts/learn-program.ts ISA OUT MODEL|- BUDGET ROOT PROGRAM [ARGS...] [-- PROGRAM [ARGS...]]...
// Words that the declared supplement (rulebooks/isa/ISA.supplement) covers are not looked at.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readPrior } from "../src/agent/trainer/checkpoint.ts";
import { covers, type Form } from "../src/agent/translator/form.ts";
import { FormLearner } from "../src/agent/translator/learn-form.ts";
import { lengthsOf, registerFile } from "../src/agent/translator/lengths.ts";
import { Probe } from "../src/agent/translator/probe.ts";
import { BookWriter } from "../src/agent/translator/rule-text.ts";
import { Rng } from "../src/agent/translator/values.ts";
import { sage } from "../src/cli/main.ts";
import { isaRulebook, rulebook } from "../src/host/node/assets.ts";
import { nodeHost } from "../src/host/node/index.ts";
import { openOracle } from "../src/oracle/node/open.ts";
import { loadIsaBook } from "../src/rules/index.ts";
import { Rulebook } from "../src/rules/rulebook.ts";
import { readSupplement } from "../src/rules/supplement.ts";

const [isa, out, model, budget, root, ...rest] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  ...string[],
];
const found = isaRulebook(isa)!;
const kept = readSupplement(rulebook(`isa/${isa}.supplement`) ?? "");
const supplement = loadIsaBook(found.text, { ...found.options, keep: kept });

// What the programs' code is made of, as the first tier comes to it
const words = new Map<string, { word: number; length: number; count: number }>();
const decode = Rulebook.prototype.decodeInto;
Rulebook.prototype.decodeInto = function (this: Rulebook, bytes, at, end, fields) {
  const row = decode.call(this, bytes, at, end, fields);
  const length = this.decodedLength;
  if (row >= 0 && this.name === isa && length <= 4) {
    let word = 0;
    for (let i = 0; i < length; i++) word = (word | (bytes[at + i]! << (8 * i))) >>> 0;
    const key = `${length} ${word}`;
    const known = words.get(key);
    if (known) known.count++;
    else words.set(key, { word, length, count: 1 });
  }
  return row;
};
const list = `${out}.words`;
if (existsSync(list)) for (const w of JSON.parse(readFileSync(list, "utf8"))) words.set(`${w.length} ${w.word}`, w);
else {
  const host = nodeHost();
  const quiet = { ...host, stdout: { ...host.stdout, write: (b: Uint8Array) => b.length } } as typeof host;
  for (let at = 0; at < rest.length; ) {
    const end = rest.indexOf("--", at);
    const command = rest.slice(at, end < 0 ? rest.length : end);
    await sage(
      ["run", "--root", root, "--engine", "interp", "--rules", `rulebooks/isa/${isa}.rules`, ...command],
      [{ name: "run", summary: "", load: () => import("../src/cli/run.ts") }],
      quiet,
    );
    at = end < 0 ? rest.length : end + 1;
  }
  writeFileSync(list, JSON.stringify([...words.values()]));
}
Rulebook.prototype.decodeInto = decode;

const bytesOf = (word: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => word >>> (8 * i));
const open = [...words.values()]
  .filter(({ word, length }) => !supplement.decode(bytesOf(word, length), 0))
  .sort((a, b) => b.length - a.length || b.count - a.count || a.word - b.word);
console.error(`${words.size} words, ${open.length} of them not in the supplement`);

const oracle = await openOracle(`qemu-${isa}`, isa);
const rng = new Rng(1);
const probe = new Probe(oracle);
const effort = { tried: 0 };
const lengths = await lengthsOf(probe, rng, oracle.machine.codeBytes);
await probe.calibrate(rng, lengths[0] ?? 4);
const file = await registerFile(probe, rng, lengths.at(-1) ?? 4);
const prior = model === "-" ? undefined : await readPrior(new Uint8Array(readFileSync(model)), model);
const learner = new FormLearner({ probe, effort, prior, budget: Number(budget) }, rng, file, 16_384);
const forms: Form[] = [];
const failed: string[] = [];
const loose: { word: number; length: number; loose: number }[] = [];
const began = performance.now();
const text = (): string =>
  new BookWriter(probe, file).text(isa, forms, [`Learned from ${oracle.name}: nothing here was written by hand.`]);
for (const { word, length } of open) {
  if (forms.some((f) => f.length === length && covers(f, word))) continue;
  if (loose.some((f) => f.length === length && ((f.word ^ word) & ~f.loose) === 0)) continue;
  const hex = word.toString(16).padStart(2 * length, "0");
  try {
    const got = await learner.learn(word, length);
    if (got.form) forms.push(got.form);
    else {
      failed.push(`${hex}: ${got.why}`);
      loose.push({ word, length, loose: got.loose });
    }
  } catch (error) {
    failed.push(`${hex}: ${String(error)}`);
  }
  const covered = open.filter((w) => forms.some((f) => f.length === w.length && covers(f, w.word))).length;
  console.error(
    `${forms.length} forms, ${failed.length} failed, ${covered} of ${open.length} words, ${effort.tried} candidates, ${Math.round((performance.now() - began) / 1000)} s: ${hex}`,
  );
  writeFileSync(out, text());
}
console.error(failed.join("\n"));
await oracle.close();
process.exit(0);
