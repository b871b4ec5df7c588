import type { Stop } from "../../src/engine/cpu.ts";
import type { IsaBook } from "../../src/rules/book.ts";
import { CODES, WRITABLE_CODE } from "./arena.ts";
import type { Case } from "./cases.ts";
import { type Subject, stopText } from "./subject.ts";

/** Fuel of one run; instructions in which the reference must come where the other engine is. */
const FUEL = 24;
const REACH = 20_000;
/** Further runs until an engine whose state is only exact at other stops has come to one. */
const PATIENCE = 8;

/** Counts of how runs ended, by kind of stop. */
export type Tally = Record<string, number>;

/**
 * Runs a case on an engine and, unless null, on the reference. After each stop registers, data, pc and the stop's
 * details must agree. What differs, or null. `watch` is called before each of the reference's instructions.
 */
export function runCase(
  book: IsaBook,
  of: Case,
  tested: Subject,
  reference: Subject | null,
  tally: Tally,
  watch?: () => void,
): string | null {
  // A guest that writes code without saying so may see the old code or the new one.
  const judge = of.area === WRITABLE_CODE ? null : reference;
  tested.load(of);
  judge?.load(of);
  const first = pass(book, of, tested, judge, tally, watch);
  if (first !== null || !tested.kind.lazy) return first;
  // Once more, compiled.
  tested.heat([of.start, ...of.resume.filter((at) => at >= 0).map((at) => of.start + at)]);
  tested.reload(of);
  judge?.reload(of);
  const second = pass(book, of, tested, judge, tally, watch);
  return second === null ? null : `compiled: ${second}`;
}

function pass(
  book: IsaBook,
  of: Case,
  tested: Subject,
  judge: Subject | null,
  tally: Tally,
  watch: (() => void) | undefined,
): string | null {
  for (const [i, resume] of of.resume.entries()) {
    let stop = tested.run(FUEL);
    for (let more = PATIENCE; more > 0 && stop.k === "fuel" && tested.kind.lazy; more--) stop = tested.run(FUEL);
    tally[stop.k] = (tally[stop.k] ?? 0) + 1;
    if (stop.k === "fuel" && tested.kind.lazy) return null;
    if (judge) {
      const verdict = compare(stop, tested, judge, watch);
      // Unchecked code goes its own way where checked code faults.
      if (verdict === "faulted" && !tested.kind.exact) return null;
      if (verdict !== null) return `after stop ${i} (${stopText(stop)}): ${verdict}`;
    } else if (stop.k === "fault" && !stop.precise) return null;
    goOn(book, of, stop, resume, tested);
    if (judge) judge.machine.pc = tested.machine.pc;
  }
  return null;
}

/** Takes the reference where the other engine stopped. null: they agree. */
function compare(stop: Stop, tested: Subject, reference: Subject, watch: (() => void) | undefined): string | null {
  if (stop.k !== "fuel") {
    const expected = watch ? stepped(reference, watch) : reference.run(REACH);
    if (expected.k === "fault" && !tested.kind.exact) return "faulted";
    if (stopText(stop) !== stopText(expected)) return `the reference: ${stopText(expected)}`;
    return tested.differs(reference);
  }
  let close: string | null = null;
  for (let n = 0; n < REACH; n++) {
    if (reference.machine.pc === tested.machine.pc) {
      close = tested.differs(reference);
      if (close === null) return null;
    }
    watch?.();
    const expected = reference.run(1);
    if (expected.k === "fault" && !tested.kind.exact) return "faulted";
    if (expected.k !== "fuel") return `${close ?? "not on the reference's way"}; it: ${stopText(expected)}`;
  }
  return close ?? "the reference does not come there";
}

function stepped(reference: Subject, watch: () => void): Stop {
  let stop: Stop = { k: "fuel" };
  for (let n = 0; n < REACH && stop.k === "fuel"; n++) {
    watch();
    stop = reference.run(1);
  }
  return stop;
}

/** Sets the pc for the next run. */
function goOn(book: IsaBook, of: Case, stop: Stop, resume: number, subject: Subject): void {
  const { machine } = subject;
  if (stop.k === "syscall" || (stop.k === "fuel" && resume < 0)) return;
  const { address, size } = CODES[of.area];
  const inside = machine.pc >= address && machine.pc < address + size;
  if (resume >= 0 || !inside) {
    machine.pc = of.start + Math.max(0, resume);
    return;
  }
  const decoded = book.decode(machine.code.fetch(machine.pc), 0);
  machine.pc += decoded?.length ?? book.align;
}
