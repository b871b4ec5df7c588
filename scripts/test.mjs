// Runs the test suite with Node's own runner: `npm test [-- FILE...]`. The last line counts.
import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import flags from "../bin/flags.cjs";

const { FLAGS } = flags;

// Tests run the command line as its users do: bundled.
execFileSync(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });

const named = process.argv.slice(2);
const files = named.length ? named : globSync("tests/**/*.test.ts").sort();
// The flags keep Node from hanging at exit, among others.
const events = run({ files, concurrency: 2, execArgv: FLAGS });

let counts;
events.on("test:summary", (summary) => {
  if (summary.file === undefined) counts = summary.counts;
});
for await (const text of events.compose(spec)) process.stdout.write(text);
const { tests, passed, failed, cancelled, skipped } = counts;
console.log(`tests: ${passed} passed, ${failed + cancelled} failed, ${skipped} skipped`);
process.exit(tests > 0 && failed === 0 && cancelled === 0 ? 0 : 1);
