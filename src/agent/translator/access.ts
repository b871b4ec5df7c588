import { RAN } from "../../oracle/oracle.ts";
import { changedBytes, runWords, type Scene, slice } from "./anatomy.ts";
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
  wide: boolean,
): Promise<Scene | undefined> {
  if (probe.dataSize === 0) return undefined;
  const half = Math.floor(probe.dataSize / probe.unit / 2);
  const deltas = [0];
  for (let i = 1; i <= (wide ? 24 : 2); i++) deltas.push(i * half, -i * half);
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
  if (most < 2) return undefined;
  // The middle of the offsets that reach it
  const good = deltas.filter((_, i) => reach[i] === most).sort((x, y) => x - y);
  const delta = good[good.length >> 1]!;
  const chosen = probe.states(rng, 12, "window");
  move(probe, chosen, 0, 12, delta);
  return { n: 12, state: chosen, memory: randomBytes(rng, 12 * probe.dataSize) };
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
  const row = 2 * probe.cells.length;
  for (let i = 0; i < row; i++) if (a.state[k * row + i] !== b.state[kb * row + i]) return true;
  return a.pc[2 * k] !== b.pc[2 * kb] || a.pc[2 * k + 1] !== b.pc[2 * kb + 1];
}

/**
 * What each word touches in each case: memory is complemented in the bytes whose number has a given bit; where that
 * changes the outcome, such a byte was read. Bytes stored differ from one of two contents.
 */
export async function touchedBy(probe: Probe, words: Uint32Array, length: number, scene: Scene): Promise<Touched[]> {
  const size = scene.memory!.length / scene.n;
  const bits = Math.ceil(Math.log2(size));
  const variants = 2 * bits + 2;
  const n = scene.n * variants;
  const state = probe.empty(n);
  const memory = new Uint8Array(n * size);
  const all = new Uint32Array(n);
  for (let v = 0; v < variants; v++) {
    state.set(scene.state, v * scene.state.length);
    all.set(words, v * scene.n);
    for (let k = 0; k < scene.n; k++)
      for (let i = 0; i < size; i++) {
        const byte = scene.memory![k * size + i]!;
        const flip = v === 0 ? false : v === 1 ? true : ((i >> ((v - 2) >> 1)) & 1) === (v & 1);
        memory[(v * scene.n + k) * size + i] = flip ? byte ^ 255 : byte;
      }
  }
  const seen = await probe.run(all, length, state, memory);
  const base = slice(probe, seen, 0, scene.n);
  const out: Touched[] = [];
  for (let k = 0; k < scene.n; k++) {
    if (base.outcome[k] !== RAN) {
      out.push({ load: undefined, store: undefined });
      continue;
    }
    const changed = (v: number): boolean => {
      const at = v * scene.n + k;
      return seen.outcome[at] !== RAN || stateDiffers(probe, base, seen, k, at);
    };
    out.push({
      load: changed(1) ? located(size, bits, changed) : undefined,
      store: stored(size, scene, seen, memory, k),
    });
  }
  return out;
}

/** The range of bytes that fits what complementing by each bit of the number showed. */
function located(
  size: number,
  bits: number,
  changed: (v: number) => boolean,
): { at: number; bytes: number } | undefined {
  const signs = Array.from({ length: bits }, (_, j) => [changed(2 + 2 * j), changed(3 + 2 * j)] as const);
  for (const bytes of [1, 2, 3, 4, 5, 6, 8])
    for (let at = 0; at + bytes <= size; at++) {
      const fits = signs.every(([zero, one], j) => {
        let [z, o] = [false, false];
        for (let i = at; i < at + bytes; i++)
          if ((i >> j) & 1) o = true;
          else z = true;
        return z === zero && o === one;
      });
      if (fits) return { at, bytes };
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
