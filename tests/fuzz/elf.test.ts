import assert from "node:assert/strict";
import test from "node:test";
import { fuzzElf, seeds } from "../../scripts/fuzz/elf.ts";

test("3,000 mutated ELF files are read or refused with one coded line", () => {
  const tally = fuzzElf(seeds(), { first: 1, cases: 3000 });
  // The mutations reach what they are meant to reach
  for (const code of [
    "runnable",
    "ELF_TRUNCATED",
    "ELF_HEADER",
    "ELF_SEGMENT",
    "ELF_TOO_BIG",
    "ELF_OVERLAP",
    "ISA_UNSUPPORTED",
  ])
    assert.ok((tally[code] ?? 0) > 5, `${code}: ${JSON.stringify(tally)}`);
});
