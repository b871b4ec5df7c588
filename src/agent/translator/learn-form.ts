import { RAN, SIGILL } from "../../oracle/oracle.ts";
import { move, reachingScene, type Touched, touchedBy } from "./access.ts";
import { type BitRole, goesOn, type Scene, sameCell, samePc } from "./anatomy.ts";
import { differences, joinShots, pickShots, randomBytes, shotsOf, test } from "./check.ts";
import { type Anatomy, anatomyOf, type Operand } from "./fields.ts";
import {
  type Condition,
  type Form,
  type ImmField,
  immValue,
  leavesOf,
  type Place,
  type RegField,
  randomWord,
  type Source,
  sourceOf,
} from "./form.ts";
import { amountLayout, cellReader, type Layout, layoutsOf, type Reader } from "./layouts.ts";
import { narrowed } from "./narrow.ts";
import type { Probe, Seen } from "./probe.ts";
import { addressOf, type Bench, bare, makeSample, rulesOf, type Shots, type Skeleton, shoot, solve } from "./solve.ts";
import { rememberFields, type Template } from "./templates.ts";
import { type Rng, toBig } from "./values.ts";
import { allBits, bitAt, both, flipped, withBit } from "./word-bits.ts";

/** Why a word is not understood that ran on no state. */
export const FAULTS = "it faults on every state";

export interface Outcome {
  readonly form: Form | undefined;
  /** Why there is none. */
  readonly why: string;
  /** Bits whose flip leads to a word of the same kind, as far as was seen. */
  readonly loose: number;
}

type Fields = Pick<Skeleton, "length" | "mask" | "match" | "regs" | "imms" | "where">;
type Accesses = Pick<Skeleton, "load" | "store">;

/** Cases of a sample that an expression is looked for from, where it is not found from all. */
const PART = 16;

/** Learns the form that one instruction word belongs to. */
export class FormLearner {
  readonly bench: Bench;
  readonly rng: Rng;
  /** Cells that instructions choose among. */
  readonly file: readonly number[];
  /** Cases a form is tested on. */
  readonly cases: number;
  /** Layouts of immediates seen so far, tried on new forms. */
  readonly layouts: Layout[] = [];
  /** Fields of registers seen so far. */
  readonly templates: Template[] = [];

  constructor(bench: Bench, rng: Rng, file: readonly number[], cases: number) {
    this.bench = bench;
    this.rng = rng;
    this.file = file;
    this.cases = cases;
  }

  private get probe(): Probe {
    return this.bench.probe;
  }

  private anatomy(word: number, length: number, scene: Scene): Promise<Anatomy | undefined> {
    return anatomyOf(this.probe, word, length, scene, this.file, this.templates);
  }

  plainScene(n = 12): Scene {
    const state = this.probe.empty(n);
    state.set(this.probe.states(this.rng, n >> 1, "random"));
    state.set(this.probe.states(this.rng, n - (n >> 1), "structured"), 2 * (n >> 1) * this.probe.cells.length);
    return { n, state, memory: undefined };
  }

  /** Random states, and states in which registers have one of three values. */
  private branchScene(): Scene {
    const n = 40;
    const state = this.probe.empty(n);
    state.set(this.probe.states(this.rng, 8, "random"));
    state.set(this.probe.states(this.rng, n - 8, "twins"), 16 * this.probe.cells.length);
    return { n, state, memory: undefined };
  }

  /** `hard`: it was tried before; with all of the budget, and a word may do nothing. */
  async learn(word: number, length: number, hard = false): Promise<Outcome> {
    let scene = this.plainScene();
    let plain = await this.anatomy(word, length, scene);
    let why = plain ? "it does nothing that is seen" : FAULTS;
    let loose = looseBits(plain);
    const seen = plain !== undefined && (plain.flow.outputs.length > 0 || plain.flow.jumps);
    if (plain && (plain.flow.jumps || plain.flow.outputs.every((c) => !plain?.flow.always.has(c)))) {
      // One bit of outcome a state tells little: many states in which registers often agree
      scene = this.branchScene();
      plain = (await this.anatomy(word, length, scene)) ?? plain;
    }
    const reads = plain !== undefined && plain.flow.inputs.length > 0;
    if (plain && seen && reads) {
      const out = await this.understand(plain, scene, length, hard);
      if (out.form) return out;
      why = out.why;
    }
    const reaching = await reachingScene(this.probe, this.rng, word, length);
    if (reaching) {
      const found = await this.anatomy(word, length, reaching);
      if (found) {
        loose |= looseBits(found);
        const out = await this.understand(found, reaching, length, hard);
        if (out.form) return out;
        why = `memory: ${out.why}`;
      }
    } else if (plain && !reads && (seen || hard)) {
      const out = await this.understand(plain, scene, length, hard);
      if (out.form) return out;
      why = out.why;
    }
    return failed(why, loose);
  }

