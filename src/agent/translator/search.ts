import { ones } from "./arith.ts";
import type { Production, Sort } from "./production.ts";
import { high, maskHigh, maskLow } from "./values.ts";

/** A value by sample: low halves, and high ones where the width is above 32. */
export interface Vector {
  readonly lo: Int32Array;
  readonly hi: Int32Array;
}

/** What expressions are made of: an operand, a constant. */
export interface Leaf {
  readonly name: string;
  readonly sort: Sort;
  readonly cost: number;
  readonly value: Vector;
}

export type Expr =
  | { readonly k: "leaf"; readonly leaf: Leaf }
  | { readonly k: "apply"; readonly rule: Production; readonly args: readonly Expr[] };

export interface Target {
  readonly sort: Sort;
  /** Bits that count, from the lowest. */
  readonly w: number;
  readonly value: Vector;
}

export interface SearchOptions {
  readonly w: number;
  readonly samples: number;
  readonly leaves: readonly Leaf[];
  readonly targets: readonly Target[];
  readonly rules: readonly Production[];
  /** Cost of each rule, in the order of `rules`; absent: their own. */
  readonly costs?: ArrayLike<number>;
  /** Candidates to try. */
  readonly budget: number;
  /** True: no steps backwards from the targets; cheap where many small searches are done. */
  readonly forwards?: boolean;
}

export interface SearchResult {
  /** By target; undefined: not found. */
  readonly found: readonly (Expr | undefined)[];
  readonly tried: number;
}

/** No expression costs more. */
const MOST = 60;
const CAPACITY = 60_000;
/** Values from which a target is approached backwards. */
const MEET = 5000;

/**
 * Expressions by growing cost, those that agree on all samples once (observational equivalence), until every target is
 * met or the budget is spent. Counts candidates, not time: the same samples give the same answer on every machine.
 */
export function search(options: SearchOptions): SearchResult {
  return new Search(options).run();
}

class Search {
  private readonly o: SearchOptions;
  private readonly n: number;
  private readonly wide: boolean;
  private readonly lo: Int32Array;
  private readonly hi: Int32Array;
  private readonly rule: Int16Array;
  private readonly args: Int32Array;
  private readonly table: Int32Array;
  private readonly hashes: Int32Array;
  private readonly lists: Record<Sort, number[][]>;
  private readonly open: Set<number>;
  private readonly found: (Expr | undefined)[];
  private readonly capacity: number;
  private count = 0;
  private tried = 0;

  constructor(o: SearchOptions) {
    this.o = o;
    this.n = o.samples;
    this.wide = o.w > 32;
    const capacity = Math.min(CAPACITY, Math.max(4096, 2 * o.budget)) + o.leaves.length + 4;
    const room = roomFor(capacity * this.n);
    this.lo = room.lo;
    this.hi = this.wide ? room.hi : new Int32Array(0);
    this.capacity = capacity;
    this.rule = new Int16Array(capacity);
    this.args = new Int32Array(capacity * 3);
    let size = 1024;
    while (size < 2 * capacity) size *= 2;
    this.table = new Int32Array(size);
    this.hashes = new Int32Array(capacity);
    this.lists = { W: lists(), B: lists() };
    this.open = new Set(o.targets.keys());
    this.found = o.targets.map(() => undefined);
  }

  run(): SearchResult {
    for (const [i, leaf] of this.o.leaves.entries()) this.addLeaf(leaf, i);
    const rules = this.o.rules.map((rule, i) => ({ rule, i, cost: Math.max(1, this.o.costs?.[i] ?? rule.cost) }));
    let next = 0;
    for (let cost = 1; cost <= MOST && this.going(); cost++) {
      for (const { rule, i, cost: own } of rules) {
        if (!this.going()) break;
        if (own < cost) this.grow(rule, i, cost, cost - own);
      }
      // Backwards from the targets: dear, so each time that the pool has tripled
      if (this.o.forwards || this.open.size === 0 || this.tried < next) continue;
      next = Math.max(400, 3 * this.tried);
      this.meet();
      if (this.open.size > 0) this.branch();
    }
    if (this.open.size > 0 && !this.o.forwards) this.meet();
    if (this.open.size > 0 && !this.o.forwards) this.branch();
    return { found: this.found, tried: this.tried };
  }

  private going(): boolean {
    return this.open.size > 0 && this.tried < this.o.budget;
  }

  private addLeaf(leaf: Leaf, index: number): void {
    const to = this.count * this.n;
    this.lo.set(leaf.value.lo.subarray(0, this.n), to);
    if (this.wide) this.hi.set(leaf.value.hi.subarray(0, this.n), to);
    this.take(leaf.sort, leaf.cost, -1 - index, 0, 0, 0);
  }

