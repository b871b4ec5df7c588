import { differences, shotsOf } from "./check.ts";
import { type Form, gather, INVALID, immValue, type RegField, randomWord } from "./form.ts";
import type { Probe } from "./probe.ts";
import { makeSample, type Shots, type Skeleton, shoot } from "./solve.ts";
import type { Rng } from "./values.ts";
import { allBits, bitAt, flipped, withBit } from "./word-bits.ts";

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
    mask: allBits(form.length),
    match: word,
    where: [],
    regs: form.regs,
    cases: 0,
  };
  const shots = await shotsOfWord(probe, rng, one, word, 10);
  return differences(probe, form, shots).length >= 5;
}

async function shotsOfWord(probe: Probe, rng: Rng, form: Form, word: number, n: number): Promise<Shots> {
  const access = form.load !== undefined || form.store !== undefined;
  const fixed: Form = { ...form, mask: allBits(form.length), match: word };
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
  const wrong = (w: number): Promise<boolean> => alwaysWrong(probe, rng, form, w);
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
      if (await wrong(flipped(bad, piece.bit))) continue;
      const ends = p === 0 || p === f.pieces.length - 1;
      if (!ends || !(await wrong(put(good, [piece.bit], bitAt(bad, piece.bit))))) continue;
      const pieces = f.pieces.filter((x) => x !== piece);
      if (pieces.length === 0) return undefined;
      const width = Math.max(...pieces.map((x) => x.to)) + 1;
      return {
        ...s,
        mask: withBit(s.mask, piece.bit, 1),
        match: withBit(s.match, piece.bit, bitAt(good, piece.bit)),
        imms: s.imms.map((x, j) => (j === i ? { ...f, pieces, width } : x)),
      };
    }
    if (s.where.filter((c) => c.k === "not").length >= 2) return undefined;
    return { ...s, where: [...s.where, { k: "not", imm: i, value: immValue(f, bad) }] };
  }
  // What seemed not to matter
  const fixed = bitsOfFields(s);
  for (let bit = 0; bit < 8 * s.length; bit++) if (bitAt(s.mask, bit) === 1) fixed.add(bit);
  for (let bit = 0; bit < 8 * s.length; bit++) {
    if (fixed.has(bit) || bitAt(bad, bit) === bitAt(good, bit)) continue;
    if (await wrong(flipped(bad, bit))) continue;
    return { ...s, mask: withBit(s.mask, bit, 1), match: withBit(s.match, bit, bitAt(good, bit)) };
  }
  return undefined;
}

const put = (word: number, bits: readonly number[], v: number): number => {
  let w = word;
  bits.forEach((bit, k) => {
    w = withBit(w, bit, (v >>> k) & 1);
  });
  return w;
};

function bitsOfFields(s: Pick<Form, "regs" | "imms">): Set<number> {
  return new Set([...s.regs.flatMap((f) => f.bits), ...s.imms.flatMap((f) => f.pieces.map((p) => p.bit))]);
}

/** The field with nothing but the word's own value. */
function pinnedField(f: RegField, word: number): RegField {
  const map = f.map.map((c, v) => (v === gather(word, f.bits) ? c : INVALID));
  return { ...f, map };
}