  /** From a word's anatomy to a tested form. */
  private async understand(a: Anatomy, scene: Scene, length: number, hard: boolean): Promise<Outcome> {
    const { regs, dests, sources } = operandsOf(this.probe, a);
    const operands = [...sources, ...(await this.flagSources(a, scene, length, sources))];
    const touched = scene.memory ? await this.touches(a, scene, length) : undefined;
    const readers = this.readers(a, touched, length);
    const candidates = this.candidates(a, scene, readers);
    let why = "no layout of its immediate fits";
    // All with a small budget first: the right layout makes the search short
    for (const [imms, budget] of staged(candidates, hard ? this.bench.budget : this.bench.budget / 8)) {
      const fields = fieldsOf(a, length, regs, imms);
      const sources: Source[] = [...operands, ...imms.map((_, imm): Source => ({ k: "imm", imm }))];
      const bench = { ...this.bench, budget };
      const accesses = touched && (await this.accesses(bench, a, scene, fields, sources, touched));
      if (touched && !accesses) {
        why = "no expression for its address";
        continue;
      }
      const skeleton: Skeleton = {
        ...fields,
        dests,
        sources,
        jumps: a.flow.jumps,
        load: accesses?.load,
        store: accesses?.store,
      };
      const out = await this.complete(bench, skeleton);
      if (out.form && !vacuous(out.form)) {
        for (const i of out.form.imms) this.remember(i);
        rememberFields(this.templates, regs, length);
        return out;
      }
      why = out.form ? "a constant whatever its fields say" : out.why;
    }
    return failed(why);
  }

  /** Bits of fixed registers that matter on their own, where they are few: flags. */
  private async flagSources(a: Anatomy, scene: Scene, length: number, sources: readonly Source[]): Promise<Source[]> {
    const { probe } = this;
    const out: Source[] = [];
    for (const s of sources) {
      if (s.k !== "cell" || probe.cells[s.cell]!.bits < 2) continue;
      const bits = Array.from({ length: Math.min(32, probe.cells[s.cell]!.bits) }, (_, b) => b).filter(
        (b) => (probe.keeps[2 * s.cell]! >>> b) & 1,
      );
      const state = probe.empty(scene.n * bits.length);
      const memory = scene.memory && new Uint8Array(scene.memory.length * bits.length);
      bits.forEach((b, i) => {
        state.set(scene.state, i * scene.state.length);
        memory?.set(scene.memory!, i * scene.memory!.length);
        for (let k = 0; k < scene.n; k++)
          probe.setCell(
            state,
            i * scene.n + k,
            s.cell,
            probe.lo(scene.state, k, s.cell) ^ (1 << b),
            probe.hi(scene.state, k, s.cell),
          );
      });
      const seen = await probe.run(a.word, length, state, memory);
      const matters = bits.filter((_, i) =>
        a.flow.ran.some((k) => othersDiffer(probe, a.flow.seen, seen, k, i * scene.n + k, s.cell)),
      );
      if (matters.length <= 6) for (const bit of matters) out.push({ k: "bit", cell: s.cell, bit });
    }
    return out;
  }

  remember(imm: ImmField): void {
    const { name: _, ...layout } = imm;
    const key = JSON.stringify(layout);
    if (!this.layouts.some((l) => JSON.stringify(l) === key)) this.layouts.push(layout);
  }

