import type { Probe } from "./probe.ts";
import { type Expr, evaluate, type Vector } from "./search.ts";
import { high, maskHigh, maskLow, put, type Rng, structured } from "./values.ts";
import { anyWord, bitAt, fits, withBit, without } from "./word-bits.ts";

/** Bits of the word that select a register. */
export interface RegField {
  readonly name: string;
  /** Bits of the word, by weight. */
  readonly bits: readonly number[];
  /** Cell by value; NONE reads zero and drops writes; INVALID makes the word illegal. */
  readonly map: Int32Array;
}
export const INVALID = -2;

/** Bits of the word that form a number. */
export interface ImmField {
  readonly name: string;
  readonly pieces: readonly { readonly bit: number; readonly to: number }[];
  readonly width: number;
  readonly signed: boolean;
}

/** Where an operand of an expression comes from. */
export type Source =
  | { readonly k: "field"; readonly field: number }
  | { readonly k: "cell"; readonly cell: number }
  | { readonly k: "bit"; readonly cell: number; readonly bit: number }
  | { readonly k: "imm"; readonly imm: number }
  | { readonly k: "pc" }
  | { readonly k: "next" }
  | { readonly k: "load" }
  /** An output computed before this one. */
  | { readonly k: "out"; readonly out: number };

export type Place =
  | { readonly k: "field"; readonly field: number }
  | { readonly k: "cell"; readonly cell: number }
  | { readonly k: "bit"; readonly cell: number; readonly bit: number };

/** An expression over widths: computed at `w` bits. */
export interface Value {
  readonly w: number;
  readonly expr: Expr;
}
export interface Out extends Value {
  readonly to: Place;
}

export interface Access {
  readonly addr: Value;
  readonly bytes: number;
}

/** What a form's fields may not be: two registers the same, an immediate a value. */
export type Condition =
  | { readonly k: "distinct"; readonly a: number; readonly b: number }
  | { readonly k: "not"; readonly imm: number; readonly value: number };

/** One learned instruction form. */
export interface Form {
  name: string;
  readonly length: number;
  readonly mask: number;
  readonly match: number;
  readonly regs: readonly RegField[];
  readonly imms: readonly ImmField[];
  readonly where: readonly Condition[];
  readonly load: Access | undefined;
  readonly store: (Access & { readonly value: Value }) | undefined;
  readonly outs: readonly Out[];
  readonly jump: { readonly cond: Value | undefined; readonly target: Value } | undefined;
  /** Cases tested without a difference. */
  cases: number;
}

/** What words of one form did: samples for search and test. */
export interface Sample {
  readonly n: number;
  readonly words: Float64Array;
  readonly state: Int32Array;
  /** Where each case begins. */
  readonly at: Int32Array;
  readonly memory: Uint8Array | undefined;
}

export function gather(word: number, bits: readonly number[]): number {
  let v = 0;
  for (let k = 0; k < bits.length; k++) v |= bitAt(word, bits[k]!) << k;
  return v >>> 0;
}
export function scatter(word: number, bits: readonly number[], v: number): number {
  let w = word;
  for (let k = 0; k < bits.length; k++) w = withBit(w, bits[k]!, (v >>> k) & 1);
  return w;
}
export function immValue(f: ImmField, word: number): number {
  let v = 0;
  for (const { bit, to } of f.pieces) v |= bitAt(word, bit) << to;
  return f.signed ? (v << (32 - f.width)) >> (32 - f.width) : v >>> 0;
}

/** Whether a word is one of the form's. */
export function covers(form: Pick<Form, "mask" | "match" | "regs" | "imms" | "where">, word: number): boolean {
  if (!fits(word, form.match, form.mask)) return false;
  for (const f of form.regs) if (f.map[gather(word, f.bits)] === INVALID) return false;
  return form.where.every((c) => {
    if (c.k === "not") return immValue(form.imms[c.imm]!, word) !== c.value;
    return gather(word, form.regs[c.a]!.bits) !== gather(word, form.regs[c.b]!.bits);
  });
}

