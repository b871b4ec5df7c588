import { RAN } from "../../oracle/oracle.ts";
import {
  type Form,
  gather,
  leafName,
  loaded,
  type Out,
  type Place,
  predict,
  randomWord,
  type Sample,
  type Source,
  type Value,
  vectorOf,
} from "./form.ts";
import { grammar } from "./grammar.ts";
import type { Probe, Seen } from "./probe.ts";
import type { Production } from "./production.ts";
import { type Expr, type Leaf, search, type Target, type Vector } from "./search.ts";
import { high, put, type Rng, toBig } from "./values.ts";

/** A form whose fields are known and whose meaning is not: what to find, from what. */
export interface Skeleton extends Pick<Form, "length" | "mask" | "match" | "regs" | "imms" | "where"> {
  /** What is written: known places, in the order to solve them. */
  readonly dests: readonly Place[];
  readonly sources: readonly Source[];
  readonly jumps: boolean;
  readonly load: Form["load"];
  readonly store: { readonly addr: Value; readonly bytes: number } | undefined;
}

export interface Shots {
  readonly sample: Sample;
  readonly seen: Seen;
}

const rulesByWidth = new Map<number, readonly Production[]>();
export function rulesOf(w: number): readonly Production[] {
  let rules = rulesByWidth.get(w);
  if (!rules) rulesByWidth.set(w, (rules = grammar(w)));
  return rules;
}

/** Statistics that the progress view shows. */
export interface Effort {
  tried: number;
}

/** A value that expressions may use beside the sources: an output found before, what was loaded. */
export interface Known {
  readonly name: string;
  readonly bit: boolean;
  readonly w: number;
  readonly value: Vector;
}

/** What a search needs to know of its surroundings. */
export interface Bench {
  readonly probe: Probe;
  readonly effort: Effort;
  readonly prior: Prior | undefined;
  /** Candidates for one target. */
  readonly budget: number;
}

/** What productions and leaves cost a search, each in the order of its list. */
export interface Spending {
  readonly rules: ArrayLike<number>;
  readonly leaves: ArrayLike<number>;
}

/** Costs for a target, from what is seen of it; undefined: the grammar's own. */
export type Prior = (
  rules: readonly Production[],
  leaves: readonly Leaf[],
  target: Target,
  samples: number,
) => Spending | undefined;

/** Share of the budget that goes to a search by a prior; the rest is for what the prior misjudges. */
const BELIEVED = 0.5;

/** Finds what a skeleton's places become, from shots of it. undefined: not found within the budget. */
export function solve(bench: Bench, s: Skeleton, shots: Shots): Omit<Form, "name" | "cases"> | undefined {
  const { probe } = bench;
  const outs: Out[] = [];
  const known: Known[] = [];
  if (s.load) known.push(loadedValue(probe, s, s.load, shots.sample));
  const keep = visible(probe, s, shots);
  const take = (found: { out: Out; value: Vector } | undefined): boolean => {
    if (!found) return false;
    known.push({ name: `%o${outs.length}`, bit: isBit(probe, found.out.to), w: found.out.w, value: found.value });
    outs.push(found.out);
    return true;
  };
  for (const place of s.dests) {
    if (take(solvePlace(bench, s, shots, keep, place, known))) continue;
    if (place.k !== "cell" || probe.cells[place.cell]!.bits > 16 || probe.cells[place.cell]!.bits === 1)
      return undefined;
    // A register of flags: bit by bit
    for (const bit of changingBits(probe, shots, place.cell))
      if (!take(solvePlace(bench, s, shots, keep, { k: "bit", cell: place.cell, bit }, known))) return undefined;
  }
  const jump = s.jumps
    ? solveJump(
        bench,
        s,
        shots,
        keep,
        known.filter((x) => x.name === "%load"),
      )
    : undefined;
  if (s.jumps && !jump) return undefined;
  const value = s.store && solveStored(bench, s, s.store, shots, keep, known);
  if (s.store && !value) return undefined;
  const store = s.store && { ...s.store, value: value! };
  return {
    length: s.length,
    mask: s.mask,
    match: s.match,
    regs: s.regs,
    imms: s.imms,
    where: s.where,
    load: s.load,
    store,
    outs,
    jump,
  };
}