  /** What immediates may be there: suggested by the bits' effects, by other forms, none. */
  private candidates(a: Anatomy, scene: Scene, readers: { read: Reader; w: number }[]): Layout[][] {
    const others = new Set(a.roles.flatMap((r, bit) => (r.k === "other" ? [bit] : [])));
    const free = new Set(a.roles.flatMap((r, bit) => (r.k === "other" || r.k === "inert" ? [bit] : [])));
    const own = layoutsOf(a.flow, a.roles, readers);
    const out: Layout[][] = [];
    const add = (list: Layout[]): void => {
      const key = JSON.stringify(list);
      if (!out.some((l) => JSON.stringify(l) === key)) out.push(list);
    };
    const both = (l: Layout): void => {
      add([l]);
      add([{ ...l, signed: !l.signed }]);
    };
    const bySize = (x: Layout, y: Layout): number => y.pieces.length - x.pieces.length;
    const whole = own.filter((l) => l.pieces.length > 2).sort(bySize);
    const open = this.layouts.filter((l) => l.pieces.every((p) => free.has(p.bit))).sort(bySize);
    const shown = (l: Layout): number => l.pieces.filter((p) => others.has(p.bit)).length;
    const known = open.filter((l) => shown(l) >= Math.min(2, l.pieces.length));
    // Seen before, and what is seen here is a part of it
    for (const l of known)
      if (own.some((x) => x.pieces.length > 1 && x.pieces.length <= l.pieces.length && partOf(x, l))) add([l]);
    for (let i = 0; i < whole.length; i++)
      for (let j = i + 1; j < whole.length; j++)
        if (whole[i]!.pieces.every((p) => !whole[j]!.pieces.some((q) => q.bit === p.bit))) add([whole[i]!, whole[j]!]);
    for (const l of whole) both(l);
    for (const dest of a.flow.outputs) {
      const amount = amountLayout(this.probe, a.flow, a.roles, scene, rulesOf(this.probe.cells[dest]!.bits), dest);
      if (amount) add([amount]);
    }
    for (const l of known) both(l);
    add([]);
    for (const l of own) if (l.pieces.length <= 2) add([l]);
    // Of a comparison hardly a bit shows
    for (const l of open) if (shown(l) === 1) both(l);
    return out;
  }

  private readers(
    a: Anatomy,
    touched: Map<Seen, Touched[]> | undefined,
    length: number,
  ): { read: Reader; w: number }[] {
    const { probe } = this;
    const out: { read: Reader; w: number }[] = [];
    if (touched)
      for (const kind of ["store", "load"] as const)
        if (touched.get(a.flow.seen)!.some((t) => t[kind]))
          out.push({ read: (seen, k) => this.address(touched.get(seen)?.[k]?.[kind]?.at), w: probe.pcBits });
    // Values that follow the program counter are told from where each case began
    const relative =
      (read: Reader): Reader =>
      (seen, k) => {
        const v = read(seen, k);
        return v === undefined ? undefined : v - toBig(seen.at[2 * k]!, seen.at[2 * k + 1]!);
      };
    const both = (read: Reader, w: number): void => {
      out.push({ read, w }, { read: relative(read), w });
    };
    if (a.flow.jumps)
      both(
        (seen, k) =>
          seen.outcome[k] !== RAN || goesOn(probe, seen, k, length)
            ? undefined
            : toBig(seen.pc[2 * k]!, seen.pc[2 * k + 1]!),
        probe.pcBits,
      );
    for (const c of a.flow.outputs) if (probe.cells[c]!.bits > 1) both(cellReader(probe, c), probe.cells[c]!.bits);
    return out;
  }

  private address(offset: number | undefined): bigint | undefined {
    return offset === undefined ? undefined : BigInt(this.probe.dataAt + Math.floor(offset / this.probe.unit));
  }

  /** What the word and its neighbours touch of the window. */
  private async touches(a: Anatomy, scene: Scene, length: number): Promise<Map<Seen, Touched[]>> {
    const runs: { word: number; seen: Seen }[] = [{ word: a.word, seen: a.flow.seen }];
    a.roles.forEach((r, bit) => {
      if (r.k === "other") runs.push({ word: flipped(a.word, bit), seen: r.seen });
    });
    const per = 4;
    const row = 2 * this.probe.cells.length;
    const size = scene.memory!.length / scene.n;
    // Cases at places that agree modulo four begin at the same address
    const ran = [0, 1, 2, 3].flatMap((m) => a.flow.ran.find((k) => k % per === m) ?? a.flow.ran[0]!);
    const out = new Map<Seen, Touched[]>();
    const n = runs.length * ran.length;
    const state = this.probe.empty(n);
    const memory = new Uint8Array(n * size);
    const words = new Float64Array(n);
    runs.forEach(({ word }, i) => {
      ran.forEach((k, j) => {
        const at = i * ran.length + j;
        state.set(scene.state.subarray(k * row, (k + 1) * row), at * row);
        memory.set(scene.memory!.subarray(k * size, (k + 1) * size), at * size);
        words[at] = word;
      });
    });
    const found = await touchedBy(this.probe, words, length, { n, state, memory });
    for (const [i, { word, seen }] of runs.entries()) {
      const list: Touched[] = [];
      ran.forEach((k, j) => {
        list[k] = found[i * ran.length + j]!;
      });
      const lost = i > 0 && ran.filter((k) => list[k]!.load || list[k]!.store).length < 2;
      if (lost) await this.farther(a, scene, length, word, out.get(a.flow.seen)!, list);
      out.set(seen, list);
    }
    return out;
  }

