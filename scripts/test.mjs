// Runs the test suite with Node's own runner: `npm test [-- FILE...]`.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";

const named = process.argv.slice(2);
const files = named.length ? named : globSync("tests/**/*.test.ts").sort();
const run = spawnSync(process.execPath, ["--test", "--test-reporter=spec", "--test-concurrency=2", ...files], {
  stdio: "inherit",
});
process.exit(run.status ?? 1);
