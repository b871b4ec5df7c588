import { AccessFault, evalInst, type Machine } from "../ir/eval.ts";
import type { Inst } from "../ir/node.ts";
import type { IsaBook } from "../rules/book.ts";
import {
  ASKS,
  type Batch,
  checkBatch,
  type Field,
  HUNG,
  type Layout,
  type Observed,
  type Oracle,
  OracleError,
  type OracleMachine,
  RAN,
  readField,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGSEGV,
  SIGTRAP,
  writeField,
} from "./oracle.ts";

const CODE = 0x4b3d0000n;
const DATA = 0x2b3d5f00n;
const WINDOW = 256;
const CODE_BYTES = 32;
/** More instructions in a case are a loop. */
const STEPS = 64;
const SIGNALS: Readonly<Record<string, number>> = {
  illegal: SIGILL,
  breakpoint: SIGTRAP,
  misaligned: SIGBUS,
  divide: SIGFPE,
  XM: SIGFPE,
};

/**
 * A rulebook itself as an oracle, by the reference evaluator: what learns can be tried without a machine, and two books of
 * one ISA be held against each other.
 */
export function selfOracle(book: IsaBook): Oracle {
  const fields: Field[] = [];
  let at = 0;
  const add = (name: string, bits: number, role: Field["role"]): void => {
    fields.push({ name, bits, at, role, settable: true });
    at += 8 * Math.max(8, Math.ceil(bits / 8));
  };
  const shown: number[] = [];
  book.slots.forEach((slot, i) => {
    if (slot.hidden) return;
    shown.push(i);
    add(slot.name, slot.w, slot.w === 1 ? "flag" : slot.w > 64 ? "vector" : "integer");
  });
  add("pc", 64, "pc");
  const machine: OracleMachine = {
    isa: book.name,
    littleEndian: book.littleEndian,
    codeAlign: book.align,
    codeBytes: CODE_BYTES,
    unitsPerByte: 1 / book.unitBytes,
    fields,
    recordBytes: at / 8,
    code: { address: CODE, size: 4096 },
    data: { address: DATA, size: WINDOW },
    guarded: true,
    steps: true,
    rate: 50_000,
  };
  let closed = false;
  return {
    name: `self:${book.name}`,
    machine,
    observe: async (batch) => {
      const layout = checkBatch(machine, batch);
      if (closed) throw new OracleError("ORACLE_DIED", "the oracle was closed");
      return new SelfBatch(book, machine, shown, batch, layout).run();
    },
    close: async () => {
      closed = true;
    },
  };
}

class SelfBatch {
  private readonly book: IsaBook;
  private readonly machine: OracleMachine;
  private readonly shown: readonly number[];
  private readonly batch: Batch;
  private readonly layout: Layout;
  private readonly memoryBytes: number;

  constructor(book: IsaBook, machine: OracleMachine, shown: readonly number[], batch: Batch, layout: Layout) {
    this.book = book;
    this.machine = machine;
    this.shown = shown;
    this.batch = batch;
    this.layout = layout;
    this.memoryBytes = batch.memory && batch.count > 0 ? batch.memory.length / batch.count : 0;
  }

  run(): Observed {
    const { batch, memoryBytes } = this;
    const n = batch.count;
    const out: Observed = {
      outcome: new Uint8Array(n),
      at: new BigUint64Array(n),
      pc: new BigUint64Array(n),
      fault: new BigUint64Array(n),
      state: batch.state.slice(),
      strayed: new Uint8Array(n),
      memory: batch.memory?.slice() ?? new Uint8Array(0),
    };
    for (let i = 0; i < n; i++) this.case(i, out, new Uint8Array(WINDOW), memoryBytes);
    return out;
  }