/** A name in expressions for what a source is; the row's text replaces it. */
export function leafName(s: Source): string {
  switch (s.k) {
    case "field":
      return `%f${s.field}`;
    case "cell":
      return `%c${s.cell}`;
    case "bit":
      return `%b${s.cell}.${s.bit}`;
    case "imm":
      return `%i${s.imm}`;
    case "out":
      return `%o${s.out}`;
    default:
      return `%${s.k}`;
  }
}
export function sourceOf(name: string): Source | undefined {
  const m = /^%([fcbio])(\d+)(?:\.(\d+))?$/.exec(name);
  if (!m)
    return name === "%pc"
      ? { k: "pc" }
      : name === "%next"
        ? { k: "next" }
        : name === "%load"
          ? { k: "load" }
          : undefined;
  const n = Number(m[2]);
  if (m[1] === "f") return { k: "field", field: n };
  if (m[1] === "c") return { k: "cell", cell: n };
  if (m[1] === "b") return { k: "bit", cell: n, bit: Number(m[3]) };
  return m[1] === "i" ? { k: "imm", imm: n } : { k: "out", out: n };
}

/** Values of a source over a sample, zero-extended to `w` bits or cut to them. */
export function vectorOf(
  probe: Probe,
  form: Pick<Form, "regs" | "imms" | "length">,
  sample: Sample,
  s: Source,
  w: number,
): Vector {
  const { n } = sample;
  const out = { lo: new Int32Array(n), hi: new Int32Array(n) };
  for (let k = 0; k < n; k++) {
    switch (s.k) {
      case "field": {
        const f = form.regs[s.field]!;
        const cell = f.map[gather(sample.words[k]!, f.bits)]!;
        out.lo[k] = cell < 0 ? 0 : put(probe.lo(sample.state, k, cell), probe.hi(sample.state, k, cell), w);
        out.hi[k] = cell < 0 ? 0 : high;
        break;
      }
      case "cell":
        out.lo[k] = put(probe.lo(sample.state, k, s.cell), probe.hi(sample.state, k, s.cell), w);
        out.hi[k] = high;
        break;
      case "bit": {
        const v =
          s.bit < 32 ? probe.lo(sample.state, k, s.cell) >>> s.bit : probe.hi(sample.state, k, s.cell) >>> (s.bit - 32);
        out.lo[k] = v & 1;
        break;
      }
      case "imm": {
        const v = immValue(form.imms[s.imm]!, sample.words[k]!);
        out.lo[k] = put(v, form.imms[s.imm]!.signed ? (v | 0) >> 31 : 0, w);
        out.hi[k] = high;
        break;
      }
      case "pc":
      case "next": {
        const step = s.k === "next" ? form.length / probe.unit : 0;
        const lo = (sample.at[2 * k]! >>> 0) + step;
        // The program counter is as wide as it is, however wide the sum
        out.lo[k] = put(lo | 0, sample.at[2 * k + 1]! + (lo >= 2 ** 32 ? 1 : 0), Math.min(w, probe.pcBits));
        out.hi[k] = high;
        break;
      }
      default:
        break;
    }
  }
  return out;
}

/** Names of the leaves of an expression. */
export function leavesOf(e: Expr, into: Set<string> = new Set()): Set<string> {
  if (e.k === "leaf") into.add(e.leaf.name);
  else for (const a of e.args) leavesOf(a, into);
  return into;
}

/** What a form says of a sample: values by output, whether and where it jumps, its accesses. */
export interface Predicted {
  readonly outs: readonly Vector[];
  readonly taken: Int32Array | undefined;
  readonly target: Vector | undefined;
  readonly loadAt: Vector | undefined;
  readonly storeAt: Vector | undefined;
  readonly stored: Vector | undefined;
  /** Cases whose accesses lie within the window. */
  readonly within: Uint8Array;
}

