import { evalNode } from "../../ir/eval.ts";
import type { Inst, Node } from "../../ir/node.ts";
import {
  ASKS,
  type Batch,
  HUNG,
  KILLED,
  layoutOf,
  type Observed,
  type Oracle,
  type OracleMachine,
  RAN,
  readField,
  SIGBUS,
  SIGSEGV,
  SIGTRAP,
  writeField,
} from "../../oracle/oracle.ts";
import type { Decoded } from "../../rules/book.ts";
import type { Binding } from "./bind.ts";
import type { Random } from "./random.ts";
import { ELSEWHERE, expect, ReferenceMachine } from "./reference.ts";
import { value } from "./states.ts";
import { otherwise, type Usage, usageOf } from "./usage.ts";

/** Bytes of the data window that cases set and see. */
export const MEMORY = 128;

/** A state for which a rule and an oracle differ. */
export interface Counterexample {
  readonly bytes: string;
  readonly text: string;
  /** Fields that the instruction reads, before. */
  readonly before: Readonly<Record<string, string>>;
  readonly at: string;
  /** It ended in a fault, as the rule says. */
  readonly faulted: boolean;
  /** What differs: a field, "outcome", "pc", "memory", "another field". */
  readonly what: string;
  readonly expected: string;
  readonly observed: string;
}

export interface TrialResult {
  /** Cases that were compared, and those that could not be, by why. */
  readonly cases: number;
  readonly skipped: ReadonlyMap<string, number>;
  readonly ran: number;
  readonly faults: number;
  readonly refuted: Counterexample | undefined;
  /** Slots it touches that the oracle does not show. */
  readonly unseen: readonly string[];
}

/** Fields an instruction's cases carry. */
export function carriedBy(binding: Binding, usage: Usage): number[] {
  const fields = new Set<number>();
  for (const slot of [...usage.reads, ...usage.writes]) {
    const bound = binding.slots[slot];
    if (bound) fields.add(bound.field);
  }
  return [...fields].sort((a, b) => a - b);
}

/** Compares one instruction with an oracle on `count` states. */
export async function tryWord(
  oracle: Oracle,
  binding: Binding,
  code: Uint8Array,
  decoded: Decoded,
  count: number,
  random: Random,
  excused: (c: Counterexample) => string | undefined = () => undefined,
): Promise<TrialResult> {
  const tried = await observeWord(oracle, binding, code, decoded, count, random);
  if (tried && tried.blind.length > 0) {
    const skipped = new Map([[`it reads ${tried.blind.join(" ")}, which ${oracle.name} does not show`, count]]);
    return { cases: 0, skipped, ran: 0, faults: 0, refuted: undefined, unseen: tried.unseen };
  }
  if (tried) return compareCases(binding, { ...tried, excused });
  const skipped = new Map([["a loop", count]]);
  return { cases: 0, skipped, ran: 0, faults: 0, refuted: undefined, unseen: [] };
}

/** What an oracle does with one instruction on `count` states; null: the instruction jumps to itself. */
export async function observeWord(
  oracle: Oracle,
  binding: Binding,
  code: Uint8Array,
  decoded: Decoded,
  count: number,
  random: Random,
): Promise<Tried | null> {
  const { book, machine } = binding;
  const first = book.lift(decoded, Number(machine.code.address));
  const usage = usageOf(first);
  if (loops(usage, first)) return null;
  const carry = carriedBy(binding, usage);
  const unseen = [...usage.reads, ...usage.writes].filter((s) => !binding.slots[s] && !book.slots[s]!.hidden);
  // A record carries one field at least
  if (carry.length === 0) carry.push(machine.fields.findIndex((f) => f.role === "integer"));
  const layout = layoutOf(machine, carry);
  const memoryBytes = usage.accesses.length > 0 && machine.data ? MEMORY : 0;
  const state = new Uint8Array(count * layout.bytes);
  const memory = new Uint8Array(count * memoryBytes);
  for (let i = 0; i < memory.length; i++) memory[i] = random.i32();
  for (let i = 0; i < count; i++) fillCase(binding, usage, layout, state, i, random);
  const rest = new Uint8Array(machine.recordBytes);
  for (const f of machine.fields)
    if (f.role === "integer" && f.settable) writeField(rest, 0, f.at, f.bits, random.bits(f.bits) & (f.kept ?? -1n));
  const batch: Batch = {
    count,
    stride: 0,
    code,
    carry,
    rest,
    state,
    ...(memoryBytes > 0 ? { memory } : {}),
    ...(machine.steps ? { steps: 1 } : {}),
  };
  const seen = await oracle.observe(batch);
  const names = unseen.map((s) => book.slots[s]!.name);
  const blind = [...usage.reads]
    .filter((s) => !binding.slots[s] && !book.slots[s]!.hidden)
    .map((s) => book.slots[s]!.name);
  return { code, decoded, usage, carry, batch, seen, unseen: names, blind, excused: () => undefined };
}

