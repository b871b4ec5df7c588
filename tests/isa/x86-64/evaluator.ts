import { AccessFault, evalInst, type Machine } from "../../../src/ir/eval.ts";
import { functionAnswer } from "../../../src/ir/float/functions.ts";
import type { Effect, Node } from "../../../src/ir/node.ts";
import type { IsaBook } from "../../../src/rules/book.ts";
import * as R from "./record.ts";

/** Signals that Linux sends for the book's traps. */
export const SIGNALS: Readonly<Record<string, bigint>> = {
  GP: R.SIGSEGV,
  XM: R.SIGFPE,
  MF: R.SIGFPE,
  divide: R.SIGFPE,
  illegal: R.SIGILL,
  breakpoint: R.SIGTRAP,
};

/** The x87's state, apart from a record: there the registers' order depends on the top. */
class Fpu {
  readonly registers: bigint[] = [];
  readonly held: bigint[] = [];
  readonly c0: bigint;
  readonly c1: bigint;
  readonly c2: bigint;
  readonly c3: bigint;
  readonly top: bigint;
  readonly flags: bigint;
  control: bigint;

  constructor(r: DataView) {
    const status = BigInt(r.getUint16(R.FSW, true));
    const bit = (n: bigint): bigint => (status >> n) & 1n;
    this.top = (status >> 11n) & 7n;
    this.c0 = bit(8n);
    this.c1 = bit(9n);
    this.c2 = bit(10n);
    this.c3 = bit(14n);
    this.flags = status & 127n;
    this.control = BigInt(r.getUint16(R.FCW, true));
    for (let i = 0; i < 8; i++) {
      const n = (Number(this.top) + i) & 7;
      this.registers[n] = wide(r, R.ST + 16 * i) & ((1n << 80n) - 1n);
      this.held[i] = BigInt((r.getUint8(R.FTW) >> i) & 1);
    }
  }

  into(r: DataView): void {
    const pending = this.flags & ~this.control & 63n ? 0x8080n : 0n;
    const conditions = (this.c0 << 8n) | (this.c1 << 9n) | (this.c2 << 10n) | (this.c3 << 14n);
    r.setUint16(R.FSW, Number(pending | conditions | (this.top << 11n) | this.flags), true);
    r.setUint16(R.FCW, Number(this.control), true);
    let tags = 0;
    for (let i = 0; i < 8; i++) {
      setWide(r, R.ST + 16 * i, this.registers[(Number(this.top) + i) & 7]);
      tags |= Number(this.held[i]) << i;
    }
    r.setUint8(R.FTW, tags);
  }
}

interface Place {
  get(r: DataView, f: Fpu): bigint;
  set(r: DataView, v: bigint, f: Fpu): void;
}

const field = (of: (f: Fpu) => bigint[], n: number): Place => ({
  get: (_, f) => of(f)[n],
  set: (_, v, f) => void (of(f)[n] = v),
});
const fpu = (name: "c0" | "c1" | "c2" | "c3" | "top" | "flags"): Place => ({
  get: (_, f) => f[name],
  set: (_, v, f) => void Object.assign(f, { [name]: v }),
});

/** The mode of rounding ops that a control word asks for. */
function fpuMode(control: number): number {
  const precision = [2, 0, 1, 0][(control >> 8) & 3];
  return [0, 2, 3, 1][(control >> 10) & 3] | (precision << 5) | (control & 16 ? 0 : 128);
}

