#!/usr/bin/env node
// CommonJS, and one file: Node starts it 4 ms sooner than modules.
if (Number.parseInt(process.versions.node, 10) < 22) {
  console.error(
    `sage: NODE_TOO_OLD: SAGE needs Node 22 or newer, this is ${process.version} (install one, or run npx sage)`,
  );
  process.exit(2);
}
require("./flags.cjs").setFlags();
const argv = process.argv.slice(2);
// `sage run` on a shipped rulebook, to its end, is a bundle of its own, which starts sooner
const runs = argv[0] === "run" && !argv.some((arg) => /^--(rules|snapshot)/.test(arg));
const file = require.resolve(runs ? "../dist/run.cjs" : "../dist/cli.cjs");
const { compiled, load } = require("./bundle.cjs");
const script = runs ? compiled(file) : undefined;
if (script === undefined) require("node:module").enableCompileCache?.();
(script === undefined ? require(file) : load(script, file)).start(argv);
