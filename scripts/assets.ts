// Makes what `sage run` would otherwise make at each start, from the rulebooks: dist/assets.
import { mkdirSync, writeFileSync } from "node:fs";
import { interpreterBytes } from "../src/backend/wasm/interp-module.ts";
import { rulebookNames } from "../src/host/node/assets.ts";
import { isaBook } from "../src/node.ts";

mkdirSync("dist/assets", { recursive: true });
for (const isa of rulebookNames("isa")) writeFileSync(`dist/assets/${isa}.wasm`, interpreterBytes(isaBook(isa)));
