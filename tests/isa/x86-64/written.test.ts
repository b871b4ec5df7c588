// Code that is written while it runs: no instruction says so on x86-64, the next one is just another.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { run } from "../../cli/sage.ts";
import { NATIVE } from "../../guests.ts";
import { installed, needs } from "../tools.ts";

const ready = needs(NATIVE?.isa === "x86_64" && installed("gcc"), "gcc on an x86-64 Linux host");
for (const engine of ["interp", "wasm"])
  test(`freshly written and self-modifying code (${engine})`, ready, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "sage-written-"));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const program = join(dir, "written");
    execFileSync("gcc", ["-O1", "-static", "-o", program, join(import.meta.dirname, "written.c")]);
    const native = spawnSync(program, { encoding: "utf8" });
    assert.equal(native.status, 0);
    const ours = await run("run", "--engine", engine, "-A", program);
    assert.equal(ours.stdout, native.stdout, ours.stderr);
    assert.equal(ours.status, 0);
  });
