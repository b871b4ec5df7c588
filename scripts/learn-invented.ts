import { writeFileSync } from "node:fs";
import { learnIsa } from "../src/agent/translator/session.ts";
import { coverage } from "../src/agent/verifier/random-words.ts";
import { loadIsaBook } from "../src/rules/index.ts";
import { inventedOracle } from "../tests/agent/invented.ts";
import { invent } from "../tests/agent/inventing.ts";

/*
 * Learns invented machines, one a seed, as `sage learn isa` does behind a stub of 5,000 observations a second, and says how
 * much of random words was decoded and matched:
 *   node scripts/learn-invented.ts FROM [TO] [--words N] [--minutes M] [--keep DIR] [--why]
 * Time is the computer's and that the stub would have taken.
 */
const [first, ...rest] = process.argv.slice(2);
const option = (name: string): string | undefined =>
  process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined;
const from = Number(first ?? 1);
const to = /^\d+$/.test(rest[0] ?? "") ? Number(rest[0]) : from;
const words = Number(option("--words") ?? 500);
const minutes = Number(option("--minutes") ?? 15);
const RATE = 5000;
let good = 0;
for (let seed = from; seed <= to; seed++) {
  const spec = invent(seed);
  const oracle = inventedOracle(spec, RATE);
  const began = performance.now();
  const spent = (): number => performance.now() - began + oracle.count / (RATE / 1000);
  const learned = await learnIsa(oracle, {
    seed: 1,
    isa: "odd",
    time: minutes * 60_000,
    now: spent,
    report: () => undefined,
    save: () => undefined,
  });
  const cpu = Math.round((performance.now() - began) / 1000);
  const time = Math.round(spent() / 1000);
  const keep = option("--keep");
  if (keep) writeFileSync(`${keep}/${seed}.rules`, learned.book);
  const missed = new Map<string, number>();
  const c = await coverage(oracle, loadIsaBook(learned.book), {
    words,
    seed: 99,
    missed: (_, why) => void missed.set(why.slice(0, 60), (missed.get(why.slice(0, 60)) ?? 0) + 1),
  });
  const share = c.matched / Math.max(1, c.executed);
  if (share >= 0.9) good++;
  console.log(
    `${seed}: ${(100 * share).toFixed(1)} % (${c.decoded} decoded, ${c.matched} matched of ${c.executed}), ${learned.forms.length} forms, ${learned.failures.length} open, ${oracle.count} observations, ${cpu} s CPU, ${time} s as through a stub${learned.complete ? "" : ", cut"}: ${spec.wordBits}-bit words, ${spec.regs}x${spec.regBits}${spec.zero ? " zero" : ""}, pc ${spec.pcBits}, unit ${spec.unit}, flags ${spec.flags}, ${spec.instructions.length} instructions`,
  );
  if (!process.argv.includes("--why")) continue;
  const nameOf = (w: number): string => spec.instructions.find((i) => ((w ^ i.match) & i.mask) === 0)?.name ?? "?";
  const open = new Map<string, number>();
  for (const f of learned.failures) {
    const key = `${nameOf(f.word)}: ${f.why}`;
    open.set(key, (open.get(key) ?? 0) + 1);
  }
  for (const [key, n] of [...open].sort()) console.log(`  ${n}x ${key}`);
  for (const [why, n] of missed) console.log(`  ${n}x ${why}`);
}
console.log(`${good} of ${to - from + 1} at 90 % or more`);
