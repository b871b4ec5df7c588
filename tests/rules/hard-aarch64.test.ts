import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import type { Decoded, Row } from "../../src/rules/book.ts";
import { parseCore, printCore } from "../../src/rules/core-text.ts";
import { expand } from "../../src/rules/expand.ts";
import { loadIsaBook, openIsaBook, precompile } from "../../src/rules/index.ts";
import { installed, needs, output } from "../isa/tools.ts";
import { mix, observe, randomState } from "./machine.ts";
import { native } from "./native/build.ts";
import { throughReaders } from "./readers.ts";

const text = readFileSync(new URL("hard-aarch64.rules", import.meta.url), "utf8");
const book = loadIsaBook(text, { file: "hard-aarch64.rules" });
const { rows } = expand(text);
const BUFFER = 0x20001100n;
const memoryRows = new Set(["ldp", "casal", "ld1"]);

/** Words of a row over the registers that the harness keeps: x0 to x7, x8 as a base, the zero register, v0 to v3. */
function rowOf(word: number): number {
  const bytes = new Uint8Array(Int32Array.of(word).buffer);
  return book.decodeInto(bytes, 0, 4, new Int32Array(32));
}

function words(row: Row, count: number): number[] {
  const out: number[] = [];
  const vector = row.section === "Vector";
  for (let k = 0; out.length < count && k < count * 50; k++) {
    let word = rows[row.index].match;
    row.fields.forEach((f, i) => {
      const r = Number(mix(BigInt(row.index * 100_000 + k * 16 + i)) & 0xffffffffn);
      for (const p of rows[row.index].fields[i].pieces)
        word |= ((valueFor(row, f.name, r, vector) >>> p.to) & ((2 ** p.len - 1) | 0)) << p.at;
    });
    if (rowOf(word) === row.index) out.push(word);
  }
  return out;
}

function valueFor(row: Row, field: string, r: number, vector: boolean): number {
  if (field === "Rn" && memoryRows.has(row.name)) return 8;
  if (field === "M") return 0;
  if (/^R[a-z0-9]+$/.test(field)) {
    const scalar = row.name === "fcvtzs" ? field === "Rd" : !vector;
    if (!scalar) return r % 3;
    return r % 9 === 8 ? 31 : r % 8;
  }
  if (field === "simm7") return (r % 3) - 1;
  return r;
}

function decoded(word: number): Decoded {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, word, true);
  const d = book.decode(bytes, 0);
  assert.ok(d);
  return d;
}

const sample = book.rows.flatMap((row) => words(row, 24));

test("every row has words to try", () => {
  assert.equal(new Set(sample.map(rowOf)).size, book.rows.length);
});

const lifted = sample.filter((_, i) => i % 6 === 0).map((w, i) => book.lift(decoded(w), 0x1000 + 4 * i));
throughReaders(book, lifted, 250);

test("the canonical form reads back, and so does the precompiled book", () => {
  const opened = openIsaBook(precompile(text));
  for (const row of rows) assert.deepEqual(parseCore(printCore(row.body)), row.body);
  for (const w of sample) {
    const d = decoded(w);
    assert.equal(opened.disassemble(d, 0x1000), book.disassemble(d, 0x1000));
  }
});

test("assembling what was disassembled gives the word back", () => {
  for (const w of sample) {
    for (const aliases of [true, false]) {
      const line = book.disassemble(decoded(w), 0x1000, { aliases });
      assert.equal(new DataView(book.assemble(line, 0x1000).buffer).getInt32(0, true), w | 0, line);
    }
  }
});

