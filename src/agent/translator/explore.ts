import { OracleError, RAN, SIGILL } from "../../oracle/oracle.ts";
import { dataflow, type Scene } from "./anatomy.ts";
import type { Checkpoint, Phase } from "./checkpoint.ts";
import { covers, type Form, scatter } from "./form.ts";
import type { Layout } from "./layouts.ts";
import { FAULTS, FormLearner, type Outcome } from "./learn-form.ts";
import type { Probe } from "./probe.ts";
import type { Bench } from "./solve.ts";
import type { Template } from "./templates.ts";
import type { Rng } from "./values.ts";
import { anyWord, differing, fits, flipped, without } from "./word-bits.ts";

/** So many words that only fault, and no other is looked at. */
const BARREN = 24;

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
  /** False: time is up. */
  readonly more: () => boolean;
  readonly report: (p: Progress) => void;
  /** Called after each step: what was learned so far is safe then. */
  readonly keep: (e: Explorer) => void;
  readonly from?: Pick<Checkpoint, "forms" | "failures" | "layouts" | "templates" | "phase">;
}

/** Looks for words that no form covers and learns the form of each, until hardly any is left. */
export class Explorer {
  readonly forms: Form[];
  readonly failures: Failure[];
  phase: Phase;
  private readonly o: ExploreOptions;
  private readonly learner: FormLearner;
  covered = 0;
  /** Words understood last that faulted whatever was done, one after the other. */
  private get barren(): number {
    const at = this.failures.findLastIndex((f) => f.why !== FAULTS);
    return this.failures.length - 1 - at;
  }

  constructor(o: ExploreOptions) {
    this.o = o;
    this.forms = [...(o.from?.forms ?? [])];
    this.failures = [...(o.from?.failures ?? [])];
    this.phase = o.from?.phase ?? { length: 0, step: "random", dry: 0, at: 0 };
    this.learner = new FormLearner(o.bench, o.rng, o.file, o.cases);
    this.learner.layouts.push(...(o.from?.layouts ?? []));
    this.learner.templates.push(...(o.from?.templates ?? []));
  }

  get layouts(): readonly Layout[] {
    return this.learner.layouts;
  }

  get templates(): readonly Template[] {
    return this.learner.templates;
  }

  private get probe(): Probe {
    return this.o.bench.probe;
  }

  async run(): Promise<void> {
    while (this.o.more() && this.phase.step !== "done") {
      await this.step();
      // A step cut short by the time is not one: after a break it is done again, from the same state
      if (this.o.more()) this.o.keep(this);
    }
  }

  /** One word understood, or one search for words. */
  private async step(): Promise<void> {
    const { phase } = this;
    const length = this.o.lengths[phase.length];
    if (phase.step === "again" || length === undefined) {
      const f = this.failures[phase.at];
      this.phase = f ? { ...phase, step: "again", at: phase.at + 1 } : { ...phase, step: "done" };
      if (f && f.tries < 3 && (await this.attempt(f.word, f.length)))
        this.phase = { ...this.phase, at: Math.max(0, this.phase.at - 1) };
      return;
    }
    if (phase.step === "sweep") {
      await this.sweep(length);
      return;
    }
    const found = await this.strangers(length, 16, phase.dry === 0 ? 2048 : 8192);
    if (found.length > 0) {
      this.phase = { ...phase, dry: 0 };
      await this.attempt(await this.mostTelling(found, length), length);
    } else if (phase.dry < 2) this.phase = { ...phase, dry: phase.dry + 1 };
    else this.phase = { length: phase.length, step: "sweep", dry: 0, at: 0 };
  }