/** The first observed case in which an instruction lifted another way differs; undefined: none does. */
export function compareMutant(
  binding: Binding,
  tried: Tried,
  lifter: { lift(decoded: Decoded, pc: number): Inst },
): { first: number | undefined; cases: number } {
  let cases = 0;
  // A fault may write what the instruction never did, so that the oracle's value of it is needed: it is then unchanged
  for (let from = 0; from < tried.batch.count; from += 4) {
    const to = Math.min(tried.batch.count, from + 4);
    const result = compareSome(binding, tried, from, to, lifter);
    // Where the right instruction stays within the case's memory, one that goes elsewhere is wrong
    const strays = result.skipped.has(ELSEWHERE) && !compareSome(binding, tried, from, to).skipped.has(ELSEWHERE);
    if (result.refuted || strays) return { first: from, cases };
    cases += result.cases;
  }
  return { first: undefined, cases };
}

/** Rounds of an instruction that repeats itself, at most. */
const ROUNDS = 300;

/** A direct jump into the instruction itself would not end, unless it accesses memory, and so comes to its end. */
function loops(usage: Usage, inst: Inst): boolean {
  return (
    usage.accesses.length === 0 &&
    usage.targets.some((t) => t.op === "const" && t.hi === 0 && t.lo >= inst.pc && t.lo < inst.pc + inst.length)
  );
}

export interface Tried {
  readonly code: Uint8Array;
  readonly decoded: Decoded;
  readonly usage: Usage;
  readonly carry: readonly number[];
  readonly batch: Batch;
  readonly seen: Observed;
  readonly unseen: readonly string[];
  /** Those of them that it reads. */
  readonly blind: readonly string[];
  /** Why a difference does not count; undefined: it does. */
  readonly excused: (c: Counterexample) => string | undefined;
}

/** A state of the fields that records carry, addresses mostly within the window. */
function fillCase(
  binding: Binding,
  usage: Usage,
  layout: ReturnType<typeof layoutOf>,
  state: Uint8Array,
  i: number,
  random: Random,
): void {
  const { machine, book } = binding;
  const values: bigint[] = [];
  // What follows from the modes is only known where they are the usual ones
  const usual = [...usage.reads].some((s) => binding.slots[s] && !machine.fields[binding.slots[s].field]!.settable);
  layout.fields.forEach((number, k) => {
    const f = machine.fields[number]!;
    if (!f.settable) return;
    if (f.choices) {
      writeField(
        state,
        i * layout.bytes,
        layout.at[k]!,
        f.bits,
        usual || random.chance(30) ? 0n : random.pick(f.choices),
      );
      return;
    }
    const floats = (f.role === "float" || f.role === "vector") && usage.floats;
    const near = usage.constants.length > 0 && f.bits > 8 && random.chance(12);
    const any = near
      ? BigInt.asUintN(f.bits, random.pick(usage.constants) + BigInt(random.below(3) - 1))
      : f.bits <= 8
        ? random.bits(f.bits)
        : value(random, f.bits, values, floats);
    const v = f.kept === undefined ? any : any & f.kept;
    if (f.bits > 8) values.push(v);
    writeField(state, i * layout.bytes, layout.at[k]!, f.bits, v);
  });
  if (usage.accesses.length === 0 && usage.targets.length === 0) return;
  const slots = slotsOf(binding, layout, state, i);
  const probe = new ReferenceMachine(slots, new Uint8Array(0), 0n, 1, 0n, book.littleEndian);
  const aim = (address: Node, target: bigint): void => {
    for (const slot of usageOfNode(address)) {
      const bound = binding.slots[slot];
      const k = bound ? layout.fields.indexOf(bound.field) : -1;
      if (!bound || k < 0 || bound.bits < 8) continue;
      let now: bigint;
      try {
        now = evalNode(address, probe);
      } catch {
        return;
      }
      const before = slots[slot]!;
      slots[slot] = BigInt.asUintN(bound.bits, before + target - now);
      if (evalNode(address, probe) !== target) {
        slots[slot] = before;
        continue;
      }
      writeField(state, i * layout.bytes, layout.at[k]!, bound.bits, slots[slot]!);
      return;
    }
  };
  if (machine.data && usage.accesses.length > 0 && random.chance(96)) {
    const { address, size } = machine.data;
    // Accesses of one instruction mostly lie side by side: they move together, by the first one's registers
    const reach = (): { lo: bigint; hi: bigint; first: bigint } | undefined => {
      try {
        const all = usage.accesses.map((a) => ({ at: evalNode(a.address, probe), bytes: BigInt(a.bytes) }));
        const places = all.flatMap((a) => [a.at, a.at + a.bytes]).sort((a, b) => (a < b ? -1 : 1));
        return { lo: places[0]!, hi: places.at(-1)!, first: all[0]!.at };
      } catch {
        return undefined;
      }
    };
    const place = (bytes: number): bigint => {
      if (machine.guarded && random.chance(5)) return address + BigInt(size) - BigInt(random.below(bytes + 1));
      let at = random.below(Math.max(1, MEMORY - bytes + 1));
      if (random.chance(70)) at -= at % Math.min(bytes, 16);
      return address + BigInt(Math.floor(at * machine.unitsPerByte));
    };
    const before = reach();
    const span = before ? before.hi - before.lo : BigInt(MEMORY + 1);
    if (before && span <= BigInt(MEMORY))
      aim(usage.accesses[0]!.address, place(Number(span)) + before.first - before.lo);
    else for (const access of usage.accesses) aim(access.address, place(Math.min(access.bytes, MEMORY)));
  }
  for (const target of usage.targets) {
    const where = machine.landing ?? machine.code;
    if (random.chance(90))
      aim(
        target,
        where.address + BigInt(random.below(where.size) & ~(machine.codeAlign - 1) & (machine.landing ? -16 : -1)),
      );
  }
}

