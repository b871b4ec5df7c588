// A program in Go with many threads, esbuild, bundles and minifies parts of this project: the same bytes as natively.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { GUESTS, REPOSITORY } from "../guests.ts";
import { run, sage } from "./command.ts";

const ARGS = ["--bundle", "--minify", "--format=esm", "--log-level=error", "src/kernel/kernel.ts"];
const NATIVE = join(REPOSITORY, "node_modules", "esbuild", "bin", "esbuild");

for (const guest of GUESTS) {
  const program = join(REPOSITORY, ".cache", "esbuild", guest.debian, "bin", "esbuild");
  const reason = existsSync(program) ? null : `no .cache/esbuild/${guest.debian} (scripts/test-roots.sh)`;
  if (reason && process.env.CI === "true") throw new Error(`CI must run esbuild of ${guest.isa}: ${reason}`);
  test(`${guest.isa}: esbuild minifies this project`, { skip: reason ?? false }, async () => {
    const source = join(REPOSITORY, ARGS.at(-1)!);
    const args = [...ARGS.slice(0, -1), source];
    const expected = await run([NATIVE, ...args]);
    const got = await sage(["--allow-read"], [program, ...args]);
    assert.equal(got.code, 0, got.stderr.toString());
    assert.ok(expected.stdout.length > 10_000, "there is something to compare");
    assert.ok(got.stdout.equals(expected.stdout), `${got.stdout.length} bytes for ${expected.stdout.length}`);
  });
}
