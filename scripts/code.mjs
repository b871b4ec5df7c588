// node scripts/code.mjs: keeps the compiled code of what `sage run` runs beside its bundle (bin/bundle.cjs).
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const { codeOf, load, parsed } = require("../bin/bundle.cjs");

/** Programs that together call what most programs call; what they do not is parsed when it is needed. */
const RUNS = [
  ["--engine", "wasm", "samples/floats-riscv64"],
  ["--engine", "wasm", "samples/recursion-riscv64"],
  ["samples/hello-riscv64"],
];

// As bin/sage.js: code is of use under the same flags only
require("../bin/flags.cjs").setFlags();
const file = join(root, "dist/run.cjs");
const script = parsed(file);
const { start } = load(script, file);
process.chdir(root);
const { exit } = process;
for (const args of RUNS) {
  const status = await new Promise((resolve) => {
    process.exit = resolve;
    start(["run", ...args]);
  });
  if (status !== 0) throw new Error(`sage run ${args.join(" ")} ended with ${status}`);
}
writeFileSync(codeOf(file), script.createCachedData());
exit(0);
