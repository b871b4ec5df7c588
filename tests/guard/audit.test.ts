import assert from "node:assert/strict";
import { hash } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import { AuditLog } from "../../src/guard/audit.ts";
import { verifyAudit } from "../../src/guard/verify.ts";

const sha256 = (text: string) => hash("sha256", text);
let clock = 1_800_000_000_000;
function log(count: number): string {
  let text = "";
  const output = { write: (line: string) => void (text += line), sha256, now: () => clock++ };
  const audit = new AuditLog(output, { program: "a.out" });
  for (let i = 0; i < count; i++) audit.record({ kind: "open", path: `/tmp/"${i}\n\u2028é`, read: true });
  audit.end({ status: 0 });
  audit.record({ kind: "late" });
  return text;
}
const verify = (text: string) => verifyAudit(text, sha256);
const why = (text: string) => {
  const verdict = verify(text);
  return verdict.ok ? "ok" : `${verdict.line}: ${verdict.why}`;
};

test("a log as written is sound, one JSON value a line, and tells its last hash", () => {
  const text = log(5);
  const verdict = verify(text);
  assert.ok(verdict.ok);
  assert.equal(verdict.lines, 7);
  const lines = text
    .trimEnd()
    .split("\n")
    .map((l) => JSON.parse(l));
  assert.equal(lines[6].hash, verdict.head);
  assert.deepEqual(
    lines.map((l) => l.event.kind),
    ["start", "open", "open", "open", "open", "open", "end"],
  );
  assert.equal(lines[3].prev, lines[2].hash);
});

test("changed, missing, swapped, repeated, added and cut lines are found and named", () => {
  const text = log(5);
  const lines = text.split("\n").slice(0, -1);
  const join = (some: string[]) => `${some.join("\n")}\n`;
  const edited = (index: number) =>
    join(
      lines.map((l, i) =>
        i === index ? l.replace("a.out", "b.out").replace("true", "false").replace('"status":0', '"status":1') : l,
      ),
    );
  for (const index of [0, 1, 5, 6])
    assert.equal(why(edited(index)), `${index + 1}: was changed: its hash does not match`);
  assert.match(why(join(lines.toSpliced(3, 1))), /^4: line 4 is missing before it/);
  assert.match(why(join(lines.toSpliced(2, 3))), /^3: lines 3 to 5 are missing before it/);
  assert.match(why(join(lines.slice(1))), /^1: line 1 is missing/);
  assert.match(why(join(lines.slice(0, -1))), /^7: is missing: the log has no end/);
  assert.match(why(text.slice(0, -10)), /^7: is cut off/);
  assert.match(why(join([...lines, lines[3]!])), /^8: stands after the end/);
  assert.match(why(join([lines[0]!, lines[2]!, lines[1]!, ...lines.slice(3)])), /^2: line 2 is missing/);
  assert.match(why(join([...lines.slice(0, 3), ...lines.slice(2)])), /^4: repeats or reorders line 3/);
  assert.match(why(""), /^1: the log is empty/);
  assert.match(why("\n"), /^1: has no hash/);
  // a line of another log, sound in itself
  const other = log(5).split("\n");
  assert.match(why(join(lines.map((l, i) => (i === 3 ? other[3]! : l)))), /^4: does not follow the line before it/);
});

test("any change of any character is found", () => {
  const text = log(3);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom("", "x", '"', "\n", "0"), (position, put) => {
      const changed = text.slice(0, position) + put + text.slice(position + 1);
      assert.equal(verify(changed).ok, changed === text);
    }),
    { numRuns: 3000, seed: 11 },
  );
});