  /** All applications of a rule whose arguments cost `rest` in all. */
  private grow(rule: Production, number: number, cost: number, rest: number): void {
    const [s0, s1, s2] = rule.args;
    const l0 = this.lists[s0!];
    if (s1 === undefined) {
      for (const a of l0[rest]!) if (!this.apply(rule, number, cost, a, 0, 0)) return;
      return;
    }
    const l1 = this.lists[s1];
    if (s2 === undefined) {
      for (let ca = 1; ca < rest; ca++) {
        if (rule.symmetric && ca > rest - ca) break;
        for (const a of l0[ca]!)
          for (const b of l1[rest - ca]!) {
            if (rule.symmetric && ca === rest - ca && a > b) continue;
            if (!this.apply(rule, number, cost, a, b, 0)) return;
          }
      }
      return;
    }
    const l2 = this.lists[s2];
    for (let ca = 1; ca < rest - 1; ca++)
      for (let cb = 1; cb < rest - ca; cb++) {
        if (rule.symmetric && ca > cb) continue;
        for (const a of l0[ca]!)
          for (const b of l1[cb]!)
            for (const c of l2[rest - ca - cb]!) if (!this.apply(rule, number, cost, a, b, c)) return;
      }
  }

  /** False: the search is over. */
  private apply(rule: Production, number: number, cost: number, a: number, b: number, c: number): boolean {
    const { n, lo, hi } = this;
    const { f } = rule;
    const to = this.count * n;
    let [ia, ib, ic] = [a * n, b * n, c * n];
    if (this.wide) {
      for (let i = 0; i < n; i++, ia++, ib++, ic++) {
        lo[to + i] = f(lo[ia]!, hi[ia]!, lo[ib]!, hi[ib]!, lo[ic]!, hi[ic]!);
        hi[to + i] = high;
      }
    } else {
      for (let i = 0; i < n; i++, ia++, ib++, ic++) lo[to + i] = f(lo[ia]!, 0, lo[ib]!, 0, lo[ic]!, 0);
    }
    this.tried++;
    this.take(rule.result, cost, number, a, b, c);
    return this.going();
  }

  /** Keeps the vector at the end of the pool unless it is there already. */
  private take(sort: Sort, cost: number, rule: number, a: number, b: number, c: number): void {
    const { n, lo, hi, count, table, hashes } = this;
    const from = count * n;
    const h = this.hash(from, sort);
    const mask = table.length - 1;
    let at = h & mask;
    for (; table[at] !== 0; at = (at + 1) & mask) {
      const other = table[at]! - 1;
      if (hashes[other] !== h) continue;
      const base = other * n;
      let i = 0;
      while (i < n && lo[base + i] === lo[from + i] && (!this.wide || hi[base + i] === hi[from + i])) i++;
      if (i === n) return;
    }
    this.rule[count] = rule;
    this.args[3 * count] = a;
    this.args[3 * count + 1] = b;
    this.args[3 * count + 2] = c;
    for (const t of this.open)
      if (this.o.targets[t]!.sort === sort && this.matches(this.o.targets[t]!, from)) this.solve(t, this.exprOf(count));
    if (count + 2 > this.capacity) return;
    table[at] = count + 1;
    hashes[count] = h;
    this.lists[sort][cost]!.push(count);
    this.count++;
  }

  private hash(from: number, sort: Sort): number {
    let h = sort === "W" ? 0x1234567 : 0x7654321;
    const { n, lo, hi } = this;
    for (let i = from; i < from + n; i++) {
      h = Math.imul(h ^ lo[i]!, 0x01000193);
      h ^= h >>> 15;
    }
    if (this.wide)
      for (let i = from; i < from + n; i++) {
        h = Math.imul(h ^ hi[i]!, 0x01000193);
        h ^= h >>> 13;
      }
    return h | 0;
  }

  private matches(t: Target, from: number): boolean {
    const { n, lo, hi } = this;
    const ml = maskLow(t.w);
    const mh = maskHigh(t.w);
    for (let i = 0; i < n; i++) {
      if (((lo[from + i]! ^ t.value.lo[i]!) & ml) !== 0) return false;
      if (this.wide && ((hi[from + i]! ^ t.value.hi[i]!) & mh) !== 0) return false;
    }
    return true;
  }

  private solve(target: number, expr: Expr): void {
    this.found[target] = expr;
    this.open.delete(target);
  }

