import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";
import { beliefIn, evidenceFor, evidenceOf, mergeEvidence } from "../../src/agent/verifier/evidence.ts";
import { exampleOf } from "../../src/agent/verifier/example.ts";
import { rulesPage } from "../../src/agent/verifier/page.ts";
import type { Verdict } from "../../src/agent/verifier/verdict.ts";
import { evidencePath, isaRulebook, rulebookNames } from "../../src/host/node/assets.ts";
import { type Evidence, evidenceLine, readEvidence } from "../../src/rules/evidence.ts";
import { loadIsaBook } from "../../src/rules/index.ts";

const BOOK = `isa toy little
file X[4]: i32
field a b c: 4
section All
add | 0000000000000000 0000 a b c where a < 4 && b < 4 && c < 4 | add {a}, {b}, {c} | X[a] = X[b] + X[c]
sub | 0000000000000001 0000 a b c where a < 4 && b < 4 && c < 4 | sub {a}, {b}, {c} | X[a] = X[b] - X[c]
`;
const COMMON = new Map([
  ["seed", "3"],
  ["oracle", "qemu-toy-1"],
]);
const evidenceNamed = (row: string): Evidence[] => [
  { hash: "0123456789ab", isa: "toy", row, origin: "hand", verdict: "tested", words: ["7"], facts: COMMON },
];
const tested: Verdict = {
  k: "tested",
  cases: 2000,
  asked: 2000,
  seed: 3,
  oracle: "qemu-toy-1",
  words: 4,
  faults: 0,
  skipped: new Map(),
  unseen: [],
};

test("evidence is read as it was written, and belongs to a row as it stands", () => {
  const book = loadIsaBook(BOOK);
  const fresh = book.rows.map((row) => evidenceOf(book, { row, verdict: tested }, "learned"));
  const text = mergeEvidence(book, [], fresh);
  const read = readEvidence(text, "toy.evidence");
  assert.deepEqual(beliefIn(evidenceFor(book, read).get(book.rows[0]!), "hand"), {
    verdict: "tested",
    origin: "learned",
    cases: 2000,
    oracle: "qemu-toy-1",
  });
  // A row that changes loses it, the other keeps it
  const changed = loadIsaBook(BOOK.replace("X[b] + X[c]", "X[b] + X[c] + 1"));
  const after = evidenceFor(changed, read);
  assert.equal(after.get(changed.rows[0]!), undefined);
  assert.equal(after.get(changed.rows[1]!)?.verdict, "tested");
  assert.equal(beliefIn(undefined, "hand").verdict, "unknown");
  // New evidence takes the old one's place, and what belongs to no row is dropped
  const merged = mergeEvidence(changed, read, [
    evidenceOf(changed, { row: changed.rows[0]!, verdict: { k: "unknown", why: "a b" } }, "hand"),
  ]);
  assert.equal(readEvidence(merged, "toy.evidence").length, 2);
  assert.match(merged, /toy\/add +hand +unknown +why=a-b/);
  // What most rows have in common is said once, and a name may have blanks
  const more = [...fresh, ...evidenceNamed("rep sub")];
  assert.deepEqual(
    readEvidence(
      `with  seed=3  oracle=qemu-toy-1\n${more.map((e) => evidenceLine(e, COMMON)).join("\n")}`,
      "toy.evidence",
    ),
    more,
  );
});

test("a page has every row, with its colour and an example, and obeys nothing in it", () => {
  const book = loadIsaBook(BOOK);
  const page = rulesPage([{ book, evidence: [], textOf: (row) => `${row.name} <script>` }]);
  assert.equal(page.match(/<details id="toy-\d+">/g)?.length, book.rows.length);
  assert.equal(page.match(/<a class="unknown"/g)?.length, book.rows.length);
  assert.ok(page.includes("add &lt;script&gt;") && !page.includes("add <script>"));
  const example = exampleOf(book, book.rows[0]!)!;
  assert.match(example.text, /^add \d, \d, \d$/);
  assert.match(example.after, /^X\[\d\]=0x/);
});

test("every ISA has evidence, and nothing is unknown without a reason", () => {
  for (const isa of rulebookNames("isa")) {
    const all = readEvidence(readFileSync(evidencePath(isa)!, "utf8"), `${isa}.evidence`);
    assert.ok(all.filter((e) => e.verdict === "tested").length > 0.98 * all.length, isa);
    assert.deepEqual(
      all.filter((e) => e.verdict === "unknown" && !e.facts.has("why")),
      [],
    );
  }
});

test("evidence that is shipped fits the books, and no row of it is refuted", () => {
  for (const isa of rulebookNames("isa")) {
    const file = evidencePath(isa);
    if (file === undefined || !existsSync(file)) continue;
    const found = isaRulebook(isa)!;
    const book = loadIsaBook(found.text, found.options);
    const known = evidenceFor(book, readEvidence(readFileSync(file, "utf8"), `${isa}.evidence`));
    const without = book.rows.filter((row) => !known.has(row)).map((row) => row.name);
    assert.deepEqual(
      without,
      [],
      `rows of ${isa} that changed since they were verified: sage verify ${isa} ${without.join(" ")} --save`,
    );
    assert.deepEqual(
      [...known.values()].filter((e) => e.verdict === "refuted").map((e) => e.row),
      [],
    );
  }
});
