import assert from "node:assert/strict";
import test from "node:test";
import { CallFuzzer, DATA, type Script } from "../../scripts/fuzz/calls.ts";
import { memoryHost } from "../../scripts/fuzz/host.ts";
import { guard } from "../../src/guard/guard.ts";
import { allowAll } from "../../src/guard/policy.ts";
import { MemoryFile } from "../../src/kernel/fs/memory.ts";
import { Kernel } from "../../src/kernel/kernel.ts";

test("system calls with hostile arguments end in results", () => {
  const fuzzer = new CallFuzzer();
  const ends = new Map<string, number>();
  for (let seed = 1; seed <= 40; seed++) {
    const end = fuzzer.one(seed);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  // Most of the table was called, and processes got far.
  assert.ok(fuzzer.made.size > 250, `${fuzzer.made.size} calls`);
  assert.ok((ends.get("fuel") ?? 0) + (ends.get("exited") ?? 0) > 10, JSON.stringify([...ends]));
});

// What campaigns found.
const found: Record<string, Script> = {
  "a traced structure that begins in unmapped memory": { calls: [["capset", DATA, DATA - 1]], data: "" },
  "an empty write far beyond the file": {
    calls: [
      ["memfd_create", DATA, 0],
      ["pwrite64", 3, DATA, 0, 2 ** 40],
    ],
    data: "a",
  },
  "what is above a file": {
    calls: [
      ["memfd_create", DATA, 0],
      ["faccessat", 3, DATA, 0],
    ],
    data: "../",
  },
};
for (const [what, script] of Object.entries(found))
  test(what, () => {
    const fuzzer = new CallFuzzer();
    // With and without an overlay.
    for (const seed of [1, 2, 3, 4, 5, 6]) assert.equal(fuzzer.one(seed, script), "exited");
  });

test("files in memory count against the memory limit", () => {
  const host = guard(memoryHost(new Map()), allowAll, { warn: () => {} });
  const personality = new CallFuzzer().linux();
  const kernel = new Kernel({ host, personality, root: "/", memory: 1 << 20 });
  const file = new MemoryFile(kernel.nameless, 0o600);
  file.truncate(1 << 20);
  assert.throws(() => file.truncate((1 << 20) + 1), { code: "ENOSPC" });
});