  private exprOf(entry: number): Expr {
    const r = this.rule[entry]!;
    if (r < 0) return { k: "leaf", leaf: this.o.leaves[-1 - r]! };
    const rule = this.o.rules[r]!;
    return { k: "apply", rule, args: rule.args.map((_, i) => this.exprOf(this.args[3 * entry + i]!)) };
  }

  // --- from the target backwards

  /** A target that is the sum, difference or exclusive or of two values at hand. */
  private meet(): void {
    const rules = new Map(this.o.rules.map((r) => [r.name, r]));
    const ways = ["add", "xor", "sub"].flatMap((name) => rules.get(name) ?? []);
    const minus = rules.get("sub");
    const open = [...this.open].filter((t) => this.o.targets[t]!.sort === "W" && this.o.targets[t]!.w === this.o.w);
    if (!minus || open.length === 0) return;
    const words = this.lists.W.flat();
    const byStart = this.byStart(words);
    for (const t of open) {
      const { value } = this.o.targets[t]!;
      for (const e of words.slice(0, Math.min(MEET, this.o.budget >> 2))) {
        for (const way of ways) {
          // add: t - e; xor: t ^ e; sub: e - t, so that t = e - that
          const f = way.name === "xor" ? way.f : minus.f;
          const other = this.partner(byStart, f, way.name === "sub", value, e);
          if (other === undefined) continue;
          this.solve(t, { k: "apply", rule: way, args: [this.exprOf(e), this.exprOf(other)] });
          break;
        }
        if (!this.open.has(t)) break;
      }
    }
  }

  /** Entries by what they are in the first two samples. */
  private byStart(entries: readonly number[]): Map<number, number[]> {
    const { n, lo } = this;
    const out = new Map<number, number[]>();
    for (const e of entries) {
      const key = startKey(lo[e * n]!, n > 1 ? lo[e * n + 1]! : 0);
      const list = out.get(key);
      if (list) list.push(e);
      else out.set(key, [e]);
    }
    return out;
  }

  /** The entry that is `f(target, e)`, or `f(e, target)`, in all samples. */
  private partner(
    byStart: ReadonlyMap<number, readonly number[]>,
    f: Production["f"],
    swap: boolean,
    target: Vector,
    e: number,
  ): number | undefined {
    const { n, lo, hi, wide } = this;
    const at = (i: number): number => {
      const [el, eh] = [lo[e * n + i]!, wide ? hi[e * n + i]! : 0];
      const [tl, th] = [target.lo[i]!, wide ? target.hi[i]! : 0];
      return swap ? f(el, eh, tl, th, 0, 0) : f(tl, th, el, eh, 0, 0);
    };
    this.tried++;
    const candidates = byStart.get(startKey(at(0), n > 1 ? at(1) : 0));
    return candidates?.find((c) => {
      for (let i = 0; i < n; i++) {
        if (at(i) !== lo[c * n + i]!) return false;
        if (wide && high !== hi[c * n + i]!) return false;
      }
      return true;
    });
  }

  /** Targets that are one value where a condition holds and another elsewhere. */
  private branch(): void {
    const select: Record<Sort, Production | undefined> = {
      W: this.o.rules.find((r) => r.name === "select"),
      B: this.o.rules.find((r) => r.name === "bsel"),
    };
    const conditions = this.conditions();
    const all = this.setOf(() => true);
    for (const t of [...this.open]) {
      const target = this.o.targets[t]!;
      const rule = select[target.sort];
      if (!rule) continue;
      const expr = this.split(rule, this.arms(target), conditions, all, 2);
      if (expr) this.solve(t, expr);
    }
  }

  private setOf(test: (i: number) => boolean): Set64 {
    const out: Set64 = [0, 0];
    for (let i = 0; i < this.n; i++) if (test(i)) out[i >> 5] = out[i >> 5]! | (1 << (i & 31));
    return out;
  }

  /** Conditions at hand and their opposites, as the samples where they hold. */
  private conditions(): { entry: number; flip: boolean; set: Set64 }[] {
    const out: { entry: number; flip: boolean; set: Set64 }[] = [];
    const seen = new Set<string>();
    for (const entry of this.lists.B.flat().slice(0, 3000))
      for (const flip of [false, true]) {
        const set = this.setOf((i) => (this.lo[entry * this.n + i] === 1) !== flip);
        const key = `${set[0]},${set[1]}`;
        if (seen.has(key)) continue;
        seen.add(key);
        out.push({ entry, flip, set });
      }
    return out;
  }

