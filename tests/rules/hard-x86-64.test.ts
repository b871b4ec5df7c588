import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import type { Node } from "../../src/ir/node.ts";
import type { Decoded } from "../../src/rules/book.ts";
import { parseCore, printCore } from "../../src/rules/core-text.ts";
import { expand } from "../../src/rules/expand.ts";
import { loadIsaBook, openIsaBook, precompile } from "../../src/rules/index.ts";
import { SDM_FIELDS } from "../../src/rules/sdm.ts";
import { encodeSdm } from "../../src/rules/sdm-encode.ts";
import { installed, needs, output } from "../isa/tools.ts";
import { mix, observe, randomState } from "./machine.ts";
import { native } from "./native/build.ts";
import { throughReaders } from "./readers.ts";

const text = readFileSync(new URL("hard-x86-64.rules", import.meta.url), "utf8");
const book = loadIsaBook(text, { file: "hard-x86-64.rules" });
const expanded = expand(text);
const addresses = expanded.addresses ?? [];
const CODE = 0x20000000;
const BUFFER = 0x20001000;
/** rsi, rdi, rbp and rsp point into the buffer, r10 is a small index. */
const POINTERS: Readonly<Record<number, number>> = { 4: 128, 5: 96, 6: 32, 7: 64 };
const FLAGS = { CF: 0, PF: 2, AF: 4, ZF: 6, SF: 7, DF: 10, OF: 11 };

/** An instruction of a row whose memory operand, if it has one, lies in the buffer. */
function instruction(row: number, seed: bigint): Uint8Array {
  const form = expanded.rows[row].sdm;
  assert.ok(form);
  const r = (k: number, n: number) => Number(mix(seed * 64n + BigInt(k)) % BigInt(n));
  const arms = expanded.rows[row].assembly.find((i) => i.k === "arms");
  const forms = arms?.k === "arms" ? arms.forms : [0];
  const picked = forms[r(0, forms.length)];
  const address = addresses[picked];
  const memory = arms !== undefined && (address.match & 0xc0) !== 0xc0;
  const relative = memory && !address.sib && (address.match & 7) === 5 && (address.mask & 7) === 7;
  const based = address !== undefined && ((address.mask >> 8) & 7) === 0;
  const absolute = memory && address.sib && !based;
  const values: Record<string, number> = {
    reg: r(1, form.vex || expanded.rows[row].section === "Vector" ? 4 : 16),
    rm: memory ? [6, 7][r(2, 2)] : r(2, expanded.rows[row].section === "Vector" ? 4 : 16),
    base: [4, 5, 6, 7][r(3, 4)],
    idx: 10,
    ss: r(4, 4),
    d: absolute ? BUFFER + 40 : r(5, 25) - 12,
    o: expanded.rows[row].section === "X87" ? r(6, 8) : r(6, 16),
    imm: r(7, 2) ? r(8, 256) - 128 : r(8, 2 ** 31),
    imm2: r(9, 4),
    form: picked,
    locked: memory && form.lock ? r(10, 2) : 0,
    rex: r(11, 2),
    vvvv: r(12, 4),
  };
  // Mode 00 has no base 5, nor is a register 4 or 5 without SIB what it seems.
  if (address && (address.match & 0xc0) === 0 && based) values.base = [4, 6, 7][r(3, 3)];
  if (form.immediates[0] === -2) values.imm = r(8, 64);
  if (form.immediates[0] === -1) values.imm = r(8, 256);
  if (form.immediates[0] === 1) values.imm = r(8, 256) - 128;
  if (form.immediates[0] === 2) values.imm = r(8, 65536) - 32768;
  const fields = () => SDM_FIELDS.map((name) => values[name]);
  // Legacy SSE operands in memory are aligned.
  if (expanded.rows[row].section === "Vector") values.d = absolute ? BUFFER + 48 : (r(5, 3) - 1) * 16;
  if (relative) values.d = BUFFER + 48 - CODE - encodeSdm(form, addresses, fields()).length;
  return encodeSdm(form, addresses, fields());
}

function decoded(bytes: Uint8Array): Decoded {
  const d = book.decode(bytes, 0);
  assert.ok(d, Buffer.from(bytes).toString("hex"));
  assert.equal(d.length, bytes.length);
  return d;
}

