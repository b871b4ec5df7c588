// The committed samples: SAGE on every engine prints what the reference prints, no root needed.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { GUESTS, REPOSITORY, sampleOf } from "../guests.ts";
import { ENGINES, type Input, run, sage } from "./command.ts";

interface SampleCase extends Input {
  readonly sample: string;
  readonly args?: readonly string[];
  /** SAGE options that grant what the sample needs. */
  readonly grants?: readonly string[];
}

const CASES: readonly SampleCase[] = [
  { sample: "hello" },
  { sample: "echo", args: ["one", "two words", ""] },
  { sample: "echo", env: { ONE: "a value" }, grants: ["--allow-env=ONE"] },
  { sample: "cat", stdin: "from standard input\n".repeat(1000) },
  {
    sample: "cat",
    args: [join(REPOSITORY, "samples/README.md")],
    grants: [`--allow-read=${join(REPOSITORY, "samples")}`],
  },
  { sample: "cat", args: ["/nowhere/at/all"], grants: ["--allow-read"] },
  { sample: "recursion" },
  { sample: "interpreter" },
  { sample: "interpreter", args: ["20000"] },
  { sample: "floats" },
  { sample: "fenv" },
  { sample: "faults" },
  { sample: "crash", args: ["exit-77"] },
  { sample: "crash" },
];

for (const guest of GUESTS) {
  const missing = guest.qemu === null || existsSync(guest.qemu) ? false : `no ${guest.qemu} (scripts/test-tools.sh)`;
  if (missing && process.env.CI === "true") throw new Error(missing);
  for (const { sample, args = [], grants = [], ...input } of CASES) {
    const program = [sampleOf(sample, guest), ...args];
    test(`${guest.isa}: sample ${sample} ${args.join(" ")}`, { skip: missing }, async (t) => {
      const expected = await run(guest.qemu === null ? program : [guest.qemu, ...program], input);
      for (const engine of ENGINES) {
        await t.test(engine, async () => {
          const got = await sage(["--engine", engine, ...grants], program, input);
          const told = got.stderr.toString().slice(0, 1000);
          assert.equal(got.stdout.toString("latin1"), expected.stdout.toString("latin1"), told);
          assert.equal(got.code, expected.code, told);
        });
      }
    });
  }
}
