import { AccessFault, evalInst, type Machine, type Outcome } from "../../../src/ir/eval.ts";
import type { Inst } from "../../../src/ir/node.ts";
import type { IsaBook } from "../../../src/rules/book.ts";
import * as R from "./record.ts";

/** Linux's answer to the system call number that the tests' states hold in a7. */
const ENOSYS = 38n;
const A0 = R.X + 10;
/** More than this many instructions in one case is a loop. */
const STEPS = 64;
const SIGNALS: Readonly<Record<string, bigint>> = {
  illegal: R.SIGILL,
  breakpoint: R.SIGTRAP,
  misaligned: R.SIGBUS,
};

/** The reference meaning: decoder, lifter and evaluator of the book. */
export function evaluator(book: IsaBook): R.Engine {
  const places = book.slots.map((slot) => placeOf(slot.name));
  return {
    name: "evaluator",
    run: (groups) => {
      for (const { code, records } of groups) {
        const lifted = new Map<number, Inst | null>();
        const at = (pc: number): Inst | null => {
          let inst = lifted.get(pc);
          if (inst === undefined) {
            const decoded = book.decode(code, pc - R.CODE);
            lifted.set(pc, (inst = decoded && book.lift(decoded, pc)));
          }
          return inst;
        };
        for (let i = 0; i < records.length; i += R.RECORD) {
          const record = records.subarray(i, i + R.RECORD);
          const end = runCase(at, record, places, code.length);
          record[R.PC] = end.pc;
          record[R.SIGNAL] = end.signal;
          record[R.ADDRESS] = end.address;
        }
      }
    },
  };
}

/** Where a slot lives in a record: word, lowest bit and width. null: only in the machine (hidden state). */
type Place = { readonly word: number; readonly lo: bigint; readonly w: number } | null;
function placeOf(name: string): Place {
  const register = /^([XF])\[(\d+)\]$/.exec(name);
  if (register) return { word: (register[1] === "X" ? R.X : R.F) + Number(register[2]), lo: 0n, w: 64 };
  if (name === "fflags") return { word: R.FCSR, lo: 0n, w: 5 };
  if (name === "frm") return { word: R.FCSR, lo: 5n, w: 3 };
  return null;
}

/** Number of the record's word that shows a slot; undefined for hidden state. */
export function wordOf(slotName: string): number | undefined {
  return placeOf(slotName)?.word;
}

/** How a case ended: where, with which signal, at what address. */
interface End {
  readonly pc: bigint;
  readonly signal: bigint;
  readonly address: bigint;
}

function runCase(at: (pc: number) => Inst | null, record: BigUint64Array, places: readonly Place[], size: number): End {
  const machine = new RecordMachine(record, places);
  let pc = R.CODE;
  const end = (signal: bigint, address = 0n): End => ({ pc: BigInt(pc), signal, address });
  for (let step = 0; pc >= R.CODE && pc < R.CODE + size; step++) {
    if (step === STEPS) throw new Error("the case loops");
    const inst = at(pc);
    if (inst === null) return end(R.SIGILL);
    const outcome = outcomeOf(inst, machine);
    if (outcome instanceof AccessFault) return end(R.SIGSEGV, outcome.address);
    if (outcome.k === "unknown") throw new Error(`${inst.row} is not known: ${outcome.name}`);
    if (outcome.k === "trap") return end(SIGNALS[outcome.name]);
    if (outcome.k === "jump") {
      const { target } = outcome;
      const within = target >= BigInt(R.CODE - R.REACH) && target < BigInt(R.CODE + R.REACH);
      if (!within) return { pc: target, signal: R.SIGSEGV, address: target };
      pc = Number(target);
      continue;
    }
    if (outcome.k === "stop" && outcome.name === "syscall") record[A0] = BigInt.asUintN(64, -ENOSYS);
    pc += inst.length;
  }
  return end(R.SIGTRAP);
}

function outcomeOf(inst: Inst, machine: Machine): Outcome | AccessFault {
  try {
    return evalInst(inst, machine);
  } catch (error) {
    if (error instanceof AccessFault) return error;
    throw error;
  }
}

/** A record as the evaluator's machine. */
class RecordMachine implements Machine {
  private readonly record: BigUint64Array;
  private readonly places: readonly Place[];
  private readonly hidden = new Map<number, bigint>();
  private readonly bytes: DataView;

  constructor(record: BigUint64Array, places: readonly Place[]) {
    this.record = record;
    this.places = places;
    this.bytes = new DataView(record.buffer, record.byteOffset + R.MEMORY * 8, R.WINDOW);
  }

  getSlot(slot: number): bigint {
    const place = this.places[slot];
    if (!place) return this.hidden.get(slot) ?? 0n;
    return BigInt.asUintN(place.w, this.record[place.word] >> place.lo);
  }

  setSlot(slot: number, value: bigint): void {
    const place = this.places[slot];
    if (!place) {
      this.hidden.set(slot, value);
      return;
    }
    const mask = ((1n << BigInt(place.w)) - 1n) << place.lo;
    this.record[place.word] = (this.record[place.word] & ~mask) | (value << place.lo);
  }

  load(addr: bigint, w: number): bigint {
    const at = this.offset(addr, w, 1);
    let value = 0n;
    for (let i = w / 8 - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes.getUint8(at + i));
    return value;
  }

  store(addr: bigint, w: number, value: bigint): void {
    const at = this.offset(addr, w, 2);
    for (let i = 0; i < w / 8; i++) this.bytes.setUint8(at + i, Number((value >> BigInt(8 * i)) & 255n));
  }

  rmw(addr: bigint, w: number, change: (old: bigint) => bigint): bigint {
    this.offset(addr, w, 3);
    const old = this.load(addr, w);
    this.store(addr, w, change(old));
    return old;
  }

  probe(addr: bigint, w: number): void {
    this.offset(addr, w, 2);
  }

  /** Answers are not compared, only that they were given. */
  ask(): readonly bigint[] {
    return [0n];
  }

  private offset(addr: bigint, w: number, access: number): number {
    const end = addr + BigInt(w / 8);
    const page = BigInt(R.DATA);
    if (addr >= BigInt(R.WINDOW_AT) && end <= page + BigInt(R.PAGE)) return Number(addr - BigInt(R.WINDOW_AT));
    if (addr < page || addr >= page + BigInt(R.PAGE)) throw new AccessFault(addr, access);
    if (end > page + BigInt(R.PAGE)) throw new AccessFault(page + BigInt(R.PAGE), access);
    throw new Error(`the case accesses 0x${addr.toString(16)}, which records do not hold`);
  }
}
