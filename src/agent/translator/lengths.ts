import { RAN } from "../../oracle/oracle.ts";
import { bitRoles, dataflow, NONE, runWords, type Scene, sameCell, samePc } from "./anatomy.ts";
import { ones } from "./arith.ts";
import type { Probe, Seen } from "./probe.ts";
import type { Rng } from "./values.ts";
import { anyWord, byteAt, flipped, LONGEST } from "./word-bits.ts";

/** Lengths in bytes that instructions have; marks in the probe which first bytes begin those of each. */
export async function lengthsOf(probe: Probe, rng: Rng, most: number): Promise<number[]> {
  const longest = Math.min(LONGEST, most);
  return probe.oracle.machine.steps ? steppedLengths(probe, rng, longest) : wholeLengths(probe, rng, longest);
}

/** By how far the program counter moves in a step. */
async function steppedLengths(probe: Probe, rng: Rng, most: number): Promise<number[]> {
  const n = 4096;
  const words = new Float64Array(n);
  for (let k = 0; k < n; k++) words[k] = anyWord(rng, most);
  const state = probe.states(rng, n, "window");
  const seen = { ...(await probe.run(words, most, state)), before: state };
  const counts = new Map<number, number>();
  let ran = 0;
  const firsts = new Map<number, Uint16Array>();
  for (let k = 0; k < n; k++) {
    if (seen.outcome[k] !== RAN) continue;
    ran++;
    const step = (seen.pc[2 * k]! - seen.at[2 * k]!) * probe.unit;
    if (step <= 0 || step > LONGEST) continue;
    counts.set(step, (counts.get(step) ?? 0) + 1);
    const marks = firsts.get(step) ?? new Uint16Array(256);
    marks[firstByte(probe, words[k]!, most)]!++;
    firsts.set(step, marks);
  }
  const lengths = [...counts]
    .filter(([, c]) => c > ran / 20)
    .map(([l]) => l)
    .sort((a, b) => a - b);
  if (lengths.length === 1 && probe.unit === 1) {
    // The counter may count words: then bytes behind its step matter too
    const bytes = await meaningfulBytes(probe, words, seen, most, lengths[0]!);
    if (bytes > lengths[0]! && bytes % lengths[0]! === 0) {
      probe.unit = bytes / lengths[0]!;
      return [bytes];
    }
  }
  // Of a machine with several lengths: a first byte belongs to the length that it was seen with most
  if (lengths.length > 1)
    for (const l of lengths) {
      const own = firsts.get(l)!;
      const mark = (c: number, b: number): number => (lengths.every((x) => x === l || firsts.get(x)![b]! <= c) ? 1 : 0);
      probe.begins.set(l, Uint8Array.from(own, mark));
    }
  return lengths;
}

/** How many of a word's bytes change what it does, of words that step on by `step`. */
async function meaningfulBytes(
  probe: Probe,
  words: Float64Array,
  seen: Seen & { readonly before: Int32Array },
  most: number,
  step: number,
): Promise<number> {
  const picked: number[] = [];
  for (let k = 0; k < words.length && picked.length < 128; k++)
    if (seen.outcome[k] === RAN && seen.pc[2 * k]! - seen.at[2 * k]! === step) picked.push(k);
  const row = 2 * probe.cells.length;
  const state = probe.empty(picked.length);
  picked.forEach((k, i) => {
    state.set(seen.before.subarray(k * row, (k + 1) * row), i * row);
  });
  const own = Float64Array.from(picked, (k) => words[k]!);
  const base = await probe.run(own, most, state);
  let last = step;
  for (let b = step; b < most; b++) {
    const shift = 8 * (probe.little ? b : most - 1 - b);
    const other = await probe.run(
      own.map((w) => [0, 1, 2, 3, 4, 5, 6, 7].reduce((v, i) => flipped(v, shift + i), w)),
      most,
      state,
    );
    let differ = 0;
    for (let i = 0; i < picked.length; i++) {
      const same =
        base.outcome[i] === other.outcome[i] &&
        probe.cells.every((_, c) => sameCell(probe, base, i, other, i, c)) &&
        samePc(base, i, other, i);
      if (!same) differ++;
    }
    if (differ * 4 > picked.length) last = b + 1;
  }
  return last;
}

