import {
  type BitRole,
  bitRoles,
  type Change,
  type Dataflow,
  dataflow,
  NONE,
  runWords,
  type Scene,
  Swaps,
} from "./anatomy.ts";
import { ones } from "./arith.ts";
import { INVALID, type RegField, scatter } from "./form.ts";
import type { Probe } from "./probe.ts";
import { knownOperands, type Template } from "./templates.ts";
import { flipped } from "./word-bits.ts";

/** A register operand of a word and the bits that select it. */
export interface Operand extends RegField {
  readonly cell: number;
  readonly reads: boolean;
  readonly writes: boolean;
}

export interface Anatomy {
  readonly word: number;
  readonly flow: Dataflow;
  readonly roles: readonly BitRole[];
  readonly operands: readonly Operand[];
}

/** Bits that select one operand, by weight of the register's number; weak: seen only as the loss of the operand. */
interface Found {
  readonly cell: number;
  readonly reads: boolean;
  readonly writes: boolean;
  readonly bits: Map<number, { readonly weight: number; readonly weak: boolean; readonly to: number }>;
}

interface Look {
  readonly flow: Dataflow;
  readonly roles: readonly BitRole[];
  readonly found: Found[];
}

/**
 * Takes a word apart, three times: bits whose flip makes the word illegal may still select registers (there is no
 * register 13 of 11), and operands that become one another confuse; so the operands found are set to numbers that
 * differ in more than a bit, then to low ones, and everything is looked at again.
 */
export async function anatomyOf(
  probe: Probe,
  word: number,
  length: number,
  scene: Scene,
  file: readonly number[],
  templates: readonly Template[] = [],
): Promise<Anatomy | undefined> {
  let last: Look | undefined;
  const given = await knownOperands(probe, word, length, scene, file, templates);
  let at = given.word;
  if (given.operands.length > 0) {
    last = await look(probe, at, length, scene, file, given.operands);
    if (!last) return undefined;
    if (covered(last.flow, file, given.operands)) return finish(probe, last, length, scene, file, [], given.operands);
  }
  const seen = new Set<number>();
  const union: Found[] = [];
  const placements =
    file.length <= 5 ? [undefined, [0, 1, 2, 3], [1, 2, 0, 3], [2, 0, 1, 3], [0, 2, 1, 3], [1, 0, 2, 3]] : PLACEMENTS;
  for (const numbers of placements) {
    if (numbers) at = placed(probe, at, union, file, numbers, given.operands);
    if (seen.has(at)) continue;
    seen.add(at);
    const found: Look | undefined = await look(probe, at, length, scene, file, given.operands);
    if (!found) {
      if (last) break;
      return undefined;
    }
    last = found;
    merge(union, found.found);
    if (found.found.length === 0) break;
  }
  if (!last) return undefined;
  return finish(probe, last, length, scene, file, union, given.operands);
}

/** Register numbers that differ in two bits, then low ones, then the first again with all that is known by then. */
const PLACEMENTS = [undefined, [3, 5, 6, 9, 10, 12], [1, 2, 4, 7, 8, 11], [3, 5, 6, 9, 10, 12]];

/** Adds what another look showed; operands that share bits and a use are one. */
function merge(union: Found[], more: readonly Found[]): void {
  for (const f of more) {
    const same = union.find(
      (u) => u.reads === f.reads && u.writes === f.writes && [...f.bits.keys()].some((b) => u.bits.has(b)),
    );
    const at = same ? union.indexOf(same) : union.length;
    const bits = new Map(same?.bits);
    for (const [bit, e] of f.bits) {
      const old = bits.get(bit);
      if (!old || old.weak || !e.weak) bits.set(bit, e);
    }
    union[at] = { ...f, bits };
  }
}

/** Whether every register that matters is an operand that is known. */
function covered(flow: Dataflow, file: readonly number[], given: readonly Operand[]): boolean {
  const at = (list: readonly number[], test: (o: Operand) => boolean): boolean =>
    list.every((c) => !file.includes(c) || given.some((o) => o.cell === c && test(o)));
  return at(flow.inputs, (o) => o.reads) && at(flow.outputs, (o) => o.writes);
}

async function look(
  probe: Probe,
  word: number,
  length: number,
  scene: Scene,
  file: readonly number[],
  given: readonly Operand[],
): Promise<Look | undefined> {
  const flow = await dataflow(probe, word, length, scene);
  if (!flow) return undefined;
  const roles = await bitRoles(probe, flow, length, scene, file);
  const found: Found[] = [];
  const put = (bit: number, c: Change): void => {
    let f = found.find((x) => x.cell === c.from && x.reads === c.reads && x.writes === c.writes);
    if (!f) found.push((f = { cell: c.from, reads: c.reads, writes: c.writes, bits: new Map() }));
    const weight = file.includes(c.to) ? file.indexOf(c.from) ^ file.indexOf(c.to) : 0;
    f.bits.set(bit, { weight, weak: c.to === NONE || !probe.keepsAny(c.to), to: c.to });
  };
  roles.forEach((r, bit) => {
    if (given.some((o) => o.bits.includes(bit))) return;
    if (r.k === "register" && r.options.length === 1) put(bit, r.options[0]!);
  });
  return { flow, roles, found };
}