const sample = book.rows.flatMap((row) =>
  [...Array(8).keys()].map((k) => instruction(row.index, BigInt(row.index * 1000 + k))),
);

test("every row decodes", () => {
  assert.equal(new Set(sample.map((bytes) => decoded(bytes).row.index)).size, book.rows.length);
});

const lifted = sample.filter((_, i) => i % 2 === 0).map((bytes) => book.lift(decoded(bytes), CODE));
throughReaders(book, lifted, 3000);

test("the canonical form reads back, and so does the precompiled book", () => {
  const opened = openIsaBook(precompile(text));
  for (const row of expanded.rows) assert.deepEqual(parseCore(printCore(row.body)), row.body);
  for (const bytes of sample) {
    const d = opened.decode(bytes, 0);
    assert.ok(d);
    assert.equal(opened.disassemble(d, CODE), book.disassemble(decoded(bytes), CODE));
  }
});

test("what was disassembled assembles to something that reads the same", () => {
  for (const bytes of sample) {
    const line = book.disassemble(decoded(bytes), CODE);
    const again = book.assemble(line, CODE);
    // rip-relative text counts from the end, so equal text needs equal bytes only there.
    assert.equal(book.disassemble(decoded(again), CODE), line, Buffer.from(bytes).toString("hex"));
  }
});

test("text is objdump's", needs(installed("objdump"), "objdump"), () => {
  const dir = mkdtempSync(join(tmpdir(), "sage-x86-"));
  const file = join(dir, "bytes");
  const padded = Buffer.alloc(sample.length * 16, 0x90);
  sample.forEach((bytes, i) => {
    padded.set(bytes, i * 16);
  });
  writeFileSync(file, padded);
  const dump = output("objdump", ["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--insn-width=16", file]);
  rmSync(dir, { recursive: true });
  const theirs = new Map<number, string>();
  for (const line of dump.split("\n")) {
    const m = /^ +([0-9a-f]+):\t[0-9a-f ]+\t(.*)$/.exec(line);
    if (m) theirs.set(Number.parseInt(m[1], 16), plain(m[2]));
  }
  const wrong = new Set<string>();
  sample.forEach((bytes, i) => {
    const ours = plain(book.disassemble(decoded(bytes), i * 16));
    const expected = theirs.get(i * 16) ?? "";
    if (ours !== expected) wrong.add(`${Buffer.from(bytes).toString("hex")}: objdump "${expected}", here "${ours}"`);
  });
  assert.deepEqual([...wrong].slice(0, 20), []);
});

