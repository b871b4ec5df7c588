import { Tokens } from "../../model/tokens.ts";
import type { Production } from "../translator/production.ts";
import type { Leaf, Target } from "../translator/search.ts";
import { high, maskHigh, maskLow } from "../translator/values.ts";

/** Tokens of a signature. */
export const SIGNATURE = 416;
/** Operands that a signature tells of: sources, results found before, the program counter, the next instruction. */
export const SLOTS = 8;
const SOURCES = 4;
const RESULTS = 2;
export const BITS = 4;

/** An operand's slot by its leaf's name, -1 where it has none; bits are counted apart. */
export interface Slots {
  readonly words: readonly (Leaf | undefined)[];
  readonly bits: readonly Leaf[];
}

export function slotsOf(leaves: readonly Leaf[]): Slots {
  const words: (Leaf | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  const bits: Leaf[] = [];
  let [sources, results] = [0, 0];
  for (const leaf of leaves) {
    if (!leaf.name.startsWith("%")) continue;
    if (leaf.sort === "B") {
      if (bits.length < BITS) bits.push(leaf);
    } else if (leaf.name === "%pc") words[SLOTS - 2] = leaf;
    else if (leaf.name === "%next") words[SLOTS - 1] = leaf;
    else if (/^%(o|load)/.test(leaf.name)) {
      if (results < RESULTS) words[SOURCES + results++] = leaf;
    } else if (sources < SOURCES) words[sources++] = leaf;
  }
  return { words, bits };
}

/** Productions whose agreement with the target is looked at, for one operand and for two. */
const ONE = ["not", "neg", "abs", "zext8", "sext8", "zext16", "sext16", "zext32", "sext32", "clz", "ctz", "popcnt"];
const ONE_MORE = ["bitrev", "bswap", "halves", "orbytes", "revbytes"];
const ONE_BIT = ["iszero", "msb", "lsb", "parity", "parity8"];
const TWO = ["add", "sub", "and", "or", "xor", "mul", "shlm", "shrm", "sarm", "ror", "rol"];
const TWO_BIT = ["eq", "ult", "slt", "carry0", "over0", "oversub", "bitm"];
/** Pairs of slots; the first result takes part. */
const PAIRS = [
  [0, 1],
  [1, 0],
  [0, 2],
  [1, 2],
  [0, 4],
  [1, 4],
] as const;

/**
 * What the observations of one target show, as tokens: how its values look, how far it agrees with each operand and
 * with simple functions of one or two of them. Reads at most 64 samples; says nothing of which machine it is.
 */
export function signatureOf(
  rules: readonly Production[],
  leaves: readonly Leaf[],
  target: Target,
  samples: number,
): Uint16Array {
  return new Signature(rules, target, samples).write(slotsOf(leaves));
}

class Signature {
  private readonly t: Tokens;
  private readonly rules: ReadonlyMap<string, Production>;
  private readonly target: Target;
  private readonly n: number;
  private readonly w: number;
  private readonly ml: number;
  private readonly mh: number;

  constructor(rules: readonly Production[], target: Target, n: number) {
    this.t = new Tokens(SIGNATURE, "induce");
    this.rules = new Map(rules.map((r) => [r.name, r]));
    this.target = target;
    this.n = n;
    this.w = target.w;
    this.ml = maskLow(target.w);
    this.mh = maskHigh(target.w);
  }

  write({ words, bits }: Slots): Uint16Array {
    const { t } = this;
    t.byte(this.target.sort === "B" ? 1 : 0);
    t.byte(this.w);
    t.byte(words.filter((x) => x).length);
    t.byte(bits.length);
    this.own();
    for (const leaf of words) this.one(leaf);
    for (const [a, b] of PAIRS) this.two(words[a], words[b]);
    for (let i = 0; i < BITS; i++) {
      const leaf = bits[i];
      if (!leaf) t.skip(2);
      else {
        this.count((k) => leaf.value.lo[k] === this.target.value.lo[k]);
        this.count((k) => leaf.value.lo[k] === 1);
      }
    }
    return t.list;
  }

  private count(test: (k: number) => boolean): void {
    let c = 0;
    for (let k = 0; k < this.n; k++) if (test(k)) c++;
    this.t.share(c, this.n);
  }

  /** How often the commonest of some values is met. */
  private common(value: (k: number) => string): void {
    const seen = new Map<string, number>();
    let most = 0;
    for (let k = 0; k < this.n; k++) {
      const v = value(k);
      const c = (seen.get(v) ?? 0) + 1;
      seen.set(v, c);
      if (c > most) most = c;
    }
    this.t.share(most, this.n);
  }

  private same(k: number, lo: number, hi: number): boolean {
    const { value } = this.target;
    return ((lo ^ value.lo[k]!) & this.ml) === 0 && ((hi ^ value.hi[k]!) & this.mh) === 0;
  }

  /** What the target looks like on its own. */
  private own(): void {
    const { w } = this;
    const { lo, hi } = this.target.value;
    const bit = (k: number, i: number): number => (i < 32 ? lo[k]! >>> i : hi[k]! >>> (i - 32)) & 1;
    this.count((k) => lo[k] === 0 && hi[k] === 0);
    this.count((k) => this.same(k, -1, -1));
    this.count((k) => lo[k]! >>> 0 <= w && hi[k] === 0);
    this.count((k) => lo[k]! >>> 0 <= 255 && hi[k] === 0);
    this.count((k) => bit(k, 0) === 1);
    this.count((k) => bit(k, w - 1) === 1);
    // Extended from 8, 16, 32 bits, with zeros or with the sign
    for (const at of [8, 16, 32])
      for (const sign of [0, 1])
        if (at >= w) this.t.skip(1);
        else
          this.count((k) => {
            const fill = sign ? bit(k, at - 1) : 0;
            for (let i = at; i < w; i++) if (bit(k, i) !== fill) return false;
            return true;
          });
    this.count((k) => {
      for (let i = 0; i + 8 <= w; i += 8) for (let j = 1; j < 8; j++) if (bit(k, i + j) !== bit(k, i)) return false;
      return true;
    });
    this.common((k) => `${lo[k]},${hi[k]}`);
  }

  private one(leaf: Leaf | undefined): void {
    const { t, w, ml, mh } = this;
    const bit = this.target.sort === "B";
    const size = ONE.length + ONE_MORE.length + 14;
    const before = t.used;
    if (!leaf) {
      t.skip(size);
      return;
    }
    const { lo: xl, hi: xh } = leaf.value;
    const { lo: tl, hi: th } = this.target.value;
    t.byte(leaf.name.charCodeAt(1));
    this.count((k) => xl[k]! >>> 0 < 256 && xh[k] === 0);
    if (bit) {
      for (const name of ONE_BIT) this.agree(name, leaf, undefined);
      t.skip(size - (t.used - before));
      return;
    }
    this.count((k) => this.same(k, xl[k]!, xh[k]!));
    this.count((k) => ((tl[k]! ^ xl[k]!) & 255 & ml) === 0);
    this.count((k) => (tl[k]! & ~xl[k]! & ml) === 0 && (th[k]! & ~xh[k]! & mh) === 0);
    this.count((k) => (xl[k]! & ~tl[k]! & ml) === 0 && (xh[k]! & ~th[k]! & mh) === 0);
    this.count((k) => th[k]! >>> 0 < xh[k]! >>> 0 || (th[k] === xh[k] && tl[k]! >>> 0 <= xl[k]! >>> 0));
    this.count((k) => ((tl[k]! ^ xl[k]!) & 1) === 0);
    const top = (lo: number, hi: number): number => (w > 32 ? hi >>> (w - 33) : lo >>> (w - 1)) & 1;
    this.count((k) => top(tl[k]!, th[k]!) === top(xl[k]!, xh[k]!));
    this.common((k) => `${tl[k]! ^ xl[k]!},${th[k]! ^ xh[k]!}`);
    const minus = this.rules.get("sub");
    this.common((k) => (minus ? `${minus.f(tl[k]!, th[k]!, xl[k]!, xh[k]!, 0, 0)},${high}` : ""));
    for (const name of [...ONE, ...ONE_MORE]) this.agree(name, leaf, undefined);
    t.skip(size - (t.used - before));
  }

  private two(a: Leaf | undefined, b: Leaf | undefined): void {
    if (this.target.sort === "B") {
      for (const name of TWO_BIT) this.agree(name, a, b);
      this.t.skip(2 * TWO.length - TWO_BIT.length);
      return;
    }
    for (const name of TWO) this.agree(name, a, b, true);
  }

  /** How often a production's value is the target's; with `low`, also how often their low bytes agree. */
  private agree(name: string, a: Leaf | undefined, b: Leaf | undefined, low = false): void {
    const rule = this.rules.get(name);
    if (!rule || !a || (rule.args.length > 1 && !b)) {
      this.t.skip(low ? 2 : 1);
      return;
    }
    const [x, y] = [a.value, (b ?? a).value];
    let [same, bytes] = [0, 0];
    for (let k = 0; k < this.n; k++) {
      const lo = rule.f(x.lo[k]!, x.hi[k]!, y.lo[k]!, y.hi[k]!, 0, 0);
      if (this.same(k, lo, high)) same++;
      if (((lo ^ this.target.value.lo[k]!) & 255 & this.ml) === 0) bytes++;
    }
    this.t.share(same, this.n);
    if (low) this.t.share(bytes, this.n);
  }
}