  /**
   * Random words miss what few words are of: words near those of the forms known, their operands at registers of no
   * special meaning, with each one or two of the other bits flipped.
   */
  private async sweep(length: number): Promise<void> {
    const { phase, probe } = this;
    const bases = this.forms.filter((f) => f.length === length);
    const form = bases[phase.at];
    if (!form) {
      const more = phase.length + 1 < this.o.lengths.length;
      this.phase = more
        ? { length: phase.length + 1, step: "random", dry: 0, at: 0 }
        : { ...phase, step: "again", at: 0 };
      return;
    }
    this.phase = { ...phase, at: phase.at + 1 };
    let base = form.match;
    for (const f of form.regs) {
      const v = [3, 5, 6, 2, 1].find((x) => x < f.map.length && f.map[x]! >= 0 && probe.keepsAny(f.map[x]!)) ?? 0;
      base = scatter(base, f.bits, v);
    }
    const bits = Array.from({ length: 8 * length }, (_, b) => b).filter(
      (b) => !form.regs.some((f) => f.bits.includes(b)),
    );
    const words: number[] = [];
    for (const [i, a] of bits.entries()) {
      words.push(flipped(base, a));
      for (const b of bits.slice(i + 1)) words.push(flipped(flipped(base, a), b));
    }
    const found = await this.legal(
      words.filter((w) => this.unknown(w, length)),
      length,
    );
    for (const w of [...found.runs, ...found.faults.slice(0, 16)]) {
      if (!this.o.more()) return;
      if (this.unknown(w, length)) await this.attempt(w, length);
    }
  }

  private unknown(w: number, length: number): boolean {
    if (!this.probe.proper(w, length) || this.forms.some((f) => f.length === length && covers(f, w))) return false;
    return !this.failures.some((f) => f.length === length && without(differing(f.word, w), f.loose) === 0);
  }

  /** Those of some words that the oracle executes, and those that it faults on. */
  private async legal(
    words: readonly number[],
    length: number,
  ): Promise<{ runs: readonly number[]; faults: readonly number[] }> {
    if (words.length === 0) return { runs: [], faults: [] };
    const seen = await this.probe.run(
      Float64Array.from(words),
      length,
      this.probe.states(this.o.rng, words.length, "window"),
    );
    const at = (test: (outcome: number) => boolean): number[] =>
      words.filter((_, k) => seen.strayed[k] === 0 && test(seen.outcome[k]!));
    return { runs: at((o) => o === RAN), faults: at((o) => o !== RAN && o !== SIGILL && o < 200) };
  }

  /** Legal words that no form covers. */
  private async strangers(length: number, want: number, tries: number): Promise<number[]> {
    const { rng } = this.o;
    const out: number[] = [];
    const faulting: number[] = [];
    let legal = 0;
    let known = 0;
    const part = 512;
    for (let done = 0; done < tries && out.length < want && this.o.more(); done += part) {
      const words = new Float64Array(part);
      for (let k = 0; k < part; k++) words[k] = anyWord(rng, length);
      const fresh = words.filter((w) => !this.forms.some((f) => f.length === length && covers(f, w)));
      known += part - fresh.length;
      const unseen = [...fresh].filter((w) => this.unknown(w, length));
      const { runs, faults } = await this.legal(unseen, length);
      legal += runs.length;
      out.push(...runs.slice(0, want - out.length));
      faulting.push(...faults.slice(0, want - faulting.length));
    }
    this.covered = known / Math.max(1, known + legal);
    // A word that faults may be none: it may as well name a register that is not there
    if (out.length === 0 && this.barren < BARREN) out.push(...faulting);
    return out;
  }

  /** Of some words the one with the most operands: a form is learned from its most general word. */
  private async mostTelling(words: readonly number[], length: number): Promise<number> {
    const scene: Scene = { n: 4, state: this.probe.states(this.o.rng, 4, "random"), memory: undefined };
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
    const out = await this.understood(word, length);
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

  /** A word that breaks the learner is one it does not understand; an oracle that breaks ends it all. */
  private async understood(word: number, length: number): Promise<Outcome> {
    try {
      return await this.learner.learn(word, length, this.phase.step === "again");
    } catch (error) {
      if (error instanceof OracleError) throw error;
      return { form: undefined, why: `it broke the learner: ${String(error)}`, loose: 0 };
    }
  }

  /** Keeps a form; forms of which every word is one of its own go. */
  private add(form: Form): void {
    const inside = (f: Form): boolean =>
      f.length === form.length &&
      without(form.mask, f.mask) === 0 &&
      fits(f.match, form.match, form.mask) &&
      f.where.length >= 0;
    for (let i = this.forms.length - 1; i >= 0; i--) if (inside(this.forms[i]!)) this.forms.splice(i, 1);
    this.forms.push(form);
    for (let i = this.failures.length - 1; i >= 0; i--)
      if (covers(form, this.failures[i]!.word)) this.failures.splice(i, 1);
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
