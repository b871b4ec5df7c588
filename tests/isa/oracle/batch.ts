import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Engine, type Group, RECORD } from "./record.ts";

const SOURCE = join(import.meta.dirname, "oracle.c");
const FLAGS = "-O2 -static -nostdlib -ffreestanding -fno-stack-protector -mno-relax".split(" ");
const CODE_MAX = 32;
const HEAD = 16;
const GROUP_HEAD = 8 + CODE_MAX;

/** qemu-riscv64 as an engine: the truth that everything else is compared with. null: its tools are not installed. */
export function qemu(): Engine | null {
  const program = build();
  if (program === null) return null;
  return { name: "qemu", run: (groups) => runJob(program, groups) };
}

/** Compiles the oracle, once a version of its source. */
function build(): string | null {
  const tools = ["qemu-riscv64", "riscv64-linux-gnu-gcc"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
  if (!tools) return null;
  const hash = createHash("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 12);
  const folder = join(tmpdir(), `sage-oracle-${process.getuid?.() ?? 0}`);
  const program = join(folder, `riscv64-${hash}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = `${program}.${process.pid}`;
  const gcc = spawnSync("riscv64-linux-gnu-gcc", [...FLAGS, SOURCE, "-o", fresh], { encoding: "utf8" });
  if (gcc.status !== 0) throw new Error(`the oracle does not compile: ${gcc.stderr}`);
  renameSync(fresh, program);
  return program;
}

function runJob(program: string, groups: readonly Group[]): void {
  const size = groups.reduce((n, g) => n + GROUP_HEAD + g.records.byteLength, HEAD);
  const job = new Uint8Array(size);
  const view = new DataView(job.buffer);
  view.setBigUint64(0, BigInt(size), true);
  view.setBigUint64(8, BigInt(groups.length), true);
  let at = HEAD;
  for (const { code, records } of groups) {
    if (code.length > CODE_MAX) throw new Error(`${code.length} bytes of code, at most ${CODE_MAX}`);
    view.setUint32(at, code.length, true);
    view.setUint32(at + 4, records.length / RECORD, true);
    job.set(code, at + 8);
    job.set(new Uint8Array(records.buffer, records.byteOffset, records.byteLength), at + GROUP_HEAD);
    at += GROUP_HEAD + records.byteLength;
  }
  const run = spawnSync("qemu-riscv64", [program], { input: job, maxBuffer: size + 1, timeout: 60_000 });
  if (run.status !== 0 || run.stdout.length !== size)
    throw new Error(
      `the oracle ended with ${run.status ?? run.signal ?? run.error}, ${run.stdout?.length} bytes of ${size}`,
    );
  at = HEAD;
  for (const { records } of groups) {
    at += GROUP_HEAD;
    new Uint8Array(records.buffer, records.byteOffset, records.byteLength).set(
      run.stdout.subarray(at, at + records.byteLength),
    );
    at += records.byteLength;
  }
}
