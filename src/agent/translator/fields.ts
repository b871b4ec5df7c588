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
  /** Bits that select a register, nobody knows which. */
  readonly unsure: number;
}

/**
 * Takes a word apart. Bits whose flip makes the word illegal may still select registers (there is no register 13 of
 * 11), so the operands found are set to low numbers and everything is looked at again.
 */
export async function anatomyOf(
  probe: Probe,
  word: number,
  length: number,
  scene: Scene,
  file: readonly number[],
): Promise<Anatomy | undefined> {
  let best: Anatomy | undefined;
  let at = word;
  for (let round = 0; round < 4; round++) {
    const found = await look(probe, at, length, scene, file);
    if (!found) break;
    if (best && bitsOf(found) - found.unsure <= bitsOf(best) - best.unsure) break;
    best = found;
    const next = lowered(found, file);
    if (next === at) break;
    at = next;
  }
  return best;
}

const bitsOf = (a: Anatomy): number => a.operands.reduce((n, o) => n + o.bits.length, 0);

async function look(
  probe: Probe,
  word: number,
  length: number,
  scene: Scene,
  file: readonly number[],
): Promise<Anatomy | undefined> {
  const flow = await dataflow(probe, word, length, scene);
  if (!flow) return undefined;
  const roles = await bitRoles(probe, flow, length, scene, file);
  const groups = new Map<string, { bit: number; to: number }[]>();
  const put = (bit: number, c: Change): void => {
    const key = `${c.from},${c.reads},${c.writes}`;
    groups.set(key, [...(groups.get(key) ?? []), { bit, to: c.to }]);
  };
  const clear: BitRole[] = roles.map((r, bit) => {
    if (r.k === "register" && r.options.length === 1) put(bit, r.options[0]!);
    return r;
  });
  let unsure = 0;
  roles.forEach((r, bit) => {
    if (r.k !== "register" || r.options.length === 1) return;
    // The operand that lacks a bit of this weight
    const lacking = r.options.filter(
      (c) => !(groups.get(`${c.from},${c.reads},${c.writes}`) ?? []).some((g) => g.to === c.to),
    );
    if (lacking.length === 1) put(bit, lacking[0]!);
    else {
      clear[bit] = { k: "other", seen: r.seen };
      unsure++;
    }
  });
  const operands: Operand[] = [];
  for (const [key, bits] of groups) {
    const [cell, reads, writes] = key.split(",");
    const map = await mapOf(probe, flow, length, scene, file, Number(cell), bits);
    operands.push({ name: "", cell: Number(cell), reads: reads === "true", writes: writes === "true", ...map });
  }
  const used = new Set(operands.flatMap((o) => o.bits));
  roles.forEach((r, bit) => {
    if (r.k === "register" && !used.has(bit)) clear[bit] = { k: "other", seen: r.seen };
  });
  return { word, flow, roles: clear, operands, unsure };
}

/** Registers by value of a field: number by binary weight where flips say so, else looked up one by one. */
async function mapOf(
  probe: Probe,
  flow: Dataflow,
  length: number,
  scene: Scene,
  file: readonly number[],
  cell: number,
  all: readonly { bit: number; to: number }[],
): Promise<{ bits: readonly number[]; map: Int32Array }> {
  const number = file.indexOf(cell);
  const power = (b: { to: number }): boolean => b.to !== NONE && ones(number ^ file.indexOf(b.to)) === 1;
  // Where the registers have binary numbers, a flip that loses the operand is none of its bits
  if (all.some(power) && all.every((b) => b.to === NONE || power(b)))
    return mapOfBits(probe, flow, length, scene, file, cell, all.filter(power));
  return mapOfBits(probe, flow, length, scene, file, cell, all);
}

async function mapOfBits(
  probe: Probe,
  flow: Dataflow,
  length: number,
  scene: Scene,
  file: readonly number[],
  cell: number,
  bits: readonly { bit: number; to: number }[],
): Promise<{ bits: readonly number[]; map: Int32Array }> {
  const number = file.indexOf(cell);
  const weights = bits.map(({ to }) => (to === NONE ? 0 : number ^ file.indexOf(to)));
  const binary = weights.every((w) => w > 0 && (w & (w - 1)) === 0) && new Set(weights).size === weights.length;
  const order = bits.map((_, i) => i);
  if (binary) {
    order.sort((a, b) => weights[a]! - weights[b]!);
    const all = weights.reduce((a, b) => a | b, 0);
    const map = new Int32Array(1 << bits.length);
    for (let v = 0; v < map.length; v++) {
      let n = number & ~all;
      order.forEach((i, k) => {
        if ((v >> k) & 1) n |= weights[i]!;
      });
      map[v] = file[n] ?? INVALID;
    }
    return { bits: order.map((i) => bits[i]!.bit), map };
  }
  const positions = bits.map((b) => b.bit);
  const words = Array.from({ length: 1 << bits.length }, (_, v) => scatter(flow.word, positions, v));
  const swaps = await Swaps.of(probe, flow, length, scene, file);
  const runs = await runWords(probe, words, length, scene);
  const map = new Int32Array(words.length);
  runs.forEach((seen, v) => {
    const role = words[v] === flow.word ? undefined : swaps.explain(seen, file);
    map[v] = words[v] === flow.word ? cell : (role?.find((c) => c.from === cell)?.to ?? INVALID);
  });
  return { bits: positions, map };
}

/**
 * The word with its operands at low, distinct registers whose numbers differ in more than one bit, as far as their known
 * bits reach: then no flip of a bit makes two operands one.
 */
function lowered(a: Anatomy, file: readonly number[]): number {
  let word = a.word;
  const used: number[] = [];
  const number = (cell: number): number => file.indexOf(cell);
  const apart = (cell: number): boolean => used.every((u) => ones(number(u) ^ number(cell)) > 1);
  for (const o of a.operands) {
    let best = -1;
    let cost = Number.POSITIVE_INFINITY;
    for (let v = 0; v < o.map.length; v++) {
      const cell = o.map[v]!;
      if (cell < 0 || used.includes(cell)) continue;
      // Registers below 4 but the first are best: the first is often special
      const here = (number(cell) === 0 ? 3.5 : number(cell)) + (apart(cell) ? 0 : 1000);
      if (here < cost) [best, cost] = [v, here];
    }
    if (best < 0) continue;
    used.push(o.map[best]!);
    word = scatter(word, o.bits, best);
  }
  return word;
}
