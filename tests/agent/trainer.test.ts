import assert from "node:assert/strict";
import { before, test } from "node:test";
import { readTraining, writeModel, writeTraining } from "../../src/agent/trainer/checkpoint.ts";
import { MemoryBank, refusal } from "../../src/agent/trainer/gate.ts";
import { spending } from "../../src/agent/trainer/prior.ts";
import { Proposer } from "../../src/agent/trainer/proposer.ts";
import { SIGNATURE, signatureOf } from "../../src/agent/trainer/signature.ts";
import { searched, Trainer } from "../../src/agent/trainer/trainer.ts";
import { Vocabulary } from "../../src/agent/trainer/vocabulary.ts";
import { SHOWN, type Task } from "../../src/agent/trainer/world.ts";
import { Rng } from "../../src/agent/translator/values.ts";
import { Network } from "../../src/model/network.ts";

const OPTIONS = { seed: 3, selfPlay: true, gate: true };

before(() => Network.ready());

/** Tasks that no training saw: another seed's. */
function examTasks(count: number): Task[] {
  const rng = new Rng(987_654);
  const proposer = new Proposer(new Vocabulary().names);
  const bank = new MemoryBank();
  const out: Task[] = [];
  while (out.length < count) {
    const { task } = proposer.propose(rng);
    if (refusal(task, bank) === undefined) out.push(task);
  }
  return out;
}

/** Candidates that a trainer's model takes for some tasks, and tasks it solves. */
function exam(t: Trainer, tasks: readonly Task[]): { tried: number; solved: number } {
  let [tried, solved] = [0, 0];
  for (const task of tasks) {
    const { rules } = task.world;
    const signature = signatureOf(rules, task.leaves, task.target, SHOWN);
    const logits = t.network.answer(t.replays.induction.role, signature);
    const r = searched(task, spending(t.words, logits, rules, task.leaves), 2000, true);
    tried += r.tried;
    if (r.found) solved++;
  }
  return { tried, solved };
}

test("a little self-play makes the search shorter on tasks that it never saw", () => {
  const t = new Trainer(OPTIONS);
  const tasks = examTasks(60);
  const before = exam(t, tasks);
  for (let i = 0; i < 14; i++) t.step();
  const after = exam(t, tasks);
  assert.ok(after.tried < 0.9 * before.tried, `${before.tried} candidates before, ${after.tried} after`);
  assert.ok(after.solved > before.solved, `${before.solved} solved before, ${after.solved} after`);
});

test("training that was cut and taken up again goes on as if it had not been", () => {
  const whole = new Trainer(OPTIONS);
  whole.step();
  whole.step();
  const first = new Trainer(OPTIONS);
  first.step();
  const second = readTraining(writeTraining(first), "checkpoint");
  second.step();
  assert.deepEqual(Buffer.from(writeTraining(second)), Buffer.from(writeTraining(whole)));
  assert.notDeepEqual(Buffer.from(writeModel(second)), Buffer.from(writeModel(first)));
});

test("the model has between 0.3 and 1 million weights", () => {
  const { size } = new Trainer(OPTIONS).network;
  assert.ok(size >= 300_000 && size <= 1_000_000, `${size} weights`);
});

test("the gate refuses what cannot be learned from", () => {
  const [task] = examTasks(1);
  const bank = new MemoryBank();
  assert.equal(refusal(task!, bank), undefined);
  for (let i = 0; i < 10; i++) refusal(task!, bank);
  assert.equal(refusal(task!, bank), "seen before");
  // A machine that answers otherwise the second time
  const value = { lo: task!.value.lo.slice(), hi: task!.value.hi };
  value.lo[40] = value.lo[40]! ^ 1;
  assert.equal(refusal({ ...task!, value }, new MemoryBank()), "not deterministic");
  const operand = task!.world.operands[0]!;
  const idle: Task = { ...task!, answer: { k: "leaf", leaf: operand }, value: operand.value };
  assert.equal(refusal(idle, new MemoryBank()), "changes nothing");
  const answer: Task["answer"] = {
    k: "apply",
    rule: {
      ...task!.world.rules[0]!,
      f: () => {
        throw new Error("a fault");
      },
    },
    args: [
      { k: "leaf", leaf: operand },
      { k: "leaf", leaf: operand },
    ],
  };
  assert.equal(refusal({ ...task!, answer }, new MemoryBank()), "faults");
});

test("a signature fits its model and does not name the machine", () => {
  for (const task of examTasks(40)) {
    const a = signatureOf(task.world.rules, task.leaves, task.target, SHOWN);
    assert.equal(a.length, SIGNATURE);
    // The last place is never reached: nothing was cut
    assert.equal(a[SIGNATURE - 1], 256);
    const renamed = task.leaves.map((l) => ({ ...l, name: l.name.replace(/^%f(\d)/, "%f1$1") }));
    assert.deepEqual(signatureOf(task.world.rules, renamed, task.target, SHOWN), a);
  }
});

test("what a proposer invents is bounded, whatever it prefers", () => {
  const words = new Vocabulary();
  const proposer = new Proposer(words.names);
  for (const name of ["band", "bor", "bxor", "bnot", "bsel", "select"]) proposer.preference[words.at(name)!] = 3;
  const rng = new Rng(11);
  const size = (e: Task["answer"]): number => (e.k === "leaf" ? 0 : 1 + e.args.reduce((n, a) => n + size(a), 0));
  for (let i = 0; i < 2000; i++) assert.ok(size(proposer.propose(rng).task.answer) <= 12);
});

test("a proposer comes to prefer what is rewarded", () => {
  const words = new Vocabulary();
  const proposer = new Proposer(words.names);
  const rng = new Rng(5);
  const share = (): number => {
    let n = 0;
    for (let i = 0; i < 200; i++) if (uses(proposer.propose(rng).task.answer, "xor")) n++;
    return n / 200;
  };
  const uses = (e: Task["answer"], name: string): boolean =>
    e.k === "apply" && (e.rule.name === name || e.args.some((a) => uses(a, name)));
  const before = share();
  for (let i = 0; i < 20; i++) {
    const list = Array.from({ length: 64 }, () => proposer.propose(rng));
    proposer.learn(
      list,
      list.map((p) => (uses(p.task.answer, "xor") ? 3 : -0.2)),
      1.2,
    );
  }
  assert.ok(share() > 2 * before + 0.05, `${before} before, ${share()} after`);
});
