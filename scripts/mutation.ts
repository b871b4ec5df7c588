// Plants faults in rows and counts those that the verifier catches: scripts/mutation.ts ISA [FAULTS [STATES [SEED [ORACLE]]]]
import { bind } from "../src/agent/verifier/bind.ts";
import { type Campaign, mutationCampaign } from "../src/agent/verifier/mutation.ts";
import { isaRulebook } from "../src/host/node/assets.ts";
import { openOracle } from "../src/oracle/node/open.ts";
import { z3 } from "../src/oracle/node/z3.ts";
import { loadIsaBook } from "../src/rules/index.ts";

const [isa, faults, states, seed, name] = process.argv.slice(2);
const found = isa === undefined ? null : isaRulebook(isa);
if (!found) throw new Error("mutation.ts ISA [FAULTS [STATES [SEED [ORACLE]]]]");
const book = loadIsaBook(found.text, found.options);
const oracle = await openOracle(name, book.name);
const solver = await z3(3000);
const result: Campaign = await mutationCampaign(oracle, bind(book, oracle.machine), solver, {
  faults: Number(faults ?? 2000),
  states: Number(states ?? 2000),
  seed: Number(seed ?? 1),
});
const share = (100 * result.caught) / Math.max(1, result.planted - result.equivalent);
console.log(
  `${isa} against ${oracle.name}: ${result.planted} faults planted, ${result.equivalent} proved to be none, ${result.caught} caught (${share.toFixed(2)} %), ${result.missed.length} missed; half were caught within ${result.median} states`,
);
for (const m of result.missed) console.log(`  missed: ${m}`);
solver.close();
await oracle.close();
