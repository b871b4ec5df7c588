import { RAN, SIGILL } from "../../oracle/oracle.ts";
import type { Probe, Seen } from "./probe.ts";
import { flipped } from "./word-bits.ts";

/** States (and memory) that words are tried on. */
export interface Scene {
  readonly n: number;
  readonly state: Int32Array;
  /** n times the same number of bytes; undefined: memory plays no part. */
  readonly memory: Uint8Array | undefined;
}

/** What an instruction word reads and writes, from watching it alone. */
export interface Dataflow {
  readonly word: number;
  readonly seen: Seen;
  /** Cases that ran to their end. */
  readonly ran: readonly number[];
  /** Cells that change, and of them those that change in nearly every case. */
  readonly outputs: readonly number[];
  readonly always: ReadonlySet<number>;
  readonly inputs: readonly number[];
  readonly jumps: boolean;
  readonly stores: boolean;
}

/** An operand that was `from` becomes `to`: where it is read, written, or both. NONE reads zero, drops writes. */
export interface Change {
  readonly from: number;
  readonly to: number;
  readonly reads: boolean;
  readonly writes: boolean;
}

/** What a bit of the word does when it is flipped. A register's change may have several explanations. */
export type BitRole =
  | { readonly k: "illegal" }
  | { readonly k: "inert" }
  | { readonly k: "register"; readonly options: readonly Change[]; readonly seen: Seen }
  | { readonly k: "other"; readonly seen: Seen };

export const NONE = -1;

const withNone = (file: readonly number[]): readonly number[] => (file.includes(NONE) ? file : [...file, NONE]);

export function memoryOf(scene: Scene, k: number): Uint8Array | undefined {
  const size = scene.memory ? scene.memory.length / scene.n : 0;
  return scene.memory?.subarray(k * size, (k + 1) * size);
}

/** Runs several words on all cases of a scene. */
export async function runWords(probe: Probe, words: readonly number[], length: number, scene: Scene): Promise<Seen[]> {
  if (words.length === 0) return [];
  const all = await probe.runAll(words, length, scene.state, scene.memory);
  return words.map((_, i) => slice(probe, all, i * scene.n, scene.n));
}

export function slice(probe: Probe, seen: Seen, from: number, n: number): Seen {
  const cells = 2 * probe.cells.length;
  const size = seen.memory.length / seen.outcome.length;
  return {
    outcome: seen.outcome.subarray(from, from + n),
    at: seen.at.subarray(2 * from, 2 * (from + n)),
    pc: seen.pc.subarray(2 * from, 2 * (from + n)),
    state: seen.state.subarray(cells * from, cells * (from + n)),
    memory: seen.memory.subarray(size * from, size * (from + n)),
    strayed: seen.strayed.subarray(from, from + n),
  };
}

const same = (probe: Probe, a: Int32Array, b: Int32Array, k: number, c: number): boolean =>
  probe.lo(a, k, c) === probe.lo(b, k, c) && probe.hi(a, k, c) === probe.hi(b, k, c);

/** Whether two runs went to the same place, or equally far from where each began. */
export function samePc(a: Seen, k: number, b: Seen, j: number): boolean {
  if (a.pc[2 * k] === b.pc[2 * j] && a.pc[2 * k + 1] === b.pc[2 * j + 1]) return true;
  return ((a.pc[2 * k]! - a.at[2 * k]!) | 0) === ((b.pc[2 * j]! - b.at[2 * j]!) | 0);
}

/** Whether a cell ended with the same value, or with one equally far from where each run began. */
export function sameCell(probe: Probe, a: Seen, k: number, b: Seen, j: number, c: number, d = c): boolean {
  const [al, bl] = [probe.lo(a.state, k, c), probe.lo(b.state, j, d)];
  if (al === bl && probe.hi(a.state, k, c) === probe.hi(b.state, j, d)) return true;
  return a.at[2 * k] !== b.at[2 * j] && ((al - a.at[2 * k]!) | 0) === ((bl - b.at[2 * j]!) | 0);
}

/** Whether control went on to the next instruction. */
export function goesOn(probe: Probe, seen: Seen, k: number, length: number): boolean {
  const step = length / probe.unit;
  return seen.pc[2 * k] === ((seen.at[2 * k]! + step) & (probe.pcBits < 32 ? 2 ** probe.pcBits - 1 : -1));
}

export async function dataflow(
  probe: Probe,
  word: number,
  length: number,
  scene: Scene,
): Promise<Dataflow | undefined> {
  const [seen] = await runWords(probe, [word], length, scene);
  const ran: number[] = [];
  for (let k = 0; k < scene.n; k++) if (seen!.outcome[k] === RAN) ran.push(k);
  if (ran.length * 3 < scene.n || ran.length < 2) return undefined;
  const { cells } = probe;
  const outputs: number[] = [];
  const always = new Set<number>();
  for (let c = 0; c < cells.length; c++) {
    const changed = ran.filter((k) => !same(probe, scene.state, seen!.state, k, c)).length;
    if (changed > 0) outputs.push(c);
    if (changed > 0 && changed >= ran.length * 0.6) always.add(c);
  }
  const jumps = ran.some((k) => !goesOn(probe, seen!, k, length));
  const stores = scene.memory !== undefined && ran.some((k) => changedBytes(scene, seen!, k).length > 0);
  const inputs = await findInputs(probe, word, length, scene, seen!);
  return { word, seen: seen!, ran, outputs, always, inputs, jumps, stores };
}

