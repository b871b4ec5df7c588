// Makes what `sage run` would otherwise make at each start, from the rulebooks: dist/assets. What was made before from
// the same sources is taken from .cache/assets.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { hotRows, interpreterBytes } from "../src/backend/wasm/interp-module.ts";
import { isaRulebook, rulebook, rulebookNames } from "../src/host/node/assets.ts";
import { abiBlob } from "../src/os/blob.ts";
import { parseAbi } from "../src/os/parse.ts";
import { openIsaBook, precompile } from "../src/rules/index.ts";

const CACHE = ".cache/assets";

/** A hash of every source and rulebook that the assets come from. */
async function sourceKey(): Promise<string> {
  const { metafile } = await build({
    ...{ entryPoints: ["scripts/assets.ts"], bundle: true, platform: "node", format: "esm" },
    ...{ packages: "external", write: false, metafile: true },
  });
  const rules = readdirSync("rulebooks", { recursive: true, encoding: "utf8" }).map((name) => join("rulebooks", name));
  const texts = rules.filter((name) => /\.(rules|hot|abi)$/.test(name));
  const hash = createHash("sha256");
  for (const file of [...Object.keys(metafile.inputs), ...texts].sort()) hash.update(file).update(readFileSync(file));
  return hash.digest("hex").slice(0, 32);
}

function make(into: string): void {
  for (const isa of rulebookNames("isa")) {
    const { text, options } = isaRulebook(isa)!;
    const book = precompile(text, options);
    const hot = hotRows(rulebook(`isa/${isa}.hot`));
    writeFileSync(join(into, `${isa}.book`), book);
    writeFileSync(join(into, `${isa}.wasm`), interpreterBytes(openIsaBook(book), { hot }));
  }
  for (const os of rulebookNames("os")) {
    const file = `${os}.abi`;
    writeFileSync(join(into, file), abiBlob(parseAbi(rulebook(`os/${file}`)!, file)));
  }
}

const made = join(CACHE, await sourceKey());
if (!existsSync(made)) {
  rmSync(CACHE, { recursive: true, force: true });
  const unfinished = `${made}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  make(unfinished);
  renameSync(unfinished, made);
}
cpSync(made, "dist/assets", { recursive: true });
