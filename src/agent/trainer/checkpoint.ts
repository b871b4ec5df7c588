import { sageError } from "../../errors.ts";
import { Network } from "../../model/network.ts";
import { readTensors, type Tensor, writeTensors } from "../../model/safetensors.ts";
import type { Prior } from "../translator/solve.ts";
import { induceRole, priorOf } from "./prior.ts";
import { abduceRole, deduceRole } from "./roles.ts";
import { KINDS, Trainer } from "./trainer.ts";
import { Vocabulary } from "./vocabulary.ts";

interface State {
  readonly version: 1;
  readonly options: Trainer["options"];
  readonly round: number;
  readonly steps: number;
  readonly rng: readonly number[];
  readonly counts: readonly number[];
  readonly bank: readonly (readonly [string, number])[];
}

/** What a model is without its training: weights, and the words it answers in. */
export function writeModel(t: Trainer): Uint8Array {
  const note = { seed: t.options.seed, round: t.round, selfPlay: t.options.selfPlay, gate: t.options.gate };
  return writeTensors({
    tensors: new Map(t.network.weights),
    metadata: { format: "sage-model 1", words: JSON.stringify(t.words.productions), trained: JSON.stringify(note) },
  });
}

/** All that training goes on from: the same rounds follow as if it had not stopped. */
export function writeTraining(t: Trainer): Uint8Array {
  const tensors = new Map<string, Tensor>(t.network.weights);
  for (const [name, { shape }] of t.network.weights) {
    const [mean, square] = [t.adam.mean.get(name), t.adam.square.get(name)];
    if (!mean || !square) continue;
    tensors.set(`adam.mean.${name}`, { shape, data: mean });
    tensors.set(`adam.square.${name}`, { shape, data: square });
  }
  for (const kind of KINDS) {
    const { preference } = t.proposers[kind];
    tensors.set(`proposer.${kind}`, { shape: [preference.length], data: preference });
    t.replays[kind].save(tensors);
  }
  const state: State = {
    version: 1,
    options: t.options,
    round: t.round,
    steps: t.adam.steps,
    rng: t.rng.state(),
    counts: KINDS.map((k) => t.replays[k].count),
    bank: t.bank.list(),
  };
  return writeTensors({
    tensors,
    metadata: { format: "sage-model 1", words: JSON.stringify(t.words.productions), state: JSON.stringify(state) },
  });
}

/** A trainer as it was. Throws MODEL_BAD. */
export function readTraining(bytes: Uint8Array, name: string): Trainer {
  const { tensors, metadata } = readTensors(bytes, name);
  const words = new Vocabulary(wordsOf(metadata, name));
  const state = metadata.state === undefined ? undefined : (JSON.parse(metadata.state) as State);
  if (state?.version !== 1) throw sageError("MODEL_BAD", `${name} holds no training to go on with`);
  const t = new Trainer(state.options, words);
  fill(t.network, tensors, name);
  for (const key of t.network.weights.keys()) {
    const [mean, square] = [tensors.get(`adam.mean.${key}`), tensors.get(`adam.square.${key}`)];
    if (!mean || !square) continue;
    t.adam.mean.set(key, Float32Array.from(mean.data));
    t.adam.square.set(key, Float32Array.from(square.data));
  }
  t.adam.steps = state.steps;
  t.round = state.round;
  t.rng.restore(state.rng);
  t.bank.restore(state.bank);
  for (const [i, kind] of KINDS.entries()) {
    t.proposers[kind].preference.set(tensors.get(`proposer.${kind}`)!.data);
    t.replays[kind].restore(tensors, state.counts[i]!);
  }
  return t;
}

/** The prior that a model file is. Throws MODEL_BAD. */
export async function readPrior(bytes: Uint8Array, name: string): Promise<Prior> {
  const { tensors, metadata } = readTensors(bytes, name);
  const words = new Vocabulary(wordsOf(metadata, name));
  await Network.ready();
  const network = new Network([induceRole(words), deduceRole, abduceRole], () => 0);
  fill(network, tensors, name);
  return priorOf(network, words);
}

function wordsOf(metadata: Readonly<Record<string, string>>, name: string): string[] {
  if (metadata.format !== "sage-model 1") throw sageError("MODEL_BAD", `${name} is no model of SAGE's`);
  return JSON.parse(metadata.words ?? "[]") as string[];
}

function fill(network: Network, tensors: ReadonlyMap<string, Tensor>, name: string): void {
  for (const [key, { data }] of network.weights) {
    const from = tensors.get(key);
    if (from?.data.length !== data.length) throw sageError("MODEL_BAD", `${name}: ${key} does not fit`);
    data.set(from.data);
  }
  network.changed();
}
