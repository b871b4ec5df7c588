// Compares the reference floating point with every oracle at hand: node tests/ir/float/campaign.ts [SEED] [COUNT]
import { compare, missing, ORACLES } from "./oracle.ts";

const seed = Number(process.argv[2] ?? Date.now() % 1e6);
const count = Number(process.argv[3] ?? 1_000_000);
for (const o of ORACLES) {
  const tool = missing(o);
  if (tool) {
    console.log(`${o.name}: skipped, needs ${tool}`);
    continue;
  }
  const { known, wrong } = compare(o, seed, count);
  console.log(`${o.name}: seed ${seed}, ${known} cases, ${wrong.length} wrong`);
  for (const line of wrong.slice(0, 20)) console.log(`  ${line}`);
  if (wrong.length) process.exitCode = 1;
}