function loadedValue(probe: Probe, s: Skeleton, load: NonNullable<Form["load"]>, sample: Sample): Known {
  const within = new Uint8Array(sample.n).fill(1);
  const addr = predict(probe, { ...bare(s), load }, sample).loadAt!;
  return { name: "%load", bit: false, w: 8 * load.bytes, value: loaded(probe, sample, addr, load.bytes, within) };
}

const isBit = (probe: Probe, p: Place): boolean => p.k === "bit" || (p.k === "cell" && probe.cells[p.cell]!.bits === 1);

/** Cases in which every destination is a register that keeps what is written to it, no two the same. */
function visible(probe: Probe, s: Skeleton, { sample, seen }: Shots): number[] {
  const out: number[] = [];
  for (let k = 0; k < sample.n; k++) {
    if (seen.outcome[k] !== RAN) continue;
    const cells = s.dests.flatMap((d) =>
      d.k === "field"
        ? [s.regs[d.field]!.map[gather(sample.words[k]!, s.regs[d.field]!.bits)]!]
        : d.k === "cell"
          ? [d.cell]
          : [],
    );
    if (cells.some((c) => c < 0 || !probe.keepsAny(c)) || new Set(cells).size < cells.length) continue;
    out.push(k);
  }
  return out;
}

export function changingBits(probe: Probe, { sample, seen }: Shots, cell: number): number[] {
  let lo = 0;
  for (let k = 0; k < sample.n; k++)
    if (seen.outcome[k] === RAN) lo |= probe.lo(sample.state, k, cell) ^ probe.lo(seen.state, k, cell);
  return Array.from({ length: 32 }, (_, i) => i).filter((i) => (lo >>> i) & 1);
}

/** Cell a place stands for in one case. */
export function cellOf(form: Pick<Form, "regs">, place: Place, word: number): number {
  if (place.k !== "field") return place.cell;
  const f = form.regs[place.field]!;
  return f.map[gather(word, f.bits)]!;
}

function solvePlace(
  bench: Bench,
  s: Skeleton,
  shots: Shots,
  keep: readonly number[],
  place: Place,
  known: readonly Known[],
): { out: Out; value: Vector } | undefined {
  const { probe } = bench;
  const { sample, seen } = shots;
  const bit = isBit(probe, place);
  const widths = s.sources
    .filter((x) => x.k === "field" || (x.k === "cell" && probe.cells[x.cell]!.bits > 1))
    .map((x) => sourceBits(probe, s, x));
  const width =
    place.k === "field"
      ? probe.cells[s.regs[place.field]!.map.find((c) => c >= 0)!]!.bits
      : probe.cells[place.cell]!.bits;
  const w = bit
    ? Math.max(2, ...widths, ...known.map((o) => (o.bit ? 0 : o.w)))
    : Math.max(width, ...(widths.length > 0 ? [Math.min(...widths)] : []));
  const target = { lo: new Int32Array(sample.n), hi: new Int32Array(sample.n) };
  for (const k of keep) {
    const c = cellOf(s, place, sample.words[k]!);
    const [lo, hi] = [probe.lo(seen.state, k, c), probe.hi(seen.state, k, c)];
    target.lo[k] = place.k === "bit" ? (lo >>> place.bit) & 1 : lo;
    target.hi[k] = place.k === "bit" ? 0 : hi;
  }
  const expr = find(
    bench,
    s,
    sample,
    keep,
    { sort: bit ? "B" : "W", w: bit ? 1 : width, value: target },
    w,
    known,
    bit ? [place] : [place, ...PCS],
  );
  return expr && { out: { to: place, w, expr }, value: target };
}

const PCS: readonly Source[] = [{ k: "next" }, { k: "pc" }];

export function sourceBits(probe: Probe, s: Pick<Form, "regs">, x: Source): number {
  if (x.k === "field") return probe.cells[s.regs[x.field]!.map.find((c) => c >= 0)!]!.bits;
  if (x.k === "cell") return probe.cells[x.cell]!.bits;
  return x.k === "bit" ? 1 : probe.pcBits;
}

