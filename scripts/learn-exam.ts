import { readFileSync } from "node:fs";
import { Random } from "../src/agent/verifier/random.ts";
import { instructionOf } from "../src/agent/verifier/words.ts";
import { sameEffect } from "../src/backend/smt/equal.ts";
import { isaRulebook } from "../src/host/node/assets.ts";
import { type Effect, type Inst, Node, type NodeExtra } from "../src/ir/node.ts";
import { z3 } from "../src/oracle/node/z3.ts";
import { loadIsaBook } from "../src/rules/index.ts";

/*
 * The exam of a learned rulebook: for each hand-written row some of its instructions, which the learned book must decode
 * and z3 must prove the same. Nothing here goes back into learning.
 *   node scripts/learn-exam.ts ISA LEARNED.rules [INSTRUCTIONS [MILLISECONDS]]
 */
const [isa, file, words, timeout] = process.argv.slice(2);
const found = isa === undefined ? null : isaRulebook(isa);
if (!found || file === undefined) throw new Error("learn-exam.ts ISA LEARNED.rules [INSTRUCTIONS [MILLISECONDS]]");
const hand = loadIsaBook(found.text, found.options);
const text = readFileSync(file, "utf8");
const learned = loadIsaBook(text);
const solver = await z3(Number(timeout ?? 5000));

/** Slots of the learned book as the hand-written one numbers them. */
const slots = new Map<number, number>();
for (const name of /^names R (.*)$/m.exec(text)?.[1]?.split(" ") ?? []) {
  const [from, to] = [learned.slot(name), hand.slot(name)];
  if (from !== undefined && to !== undefined) slots.set(from, to);
}

/** A lifted instruction with its slots renumbered; loads keep being one node. */
function renumbered(inst: Inst): Inst {
  const done = new Map<Node, Node>();
  const node = (n: Node): Node => {
    let out = done.get(n);
    if (out) return out;
    const args = n.args.map(node);
    const aux = n.op === "get" ? (slots.get(n.aux) ?? -1) : n.aux;
    out =
      aux === n.aux && args.every((a, i) => a === n.args[i])
        ? n
        : new Node(n.op, n.w, args, { ...(n as NodeExtra), aux });
    done.set(n, out);
    return out;
  };
  const effect = (e: Effect): Effect => {
    switch (e.k) {
      case "load":
      case "rmw":
      case "ask":
        return { ...e, node: node(e.node) };
      case "store":
        return { ...e, addr: node(e.addr), value: node(e.value) };
      case "set":
        return { ...e, slot: slots.get(e.slot) ?? -1, value: node(e.value) };
      case "if":
        return { ...e, cond: node(e.cond), then: e.then.map(effect), else: e.else.map(effect) };
      case "jump":
        return { ...e, target: node(e.target) };
      default:
        return e;
    }
  };
  return { ...inst, effects: inst.effects.map(effect) };
}

const acts = (list: readonly Effect[]): boolean =>
  list.some((e) => e.k === "stop" || e.k === "fence" || e.k === "rmw" || e.k === "ask" || e.k === "trap");
const tally = new Map<string, Map<string, string[]>>();
for (const row of hand.rows) {
  const random = new Random(row.index + 1);
  let verdict = "equal";
  for (let i = 0; i < Number(words ?? 4) && verdict === "equal"; i++) {
    const word = instructionOf(hand, row, random);
    if (!word) break;
    const inst = hand.lift(word.decoded, 0x10000);
    if (acts(inst.effects)) verdict = "outside";
    else {
      const known = learned.decode(word.code, 0);
      if (known?.length !== word.code.length) verdict = "missing";
      else {
        const answer = await sameEffect(solver, inst, renumbered(learned.lift(known, 0x10000)));
        if (answer.k !== "equal") verdict = answer.k;
      }
    }
  }
  const section = row.length === 2 ? "C" : row.section.split(" ")[0]!;
  const counts = tally.get(section) ?? new Map<string, string[]>();
  counts.set(verdict, [...(counts.get(verdict) ?? []), row.name]);
  tally.set(section, counts);
}
for (const [section, counts] of tally)
  console.log(
    `${section}: ${["equal", "differs", "unknown", "missing", "outside"]
      .flatMap((v) => {
        const rows = counts.get(v);
        if (!rows) return [];
        return [`${rows.length} ${v}${v === "equal" ? "" : ` (${rows.slice(0, 60).join(" ")})`}`];
      })
      .join(", ")}`,
  );
solver.close();
