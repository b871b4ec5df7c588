#!/usr/bin/env node
// CommonJS, and one file: Node starts it 4 ms sooner than modules.
if (Number.parseInt(process.versions.node, 10) < 22) {
  console.error(
    `sage: NODE_TOO_OLD: SAGE needs Node 22 or newer, this is ${process.version} (install one, or run npx sage)`,
  );
  process.exit(2);
}
require("node:module").enableCompileCache?.();
require("../dist/cli.cjs").main(process.argv.slice(2));
