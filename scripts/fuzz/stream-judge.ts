import type { Binding } from "../../src/agent/verifier/bind.ts";
import { excuseOf } from "../../src/agent/verifier/quirks.ts";
import { expect, ReferenceMachine, signalOf } from "../../src/agent/verifier/reference.ts";
import { carriedBy, compareSome } from "../../src/agent/verifier/trial.ts";
import { otherwise, usageOf } from "../../src/agent/verifier/usage.ts";
import type { Stop } from "../../src/engine/cpu.ts";
import {
  ASKS,
  HUNG,
  KILLED,
  layoutOf,
  type Observed,
  type Oracle,
  RAN,
  readField,
  SIGBUS,
  SIGILL,
  SIGSEGV,
  SIGTRAP,
  writeField,
} from "../../src/oracle/oracle.ts";
import { APART, MEMORY, type Stream } from "./streams.ts";

/** How the oracle ended a stream, in words that an engine's stop has too. */
export interface End {
  readonly signal: number;
  readonly pc: number;
}

/** Why a stream is not compared; undefined: it is. */
export function apart(outcome: number): string | undefined {
  if (outcome === ASKS) return "a system call in its bytes";
  if (outcome === HUNG) return "a loop";
  return outcome === KILLED ? "it ends the oracle" : undefined;
}

/** An engine's stop as the oracle says it: a breakpoint or nothing where control left the code is no signal. */
export function endOf(stop: Stop, pc: number, at: number, length: number): End {
  const outside = pc < at || pc >= at + length;
  switch (stop.k) {
    case "illegal":
      return { signal: outside ? RAN : SIGILL, pc };
    case "trap":
      return { signal: outside && stop.name === "breakpoint" ? RAN : (signalOf(stop.name) ?? -1), pc };
    case "fault":
      return { signal: stop.access === 4 && outside ? RAN : SIGSEGV, pc };
    default:
      return { signal: -1, pc };
  }
}

export function sameEnd(ours: End, seen: Observed, i: number): boolean {
  const signal = seen.outcome[i]!;
  const close = signal === SIGBUS ? SIGSEGV : signal;
  // A breakpoint with prefixes, begun within the code and ended behind it
  if (ours.signal === SIGTRAP && signal === RAN)
    return Number(seen.pc[i]!) > ours.pc && Number(seen.pc[i]!) < ours.pc + 15;
  if (ours.signal !== close && ours.signal !== signal) return false;
  const ahead = Number(seen.pc[i]!) - ours.pc;
  // Two spellings of a breakpoint leave different addresses
  return ahead === 0 || (signal === SIGTRAP && ahead > -15 && ahead < 15);
}

/** Instructions of a stream that are looked at one by one. */
const STEPS = 5000;

/**
 * Why a stream is not alike: a row that the oracle refutes, an instruction that no row knows (its first bytes), a reason
 * that excuses it; alike: the book says what the oracle says, so an engine is wrong; nothing: no cause was found.
 */
export interface Why {
  readonly k: "refuted" | "unknown" | "excused" | "alike" | "nothing";
  readonly what: string;
}

/** Why the book and the oracle differ on a stream: the first instruction that does so by itself. */
export async function whyBook(
  oracle: Oracle,
  binding: Binding,
  stream: Stream,
  at: number,
  seen: Observed,
  i: number,
): Promise<Why> {
  const { book, machine } = binding;
  const reader = new Follower(binding, stream);
  let pc = BigInt(at);
  for (let n = 0; n < STEPS; n++) {
    const from = Number(pc) - at;
    if (from < 0 || from >= stream.code.length) {
      // Another stream of the round may stand there already, or not yet
      const there = Number((pc - machine.code.address) % BigInt(APART));
      if (there >= 0 && there < machine.codeBytes && from !== stream.code.length)
        return { k: "excused", what: "control goes into another stream" };
      break;
    }
    const code = behind(stream.code, from, machine.trap!);
    const decoded = book.decode(code, 0);
    if (!decoded) {
      if (seen.outcome[i] === SIGILL && seen.pc[i] === pc) return reader.matches(seen, i);
      return { k: "unknown", what: opcodeOf(code) };
    }
    const bytes = code.subarray(0, decoded.length);
    const inst = book.lift(decoded, Number(pc));
    const usage = usageOf(inst);
    const text = `${hex(bytes)} ${book.disassemble(decoded, Number(pc))}`;
    // An instruction that repeats itself is one thing to the oracle, and each of its rounds one here
    if (usage.targets.some((t) => t.op === "const" && t.lo === inst.pc)) {
      const next = reader.step(inst, book.lift(decoded, Number(pc)));
      if (next === undefined && seen.outcome[i] === SIGSEGV && /cmps|scas/.test(decoded.row.name))
        return { k: "excused", what: "flags of a repeated comparison that faults" };
      if (next === undefined) break;
      pc = next;
      continue;
    }
    const carry = carriedBy(binding, usage);
    if (carry.length === 0) carry.push(machine.fields.findIndex((f) => f.role === "integer"));
    const layout = layoutOf(machine, carry);
    const state = new Uint8Array(layout.bytes);
    const rest = reader.record();
    layout.fields.forEach((field, k) => {
      const f = machine.fields[field]!;
      writeField(state, 0, layout.at[k]!, f.bits, readField(rest, 0, f.at, f.bits));
    });
    const batch = { count: 1, stride: 0, code: bytes, carry, rest, state, memory: reader.memory.slice() };
    const one = await oracle.observe(batch);
    let excuse: string | undefined;
    const tried = {
      ...{ code: bytes, decoded, usage, carry, batch, seen: one, unseen: [], blind: [] },
      excused: (c: Parameters<typeof excuseOf>[3]) =>
        (excuse ??= excuseOf(oracle.name, book.name, decoded.row.name, c)),
    };
    const result = compareSome(binding, tried, 0, 1);
    if (excuse !== undefined) return { k: "excused", what: `${excuse}: ${decoded.row.name}` };
    if (result.refuted) {
      const { what, expected, observed, before } = result.refuted;
      const had = Object.entries(before).map(([name, v]) => `${name}=${v}`);
      return { k: "refuted", what: `${text}: ${what} is ${observed}, the row says ${expected}, from ${had.join(" ")}` };
    }
    const [elsewhere] = [...result.skipped.keys()];
    if (elsewhere !== undefined) return { k: "excused", what: elsewhere };
    // The oracle may leave out where in a run of instructions an operation on a cache line faulted
    if (seen.outcome[i] === SIGSEGV && decoded.row.name.startsWith("dc") && result.faults > 0)
      return { k: "excused", what: `a fault of the oracle: where ${decoded.row.name} faults` };
    const next = reader.step(inst, book.lift(decoded, Number(pc)));
    if (next === undefined) break;
    pc = next;
  }
  return reader.matches(seen, i);
}

