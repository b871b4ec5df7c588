import assert from "node:assert/strict";
import test from "node:test";
import { interpreterBytes } from "../../../src/backend/wasm/interp-module.ts";
import { createMachine, type EngineKind } from "../../../src/engine/create.ts";
import { isaRulebook } from "../../../src/host/node/assets.ts";
import { expand } from "../../../src/rules/expand.ts";
import { loadIsaBook } from "../../../src/rules/index.ts";
import { Random } from "../oracle/random.ts";
import { fill, instruction } from "./cases.ts";
import { engine } from "./engine.ts";
import { evaluator } from "./evaluator.ts";
import * as R from "./record.ts";
import { vectorSteer } from "./steer.ts";

const source = isaRulebook("x86_64");
assert.ok(source);
const book = loadIsaBook(source.text, source.options);
const expanded = expand(source.text, source.options);
const interpreter = new WebAssembly.Module(interpreterBytes(book));
const reference = evaluator(book);
const rows = book.rows.filter((row) => row.source.file.startsWith("x86_64/"));
const BYTES = R.RECORD * 8;
const SEED = Number(process.env.SAGE_SEED ?? 1);
const ONLY = process.env.SAGE_ROWS;

/** States for each instruction: enough for the tiers to compile it. */
const STATES = Number(process.env.SAGE_CASES ?? 14);

for (const kind of ["interp", "wasm"] satisfies EngineKind[]) {
  test(`rows of the vector chapters do on engine ${kind} what the evaluator says`, () => {
    const options = { engine: kind, strict: true, threshold: 10, ask: () => [0n] };
    const run = engine(book, createMachine({ book, interpreter }, options));
    const wrong: string[] = [];
    // The interpreter has code for each row; regions are compiled for each instruction, so fewer of them.
    const chosen = rows.filter(
      (row, i) =>
        (kind === "interp" || process.env.SAGE_CASES ? true : i % 7 === SEED % 7) &&
        (!ONLY || new RegExp(`^(${ONLY})$`).test(row.name)),
    );
    for (const row of chosen) {
      const random = new Random(SEED * 65537 + row.index);
      const code = decodable(row.index, random);
      const steer = vectorSteer(row);
      for (let i = 0; i < (kind === "interp" ? Math.ceil(STATES / 3) : STATES); i++) {
        const before = new Uint8Array(BYTES);
        fill(before, code, random, steer);
        const expected = before.slice();
        const actual = before.slice();
        reference(expected);
        run(actual);
        const at = expected.findIndex((byte, k) => byte !== actual[k]);
        if (at < 0) continue;
        const decoded = book.decode(code, 0);
        wrong.push(
          `${decoded ? book.disassemble(decoded, R.CODE) : "?"} (${Buffer.from(code).toString("hex")}): byte ${at} of the record`,
        );
        break;
      }
    }
    assert.deepEqual(wrong.slice(0, 30), []);
  });
}

function decodable(row: number, random: Random): Uint8Array {
  for (;;) {
    const code = instruction(expanded, row, random);
    if (code && book.decode(code, 0)?.row.index === row) return code;
  }
}
