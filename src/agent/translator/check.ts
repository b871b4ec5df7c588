import { RAN } from "../../oracle/oracle.ts";

import {
  type Form,
  gather,
  leavesOf,
  offsetOf,
  type Predicted,
  predict,
  randomWord,
  type Sample,
  sourceOf,
  vectorOf,
} from "./form.ts";
import type { Probe } from "./probe.ts";
import { cellOf, makeSample, type Shots, shoot } from "./solve.ts";
import type { Rng } from "./values.ts";

/** Cases in which a form and the oracle differ. A case outside of the window says nothing, unless the word is illegal. */
export function differences(probe: Probe, form: Form, { sample, seen }: Shots): number[] {
  const p = predict(probe, form, sample);
  const next = vectorOf(probe, form, sample, { k: "next" }, probe.pcBits);
  const out: number[] = [];
  for (let k = 0; k < sample.n; k++) if (!agrees(probe, form, p, next, { sample, seen }, k)) out.push(k);
  return out;
}

function agrees(
  probe: Probe,
  form: Form,
  p: Predicted,
  next: { lo: Int32Array; hi: Int32Array },
  { sample, seen }: Shots,
  k: number,
): boolean {
  if (seen.strayed[k] === 1) return false;
  const goes = form.jump && (!p.taken || p.taken[k] === 1) ? p.target! : next;
  // Into the middle of itself: where whole pieces of code run, it goes on there
  const ahead = goes === next ? 0 : (goes.lo[k]! - seen.at[2 * k]!) * probe.unit;
  if (!probe.oracle.machine.steps && ahead > 0 && ahead < form.length) return true;
  if (seen.outcome[k] !== RAN) {
    // A jump into the case's own code goes on there
    if (goes !== next && Math.abs((goes.lo[k]! - seen.at[2 * k]!) | 0) <= 64) return true;
    return (form.load || form.store) !== undefined && !p.within[k];
  }
  if ((form.load || form.store) && !p.within[k]) return true;
  const { cells } = probe;
  const want = new Int32Array(2 * cells.length);
  for (let i = 0; i < want.length; i++) want[i] = sample.state[2 * k * cells.length + i]!;
  form.outs.forEach((o, i) => {
    const c = cellOf(form, o.to, sample.words[k]!);
    if (c < 0) return;
    const v = p.outs[i]!;
    let [lo, hi] = [v.lo[k]!, v.hi[k]!];
    if (o.to.k === "bit") {
      lo = (want[2 * c]! & ~(1 << o.to.bit)) | ((lo & 1) << o.to.bit);
      hi = want[2 * c + 1]!;
    }
    for (const [half, value] of [lo, hi].entries()) {
      const keep = probe.keeps[2 * c + half]!;
      want[2 * c + half] = (value & keep) | (probe.reads[2 * c + half]! & ~keep);
    }
  });
  for (let i = 0; i < want.length; i++) if (want[i] !== seen.state[2 * k * cells.length + i]) return false;
  const wide = probe.pcBits < 32 ? 2 ** probe.pcBits - 1 : -1;
  if ((goes.lo[k]! & wide) !== seen.pc[2 * k]!) return false;
  if (probe.pcBits > 32 && goes.hi[k]! !== seen.pc[2 * k + 1]!) return false;
  if (!sample.memory) return true;
  const size = sample.memory.length / sample.n;
  const memory = sample.memory.slice(k * size, (k + 1) * size);
  if (form.store) {
    const at = offsetOf(probe, p.storeAt!, k);
    for (let i = 0; i < form.store.bytes; i++) {
      const half = i < 4 ? p.stored!.lo[k]! >>> (8 * i) : p.stored!.hi[k]! >>> (8 * (i - 4));
      memory[at + (probe.little ? i : form.store.bytes - 1 - i)] = half;
    }
  }
  for (let i = 0; i < size; i++) if (memory[i] !== seen.memory[k * size + i]) return false;
  return true;
}

/** Shots of a form on states of all kinds; an access falls into the window. `memory`: with the window set and seen. */
export async function shotsOf(probe: Probe, rng: Rng, form: Form, n: number, memory: boolean): Promise<Shots> {
  const { words, state } = makeSample(probe, rng, form, n);
  if (form.jump) leaveHome(probe, rng, form, words, state);
  if (!memory || probe.dataSize === 0) return shoot(probe, form, words, state);
  const bytes = randomBytes(rng, n * probe.dataSize);
  if (!form.load && !form.store) {
    state.set(probe.states(rng, n, "window"));
    return shoot(probe, form, words, state, bytes);
  }
  aim(probe, rng, form, words, state);
  return shoot(probe, form, words, state, bytes);
}

/** Other words for those that would jump to themselves: an oracle waits long for the end of a loop. */
function leaveHome(probe: Probe, rng: Rng, form: Form, words: Float64Array, state: Int32Array): void {
  const n = words.length;
  const at = new Int32Array(2 * n);
  for (let k = 0; k < n; k++) at[2 * k] = 0x4000;
  for (let round = 0; round < 12; round++) {
    const p = predict(probe, form, { n, words, state, at, memory: undefined });
    let again = false;
    for (let k = 0; k < n; k++) {
      if (!p.target || (p.taken && p.taken[k] === 0) || Math.abs((p.target.lo[k]! - 0x4000) | 0) > 32) continue;
      words[k] = randomWord(rng, form);
      again = true;
    }
    if (!again) return;
  }
}

export function randomBytes(rng: Rng, n: number): Uint8Array {
  const out = new Uint8Array(n);
  for (let i = 0; i < n; i++) out[i] = rng.next() >>> 9;
  return out;
}

