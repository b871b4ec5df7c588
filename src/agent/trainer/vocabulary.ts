import { grammar } from "../translator/grammar.ts";
import type { Production } from "../translator/production.ts";
import type { Expr, Leaf } from "../translator/search.ts";
import { BITS, SLOTS, slotsOf } from "./signature.ts";

/** Kinds of constants a leaf may be. */
const CONSTANTS = ["zero", "one", "ones", "sign", "few", "width", "byte", "often", "false"] as const;
type Constant = (typeof CONSTANTS)[number];

/** What the inducing role answers, each yes or no: is this production, this operand, this kind of constant in the expression? */
export class Vocabulary {
  readonly productions: readonly string[];
  readonly names: readonly string[];
  private readonly index: ReadonlyMap<string, number>;

  constructor(productions: readonly string[] = everyProduction()) {
    this.productions = productions;
    const slots = Array.from({ length: SLOTS }, (_, i) => `slot ${i}`);
    const bits = Array.from({ length: BITS }, (_, i) => `bit ${i}`);
    this.names = [...productions, ...slots, ...bits, ...CONSTANTS.map((c) => `const ${c}`)];
    this.index = new Map(this.names.map((n, i) => [n, i]));
  }

  get size(): number {
    return this.names.length;
  }

  at(name: string): number | undefined {
    return this.index.get(name);
  }

  /** Which answer a leaf belongs to; undefined: none, such as a fifth operand. */
  leaf(leaves: readonly Leaf[]): (leaf: Leaf) => number | undefined {
    const { words, bits } = slotsOf(leaves);
    return (leaf) => {
      const slot = words.indexOf(leaf);
      if (slot >= 0) return this.at(`slot ${slot}`);
      const bit = bits.indexOf(leaf);
      if (bit >= 0) return this.at(`bit ${bit}`);
      return leaf.name.startsWith("%") ? undefined : this.at(`const ${constantOf(leaf)}`);
    };
  }

  /** The answers for an expression: 1 for each that is in it. */
  label(e: Expr, leaves: readonly Leaf[], into: Float32Array): void {
    const kind = this.leaf(leaves);
    const byName = new Map(leaves.map((l) => [l.name, l]));
    const visit = (x: Expr): void => {
      const i = x.k === "leaf" ? kind(byName.get(x.leaf.name) ?? x.leaf) : this.at(x.rule.name);
      if (i !== undefined) into[i] = 1;
      if (x.k === "apply") for (const a of x.args) visit(a);
    };
    visit(e);
  }

  /** 1 for each answer that there is for these rules and leaves: the others are not asked for. */
  asked(rules: readonly Production[], leaves: readonly Leaf[], into: Float32Array): void {
    const kind = this.leaf(leaves);
    for (const r of rules) {
      const i = this.at(r.name);
      if (i !== undefined) into[i] = 1;
    }
    for (const l of leaves) {
      const i = kind(l);
      if (i !== undefined) into[i] = 1;
    }
  }
}

function constantOf(leaf: Leaf): Constant {
  if (leaf.sort === "B") return "false";
  const lo = leaf.value.lo[0]!;
  const hi = leaf.value.hi[0]!;
  if (leaf.name === "0") return "zero";
  if (leaf.name === "1") return "one";
  if (hi === 0 && [2, 3, 4, 8, 16].includes(lo)) return "few";
  if (lo === 255 && hi === 0) return "byte";
  // Told by cost where the search made it: seen often in the outputs
  if (leaf.cost === 4) return lo === -1 ? "ones" : "often";
  return (lo & (lo - 1)) === 0 && (hi & (hi - 1)) === 0 && (lo === 0 || hi === 0) && (hi !== 0 || lo >>> 0 > 64)
    ? "sign"
    : "width";
}

/** Names of all productions that grammars of any width have. */
function everyProduction(): string[] {
  const names = new Set<string>();
  for (const w of [8, 12, 16, 20, 24, 32, 40, 48, 64]) for (const r of grammar(w)) names.add(r.name);
  return [...names].sort();
}
