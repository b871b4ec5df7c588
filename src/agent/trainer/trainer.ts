import { Adam } from "../../model/adam.ts";
import { Network } from "../../model/network.ts";
import { type Expr, search } from "../translator/search.ts";
import type { Spending } from "../translator/solve.ts";
import { Rng } from "../translator/values.ts";
import { MemoryBank, refusal } from "./gate.ts";
import { induceRole, spending } from "./prior.ts";
import { type Proposal, Proposer } from "./proposer.ts";
import { Replay } from "./replay.ts";
import {
  abduceRole,
  abduceTokens,
  deduceAnswer,
  deduceRole,
  deduceTokens,
  mutated,
  tellsApart,
  WAYS,
} from "./roles.ts";
import { signatureOf } from "./signature.ts";
import { Vocabulary } from "./vocabulary.ts";
import { agree, HELD, run, SHOWN, type Task } from "./world.ts";

export interface TrainerOptions {
  readonly seed: number;
  /** False: proposals are drawn from fixed preferences and rewards are not used. */
  readonly selfPlay: boolean;
  /** False: all that is proposed is trained on. */
  readonly gate: boolean;
}

export const KINDS = ["induction", "deduction", "abduction"] as const;
export type Kind = (typeof KINDS)[number];

/** What one round showed. */
export interface RoundReport {
  readonly round: number;
  /** Tasks that passed the gate, and proposals that did not, by reason. */
  readonly tasks: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Share of rollouts that were right, mean reward of the proposer, by kind of task. */
  readonly solved: Readonly<Record<Kind, number>>;
  readonly reward: Readonly<Record<Kind, number>>;
  readonly loss: number;
  /** Candidates that the solver tried for a task, in the mean. */
  readonly tried: number;
  /** Answers of the solver that fitted what it was shown and nothing else. */
  readonly false: number;
}

const TASKS = 32;
const ROLLOUTS = 4;
/** Candidates of the first rollout, which follows the model, and of the others, which stray from it. */
const BUDGET = 3000;
const STRAY = 800;
const BATCH = 64;
const BATCHES = 4;
/** Tasks a round that are only read. */
const STUDIED = 96;
const RATE = 0.0015;
const PREFER = 0.15;
/** Inputs of a deduction task. */
const ASKED = 2;

/**
 * The Absolute Zero loop (arXiv 2505.03335): a proposer sets tasks of three kinds, a solver answers, running the answer
 * decides. Induction: an expression for values seen, by the translator's search at the model's costs. Deduction: the
 * result of an expression. Abduction: an input that tells two expressions apart. The proposer is rewarded where the
 * solver is right at times and not always; the solver learns from what was verified (expert iteration).
 */
export class Trainer {
  readonly options: TrainerOptions;
  readonly words: Vocabulary;
  readonly network: Network;
  readonly adam = new Adam(RATE);
  readonly rng: Rng;
  readonly bank = new MemoryBank();
  readonly proposers: Readonly<Record<Kind, Proposer>>;
  readonly replays: Readonly<Record<Kind, Replay>>;
  round = 0;

  /** A trainer at its beginning. Needs Network.ready. */
  constructor(options: TrainerOptions, words = new Vocabulary()) {
    this.options = options;
    this.words = words;
    this.rng = new Rng(options.seed);
    const induce = induceRole(words);
    this.network = new Network([induce, deduceRole, abduceRole], normal(new Rng(options.seed ^ 0x5eed)));
    const proposer = (): Proposer => new Proposer(words.names);
    this.proposers = { induction: proposer(), deduction: proposer(), abduction: proposer() };
    this.replays = {
      induction: new Replay(induce),
      deduction: new Replay(deduceRole),
      abduction: new Replay(abduceRole),
    };
  }

