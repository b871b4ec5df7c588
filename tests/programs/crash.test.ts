// Programs that go wrong, and limits: the right exit code, the guest's own output kept, one coded line, never a stack trace.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { GUESTS, sampleOf } from "../guests.ts";
import { ENGINES, type Outcome, sage } from "./command.ts";

interface CrashCase {
  readonly way: string;
  readonly code: number;
  /** What the line on standard error must say. */
  readonly says: RegExp;
  readonly options?: readonly string[];
}

const LOOP_MS = 120_000;
const CASES: readonly CrashCase[] = [
  { way: "illegal", code: 132, says: /illegal|SIGILL/i },
  { way: "breakpoint", code: 133, says: /breakpoint|SIGTRAP/i },
  { way: "null-load", code: 139, says: /SIGSEGV|fault/i },
  { way: "null-store", code: 139, says: /SIGSEGV|fault/i },
  { way: "wild-store", code: 139, says: /SIGSEGV|fault/i },
  { way: "readonly-store", code: 139, says: /SIGSEGV|fault/i },
  { way: "wild-jump", code: 139, says: /SIGSEGV|fault/i },
  { way: "data-jump", code: 139, says: /SIGSEGV|fault/i },
  { way: "recursion", code: 139, says: /SIGSEGV|fault/i },
  { way: "memory-hog", code: 3, says: /^$/, options: ["--memory", "64M"] },
  { way: "loop", code: 124, says: /time/i, options: ["--timeout", "1"] },
  { way: "loop", code: 125, says: /fuel/i, options: ["--fuel", "1000000"] },
];

/** SAGE's part of standard error is at most one line, it has no stack trace. */
function told(outcome: Outcome): string {
  const text = outcome.stderr.toString();
  assert.doesNotMatch(text, /^\s+at .*:\d+:\d+/m, "a stack trace");
  assert.ok(text.trim().split("\n").length <= 1, `more than one line: ${text}`);
  return text;
}

/**
 * A run, made again once where it did not end: about one start in a thousand of these hangs, seen on the wasm engine
 * only and not explained yet (nodejs/node#54918 is one way to it). It is told, so that it is not forgotten.
 */
async function ended(options: readonly string[], program: readonly string[]): Promise<Outcome> {
  try {
    return await sage(options, program, { limit: 40 });
  } catch (error) {
    console.error(`made again: ${error instanceof Error ? error.message : error}`);
    return sage(options, program, { limit: 60 });
  }
}

for (const guest of GUESTS) {
  const crash = sampleOf("crash", guest);
  for (const { way, code, says, options = [] } of CASES) {
    for (const engine of ENGINES) {
      test(`${guest.isa}: crash ${way} ${options.join(" ")} on ${engine}`, { timeout: LOOP_MS }, async () => {
        const got = await ended(["--engine", engine, ...options], [crash, way]);
        const text = told(got);
        assert.equal(got.code, code, text);
        assert.match(got.stdout.toString(), new RegExp(`^about to try ${way}\n`));
        assert.match(text.trim(), says);
      });
    }
  }

  test(`${guest.isa}: an illegal instruction is told with its address and bytes`, async () => {
    const got = await sage([], [crash, "illegal"]);
    assert.match(told(got), guest.isa === "x86_64" ? /0x[0-9a-f]+.*0f ?0b/i : /0x[0-9a-f]+.*ff ?ff ?ff ?ff/i);
  });

  test(`${guest.isa}: a missing interpreter is named, with the option that gives it`, async () => {
    const got = await sage(["--allow-read"], [sampleOf("hello-dynamic", guest)]);
    // Where the host is the guest's own kind, the interpreter is there, and the program runs.
    const there = existsSync(guest.linker);
    assert.equal(got.code, there ? 0 : 127);
    if (!there) assert.ok(told(got).includes(guest.linker) && told(got).includes("--root"));
  });
}

test("a program that is not there: 127", async () => {
  const got = await sage([], ["/nowhere/program"]);
  assert.equal(got.code, 127);
  assert.match(told(got), /\/nowhere\/program/);
});

test("a file that is no program: 126", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sage-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const files: Record<string, Uint8Array> = {
    empty: new Uint8Array(),
    zeros: new Uint8Array(4096),
    cut: Uint8Array.of(0x7f, 0x45, 0x4c, 0x46),
  };
  for (const [name, bytes] of Object.entries(files)) {
    writeFileSync(join(folder, name), bytes);
    const got = await sage([], [join(folder, name)]);
    assert.equal(got.code, 126, name);
    assert.notEqual(told(got), "", name);
  }
});
