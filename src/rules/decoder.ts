import { type Core, compileInt, num } from "./core.ts";
import { type EncField, type Encoding, extractField, mask32 } from "./encoding.ts";
import { type Place, RuleError } from "./error.ts";
import type { ExpandedRow } from "./expanded.ts";

/** A fixed-width row as the decoder sees it. `where`: further condition on the fields. */
export interface Pattern {
  readonly encoding: Encoding;
  readonly where: ((fields: ArrayLike<number>) => boolean) | undefined;
  /** Bits of the word that `where` depends on. */
  readonly looksAt: number;
  readonly name: string;
  readonly place: Place;
}

/** `little`: the book's byte order. In a big-endian word the first byte is the highest of 32 bits, however short the row. */
export function patternOf(row: ExpandedRow, little = true): Pattern {
  const { bits, name, file, line } = row;
  const up = little ? 0 : 32 - bits;
  const mask = row.mask << up;
  const match = row.match << up;
  const fields = up === 0 ? row.fields : row.fields.map((f) => raised(f, up));
  let compiled: ((fields: ArrayLike<number>) => number) | undefined;
  const test = (values: ArrayLike<number>) => (compiled ??= compileInt(row.where ?? num(1)))(values) !== 0;
  return {
    encoding: { bits, mask, match, fields },
    where: row.conditional ? test : undefined,
    get looksAt() {
      return row.where ? bitsLookedAt(row.where, fields) : 0;
    },
    name,
    place: { file, line },
  };
}

const raised = (f: EncField, up: number): EncField => ({
  ...f,
  pieces: f.pieces.map((p) => ({ ...p, at: p.at + up })),
});

/** Bits of the word behind the fields that a condition mentions. */
function bitsLookedAt(c: Core, fields: readonly EncField[]): number {
  let bits = 0;
  if (c.op === "field") for (const p of fields[c.n].pieces) bits |= mask32(p.len) << p.at;
  for (const a of c.a) bits |= bitsLookedAt(a, fields);
  return bits;
}

/** Bits a row fixes. */
function fixedBits(mask: number): number {
  let n = 0;
  for (let m = mask; m !== 0; m &= m - 1) n++;
  return n;
}

const RANGE = 6;
const LEAF = 3;

/**
 * Decision tree over ranges of fixed bits, flattened into an Int32Array: a branch is [shift, mask, child...], a leaf
 * [-1, count, row...]. Rows in a leaf stand with the most fixed bits first.
 */
export function buildTree(patterns: readonly Pattern[]): Int32Array {
  const out: number[] = [];
  const order = patterns.map((p, i) => ({ i, bits: fixedBits(p.encoding.mask) + (32 - p.encoding.bits) }));
  order.sort((a, b) => b.bits - a.bits || (patterns[a.i].where ? 0 : 1) - (patterns[b.i].where ? 0 : 1) || a.i - b.i);
  grow(
    patterns,
    order.map((o) => o.i),
    0,
    out,
  );
  return Int32Array.from(out);
}

/** Appends the subtree for `rows`, whose bits `known` were looked at, and gives its position. */
function grow(patterns: readonly Pattern[], rows: readonly number[], known: number, out: number[]): number {
  const at = out.length;
  const range = rows.length > LEAF ? bestRange(patterns, rows, known) : undefined;
  if (!range) {
    out.push(-1, rows.length, ...rows);
    return at;
  }
  const { shift, size } = range;
  const mask = (1 << size) - 1;
  out.push(shift, mask);
  for (let v = 0; v <= mask; v++) out.push(0);
  for (let v = 0; v <= mask; v++) {
    const inside = rows.filter((r) => agrees(patterns[r].encoding, shift, mask, v));
    out[at + 2 + v] = grow(patterns, inside, known | (mask << shift), out);
  }
  return at;
}

const agrees = (e: Encoding, shift: number, mask: number, v: number): boolean =>
  (((v ^ (e.match >>> shift)) & (e.mask >>> shift) & mask) | 0) === 0;

/** The range of bits that leaves the fewest rows together. */
function bestRange(
  patterns: readonly Pattern[],
  rows: readonly number[],
  known: number,
): { shift: number; size: number } | undefined {
  let best: { shift: number; size: number } | undefined;
  let bestCost = rows.length * 0.98;
  const top = Math.max(...rows.map((r) => patterns[r].encoding.bits));
  for (let size = 1; size <= RANGE; size++) {
    for (let shift = 0; shift + size <= top; shift++) {
      const mask = (1 << size) - 1;
      if ((known >>> shift) & mask) continue;
      const free = rows.reduce((n, r) => n + 2 ** (size - fixedBits((patterns[r].encoding.mask >>> shift) & mask)), 0);
      const cost = free / (mask + 1) + size * 0.05;
      if (cost >= bestCost) continue;
      bestCost = cost;
      best = { shift, size };
    }
  }
  return best;
}