/** Where a record holds a slot of the book; undefined: nowhere. */
function placeOf(name: string): Place | undefined {
  const m = /^([A-Za-z0-9]+)(?:\[(\d+)\])?$/.exec(name);
  const n = Number(m?.[2] ?? 0);
  switch (m?.[1]) {
    case "G":
      return bits((R.G + n) * 8, 64);
    case "V":
      return {
        get: (r) => wide(r, R.XMM + 16 * n) | (wide(r, R.HIGH * 8 + 16 * n) << 128n),
        set: (r, v) => {
          setWide(r, R.XMM + 16 * n, BigInt.asUintN(128, v));
          setWide(r, R.HIGH * 8 + 16 * n, v >> 128n);
        },
      };
    case "R":
      return field((f) => f.registers, n);
    case "held":
      return field((f) => f.held, n);
    case "C0":
    case "C1":
    case "C2":
    case "C3":
      return fpu(`c${name[1]}` as "c0" | "c1" | "c2" | "c3");
    case "top":
      return fpu("top");
    case "xflags":
      return fpu("flags");
    case "xcontrol":
      return { get: (_, f) => f.control ^ 0x37fn, set: (_, v, f) => void (f.control = v ^ 0x37fn) };
    case "xunmasked":
      return { get: (_, f) => ~f.control & 63n, set: () => {} };
    case "xmode":
      return { get: (_, f) => BigInt(fpuMode(Number(f.control))), set: () => {} };
    case "mxcontrol":
      return { get: (r) => BigInt((r.getUint16(R.MXCSR, true) ^ 0x1f80) & 0xffc0), set: part(0xffc0, 0x1f80) };
    case "mxflags":
      return { get: (r) => BigInt(r.getUint16(R.MXCSR, true) & 63), set: part(63, 0) };
    case "mxunmasked":
      return { get: (r) => BigInt((~r.getUint16(R.MXCSR, true) >> 7) & 63), set: () => {} };
    case "mxmode":
      return { get: (r) => BigInt(modeOf(r.getUint16(R.MXCSR, true))), set: () => {} };
  }
  const flag = R.FLAG_BITS[name];
  return flag === undefined ? undefined : bits(R.FLAGS * 8, 1, flag);
}

const wide = (r: DataView, at: number): bigint => r.getBigUint64(at, true) | (r.getBigUint64(at + 8, true) << 64n);
function setWide(r: DataView, at: number, v: bigint): void {
  r.setBigUint64(at, BigInt.asUintN(64, v), true);
  r.setBigUint64(at + 8, v >> 64n, true);
}

function bits(at: number, w: number, lo = 0): Place {
  const mask = ((1n << BigInt(w)) - 1n) << BigInt(lo);
  return {
    get: (r) => (r.getBigUint64(at, true) & mask) >> BigInt(lo),
    set: (r, v) => r.setBigUint64(at, (r.getBigUint64(at, true) & ~mask) | (v << BigInt(lo)), true),
  };
}

const part =
  (mask: number, flip: number) =>
  (r: DataView, v: bigint): void =>
    r.setUint16(R.MXCSR, (r.getUint16(R.MXCSR, true) & ~mask) | ((Number(v) ^ flip) & mask), true);

/** The mode of rounding ops (src/ir/float/unit.ts) that an MXCSR asks for. */
function modeOf(mxcsr: number): number {
  const unmaskedTiny = (mxcsr & 0x800) === 0;
  const flush = (mxcsr & 0x8000) !== 0 && !unmaskedTiny;
  return [0, 2, 3, 1][(mxcsr >> 13) & 3] | (mxcsr & 64 ? 8 : 0) | (flush ? 16 : 0) | (unmaskedTiny ? 128 : 0);
}

/** Runs a record's instruction as the book has it. Gives the mask of flags that the row leaves open. */
export function evaluator(book: IsaBook): (record: Uint8Array) => bigint {
  const places = book.slots.map((slot) => placeOf(slot.name));
  return (record) => {
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
    const end = (pc: number, signal: bigint, address = 0n): void => {
      view.setBigUint64(R.PC * 8, BigInt(pc), true);
      view.setBigUint64(R.SIGNAL * 8, signal, true);
      view.setBigUint64(R.ADDRESS * 8, address, true);
    };
    /** Breakpoints all over the page of the code, nothing else that can be executed. */
    const arrive = (target: bigint): void => {
      if (target >> 12n === BigInt(R.CODE >> 12)) end(Number(target) + 1, R.SIGTRAP);
      else {
        view.setBigUint64(R.PC * 8, target, true);
        view.setBigUint64(R.SIGNAL * 8, R.SIGSEGV, true);
        view.setBigUint64(R.ADDRESS * 8, target, true);
      }
    };
    const decoded = book.decode(record.slice(0, 15), 0);
    if (!decoded) {
      end(R.CODE, R.SIGILL);
      return 0n;
    }
    const inst = book.lift(decoded, R.CODE);
    try {
      const machine = new RecordMachine(view, places);
      let outcome = evalInst(inst, machine);
      // What repeats jumps to itself.
      for (let i = 0; i < 100 && outcome.k === "jump" && outcome.target === BigInt(R.CODE); i++)
        outcome = evalInst(inst, machine);
      machine.end();
      if (outcome.k === "trap") end(R.CODE, SIGNALS[outcome.name] ?? 0n);
      else if (outcome.k === "next") end(R.CODE + decoded.length + 1, R.SIGTRAP);
      else if (outcome.k === "jump") arrive(outcome.target);
      else throw new Error(`${inst.row} ends with ${outcome.k}`);
    } catch (error) {
      if (!(error instanceof AccessFault)) throw error;
      // An address that is none for the processor is reported as 0.
      const canonical = BigInt.asUintN(64, BigInt.asIntN(48, error.address)) === error.address;
      end(R.CODE, R.SIGSEGV, canonical ? error.address : 0n);
    }
    return openFlags(inst.effects, book);
  };
}

