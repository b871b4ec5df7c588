import { RAN } from "../../oracle/oracle.ts";
import { changedBytes, runWords, type Scene, sameCell, samePc, slice } from "./anatomy.ts";
import { randomBytes } from "./check.ts";
import type { Probe, Seen } from "./probe.ts";
import type { Rng } from "./values.ts";

/** What a case touched of the window: first byte and number of bytes. */
export interface Touched {
  readonly load: { readonly at: number; readonly bytes: number } | undefined;
  readonly store: { readonly at: number; readonly bytes: number } | undefined;
}

/** A scene in which a word reaches the window, by how far its registers must be moved; undefined: none was found. */
export async function reachingScene(
  probe: Probe,
  rng: Rng,
  word: number,
  length: number,
  origin = 0,
): Promise<Scene | undefined> {
  if (probe.dataSize === 0) return undefined;
  const half = Math.floor(probe.dataSize / probe.unit / 2);
  const deltas = [origin];
  for (let i = 1; i <= 40; i++) deltas.push(origin + i * half, origin - i * half);
  const per = 4;
  const n = deltas.length * per;
  const state = probe.states(rng, n, "window");
  deltas.forEach((d, i) => {
    move(probe, state, i * per, (i + 1) * per, d);
  });
  const memory = randomBytes(rng, n * probe.dataSize);
  const scene: Scene = { n, state, memory };
  const [a] = await runWords(probe, [word], length, scene);
  const [b] = await runWords(probe, [word], length, { ...scene, memory: memory.map((x) => x ^ 255) });
  const reach = deltas.map((_, i) => {
    let hits = 0;
    for (let k = i * per; k < (i + 1) * per; k++)
      if (
        a!.outcome[k] === RAN &&
        b!.outcome[k] === RAN &&
        (changedBytes(scene, a!, k).length > 0 || stateDiffers(probe, a!, b!, k))
      )
        hits++;
    return hits;
  });
  const most = Math.max(...reach);
  if (most < 2) return origin === 0 ? farScene(probe, rng, word, length) : undefined;
  // The middle of the offsets that reach it
  const good = deltas.filter((_, i) => reach[i] === most).sort((x, y) => x - y);
  const delta = good[good.length >> 1]!;
  const chosen = probe.states(rng, 12, "window");
  move(probe, chosen, 0, 12, delta);
  return { n: 12, state: chosen, memory: randomBytes(rng, 12 * probe.dataSize) };
}

/** Steps of a window that registers are moved by when a word reaches nowhere near. */
const FAR = 1024;

/** Where memory ends, faults tell how far registers must be moved for a word not to. */
async function farScene(probe: Probe, rng: Rng, word: number, length: number): Promise<Scene | undefined> {
  const step = Math.floor(probe.dataSize / probe.unit);
  const most = Math.min(FAR, Math.ceil(2 ** (probe.pcBits - 1) / step));
  const deltas = Array.from({ length: 2 * most }, (_, i) => (i - most) * step);
  const state = probe.empty(deltas.length);
  const row = 2 * probe.cells.length;
  const one = probe.states(rng, 1, "window");
  deltas.forEach((d, k) => {
    state.set(one, k * row);
    move(probe, state, k, k + 1, d);
  });
  const seen = await probe.run(word, length, state);
  const ran = deltas.filter((_, k) => seen.outcome[k] === RAN);
  // Nothing is told where all runs, or nothing
  if (ran.length === 0 || ran.length === deltas.length) return undefined;
  return reachingScene(probe, rng, word, length, ran[ran.length >> 1]!);
}

/** Adds to every register wide enough to be an address. */
export function move(probe: Probe, state: Int32Array, from: number, to: number, delta: number): void {
  for (let k = from; k < to; k++)
    for (let c = 0; c < probe.cells.length; c++) {
      if (probe.cells[c]!.bits < 10) continue;
      const lo = (probe.lo(state, k, c) >>> 0) + delta;
      probe.setCell(state, k, c, lo | 0, probe.hi(state, k, c) + Math.floor(lo / 2 ** 32));
    }
}

export function stateDiffers(probe: Probe, a: Seen, b: Seen, k: number, kb = k): boolean {
  for (let c = 0; c < probe.cells.length; c++) if (!sameCell(probe, a, k, b, kb, c)) return true;
  return !samePc(a, k, b, kb);
}

/** Blocks of eight bytes, which single bytes are then looked for in. */
const BLOCK = 3;

/**
 * What each word touches in each case: memory is complemented in the blocks whose number has a given bit; where that
 * changes the outcome, something there was read. Then byte by byte. Bytes stored differ from one of two contents.
 */