/** Searches for one target over the skeleton's sources (and further ones) at width `w`. */
export function find(
  bench: Bench,
  s: Pick<Skeleton, "regs" | "imms" | "length" | "sources">,
  sample: Sample,
  keep: readonly number[],
  target: Target,
  w: number,
  known: readonly Known[],
  extra: readonly (Source | Place)[] = [],
): Expr | undefined {
  const { probe } = bench;
  if (keep.length < 3) return undefined;
  const n = Math.min(keep.length, 64);
  const chosen = keep.slice(0, n);
  const cut = (v: Vector, bits: number): Vector => {
    const out = { lo: new Int32Array(n), hi: new Int32Array(n) };
    chosen.forEach((k, i) => {
      out.lo[i] = put(v.lo[k]!, v.hi[k]!, bits);
      out.hi[i] = high;
    });
    return out;
  };
  const leaves: Leaf[] = [];
  // Where the target is an address of code, the program counter is the likeliest operand
  const home = extra[0]?.k === "pc";
  const sources = [...s.sources];
  for (const x of extra) {
    const own: Source = x.k === "cell" && probe.cells[x.cell]!.bits === 1 ? { k: "bit", cell: x.cell, bit: 0 } : x;
    if (!sources.some((y) => leafName(y) === leafName(own) || leafName(y) === leafName(x))) sources.push(own);
  }
  for (const x of sources) {
    const bit = x.k === "bit" || (x.k === "cell" && probe.cells[x.cell]!.bits === 1);
    const source: Source = bit && x.k === "cell" ? { k: "bit", cell: x.cell, bit: 0 } : x;
    leaves.push({
      name: leafName(source),
      sort: bit ? "B" : "W",
      cost: bit ? 2 : (source.k === "pc" || source.k === "next") && !home ? 2 : 1,
      value: cut(vectorOf(probe, s, sample, source, w), bit ? 1 : w),
    });
    if (x.k === "cell" && !bit && probe.cells[x.cell]!.bits <= 8 && !isFile(probe, s, x.cell))
      for (let b = 0; b < probe.cells[x.cell]!.bits; b++) {
        const one: Source = { k: "bit", cell: x.cell, bit: b };
        if (((probe.keeps[2 * x.cell]! >>> b) & 1) === 1)
          leaves.push({ name: leafName(one), sort: "B", cost: 2, value: cut(vectorOf(probe, s, sample, one, 1), 1) });
      }
  }
  for (const o of known)
    leaves.push({ name: o.name, sort: o.bit ? "B" : "W", cost: o.bit ? 3 : 1, value: cut(o.value, o.bit ? 1 : w) });
  const value = cut(target.value, target.w);
  for (const [lo, hi, cost] of constantsFor(w, value, n, target.sort)) {
    const v = { lo: new Int32Array(n).fill(lo), hi: new Int32Array(n).fill(hi) };
    const text = toBig(lo, hi);
    leaves.push({ name: text > 9n ? `0x${text.toString(16)}` : `${text}`, sort: "W", cost, value: v });
  }
  leaves.push({ name: "0:i1", sort: "B", cost: 3, value: { lo: new Int32Array(n), hi: new Int32Array(n) } });
  const t: Target = { sort: target.sort, w: target.w, value };
  const rules = rulesOf(w);
  const plain = { w, samples: n, leaves, targets: [t], rules };
  let { budget } = bench;
  const spent = bench.prior?.(rules, leaves, t, n);
  if (spent) {
    const own = leaves.map((l, i) => ({ ...l, cost: spent.leaves[i]! }));
    const result = search({ ...plain, leaves: own, costs: spent.rules, budget: Math.ceil(BELIEVED * budget) });
    bench.effort.tried += result.tried;
    if (result.found[0]) return result.found[0];
    budget -= result.tried;
  }
  const result = search({ ...plain, budget });
  bench.effort.tried += result.tried;
  return result.found[0];
}

