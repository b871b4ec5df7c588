import assert from "node:assert/strict";
import test from "node:test";
import { compare, type Difference, encoder, report, trialsOf } from "./aarch64/campaign.ts";
import { evaluator, qemu } from "./aarch64/engines.ts";
import { aarch64, aarch64Text } from "./aarch64/text.ts";
import { Random } from "./oracle/random.ts";
import { needs } from "./tools.ts";

/** States a row; a default run takes seconds. */
const CASES = Number(process.env.SAGE_CASES ?? 24);
const SEED = Number(process.env.SAGE_SEED ?? 1);
const ONLY = new RegExp(process.env.SAGE_ROWS ?? "");

const book = aarch64();
const encode = encoder(aarch64Text);
const reference = evaluator(book);
const truth = qemu();
const oracle = needs(truth !== null, "qemu-aarch64 or aarch64-linux-gnu-gcc");

/**
 * What is the machine's own and no two share: identification, clocks, the block that dc zva clears (here as on most CPUs, 64
 * bytes), bits of FPCR and FPSR that stand for what is not there (half precision, AArch32), and whether cleaning a cache
 * faults (on a CPU it does).
 */
const OWN = /^(mrs\.(?!nzcv|tpidr|fpsr|fpcr).*|msr\.fp[cs]r|dc\..*)$/;

test("every row does what qemu-aarch64 does", oracle, () => {
  const uncovered: string[] = [];
  const differences: Difference[] = [];
  const plan = { words: 6, states: Math.max(1, Math.ceil(CASES / 6)) };
  let batch = [];
  for (const row of book.rows) {
    if (!ONLY.test(row.name) || OWN.test(row.name)) continue;
    const trials = trialsOf(book, row, encode, plan, new Random(SEED * 65537 + row.index));
    if (trials.length === 0) uncovered.push(row.name);
    batch.push(...trials);
    if (batch.length < 2000 && row.index < book.rows.length - 1) continue;
    differences.push(...compare(batch, truth!, reference));
    batch = [];
  }
  differences.push(...compare(batch, truth!, reference));
  assert.equal(differences.length, 0, report(differences, "qemu", "evaluator"));
  assert.deepEqual(uncovered, [], "rows that no word was found for");
});
