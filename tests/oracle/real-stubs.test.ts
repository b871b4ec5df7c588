// The same verdicts from qemu's stub and from gdbserver as from the batch oracles.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { bind } from "../../src/agent/verifier/bind.ts";
import { verifyRow } from "../../src/agent/verifier/verdict.ts";
import { isaRulebook } from "../../src/host/node/assets.ts";
import { openOracle } from "../../src/oracle/node/open.ts";
import type { Oracle } from "../../src/oracle/oracle.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { installed, needs } from "../isa/tools.ts";

const folder = mkdtempSync(join(tmpdir(), "sage-stubs-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** A program that has nothing but room: two pages that can be written and executed. */
function room(gcc: string): string {
  const source = join(folder, "room.S");
  const program = join(folder, `room-${gcc}`);
  writeFileSync(source, ".globl _start\n_start: nop\nnop\nnop\nnop\n.fill 12288, 1, 0\n.section .note.GNU-stack\n");
  const run = spawnSync(gcc, ["-nostdlib", "-static", "-Wl,-N", source, "-o", program], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  return program;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Connects as soon as the stub listens. */
async function connect(isa: string, port: number): Promise<Oracle> {
  for (let tries = 0; ; tries++) {
    try {
      return await openOracle(`gdb:127.0.0.1:${port}`, isa, 10_000);
    } catch (error) {
      if (tries > 50) throw error;
      await new Promise((go) => setTimeout(go, 100));
    }
  }
}

const STUBS = [
  {
    isa: "riscv64",
    what: "qemu-riscv64 -g",
    gcc: "riscv64-linux-gnu-gcc",
    tool: "qemu-riscv64",
    cases: 16,
    rows: ["add", "sltu", "xori", "lw", "sd", "beq"],
  },
  {
    isa: "aarch64",
    what: "qemu-aarch64 -g",
    gcc: "aarch64-linux-gnu-gcc",
    tool: "qemu-aarch64",
    cases: 12,
    rows: ["add.32", "subs.64", "ldr.64", "b.cond", "madd.64"],
  },
  { isa: "x86_64", what: "gdbserver", gcc: "gcc", tool: "gdbserver", cases: 4, rows: ["bswap", "not"] },
] as const;

for (const { isa, what, gcc, tool, cases, rows } of STUBS) {
  const there = installed(tool) && installed(gcc) && (tool !== "gdbserver" || process.arch === "x64");
  const skip =
    tool === "gdbserver" && process.arch !== "x64" ? { skip: "another CPU" } : needs(there, `${tool} or ${gcc}`);
  test(`${what} gives the verdicts that a batch gives`, skip, async () => {
    const program = room(gcc);
    const port = await freePort();
    const args = tool === "gdbserver" ? ["--once", `127.0.0.1:${port}`, program] : ["-g", String(port), program];
    const stub: ChildProcess = spawn(tool, args, { stdio: "ignore" });
    try {
      const found = isaRulebook(isa)!;
      const book = loadIsaBook(found.text, found.options);
      const oracle = await connect(isa, port);
      assert.equal(oracle.machine.isa, isa);
      const binding = bind(book, oracle.machine);
      let tried = 0;
      for (const name of rows) {
        const row = book.rows.find((r) => r.name === name);
        if (!row) continue;
        const verdict = await verifyRow(oracle, binding, row, { cases, words: 4, seed: 2, slow: cases });
        assert.equal(verdict.k, "tested", `${name}: ${JSON.stringify(verdict)}`);
        tried++;
      }
      assert.ok(tried >= 2, `${tried} rows of ${isa}`);
      await oracle.close();
    } finally {
      stub.kill("SIGKILL");
    }
  });
}
