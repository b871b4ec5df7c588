// Makes what `sage run` would otherwise make at each start, from the rulebooks: dist/assets.
import { mkdirSync, writeFileSync } from "node:fs";
import { hotRows, interpreterBytes } from "../src/backend/wasm/interp-module.ts";
import { isaRulebook, rulebook, rulebookNames } from "../src/host/node/assets.ts";
import { abiBlob } from "../src/os/blob.ts";
import { parseAbi } from "../src/os/parse.ts";
import { openIsaBook, precompile } from "../src/rules/index.ts";

mkdirSync("dist/assets", { recursive: true });
for (const isa of rulebookNames("isa")) {
  const { text, options } = isaRulebook(isa)!;
  const book = precompile(text, options);
  writeFileSync(`dist/assets/${isa}.book`, book);
  writeFileSync(
    `dist/assets/${isa}.wasm`,
    interpreterBytes(openIsaBook(book), { hot: hotRows(rulebook(`isa/${isa}.hot`)) }),
  );
}
for (const os of rulebookNames("os")) {
  const file = `${os}.abi`;
  writeFileSync(`dist/assets/${file}`, abiBlob(parseAbi(rulebook(`os/${file}`)!, file)));
}