export function predict(probe: Probe, form: Form, sample: Sample): Predicted {
  const known = new Map<string, Vector>();
  const value = (v: Value): Vector => {
    const leaves = new Map<string, Vector>();
    for (const name of leavesOf(v.expr)) {
      const s = sourceOf(name);
      if (!s) continue;
      const done = known.get(name);
      leaves.set(name, done ? resized(done, v.w) : vectorOf(probe, form, sample, s, v.w));
    }
    return evaluate(constants(v.expr, sample.n), sample.n, leaves);
  };
  const within = new Uint8Array(sample.n).fill(1);
  let loadAt: Vector | undefined;
  if (form.load) {
    loadAt = value(form.load.addr);
    known.set("%load", loaded(probe, sample, loadAt, form.load.bytes, within));
  }
  const outs = form.outs.map((o, i) => {
    const v = value(o);
    known.set(`%o${i}`, v);
    return v;
  });
  const storeAt = form.store && value(form.store.addr);
  if (storeAt) loaded(probe, sample, storeAt, form.store!.bytes, within);
  return {
    outs,
    taken: form.jump?.cond && value(form.jump.cond).lo,
    target: form.jump && value(form.jump.target),
    loadAt,
    storeAt,
    stored: form.store && value(form.store.value),
    within,
  };
}

/** Constants are made for the search's samples: here for as many as there are. */
function constants(e: Expr, n: number): Expr {
  if (e.k === "apply") return { ...e, args: e.args.map((a) => constants(a, n)) };
  if (sourceOf(e.leaf.name)) return e;
  const [lo, hi] = [e.leaf.value.lo[0]!, e.leaf.value.hi[0]!];
  return { k: "leaf", leaf: { ...e.leaf, value: { lo: new Int32Array(n).fill(lo), hi: new Int32Array(n).fill(hi) } } };
}

function resized(v: Vector, w: number): Vector {
  const lo = v.lo.map((x) => x & maskLow(w));
  return { lo, hi: v.hi.map((x) => x & maskHigh(w)) };
}

/** Reads the window at each case's address; clears `within` where it is not all inside. */
export function loaded(probe: Probe, sample: Sample, addr: Vector, bytes: number, within: Uint8Array): Vector {
  const { n } = sample;
  const out = { lo: new Int32Array(n), hi: new Int32Array(n) };
  const size = sample.memory ? sample.memory.length / n : 0;
  for (let k = 0; k < n; k++) {
    const at = offsetOf(probe, addr, k);
    if (at < 0 || at + bytes > size) {
      within[k] = 0;
      continue;
    }
    for (let i = 0; i < bytes; i++) {
      const byte = sample.memory![k * size + at + (probe.little ? i : bytes - 1 - i)]!;
      if (i < 4) out.lo[k] = out.lo[k]! | (byte << (8 * i));
      else out.hi[k] = out.hi[k]! | (byte << (8 * (i - 4)));
    }
  }
  return out;
}

/** Byte of the window that an address names; negative or large: outside. */
export function offsetOf(probe: Probe, addr: Vector, k: number): number {
  return ((addr.hi[k]! >>> 0) * 2 ** 32 + (addr.lo[k]! >>> 0) - probe.dataAt) * probe.unit;
}

/** A random word of the form: registers that exist, immediates from both ends, what does not matter at random. */
export function randomWord(
  rng: Rng,
  form: Pick<Form, "match" | "mask" | "regs" | "imms" | "length" | "where">,
): number {
  let word = drawWord(rng, form);
  for (let i = 0; i < 50 && !covers(form, word); i++) word = drawWord(rng, form);
  return word;
}

function drawWord(rng: Rng, form: Pick<Form, "match" | "mask" | "regs" | "imms" | "length">): number {
  let word = without(anyWord(rng, form.length), form.mask) + form.match;
  for (const f of form.regs) {
    let v = rng.below(f.map.length);
    for (let i = 0; f.map[v] === INVALID && i < 100; i++) v = rng.below(f.map.length);
    word = scatter(word, f.bits, v);
  }
  for (const f of form.imms) {
    const lo = structured(rng, Math.min(32, f.width));
    for (const { bit, to } of f.pieces) if (bitAt(form.mask, bit) === 0) word = withBit(word, bit, (lo >>> to) & 1);
  }
  return word;
}