const isFile = (_probe: Probe, s: Pick<Form, "regs">, cell: number): boolean =>
  s.regs.some((f) => f.map.includes(cell));

/** Constants worth a leaf: small ones, the edges, and what the outputs often are. */
export function constantsFor(w: number, target: Vector, n: number, sort: "W" | "B"): [number, number, number][] {
  const out: [number, number, number][] = [];
  const seen = new Set<string>();
  const add = (lo: number, hi: number, cost: number): void => {
    const l = put(lo, hi, w);
    const h = high;
    if (seen.has(`${l},${h}`)) return;
    seen.add(`${l},${h}`);
    out.push([l, h, cost]);
  };
  add(0, 0, 3);
  add(1, 0, 3);
  if (sort === "W") {
    const counts = new Map<string, number>();
    for (let i = 0; i < n; i++)
      counts.set(`${target.lo[i]},${target.hi[i]}`, (counts.get(`${target.lo[i]},${target.hi[i]}`) ?? 0) + 1);
    const often = [...counts].filter(([, c]) => c >= 3).sort((a, b) => b[1] - a[1]);
    for (const [key] of often.slice(0, 5)) {
      const [lo, hi] = key.split(",").map(Number) as [number, number];
      add(lo, hi, 4);
    }
  }
  for (const c of [2, 4, 8, 3, 16, w - 1, w, 0xff]) add(c, 0, 5);
  add(w <= 32 ? 1 << (w - 1) : 0, w > 32 ? 1 << (w - 33) : 0, 5);
  add(-1, -1, 4);
  return out;
}

function solveJump(
  bench: Bench,
  s: Skeleton,
  shots: Shots,
  keep: readonly number[],
  known: readonly Known[],
): Form["jump"] {
  const { probe } = bench;
  const { sample, seen } = shots;
  const taken: number[] = [];
  const flag = { lo: new Int32Array(sample.n), hi: new Int32Array(sample.n) };
  const next = vectorOf(probe, s, sample, { k: "next" }, probe.pcBits);
  const target = { lo: new Int32Array(sample.n), hi: new Int32Array(sample.n) };
  for (const k of keep) {
    target.lo[k] = seen.pc[2 * k]!;
    target.hi[k] = seen.pc[2 * k + 1]!;
    if (next.lo[k] === target.lo[k] && next.hi[k] === target.hi[k]) continue;
    taken.push(k);
    flag.lo[k] = 1;
  }
  const operands = s.sources.filter((x) => x.k === "field" || x.k === "cell");
  const other = Math.max(...operands.filter((x) => sourceBits(probe, s, x) > 8).map((x) => sourceBits(probe, s, x)), 0);
  const pcs: Source[] = [{ k: "pc" }, { k: "next" }];
  const found = addressOf(bench, s, sample, taken, target, other, known, pcs);
  if (!found) return undefined;
  if (taken.length === keep.length) return { cond: undefined, target: found };
  // Where the target is the next instruction, nothing tells whether the jump was taken
  const form: Form = { ...bare(s), load: s.load, jump: { cond: undefined, target: found } };
  const p = predict(probe, form, sample).target!;
  const told = keep.filter((k) => p.lo[k] !== next.lo[k] || p.hi[k] !== next.hi[k]);
  if (told.every((k) => flag.lo[k] === 1)) return { cond: undefined, target: found };
  const wide = Math.max(2, ...operands.map((x) => sourceBits(probe, s, x)));
  const cond = find(bench, s, sample, told, { sort: "B", w: 1, value: flag }, wide, []);
  return cond && { cond: { w: wide, expr: cond }, target: found };
}

/** Cases begin at few places, and many a function of few values is a constant: the program counter counts once, in a sum. */
function straight(e: Expr): boolean {
  const count = (x: Expr): number =>
    x.k === "leaf" ? (/^%(pc|next)$/.test(x.leaf.name) ? 1 : 0) : x.args.reduce((n, a) => n + count(a), 0);
  const summed = (x: Expr): boolean =>
    count(x) === 0 || x.k === "leaf" || (/^(add|sub)$/.test(x.rule.name) && x.args.every(summed));
  return count(e) <= 1 && summed(e);
}

