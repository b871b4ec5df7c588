import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import type { Stop } from "../../src/engine/cpu.ts";
import { createMachine } from "../../src/engine/create.ts";
import type { Machine } from "../../src/engine/machine.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../src/memory/layout.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { randomSource, wordsOfRows } from "./interp-rows.ts";

const SEED = Number(process.env.SEED ?? 3);
const STREAMS = Number(process.env.STREAMS ?? 400);
const CODE = 0x80000000;
const DATA = 0x200000;
const DATA_SIZE = 0x4000;

const book = loadIsaBook(readFileSync(new URL("../../rulebooks/isa/riscv64.rules", import.meta.url), "utf8"));

function make(engine: "interp" | "eval"): Machine {
  const interpreter = engine === "eval" ? null : new WebAssembly.Module(interpreterBytes(book));
  const machine = createMachine(
    { book, interpreter },
    { engine, strict: false, threshold: 10, ask: () => [0n], memory: 1 << 24 },
  );
  machine.memory.map(CODE, 0x2000, PROT_READ | PROT_EXEC);
  machine.memory.map(DATA, DATA_SIZE, PROT_READ | PROT_WRITE);
  return machine;
}

/**
 * How it ended. Addresses by the page of the last byte, as they differ in whether they name the access or its first
 * forbidden byte; what lies above 2^53 was rounded on its way, to 0 at the very top.
 */
function ending(machine: Machine, stop: Stop): string {
  const wild = (address: number): boolean => address === 0 || address > 2 ** 52;
  const pc = wild(machine.pc) ? "wild" : machine.pc.toString(16);
  if (stop.k !== "fault") return `${stop.k} at ${pc}`;
  const page = wild(Number(stop.address)) ? "wild" : ((stop.address + 7n) >> 12n).toString(16);
  return `fault ${page} ${stop.access & 2 ? 2 : stop.access} at ${pc}`;
}

test(`random streams of instructions end the same on the interpreter and the evaluator`, () => {
  const random = randomSource(SEED);
  const words = [...wordsOfRows(book, random, 20).values()];
  const machines = [make("interp"), make("eval")];
  let compared = 0;
  for (let i = 0; i < STREAMS; i++) {
    const code: number[] = [];
    while (code.length < 200) {
      const list = words[random() % words.length];
      if (random() % 20 === 0) code.push(random() & 255, random() & 255);
      else code.push(...list[random() % list.length]);
    }
    const fill = random();
    const values = book.slots.map((slot): [number, number] => {
      if (slot.w < 64) return [random() & (2 ** slot.w - 1), 0];
      const address = random() % 4 ? DATA + (random() % DATA_SIZE) : CODE + (random() % 256);
      return [random() % 3 ? address : random() | 0, random() % 5 ? 0 : random() | 0];
    });
    const ends = machines.map((machine, which) => {
      machine.memory.poke(CODE, Uint8Array.from(code));
      machine.memory.poke(DATA, new Uint8Array(DATA_SIZE).fill(fill));
      for (const [slot, [lo, hi]] of values.entries()) machine.set(slot, lo, hi);
      machine.pc = CODE;
      // Fuel is a loop for the one and an instruction for the other: what runs longer is not compared.
      const stop = machine.run(which === 0 ? 50 : 400);
      return stop.k === "fuel" ? "fuel" : ending(machine, stop);
    });
    if (ends.includes("fuel")) continue;
    compared++;
    const hex = Buffer.from(code).toString("hex");
    assert.equal(ends[0], ends[1], hex);
    assert.deepEqual(machines[0].save(), machines[1].save(), hex);
    const [a, b] = machines.map((machine) => machine.memory.view(DATA, DATA_SIZE));
    assert.ok(Buffer.compare(a, b) === 0, hex);
  }
  assert.ok(compared > STREAMS / 2);
});
