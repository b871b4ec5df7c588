import assert from "node:assert/strict";
import test from "node:test";
import { batchOracle } from "../../src/oracle/node/batch.ts";
import { HUNG, type Oracle, OracleError } from "../../src/oracle/oracle.ts";
import { needs } from "../isa/tools.ts";
import { coded, conform, type Sample } from "./conformance.ts";

const word = (...codes: number[]): Uint8Array =>
  Uint8Array.from(codes.flatMap((c) => [c, c >>> 8, c >>> 16, c >>> 24]));
const hex = (text: string): Uint8Array => Uint8Array.from(text.split(" "), (b) => Number.parseInt(b, 16));

const SAMPLES: Readonly<Record<string, Sample & { readonly loop: Uint8Array }>> = {
  riscv64: {
    add: { code: word(0x00c58533), d: "a0", a: "a1", b: "a2" },
    flags: [],
    illegal: word(0),
    load: { code: word(0x0005b503), value: "a0", base: "a1", bytes: 8 },
    store: { code: word(0x00c5a023), value: "a2", base: "a1", bytes: 4 },
    nowhere: 0x30000000n,
    jump: { code: word(0x1000006f), by: 0x100 },
    loop: word(0x0000006f),
  },
  aarch64: {
    add: { code: word(0x8b020020), d: "x0", a: "x1", b: "x2" },
    flags: [],
    illegal: word(0),
    load: { code: word(0xf9400020), value: "x0", base: "x1", bytes: 8 },
    store: { code: word(0xb9000022), value: "x2", base: "x1", bytes: 4 },
    nowhere: 0x30000000n,
    jump: { code: word(0x14000040), by: 0x100 },
    loop: word(0x14000000),
  },
  x86_64: {
    add: { code: hex("4c 8d 04 0b"), d: "r8", a: "rbx", b: "rcx" },
    flags: [],
    illegal: hex("0f 0b"),
    load: { code: hex("48 8b 03"), value: "rax", base: "rbx", bytes: 8 },
    store: { code: hex("89 0b"), value: "rcx", base: "rbx", bytes: 4 },
    nowhere: 0x30000000n,
    jump: { code: hex("e9 fb 00 00 00"), by: 0x100 },
    loop: hex("eb fe"),
  },
};

function open(isa: string, on: "qemu" | "host"): Oracle | string {
  try {
    return batchOracle(isa, { on });
  } catch (error) {
    if (error instanceof OracleError) return error.message;
    throw error;
  }
}

for (const [isa, on] of [
  ["riscv64", "qemu"],
  ["aarch64", "qemu"],
  ["x86_64", "qemu"],
  ["x86_64", "host"],
] as const) {
  const oracle = open(isa, on);
  const skip =
    on === "host" && process.arch !== "x64" ? { skip: "another CPU" } : needs(typeof oracle !== "string", `${oracle}`);
  test(`batches of ${isa} on ${on}`, skip, async () => {
    if (typeof oracle === "string") return;
    const sample = SAMPLES[isa]!;
    try {
      await conform(oracle, sample);
      await fastAsFramed(oracle, sample);
      const state = new Uint8Array(oracle.machine.recordBytes);
      const hung = await oracle.observe({ count: 1, stride: 0, code: sample.loop, state });
      assert.equal(hung.outcome[0], HUNG);
    } finally {
      await oracle.close();
    }
    await assert.rejects(
      oracle.observe({ count: 1, stride: 0, code: sample.add.code, state: new Uint8Array(oracle.machine.recordBytes) }),
      coded("ORACLE_DIED"),
    );
  });
}

/** Many states of one code take the generated loop; a code a case goes through the signal frame. */
async function fastAsFramed(oracle: Oracle, { add }: Sample): Promise<void> {
  const find = (name: string): number => oracle.machine.fields.findIndex((f) => f.name === name);
  const carry = [add.d, add.a, add.b].map(find);
  const count = 2000;
  const state = new Uint8Array(count * 24).map((_, i) => (i * 2654435761) >>> 13);
  const code = new Uint8Array(count * add.code.length);
  for (let i = 0; i < count; i++) code.set(add.code, i * add.code.length);
  const fast = await oracle.observe({ count, stride: 0, code: add.code, state, carry });
  const framed = await oracle.observe({ count, stride: add.code.length, code, state, carry });
  assert.equal(new Set(fast.at.subarray(8)).size, 1, "it was fast");
  assert.deepEqual(fast.state, framed.state);
  assert.deepEqual(fast.outcome, framed.outcome);
  assert.deepEqual(fast.strayed, framed.strayed);
}

test("an oracle that is not there is a coded error", () => {
  assert.throws(() => batchOracle("pdp11", { on: "qemu" }), coded("ORACLE_MISSING"));
  assert.throws(
    () => batchOracle(process.arch === "x64" ? "riscv64" : "x86_64", { on: "host" }),
    coded("ORACLE_MISSING"),
  );
});
