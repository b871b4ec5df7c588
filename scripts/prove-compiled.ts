// How many rows z3 proves equal to their compiled form: scripts/prove-compiled.ts ISA [INSTRUCTIONS [MILLISECONDS]]
import { proveRow } from "../src/agent/verifier/prove.ts";
import { isaRulebook } from "../src/host/node/assets.ts";
import { z3 } from "../src/oracle/node/z3.ts";
import { loadIsaBook } from "../src/rules/index.ts";

const [isa, words, timeout] = process.argv.slice(2);
const found = isa === undefined ? null : isaRulebook(isa);
if (!found) throw new Error("prove-compiled.ts ISA [INSTRUCTIONS [MILLISECONDS]]");
const book = loadIsaBook(found.text, found.options);
const solver = await z3(Number(timeout ?? 5000));
const open = new Map<string, string[]>();
let proved = 0;
for (const row of book.rows) {
  const answer = await proveRow(solver, book, row, Number(words ?? 3), 1);
  if (answer.k === "equal") proved++;
  else {
    const why = answer.k === "differs" ? "DIFFERS" : answer.why;
    open.set(why, [...(open.get(why) ?? []), row.name]);
  }
}
console.log(
  `${isa}: ${proved} of ${book.rows.length} rows proved equal to their compiled form (${words ?? 3} instructions each)`,
);
for (const [why, rows] of [...open].sort((a, b) => b[1].length - a[1].length))
  console.log(`  ${rows.length} not: ${why}: ${rows.slice(0, 12).join(" ")}${rows.length > 12 ? " ..." : ""}`);
solver.close();
