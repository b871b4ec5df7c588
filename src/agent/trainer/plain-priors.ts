import type { Production } from "../translator/production.ts";
import type { Target, Vector } from "../translator/search.ts";
import type { Prior } from "../translator/solve.ts";
import { high, put, Rng } from "../translator/values.ts";

/** All productions and leaves alike: what a model must at least beat. */
export const uniform: Prior = (rules, leaves) => ({ rules: rules.map(() => 1), leaves: leaves.map(() => 1) });

/**
 * What can be read off the observations without having learned anything: a production whose results always have a
 * property that the target lacks, or lack one that it always has, is unlikely to be its last step. No weights.
 */
export const abstraction: Prior = (rules, leaves, target, samples) => {
  const wanted = properties(target, samples);
  return {
    rules: rules.map((r) => {
      if (r.result !== target.sort) return 2;
      const own = rangeOf(r, target);
      return own.some((has, i) => has !== wanted[i]) ? 3 : 1;
    }),
    leaves: leaves.map((l) => (l.name.startsWith("%") ? 1 : 2)),
  };
};

const made = new Map<string, readonly boolean[]>();

/** Properties of a production's results on random operands. */
function rangeOf(rule: Production, target: Target): readonly boolean[] {
  const key = `${rule.name} ${target.w}`;
  let own = made.get(key);
  if (!own) {
    const rng = new Rng(7);
    const n = 32;
    const value: Vector = { lo: new Int32Array(n), hi: new Int32Array(n) };
    const draw = (): number => put(rng.next(), rng.next(), target.w);
    for (let k = 0; k < n; k++) {
      const a = draw();
      const ah = high;
      const b = draw();
      const bh = high;
      value.lo[k] = rule.f(rule.args[0] === "B" ? a & 1 : a, ah, rule.args[1] === "B" ? b & 1 : b, bh, rng.below(2), 0);
      value.hi[k] = high;
    }
    made.set(key, (own = properties({ ...target, value }, n)));
  }
  return own;
}

/** At most as large as the width; extended from 8, 16 and 32 bits, with zeros and with the sign. */
function properties({ w, value }: Target, n: number): readonly boolean[] {
  const all = (test: (k: number) => boolean): boolean => {
    for (let k = 0; k < n; k++) if (!test(k)) return false;
    return true;
  };
  const bit = (k: number, i: number): number => (i < 32 ? value.lo[k]! >>> i : value.hi[k]! >>> (i - 32)) & 1;
  const out = [all((k) => value.hi[k] === 0 && value.lo[k]! >>> 0 <= w)];
  for (const at of [8, 16, 32])
    for (const sign of [false, true])
      out.push(
        at < w &&
          all((k) => {
            const fill = sign ? bit(k, at - 1) : 0;
            for (let i = at; i < w; i++) if (bit(k, i) !== fill) return false;
            return true;
          }),
      );
  return out;
}