/** One blank, no comment; what objdump leaves to the reader: lock, a useless REX, where rep movsb's operands are. */
function plain(line: string): string {
  return (
    line
      .replace(/\s*#.*$/, "")
      .replace(/^lock /, "")
      .replace(/^rex(\.[WRXB]+)? /, "")
      .replace(/^rep .*$/, "rep movsb")
      .replace(/^lea(.*) [A-Z]+ PTR /, "lea$1 ")
      // riz: an index that is none.
      .replace(/\+riz\*[1248]/, "")
      .replace(/\[riz\*[1248]\+(0x[0-9a-f]+)\]/, "ds:$1")
      .replace(/\s+/g, " ")
      .replaceAll(", ", ",")
      .trim()
  );
}

const cpu = needs(arch() === "x64" && installed("gcc"), "gcc on an x86-64 host");
test("rows do what the CPU does", cpu, () => {
  const run = native("x86-64.c", "gcc", [], ["-O1", "-static", "-no-pie"]);
  const left = new Set(["call", "ret", "cpuid", "fadd"]);
  const cases = sample
    .filter((bytes) => !left.has(decoded(bytes).row.name))
    .map((bytes, i) => ({ bytes, state: state(decoded(bytes), BigInt(i)) }))
    .map((c) => ({ ...c, ...evaluated(c.bytes, c.state) }))
    .filter((c) => !c.trapped);
  const WORDS = 3 + 16 + 1 + 16 + 32;
  const input = new BigUint64Array(cases.length * WORDS);
  cases.forEach(({ bytes, state: s }, i) => {
    const code = new BigUint64Array(2);
    new Uint8Array(code.buffer).set(bytes);
    input.set([...code, BigInt(bytes.length), ...s.g, s.flags, ...s.v, ...s.memory], i * WORDS);
  });
  const raw = run(new Uint8Array(input.buffer));
  const after = new BigUint64Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
  assert.equal(after.length, input.length);
  cases.forEach(({ bytes, expected, known }, i) => {
    const theirs = [...after.subarray(i * WORDS + 3, (i + 1) * WORDS)];
    theirs[16] &= known;
    const line = `${book.disassemble(decoded(bytes), CODE)} (${Buffer.from(bytes).toString("hex")})`;
    assert.deepEqual(
      expected.map((v) => v.toString(16)),
      theirs.map((v) => v.toString(16)),
      line,
    );
  });
});

interface State {
  readonly g: bigint[];
  readonly flags: bigint;
  readonly v: bigint[];
  readonly memory: bigint[];
}

function state(d: Decoded, seed: bigint): State {
  const word = book.slots[0];
  const g = randomState(Array(16).fill(word), seed);
  for (const [n, at] of Object.entries(POINTERS)) g[Number(n)] = BigInt(BUFFER + at);
  g[10] = d.row.section === "Vector" ? 0n : seed % 3n;
  if (d.row.name === "rep movsb") g[1] = seed % 2n;
  if (d.row.name === "div") g[2] = seed % 5n;
  let flags = 2n;
  for (const bit of Object.values(FLAGS)) flags |= (mix(seed + BigInt(bit)) & 1n) << BigInt(bit);
  const memory = randomState(Array(32).fill(word), seed + 300n);
  if (d.row.name === "cmpxchg" && seed % 2n === 0n) memory.fill(g[0]);
  return { g, flags, v: randomState(Array(16).fill(word), seed + 700n), memory };
}

function isOpen(n: Node, seen = new Set<Node>()): boolean {
  if (seen.has(n)) return false;
  seen.add(n);
  return (n.op === "undef" && n.args.length === 0) || n.args.some((a) => isOpen(a, seen));
}

/** State after the instruction; `known`: bits of flags that are not left open. */
function evaluated(bytes: Uint8Array, s: State): { expected: bigint[]; known: bigint; trapped: boolean } {
  const slots = book.slots.map(() => 0n);
  const at = (name: string) => book.slot(name) as number;
  s.g.forEach((v, i) => {
    slots[at(`G[${i}]`)] = v;
  });
  for (const [name, bit] of Object.entries(FLAGS)) slots[at(name)] = (s.flags >> BigInt(bit)) & 1n;
  for (let i = 0; i < 4; i++) {
    for (let k = 0; k < 4; k++) slots[at(`V[${i}]`)] |= s.v[4 * i + k] << BigInt(64 * k);
  }
  const preset = new Map<bigint, number>();
  s.memory.forEach((v, i) => {
    for (let k = 0; k < 8; k++) preset.set(BigInt(BUFFER + 8 * i + k), Number((v >> BigInt(8 * k)) & 255n));
  });
  const inst = book.lift(decoded(bytes), CODE);
  const { outcome, machine } = observe(inst, slots, preset);
  let flags = 2n;
  let known = 2n;
  for (const [name, bit] of Object.entries(FLAGS)) {
    const open = inst.effects.some((e) => e.k === "set" && e.slot === at(name) && isOpen(e.value));
    const inside = inst.effects.some(
      (e) =>
        e.k === "if" && [...e.then, ...e.else].some((x) => x.k === "set" && x.slot === at(name) && isOpen(x.value)),
    );
    if (open || inside) continue;
    known |= 1n << BigInt(bit);
    flags |= machine.slots[at(name)] << BigInt(bit);
  }
  const v = [0, 1, 2, 3].flatMap((i) =>
    [0, 1, 2, 3].map((k) => BigInt.asUintN(64, machine.slots[at(`V[${i}]`)] >> BigInt(64 * k))),
  );
  const memory = s.memory.map((_, i) => machine.load(BigInt(BUFFER + 8 * i), 64));
  const expected = [...s.g.map((_, i) => machine.slots[at(`G[${i}]`)]), flags, ...v, ...memory];
  return { expected, known, trapped: outcome.k === "trap" };
}
