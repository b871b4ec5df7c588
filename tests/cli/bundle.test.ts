import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");
const built = join(root, "dist/run.cjs");

/** Whether a process as bin/sage.js starts it takes the compiled code beside a bundle. */
function takes(bundle: string): boolean {
  const program = `require(${JSON.stringify(join(root, "bin/flags.cjs"))}).setFlags();
    const { compiled } = require(${JSON.stringify(join(root, "bin/bundle.cjs"))});
    console.log(compiled(${JSON.stringify(bundle)}) !== undefined)`;
  return execFileSync(process.execPath, ["-e", program], { encoding: "utf8" }) === "true\n";
}

test("the bundle of sage run comes with its compiled code", () => assert.equal(takes(built), true));

test("compiled code that is not whole, or not there, is not used", () => {
  const folder = mkdtempSync(join(tmpdir(), "sage-bundle-"));
  try {
    const bundle = join(folder, "run.cjs");
    copyFileSync(built, bundle);
    assert.equal(takes(bundle), false);
    const code = readFileSync(`${built}.code`);
    writeFileSync(`${bundle}.code`, code);
    assert.equal(takes(bundle), true);
    writeFileSync(`${bundle}.code`, code.subarray(0, code.length >> 1));
    assert.equal(takes(bundle), false);
    writeFileSync(`${bundle}.code`, code);
    writeFileSync(bundle, `${readFileSync(built, "latin1")}//`);
    assert.equal(takes(bundle), false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