  private case(i: number, out: Observed, window: Uint8Array, memoryBytes: number): void {
    const { batch, layout, machine, shown, book } = this;
    const all = batch.stride === 0 ? batch.code : batch.code.subarray(i * batch.stride, (i + 1) * batch.stride);
    const code = batch.lengths ? all.subarray(0, batch.lengths[i]) : all;
    window.set(out.memory.subarray(i * memoryBytes, (i + 1) * memoryBytes));
    const slots = book.slots.map(() => 0n);
    shown.forEach((slot, field) => {
      if (batch.rest) slots[slot] = readField(batch.rest, 0, machine.fields[field]!.at, machine.fields[field]!.bits);
    });
    let at = 0n;
    layout.fields.forEach((field, k) => {
      const v = readField(batch.state, i * layout.bytes, layout.at[k]!, machine.fields[field]!.bits);
      if (field < shown.length) slots[shown[field]!] = v;
      else at = v;
    });
    if (at < CODE || at >= CODE + BigInt(machine.code.size)) at = CODE;
    const before = [...slots];
    const end = this.steps(slots, window, code, at);
    out.outcome[i] = end.outcome;
    out.at[i] = at;
    out.pc[i] = BigInt.asUintN(64, end.pc);
    out.fault[i] = end.fault;
    out.memory.set(window.subarray(0, memoryBytes), i * memoryBytes);
    layout.fields.forEach((field, k) => {
      const v = field < shown.length ? slots[shown[field]!]! : end.pc;
      writeField(out.state, i * layout.bytes, layout.at[k]!, machine.fields[field]!.bits, v);
    });
    const carried = new Set(layout.fields);
    if (shown.some((slot, field) => !carried.has(field) && slots[slot] !== before[slot])) out.strayed[i] = 1;
  }

  private steps(
    slots: bigint[],
    window: Uint8Array,
    code: Uint8Array,
    at: bigint,
  ): { outcome: number; pc: bigint; fault: bigint } {
    const { book, machine, batch } = this;
    let pc = at;
    const most = batch.steps ?? STEPS;
    for (let n = 0; n < most; n++) {
      const offset = Math.round(Number(pc - at) / machine.unitsPerByte);
      if (offset < 0 || offset >= code.length) return { outcome: RAN, pc, fault: 0n };
      const decoded = book.decode(code, offset);
      if (!decoded) return { outcome: SIGILL, pc, fault: 0n };
      const inst = book.lift(decoded, Number(pc));
      const ended = outcomeOf(inst, new Memory(slots, window, book.littleEndian));
      if (ended instanceof AccessFault) return { outcome: SIGSEGV, pc, fault: ended.address };
      if (ended.k === "trap") return { outcome: SIGNALS[ended.name] ?? SIGSEGV, pc, fault: 0n };
      if (ended.k === "unknown") return { outcome: SIGILL, pc, fault: 0n };
      if (ended.k === "stop" && ended.name === "syscall") return { outcome: ASKS, pc, fault: 0n };
      pc = ended.k === "jump" ? ended.target : pc + BigInt(Math.round(decoded.length * machine.unitsPerByte));
    }
    return { outcome: batch.steps === undefined ? HUNG : RAN, pc, fault: 0n };
  }
}

function outcomeOf(inst: Inst, machine: Machine): ReturnType<typeof evalInst> | AccessFault {
  try {
    return evalInst(inst, machine);
  } catch (error) {
    if (error instanceof AccessFault) return error;
    throw error;
  }
}

/** Slots and the data window; nothing else is mapped. */
class Memory implements Machine {
  private readonly slots: bigint[];
  private readonly window: Uint8Array;
  private readonly little: boolean;

  constructor(slots: bigint[], window: Uint8Array, little: boolean) {
    this.slots = slots;
    this.window = window;
    this.little = little;
  }
  getSlot(slot: number): bigint {
    return this.slots[slot]!;
  }
  setSlot(slot: number, value: bigint): void {
    this.slots[slot] = value;
  }
  load(addr: bigint, w: number): bigint {
    const at = this.place(addr, w, 1);
    let v = 0n;
    for (let i = 0, n = w / 8; i < n; i++) v = (v << 8n) | BigInt(this.window[at + (this.little ? n - 1 - i : i)]!);
    return v;
  }
  store(addr: bigint, w: number, value: bigint): void {
    const at = this.place(addr, w, 2);
    for (let i = 0, n = w / 8; i < n; i++)
      this.window[at + (this.little ? i : n - 1 - i)] = Number((value >> BigInt(8 * i)) & 255n);
  }
  rmw(addr: bigint, w: number, change: (old: bigint) => bigint): bigint {
    const old = this.load(addr, w);
    this.store(addr, w, change(old));
    return old;
  }
  probe(addr: bigint, w: number): void {
    this.place(addr, w, 2);
  }
  ask(): readonly bigint[] {
    return [0n, 0n, 0n, 0n];
  }
  private place(addr: bigint, w: number, access: number): number {
    if (addr < DATA || addr >= DATA + BigInt(WINDOW)) throw new AccessFault(addr, access);
    if (addr + BigInt(w / 8) > DATA + BigInt(WINDOW)) throw new AccessFault(DATA + BigInt(WINDOW), access);
    return Number(addr - DATA);
  }
}