/** Offsets of bytes of the window that a case changed. */
export function changedBytes(scene: Scene, seen: Seen, k: number): number[] {
  const before = memoryOf(scene, k);
  const out: number[] = [];
  if (!before) return out;
  const at = k * before.length;
  for (let i = 0; i < before.length; i++) if (before[i] !== seen.memory[at + i]) out.push(i);
  return out;
}

/** Cells that matter: another value in them changes something else, or what is written to them. */
async function findInputs(probe: Probe, word: number, length: number, scene: Scene, base: Seen): Promise<number[]> {
  const { cells } = probe;
  const tried = cells.flatMap((_, c) => (probe.keepsAny(c) ? [c] : []));
  const all = new Int32Array(scene.state.length * tried.length);
  const memory = scene.memory ? new Uint8Array(scene.memory.length * tried.length) : undefined;
  tried.forEach((c, i) => {
    all.set(scene.state, i * scene.state.length);
    if (memory) memory.set(scene.memory!, i * scene.memory!.length);
    for (let k = 0; k < scene.n; k++) {
      const at = i * scene.n + k;
      const other = (k + 1) % scene.n;
      const [lo, hi] = [probe.lo(scene.state, other, c), probe.hi(scene.state, other, c)];
      const equal =
        same(probe, scene.state, scene.state, k, c) &&
        lo === probe.lo(scene.state, k, c) &&
        hi === probe.hi(scene.state, k, c);
      // Every third case a small change: amounts, comparisons and addresses show it best
      if (k % 3 === 2 || equal) probe.setCell(all, at, c, probe.lo(scene.state, k, c) ^ 1, probe.hi(scene.state, k, c));
      else probe.setCell(all, at, c, lo, hi);
    }
  });
  const seen = await probe.run(word, length, all, memory);
  const out: number[] = [];
  tried.forEach((c, i) => {
    for (let k = 0; k < scene.n; k++) {
      const at = i * scene.n + k;
      if (differs(probe, scene, base, k, all, seen, at, c)) {
        out.push(c);
        return;
      }
    }
  });
  return out;
}

/** Whether a case with another value in cell c ended otherwise than its original. */
function differs(
  probe: Probe,
  scene: Scene,
  base: Seen,
  k: number,
  before: Int32Array,
  seen: Seen,
  at: number,
  c: number,
): boolean {
  if (base.outcome[k] !== seen.outcome[at]) return base.outcome[k] === RAN || seen.outcome[at] === RAN;
  if (base.outcome[k] !== RAN) return false;
  if (!samePc(base, k, seen, at)) return true;
  for (let o = 0; o < probe.cells.length; o++) {
    const lo = probe.lo(seen.state, at, o);
    const hi = probe.hi(seen.state, at, o);
    if (sameCell(probe, base, k, seen, at, o)) continue;
    // What only stayed as it was set says nothing
    if (
      o === c &&
      same(probe, scene.state, base.state, k, c) &&
      lo === probe.lo(before, at, c) &&
      hi === probe.hi(before, at, c)
    )
      continue;
    return true;
  }
  if (!scene.memory) return false;
  const size = scene.memory.length / scene.n;
  for (let i = 0; i < size; i++) if (base.memory[k * size + i] !== seen.memory[at * size + i]) return true;
  return false;
}

/** What the word does with an operand taken from another cell, for each of its register operands and each cell. */
export class Swaps {
  readonly operands: readonly number[];
  private readonly seen = new Map<string, { before: Int32Array; seen: Seen }>();
  private readonly probe: Probe;
  private readonly flow: Dataflow;
  private readonly scene: Scene;

  private constructor(probe: Probe, flow: Dataflow, scene: Scene, operands: readonly number[]) {
    this.probe = probe;
    this.flow = flow;
    this.scene = scene;
    this.operands = operands;
  }

