import { join } from "node:path";
import { Random } from "../../src/agent/verifier/random.ts";
import { usageOf } from "../../src/agent/verifier/usage.ts";
import { instructionOf } from "../../src/agent/verifier/words.ts";
import type { IsaParts } from "../../src/engine/create.ts";
import type { Oracle } from "../../src/oracle/oracle.ts";
import type { Row } from "../../src/rules/book.ts";
import { isaParts, realCode } from "./code.ts";
import { ROUND, StreamEngine } from "./stream-arena.ts";
import { apart, type End, endOf, sameEnd, whyBook } from "./stream-judge.ts";
import { MEMORY, type Stream, Streams } from "./streams.ts";

/** What was found: the seed repeats it. */
export interface StreamFault {
  readonly seed: number;
  readonly engine: string;
  readonly what: string;
}

export interface StreamTally {
  /** Streams that were compared on every engine, and those of them made of programs. */
  compared: number;
  real: number;
  /** Those that ended in a signal, on both sides. */
  faulted: number;
  /** Not compared, or not alike for a reason that is known; by why. */
  readonly apart: Map<string, number>;
}

/** Programs of the roots that pieces are taken from, where they are there. */
const ROOTS: Readonly<Record<string, readonly string[]>> = {
  riscv64: ["riscv64", "riscv64-linux-gnu"],
  aarch64: ["arm64", "aarch64-linux-gnu"],
  x86_64: ["amd64", "x86_64-linux-gnu"],
};

export function programsOf(isa: string): string[] {
  const [root, triple] = ROOTS[isa] ?? ["", ""];
  const at = join(import.meta.dirname, "../../.cache/roots", root!);
  return [
    `usr/lib/${triple}/libc.so.6`,
    `lib/${triple}/libc.so.6`,
    "usr/bin/bash",
    "bin/bash",
    "usr/bin/python3.11",
  ].map((f) => join(at, f));
}

/**
 * Streams of instructions on an oracle and on engines: registers, memory, how and where each ended must be alike. The
 * oracle is asked once a round, engines run the same round at the same addresses.
 */
export class StreamCampaign {
  readonly tally: StreamTally = { compared: 0, real: 0, faulted: 0, apart: new Map() };
  private readonly parts: IsaParts;
  private readonly oracle: Oracle;
  private readonly streams: Streams;
  private readonly engines: {
    readonly name: string;
    readonly compiled: boolean;
    readonly exact: boolean;
    it: StreamEngine;
  }[] = [];
  private readonly reader: StreamEngine;
  private rounds = 0;

  constructor(isa: string, oracle: Oracle, programs: readonly string[] = programsOf(isa), parts = isaParts(isa)) {
    this.parts = parts;
    this.oracle = oracle;
    const real = realCode(isa, programs);
    this.reader = new StreamEngine(parts, oracle.machine, "interp", true);
    const apart = strange(parts, this.reader);
    this.streams = new Streams(parts.book, oracle.machine, real, apart);
    for (const exact of [true, false])
      this.engines.push({
        name: exact ? "wasm, checked" : "wasm",
        compiled: true,
        exact,
        it: new StreamEngine(parts, oracle.machine, "wasm", exact),
      });
  }

  /** Streams of `count` seeds. `found` may come late: after the round. */
  async run(
    first: number,
    count: number,
    found: (fault: StreamFault) => void,
    at: (seed: number) => void = () => {},
  ): Promise<void> {
    for (let from = first; from < first + count; from += ROUND) {
      const streams: Stream[] = [];
      for (let seed = from; seed < Math.min(from + ROUND, first + count); seed++) streams.push(this.streams.make(seed));
      at(from);
      await this.round(streams, found);
    }
  }

