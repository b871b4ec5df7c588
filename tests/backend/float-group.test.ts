import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { IMPORTS } from "../../src/backend/wasm/abi.ts";
import { floatImport } from "../../src/backend/wasm/floatcall.ts";
import { relaxedMaddIsFused } from "../../src/backend/wasm/probe.ts";
import { compileRegions } from "../../src/backend/wasm/region.ts";
import { Code } from "../../src/engine/code.ts";
import { Machine } from "../../src/engine/machine.ts";
import { CTL_EXIT, CTL_FUEL, Exit, engineMemory, PROT_EXEC, PROT_READ, PROT_WRITE } from "../../src/memory/layout.ts";
import { GuestMemory } from "../../src/memory/memory.ts";
import type { IsaBook } from "../../src/rules/book.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { Random } from "../isa/oracle/random.ts";

// Float ops that depend on each other, tested together (float-group.ts, exact-group.ts), against the evaluator: results,
// flags and memory, on numbers for which a test that asks too little would let a flag go.

const path = new URL("../../rulebooks/isa/riscv64.rules", import.meta.url);
const book: IsaBook = loadIsaBook(readFileSync(path, "utf8"), { file: "riscv64.rules" });

const CODE = 0x20000;
const DATA = 0x30000;
const engine = engineMemory();
const memory = new GuestMemory(engine);
memory.map(CODE, 0x4000, PROT_READ | PROT_WRITE | PROT_EXEC);
memory.map(DATA, 0x4000, PROT_READ | PROT_WRITE);
const machine = new Machine(book, engine, memory, () => [0n], null);
const words = new Int32Array(engine.buffer);
const fflags = book.slot("fflags")!;

// Exact together, or by their last bit not; products whose error, or all of which, is below the least number.
const EXACT = [0, -0, 1, -1, 2, 3, -5, 0.25, 1.5, 7, 2 ** 26, 2 ** 27 + 1, 1024];
const ROUNDED = [0.1, 1 / 3, 1 + 2 ** -52, 1 - 2 ** -53, 2 ** 53 + 2, 2 ** 27 + 2 ** -25, 1e16, 2 ** -60, -(2 ** -70)];
const SMALL = [2 ** -449, 2 ** -450, 2 ** -451, 3 * 2 ** -500, 2 ** -511, 2 ** -512, 2 ** -537, 1.5 * 2 ** -538];
const TINY = [2 ** -540, 2 ** -968, 2 ** -1000, 2 ** -1022, 1.5 * 2 ** -1022, 5e-324, -5e-324, 2 ** -1050];
const LARGE = [2 ** 500, 2 ** 512, 1e300, 2 ** 1023, Number.MAX_VALUE, Infinity, -Infinity, NaN];
const view = new DataView(new ArrayBuffer(8));

function bits(random: Random, kind: number): bigint {
  const from = [EXACT, EXACT, ROUNDED, SMALL, TINY, LARGE][random.below(kind)]!;
  const number = from[random.below(from.length)]!;
  if (random.below(12) === 0) {
    view.setUint32(4, 0xffffffff, true);
    view.setFloat32(0, number, true);
  } else view.setFloat64(0, number, true);
  // A signalling NaN.
  if (random.below(60) === 0) view.setBigUint64(0, 0x7ff0000000000001n, true);
  return view.getBigUint64(0, true);
}

function fill(seed: number, inexact: boolean): void {
  const random = new Random(seed);
  const kind = 2 + random.below(5);
  for (let i = 0; i < 6; i++) machine.state.setBig(book.slot(`fa${i}`)!, bits(random, kind));
  for (let i = 0; i < 8; i++)
    memory.write(DATA + 8 * i, new Uint8Array(new BigUint64Array([bits(random, kind)]).buffer));
  machine.state.setBig(fflags, inexact ? BigInt(1 | random.below(32)) : BigInt(random.below(2) * 16));
  machine.state.setBig(book.slot("frm")!, 0n);
  machine.state.setBig(book.slot("s0")!, BigInt(DATA));
  for (const name of ["a0", "a1"]) machine.state.setBig(book.slot(name)!, 0n);
}

const snapshot = (): string[] => [
  ...book.slots.map((slot, i) => `${slot.name}=${machine.state.getBig(i).toString(16)}`),
  Buffer.from(memory.read(DATA, 64)).toString("hex"),
];

