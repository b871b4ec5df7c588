// The rulebooks as a page with their evidence: scripts/rules-page.ts [FILE [ISA...]]
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { rulesPage } from "../src/agent/verifier/page.ts";
import { evidencePath, isaRulebook, rulebookNames } from "../src/host/node/assets.ts";
import { readEvidence } from "../src/rules/evidence.ts";
import { loadIsaBook } from "../src/rules/index.ts";

const [file = "dist/docs/rules.html", ...wanted] = process.argv.slice(2);
const books = (wanted.length > 0 ? wanted : rulebookNames("isa")).map((isa) => {
  const { text, options } = isaRulebook(isa)!;
  const side = evidencePath(isa);
  const evidence =
    side !== undefined && existsSync(side) ? readEvidence(readFileSync(side, "utf8"), `${isa}.evidence`) : [];
  const lines = (name: string): string[] => (options.files?.[name] ?? text).split("\n");
  return {
    book: loadIsaBook(text, options),
    evidence,
    textOf: (row: { source: { file: string; line: number } }) => lines(row.source.file)[row.source.line - 1] ?? "",
  };
});
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, rulesPage(books));
console.log(file);