/** Slots that a node reads. */
function usageOfNode(node: Node): Set<number> {
  const out = new Set<number>();
  const seen = new Set<Node>();
  const walk = (n: Node): void => {
    if (seen.has(n)) return;
    seen.add(n);
    if (n.op === "get") out.add(n.aux);
    n.args.forEach(walk);
  };
  walk(node);
  return out;
}

/** All slots' values for a case; what is not carried is 0. */
function slotsOf(binding: Binding, layout: ReturnType<typeof layoutOf>, state: Uint8Array, i: number): bigint[] {
  const position = new Map(layout.fields.map((number, k) => [number, k]));
  return binding.slots.map((bound) => {
    const k = bound ? position.get(bound.field) : undefined;
    return bound && k !== undefined ? readField(state, i * layout.bytes, layout.at[k]!, bound.bits) : 0n;
  });
}

const compareCases = (binding: Binding, tried: Tried): TrialResult => compareSome(binding, tried, 0, tried.batch.count);

/** Compares the cases from `from` to `to` with the reference evaluator. */
export function compareSome(
  binding: Binding,
  tried: Tried,
  from: number,
  to: number,
  lifter: { lift(decoded: Decoded, pc: number): Inst } = binding.book,
): TrialResult {
  const { book, machine } = binding;
  const { batch, seen, usage, decoded, code } = tried;
  const layout = layoutOf(machine, tried.carry);
  const memoryBytes = batch.memory ? batch.memory.length / batch.count : 0;
  const skipped = new Map<string, number>();
  const skip = (why: string): void => void skipped.set(why, (skipped.get(why) ?? 0) + 1);
  const lifted = new Map<bigint, { inst: Inst; other: Inst | undefined }>();
  let cases = 0;
  let ran = 0;
  let faults = 0;
  let refuted: Counterexample | undefined;
  const guard = machine.guarded && machine.data ? machine.data.address + BigInt(machine.data.size) : 0n;
  for (let i = from; i < to && !refuted; i++) {
    const outcome = seen.outcome[i]!;
    if (outcome === ASKS || outcome === HUNG || outcome === KILLED) {
      skip(outcome === ASKS ? "a system call" : outcome === HUNG ? "a loop" : "it ends the oracle");
      continue;
    }
    const at = seen.at[i]!;
    let both = lifted.get(at);
    if (!both) {
      const inst = lifter.lift(decoded, Number(at));
      lifted.set(at, (both = { inst, other: usage.undef ? otherwise(inst) : undefined }));
    }
    const run = (inst: Inst): { e: ReturnType<typeof expect>; m: ReferenceMachine } => {
      const memory = batch.memory ? batch.memory.slice(i * memoryBytes, (i + 1) * memoryBytes) : new Uint8Array(0);
      const window = machine.data?.address ?? 0n;
      const m = new ReferenceMachine(
        slotsOf(binding, layout, batch.state, i),
        memory,
        window,
        machine.unitsPerByte,
        guard,
        book.littleEndian,
      );
      m.elsewhere = trapsOf(machine);
      let e = expect(inst, m);
      for (let n = 0; n < ROUNDS && e.outcome === RAN && e.target === at; n++) e = expect(inst, m);
      return { e, m };
    };
    const { e, m } = run(both.inst);
    if (e.outcome === undefined) {
      skip(e.why ?? "not said");
      continue;
    }
    if (e.target !== undefined && e.target >= at && e.target < at + BigInt(code.length)) {
      skip(e.target === at ? "a loop" : "a jump into itself");
      continue;
    }
    const open = both.other ? run(both.other).m : undefined;
    cases++;
    if (outcome === RAN) ran++;
    else faults++;
    const wrong = differs(binding, tried, i, e, m, open);
    if (!wrong) continue;
    const before: Record<string, string> = {};
    for (const slot of usage.reads) {
      const bound = binding.slots[slot];
      const k = bound ? layout.fields.indexOf(bound.field) : -1;
      if (bound && k >= 0)
        before[book.slots[slot]!.name] = hex(readField(batch.state, i * layout.bytes, layout.at[k]!, bound.bits));
    }
    const found: Counterexample = {
      bytes: [...code].map((b) => b.toString(16).padStart(2, "0")).join(" "),
      text: book.disassemble(decoded, Number(at)),
      before,
      at: hex(at),
      faulted: e.outcome !== RAN && outcome === e.outcome,
      ...wrong,
    };
    const why = tried.excused(found);
    if (why === undefined) refuted = found;
    else {
      skip(why);
      cases--;
    }
  }
  return { cases, skipped, ran, faults, refuted, unseen: tried.unseen };
}