/** Records of a book as machines: their slots can be read and written. */
export function machines(book: IsaBook): (record: Uint8Array) => RecordMachine {
  const places = book.slots.map((slot) => placeOf(slot.name));
  return (record) => new RecordMachine(new DataView(record.buffer, record.byteOffset, record.byteLength), places);
}

/** A record as the evaluator's machine. */
export class RecordMachine implements Machine {
  private readonly record: DataView;
  private readonly places: readonly (Place | undefined)[];
  private readonly fpu: Fpu;

  constructor(record: DataView, places: readonly (Place | undefined)[]) {
    this.record = record;
    this.places = places;
    this.fpu = new Fpu(record);
  }

  getSlot(slot: number): bigint {
    return this.places[slot]?.get(this.record, this.fpu) ?? 0n;
  }

  setSlot(slot: number, value: bigint): void {
    this.places[slot]?.set(this.record, value, this.fpu);
  }

  end(): void {
    this.fpu.into(this.record);
  }

  load(addr: bigint, w: number): bigint {
    // The rest of the page is never written.
    if (addr >= BigInt(R.DATA) && addr + BigInt(w / 8) <= BigInt(R.WINDOW_AT)) return 0n;
    const at = this.offset(addr, w);
    let v = 0n;
    for (let i = w / 8 - 1; i >= 0; i--) v = (v << 8n) | BigInt(this.record.getUint8(at + i));
    return v;
  }

  store(addr: bigint, w: number, value: bigint): void {
    const at = this.offset(addr, w);
    for (let i = 0; i < w / 8; i++) this.record.setUint8(at + i, Number((value >> BigInt(8 * i)) & 255n));
  }

  rmw(addr: bigint, w: number, change: (old: bigint) => bigint): bigint {
    const before = this.load(addr, w);
    this.store(addr, w, change(before));
    return before;
  }

  probe(addr: bigint, w: number): void {
    this.offset(addr, w);
  }

  ask(name: string, args: readonly bigint[]): readonly bigint[] {
    const answer = functionAnswer(name, args);
    if (answer === undefined) throw new Error("no questions in these tests");
    return answer;
  }

  private offset(addr: bigint, w: number): number {
    const last = addr + BigInt(w / 8);
    const pageEnd = BigInt(R.DATA + R.PAGE);
    if (addr >= BigInt(R.WINDOW_AT) && last <= pageEnd) return Number(addr) - R.WINDOW_AT + R.MEMORY * 8;
    if (addr < BigInt(R.DATA) || addr >= pageEnd) throw new AccessFault(addr, 1);
    if (last > pageEnd) throw new AccessFault(pageEnd, 1);
    throw new Error(`the case accesses 0x${addr.toString(16)}, which records do not hold`);
  }
}

/** Bits of RFLAGS that some path leaves open. */
function openFlags(effects: readonly Effect[], book: IsaBook): bigint {
  let open = 0n;
  for (const e of effects) {
    if (e.k === "if") open |= openFlags(e.then, book) | openFlags(e.else, book);
    const bit = e.k === "set" ? R.FLAG_BITS[book.slots[e.slot].name] : undefined;
    if (e.k === "set" && bit !== undefined && isOpen(e.value)) open |= 1n << BigInt(bit);
  }
  return open;
}

function isOpen(n: Node, seen = new Set<Node>()): boolean {
  if (seen.has(n)) return false;
  seen.add(n);
  return (n.op === "undef" && n.args.length === 0) || n.args.some((a) => isOpen(a, seen));
}