  /** A word that reaches out of the window: by which power of two its address differs from its neighbour's. */
  private async farther(
    a: Anatomy,
    scene: Scene,
    length: number,
    word: number,
    base: readonly Touched[],
    list: Touched[],
  ): Promise<void> {
    const { probe } = this;
    const row = 2 * probe.cells.length;
    const size = scene.memory!.length / scene.n;
    const picked = [0, 1, 2, 3].flatMap((m) => a.flow.ran.find((k) => k % 4 === m) ?? a.flow.ran[0]!);
    const deltas: number[] = [];
    for (let k = 0; k < Math.min(probe.pcBits, 22); k++) deltas.push(2 ** k, -(2 ** k));
    const n = picked.length * deltas.length;
    const state = probe.empty(n);
    const memory = new Uint8Array(n * size);
    deltas.forEach((d, i) => {
      picked.forEach((k, j) => {
        const at = i * picked.length + j;
        state.set(scene.state.subarray(k * row, (k + 1) * row), at * row);
        memory.set(scene.memory!.subarray(k * size, (k + 1) * size), at * size);
        move(probe, state, at, at + 1, -d);
      });
    });
    const words = new Float64Array(n).fill(word);
    const found = await touchedBy(probe, words, length, { n, state, memory });
    for (const [i, d] of deltas.entries()) {
      const hits = picked.every((k, j) =>
        (["load", "store"] as const).every((kind) => base[k]?.[kind]?.at === found[i * picked.length + j]![kind]?.at),
      );
      if (!hits) continue;
      for (const k of picked) {
        const there = (t: { at: number; bytes: number } | undefined) =>
          t && { at: t.at + d * probe.unit, bytes: t.bytes };
        list[k] = { load: there(base[k]!.load), store: there(base[k]!.store) };
      }
      return;
    }
  }

  /** Expressions for the addresses, from words of all kinds moved to where they reach the window. */
  private async accesses(
    bench: Bench,
    a: Anatomy,
    scene: Scene,
    fields: Fields,
    sources: readonly Source[],
    touched: Map<Seen, Touched[]>,
  ): Promise<Accesses | undefined> {
    const { probe } = this;
    const kinds = (["load", "store"] as const).filter((kind) => touched.get(a.flow.seen)!.some((t) => t?.[kind]));
    if (kinds.length === 0) return undefined;
    const n = 32;
    const words = new Float64Array(n);
    const state = probe.empty(n);
    const row = 2 * probe.cells.length;
    for (let k = 0; k < n; k++) {
      words[k] = randomWord(this.rng, fields);
      state.set(scene.state.subarray((k % scene.n) * row, ((k % scene.n) + 1) * row), k * row);
      const shift = fields.imms.reduce((d, i) => d + immValue(i, words[k]!) - immValue(i, a.word), 0);
      move(probe, state, k, k + 1, -shift);
    }
    const moved: Scene = { n, state, memory: randomBytes(this.rng, n * probe.dataSize) };
    const found = await touchedBy(probe, words, fields.length, moved);
    const shots = await shoot(probe, fields, words, state, moved.memory);
    const out: { load: Form["load"]; store: Skeleton["store"] } = { load: undefined, store: undefined };
    for (const kind of kinds) {
      const keep = found.flatMap((t, k) => (t[kind] ? [k] : []));
      if (keep.length < 6) return undefined;
      const bytes = Math.max(...keep.map((k) => found[k]![kind]!.bytes));
      const exact = keep.filter((k) => found[k]![kind]!.bytes === bytes);
      const target = { lo: new Int32Array(n), hi: new Int32Array(n) };
      for (const k of exact) target.lo[k] = Number(this.address(found[k]![kind]!.at));
      const other = Math.max(
        0,
        ...sources.map((x) => (x.k === "field" || x.k === "cell" ? bitsOf(probe, fields, x) : 0)),
      );
      const addr = addressOf(bench, { ...fields, sources }, shots.sample, exact, target, other, [], [{ k: "pc" }]);
      if (!addr) return undefined;
      out[kind] = { addr, bytes };
    }
    return out;
  }

