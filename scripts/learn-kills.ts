import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "../src/agent/translator/values.ts";
import { inventedStub } from "../tests/agent/invented-stub.ts";
import { invent } from "../tests/agent/inventing.ts";
import { learnKilled } from "../tests/agent/kills.ts";
import { tiny } from "../tests/agent/tiny.ts";
import { serveStub } from "../tests/oracle/stub.ts";

/*
 * Learns an invented machine behind a GDB stub twice: undisturbed, and killed (SIGKILL) at random moments with --resume
 * after each. The rulebooks must be the same, byte by byte:
 *   npm run build && node scripts/learn-kills.ts [KILLS] [SEED] [MACHINE]
 * MACHINE: a seed of invented machines; absent: tests/agent/tiny.ts.
 */
const kills = Number(process.argv[2] ?? 50);
const rng = new Rng(Number(process.argv[3] ?? 1));
const { machine, options } = inventedStub(process.argv[4] ? invent(Number(process.argv[4])) : tiny);
const stub = await serveStub(machine, options);
const folder = mkdtempSync(join(tmpdir(), "sage-kills-"));
try {
  const began = performance.now();
  const whole = await learnKilled(stub.port, join(folder, "whole.rules"), []);
  const life = performance.now() - began;
  console.log(`undisturbed: ${Math.round(life / 1000)} s`);
  // Most lives are long enough for a few steps, some for none
  const lives = Array.from({ length: kills }, () => 300 + rng.below(Math.round(life / 8)));
  const cut = await learnKilled(stub.port, join(folder, "cut.rules"), lives);
  const same = cut.book === whole.book;
  console.log(
    `${cut.kills} kills, ${Math.round((performance.now() - began - life) / 1000)} s: ${same ? "the same rulebook" : "ANOTHER RULEBOOK"} (${whole.book.length} bytes)`,
  );
  process.exitCode = same ? 0 : 1;
} finally {
  stub.close();
  rmSync(folder, { recursive: true, force: true });
}
