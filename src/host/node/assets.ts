import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ReadOptions } from "../../rules/source.ts";
import { posix } from "./errors.ts";

/** Where the build put what it made ahead of time; null when running from source. */
const made = [import.meta.dirname, join(import.meta.dirname, "..")].find((dir) => existsSync(join(dir, "assets")));
const rulebooks = ["rulebooks", "../rulebooks", "../../rulebooks", "../../../rulebooks"]
  .map((up) => join(import.meta.dirname, up))
  .find((dir) => existsSync(dir));

/** A file the build made ("riscv64.wasm"), or null where there is none: then make it anew from the rulebooks. */
export function asset(name: string): Uint8Array<ArrayBuffer> | null {
  const file = made && join(made, "assets", name);
  return file && existsSync(file) ? new Uint8Array(readFileSync(file)) : null;
}

export function hasAsset(name: string): boolean {
  return made !== undefined && existsSync(join(made, "assets", name));
}

/** Text of a rulebook ("isa/riscv64.rules"), or null where the package has none of that name. */
export function rulebook(name: string): string | null {
  const file = rulebooks && join(rulebooks, name);
  return file && existsSync(file) ? readFileSync(file, "utf8") : null;
}

/** An ISA's rulebook: its text, and how to read it (chapters that it uses stand in a folder of its name). Null: there is none. */
export function isaRulebook(isa: string): { readonly text: string; readonly options: ReadOptions } | null {
  const file = `${isa}.rules`;
  const text = rulebook(`isa/${file}`);
  if (text === null) return null;
  const files: Record<string, string> = {};
  const folder = join(rulebooks!, "isa", isa);
  const chapters = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".rules")) : [];
  for (const name of chapters) files[`${isa}/${name}`] = readFileSync(join(folder, name), "utf8");
  return { text, options: { file, files } };
}

/** Where a shipped ISA's evidence stands, or would. */
export function evidencePath(isa: string): string | undefined {
  return rulebooks && join(rulebooks, "isa", `${isa}.evidence`);
}

/** Names of the rulebooks of a kind: "isa" gives "riscv64", ... */
export function rulebookNames(kind: string): string[] {
  if (!rulebooks) return [];
  const names = readdirSync(join(rulebooks, kind)).map((file) => /^(.*)\.(rules|abi)$/.exec(file)?.[1]);
  return names.filter((name) => name !== undefined).sort();
}

/** A text file that the user named on the command line. */
export function readText(file: string): string {
  return posix(() => readFileSync(file, "utf8"));
}
