import { RAN } from "../../oracle/oracle.ts";
import type { BitRole, Dataflow, Scene } from "./anatomy.ts";
import type { ImmField } from "./form.ts";
import type { Probe, Seen } from "./probe.ts";
import type { Production } from "./production.ts";
import { high, toBig } from "./values.ts";
import { bitAt } from "./word-bits.ts";

/** How bits of a word form a number: what a form's immediate may be. */
export type Layout = Omit<ImmField, "name">;

/** Reads an output of a run: undefined where the case does not show it. */
export type Reader = (seen: Seen, k: number) => bigint | undefined;

interface Weighed {
  readonly bit: number;
  readonly weight: bigint;
}

/** Layouts that the effect of single bits suggests, the likeliest first. `readers`: outputs with their widths. */
export function layoutsOf(
  flow: Dataflow,
  roles: readonly BitRole[],
  readers: readonly { read: Reader; w: number }[],
): Layout[] {
  const out: Layout[] = [];
  const others = roles.flatMap((r, bit) => (r.k === "other" ? [{ bit, seen: r.seen }] : []));
  for (const { read, w } of readers) {
    const additive = others.flatMap(({ bit, seen }): Weighed[] => {
      const d = constantDifference(flow, seen, read, w);
      if (d === undefined) return [];
      const weight = bitAt(flow.word, bit) === 1 ? -d : d;
      return [{ bit, weight: BigInt.asIntN(w, weight) }];
    });
    push(out, fromWeights(additive, w));
    // Counted in words of three bytes, say
    for (const unit of [3n, 5n, 7n]) {
      const counted = additive.flatMap((b) =>
        b.weight % unit === 0n ? [{ bit: b.bit, weight: b.weight / unit }] : [],
      );
      const layout = counted.length > 2 ? fromWeights(counted, w) : undefined;
      if (layout && layout.pieces.length > 2) push(out, layout);
    }
    const masks = others.flatMap(({ bit, seen }): Weighed[] => {
      const m = influence(flow, seen, read);
      const k = m === 0n || m === undefined ? -1 : log2(m & -m);
      if (m === undefined || k < 0) return [];
      if (m === 1n << BigInt(k)) return [{ bit, weight: m }];
      const up = (1n << BigInt(w)) - (1n << BigInt(k));
      return (m & up) === m && m >> BigInt(w - 1) === 1n && ones(m) * 3 > 2 * (w - k)
        ? [{ bit, weight: -(1n << BigInt(k)) }]
        : [];
    });
    push(out, fromWeights(masks, w));
  }
  return out;
}

const log2 = (v: bigint): number => v.toString(2).length - 1;
const ones = (v: bigint): number => v.toString(2).replaceAll("0", "").length;

function push(out: Layout[], layout: Layout | undefined): void {
  if (!layout) return;
  const key = JSON.stringify(layout);
  if (!out.some((l) => JSON.stringify(l) === key)) out.push(layout);
}

/** The difference that flipping a bit makes, the same in all cases that show it. */
function constantDifference(flow: Dataflow, seen: Seen, read: Reader, w: number): bigint | undefined {
  let d: bigint | undefined;
  let cases = 0;
  for (const k of flow.ran) {
    const [a, b] = [read(flow.seen, k), read(seen, k)];
    if (a === undefined || b === undefined) continue;
    const here = BigInt.asUintN(w, b - a);
    if (d !== undefined && d !== here) return undefined;
    d = here;
    cases++;
  }
  return d === undefined || d === 0n || cases < 2 ? undefined : d;
}

function influence(flow: Dataflow, seen: Seen, read: Reader): bigint | undefined {
  let m = 0n;
  for (const k of flow.ran) {
    const [a, b] = [read(flow.seen, k), read(seen, k)];
    if (a !== undefined && b !== undefined && a >= 0n && b >= 0n) m |= a ^ b;
  }
  return m;
}