  /** Searches, tests, and does both again with what was learned from the differences. */
  private async complete(bench: Bench, first: Skeleton): Promise<Outcome> {
    const { probe, rng } = this;
    let skeleton = first;
    const access = skeleton.load !== undefined || skeleton.store !== undefined;
    let shots = await this.firstShots(skeleton, access);
    let last: { form: Form; words: readonly number[] } | undefined;
    for (let round = 0; round < 16; round++) {
      const body = solve(bench, skeleton, shots) ?? (last ? undefined : this.ofMost(bench, skeleton, shots));
      if (!body) {
        // The expression found before was right but for some words
        const restricted = last && (await narrowed(probe, rng, skeleton, last.form, last.words));
        last = undefined;
        if (!restricted)
          return failed(round === 0 ? "no expression found" : "no expression fits the differences found");
        skeleton = restricted;
        shots = await this.firstShots(skeleton, access);
        continue;
      }
      const form: Form = { ...body, name: "", cases: 0 };
      const result = await test(probe, rng, form, this.cases);
      if (!result) return { form, why: "", loose: 0 };
      const words = [...new Set(result.bad.map((k) => result.shots.sample.words[k]!))].slice(0, 6);
      const illegal = [
        ...new Set(
          result.bad.filter((k) => result.shots.seen.outcome[k] === SIGILL).map((k) => result.shots.sample.words[k]!),
        ),
      ];
      if (illegal.length > 0) {
        const restricted = await narrowed(probe, rng, skeleton, form, illegal.slice(0, 6));
        if (!restricted) return failed("some words of it are illegal");
        skeleton = restricted;
        shots = await this.firstShots(skeleton, access);
        continue;
      }
      last = { form, words };
      const ran = result.bad.filter((k) => result.shots.seen.outcome[k] === RAN);
      if (ran.length === 0) return failed("it faults on some states");
      shots = joinShots(pickShots(probe, result.shots, ran.slice(0, 12)), shots);
    }
    return failed("too many corrections");
  }

  /** What most cases say: one register or value that means something else spoils a sample, but not every part of it. */
  private ofMost(bench: Bench, s: Skeleton, shots: Shots): ReturnType<typeof solve> {
    const { n } = shots.sample;
    for (let tries = 0; tries < 5 && n > 2 * PART; tries++) {
      const which = [...new Set(Array.from({ length: PART }, () => this.rng.below(n)))];
      const body = solve({ ...bench, budget: Math.min(bench.budget, 20_000) }, s, pickShots(this.probe, shots, which));
      if (!body) continue;
      const wrong = differences(this.probe, { ...body, name: "", cases: 0 }, shots);
      if (wrong.length * 3 < n) return body;
    }
    return undefined;
  }

  private async firstShots(s: Skeleton, access: boolean): Promise<Shots> {
    if (!access) {
      const { words, state } = makeSample(this.probe, this.rng, s, 120);
      return shoot(this.probe, s, words, state);
    }
    const form: Form = {
      ...bare(s),
      where: s.where,
      load: s.load,
      store: s.store && { ...s.store, value: s.store.addr },
    };
    return shotsOf(this.probe, this.rng, form, 96, true);
  }
}

/** Whether anything but one cell ended otherwise. */
function othersDiffer(probe: Probe, a: Seen, b: Seen, k: number, kb: number, but: number): boolean {
  if (a.outcome[k] !== b.outcome[kb] || !samePc(a, k, b, kb)) return true;
  return probe.cells.some((_, c) => c !== but && !sameCell(probe, a, k, b, kb, c));
}