/** Rows of a fixed-width book in typed arrays: finds the row of a word and takes its fields apart, without allocation. */
export class Decoder {
  private readonly tree: Int32Array;
  private readonly masks: Int32Array;
  private readonly matches: Int32Array;
  private readonly sizes: Int32Array;
  private readonly wheres: readonly (Pattern["where"] | undefined)[];
  /** By row: where its pieces begin. A piece is field, lowest bit, mask, place in the field. */
  private readonly starts: Int32Array;
  private readonly pieces: Int32Array;
  /** By row: where its fields begin in `signs`; a sign is 32 - width of a signed field, 0 otherwise. */
  private readonly firsts: Int32Array;
  private readonly signs: Int32Array;
  private readonly scratch = new Int32Array(32);

  constructor(tree: Int32Array, patterns: readonly Pattern[]) {
    this.tree = tree;
    this.masks = Int32Array.from(patterns, (p) => p.encoding.mask);
    this.matches = Int32Array.from(patterns, (p) => p.encoding.match & p.encoding.mask);
    this.sizes = Int32Array.from(patterns, (p) => p.encoding.bits / 8);
    this.wheres = patterns.map((p) => p.where);
    const pieces: number[] = [];
    const signs: number[] = [];
    const starts: number[] = [];
    const firsts: number[] = [];
    for (const { encoding } of patterns) {
      starts.push(pieces.length);
      firsts.push(signs.length);
      encoding.fields.forEach((f, i) => {
        for (const p of f.pieces) pieces.push(i, p.at, mask32(p.len), p.to);
        signs.push(f.signed ? 32 - f.width : 0);
      });
    }
    this.starts = Int32Array.from([...starts, pieces.length]);
    this.firsts = Int32Array.from([...firsts, signs.length]);
    this.pieces = Int32Array.from(pieces);
    this.signs = Int32Array.from(signs);
  }

  /** Number of the row that matches an instruction word of which `bytes` bytes are there, or -1. */
  row(word: number, bytes: number): number {
    const { tree } = this;
    let at = 0;
    while (tree[at] >= 0) at = tree[at + 2 + ((word >>> tree[at]) & tree[at + 1])];
    const end = at + 2 + tree[at + 1];
    for (let i = at + 2; i < end; i++) {
      const r = tree[i];
      if ((word & this.masks[r]) !== this.matches[r] || this.sizes[r] > bytes) continue;
      const where = this.wheres[r];
      if (!where) return r;
      this.fields(r, word, this.scratch);
      if (where(this.scratch)) return r;
    }
    return -1;
  }

  /** True where a row of more than `bytes` bytes agrees with those of the word. Slow. */
  endsShort(word: number, bytes: number, little: boolean): boolean {
    const there = little ? mask32(8 * bytes) : ~mask32(32 - 8 * bytes);
    return this.sizes.some((size, r) => size > bytes && ((word ^ this.matches[r]) & this.masks[r] & there) === 0);
  }

  /** Values of the row's fields, signed ones extended. */
  fields(row: number, word: number, out: Int32Array): void {
    const { pieces, signs } = this;
    const first = this.firsts[row];
    const count = this.firsts[row + 1] - first;
    for (let i = 0; i < count; i++) out[i] = 0;
    const end = this.starts[row + 1];
    for (let i = this.starts[row]; i < end; i += 4)
      out[pieces[i]] |= ((word >>> pieces[i + 1]) & pieces[i + 2]) << pieces[i + 3];
    for (let i = 0; i < count; i++) {
      const k = signs[first + i];
      if (k !== 0) out[i] = (out[i] << k) >> k;
    }
  }
}

/** Two rows with equally many fixed bits that share a word, unless their conditions keep them apart, are an error. */
export function checkOverlaps(patterns: readonly Pattern[]): void {
  const bits = patterns.map((p) => fixedBits(p.encoding.mask));
  for (let i = 0; i < patterns.length; i++) {
    const a = patterns[i].encoding;
    for (let j = i + 1; j < patterns.length; j++) {
      const b = patterns[j].encoding;
      if (bits[i] !== bits[j] || ((a.match ^ b.match) & a.mask & b.mask) !== 0) continue;
      if (separated(patterns[i], patterns[j])) continue;
      throw new RuleError(
        "RULE_OVERLAP",
        `${patterns[j].name} and ${patterns[i].name} (line ${patterns[i].place.line}) match the same words`,
        patterns[j].place,
      );
    }
  }
}

/** At most this many bits that conditions look at are tried. */
const ENUMERATE = 18;

/** Whether `where` keeps the rows apart: tried for every value of the free bits that the conditions look at. */
function separated(a: Pattern, b: Pattern): boolean {
  if (!a.where && !b.where) return false;
  const looked = (a.looksAt | b.looksAt) & ~(a.encoding.mask | b.encoding.mask);
  const free: number[] = [];
  for (let i = 0; i < 32; i++) if ((looked >>> i) & 1) free.push(i);
  if (free.length > ENUMERATE) return false;
  for (let n = 0; n < 1 << free.length; n++) {
    let word = a.encoding.match | b.encoding.match;
    free.forEach((bit, k) => {
      if ((n >>> k) & 1) word |= 1 << bit;
    });
    if (passes(a, word) && passes(b, word)) return false;
  }
  return true;
}

function passes(p: Pattern, word: number): boolean {
  return !p.where || p.where(p.encoding.fields.map((f) => extractField(f, word)));
}
