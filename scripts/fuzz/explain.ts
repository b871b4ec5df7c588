import type { IsaBook } from "../../src/rules/book.ts";
import type { Case } from "./cases.ts";
import { runCase } from "./compare.ts";
import { hex, type Subject, type SubjectKind, stopText } from "./subject.ts";

/** Instructions of a case that are looked at one by one; what stands behind them is zero bytes, which must not run. */
const STEPS = 2000;

/** Makes another subject of a kind. */
export type Fresh = (kind: SubjectKind) => Subject;

/**
 * Why an engine and the reference differ in a case: the first instruction that does so by itself, from the state the
 * reference has before it; where none does, the least of the stream that still shows the difference.
 */
export function explain(book: IsaBook, of: Case, tested: Subject, reference: Subject, fresh: Fresh): string {
  return alone(book, of, tested, reference, fresh) ?? together(book, of, tested, reference);
}

function alone(book: IsaBook, of: Case, tested: Subject, reference: Subject, fresh: Fresh): string | null {
  const { machine } = reference;
  const [one, other] = [fresh(tested.kind), fresh(reference.kind)];
  let found: string | null = null;
  let steps = 0;
  runCase(book, of, tested, reference, {}, () => {
    const { pc } = machine;
    const there = machine.code.fetch(pc);
    const decoded = book.decode(there, 0);
    if (found !== null || decoded === null || steps++ > STEPS) return;
    const bytes = there.slice(0, decoded.length);
    for (const subject of [one, other]) {
      subject.loadCode(of.area, pc, bytes);
      subject.copy(reference);
    }
    if (tested.kind.lazy) {
      one.run(2);
      one.heat([pc]);
      one.copy(reference);
    }
    const before = book.slots.map((slot, i) => `${slot.name}=${hex(machine.state.getBig(i))}`);
    const [got, expected] = [one.run(2), other.run(2)];
    if (expected.k === "fuel" || (expected.k === "fault" && !tested.kind.exact)) return;
    const wrong = stopText(got) === stopText(expected) ? one.differs(other) : stopText(expected);
    if (wrong === null) return;
    found = [
      `0x${hex(pc)}: ${listed(book, bytes, pc)}`,
      `  ${tested.kind.name}: ${stopText(got)}; the reference: ${wrong}`,
      `  from ${before.join(" ")}`,
    ].join("\n");
  });
  return found;
}

function together(book: IsaBook, of: Case, tested: Subject, reference: Subject): string {
  let least = of;
  const fails = (changed: Case): boolean => {
    try {
      return runCase(book, changed, tested, reference, {}) !== null;
    } catch {
      return false;
    }
  };
  for (let stops = of.resume.length; stops > 0; stops--) {
    const shorter = { ...least, resume: least.resume.slice(0, stops) };
    if (!fails(shorter)) break;
    least = shorter;
  }
  // From the end, so that what is left keeps its place: instructions become nothing (an illegal one), then no-ops.
  for (let at = least.stream.length - book.align; at >= 0; at -= book.align) {
    for (const filler of fillers(book, least.stream, at)) {
      const stream = least.stream.slice();
      stream.set(filler, at);
      if (!fails({ ...least, stream })) continue;
      least = { ...least, stream };
      break;
    }
  }
  const lines = [`only together: ${runCase(book, least, tested, reference, {})}`];
  for (let at = 0; at < least.stream.length; ) {
    const length = book.decode(least.stream, at)?.length ?? book.align;
    const bytes = least.stream.subarray(at, at + length);
    if (bytes.some((byte) => byte !== 0))
      lines.push(`  0x${hex(least.start + at)}: ${listed(book, bytes, least.start + at)}`);
    at += length;
  }
  return lines.join("\n");
}

function fillers(book: IsaBook, stream: Uint8Array, at: number): Uint8Array[] {
  const length = book.decode(stream, at)?.length ?? book.align;
  if (stream.subarray(at, at + length).every((byte) => byte === 0)) return [];
  const made: Uint8Array[] = [new Uint8Array(length)];
  for (const name of ["nop", "c.nop"]) {
    try {
      const bytes = book.assemble(name, 0);
      if (bytes.length === length) made.push(bytes);
    } catch {
      // This book has no such spelling.
    }
  }
  return made;
}

/** Bytes and text of an instruction. */
function listed(book: IsaBook, bytes: Uint8Array, pc: number): string {
  const decoded = book.decode(bytes, 0);
  const digits = [...bytes].map((b) => hex(b).padStart(2, "0")).join(" ");
  return `${digits}  ${decoded ? book.disassemble(decoded, pc) : "?"}`;
}
