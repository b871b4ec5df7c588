import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { raised } from "../../../src/ir/float/round.ts";
import { floatValue } from "../../../src/ir/float/unit.ts";
import type { FpPolicy } from "../../../src/ir/node.ts";
import { Random } from "../random.ts";
import { argumentsOf, type Case, describe, shapeOf, someCase } from "./cases.ts";

/** A machine whose floating point the reference must equal: how it is built and run, and its policies. */
export interface Oracle {
  readonly name: string;
  readonly build: readonly string[];
  readonly run: readonly string[];
  readonly source: string;
  /** Policy of a case. */
  readonly policy: (c: Case) => FpPolicy;
  readonly formats: readonly number[];
  readonly rms: readonly number[];
}

const riscv: FpPolicy = { name: "riscv", nan: "canonical", toint: "saturate-max", tiny: "after" };
const arm: FpPolicy = { name: "arm", nan: "arm", toint: "zero", tiny: "before" };
const sse: FpPolicy = { name: "sse", nan: "x86", toint: "indefinite", tiny: "after" };
const x87: FpPolicy = { name: "x87", nan: "x87", toint: "indefinite", tiny: "after" };

export const ORACLES: readonly Oracle[] = [
  {
    name: "RISC-V",
    build: ["riscv64-linux-gnu-gcc", "-static"],
    run: ["qemu-riscv64", "-cpu", "rv64,Zfh=true"],
    source: "oracle-riscv64.c",
    policy: () => riscv,
    formats: [0, 1, 2],
    rms: [0, 1, 2, 3, 4],
  },
  {
    name: "Arm",
    build: ["aarch64-linux-gnu-gcc", "-static"],
    run: ["qemu-aarch64", "-cpu", "max"],
    source: "oracle-aarch64.c",
    policy: () => arm,
    formats: [0, 1, 2],
    rms: [0, 1, 2, 3],
  },
  {
    name: "x86",
    build: ["gcc", "-march=native"],
    run: [],
    source: "oracle-x86_64.c",
    policy: (c) => (c.format === 3 ? x87 : sse),
    formats: [0, 1, 2, 3],
    // Rounding mode, and above it DAZ and FTZ (SSE) or the precision (x87): float/unit.ts.
    rms: [0, 1, 2, 3, 8, 16, 17, 18, 19, 24, 26, 32, 33, 34, 35, 64, 65, 66, 67],
  },
];

const runs = (tool: string): boolean => spawnSync(tool, ["--version"]).status === 0;
/** The first tool of the oracle that is not installed; undefined: all are. */
export function missing(o: Oracle): string | undefined {
  if (o.run.length === 0 && process.arch !== "x64") return "an x86-64 processor";
  return [o.build[0], ...o.run.slice(0, 1)].find((tool) => !runs(tool));
}

function pack(cases: readonly Case[]): Uint8Array {
  const out = new DataView(new ArrayBuffer(56 * cases.length));
  for (const [i, c] of cases.entries()) {
    const at = 56 * i;
    for (const [j, byte] of [c.kind, c.format, c.other, c.rm].entries()) out.setUint8(at + j, byte);
    for (const [j, v] of c.v.entries()) {
      out.setBigUint64(at + 8 + 16 * j, BigInt.asUintN(64, v), true);
      out.setBigUint64(at + 16 + 16 * j, v >> 64n, true);
    }
  }
  return new Uint8Array(out.buffer);
}

/** Differences between the reference and the oracle over `count` random cases; how many cases the oracle knew. */
export function compare(o: Oracle, seed: number, count: number): { known: number; wrong: string[] } {
  const folder = mkdtempSync(join(tmpdir(), "sage-float-"));
  try {
    const program = join(folder, "oracle");
    const source = fileURLToPath(new URL(o.source, import.meta.url));
    const built = spawnSync(o.build[0], [...o.build.slice(1), "-O1", "-o", program, source], { encoding: "utf8" });
    if (built.status !== 0) throw new Error(`${o.name}: ${built.stderr}`);
    const r = new Random(seed);
    const cases = Array.from({ length: count }, () => someCase(r, o.formats, o.rms));
    const line = [...o.run, program];
    const ran = spawnSync(line[0], line.slice(1), { input: pack(cases), maxBuffer: 1 << 30, timeout: 120_000 });
    if (ran.status !== 0) throw new Error(`${o.name}: oracle ended with ${ran.status ?? ran.signal}`);
    return check(o, cases, ran.stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function check(o: Oracle, cases: readonly Case[], answers: Buffer): { known: number; wrong: string[] } {
  const wrong: string[] = [];
  let known = 0;
  for (const [i, c] of cases.entries()) {
    const at = 24 * i;
    if (answers.readUInt32LE(at + 20) === 0) continue;
    known++;
    const shape = shapeOf(c, o.policy(c));
    const value = floatValue(shape, argumentsOf(c));
    const flags = raised.flags;
    const raw = answers.readBigUInt64LE(at) | (answers.readBigUInt64LE(at + 8) << 64n);
    const theirs = BigInt.asUintN(shape.w, raw);
    const theirFlags = answers.readUInt32LE(at + 16);
    if (value !== theirs || flags !== theirFlags)
      wrong.push(
        `${describe(c)} = ${value.toString(16)} flags ${flags}, ${o.name}: ${theirs.toString(16)} flags ${theirFlags}`,
      );
  }
  return { known, wrong };
}
