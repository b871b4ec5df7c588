import { spawnSync } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { BATCH_MACHINES } from "../machines.ts";
import { OracleError } from "../oracle.ts";

/** A block that a program executed, as qemu cut it. */
export interface ExecutedBlock {
  readonly pc: bigint;
  readonly instructions: readonly Uint8Array[];
  executions: number;
}

/** Seconds that a program may take under the log. */
const LIMIT = 120;

/**
 * The blocks that a program executes under qemu, and how often. `root`: the guest's file system, for programs that need
 * one. Rejects with OracleError; the program's own exit status does not matter.
 */
export async function executedBlocks(isa: string, command: readonly string[], root?: string): Promise<ExecutedBlock[]> {
  const kind = BATCH_MACHINES.find((m) => m.isa === isa);
  if (!kind) throw new OracleError("ORACLE_MISSING", `there is no qemu for ${isa}`);
  const folder = mkdtempSync(join(tmpdir(), "sage-blocks-"));
  const log = join(folder, "log");
  try {
    const cpu = kind.cpu === undefined ? [] : ["-cpu", kind.cpu];
    const args = [
      ...cpu,
      "-d",
      "in_asm,exec,nochain",
      "-D",
      log,
      ...(root === undefined ? [] : ["-L", root]),
      ...command,
    ];
    const run = spawnSync(kind.qemu, args, { stdio: "ignore", timeout: LIMIT * 1000 });
    if (run.error && "code" in run.error && run.error.code === "ENOENT")
      throw new OracleError("ORACLE_MISSING", `${kind.qemu} is not installed`);
    if (run.error) throw new OracleError("ORACLE_HANGS", `${command[0]} took more than ${LIMIT} s under ${kind.qemu}`);
    return await readLog(log);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function readLog(file: string): Promise<ExecutedBlock[]> {
  const blocks = new Map<string, ExecutedBlock>();
  let open: { pc: bigint; at: bigint; instructions: Uint8Array[] } | undefined;
  const finish = (): void => {
    if (!open || open.instructions.length === 0) return;
    const { pc, instructions } = open;
    blocks.set(pc.toString(16), { pc, instructions, executions: blocks.get(pc.toString(16))?.executions ?? 0 });
    open = undefined;
  };
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const executed = /^Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+\/([0-9a-f]+)\//.exec(line);
    if (executed) {
      finish();
      const block = blocks.get(BigInt(`0x${executed[1]}`).toString(16));
      if (block) block.executions++;
      continue;
    }
    // Words as numbers where they have one size, bytes in their order elsewhere
    const listed = /^0x([0-9a-f]+): {2}([0-9a-f]{2}(?: [0-9a-f]{2})*|[0-9a-f]{4,8})(?: +(.*))?$/.exec(line);
    if (!listed) {
      if (line.startsWith("IN:")) {
        finish();
        open = { pc: -1n, at: -1n, instructions: [] };
      } else if (line === "") finish();
      continue;
    }
    if (!open) continue;
    const at = BigInt(`0x${listed[1]}`);
    const digits = listed[2]!;
    const bytes = Uint8Array.from(
      digits.includes(" ") || digits.length === 2 ? digits.split(" ") : (digits.match(/../g) ?? []).reverse(),
      (h) => Number.parseInt(h, 16),
    );
    if (open.pc < 0n) open.pc = at;
    const last = open.instructions.at(-1);
    // A long instruction goes on in a line of bytes alone
    if ((listed[3] ?? "") === "" && last && (digits.includes(" ") || digits.length === 2))
      open.instructions[open.instructions.length - 1] = Uint8Array.of(...last, ...bytes);
    else open.instructions.push(bytes);
    open.at = at + BigInt(bytes.length);
  }
  finish();
  return [...blocks.values()];
}