/** A stream's bytes from somewhere on, with the traps that follow. */
function behind(code: Uint8Array, from: number, trap: Uint8Array): Uint8Array {
  const out = new Uint8Array(32);
  for (let k = 0; k < out.length; k++) out[k] = code[from + k] ?? trap[(from + k) % trap.length]!;
  return out;
}

/** Two readings of a stream by the book: what is left open as zeros and as ones. */
class Follower {
  private readonly binding: Binding;
  private readonly zeros: ReferenceMachine;
  private readonly ones: ReferenceMachine;
  readonly memory: Uint8Array;
  private readonly start: Uint8Array;
  private open = false;
  /** Why nothing is known of what the stream did at last. */
  private why: string | undefined;

  constructor(binding: Binding, stream: Stream) {
    const { machine, book } = binding;
    this.binding = binding;
    this.start = stream.record;
    const slots = binding.slots.map((bound) => {
      if (!bound) return 0n;
      return readField(stream.record, 0, machine.fields[bound.field]!.at, bound.bits);
    });
    const made = (): ReferenceMachine =>
      new ReferenceMachine([...slots], stream.memory.slice(), machine.data!.address, 1, 0n, book.littleEndian);
    this.zeros = made();
    this.ones = made();
    this.memory = this.zeros.memory;
  }

  record(): Uint8Array {
    const { machine, slots } = this.binding;
    const out = this.start.slice();
    slots.forEach((bound, slot) => {
      if (!bound) return;
      const { at, kept } = machine.fields[bound.field]!;
      writeField(out, 0, at, bound.bits, this.zeros.slots[slot]! & (kept ?? -1n));
    });
    return out;
  }

  /** Where control goes; undefined: the stream ends. */
  step(inst: Parameters<typeof expect>[0], same: Parameters<typeof expect>[0]): bigint | undefined {
    const next = BigInt(inst.pc + inst.length);
    const a = expect(inst, this.zeros);
    const b = expect(otherwise(same), this.ones);
    this.why = a.outcome === undefined ? a.why : undefined;
    if (a.outcome !== RAN) return undefined;
    const [to, other] = [a.target ?? next, b.target ?? next];
    if (to !== other || b.outcome !== RAN) this.open = true;
    return to;
  }

  /** Whether what the book leaves open explains what the oracle has. */
  matches(seen: Observed, i: number): Why {
    const { machine, slots } = this.binding;
    if (this.why !== undefined) return { k: "excused", what: this.why };
    if (this.open) return { k: "excused", what: "what is left open decides" };
    const from = i * machine.recordBytes;
    let excused = false;
    for (const [slot, bound] of slots.entries()) {
      if (!bound) continue;
      const is = readField(seen.state, from, machine.fields[bound.field]!.at, bound.bits);
      const unsure = this.zeros.slots[slot]! ^ this.ones.slots[slot]!;
      const shown = machine.fields[bound.field]!.kept ?? (1n << BigInt(bound.bits)) - 1n;
      if ((is ^ this.zeros.slots[slot]!) & ~unsure & shown)
        return { k: "nothing", what: `${machine.fields[bound.field]!.name} differs only at the end` };
      if (unsure !== 0n) excused = true;
    }
    for (let k = 0; k < MEMORY; k++) {
      if (seen.memory[i * MEMORY + k] === this.zeros.memory[k]) continue;
      if (this.zeros.memory[k] === this.ones.memory[k]) return { k: "nothing", what: "memory differs only at the end" };
      excused = true;
    }
    return excused ? { k: "excused", what: "left open" } : { k: "alike", what: "the book says what the oracle says" };
  }
}

/** The bytes that say which instruction it would be: x86-64 prefixes, then the opcode and its ModRM.reg. */
function opcodeOf(code: Uint8Array): string {
  let at = 0;
  const prefixes = [0x66, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x67, 0xf0];
  while (at < 14 && (prefixes.includes(code[at]!) || (code[at]! & 0xf0) === 0x40)) at++;
  return hex(code.subarray(0, at + 3));
}

export const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ");
