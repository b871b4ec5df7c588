import assert from "node:assert/strict";
import test from "node:test";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import { relaxedMaddIsFused } from "../../src/backend/wasm/probe.ts";
import { createMachine } from "../../src/engine/create.ts";
import type { Machine } from "../../src/engine/machine.ts";
import { compare, type Difference, encoder, report, trialsOf } from "./aarch64/campaign.ts";
import { cpuEngine } from "./aarch64/cpu.ts";
import { evaluator } from "./aarch64/engines.ts";
import { aarch64, aarch64Text } from "./aarch64/text.ts";
import { Random } from "./oracle/random.ts";
import { regionMachine } from "./oracle/regions.ts";

/** States a row; a default run takes every eighth row. */
const CASES = Number(process.env.SAGE_CASES ?? 4);
const SEED = Number(process.env.SAGE_SEED ?? 1);
const EVERY = process.env.SAGE_CASES === undefined ? 8 : 1;

const book = aarch64();
const encode = encoder(aarch64Text);
const reference = evaluator(book);

function sameAsEvaluator(machine: Machine, name: string): void {
  const tier = cpuEngine(machine);
  const differences: Difference[] = [];
  for (const row of book.rows.filter(({ index }) => (index + SEED) % EVERY === 0)) {
    const plan = { words: 2, states: Math.ceil(CASES / 2) };
    differences.push(
      ...compare(trialsOf(book, row, encode, plan, new Random(SEED * 65537 + row.index)), reference, tier),
    );
  }
  assert.equal(differences.length, 0, report(differences, "evaluator", name));
}

test("rows do in the interpreter what the evaluator says", () => {
  const interpreter = new WebAssembly.Module(interpreterBytes(book));
  const machine = createMachine({ book, interpreter }, { engine: "interp", strict: true, ask: () => [0n] });
  sameAsEvaluator(machine, "interp");
});

test("rows do in checked regions what the evaluator says, faults included", () => {
  sameAsEvaluator(regionMachine(book, { fused: relaxedMaddIsFused(), checked: true }), "checked region");
});
