import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { arch } from "node:os";
import test from "node:test";
import { isaRulebook } from "../../../src/host/node/assets.ts";
import { expand } from "../../../src/rules/expand.ts";
import { loadIsaBook } from "../../../src/rules/index.ts";
import { installed, needs } from "../tools.ts";
import { compareRows, nativeCpu } from "./compare.ts";
import { vectorSteer } from "./steer.ts";

const source = isaRulebook("x86_64");
assert.ok(source);
const book = loadIsaBook(source.text, source.options);
const expanded = expand(source.text, source.options);

/** What a processor must have for a chapter's rows, as /proc/cpuinfo says it. */
const CHAPTERS: readonly (readonly [string, readonly string[]])[] = [
  ["x86_64/sse.rules", ["sse2", "avx"]],
  ["x86_64/sse-int.rules", ["sse4_2", "avx2"]],
  ["x86_64/sse42.rules", ["sse4_2", "avx"]],
  ["x86_64/avx.rules", ["avx2", "fma", "f16c"]],
  ["x86_64/crypto.rules", ["aes", "pclmulqdq", "sha_ni"]],
  ["x86_64/x87.rules", ["fpu", "fxsr"]],
  ["x86_64/mmx.rules", ["mmx", "ssse3"]],
  ["x86_64/state.rules", ["fxsr", "xsave", "xsavec", "xsaveopt"]],
];

const flags =
  arch() === "x64" && process.platform === "linux"
    ? new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1].trim().split(/\s+/))
    : new Set<string>();

/** Compared in functions.test.ts, for the last place may differ. */
const FUNCTIONS = new Set(["fsin", "fcos", "fsincos", "fptan", "fpatan", "f2xm1", "fyl2x", "fyl2xp1"]);

for (const [file, features] of CHAPTERS) {
  const missing = features.filter((f) => !flags.has(f));
  const host = flags.size === 0 ? needs(false, "an x86-64 Linux host") : needs(installed("gcc"), "gcc");
  // Another processor than CI's may well lack an extension.
  const skip = missing.length > 0 ? `the processor has no ${missing.join(", ")}` : host.skip;
  test(`${file}: rows do what the processor does`, { skip }, () => {
    const { rows, wrong } = compareRows(
      book,
      expanded,
      nativeCpu(),
      (row) => row.source.file === file && !FUNCTIONS.has(row.name),
      4,
      20261,
      vectorSteer,
    );
    assert.ok(rows >= 12, `only ${rows} rows`);
    assert.deepEqual(wrong.slice(0, 20), []);
  });
}
