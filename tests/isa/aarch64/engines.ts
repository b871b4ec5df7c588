import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccessFault, evalInst, type Machine, type Outcome } from "../../../src/ir/eval.ts";
import type { Inst } from "../../../src/ir/node.ts";
import type { IsaBook } from "../../../src/rules/book.ts";
import * as R from "./record.ts";

/** Runs each group's code from CODE on each of its records, in place, until it leaves the code or a signal is raised. */
export type Engine = (groups: readonly R.Group[]) => void;

const SOURCE = join(import.meta.dirname, "oracle.c");
const FLAGS = "-O2 -static -nostdlib -ffreestanding -fno-stack-protector".split(" ");
const CODE_MAX = 32;
const HEAD = 16;
const GROUP_HEAD = 8 + CODE_MAX;

/** With SVE, the vector registers would come back from a record of the frame that the oracle does not know. */
const WHOLE = "max,sve=off,sme=off,pauth=off";

/** qemu-aarch64: the truth. null: its tools are not installed. */
export function qemu(cpu = WHOLE): Engine | null {
  const program = build();
  return program === null ? null : (groups) => runJob(program, cpu, groups);
}

/** Compiles the oracle, once a version of its source. */
function build(): string | null {
  const gcc = "aarch64-linux-gnu-gcc";
  if (!["qemu-aarch64", gcc].every((tool) => spawnSync(tool, ["--version"]).status === 0)) return null;
  const hash = createHash("sha256").update(readFileSync(SOURCE)).digest("hex").slice(0, 12);
  const folder = join(tmpdir(), `sage-oracle-${process.getuid?.() ?? 0}`);
  const program = join(folder, `aarch64-${hash}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = `${program}.${process.pid}`;
  const made = spawnSync(gcc, [...FLAGS, SOURCE, "-o", fresh], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`the oracle does not compile: ${made.stderr}`);
  renameSync(fresh, program);
  return program;
}

function runJob(program: string, cpu: string, groups: readonly R.Group[]): void {
  const size = groups.reduce((n, g) => n + GROUP_HEAD + g.records.byteLength, HEAD);
  const job = new Uint8Array(size);
  const view = new DataView(job.buffer);
  view.setBigUint64(0, BigInt(size), true);
  view.setBigUint64(8, BigInt(groups.length), true);
  let at = HEAD;
  for (const { code, records } of groups) {
    if (code.length > CODE_MAX) throw new Error(`${code.length} bytes of code, at most ${CODE_MAX}`);
    view.setUint32(at, code.length, true);
    view.setUint32(at + 4, records.length / R.RECORD, true);
    job.set(code, at + 8);
    job.set(new Uint8Array(records.buffer, records.byteOffset, records.byteLength), at + GROUP_HEAD);
    at += GROUP_HEAD + records.byteLength;
  }
  const run = spawnSync("qemu-aarch64", ["-cpu", cpu, program], { input: job, maxBuffer: size + 1, timeout: 120_000 });
  if (run.status !== 0 || run.stdout.length !== size)
    throw new Error(
      `the oracle ended with ${run.status ?? run.signal ?? run.error}, ${run.stdout?.length} bytes of ${size}`,
    );
  at = HEAD;
  for (const { records } of groups) {
    at += GROUP_HEAD;
    const out = new Uint8Array(records.buffer, records.byteOffset, records.byteLength);
    out.set(run.stdout.subarray(at, at + records.byteLength));
    at += records.byteLength;
  }
}

/** Linux's answer to the system call number that the tests' states hold in x8. */
const ENOSYS = 38n;
const BRK = [0x00, 0x00, 0x20, 0xd4];
/** More than this many instructions in one case is a loop. */
const STEPS = 64;

/** The reference meaning: decoder, lifter and evaluator of the book. */
export function evaluator(book: IsaBook): Engine {
  const places = book.slots.map((slot) => R.placeOf(slot.name));
  return (groups) => {
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
        const end = runCase(at, record, places, code);
        record[R.PC] = end.pc;
        record[R.SIGNAL] = end.signal;
        record[R.ADDRESS] = end.address;
      }
    }
  };
}

interface End {
  readonly pc: bigint;
  readonly signal: bigint;
  readonly address: bigint;
}

function runCase(
  at: (pc: number) => Inst | null,
  record: BigUint64Array,
  places: readonly (R.Place | null)[],
  code: Uint8Array,
): End {
  const size = code.length;
  const machine = new RecordMachine(record, places, code);
  let pc = R.CODE;
  const end = (signal: bigint, address = 0n): End => ({ pc: BigInt(pc), signal, address });
  for (let step = 0; pc >= R.CODE && pc < R.CODE + size; step++) {
    if (step === STEPS) throw new Error("the case loops");
    const inst = at(pc);
    if (inst === null) return end(R.SIGNALS.illegal);
    const outcome = outcomeOf(inst, machine);
    if (outcome instanceof AccessFault) return end(R.SIGSEGV, outcome.address);
    if (outcome.k === "unknown") throw new Error(`${inst.row} is not known: ${outcome.name}`);
    if (outcome.k === "trap") return end(R.SIGNALS[outcome.name]);
    if (outcome.k === "jump") {
      const { target } = outcome;
      const within = target >= BigInt(R.CODE - R.REACH) && target < BigInt(R.CODE + R.REACH);
      if (!within) return { pc: target, signal: R.SIGSEGV, address: target };
      pc = Number(target);
      continue;
    }
    if (outcome.k === "stop" && outcome.name === "syscall") record[R.X] = BigInt.asUintN(64, -ENOSYS);
    pc += inst.length;
  }
  return end(R.SIGNALS.breakpoint);
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
  private readonly places: readonly (R.Place | null)[];
  private readonly hidden = new Map<number, bigint>();
  private readonly bytes: DataView;

  private readonly code: Uint8Array;

  constructor(record: BigUint64Array, places: readonly (R.Place | null)[], code: Uint8Array) {
    this.code = code;
    this.record = record;
    this.places = places;
    this.bytes = new DataView(record.buffer, record.byteOffset + R.MEMORY * 8, R.WINDOW);
  }

  getSlot(slot: number): bigint {
    const place = this.places[slot];
    if (!place) return this.hidden.get(slot) ?? 0n;
    const low = this.record[place.word];
    if (place.w === 128) return low | (this.record[place.word + 1] << 64n);
    return BigInt.asUintN(place.w, low >> place.lo);
  }

  setSlot(slot: number, value: bigint): void {
    const place = this.places[slot];
    if (!place) {
      this.hidden.set(slot, value);
      return;
    }
    if (place.w === 128) {
      this.record[place.word] = BigInt.asUintN(64, value);
      this.record[place.word + 1] = value >> 64n;
      return;
    }
    const mask = ((1n << BigInt(place.w)) - 1n) << place.lo;
    this.record[place.word] = (this.record[place.word] & ~mask) | (value << place.lo);
  }

  load(addr: bigint, w: number): bigint {
    if (addr >= BigInt(R.CODE - R.REACH) && addr < BigInt(R.CODE + R.REACH)) return this.instructions(addr, w);
    const at = this.offset(addr, w, 1);
    let value = 0n;
    for (let i = w / 8 - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes.getUint8(at + i));
    return value;
  }

  /** The code and what stands around it. */
  private instructions(addr: bigint, w: number): bigint {
    let value = 0n;
    for (let i = w / 8 - 1; i >= 0; i--) {
      const at = Number(addr) + i - R.CODE;
      value = (value << 8n) | BigInt(this.code[at] ?? BRK[at & 3]);
    }
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

  ask(): readonly bigint[] {
    return [0n];
  }

  /** The top byte of an address does not count (D8.8.1), and signals do not show it. */
  private offset(tagged: bigint, w: number, access: number): number {
    const addr = BigInt.asUintN(64, BigInt.asIntN(56, tagged));
    const end = addr + BigInt(w / 8);
    const page = BigInt(R.DATA);
    if (addr >= BigInt(R.WINDOW_AT) && end <= page + BigInt(R.PAGE)) return Number(addr - BigInt(R.WINDOW_AT));
    if (addr < page || addr >= page + BigInt(R.PAGE)) throw new AccessFault(addr, access);
    if (end > page + BigInt(R.PAGE)) throw new AccessFault(page + BigInt(R.PAGE), access);
    throw new Error(`the case accesses 0x${addr.toString(16)}, which records do not hold`);
  }
}