async function finish(
  probe: Probe,
  last: Look,
  length: number,
  scene: Scene,
  file: readonly number[],
  union: readonly Found[],
  given: readonly Operand[],
): Promise<Anatomy> {
  const { flow } = last;
  const operands: Operand[] = [...given];
  const taken = new Set(given.flatMap((o) => o.bits));
  for (const u of union) {
    // The operand as the last look has it: of the same use, with a bit in common
    const now = last.found.find(
      (f) => f.reads === u.reads && f.writes === u.writes && [...f.bits.keys()].some((b) => u.bits.has(b)),
    );
    if (!now) continue;
    const strong = [...u.bits].filter(([bit, e]) => !e.weak && !taken.has(bit));
    const binary = strong.length > 0 && strong.every(([, e]) => ones(e.weight) === 1);
    let map: { bits: readonly number[]; map: Int32Array };
    if (binary) {
      const byWeight = new Map<number, number>();
      for (const [bit, e] of strong) if (!byWeight.has(e.weight)) byWeight.set(e.weight, bit);
      for (const [bit, e] of u.bits)
        if (e.weak && ones(e.weight) === 1 && !byWeight.has(e.weight) && !taken.has(bit)) byWeight.set(e.weight, bit);
      map = numbered(file, now.cell, byWeight);
    } else map = await lookedUp(probe, flow, length, scene, file, now.cell, [...u.bits.keys()]);
    if (!map.map.some((c) => c >= 0)) continue;
    for (const b of map.bits) taken.add(b);
    operands.push({ name: "", cell: now.cell, reads: u.reads, writes: u.writes, ...map });
  }
  const roles = last.roles.map((r, bit): BitRole => {
    if ("seen" in r && given.some((o) => o.bits.includes(bit))) return { k: "register", options: [], seen: r.seen };
    return r.k === "register" && !taken.has(bit) ? { k: "other", seen: r.seen } : r;
  });
  return { word: flow.word, flow, roles, operands };
}

/** Registers by value of a field whose bits have the weights of the registers' numbers. */
function numbered(
  file: readonly number[],
  cell: number,
  byWeight: ReadonlyMap<number, number>,
): { bits: readonly number[]; map: Int32Array } {
  const weights = [...byWeight.keys()].sort((a, b) => a - b);
  const all = weights.reduce((a, b) => a | b, 0);
  const base = file.indexOf(cell) & ~all;
  const map = new Int32Array(1 << weights.length);
  for (let v = 0; v < map.length; v++) {
    const n = weights.reduce((sum, w, k) => sum | ((v >> k) & 1 ? w : 0), base);
    map[v] = file[n] ?? INVALID;
  }
  return { bits: weights.map((w) => byWeight.get(w)!), map };
}

/** Registers by value of a field, each looked up. */
async function lookedUp(
  probe: Probe,
  flow: Dataflow,
  length: number,
  scene: Scene,
  file: readonly number[],
  cell: number,
  positions: readonly number[],
): Promise<{ bits: readonly number[]; map: Int32Array }> {
  const bits = positions.slice(0, 6);
  const words = Array.from({ length: 1 << bits.length }, (_, v) => scatter(flow.word, bits, v));
  const swaps = await Swaps.of(probe, flow, length, scene, file);
  const runs = await runWords(probe, words, length, scene);
  const map = new Int32Array(words.length);
  runs.forEach((seen, v) => {
    const to = words[v] === flow.word ? cell : swaps.explain(seen, file).find((c) => c.from === cell)?.to;
    map[v] = to ?? INVALID;
  });
  return { bits, map };
}

/** The word with its operands at registers of the numbers wished for, as far as their known bits reach. */
function placed(
  probe: Probe,
  word: number,
  union: readonly Found[],
  file: readonly number[],
  numbers: readonly number[],
  given: readonly Operand[],
): number {
  let out = word;
  const used = new Set(given.map((o) => file.indexOf(o.cell)));
  for (const f of union) {
    const known = [...f.bits].filter(([, e]) => ones(e.weight) === 1);
    if (known.length === 0) continue;
    const all = known.reduce((m, [, e]) => m | e.weight, 0);
    const base = file.indexOf(f.cell) & ~all;
    let best: number | undefined;
    let cost = Number.POSITIVE_INFINITY;
    for (let n = 0; n < file.length; n++) {
      if ((n & ~all) !== base || used.has(n) || file[n] === NONE || !probe.keepsAny(file[n]!)) continue;
      const rank = numbers.indexOf(n);
      const here = rank < 0 ? 100 + n : rank;
      if (here < cost) [best, cost] = [n, here];
    }
    if (best === undefined) continue;
    used.add(best);
    for (const [bit, e] of known) {
      // A bit is flipped where the numbers differ
      if (((file.indexOf(f.cell) ^ best) & e.weight) !== 0) out = flipped(out, bit);
    }
  }
  return out;
}
