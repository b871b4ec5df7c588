import type { Cpu, Stop } from "../../../src/engine/cpu.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../../src/memory/layout.ts";
import type { Engine } from "./engines.ts";
import * as R from "./record.ts";

/** Fuel for one case, which has at most a few instructions. */
const FUEL = 1000;
const ENOSYS = 38;
const CODE_MAX = 32;
const BRK = 0xd4200000;

/** A tier of the engine as an engine of the tests. Its memory is empty at first. */
export function cpuEngine(cpu: Cpu): Engine {
  const { memory } = cpu;
  memory.map(R.CODE - R.REACH, 2 * R.REACH, PROT_READ | PROT_EXEC);
  memory.poke(R.CODE - R.REACH, new Uint8Array(new Uint32Array(R.REACH / 2).fill(BRK).buffer));
  memory.map(R.DATA, R.PAGE, PROT_READ | PROT_WRITE);
  const places = cpu.slots.map((slot) => R.placeOf(slot.name));
  return (groups) => {
    for (const { code, records } of groups) {
      const room = new Uint8Array(new Uint32Array(CODE_MAX / 4).fill(BRK).buffer);
      room.set(code);
      memory.poke(R.CODE, room);
      for (let i = 0; i < records.length; i += R.RECORD) runCase(cpu, places, records.subarray(i, i + R.RECORD));
    }
  };
}

function runCase(cpu: Cpu, places: readonly (R.Place | null)[], record: BigUint64Array): void {
  const window = new Uint8Array(record.buffer, record.byteOffset + R.MEMORY * 8, R.WINDOW);
  cpu.memory.poke(R.WINDOW_AT, window);
  load(cpu, places, record);
  cpu.pc = R.CODE;
  let stop = cpu.run(FUEL);
  while (stop.k === "syscall") {
    cpu.set(cpu.slot("x0"), -ENOSYS, -1);
    stop = cpu.run(FUEL);
  }
  save(cpu, places, record);
  window.set(cpu.memory.read(R.WINDOW_AT, R.WINDOW));
  record[R.PC] = BigInt(cpu.pc);
  record[R.SIGNAL] = signalOf(stop);
  record[R.ADDRESS] = stop.k === "fault" ? BigInt.asUintN(64, BigInt.asIntN(56, stop.address)) : 0n;
}

function load(cpu: Cpu, places: readonly (R.Place | null)[], record: BigUint64Array): void {
  const state = cpu.save();
  const view = new DataView(state.buffer, state.byteOffset);
  cpu.slots.forEach((slot, i) => {
    const place = places[i];
    const low = place ? BigInt.asUintN(Math.min(place.w, 64), record[place.word] >> place.lo) : 0n;
    view.setBigUint64(slot.offset, low, true);
    if (slot.w > 64) view.setBigUint64(slot.offset + 8, place ? record[place.word + 1] : 0n, true);
  });
  cpu.restore(state);
}

function save(cpu: Cpu, places: readonly (R.Place | null)[], record: BigUint64Array): void {
  const state = cpu.save();
  const view = new DataView(state.buffer, state.byteOffset);
  cpu.slots.forEach((slot, i) => {
    const place = places[i];
    if (!place) return;
    const low = view.getBigUint64(slot.offset, true);
    const mask = ((1n << BigInt(Math.min(place.w, 64))) - 1n) << place.lo;
    record[place.word] = (record[place.word] & ~mask) | (low << place.lo);
    if (slot.w > 64) record[place.word + 1] = view.getBigUint64(slot.offset + 8, true);
  });
}

function signalOf(stop: Stop): bigint {
  if (stop.k === "illegal") return R.SIGNALS.illegal;
  if (stop.k === "fault") return R.SIGSEGV;
  const signal = stop.k === "trap" ? R.SIGNALS[stop.name] : undefined;
  if (signal === undefined) throw new Error(`the cpu stopped for ${stop.k}`);
  return signal;
}