const objdump = needs(installed("aarch64-linux-gnu-objdump"), "aarch64-linux-gnu-objdump");
test("text is objdump's", objdump, () => {
  const dir = mkdtempSync(join(tmpdir(), "sage-a64-"));
  const file = join(dir, "words");
  writeFileSync(file, Int32Array.from(sample));
  const dump = output("aarch64-linux-gnu-objdump", ["-D", "-b", "binary", "-m", "aarch64", "-M", "no-aliases", file]);
  rmSync(dir, { recursive: true });
  const lines = dump.split("\n").filter((l) => /^ +[0-9a-f]+:\t/.test(l));
  const wrong = new Set<string>();
  lines.forEach((line, i) => {
    const theirs = line
      .split("\t")
      .slice(2)
      .join(" ")
      .replace(/\s*\/\/.*$/, "")
      .trim();
    const ours = book.disassemble(decoded(sample[i]), i * 4, { aliases: false });
    // objdump leaves out an offset of zero.
    if (ours.replace(/, #0\]$/, "]") !== theirs) wrong.add(`objdump "${theirs}", here "${ours}"`);
  });
  assert.deepEqual([...wrong].slice(0, 20), []);
});

const emulated = needs(installed("qemu-aarch64") && installed("aarch64-linux-gnu-gcc"), "qemu-aarch64 or its compiler");
test("rows do what qemu does", emulated, () => {
  const run = native("aarch64.c", "aarch64-linux-gnu-gcc", ["qemu-aarch64"], ["-O1", "-static"]);
  const cases = sample.filter((w) => decoded(w).row.name !== "b.cond");
  const states = cases.map((_, i) => state(BigInt(i)));
  const input = new BigUint64Array(cases.length * 27);
  cases.forEach((w, i) => {
    input.set([BigInt(w >>> 0), ...states[i].x, states[i].nzcv, ...states[i].v, ...states[i].memory], i * 27);
  });
  const raw = run(new Uint8Array(input.buffer));
  const after = new BigUint64Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
  assert.equal(after.length, input.length);
  cases.forEach((w, i) => {
    const theirs = [...after.subarray(i * 27 + 1, (i + 1) * 27)].map((v) => v.toString(16));
    const line = book.disassemble(decoded(w), 0);
    assert.deepEqual(
      evaluated(w, states[i]).map((v) => v.toString(16)),
      theirs,
      line,
    );
  });
});

interface State {
  readonly x: bigint[];
  readonly nzcv: bigint;
  readonly v: bigint[];
  readonly memory: bigint[];
}

function state(seed: bigint): State {
  const x = randomState(book.slots.slice(0, 9), seed);
  x[8] = BUFFER + 16n;
  const memory = randomState(Array(8).fill(book.slots[0]), seed + 500n);
  // casal compares with what is there, now and then.
  if ((seed & 1n) === 0n) memory[2] = x[Number(seed % 8n)];
  const v = randomState(Array(8).fill(book.slots[0]), seed + 900n);
  return { x, nzcv: (mix(seed) & 15n) << 28n, v, memory };
}

function evaluated(word: number, s: State): bigint[] {
  const slots = book.slots.map(() => 0n);
  const at = (name: string) => book.slot(name) as number;
  s.x.forEach((v, i) => {
    slots[at(`X[${i}]`)] = v;
  });
  ["V_", "C", "Z", "N"].forEach((flag, i) => {
    slots[at(flag)] = (s.nzcv >> BigInt(28 + i)) & 1n;
  });
  for (let i = 0; i < 4; i++) slots[at(`V[${i}]`)] = s.v[2 * i] | (s.v[2 * i + 1] << 64n);
  const preset = new Map<bigint, number>();
  s.memory.forEach((v, i) => {
    for (let k = 0; k < 8; k++) preset.set(BUFFER + BigInt(8 * i + k), Number((v >> BigInt(8 * k)) & 255n));
  });
  const { machine } = observe(book.lift(decoded(word), 0), slots, preset);
  const flags = ["V_", "C", "Z", "N"].reduce((n, flag, i) => n | (machine.slots[at(flag)] << BigInt(28 + i)), 0n);
  const out = s.x.map((_, i) => machine.slots[at(`X[${i}]`)]);
  const v = [0, 1, 2, 3].flatMap((i) => [machine.slots[at(`V[${i}]`)], machine.slots[at(`V[${i}]`)] >> 64n]);
  const memory = s.memory.map((_, i) => machine.load(BUFFER + BigInt(8 * i), 64));
  return [...out, flags, ...v.map((n) => BigInt.asUintN(64, n)), ...memory];
}
