import type { Cpu, Stop } from "../../../src/engine/cpu.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../../src/memory/layout.ts";
import type { IsaBook } from "../../../src/rules/book.ts";
import { machines, SIGNALS } from "./evaluator.ts";
import * as R from "./record.ts";

/** A case's instruction may repeat some times. */
const FUEL = 2000;

/** Runs records on a tier of the engine, which must find faults where they happen. Its memory is empty at first. */
export function engine(book: IsaBook, cpu: Cpu): (record: Uint8Array) => void {
  const { memory } = cpu;
  const machineOf = machines(book);
  memory.map(R.CODE, R.PAGE, PROT_READ | PROT_EXEC);
  memory.map(R.DATA, R.PAGE, PROT_READ | PROT_WRITE);
  memory.poke(R.CODE, new Uint8Array(R.PAGE).fill(0xcc));
  let code = "";
  return (record) => {
    const bytes = record.slice(0, R.CODE_BYTES);
    // The same code again is what makes it hot.
    if (bytes.toString() !== code) memory.poke(R.CODE, bytes);
    code = bytes.toString();
    const window = record.subarray(R.MEMORY * 8, R.MEMORY * 8 + R.WINDOW);
    memory.poke(R.WINDOW_AT, window);
    const machine = machineOf(record);
    const state = cpu.save();
    const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
    book.slots.forEach((slot, i) => {
      let rest = machine.getSlot(i);
      for (let at = 0; at < Math.max(2, (slot.w + 31) >> 5); at++, rest >>= 32n)
        view.setUint32(slot.offset + 4 * at, Number(BigInt.asUintN(32, rest)), true);
    });
    cpu.restore(state);
    cpu.pc = R.CODE;
    const stop = cpu.run(FUEL);
    const after = new DataView(cpu.save().slice().buffer);
    book.slots.forEach((slot, i) => {
      let value = 0n;
      for (let at = (slot.w + 31) >> 5; at-- > 0; )
        value = (value << 32n) | BigInt(after.getUint32(slot.offset + 4 * at, true));
      machine.setSlot(i, value);
    });
    machine.end();
    window.set(memory.read(R.WINDOW_AT, R.WINDOW));
    finish(record, stop, cpu.pc);
  };
}

function finish(record: Uint8Array, stop: Stop, pc: number): void {
  const words = new BigUint64Array(record.buffer, record.byteOffset, R.RECORD);
  const breakpoint = stop.k === "trap" && stop.name === "breakpoint";
  words[R.PC] = BigInt(breakpoint ? pc + 1 : pc);
  words[R.ADDRESS] = stop.k === "fault" ? stop.address : 0n;
  if (stop.k === "fault") words[R.SIGNAL] = R.SIGSEGV;
  else if (stop.k === "illegal") words[R.SIGNAL] = R.SIGILL;
  else if (stop.k === "trap") words[R.SIGNAL] = SIGNALS[stop.name] ?? 0n;
  else throw new Error(`the cpu stopped for ${stop.k}`);
}
