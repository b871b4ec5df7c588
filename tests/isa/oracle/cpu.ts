import type { Cpu, Stop } from "../../../src/engine/cpu.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../../src/memory/layout.ts";
import * as R from "./record.ts";

/** Fuel for one case, which has at most a few instructions. */
const FUEL = 1000;
const ENOSYS = 38;

/**
 * A tier of the engine as an engine of the tests. The cpu must find faults precisely (the checked variant); its
 * memory is empty at first.
 */
export function cpuEngine(name: string, cpu: Cpu): R.Engine {
  const { memory } = cpu;
  memory.map(R.CODE - R.REACH, 2 * R.REACH, PROT_READ | PROT_EXEC);
  memory.poke(R.CODE - R.REACH, new Uint8Array(new Uint16Array(R.REACH).fill(EBREAK16).buffer));
  memory.map(R.DATA, R.PAGE, PROT_READ | PROT_WRITE);
  return {
    name,
    run: (groups) => {
      for (const { code, records } of groups) {
        const slot = new Uint8Array(new Uint16Array(CODE_MAX / 2).fill(EBREAK16).buffer);
        slot.set(code);
        memory.poke(R.CODE, slot);
        for (let i = 0; i < records.length; i += R.RECORD) runCase(cpu, records.subarray(i, i + R.RECORD), code.length);
      }
    },
  };
}

const EBREAK16 = 0x9002;
const CODE_MAX = 32;

function runCase(cpu: Cpu, record: BigUint64Array, size: number): void {
  const window = new Uint8Array(record.buffer, record.byteOffset + R.MEMORY * 8, R.WINDOW);
  cpu.memory.poke(R.WINDOW_AT, window);
  load(cpu, record);
  cpu.pc = R.CODE;
  let stop = cpu.run(FUEL);
  while (stop.k === "syscall") {
    cpu.set(cpu.slot("a0"), -ENOSYS, -1);
    stop = cpu.run(FUEL);
  }
  save(cpu, record);
  window.set(cpu.memory.read(R.WINDOW_AT, R.WINDOW));
  record[R.PC] = BigInt(cpu.pc);
  record[R.SIGNAL] = signalOf(stop, cpu.pc - R.CODE, size);
  record[R.ADDRESS] = stop.k === "fault" ? stop.address : 0n;
}

/** Slot numbers by name, once a cpu: names are looked up case after case. */
const slotsOf = new WeakMap<Cpu, { readonly x: number[]; readonly f: number[]; readonly hidden: number[] }>();
function slots(cpu: Cpu): { readonly x: number[]; readonly f: number[]; readonly hidden: number[] } {
  let known = slotsOf.get(cpu);
  if (!known) {
    const file = (letter: string): number[] => Array.from({ length: 32 }, (_, i) => cpu.slot(`${letter}[${i}]`));
    const hidden = cpu.slots.flatMap((slot, i) => (slot.hidden ? [i] : []));
    slotsOf.set(cpu, (known = { x: file("X"), f: file("F"), hidden }));
  }
  return known;
}

function load(cpu: Cpu, record: BigUint64Array): void {
  const words = new Int32Array(record.buffer, record.byteOffset, R.RECORD * 2);
  const { x, f, hidden } = slots(cpu);
  for (let i = 1; i < 32; i++) cpu.set(x[i], words[2 * (R.X + i)], words[2 * (R.X + i) + 1]);
  for (let i = 0; i < 32; i++) cpu.set(f[i], words[2 * (R.F + i)], words[2 * (R.F + i) + 1]);
  const fcsr = words[2 * R.FCSR];
  cpu.set(cpu.slot("fflags"), fcsr & 31, 0);
  cpu.set(cpu.slot("frm"), (fcsr >> 5) & 7, 0);
  for (const slot of hidden) cpu.set(slot, 0, 0);
}

function save(cpu: Cpu, record: BigUint64Array): void {
  const words = new Int32Array(record.buffer, record.byteOffset, R.RECORD * 2);
  const { x, f } = slots(cpu);
  const put = (word: number, slot: number): void => {
    words[2 * word] = cpu.lo(slot);
    words[2 * word + 1] = cpu.hi(slot);
  };
  for (let i = 1; i < 32; i++) put(R.X + i, x[i]);
  for (let i = 0; i < 32; i++) put(R.F + i, f[i]);
  record[R.FCSR] = BigInt((cpu.lo(cpu.slot("frm")) << 5) | cpu.lo(cpu.slot("fflags")));
}

function signalOf(stop: Stop, offset: number, size: number): bigint {
  if (stop.k === "illegal") return R.SIGILL;
  if (stop.k === "fault") return R.SIGSEGV;
  if (stop.k === "trap") {
    if (stop.name === "breakpoint") return R.SIGTRAP;
    if (stop.name === "misaligned") return R.SIGBUS;
    if (stop.name === "illegal") return R.SIGILL;
  }
  throw new Error(`the cpu stopped for ${stop.k}, ${offset} bytes into ${size} of code`);
}
