import { RAN, SIGILL } from "../../oracle/oracle.ts";
import { dataflow, type Scene } from "./anatomy.ts";
import { covers, type Form } from "./form.ts";
import { FormLearner, type Outcome } from "./learn-form.ts";
import type { Probe } from "./probe.ts";
import type { Bench } from "./solve.ts";
import type { Rng } from "./values.ts";

/** A word that could not be understood, and why. */
export interface Failure {
  readonly word: number;
  readonly length: number;
  why: string;
  /** Bits whose flip leads to a word of the same kind: not worth another try. */
  readonly loose: number;
  tries: number;
}

export interface Progress {
  readonly forms: number;
  readonly failures: number;
  readonly observations: number;
  readonly candidates: number;
  /** Share of legal random words that a form covers, of the last batch. */
  readonly covered: number;
  readonly doing: string;
}

export interface ExploreOptions {
  readonly bench: Bench;
  readonly rng: Rng;
  readonly lengths: readonly number[];
  readonly file: readonly number[];
  readonly cases: number;
  /** Observations left; negative ends it. */
  readonly more: () => boolean;
  readonly report: (p: Progress) => void;
  /** Called after each form: what was learned so far is safe then. */
  readonly keep: (forms: readonly Form[]) => void;
  readonly forms?: readonly Form[];
}

/** Looks for words that no form covers and learns the form of each, until hardly any is left. */
export class Explorer {
  readonly forms: Form[];
  readonly failures: Failure[] = [];
  private readonly o: ExploreOptions;
  private readonly learner: FormLearner;
  private covered = 0;

  constructor(o: ExploreOptions) {
    this.o = o;
    this.forms = [...(o.forms ?? [])];
    this.learner = new FormLearner(o.bench, o.rng, o.file, o.cases);
    for (const f of this.forms) for (const i of f.imms) this.learner.remember(i);
  }

  private get probe(): Probe {
    return this.o.bench.probe;
  }

  async run(): Promise<void> {
    for (const length of this.o.lengths) await this.randomWords(length);
    await this.again();
  }

  /** Random words until nearly all that are legal are covered or known to be hard. */
  private async randomWords(length: number): Promise<void> {
    const { more } = this.o;
    let dry = 0;
    while (more() && dry < 3) {
      const found = await this.strangers(length, 16, dry === 0 ? 2048 : 8192);
      if (found.length === 0) {
        dry++;
        continue;
      }
      dry = 0;
      const word = await this.mostTelling(found, length);
      await this.attempt(word, length);
    }
  }

  /** Legal words that no form covers. */
  private async strangers(length: number, want: number, tries: number): Promise<number[]> {
    const { probe } = this;
    const { rng } = this.o;
    const out: number[] = [];
    let legal = 0;
    let known = 0;
    const part = 512;
    for (let done = 0; done < tries && out.length < want && this.o.more(); done += part) {
      const words = new Uint32Array(part);
      for (let k = 0; k < part; k++) words[k] = length >= 4 ? rng.next() >>> 0 : (rng.next() >>> 0) % 2 ** (8 * length);
      const fresh = words.filter((w) => !this.forms.some((f) => f.length === length && covers(f, w)));
      known += part - fresh.length;
      const unseen = fresh.filter(
        (w) => !this.failures.some((f) => f.length === length && ((f.word ^ w) & ~f.loose) === 0),
      );
      if (unseen.length === 0) continue;
      const seen = await probe.run(unseen, length, probe.states(rng, unseen.length, "window"));
      unseen.forEach((w, k) => {
        if (seen.outcome[k] === SIGILL) return;
        legal++;
        if (out.length < want) out.push(w);
      });
    }
    this.covered = known / Math.max(1, known + legal);
    return out;
  }

  /** Of some words the one with the most operands: a form is learned from its most general word. */
  private async mostTelling(words: readonly number[], length: number): Promise<number> {
    const scene: Scene = { n: 3, state: this.probe.states(this.o.rng, 3, "random"), memory: undefined };
    let best = words[0]!;
    let most = -1;
    for (const w of words.slice(0, 8)) {
      const flow = await dataflow(this.probe, w, length, scene);
      const score = flow
        ? 2 * flow.inputs.length + flow.outputs.filter((c) => !flow.inputs.includes(c)).length + (flow.jumps ? 1 : 0)
        : 0;
      if (score > most) [best, most] = [w, score];
    }
    return best;
  }

  private async attempt(word: number, length: number): Promise<boolean> {
    this.report(`word ${word.toString(16)}`);
    const out: Outcome = await this.learner.learn(word, length);
    if (!out.form) {
      const old = this.failures.find((f) => f.word === word && f.length === length);
      if (old) {
        old.why = out.why;
        old.tries++;
      } else this.failures.push({ word, length, why: out.why, loose: out.loose, tries: 1 });
      return false;
    }
    this.add(out.form);
    return true;
  }

  /** Keeps a form; forms of which every word is one of its own go. */
  private add(form: Form): void {
    const inside = (f: Form): boolean =>
      f.length === form.length &&
      (form.mask & ~f.mask) === 0 &&
      ((f.match ^ form.match) & form.mask) === 0 &&
      f.where.length >= 0;
    for (let i = this.forms.length - 1; i >= 0; i--) if (inside(this.forms[i]!)) this.forms.splice(i, 1);
    this.forms.push(form);
    for (let i = this.failures.length - 1; i >= 0; i--)
      if (covers(form, this.failures[i]!.word)) this.failures.splice(i, 1);
    this.o.keep(this.forms);
  }

  /** What failed once may be understood with the layouts learned since. */
  private async again(): Promise<void> {
    for (const f of [...this.failures]) {
      if (!this.o.more()) return;
      if (this.failures.includes(f) && f.tries < 3) await this.attempt(f.word, f.length);
    }
  }

  private report(doing: string): void {
    this.o.report({
      forms: this.forms.length,
      failures: this.failures.length,
      observations: this.probe.count,
      candidates: this.o.bench.effort.tried,
      covered: this.covered,
      doing,
    });
  }
}

/** Lengths in bytes that instructions have, by how far the program counter moves. */
export async function lengthsOf(probe: Probe, rng: Rng, most: number): Promise<number[]> {
  const n = 1024;
  const words = new Uint32Array(n);
  for (let k = 0; k < n; k++) words[k] = rng.next() >>> 0;
  const seen = await probe.run(words, Math.min(4, most), probe.states(rng, n, "window"));
  const counts = new Map<number, number>();
  let ran = 0;
  for (let k = 0; k < n; k++) {
    if (seen.outcome[k] !== RAN) continue;
    ran++;
    const step = (seen.pc[2 * k]! - seen.at[2 * k]!) * probe.unit;
    if (step > 0 && step <= 4) counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, c]) => c > ran / 20)
    .map(([l]) => l)
    .sort((a, b) => a - b);
}

/** The cells that instructions choose among: the largest group of one width. */
export function registerFile(probe: Probe): number[] {
  const groups = new Map<number, number[]>();
  probe.cells.forEach((cell, c) => {
    if (cell.bits > 1) groups.set(cell.bits, [...(groups.get(cell.bits) ?? []), c]);
  });
  return (
    [...groups.values()].sort(
      (a, b) => b.length - a.length || probe.cells[b[0]!]!.bits - probe.cells[a[0]!]!.bits,
    )[0] ?? []
  );
}
