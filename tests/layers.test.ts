// Shared code never asks for an ISA's name: what it must know is a property that a rulebook states.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { REPOSITORY } from "./guests.ts";

const NAMES = /riscv|aarch64|arm64|x86[-_]64|amd64/i;

/** Tables that give names to what formats and remote stubs say; help texts. */
const TABLES: readonly RegExp[] = [
  /^src\/format\/(elf-names|detect)\.ts$/,
  /^src\/oracle\/(gdb-target|target|machines)\.ts$/,
  /^src\/agent\/verifier\/quirks\.ts$/,
  /^src\/cli\/[a-z-]+\.ts$/,
];

/** The text without comments (a "//" within a string would be taken for one: it hides nothing that matters here). */
const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");

test("no shared code asks for an ISA's name", () => {
  const files = globSync("src/**/*.ts", { cwd: REPOSITORY }).map((file) => file.replaceAll("\\", "/"));
  assert.ok(files.length > 100);
  const asking = files.filter((file) => {
    if (TABLES.some((table) => table.test(file))) return false;
    return NAMES.test(code(readFileSync(join(REPOSITORY, file), "utf8")));
  });
  assert.deepEqual(asking, []);
});

test("commands name ISAs in their examples only", () => {
  for (const file of globSync("src/cli/*.ts", { cwd: REPOSITORY })) {
    const lines = code(readFileSync(join(REPOSITORY, file), "utf8")).split("\n");
    const asking = lines.filter((line) => NAMES.test(line) && !/^\s*\["/.test(line));
    assert.deepEqual(asking, [], file);
  }
});