  /** One round of all three kinds. Decided by the state alone. */
  step(): RoundReport {
    const seen = { tried: 0, false: 0, refused: {} as Record<string, number> };
    const solved = { induction: 0, deduction: 0, abduction: 0 };
    const reward = { induction: 0, deduction: 0, abduction: 0 };
    let tasks = 0;
    for (const kind of KINDS) {
      const proposals: Proposal[] = [];
      const rewards: number[] = [];
      let passed = 0;
      for (let i = 0; passed < TASKS && i < 4 * TASKS; i++) {
        const proposal = this.proposers[kind].propose(this.rng);
        const why = refusal(proposal.task, this.bank);
        proposals.push(proposal);
        if (why !== undefined && this.options.gate) {
          seen.refused[why] = (seen.refused[why] ?? 0) + 1;
          rewards.push(REFUSED);
          continue;
        }
        passed++;
        const rate = this.attempt(kind, proposal.task, seen);
        solved[kind] += rate;
        rewards.push(learnability(rate));
      }
      tasks += passed;
      if (kind === "induction") this.study();
      solved[kind] /= Math.max(1, passed);
      reward[kind] = mean(rewards);
      if (this.options.selfPlay) this.proposers[kind].learn(proposals, whitened(rewards), PREFER * 8);
    }
    const loss = this.train();
    this.round++;
    return {
      round: this.round,
      tasks,
      refused: seen.refused,
      solved,
      reward,
      loss,
      tried: seen.tried / TASKS,
      false: seen.false,
    };
  }

  /** Has a task solved a few times; gives the share of right answers and keeps what was verified. */
  private attempt(kind: Kind, task: Task, seen: { tried: number; false: number }): number {
    if (kind === "deduction") return this.deduce(task);
    return kind === "abduction" ? this.abduce(task) : this.induce(task, seen);
  }

  private induce(task: Task, seen: { tried: number; false: number }): number {
    const { words } = this;
    const { world, leaves, target } = task;
    const signature = signatureOf(world.rules, leaves, target, SHOWN);
    const logits = this.network.answer(this.replays.induction.role, signature);
    let best: Expr | undefined;
    let right = 0;
    for (let r = 0; r < ROLLOUTS; r++) {
      const told = r === 0 ? logits : logits.map((x) => x + (this.rng.below(401) - 200) / 100);
      const spent = spending(words, told, world.rules, leaves);
      const { found, tried } = searched(task, spent, r === 0 ? BUDGET : STRAY, true);
      if (r === 0) seen.tried += tried;
      if (!found) continue;
      if (!this.verified(task, found)) {
        seen.false++;
        continue;
      }
      right++;
      best ??= found;
    }
    // An answer that nobody found is verified too: the values were made by it
    this.keep(task, signature, best ?? task.answer);
    return right / ROLLOUTS;
  }

  private keep(task: Task, signature: Uint16Array, answer: Expr): void {
    const { words } = this;
    const label = new Float32Array(words.size);
    const asked = new Float32Array(words.size);
    words.label(answer, task.leaves, label);
    words.asked(task.world.rules, task.leaves, asked);
    this.replays.induction.add(signature, label, asked);
  }

  /** Tasks that are read with their answers, without rollouts: cheap, and as true. */
  private study(): void {
    for (let i = 0; i < STUDIED; i++) {
      const { task } = this.proposers.induction.propose(this.rng);
      if (this.options.gate && refusal(task, this.bank) !== undefined) continue;
      this.keep(task, signatureOf(task.world.rules, task.leaves, task.target, SHOWN), task.answer);
    }
  }

