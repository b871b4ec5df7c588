import assert from "node:assert/strict";
import test from "node:test";
import { isaParts } from "../../scripts/fuzz/code.ts";
import { StreamCampaign, type StreamFault } from "../../scripts/fuzz/stream-campaign.ts";
import { createMachine } from "../../src/engine/create.ts";
import { HOT_COUNT, HOT_LIST } from "../../src/engine/predecode-layout.ts";
import { openOracle } from "../../src/oracle/node/open.ts";
import { OracleError } from "../../src/oracle/oracle.ts";

const CI = process.env.CI === "true";

for (const isa of ["aarch64", "x86_64"])
  test(`streams of ${isa} end alike on the oracle and every engine`, async (t) => {
    let oracle: Awaited<ReturnType<typeof openOracle>>;
    try {
      oracle = await openOracle(undefined, isa);
      await oracle.observe({ count: 0, stride: 0, code: new Uint8Array(0), state: new Uint8Array(0) });
    } catch (error) {
      if (!(error instanceof OracleError) || CI) throw error;
      t.skip(error.message);
      return;
    }
    t.after(() => oracle.close());
    const found: StreamFault[] = [];
    // Samples alone: the roots are not everywhere
    const campaign = new StreamCampaign(isa, oracle, []);
    await campaign.run(1, 160, (fault) => found.push(fault));
    assert.deepEqual(found, []);
    assert.ok(campaign.tally.compared > 120 && campaign.tally.real > 40, JSON.stringify(campaign.tally));
    assert.ok(campaign.tally.faulted > 20, JSON.stringify(campaign.tally));
  });

test("a lane result that a part which may not run needs too is not given away there", () => {
  // ucvtf v31.2s, v23.2s; ldset x15, x19, [x16] (which may trap); ld4 {v0.16b-v3.16b}, [x15]; brk #0
  const code = Uint8Array.of(255, 218, 33, 46, 19, 50, 47, 248, 224, 1, 64, 76, 0, 0, 32, 212);
  const machine = createMachine(isaParts("aarch64"), {
    ...{ engine: "wasm", strict: false, threshold: 10, memory: 1 << 20, ask: () => [0n] },
  });
  machine.memory.map(0x80000, 4096, 5);
  machine.memory.map(0x90000, 4096, 3);
  machine.memory.poke(0x80000, code);
  const run = (): bigint => {
    machine.state.setBig(machine.slot("X[15]"), 0x90000n);
    machine.state.setBig(machine.slot("X[16]"), 0x90000n);
    machine.state.setBig(machine.slot("V[23]"), 0x1111111122222222n);
    machine.pc = 0x80000;
    assert.equal(machine.run(100).k, "trap");
    return machine.state.getBig(machine.slot("V[31]"));
  };
  assert.equal(run(), 0x4d8888894e088889n);
  const { i32 } = machine.state;
  i32[HOT_COUNT / 4] = 1;
  i32[HOT_LIST / 4] = 0x80000;
  machine.improve();
  assert.equal(machine.stats().regions, 1);
  assert.equal(run(), 0x4d8888894e088889n);
});
