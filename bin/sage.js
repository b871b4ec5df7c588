#!/usr/bin/env node
// CommonJS, and one file: Node starts it 4 ms sooner than modules.
require("node:module").enableCompileCache?.();
require("../dist/cli.cjs").main(process.argv.slice(2));
