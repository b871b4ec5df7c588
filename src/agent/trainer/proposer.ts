import { grammar } from "../translator/grammar.ts";
import type { Production, Sort } from "../translator/production.ts";
import type { Expr, Leaf } from "../translator/search.ts";
import { put, type Rng } from "../translator/values.ts";
import { drawWorld, run, type Task, taskOf, type World } from "./world.ts";

/** Most operations of a proposed expression. */
const SIZES = 4;

/** What a proposal chose, so that its reward reaches the choices. */
interface Choice {
  readonly among: readonly number[];
  readonly chosen: number;
}
export interface Proposal {
  readonly task: Task;
  readonly choices: readonly Choice[];
}

/**
 * Invents expressions: each choice of a production or of a size is drawn from what the proposer has come to prefer.
 * Preferences are moved by the rewards of proposals (REINFORCE), whitened by the caller.
 */
export class Proposer {
  /** By production (in the vocabulary's order), then by size. */
  readonly preference: Float32Array;
  private readonly names: ReadonlyMap<string, number>;
  private readonly sizes: number;

  constructor(names: readonly string[]) {
    this.names = new Map(names.map((n, i) => [n, i]));
    this.sizes = names.length;
    this.preference = new Float32Array(names.length + SIZES);
    // Before any reward simple operations are asked more often than odd ones
    const cost = new Map([...grammar(64), ...grammar(20)].map((r) => [r.name, r.cost]));
    names.forEach((n, i) => {
      const c = cost.get(n);
      if (c !== undefined) this.preference[i] = 0.45 * (3 - c);
    });
    // At first as many long ones as short ones of each kind are asked; the rewards decide then
    for (let i = 0; i < SIZES; i++) this.preference[this.sizes + i] = [0.5, 1, 0.4, -0.4][i]!;
  }

  propose(rng: Rng): Proposal {
    const choices: Choice[] = [];
    const world = drawWorld(rng);
    const known: Leaf[] = [];
    if (rng.below(3) === 0) {
      // A result that was found before: flags are made of it
      const e = this.expression(rng, world, known, "W", 1, []);
      known.push({ name: "%o0", sort: "W", cost: 1, value: run(e, world, known) });
    }
    const sort: Sort = rng.below(known.length > 0 ? 2 : 3) === 0 ? "B" : "W";
    const size =
      1 +
      this.choose(
        rng,
        Array.from({ length: SIZES }, (_, i) => this.sizes + i),
        choices,
      ) -
      this.sizes;
    const answer = this.expression(rng, world, known, sort, size, choices);
    return { task: taskOf(world, known, answer, sort), choices };
  }

  /** Moves the preferences by advantages, one a proposal. */
  learn(proposals: readonly Proposal[], advantages: readonly number[], rate: number): void {
    const step = new Float32Array(this.preference.length);
    proposals.forEach(({ choices }, i) => {
      for (const { among, chosen } of choices) {
        const p = this.shares(among);
        among.forEach((c, j) => {
          step[c] = step[c]! + advantages[i]! * ((c === chosen ? 1 : 0) - p[j]!);
        });
      }
    });
    for (let i = 0; i < step.length; i++)
      this.preference[i] = Math.max(-3, Math.min(3, this.preference[i]! + (rate * step[i]!) / proposals.length));
  }

  private shares(among: readonly number[]): number[] {
    const e = among.map((i) => Math.exp(this.preference[i]!));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((x) => x / sum);
  }

  private choose(rng: Rng, among: readonly number[], into: Choice[]): number {
    const p = this.shares(among);
    let u = (rng.next() >>> 0) / 2 ** 32;
    let i = 0;
    while (i < p.length - 1 && u >= p[i]!) u -= p[i++]!;
    into.push({ among, chosen: among[i]! });
    return among[i]!;
  }

  private expression(
    rng: Rng,
    world: World,
    known: readonly Leaf[],
    sort: Sort,
    size: number,
    choices: Choice[],
  ): Expr {
    if (size <= 0) return this.leaf(rng, world, known, sort);
    // An operand that is a bit must come from somewhere: from the world, or from what is left of the size
    const bits = size > 1 || this.hasBit(world, known);
    const fits = (r: Production): boolean =>
      r.result === sort && this.names.has(r.name) && (bits || !r.args.includes("B"));
    const rules = world.rules.filter(fits);
    const chosen = this.choose(
      rng,
      rules.map((r) => this.names.get(r.name)!),
      choices,
    );
    const rule = rules.find((r) => this.names.get(r.name) === chosen)!;
    // What is left of the size goes to the arguments
    const sizes = rule.args.map(() => 0);
    for (let left = size - 1; left > 0; left--) sizes[rng.below(sizes.length)]!++;
    rule.args.forEach((s, i) => {
      if (s === "B" && sizes[i] === 0 && !this.hasBit(world, known)) sizes[i] = 1;
    });
    return {
      k: "apply",
      rule,
      args: rule.args.map((s, i) => this.expression(rng, world, known, s, sizes[i]!, choices)),
    };
  }

  private hasBit(world: World, known: readonly Leaf[]): boolean {
    return world.operands.some((l) => l.sort === "B") || known.some((l) => l.sort === "B");
  }

  private leaf(rng: Rng, world: World, known: readonly Leaf[], sort: Sort): Expr {
    const own = [...world.operands.filter((l) => l.name !== "%c9"), ...known, ...known].filter((l) => l.sort === sort);
    if (own.length > 0 && (sort === "B" || rng.below(6) > 0)) return { k: "leaf", leaf: rng.pick(own) };
    if (sort === "B") return { k: "leaf", leaf: constant("0:i1", "B", 0, 0) };
    const { w } = world;
    const [lo, hi] = rng.pick<readonly [number, number]>([
      [0, 0],
      [1, 0],
      [1, 0],
      [rng.pick([2, 3, 4, 8, 16]), 0],
      [w - 1, 0],
      [w, 0],
      [255, 0],
      [w <= 32 ? 1 << (w - 1) : 0, w > 32 ? 1 << (w - 33) : 0],
      [-1, -1],
    ]);
    const l = put(lo, hi, w);
    return { k: "leaf", leaf: constant(nameOf(l, put(hi, 0, Math.max(1, w - 32)), w), "W", l, w > 32 ? hi : 0) };
  }
}

const nameOf = (lo: number, hi: number, w: number): string =>
  (w <= 32 || hi === 0) && lo >= 0 && lo < 10
    ? `${lo}`
    : `0x${(w > 32 ? hi >>> 0 : 0).toString(16)}_${(lo >>> 0).toString(16)}`;

const constant = (name: string, sort: Sort, lo: number, hi: number): Leaf => ({
  name,
  sort,
  cost: 5,
  value: { lo: Int32Array.of(lo), hi: Int32Array.of(hi) },
});