/** A field from the weights of its bits: powers of two without a gap, all of one sign but perhaps the highest. */
export function fromWeights(bits: readonly Weighed[], w: number): Layout | undefined {
  const powers = bits.filter(({ weight }) => {
    const a = weight < 0n ? -weight : weight;
    return a !== 0n && (a & (a - 1n)) === 0n;
  });
  const size = (v: bigint): number => log2(v < 0n ? -v : v);
  const byPlace = new Map<number, Weighed[]>();
  for (const b of powers) byPlace.set(size(b.weight), [...(byPlace.get(size(b.weight)) ?? []), b]);
  const places = [...byPlace.keys()].filter((p) => byPlace.get(p)!.length === 1).sort((a, b) => a - b);
  if (places.length === 0) return undefined;
  // The longest run of neighbouring places
  let run: number[] = [];
  let best: number[] = [];
  for (const p of places) {
    run = run.length > 0 && run.at(-1) === p - 1 ? [...run, p] : [p];
    if (run.length > best.length) best = run;
  }
  const top = best.at(-1)!;
  const chosen = best.map((p) => byPlace.get(p)![0]!);
  const low = chosen.slice(0, -1);
  const sign = (b: Weighed): number => (b.weight < 0n ? -1 : 1);
  const common = low.length > 0 ? sign(low[0]!) : 1;
  if (low.some((b) => sign(b) !== common)) return undefined;
  // 2^(w-1) is its own negative: the highest bit of the word says nothing of the sign
  const signedTop = sign(chosen.at(-1)!) !== common && top !== w - 1;
  if (top >= 32) return shifted(chosen, best, signedTop);
  return { pieces: chosen.map((b, i) => ({ bit: b.bit, to: best[i]! })), width: top + 1, signed: signedTop };
}

/** Places above bit 31 are told from the lowest one on: an expression shifts it up. */
function shifted(bits: readonly Weighed[], places: readonly number[], signed: boolean): Layout {
  const low = places[0]!;
  return { pieces: bits.map((b, i) => ({ bit: b.bit, to: places[i]! - low })), width: places.length, signed };
}

/** A layout for an amount: the word's output is `rule(operand, c)` for a c that each bit changes by a power of two. */
export function amountLayout(
  probe: Probe,
  flow: Dataflow,
  roles: readonly BitRole[],
  scene: Scene,
  rules: readonly Production[],
  dest: number,
): Layout | undefined {
  const others = roles.flatMap((r, bit) => (r.k === "other" ? [{ bit, seen: r.seen }] : []));
  const w = probe.cells[dest]!.bits;
  for (const rule of rules.filter((r) => AMOUNTS.has(r.name)))
    for (const a of flow.inputs) {
      const solve = (seen: Seen): number | undefined => {
        for (let c = 0; c < w; c++) {
          if (flow.ran.every((k) => seen.outcome[k] !== RAN || agrees(probe, rule, scene, seen, k, a, c, dest)))
            return c;
        }
        return undefined;
      };
      const base = solve(flow.seen);
      if (base === undefined) continue;
      const weights = others.flatMap(({ bit, seen }): Weighed[] => {
        if (!flow.ran.some((k) => seen.outcome[k] === RAN)) return [];
        const c = solve(seen);
        if (c === undefined || c === base) return [];
        return [{ bit, weight: BigInt(bitAt(flow.word, bit) === 1 ? base - c : c - base) }];
      });
      const layout = fromWeights(weights, 32);
      if (layout && layout.pieces.length > 1) return { ...layout, signed: false };
    }
  return undefined;
}

const AMOUNTS = new Set(["shl", "shr", "sar", "rol", "ror", "shlw", "shrw", "sarw", "rolw", "rorw", "bit", "mul"]);

function agrees(
  probe: Probe,
  rule: Production,
  scene: Scene,
  seen: Seen,
  k: number,
  a: number,
  c: number,
  dest: number,
): boolean {
  const lo = rule.f(probe.lo(scene.state, k, a), probe.hi(scene.state, k, a), c, 0, 0, 0);
  return lo === probe.lo(seen.state, k, dest) && high === probe.hi(seen.state, k, dest);
}

export const cellReader =
  (probe: Probe, cell: number): Reader =>
  (seen, k) =>
    seen.outcome[k] === RAN ? toBig(probe.lo(seen.state, k, cell), probe.hi(seen.state, k, cell)) : undefined;