/** Changes a register that the address is made of so that the access falls into the window. */
function aim(probe: Probe, rng: Rng, form: Form, words: Float64Array, state: Int32Array): void {
  const access = form.load ?? form.store!;
  const n = words.length;
  const window = probe.states(rng, n, "window");
  const row = 2 * probe.cells.length;
  for (let k = 0; k < n; k++) if (k % 3 !== 2) state.set(window.subarray(k * row, (k + 1) * row), k * row);
  const sample: Sample = { n, words, state, at: new Int32Array(2 * n), memory: new Uint8Array(0) };
  const operands = [...leavesOf(access.addr.expr)].flatMap((name) => {
    const s = sourceOf(name);
    return s?.k === "field" || s?.k === "cell" ? [s] : [];
  });
  const places = probe.dataSize - access.bytes;
  for (let round = 0; round < 2; round++) {
    const p = predict(probe, form, sample);
    const addr = (form.load ? p.loadAt : p.storeAt)!;
    for (let k = 0; k < n; k++) {
      const at = offsetOf(probe, addr, k);
      if (at >= 0 && at <= places && round > 0) continue;
      const wanted = probe.dataAt + Math.floor(rng.below(places + 1) / probe.unit);
      const now = (addr.hi[k]! >>> 0) * 2 ** 32 + (addr.lo[k]! >>> 0);
      const s = operands[(k + round) % Math.max(1, operands.length)];
      if (!s) continue;
      const f = s.k === "field" ? form.regs[s.field]! : undefined;
      const cell = s.k === "cell" ? s.cell : f!.map[gather(words[k]!, f!.bits)]!;
      if (cell < 0) continue;
      const d = BigInt(wanted) - BigInt(Math.round(now)) + big(probe, state, k, cell);
      probe.setCell(state, k, cell, Number(BigInt.asIntN(32, d)), Number(BigInt.asIntN(32, d >> 32n)));
    }
  }
}

const big = (probe: Probe, state: Int32Array, k: number, cell: number): bigint =>
  (BigInt(probe.hi(state, k, cell) >>> 0) << 32n) | BigInt(probe.lo(state, k, cell) >>> 0);

/** Tests a form; gives the first shots with differences in them. */
export async function test(
  probe: Probe,
  rng: Rng,
  form: Form,
  cases: number,
): Promise<{ shots: Shots; bad: number[] } | undefined> {
  const part = 512;
  for (let done = 0; done < cases; done += part) {
    const memory = form.load !== undefined || form.store !== undefined || done === part;
    const n = Math.min(part, cases - done, memory && probe.dataSize > 256 ? 256 : part);
    const shots = await shotsOf(probe, rng, form, n, memory);
    const bad = differences(probe, form, shots);
    if (bad.length > 0) return { shots, bad };
    form.cases += n;
  }
  return undefined;
}

/** Some cases of shots, as shots of their own. */
export function pickShots(probe: Probe, { sample, seen }: Shots, which: readonly number[]): Shots {
  const row = 2 * probe.cells.length;
  const size = sample.memory ? sample.memory.length / sample.n : 0;
  const rows = (from: Int32Array, w: number): Int32Array => {
    const out = new Int32Array(which.length * w);
    which.forEach((k, i) => {
      out.set(from.subarray(k * w, (k + 1) * w), i * w);
    });
    return out;
  };
  const bytes = (from: Uint8Array): Uint8Array => {
    const out = new Uint8Array(which.length * size);
    which.forEach((k, i) => {
      out.set(from.subarray(k * size, (k + 1) * size), i * size);
    });
    return out;
  };
  return {
    sample: {
      n: which.length,
      words: Float64Array.from(which, (k) => sample.words[k]!),
      state: rows(sample.state, row),
      at: rows(sample.at, 2),
      memory: sample.memory && bytes(sample.memory),
    },
    seen: {
      outcome: Uint8Array.from(which, (k) => seen.outcome[k]!),
      at: rows(seen.at, 2),
      pc: rows(seen.pc, 2),
      state: rows(seen.state, row),
      memory: bytes(seen.memory),
      strayed: Uint8Array.from(which, (k) => seen.strayed[k]!),
    },
  };
}

export function joinShots(a: Shots, b: Shots): Shots {
  const ints = (x: Int32Array, y: Int32Array): Int32Array => {
    const out = new Int32Array(x.length + y.length);
    out.set(x);
    out.set(y, x.length);
    return out;
  };
  const bytes = (x: Uint8Array, y: Uint8Array): Uint8Array => {
    const out = new Uint8Array(x.length + y.length);
    out.set(x);
    out.set(y, x.length);
    return out;
  };
  const both = a.sample.memory !== undefined && b.sample.memory !== undefined;
  return {
    sample: {
      n: a.sample.n + b.sample.n,
      words: Float64Array.from([...a.sample.words, ...b.sample.words]),
      state: ints(a.sample.state, b.sample.state),
      at: ints(a.sample.at, b.sample.at),
      memory: both ? bytes(a.sample.memory!, b.sample.memory!) : undefined,
    },
    seen: {
      outcome: bytes(a.seen.outcome, b.seen.outcome),
      at: ints(a.seen.at, b.seen.at),
      pc: ints(a.seen.pc, b.seen.pc),
      state: ints(a.seen.state, b.seen.state),
      memory: both ? bytes(a.seen.memory, b.seen.memory) : new Uint8Array(0),
      strayed: bytes(a.seen.strayed, b.seen.strayed),
    },
  };
}
