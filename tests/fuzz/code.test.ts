import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { CodeFuzzer, isaParts, realCode, SUBJECTS } from "../../scripts/fuzz/code.ts";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import { loadIsaBook } from "../../src/rules/index.ts";

const parts = isaParts("riscv64");
const real = realCode("riscv64");

test("random instruction streams end alike on every engine", () => {
  const fuzzer = new CodeFuzzer(parts, Object.values(SUBJECTS).flat(), real);
  for (let seed = 1; seed <= 500; seed++) assert.deepEqual(fuzzer.one(seed), []);
  // They come to every kind of stop.
  for (const [engine, tally] of Object.entries(fuzzer.tally))
    for (const kind of ["illegal", "fault", "trap", "syscall", "fuel"])
      assert.ok((tally[kind] ?? 0) > 5, `${engine}: ${JSON.stringify(tally)}`);
});

test("an engine with one wrong row is found out, and the instruction named", () => {
  const file = "riscv64.rules";
  const text = readFileSync(new URL(`../../rulebooks/isa/${file}`, import.meta.url), "utf8");
  const wrong = text.replace("100  rs1 ^ rs2", "100  rs1 | rs2");
  assert.ok(wrong !== text);
  const interpreter = new WebAssembly.Module(interpreterBytes(loadIsaBook(wrong, { file })));
  const fuzzer = new CodeFuzzer({ book: parts.book, interpreter }, SUBJECTS.interp, real);
  const found = [];
  for (let seed = 1; seed <= 500 && found.length < 3; seed++) found.push(...fuzzer.one(seed));
  assert.equal(found.length, 3);
  for (const { what } of found) assert.match(what, /^0x[0-9a-f]+: ([0-9a-f]{2} )+ xor /m);
});