/** Whether all bits of a layout stand in another one, equally far from each other. */
function partOf(part: Layout, whole: Layout): boolean {
  let shift: number | undefined;
  for (const p of part.pieces) {
    const q = whole.pieces.find((x) => x.bit === p.bit);
    if (!q || (shift !== undefined && q.to - p.to !== shift)) return false;
    shift = q.to - p.to;
  }
  return true;
}

/** Every candidate with a small budget, then the likeliest with all of it. */
function staged(candidates: readonly Layout[][], budget: number): [Layout[], number][] {
  const likely = [...candidates.slice(0, 3), ...candidates.filter((c) => c.length === 0)];
  return [
    ...candidates.map((c): [Layout[], number] => [c, Math.min(budget, 20_000)]),
    ...[...new Set(likely)].map((c): [Layout[], number] => [c, budget]),
  ];
}

/** A form that reads nothing although it has fields for it: what it really reads was never seen to change. */
function vacuous(form: Form): boolean {
  if (form.outs.length === 0 || form.jump || form.load || form.store) return false;
  const reads = form.outs.some((o) => [...leavesOf(o.expr)].some((name) => sourceOf(name)));
  if (reads) return false;
  let open = 0;
  const written = form.outs.flatMap((o) => (o.to.k === "field" ? form.regs[o.to.field]!.bits : []));
  for (let bit = 0; bit < 8 * form.length; bit++) if (bitAt(form.mask, bit) === 0 && !written.includes(bit)) open++;
  return open > 2;
}

const failed = (why: string, loose = 0): Outcome => ({ form: undefined, why, loose });

/** Bits of a word that only choose registers or do nothing. */
function looseBits(a: Anatomy | undefined): number {
  let m = 0;
  // Where some states fault, a bit that seems to do nothing may be one of an address that was never seen
  const sure = a?.flow.seen.outcome.every((o) => o === RAN);
  a?.roles.forEach((r, bit) => {
    if (r.k === "register" || (sure && r.k === "inert")) m = withBit(m, bit, 1);
  });
  return m;
}

function bitsOf(probe: Probe, s: Pick<Form, "regs">, x: Source): number {
  if (x.k === "field") return probe.cells[s.regs[x.field]!.map.find((c) => c >= 0)!]!.bits;
  return x.k === "cell" ? probe.cells[x.cell]!.bits : 0;
}

/** Register fields, places written, and sources of a word. */
function operandsOf(probe: Probe, a: Anatomy): { regs: RegField[]; dests: Place[]; sources: Source[] } {
  const regs: RegField[] = a.operands.map((o, i) => ({ name: `f${i}`, bits: o.bits, map: o.map }));
  const of = (cell: number, test: (o: Operand) => boolean): number =>
    a.operands.findIndex((o) => o.cell === cell && test(o));
  const dests: Place[] = [];
  const sources: Source[] = [];
  for (const cell of a.flow.outputs) {
    const i = of(cell, (o) => o.writes);
    if (!probe.keepsAny(cell)) continue;
    dests.push(i >= 0 ? { k: "field", field: i } : { k: "cell", cell });
  }
  for (const cell of a.flow.inputs) {
    const fields = a.operands.flatMap((o, i) => (o.cell === cell && o.reads ? [i] : []));
    for (const field of fields) sources.push({ k: "field", field });
    if (fields.length === 0) sources.push({ k: "cell", cell });
  }
  // What a field writes first, what is fixed afterwards, flags last
  const rank = (p: Place): number => (p.k === "field" ? 0 : p.k === "cell" && probe.cells[p.cell]!.bits > 8 ? 1 : 2);
  dests.sort((x, y) => rank(x) - rank(y));
  return { regs, dests, sources };
}

/** Fixed bits and fields, given the layouts of the immediates. */
function fieldsOf(a: Anatomy, length: number, regs: readonly RegField[], layouts: readonly Layout[]): Fields {
  let mask = allBits(length);
  const open = (bit: number): void => {
    mask = withBit(mask, bit, 0);
  };
  for (const f of regs) f.bits.forEach(open);
  for (const l of layouts) for (const p of l.pieces) open(p.bit);
  a.roles.forEach((r: BitRole, bit) => {
    if (r.k === "inert") open(bit);
  });
  const where: Condition[] = [];
  return {
    length,
    mask,
    match: both(a.word, mask),
    regs,
    imms: layouts.map((l, i) => ({ ...l, name: `i${i}` })),
    where,
  };
}