export async function touchedBy(probe: Probe, words: Float64Array, length: number, scene: Scene): Promise<Touched[]> {
  const size = scene.memory!.length / scene.n;
  const bits = Math.ceil(Math.log2(size)) - BLOCK;
  const coarse = await complemented(
    probe,
    words,
    length,
    scene,
    2 * bits + 2,
    (v, _k, i) => v > 0 && (v === 1 || ((i >> (((v - 2) >> 1) + BLOCK)) & 1) === (v & 1)),
  );
  const blocks: number[] = [];
  const readers: number[] = [];
  for (let k = 0; k < scene.n; k++) {
    if (!coarse.changed(1, k)) continue;
    const block = located(size >> BLOCK, bits, (v) => coarse.changed(v, k));
    if (block === undefined) continue;
    // Cases at places that agree modulo four begin at the same address: so must their copies
    while (readers.length % 4 !== k % 4) readers.push(k);
    readers.push(k);
    blocks[k] = block;
  }
  const fine =
    readers.length > 0
      ? await singly(probe, words, length, scene, readers, blocks)
      : new Map<number, { at: number; bytes: number }>();
  return Array.from({ length: scene.n }, (_, k) => ({ load: fine.get(k), store: coarse.stored(k) }));
}

/** Which bytes of two blocks matter, for some of the cases. */
async function singly(
  probe: Probe,
  words: Float64Array,
  length: number,
  scene: Scene,
  cases: readonly number[],
  blocks: readonly number[],
): Promise<Map<number, { at: number; bytes: number }>> {
  const row = 2 * probe.cells.length;
  const size = scene.memory!.length / scene.n;
  const part: Scene = {
    n: cases.length,
    state: probe.empty(cases.length),
    memory: new Uint8Array(cases.length * size),
  };
  cases.forEach((k, j) => {
    part.state.set(scene.state.subarray(k * row, (k + 1) * row), j * row);
    part.memory!.set(scene.memory!.subarray(k * size, (k + 1) * size), j * size);
  });
  const own = Float64Array.from(cases, (k) => words[k]!);
  const seen = await complemented(
    probe,
    own,
    length,
    part,
    17,
    (v, j, i) => v > 0 && i === (blocks[cases[j]!]! << BLOCK) + v - 1,
  );
  const out = new Map<number, { at: number; bytes: number }>();
  cases.forEach((k, j) => {
    const hit = Array.from({ length: 16 }, (_, i) => i).filter((i) => seen.changed(i + 1, j));
    if (hit.length === 0) return;
    out.set(k, { at: (blocks[k]! << BLOCK) + hit[0]!, bytes: hit.at(-1)! - hit[0]! + 1 });
  });
  return out;
}

/** Runs every case with variants of its memory: `flip` says which bytes of which are complemented. */
async function complemented(
  probe: Probe,
  words: Float64Array,
  length: number,
  scene: Scene,
  variants: number,
  flip: (v: number, k: number, byte: number) => boolean,
): Promise<{
  changed: (v: number, k: number) => boolean;
  stored: (k: number) => { at: number; bytes: number } | undefined;
}> {
  const size = scene.memory!.length / scene.n;
  const n = scene.n * variants;
  const state = probe.empty(n);
  const memory = new Uint8Array(n * size);
  const all = new Float64Array(n);
  for (let v = 0; v < variants; v++) {
    state.set(scene.state, v * scene.state.length);
    all.set(words, v * scene.n);
    for (let k = 0; k < scene.n; k++)
      for (let i = 0; i < size; i++)
        memory[(v * scene.n + k) * size + i] = scene.memory![k * size + i]! ^ (flip(v, k, i) ? 255 : 0);
  }
  const seen = await probe.run(all, length, state, memory);
  const base = slice(probe, seen, 0, scene.n);
  return {
    changed: (v, k) => {
      const at = v * scene.n + k;
      return base.outcome[k] === RAN && (seen.outcome[at] !== RAN || stateDiffers(probe, base, seen, k, at));
    },
    stored: (k) => (base.outcome[k] === RAN ? stored(size, scene, seen, memory, k) : undefined),
  };
}

/** The block that fits what complementing by each bit of the number showed: alone or with the next one. */
function located(count: number, bits: number, changed: (v: number) => boolean): number | undefined {
  const signs = Array.from({ length: bits }, (_, j) => [changed(2 + 2 * j), changed(3 + 2 * j)] as const);
  for (const span of [1, 2])
    for (let at = 0; at + span <= count; at++) {
      const fits = signs.every(([zero, one], j) => {
        const low = (at >> j) & 1;
        const high = ((at + span - 1) >> j) & 1;
        return one === (low === 1 || high === 1) && zero === (low === 0 || high === 0);
      });
      if (fits) return at;
    }
  return undefined;
}

function stored(
  size: number,
  scene: Scene,
  seen: Seen,
  memory: Uint8Array,
  k: number,
): { at: number; bytes: number } | undefined {
  let [first, last] = [size, -1];
  for (const v of [0, 1]) {
    const at = (v * scene.n + k) * size;
    for (let i = 0; i < size; i++)
      if (memory[at + i] !== seen.memory[at + i]) {
        first = Math.min(first, i);
        last = Math.max(last, i);
      }
  }
  return last < 0 ? undefined : { at: first, bytes: last - first + 1 };
}