function text(random: Random): string {
  const f = (): string => `fa${random.below(6)}`;
  const x = (): string => `a${random.below(2)}`;
  const w = random.below(10) === 0 ? "s" : "d";
  switch (random.below(16)) {
    case 0:
      return `f${["eq", "lt", "le"][random.below(3)]}.${w} ${x()}, ${f()}, ${f()}`;
    case 1:
      return `fsgnj${["", "n", "x"][random.below(3)]}.${w} ${f()}, ${f()}, ${f()}`;
    case 2:
      return `f${["neg", "abs"][random.below(2)]}.${w} ${f()}, ${f()}`;
    case 3:
      return `fld ${f()}, ${8 * random.below(8)}(s0)`;
    case 4:
      return `fsd ${f()}, ${8 * random.below(8)}(s0)`;
    case 5:
      return random.below(2) ? `frflags ${x()}` : `fsflags ${x()}`;
    case 6:
      return `fsqrt.${w} ${f()}, ${f()}`;
    case 7:
      return random.below(2) ? `fcvt.d.w ${f()}, ${x()}` : `fcvt.w.d ${x()}, ${f()}`;
    case 8:
    case 9:
    case 10:
      return `${["fmadd", "fmsub", "fnmsub", "fnmadd"][random.below(4)]}.${w} ${f()}, ${f()}, ${f()}, ${f()}`;
    default:
      return `${["fadd", "fsub", "fmul", "fmul", "fdiv"][random.below(5)]}.${w} ${f()}, ${f()}, ${f()}`;
  }
}

function place(code: readonly string[]): void {
  let at = CODE;
  for (const line of [...code, "ebreak"]) {
    const bytes = book.assemble(line, at);
    memory.poke(at, bytes);
    at += bytes.length;
  }
}

/** Compiled as where NX was set, or not; run where it is, or is not. */
function check(code: readonly string[], seeds: readonly number[], fused: boolean): void {
  place(code);
  for (const compiled of [0, 1]) {
    const read = new Code(book, memory);
    const source = {
      inst: (pc: number) => read.inst(pc),
      constant: (address: number, size: number) => read.constant(address, size),
      guess: () => compiled,
    };
    const regions = compileRegions(book, source, [CODE], { fused });
    assert.ok(regions, "compiles");
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(regions.bytes), {
      [IMPORTS]: { engine, guest: memory.wasm, float: floatImport(engine) },
    });
    for (const seed of seeds) {
      const inexact = seed % 3 === 0;
      fill(seed, inexact);
      machine.pc = CODE;
      for (let i = 0; i <= code.length && machine.run(1).k === "fuel"; i++);
      const want = snapshot();
      fill(seed, inexact);
      words[CTL_FUEL >> 2] = 1000;
      (exports[CODE.toString(16)] as () => void)();
      assert.equal(words[CTL_EXIT >> 2], Exit.Trap);
      const differ = snapshot().flatMap((got, i) => (got === want[i] ? [] : [`${got} want ${want[i]}`]));
      assert.deepEqual(differ, [], `seed ${seed}, NX ${compiled} when compiled\n${code.join("\n")}`);
    }
  }
}

const RUNS = Number(process.env.FLOAT_RUNS ?? 120);
const FIRST = Number(process.env.FLOAT_SEED ?? 1);

test("blocks of float ops give the evaluator's results and flags", () => {
  for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
    const random = new Random(seed);
    const code = Array.from({ length: 1 + random.below(24) }, () => text(random));
    const seeds = Array.from({ length: 12 }, (_, i) => seed * 1000 + i);
    check(code, seeds, seed % 4 !== 0 && relaxedMaddIsFused());
  }
});

// Each alone on all pairs: what one test lets through nothing else finds.
test("one float op on each pair of numbers gives the evaluator's result and flags", () => {
  const numbers = [...EXACT, ...ROUNDED, ...SMALL, ...TINY, ...LARGE];
  const put = (at: number, number: number): void => {
    view.setFloat64(0, number, true);
    machine.state.setBig(book.slot(`fa${at}`)!, view.getBigUint64(0, true));
  };
  for (const line of ["fadd.d", "fsub.d", "fmul.d", "fdiv.d", "fmadd.d", "fnmsub.d"]) {
    const code = [`${line} fa3, fa0, fa1${line.length > 6 ? ", fa2" : ""}`];
    place(code);
    for (const compiled of [0, 1]) {
      const read = new Code(book, memory);
      const regions = compileRegions(
        book,
        { inst: (pc) => read.inst(pc), constant: (a, n) => read.constant(a, n), guess: () => compiled },
        [CODE],
        { fused: relaxedMaddIsFused() },
      );
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(regions!.bytes), {
        [IMPORTS]: { engine, guest: memory.wasm, float: floatImport(engine) },
      });
      for (const a of numbers)
        for (const b of numbers) {
          // A third that the product may vanish in, be exact with, or cancel.
          const thirds = line.length > 6 ? [0, 1, -a * b, a] : [0];
          for (const c of thirds) {
            const states: string[] = [];
            for (const run of [0, 1]) {
              put(0, a);
              put(1, b);
              put(2, c);
              machine.state.setBig(fflags, BigInt(compiled));
              if (run === 0) {
                machine.pc = CODE;
                machine.run(1);
              } else {
                words[CTL_FUEL >> 2] = 1000;
                (exports[CODE.toString(16)] as () => void)();
              }
              const result = machine.state.getBig(book.slot("fa3")!).toString(16);
              states.push(`${result} flags ${machine.state.getBig(fflags)}`);
            }
            assert.equal(states[1], states[0], `${line} of ${a}, ${b}, ${c}`);
          }
        }
    }
  }
});
