import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Compiles a C file of this folder with `compiler` and gives a function that runs it on bytes; `under`: an emulator. */
export function native(
  file: string,
  compiler: string,
  under: readonly string[],
  flags: readonly string[],
): (input: Uint8Array) => Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), "sage-native-"));
  const program = join(dir, "program");
  const source = new URL(file, import.meta.url).pathname;
  const built = spawnSync(compiler, [...flags, "-o", program, source], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`${compiler}: ${built.stderr}`);
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  const [command, ...args] = [...under, program];
  return (input) => {
    const run = spawnSync(command, args, { input, maxBuffer: 1 << 28, timeout: 60_000 });
    if (run.status !== 0)
      throw new Error(`${command} ended with ${run.status ?? run.signal} after ${run.stdout.length} bytes`);
    return run.stdout;
  };
}
