import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { type Learned, learnIsa } from "../../src/agent/translator/session.ts";
import { coverage } from "../../src/agent/verifier/random-words.ts";
import { gdbOracle } from "../../src/oracle/gdb.ts";
import { tcpLink } from "../../src/oracle/node/tcp.ts";
import type { Oracle } from "../../src/oracle/oracle.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { serveStub } from "../oracle/stub.ts";
import { inventedOracle } from "./invented.ts";
import { inventedStub } from "./invented-stub.ts";
import { learnKilled } from "./kills.ts";
import { tiny } from "./tiny.ts";

interface Kept {
  book: string;
  checkpoint: string;
}

/** Learns with a clock that counts reports, so that a cut comes at the same place on every machine. */
async function learn(oracle: Oracle, reports = 1e9, from?: string): Promise<{ learned: Learned; kept: Kept[] }> {
  let now = 0;
  const kept: Kept[] = [];
  const learned = await learnIsa(oracle, {
    seed: 7,
    isa: "tiny",
    time: reports,
    now: () => now,
    report: () => {
      now++;
    },
    save: (book, checkpoint) => void kept.push({ book, checkpoint }),
    ...(from === undefined ? {} : { from }),
  });
  return { learned, kept };
}

test("an invented machine is learned from nothing, and what is learned holds", async () => {
  const oracle = inventedOracle(tiny);
  const { learned } = await learn(oracle);
  assert.ok(learned.complete);
  const book = loadIsaBook(learned.book);
  const { executed, decoded, matched } = await coverage(oracle, book, { words: 300, seed: 11 });
  assert.equal(executed, 300);
  assert.ok(decoded >= 285, `${decoded} of 300 decoded`);
  assert.ok(matched >= 285, `${matched} of 300 matched`);
  assert.match(learned.book, /join<1>/);
  assert.match(learned.book, /overflow/);
});

test("a cut at any step and going on gives the same book as no cut", async () => {
  const whole = await learn(inventedOracle(tiny));
  for (const at of [0, 3, whole.kept.length - 2]) {
    const from = whole.kept[at]!.checkpoint;
    const { learned } = await learn(inventedOracle(tiny), 1e9, from);
    assert.equal(learned.book, whole.learned.book, `cut after step ${at}`);
  }
});

test("a learner that is killed and goes on writes the same rulebook", async () => {
  const few = { ...tiny, instructions: tiny.instructions.filter((i) => ["and", "addi", "bz"].includes(i.name)) };
  const { machine, options } = inventedStub(few);
  const stub = await serveStub(machine, options);
  const folder = mkdtempSync(join(tmpdir(), "sage-killed-"));
  try {
    const whole = await learnKilled(stub.port, join(folder, "whole.rules"), []);
    const cut = await learnKilled(stub.port, join(folder, "cut.rules"), ["saved"]);
    assert.equal(cut.kills, 1);
    assert.match(whole.book, /rs2?_\d+ & rs2?_\d+/);
    assert.equal(cut.book, whole.book);
  } finally {
    stub.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the same through a GDB stub", async () => {
  const { machine, options } = inventedStub(tiny);
  const stub = await serveStub(machine, options);
  const oracle = await gdbOracle(await tcpLink("127.0.0.1", stub.port, 5000), { name: "gdb:tiny" });
  try {
    const { learned } = await learn(oracle, 8);
    const book = loadIsaBook(learned.book);
    const { decoded, matched } = await coverage(oracle, book, { words: 30, seed: 5 });
    assert.ok(decoded >= 4, `${decoded} of 30 decoded`);
    assert.ok(matched >= decoded - 1, `${matched} of ${decoded} matched`);
  } finally {
    await oracle.close();
    stub.close();
  }
});
