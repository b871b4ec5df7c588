import { differences, shotsOf } from "./check.ts";
import { type Form, gather, INVALID, immValue, type RegField, randomWord } from "./form.ts";
import type { Probe } from "./probe.ts";
import { makeSample, type Shots, type Skeleton, shoot } from "./solve.ts";
import type { Rng } from "./values.ts";

/*
 * Words that look like a form's and are not: which field, bit or pair of registers tells them, and the form without.
 */

/** A form without the words that it is wrong about, where one field tells them. */
export async function narrowed(
  probe: Probe,
  rng: Rng,
  skeleton: Skeleton,
  form: Form,
  words: readonly number[],
): Promise<Skeleton | undefined> {
  for (const word of words)
    if (await alwaysWrong(probe, rng, form, word)) return restrict(probe, rng, skeleton, form, word);
  return undefined;
}

/** Whether a word differs from the form on most states: the word is at fault, not the expression. */
async function alwaysWrong(probe: Probe, rng: Rng, form: Form, word: number): Promise<boolean> {
  const one: Form = {
    ...form,
    mask: form.length >= 4 ? -1 : 2 ** (8 * form.length) - 1,
    match: word | 0,
    where: [],
    regs: form.regs,
    cases: 0,
  };
  const shots = await shotsOfWord(probe, rng, one, word, 10);
  return differences(probe, form, shots).length >= 5;
}

async function shotsOfWord(probe: Probe, rng: Rng, form: Form, word: number, n: number): Promise<Shots> {
  const access = form.load !== undefined || form.store !== undefined;
  const fixed: Form = { ...form, mask: -1, match: word | 0 };
  const pinned: Form = { ...fixed, regs: form.regs.map((f) => pinnedField(f, word)), imms: [] };
  if (!access) {
    const { words, state } = makeSample(probe, rng, pinned, n);
    words.fill(word);
    return shoot(probe, form, words, state);
  }
  return shotsOf(
    probe,
    rng,
    { ...pinned, imms: form.imms.map((i) => ({ ...i, pieces: i.pieces })), load: form.load, store: form.store },
    n,
    true,
  );
}

/** Finds which field makes a word of a form differ, and excludes that. */
async function restrict(probe: Probe, rng: Rng, s: Skeleton, form: Form, bad: number): Promise<Skeleton | undefined> {
  let good: number | undefined;
  for (let i = 0; i < 24 && good === undefined; i++) {
    const w = randomWord(rng, s);
    if (!(await alwaysWrong(probe, rng, form, w))) good = w;
  }
  if (good === undefined) return undefined;
  const all = s.length >= 4 ? -1 : 2 ** (8 * s.length) - 1;
  const wrong = (w: number): Promise<boolean> => alwaysWrong(probe, rng, form, w >>> 0);
  // Two registers that may not be the same
  for (let i = 0; i < s.regs.length; i++)
    for (let j = i + 1; j < s.regs.length; j++) {
      const [a, b] = [s.regs[i]!, s.regs[j]!];
      if (a.bits.length !== b.bits.length || gather(bad, a.bits) !== gather(bad, b.bits)) continue;
      const apart = put(bad, a.bits, (gather(bad, a.bits) + 1) % a.map.length);
      const together = put(put(bad, a.bits, gather(good, a.bits)), b.bits, gather(good, a.bits));
      if (!(await wrong(apart)) && (await wrong(together)))
        return { ...s, where: [...s.where, { k: "distinct", a: i, b: j }] };
    }
  for (const [i, f] of s.regs.entries()) {
    if (await wrong(put(bad, f.bits, gather(good, f.bits)))) continue;
    const map = f.map.slice();
    for (let v = 0; v < map.length; v++)
      if (map[v] !== INVALID && (await wrong(put(good, f.bits, v)))) map[v] = INVALID;
    map[gather(bad, f.bits)] = INVALID;
    if (!map.some((c) => c >= 0)) return undefined;
    return { ...s, regs: s.regs.map((r, j) => (j === i ? { ...r, map } : r)) };
  }
  for (const [i, f] of s.imms.entries()) {
    const bits = f.pieces.map((p) => p.bit);
    if (await wrong(put(bad, bits, gather(good, bits)))) continue;
    // One bit of it that is none of the immediate's, or one value that is special
    for (const [p, piece] of f.pieces.entries()) {
      if (await wrong(bad ^ (1 << piece.bit))) continue;
      const ends = p === 0 || p === f.pieces.length - 1;
      if (!ends || !(await wrong(put(good, [piece.bit], (bad >>> piece.bit) & 1)))) continue;
      const pieces = f.pieces.filter((x) => x !== piece);
      if (pieces.length === 0) return undefined;
      const width = Math.max(...pieces.map((x) => x.to)) + 1;
      return {
        ...s,
        mask: s.mask | (1 << piece.bit),
        match: s.match | (good & (1 << piece.bit)),
        imms: s.imms.map((x, j) => (j === i ? { ...f, pieces, width } : x)),
      };
    }
    if (s.where.filter((c) => c.k === "not").length >= 2) return undefined;
    return { ...s, where: [...s.where, { k: "not", imm: i, value: immValue(f, bad) }] };
  }
  // What seemed not to matter
  const fixed = s.mask | bitsOfFields(s);
  for (let bit = 0; bit < 8 * s.length; bit++) {
    if ((fixed >>> bit) & 1 || ((bad ^ good) >>> bit) % 2 === 0) continue;
    if (await wrong(bad ^ (1 << bit))) continue;
    return { ...s, mask: (s.mask | (1 << bit)) & all, match: s.match | (good & (1 << bit)) };
  }
  return undefined;
}

const put = (word: number, bits: readonly number[], v: number): number => {
  let w = word;
  bits.forEach((bit, k) => {
    w = (w & ~(1 << bit)) | (((v >>> k) & 1) << bit);
  });
  return w >>> 0;
};

function bitsOfFields(s: Pick<Form, "regs" | "imms">): number {
  let m = 0;
  for (const f of s.regs) for (const b of f.bits) m |= 1 << b;
  for (const f of s.imms) for (const p of f.pieces) m |= 1 << p.bit;
  return m;
}

/** The field with nothing but the word's own value. */
function pinnedField(f: RegField, word: number): RegField {
  const map = f.map.map((c, v) => (v === gather(word, f.bits) ? c : INVALID));
  return { ...f, map };
}