/** Where whole pieces of code run: a length is one at whose end control arrives; longer ones begin otherwise than shorter ones. */
async function wholeLengths(probe: Probe, rng: Rng, most: number): Promise<number[]> {
  const step = probe.oracle.machine.codeAlign;
  const lengths: number[] = [];
  const taken = new Uint8Array(256);
  for (let length = step; length <= most && taken.includes(0); length += step) {
    const n = 16_384;
    const words = new Float64Array(n);
    let k = 0;
    while (k < n) {
      const w = anyWord(rng, length);
      if (taken[firstByte(probe, w, length)] === 0) words[k++] = w;
    }
    const seen = await probe.run(words, length, probe.states(rng, n, "window"));
    const marks = new Uint8Array(256);
    let ran = 0;
    for (k = 0; k < n; k++) {
      if (seen.outcome[k] !== RAN || seen.pc[2 * k]! - seen.at[2 * k]! !== length / probe.unit) continue;
      marks[firstByte(probe, words[k]!, length)] = 1;
      ran++;
    }
    if (ran * 50 < n) continue;
    lengths.push(length);
    // First bytes alike in their low bits are of one length
    const alike = (b: number, u: number, v: number): boolean => ((u ^ v) & ((1 << b) - 1)) === 0;
    const group = (b: number, v: number): boolean => marks.some((o, u) => o === 1 && alike(b, u, v));
    const share = (b: number): number => marks.filter((_, v) => group(b, v)).length;
    const bits = [1, 2, 3, 4].find((b) => share(b) < 256) ?? 8;
    probe.begins.set(
      length,
      Uint8Array.from(marks, (_, v) => (group(bits, v) && taken[v] === 0 ? 1 : 0)),
    );
    for (let v = 0; v < 256; v++) if (group(bits, v)) taken[v] = 1;
  }
  return lengths;
}

const firstByte = (probe: Probe, word: number, length: number): number => byteAt(word, probe.little ? 0 : length - 1);

/**
 * The cells that instructions choose among, by number: the largest group of one width. Where flips of one bit lead to
 * registers whose numbers differ in one bit only if counting begins at 1, a register 0 that the oracle does not show
 * comes first.
 */
export async function registerFile(probe: Probe, rng: Rng, length: number): Promise<number[]> {
  const groups = new Map<number, number[]>();
  probe.cells.forEach((cell, c) => {
    if (cell.bits > 1) groups.set(cell.bits, [...(groups.get(cell.bits) ?? []), c]);
  });
  const widthOf = (g: readonly number[]): number => probe.cells[g[0]!]!.bits;
  const plain = [...groups.values()].sort((a, b) => b.length - a.length || widthOf(b) - widthOf(a))[0] ?? [];
  if (plain.length < 3) return plain;
  let fromZero = 0;
  let fromOne = 0;
  for (let tries = 0; tries < 300 && fromZero + fromOne < 24; tries++) {
    const word = anyWord(rng, length);
    if (!probe.proper(word, length)) continue;
    const scene: Scene = { n: 8, state: probe.states(rng, 8, "random"), memory: undefined };
    const [seen] = await runWords(probe, [word], length, scene);
    if (seen!.outcome.some((o) => o !== RAN)) continue;
    const flow = await dataflow(probe, word, length, scene);
    if (!flow || flow.inputs.length === 0 || flow.jumps) continue;
    for (const r of await bitRoles(probe, flow, length, scene, plain)) {
      if (r.k !== "register" || r.options.length !== 1 || r.options[0]!.to < 0) continue;
      const [a, b] = [plain.indexOf(r.options[0]!.from), plain.indexOf(r.options[0]!.to)];
      if (ones(a ^ b) === 1) fromZero++;
      if (ones((a + 1) ^ (b + 1)) === 1) fromOne++;
    }
  }
  return fromOne > fromZero ? [NONE, ...plain] : plain;
}
