import { constBig, get } from "../../src/ir/build.ts";
import { Node, type Op } from "../../src/ir/node.ts";

/** A small seeded generator (xorshift32). */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0 || 1;
  }
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }
  below(n: number): number {
    return this.next() % n;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }
  /** Uniform bits, or a value near an edge: 0, ones, sign bit, single bits, small ones, runs of ones. */
  value(w: number): bigint {
    const ones = (1n << BigInt(w)) - 1n;
    const k = BigInt(this.below(w));
    switch (this.below(8)) {
      case 0:
        return 0n;
      case 1:
        return ones;
      case 2:
        return 1n << k;
      case 3:
        return BigInt.asUintN(w, (1n << BigInt(w - 1)) - BigInt(this.below(2)));
      case 4:
        return BigInt.asUintN(w, BigInt(this.below(2 * w)));
      case 5:
        return ((ones >> k) << BigInt(this.below(w))) & ones;
      default: {
        let v = 0n;
        for (let i = 0; i < w; i += 32) v = (v << 32n) | BigInt(this.next());
        return BigInt.asUintN(w, v);
      }
    }
  }
}

export const UNARY: readonly Op[] = ["not", "neg", "ctz", "clz", "popcnt"];
export const BINARY: readonly Op[] = [
  ...(["add", "sub", "mul", "and", "or", "xor", "shl", "lshr", "ashr", "rol", "ror"] as const),
  ...(["udiv", "sdiv", "urem", "srem"] as const),
];
const SHIFTS: ReadonlySet<Op> = new Set<Op>(["shl", "lshr", "ashr", "rol", "ror"]);
export const COMPARE: readonly Op[] = ["eq", "ne", "ult", "ule", "slt", "sle"];

/** A random tree of `w` bits, made with `new Node`: nothing folded. `shared` holds subtrees to meet again. */
export function tree(r: Random, w: number, depth: number, shared: Node[]): Node {
  const again = shared.filter((n) => n.w === w);
  if (again.length && r.below(5) === 0) return r.pick(again);
  const node = depth === 0 || r.below(8) === 0 ? leaf(r, w) : inner(r, w, depth - 1, shared);
  shared.push(node);
  return node;
}

const leaf = (r: Random, w: number): Node => (r.below(2) ? constBig(w, r.value(w)) : get(r.below(4), w));

function inner(r: Random, w: number, d: number, shared: Node[]): Node {
  const t = (width: number): Node => tree(r, width, d, shared);
  if (w === 1 && r.below(2)) {
    const other = 1 + r.below(80);
    switch (r.below(5)) {
      case 0:
        return new Node("parity", 1, [t(other)]);
      case 1:
        return new Node(r.pick(["carry", "overflow"] as const), 1, [t(other), t(other), t(1)]);
      default:
        return new Node(r.pick(COMPARE), 1, [t(other), t(other)]);
    }
  }
  switch (r.below(12)) {
    case 0:
      return new Node(r.pick(UNARY), w, [t(w)]);
    case 1:
      return w % 8 === 0 ? new Node("bswap", w, [t(w)]) : new Node("not", w, [t(w)]);
    case 2:
      return new Node("select", w, [t(1), t(w), t(w)]);
    case 3:
      return new Node(r.pick(["sext", "zext"] as const), w, [t(1 + r.below(w))]);
    case 4:
    case 5: {
      const from = w + r.below(r.pick([3, 40]));
      return new Node("extract", w, [t(from)], { aux: r.below(from - w + 1) });
    }
    case 6: {
      if (w === 1) return new Node("not", 1, [t(1)]);
      const low = 1 + r.below(w - 1);
      return new Node("concat", w, [t(w - low), t(low)]);
    }
    default: {
      const op = r.pick(BINARY);
      const amount = SHIFTS.has(op) && r.below(2) === 0;
      return new Node(op, w, [t(w), amount ? constBig(w, BigInt(r.below(w + 2))) : t(w)]);
    }
  }
}