  /** Whether a solution holds where it was not shown, and where abduction looks. */
  private verified(task: Task, found: Expr): boolean {
    if (!agree(run(found, task.world, task.known), task.value, SHOWN, SHOWN + HELD)) return false;
    const tokens = abduceTokens(task, found, this.words);
    const logits = this.network.answer(abduceRole, tokens);
    const ways = [...WAYS.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
    return !ways.slice(0, 3).some((way) => tellsApart(this.rng, task, found, way));
  }

  private deduce(task: Task): number {
    let right = 0;
    for (let i = 0; i < ASKED; i++) {
      const k = this.rng.below(SHOWN);
      const tokens = deduceTokens(task, this.words, k);
      const truth = new Float32Array(deduceRole.answers);
      const asked = new Float32Array(deduceRole.answers);
      deduceAnswer(task, k, truth, asked);
      const logits = this.network.answer(deduceRole, tokens);
      for (let r = 0; r < ROLLOUTS; r++)
        if (truth.every((t, j) => asked[j] === 0 || (this.says(logits[j]!, r) ? 1 : 0) === t)) right++;
      this.replays.deduction.add(tokens, truth, asked);
    }
    return right / (ASKED * ROLLOUTS);
  }

  /** A yes or no drawn from a logit; the first rollout gives the likelier. */
  private says(logit: number, rollout: number): boolean {
    if (rollout === 0) return logit > 0;
    return (this.rng.next() >>> 0) / 2 ** 32 < 1 / (1 + Math.exp(-logit));
  }

  private abduce(task: Task): number {
    const other = mutated(this.rng, task);
    const tokens = abduceTokens(task, other, this.words);
    const truth = Float32Array.from(WAYS, (_, way) => (tellsApart(this.rng, task, other, way) ? 1 : 0));
    const logits = this.network.answer(abduceRole, tokens);
    let right = 0;
    for (let r = 0; r < ROLLOUTS; r++) {
      let best = 0;
      let most = Number.NEGATIVE_INFINITY;
      for (let way = 0; way < WAYS.length; way++) {
        const x = logits[way]! + (r === 0 ? 0 : (this.rng.below(401) - 200) / 100);
        if (x > most) [best, most] = [way, x];
      }
      right += truth[best]!;
    }
    // What nothing tells apart teaches nothing
    if (truth.some((t) => t === 1)) this.replays.abduction.add(tokens, truth, new Float32Array(WAYS.length).fill(1));
    return right / ROLLOUTS;
  }

  private train(): number {
    let loss = 0;
    for (const kind of KINDS) {
      const replay = this.replays[kind];
      if (replay.count === 0) continue;
      for (let i = 0; i < (kind === "induction" ? BATCHES : 1); i++) {
        const { tokens, right, asked } = replay.batch(this.rng, BATCH, 4 * TASKS);
        const g = this.network.gradient(replay.role, tokens, right, asked);
        this.adam.step(this.network.weights, g.by);
        this.network.changed();
        if (kind === "induction") loss += g.loss / BATCHES;
      }
    }
    return loss;
  }
}

/** The translator's search at given costs. */
export function searched(
  task: Task,
  spent: Spending | undefined,
  budget: number,
  forwards = false,
): { found: Expr | undefined; tried: number } {
  const leaves = spent ? task.leaves.map((l, i) => ({ ...l, cost: spent.leaves[i]! })) : task.leaves;
  const { found, tried } = search({
    w: task.world.w,
    samples: SHOWN,
    leaves,
    targets: [task.target],
    rules: task.world.rules,
    budget,
    forwards,
    ...(spent ? { costs: spent.rules } : {}),
  });
  return { found: found[0], tried };
}

/** What the proposer gets: most for what is rarely solved, a loss for what is always or never. */
const learnability = (rate: number): number => (rate === 0 || rate === 1 ? -0.5 : 1 - rate);
const REFUSED = -1;

const mean = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / Math.max(1, x.length);

/** Rewards as advantages: mean zero, variance one, of one role alone. */
function whitened(x: readonly number[]): number[] {
  const m = mean(x);
  const s = Math.sqrt(mean(x.map((v) => (v - m) ** 2))) + 1e-6;
  return x.map((v) => (v - m) / s);
}

/** Normal numbers from a seed (Box and Muller). */
function normal(rng: Rng): () => number {
  const unit = (): number => ((rng.next() >>> 0) + 0.5) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(unit())) * Math.cos(2 * Math.PI * unit());
}