  private async round(all: readonly Stream[], found: (fault: StreamFault) => void): Promise<void> {
    const { oracle, reader, tally } = this;
    const { machine } = oracle;
    const skip = (why: string): void => void tally.apart.set(why, (tally.apart.get(why) ?? 0) + 1);
    // Loops would keep the oracle: the first engine says which streams are none
    reader.load(all);
    const streams = all.filter((stream, i) => {
      const stop = reader.run(stream, i);
      const why =
        stop.k === "fuel"
          ? "a loop"
          : stop.k === "syscall"
            ? "a system call"
            : reader.asked
              ? "the machine's own answer"
              : undefined;
      if (why !== undefined) skip(why);
      return why === undefined;
    });
    const n = streams.length;
    const stride = machine.codeBytes;
    const batch = {
      ...{ count: n, stride, code: new Uint8Array(n * stride), lengths: new Uint8Array(n) },
      ...{ state: new Uint8Array(n * machine.recordBytes), memory: new Uint8Array(n * MEMORY) },
    };
    streams.forEach((stream, i) => {
      batch.code.set(stream.code, i * stride);
      batch.lengths[i] = stream.code.length;
      batch.state.set(stream.record, i * machine.recordBytes);
      batch.memory.set(stream.memory, i * MEMORY);
    });
    const seen = await oracle.observe(batch);
    const done = new Set<number>();
    const good = streams.map((_, i) => {
      // Compiled code returns -1 where it was left in the middle: a return to that address is taken for it
      const why = apart(seen.outcome[i]!) ?? (seen.pc[i] === 2n ** 64n - 1n ? "control goes to address -1" : undefined);
      if (why !== undefined) skip(why);
      return why === undefined;
    });
    const recordOf = (i: number): Uint8Array =>
      seen.state.subarray(i * machine.recordBytes, (i + 1) * machine.recordBytes);
    const memoryOf = (i: number): Uint8Array => seen.memory.subarray(i * MEMORY, (i + 1) * MEMORY);
    const judge = async (engine: StreamEngine, name: string, exact: boolean): Promise<void> => {
      let again = false;
      for (const [i, stream] of streams.entries()) {
        if (!good[i] || done.has(i)) continue;
        if (again) engine.load(streams);
        again = false;
        if (!exact && seen.outcome[i] !== 0) continue;
        const stop = engine.run(stream, i);
        const end: End = endOf(stop, engine.machine.pc, engine.at(i), stream.code.length);
        const wrong = sameEnd(end, seen, i) ? engine.differs(recordOf(i), memoryOf(i)) : ["its end"];
        if (wrong.length === 0) continue;
        done.add(i);
        if (engine === reader) again = true;
        const said = `${wrong.slice(0, 4).join(" ")}; ${name}: ${stop.k} ${end.signal} at ${end.pc - engine.at(i)}, oracle: ${seen.outcome[i]} at ${Number(seen.pc[i]) - engine.at(i)}`;
        let why = await whyBook(oracle, engine.binding, stream, engine.at(i), seen, i);
        // What an earlier stream stored into the code area may have been run
        if (why.k !== "excused" && (await this.alone(engine, stream)))
          why = { k: "excused", what: "code that another stream wrote" };
        if (why.k === "excused") skip(why.what);
        else if (why.k === "unknown") skip(`no row decodes ${why.what}`);
        else
          found({
            seed: stream.seed,
            engine: why.k === "alike" ? name : "book",
            what: `${why.what}\n  differs in ${said}\n${this.listing(stream)}`,
          });
      }
    };
    reader.load(streams);
    await judge(reader, "interp", true);
    // Regions cost most: checked ones and unchecked ones take turns
    for (const { name, it, exact } of [this.engines[this.rounds++ % this.engines.length]!]) {
      it.load(streams);
      for (const [i, stream] of streams.entries()) if (good[i]) it.run(stream, i);
      it.compile(n);
      await judge(it, name, exact);
    }
    streams.forEach((stream, i) => {
      if (!good[i] || done.has(i)) return;
      tally.compared++;
      if (stream.kind === "real") tally.real++;
      if (seen.outcome[i] !== 0) tally.faulted++;
    });
  }

  /** True: by itself the stream ends alike. */
  private async alone(engine: StreamEngine, stream: Stream): Promise<boolean> {
    const { code, record: state, memory } = stream;
    const seen = await this.oracle.observe({ count: 1, stride: code.length, code, state, memory });
    const reader = this.reader;
    reader.load([stream]);
    const stop = reader.run(stream, 0);
    const same = sameEnd(endOf(stop, reader.machine.pc, reader.at(0), code.length), seen, 0);
    return engine === reader && same && reader.differs(seen.state, seen.memory).length === 0;
  }

  private listing({ code }: Stream): string {
    const { book } = this.parts;
    const out: string[] = [];
    for (let at = 0; at < code.length; ) {
      const decoded = book.decode(code, at);
      const length = decoded?.length ?? book.align;
      const bytes = [...code.subarray(at, at + length)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
      out.push(`    ${at}: ${bytes}  ${decoded ? book.disassemble(decoded, at) : "?"}`);
      at += length;
    }
    return out.join("\n");
  }
}

/** Rows that streams are not made of: system calls, the machine's own answers, registers that the oracle does not show. */
function strange(parts: IsaParts, engine: StreamEngine): (row: Row) => boolean {
  const { book } = parts;
  const random = new Random(7);
  const known = new Map<Row, boolean>();
  for (const row of book.rows) {
    const found = instructionOf(book, row, random);
    if (!found) {
      known.set(row, true);
      continue;
    }
    const usage = usageOf(book.lift(found.decoded, 0x10000));
    const unseen = [...usage.reads, ...usage.writes].some(
      (s) => !engine.binding.slots[s] && !book.slots[s]!.hidden && usage.writes.has(s),
    );
    known.set(row, usage.stops.has("syscall") || usage.answered.size > 0 || unseen);
  }
  return (row) => known.get(row) ?? true;
}