/** Instructions may read the code area, of which the traps are known. */
function trapsOf(machine: OracleMachine): ((addr: bigint) => number | undefined) | undefined {
  const { trap, traps } = machine;
  if (!trap || !traps) return undefined;
  return (addr) => {
    const at = addr - traps.address;
    return at >= 0n && at < traps.size ? trap[Number(at % BigInt(trap.length))] : undefined;
  };
}

const hex = (v: bigint): string => `0x${v.toString(16)}`;

function differs(
  binding: Binding,
  tried: Tried,
  i: number,
  e: ReturnType<typeof expect>,
  m: ReferenceMachine,
  open: ReferenceMachine | undefined,
): { what: string; expected: string; observed: string } | undefined {
  const { machine, book } = binding;
  const { batch, seen, usage, code } = tried;
  const outcome = seen.outcome[i]!;
  const at = seen.at[i]!;
  const pcBits = machine.fields[binding.pc]!.bits;
  // A step onto a breakpoint looks like one that went nowhere; an access that is not allowed is SIGSEGV or SIGBUS
  const same =
    outcome === e.outcome ||
    (e.outcome === SIGTRAP && outcome === RAN && seen.pc[i] === at) ||
    (e.outcome === SIGSEGV && outcome === SIGBUS);
  if (!same) return { what: "outcome", expected: `${e.outcome}`, observed: `${outcome}` };
  if (outcome === RAN && e.outcome === RAN) {
    const next = at + BigInt(Math.round(code.length * machine.unitsPerByte));
    const to = BigInt.asUintN(pcBits, e.target ?? next);
    if (seen.pc[i] !== to) return { what: "pc", expected: hex(to), observed: hex(seen.pc[i]!) };
  }
  if (e.fault !== undefined && seen.fault[i] !== 0n && seen.fault[i] !== e.fault)
    return { what: "fault", expected: hex(e.fault), observed: hex(seen.fault[i]!) };
  if (seen.strayed[i] !== 0) return { what: "another field", expected: "unchanged", observed: "changed" };
  const layout = layoutOf(machine, tried.carry);
  const position = new Map(layout.fields.map((number, k) => [number, k]));
  for (const slot of new Set([...usage.writes, ...usage.reads])) {
    const bound = binding.slots[slot];
    if (!bound || usage.answered.has(slot)) continue;
    const k = position.get(bound.field);
    if (k === undefined) continue;
    const is = readField(seen.state, i * layout.bytes, layout.at[k]!, bound.bits);
    const should = BigInt.asUintN(bound.bits, m.slots[slot]!);
    // Where what is left open decides, anything is right
    const unsure = open ? should ^ BigInt.asUintN(bound.bits, open.slots[slot]!) : 0n;
    if (((is ^ should) & ~unsure & (machine.fields[bound.field]!.kept ?? -1n)) !== 0n)
      return { what: book.slots[slot]!.name, expected: hex(should), observed: hex(is) };
  }
  if (batch.memory) {
    const bytes = batch.memory.length / batch.count;
    for (let k = 0; k < bytes; k++) {
      const is = seen.memory[i * bytes + k]!;
      const unsure = open ? m.memory[k]! ^ open.memory[k]! : 0;
      if (((is ^ m.memory[k]!) & ~unsure) !== 0)
        return { what: `memory+${k}`, expected: hex(BigInt(m.memory[k]!)), observed: hex(BigInt(is)) };
    }
  }
  return undefined;
}