  /** Values that are right most often, each with the samples where it is. */
  private arms(target: Target): Arm[] {
    const { n, lo, hi } = this;
    const ml = maskLow(target.w);
    const mh = maskHigh(target.w);
    const out: Arm[] = [];
    const seen = new Set<string>();
    const right = (e: number, i: number): boolean =>
      ((lo[e * n + i]! ^ target.value.lo[i]!) & ml) === 0 &&
      (!this.wide || ((hi[e * n + i]! ^ target.value.hi[i]!) & mh) === 0);
    for (const entry of this.lists[target.sort].flat().slice(0, 20_000)) {
      const set = this.setOf((i) => right(entry, i));
      const size = ones(set[0]) + ones(set[1]);
      if (size < 2) continue;
      const key = `${set[0]},${set[1]}`;
      if (seen.has(key)) continue;
      seen.add(key);
      out.push({ entry, set, size });
    }
    return out.sort((a, b) => b.size - a.size || a.entry - b.entry).slice(0, 60);
  }

  private split(
    rule: Production,
    arms: readonly Arm[],
    conditions: readonly { entry: number; flip: boolean; set: Set64 }[],
    samples: Set64,
    depth: number,
  ): Expr | undefined {
    const whole = arms.find((a) => within(samples, a.set));
    if (whole) return this.exprOf(whole.entry);
    if (depth === 0) return undefined;
    for (const arm of arms.slice(0, depth === 2 ? 16 : 40)) {
      const rest: Set64 = [samples[0] & ~arm.set[0], samples[1] & ~arm.set[1]];
      if (equal(rest, samples)) continue;
      // The last arm must have all that this one leaves
      if (depth === 1 && !arms.some((a) => within(rest, a.set))) continue;
      const kept: { entry: number; flip: boolean; set: Set64; size: number }[] = [];
      for (const c of conditions) {
        if (!within(rest, c.set)) continue;
        const set: Set64 = [samples[0] & c.set[0], samples[1] & c.set[1]];
        if (equal(set, samples)) continue;
        kept.push({ entry: c.entry, flip: c.flip, set, size: ones(set[0]) + ones(set[1]) });
      }
      kept.sort((x, y) => x.size - y.size || x.entry - y.entry);
      for (const { entry, flip, set } of kept.slice(0, depth === 2 ? 8 : 12)) {
        this.tried++;
        const other = this.split(rule, arms, conditions, set, depth - 1);
        if (!other) continue;
        const here = this.exprOf(arm.entry);
        return { k: "apply", rule, args: flip ? [this.exprOf(entry), here, other] : [this.exprOf(entry), other, here] };
      }
    }
    return undefined;
  }
}

const startKey = (a: number, b: number): number => (Math.imul(a, 0x01000193) ^ b) | 0;

/** Room for values that searches use one after the other: taken anew each time it would be most of their work. */
const room = { lo: new Int32Array(0), hi: new Int32Array(0) };
function roomFor(size: number): typeof room {
  if (room.lo.length < size) {
    room.lo = new Int32Array(size);
    room.hi = new Int32Array(size);
  }
  return room;
}

/** A set of at most 64 samples. */
type Set64 = [number, number];
interface Arm {
  readonly entry: number;
  readonly set: Set64;
  readonly size: number;
}
const within = (a: Set64, b: Set64): boolean => (a[0] & ~b[0]) === 0 && (a[1] & ~b[1]) === 0;
const equal = (a: Set64, b: Set64): boolean => a[0] === b[0] && a[1] === b[1];

function lists(): number[][] {
  return Array.from({ length: MOST + 1 }, () => []);
}

/** An expression as a rulebook says it. */
export const exprText = (e: Expr): string => (e.k === "leaf" ? e.leaf.name : e.rule.text(...e.args.map(exprText)));

export function exprSize(e: Expr): number {
  return e.k === "leaf" ? 1 : 1 + e.args.reduce((n, a) => n + exprSize(a), 0);
}

/** Computes an expression for `n` samples, given the leaves' values by name. */
export function evaluate(e: Expr, n: number, leaves: ReadonlyMap<string, Vector>): Vector {
  if (e.k === "leaf") return leaves.get(e.leaf.name) ?? e.leaf.value;
  const args = e.args.map((a) => evaluate(a, n, leaves));
  const out = { lo: new Int32Array(n), hi: new Int32Array(n) };
  const [a, b, c] = [args[0]!, args[1] ?? args[0]!, args[2] ?? args[0]!];
  const { f } = e.rule;
  for (let i = 0; i < n; i++) {
    out.lo[i] = f(a.lo[i]!, a.hi[i]!, b.lo[i]!, b.hi[i]!, c.lo[i]!, c.hi[i]!);
    out.hi[i] = high;
  }
  return out;
}
