// Writes docs/syscalls.md from the rows of rulebooks/os/linux.abi. With --check: only says whether it is up to date.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { callTable } from "../src/os/document.ts";
import { parseAbi } from "../src/os/parse.ts";

const root = join(import.meta.dirname, "..");
const file = "rulebooks/os/linux.abi";
const text = callTable(parseAbi(readFileSync(join(root, file), "utf8"), file), "generic");
const target = join(root, "docs", "syscalls.md");
if (!process.argv.includes("--check")) writeFileSync(target, text);
else if (readFileSync(target, "utf8") !== text) {
  console.error("docs/syscalls.md is behind the rows: run node scripts/syscalls-doc.ts");
  process.exitCode = 1;
}
