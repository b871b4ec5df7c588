import type { Network, Role } from "../../model/network.ts";
import type { Production } from "../translator/production.ts";
import type { Leaf } from "../translator/search.ts";
import type { Prior, Spending } from "../translator/solve.ts";
import { SIGNATURE, signatureOf } from "./signature.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** The role that tells what an expression is made of. */
export const induceRole = (words: Vocabulary): Role => ({
  name: "induce",
  length: SIGNATURE,
  answers: words.size,
  bias: -3,
});

/** What a bit of improbability costs, and what nothing costs more than. */
const BIT = 1;
const DEAREST = 12;

const costOf = (logit: number): number => {
  const bits = Math.log2(1 + Math.exp(-logit));
  return Math.max(1, Math.min(DEAREST, Math.round(1 + BIT * bits)));
};

/** Answers of the inducing role as costs of productions and leaves; those it knows nothing of keep their own. */
export function spending(
  words: Vocabulary,
  logits: ArrayLike<number>,
  rules: readonly Production[],
  leaves: readonly Leaf[],
): Spending {
  const kind = words.leaf(leaves);
  const told = (i: number | undefined, own: number): number => (i === undefined ? own : costOf(logits[i]!));
  return {
    rules: rules.map((r) => told(words.at(r.name), r.cost)),
    leaves: leaves.map((l) => told(kind(l), l.cost)),
  };
}

/** A trained model as the translator's prior. */
export function priorOf(network: Network, words: Vocabulary): Prior {
  const role = induceRole(words);
  return (rules, leaves, target, samples) =>
    spending(words, network.answer(role, signatureOf(rules, leaves, target, samples)), rules, leaves);
}
