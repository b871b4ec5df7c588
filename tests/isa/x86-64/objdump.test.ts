import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { isaRulebook } from "../../../src/host/node/assets.ts";
import { loadIsaBook } from "../../../src/rules/index.ts";
import { REPOSITORY } from "../../guests.ts";
import { installed, needs } from "../tools.ts";

const LIBC = process.env.SAGE_OBJECT ?? join(REPOSITORY, ".cache/roots/amd64/lib/x86_64-linux-gnu/libc.so.6");
/** Every so manieth instruction; 1 looks at all of them. */
const STEP = Number(process.env.STEP ?? 23);

const source = isaRulebook("x86_64");
assert.ok(source);
const book = loadIsaBook(source.text, source.options);

/** One blank, no comment or symbol; what objdump tells of prefixes that change nothing, and what it leaves out. */
function plain(line: string): string {
  return line
    .replace(/\s*[#<].*$/, "")
    .replace(/^(lock|notrack|bnd|xacquire|xrelease|data16|addr32|cs|ds|es|ss|repz ret|rex(\.[WRXB]+)?) /g, "")
    .replace(/^(data16|cs|rex\.W) /g, "")
    .replace(/^repz (ret)/, "$1")
    .replace(/^movs ([A-Z])/, "movs $1")
    .replace(/\b[cdes]s:(?!0x)/g, "")
    .replace(/^(j\w+|call|loop\w*) 0x/, "$1 ")
    .replace(/\b0x0+(?=[1-9a-f])/g, "0x")
    .replace(/^xchg\s+ax,ax$/, "nop")
    .replace(/\+riz\*[1248]/, "")
    .replace(/\s+/g, " ")
    .replaceAll(", ", ",")
    .trim();
}

const ready = needs(installed("objdump") && existsSync(LIBC), "objdump and the amd64 root");
test("the disassembly of a glibc is objdump's", ready, () => {
  const raw = spawnSync("objdump", ["-d", "-M", "intel", "--insn-width=16", LIBC], {
    encoding: "latin1",
    maxBuffer: 1 << 28,
  });
  assert.equal(raw.status, 0);
  let lines = 0;
  let seen = 0;
  const wrong = new Map<string, string>();
  const unknown = new Map<string, number>();
  for (const line of raw.stdout.split("\n")) {
    const m = /^ +([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*\t(.*)$/.exec(line);
    if (!m || lines++ % STEP !== 0) continue;
    const theirs = plain(m[3]);
    const word = theirs.split(" ")[0];
    // Announced nowhere: AVX-512, TSX, CET's stack, 3DNow and the like.
    if (
      m[2].startsWith("62 ") ||
      /^(x(begin|end|abort|test)|rdpkru|wrpkru|rdssp|incssp|k(mov|or|ortest|and|andn|not|test|unpck|xor|xnor|add|shift[lr])[bwdq]|\(bad\)|\.byte)/.test(
        word,
      )
    )
      continue;
    seen++;
    const bytes = Uint8Array.from(m[2].trim().split(" "), (b) => Number.parseInt(b, 16));
    const decoded = book.decode(bytes, 0);
    if (!decoded) {
      unknown.set(word, (unknown.get(word) ?? 0) + 1);
      continue;
    }
    const ours = plain(book.disassemble(decoded, Number.parseInt(m[1], 16)));
    if (ours !== theirs && !wrong.has(word)) wrong.set(word, `${m[2]}: objdump "${theirs}", here "${ours}"`);
  }
  assert.ok(seen > 5000, `only ${seen} instructions`);
  assert.deepEqual([...wrong.values()].slice(0, 40), []);
  assert.deepEqual([...unknown], []);
});
