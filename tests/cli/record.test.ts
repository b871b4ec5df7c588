// --record and --replay: a run with threads, time, randomness and other processes comes out the same, call by call.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { GUESTS } from "../guests.ts";
import { sage } from "../programs/command.ts";
import { script } from "../programs/compare.ts";
import { rootOf, whyNoRoot } from "../programs/root.ts";

const guest = GUESTS[0]!;
const skip = whyNoRoot(guest) ?? false;
/** SAGE_REPLAYS for a longer campaign. */
const REPLAYS = Number(process.env.SAGE_REPLAYS ?? 2);
const PROGRAM = `${script("threads.py")}
import os, random, subprocess, sys, time
print(random.random(), time.time(), os.getpid(), sys.stdin.read())
print(subprocess.run("echo $RANDOM | cat; kill -9 $$", shell=True, capture_output=True))
`;

test("a replay is the run that was recorded", { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sage-record-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const log = join(folder, "log");
  const run = (trace: string, option: string, input: string, code = PROGRAM) =>
    sage(
      ["--root", rootOf(guest), `--trace=${join(folder, trace)}`, "--stats=json", option, log],
      ["/usr/bin/python3", "-c", code],
      { stdin: input },
    );
  const first = await run("first", "--record", "typed");
  assert.equal(first.code, 0, first.stderr.toString());
  assert.match(first.stdout.toString(), /typed/);
  const calls = readFileSync(join(folder, "first"), "utf8");
  assert.ok(calls.split("\n").length > 1000);
  const figures = (stderr: Buffer): object => {
    const { compileMs: _, ...rest } = JSON.parse(/\{.*\}/.exec(stderr.toString())![0]) as Record<string, number>;
    return rest;
  };
  for (let i = 0; i < REPLAYS; i++) {
    const again = await run("again", "--replay", "something else");
    assert.equal(again.stdout.toString(), first.stdout.toString());
    assert.equal(readFileSync(join(folder, "again"), "utf8"), calls);
    // Code decoded, calls made, memory taken: all as before.
    assert.deepEqual(figures(again.stderr), figures(first.stderr));
  }
  const other = await run("other", "--replay", "", "print(open('/etc/passwd').read())");
  assert.equal(other.code, 2);
  assert.match(other.stderr.toString(), /^sage: REPLAY_DIVERGED: line \d+: /m);
  assert.ok(statSync(log).size > 0);
});
