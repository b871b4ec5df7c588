import assert from "node:assert/strict";
import test from "node:test";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import { createMachine, type EngineKind } from "../../src/engine/create.ts";
import { encode, riscv64 } from "./books.ts";
import { campaign, sequences } from "./oracle/campaign.ts";
import { compare, report } from "./oracle/compare.ts";
import { cpuEngine } from "./oracle/cpu.ts";
import { evaluator } from "./oracle/evaluator.ts";

const CASES = Number(process.env.SAGE_CASES ?? 100);
const SEED = Number(process.env.SAGE_SEED ?? 1);

const book = riscv64();
const reference = evaluator(book);
const interpreter = new WebAssembly.Module(interpreterBytes(book));
const ENGINES: readonly EngineKind[] = ["eval", "interp", "wasm"];

for (const engine of ENGINES) {
  test(`every row does on engine ${engine} what the evaluator says`, () => {
    const cpu = createMachine({ book, interpreter }, { engine, strict: true, threshold: 10, ask: () => [0n] });
    const tier = cpuEngine(engine, cpu);
    for (const trials of campaign(book, encode, CASES, SEED)) {
      const differences = compare(trials, reference, tier);
      assert.equal(differences.length, 0, report(differences, "evaluator", engine));
    }
    const differences = compare(sequences(book, encode, CASES, SEED), reference, tier);
    assert.equal(differences.length, 0, report(differences, "evaluator", engine));
  });
}
