import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const runs = (tool: string): boolean => spawnSync(tool, ["--version"]).status === 0;

/** The first tool that is not installed; a skip's reason, unless this is CI, where it is a failure. */
export function missing(...tools: readonly string[]): string | undefined {
  const none = tools.find((tool) => !runs(tool));
  if (none !== undefined && process.env.CI === "true") throw new Error(`needs ${none}`);
  return none && `needs ${none}`;
}

/** What llvm-as and opt's verifier say against a module; empty: nothing. */
export function refused(text: string): string {
  const as = spawnSync("llvm-as-19", ["-o", "-"], { input: text, maxBuffer: 1 << 28 });
  if (as.status !== 0) return as.stderr.toString();
  const opt = spawnSync("opt-19", ["-passes=verify", "-o", "/dev/null"], { input: as.stdout, maxBuffer: 1 << 28 });
  return opt.status === 0 ? "" : opt.stderr.toString();
}

/** Compiles a module with a C main to a program, and runs it on `input`. */
export function execute(text: string, main: string, input: Uint8Array): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "sage-llvm-"));
  const at = (name: string): string => join(folder, name);
  const tool = (name: string, args: readonly string[]): void => {
    const ran = spawnSync(name, args, { encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`${name}: ${ran.stderr}`);
  };
  try {
    writeFileSync(at("a.ll"), text);
    writeFileSync(at("main.c"), main);
    tool("llc-19", ["-O1", "-filetype=obj", "-relocation-model=pic", "-o", at("a.o"), at("a.ll")]);
    tool("gcc", ["-O1", "-o", at("a"), at("main.c"), at("a.o"), "-lm"]);
    writeFileSync(at("input"), input);
    const ran = spawnSync(at("a"), [], { input: readFileSync(at("input")), maxBuffer: 1 << 28, timeout: 60_000 });
    if (ran.status !== 0) throw new Error(`program ended with ${ran.status ?? ran.signal}`);
    return ran.stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