/** An address of code or data: computed as wide as the program counter, or as the registers. */
export function addressOf(
  bench: Bench,
  s: Pick<Skeleton, "regs" | "imms" | "length" | "sources">,
  sample: Sample,
  keep: readonly number[],
  target: Vector,
  other: number,
  known: readonly Known[],
  extra: readonly Source[],
): Value | undefined {
  const { pcBits } = bench.probe;
  for (const w of other > 0 && other !== pcBits ? [pcBits, other] : [pcBits]) {
    const expr = find(bench, s, sample, keep, { sort: "W", w: Math.min(w, pcBits), value: target }, w, known, extra);
    if (expr && straight(expr)) return { w, expr };
  }
  return undefined;
}

export function bare(s: Pick<Form, "length" | "mask" | "match" | "regs" | "imms">): Form {
  return {
    name: "",
    length: s.length,
    mask: s.mask,
    match: s.match,
    regs: s.regs,
    imms: s.imms,
    where: [],
    load: undefined,
    store: undefined,
    outs: [],
    jump: undefined,
    cases: 0,
  };
}

function solveStored(
  bench: Bench,
  s: Skeleton,
  store: { readonly addr: Value; readonly bytes: number },
  shots: Shots,
  keep: readonly number[],
  known: readonly Known[],
): Value | undefined {
  const { probe } = bench;
  const { sample, seen } = shots;
  const form: Form = { ...bare(s), load: s.load, store: { ...store, value: store.addr } };
  const p = predict(probe, form, sample);
  const size = sample.memory!.length / sample.n;
  const target = { lo: new Int32Array(sample.n), hi: new Int32Array(sample.n) };
  const inside: number[] = [];
  for (const k of keep) {
    if (!p.within[k]) continue;
    const at = ((p.storeAt!.hi[k]! >>> 0) * 2 ** 32 + (p.storeAt!.lo[k]! >>> 0) - probe.dataAt) * probe.unit;
    inside.push(k);
    for (let i = 0; i < store.bytes; i++) {
      const byte = seen.memory[k * size + at + (probe.little ? i : store.bytes - 1 - i)]!;
      if (i < 4) target.lo[k] = target.lo[k]! | (byte << (8 * i));
      else target.hi[k] = target.hi[k]! | (byte << (8 * (i - 4)));
    }
  }
  const operands = s.sources.filter((x) => x.k === "field" || x.k === "cell").map((x) => sourceBits(probe, s, x));
  const w = Math.max(8 * store.bytes, ...operands);
  const expr = find(bench, s, sample, inside, { sort: "W", w: 8 * store.bytes, value: target }, w, known);
  return expr && { w, expr };
}

/** Random words of a form on states of all kinds. */
export function makeSample(
  probe: Probe,
  rng: Rng,
  s: Pick<Form, "match" | "mask" | "regs" | "imms" | "length" | "where">,
  n: number,
): { words: Float64Array; state: Int32Array } {
  const words = new Float64Array(n);
  for (let k = 0; k < n; k++) words[k] = randomWord(rng, s);
  const half = n >> 1;
  const state = probe.empty(n);
  state.set(probe.states(rng, half, "random"));
  state.set(probe.states(rng, n - half, "structured"), 2 * half * probe.cells.length);
  // Kinds take turns, so that the first few cases have both
  const mixed = probe.empty(n);
  const row = 2 * probe.cells.length;
  for (let k = 0; k < n; k++) {
    const from = k % 2 === 0 ? k >> 1 : Math.min(n - 1, half + (k >> 1));
    mixed.set(state.subarray(from * row, (from + 1) * row), k * row);
  }
  return { words, state: mixed };
}

export async function shoot(
  probe: Probe,
  s: Pick<Form, "length">,
  words: Float64Array,
  state: Int32Array,
  memory?: Uint8Array,
): Promise<Shots> {
  const seen = await probe.run(words, s.length, state, memory);
  return { sample: { n: words.length, words, state, at: seen.at, memory }, seen };
}
