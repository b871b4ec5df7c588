import type { Oracle } from "../../oracle/oracle.ts";
import { loadIsaBook } from "../../rules/index.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { Explorer, type Failure, type Progress } from "./explore.ts";
import type { Form } from "./form.ts";
import { lengthsOf, registerFile } from "./lengths.ts";
import { Probe } from "./probe.ts";
import { BookWriter } from "./rule-text.ts";
import type { Prior } from "./solve.ts";
import { Rng } from "./values.ts";
import { both, countBits, fits } from "./word-bits.ts";

export interface SessionOptions {
  readonly seed: number;
  /** Name of the ISA that the book is of. */
  readonly isa: string;
  /** Milliseconds in all, those before a break included. */
  readonly time: number;
  readonly now: () => number;
  readonly report: (p: Progress, left: number) => void;
  /** Keeps the book as it is and what goes on from it. */
  readonly save: (book: string, checkpoint: string) => void;
  /** A checkpoint to go on from. */
  readonly from?: string;
  readonly prior?: Prior;
}

export interface Learned {
  readonly book: string;
  readonly forms: readonly Form[];
  readonly failures: readonly Failure[];
  readonly observations: number;
  readonly candidates: number;
  /** Whether all was looked at; otherwise the time ended it. */
  readonly complete: boolean;
}

/** Learns an instruction set from an oracle alone. Rejects with OracleError. */
export async function learnIsa(oracle: Oracle, o: SessionOptions): Promise<Learned> {
  const began = o.now();
  const from = o.from === undefined ? undefined : readCheckpoint(o.from);
  const before = from?.spent ?? 0;
  const spent = (): number => before + o.now() - began;
  const rng = new Rng(o.seed);
  const probe = new Probe(oracle);
  const effort = { tried: 0 };
  const lengths = await lengthsOf(probe, rng, oracle.machine.codeBytes);
  await probe.calibrate(rng, lengths[0] ?? 4);
  const file = await registerFile(probe, rng, lengths.at(-1) ?? 4);
  if (from) {
    rng.restore(from.rng);
    probe.count = from.observations;
    effort.tried = from.candidates;
  }
  const explorer = new Explorer({
    bench: { probe, effort, prior: o.prior, budget: 600_000 },
    rng,
    // Long instructions first: they are most of a machine, and shorter ones are mostly another way to say some
    lengths: [...lengths].reverse(),
    file,
    cases: casesFor(oracle.machine.rate),
    more: () => spent() < o.time,
    report: (p) => o.report(p, o.time - spent()),
    keep: (e) => {
      const checkpoint = writeCheckpoint({
        version: 2,
        oracle: oracle.name,
        seed: o.seed,
        rng: rng.state(),
        little: probe.little,
        places: { code: `${oracle.machine.code.address}`, data: oracle.machine.data?.address.toString() },
        phase: e.phase,
        forms: e.forms,
        failures: e.failures,
        layouts: e.layouts,
        templates: e.templates,
        observations: probe.count,
        candidates: effort.tried,
        spent: spent(),
      });
      o.save(bookOf(e.forms), checkpoint);
    },
    ...(from ? { from } : {}),
  });
  const notes = [
    `Learned from ${oracle.name}, seed ${o.seed}: nothing here was written by hand.`,
    "Each row agreed with the oracle on every state it was tested on; how many stands above it.",
  ];
  const write = (forms: readonly Form[]): string => new BookWriter(probe, file).text(o.isa, forms, notes);
  const reads = new WeakMap<Form, boolean>();
  /** A row that the language cannot say is none. */
  const sayable = (form: Form): boolean => {
    let ok = reads.get(form);
    if (ok === undefined) {
      try {
        loadIsaBook(write([form]));
        ok = true;
      } catch {
        ok = false;
      }
      reads.set(form, ok);
    }
    return ok;
  };
  const bookOf = (forms: readonly Form[]): string => write(apart(forms.filter(sayable)));
  await explorer.run();
  return {
    book: bookOf(explorer.forms),
    forms: explorer.forms,
    failures: explorer.failures,
    observations: probe.count,
    candidates: effort.tried,
    complete: explorer.phase.step === "done",
  };
}

/** Forms without those that share words with one above them that fixes as many bits. */
function apart(forms: readonly Form[]): Form[] {
  const out: Form[] = [];
  for (const f of forms) {
    const clash = out.some(
      (g) =>
        g.length === f.length &&
        countBits(g.mask) === countBits(f.mask) &&
        fits(g.match, f.match, both(g.mask, f.mask)),
    );
    if (!clash) out.push(f);
  }
  return out;
}

/**
 * States a form is tested on, by what the oracle does in a second: in steps so wide that measuring the same oracle again
 * gives the same, or a run that was cut would end otherwise than one that was not.
 */
function casesFor(rate: number): number {
  if (rate < 60_000) return 1024;
  return rate < 2_000_000 ? 16_384 : 131_072;
}