  /** `only`: the operands to look at; absent: all. */
  static async of(
    probe: Probe,
    flow: Dataflow,
    length: number,
    scene: Scene,
    file: readonly number[],
    only: readonly number[] = file,
  ): Promise<Swaps> {
    const operands = only.filter((c) => c !== NONE).filter((c) => flow.inputs.includes(c) || flow.outputs.includes(c));
    const out = new Swaps(probe, flow, scene, operands);
    const jobs: { i: number; x: number }[] = [];
    for (const i of operands)
      if (flow.inputs.includes(i))
        for (const x of withNone(file))
          if (x !== i && (x === NONE || probe.cells[x]!.bits === probe.cells[i]!.bits)) jobs.push({ i, x });
    const all = new Int32Array(scene.state.length * jobs.length);
    const memory = scene.memory ? new Uint8Array(scene.memory.length * jobs.length) : undefined;
    jobs.forEach(({ i, x }, j) => {
      all.set(scene.state, j * scene.state.length);
      if (memory) memory.set(scene.memory!, j * scene.memory!.length);
      for (let k = 0; k < scene.n; k++)
        probe.setCell(
          all,
          j * scene.n + k,
          i,
          x === NONE ? 0 : probe.lo(scene.state, k, x),
          x === NONE ? 0 : probe.hi(scene.state, k, x),
        );
    });
    if (jobs.length === 0) return out;
    const seen = await probe.run(flow.word, length, all, memory);
    jobs.forEach(({ i, x }, j) => {
      const from = j * scene.state.length;
      out.seen.set(`${i},${x}`, {
        before: all.subarray(from, from + scene.state.length),
        seen: slice(probe, seen, j * scene.n, scene.n),
      });
    });
    return out;
  }

  /** The changes of an operand that explain what another word did. */
  explain(other: Seen, file: readonly number[]): Change[] {
    const out: Change[] = [];
    for (const from of this.operands) {
      const reads = this.flow.inputs.includes(from);
      const writes = this.flow.outputs.includes(from);
      for (const to of withNone(file)) {
        if (to === from || (to === NONE && out.length > 0)) continue;
        if (reads && this.fits(other, from, to, true, false)) out.push({ from, to, reads: true, writes: false });
        else if (writes && this.fits(other, from, to, false, true)) out.push({ from, to, reads: false, writes: true });
        else if (reads && writes && this.fits(other, from, to, true, true))
          out.push({ from, to, reads: true, writes: true });
      }
    }
    return out;
  }

  private fits(other: Seen, i: number, to: number, reads: boolean, writes: boolean): boolean {
    const { probe, scene, flow } = this;
    const run = reads ? this.seen.get(`${i},${to}`) : { before: scene.state, seen: flow.seen };
    if (!run) return false;
    let ran = 0;
    for (let k = 0; k < scene.n; k++) {
      if (run.seen.outcome[k] !== other.outcome[k]) return false;
      if (other.outcome[k] !== RAN) continue;
      ran++;
      if (!samePc(run.seen, k, other, k)) return false;
      for (let c = 0; c < probe.cells.length; c++) if (!this.cellFits(run, other, k, c, i, to, writes)) return false;
      if (scene.memory) {
        const size = scene.memory.length / scene.n;
        for (let b = k * size; b < (k + 1) * size; b++) if (run.seen.memory[b] !== other.memory[b]) return false;
      }
    }
    return ran > 0;
  }

  private cellFits(
    run: { before: Int32Array; seen: Seen },
    other: Seen,
    k: number,
    c: number,
    i: number,
    to: number,
    writes: boolean,
  ): boolean {
    const { probe, scene, flow } = this;
    // The cell of the original whose fate this one should have
    let from = c;
    if (writes && c === to) from = i;
    else if (writes && c === i) return same(probe, other.state, scene.state, k, i);
    const written =
      flow.outputs.includes(from) && (flow.always.has(from) || !same(probe, run.before, run.seen.state, k, from));
    if (!probe.keepsAny(c)) return true;
    if (written) return sameCell(probe, run.seen, k, other, k, from, c);
    return same(probe, other.state, scene.state, k, c);
  }
}

/** The role of every bit of a word. */
export async function bitRoles(
  probe: Probe,
  flow: Dataflow,
  length: number,
  scene: Scene,
  file: readonly number[],
): Promise<BitRole[]> {
  const swaps = await Swaps.of(probe, flow, length, scene, file);
  const words = Array.from({ length: 8 * length }, (_, b) => flipped(flow.word, b));
  const runs = await runWords(probe, words, length, scene);
  return runs.map((seen, bit): BitRole => {
    if (!probe.proper(words[bit]!, length)) return { k: "illegal" };
    if (seen.outcome.every((o) => o === SIGILL)) return { k: "illegal" };
    if (alike(probe, scene, flow.seen, seen)) return { k: "inert" };
    const options = swaps.explain(seen, file);
    return options.length > 0 ? { k: "register", options, seen } : { k: "other", seen };
  });
}

function alike(probe: Probe, scene: Scene, a: Seen, b: Seen): boolean {
  for (let k = 0; k < scene.n; k++) {
    if (a.outcome[k] !== b.outcome[k]) return false;
    if (a.outcome[k] !== RAN) continue;
    if (!samePc(a, k, b, k)) return false;
    for (let c = 0; c < probe.cells.length; c++) if (!sameCell(probe, a, k, b, k, c)) return false;
  }
  if (scene.memory) for (let i = 0; i < a.memory.length; i++) if (a.memory[i] !== b.memory[i]) return false;
  return true;
}
