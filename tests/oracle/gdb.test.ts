import assert from "node:assert/strict";
import test from "node:test";
import { gdbOracle } from "../../src/oracle/gdb.ts";
import { tcpLink } from "../../src/oracle/node/tcp.ts";
import type { Oracle } from "../../src/oracle/oracle.ts";
import { coded, conform, type Sample } from "./conformance.ts";
import { oddWord } from "./odd-machine.ts";
import { oddStub } from "./odd-stub.ts";
import { type StubOptions, serveStub } from "./stub.ts";

const sample = (a: string, b: string, c: string, flags?: readonly [string, bigint]): Sample => ({
  add: { code: oddWord("0000 00 01 10"), d: a, a: b, b: c },
  flags: flags?.[0] === "z" ? ["z", "n", "c"] : ["r4"],
  illegal: oddWord("1111"),
  load: { code: oddWord("0011 00 01"), value: a, base: b, bytes: 3 },
  store: { code: oddWord("0100 10 01"), value: c, base: b, bytes: 3 },
  nowhere: 0xff0000n,
  jump: { code: oddWord("0101 00 00 0000000000000101"), by: 15, ...(flags ? { set: flags } : {}) },
});

async function withOdd<T>(extra: Partial<StubOptions>, patience: number, use: (o: Oracle) => Promise<T>): Promise<T> {
  const { machine, options } = oddStub(extra);
  const stub = await serveStub(machine, options);
  try {
    const link = await tcpLink("127.0.0.1", stub.port, 1000);
    const oracle = await gdbOracle(link, { name: `gdb:127.0.0.1:${stub.port}`, patience });
    try {
      return await use(oracle);
    } finally {
      await oracle.close();
    }
  } finally {
    stub.close();
  }
}

test("an odd machine behind a stub that describes it", async () => {
  await withOdd({}, 3000, async (oracle) => {
    const { machine } = oracle;
    assert.equal(machine.littleEndian, false);
    assert.deepEqual(
      machine.fields.map((f) => [f.name, f.bits, f.role]),
      [
        ["a", 24, "integer"],
        ["b", 24, "integer"],
        ["c0", 24, "integer"],
        ["where", 16, "pc"],
        ["z", 1, "flag"],
        ["n", 1, "flag"],
        ["c", 1, "flag"],
        ["u", 1, "flag"],
        ["v", 1, "flag"],
      ],
    );
    await conform(oracle, sample("a", "b", "c0", ["z", 1n]));
  });
});

const kinds: readonly [string, Partial<StubOptions>][] = [
  ["acknowledges packets and repeats nothing", { noAck: false, packs: false }],
  ["forgets what it was sent behind a packet", { forgetful: true }],
  ["knows no X and no P", { only: "q?gGmMsD" }],
  ["knows no G", { only: "q?gpPmMsDQ" }],
];
for (const [what, options] of kinds)
  test(`a stub that ${what}`, async () => {
    await withOdd(options, 3000, (oracle) => conform(oracle, sample("a", "b", "c0", ["z", 1n])));
  });

test("a stub without a description: registers are counted, the program counter is the one that moves", async () => {
  const { options } = oddStub();
  const bare = { sizes: options.sizes, xml: undefined as never };
  await withOdd(bare, 3000, async (oracle) => {
    assert.equal(oracle.machine.fields.find((f) => f.role === "pc")?.name, "r3");
    assert.equal(oracle.machine.fields.find((f) => f.name === "r4")?.bits, 5, "bits that do not stay are no bits");
    await conform(oracle, sample("r0", "r1", "r2", ["r4", 1n]));
  });
});

test("a stub that hangs, dies or answers garbage is a coded error", async () => {
  const state = (oracle: Oracle): Uint8Array => new Uint8Array(200 * oracle.machine.recordBytes);
  const codes = { hang: "ORACLE_HANGS", die: "ORACLE_DIED", garbage: "ORACLE_GARBAGE" } as const;
  for (const kind of ["hang", "die", "garbage"] as const) {
    const spoil = (step: number): typeof kind | undefined => (step === 150 ? kind : undefined);
    await withOdd({ spoil }, 400, async (oracle) => {
      const run = oracle.observe({ count: 200, stride: 0, code: oddWord("0000 00 01 10"), state: state(oracle) });
      await assert.rejects(run, coded(codes[kind]));
      // It stays so
      await assert.rejects(
        oracle.observe({
          count: 1,
          stride: 0,
          code: oddWord("0000"),
          state: state(oracle).slice(0, oracle.machine.recordBytes),
        }),
        coded(codes[kind]),
      );
    });
  }
  await assert.rejects(tcpLink("127.0.0.1", 1, 500), coded("ORACLE_MISSING"));
});
