import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { encode, riscv64 } from "./books.ts";
import { Random } from "./oracle/random.ts";
import { installed, needs, output } from "./tools.ts";

const OBJDUMP = "riscv64-linux-gnu-objdump";
const AS = "riscv64-linux-gnu-as";
const LIBC = "/usr/riscv64-linux-gnu/lib/libc.so.6";
const book = riscv64();

interface Line {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** objdump's lines of instructions: "   27232:\tf7843503          \tld\ta0,-136(s0) # 1234 <name>". */
function linesOf(dump: string): Line[] {
  const lines: Line[] = [];
  for (const raw of dump.split("\n")) {
    const m = /^ *([0-9a-f]+):\t([0-9a-f]+) *\t(.*)$/.exec(raw);
    if (!m) continue;
    const bytes = Uint8Array.from(
      m[2]
        .match(/../g)!
        .map((b) => Number.parseInt(b, 16))
        .reverse(),
    );
    lines.push({ address: Number.parseInt(m[1], 16), bytes, text: plain(m[3]) });
  }
  return lines;
}

/** Without symbols and comments, one blank between mnemonic and operands, targets as 0x.... */
function plain(text: string): string {
  return text
    .replace(/ # .*$/, "")
    .replace(/\b([0-9a-f]+) <[^>]*>/, "0x$1")
    .replace(/\s+/, " ")
    .trim();
}

/** The disassembler's text in the same form. */
function shown(bytes: Uint8Array, address: number, aliases: boolean): string {
  const decoded = book.decode(bytes, 0);
  if (!decoded) return "undecoded";
  return book.disassemble(decoded, address, { aliases }).replaceAll(", ", ",").trim();
}

/** What objdump leaves out even without aliases: the dynamic rounding mode, that of exact conversions, and c.nop, which it spells c.addi. */
function bare(text: string): string {
  return text
    .replace(/,dyn$/, "")
    .replace(/^(fcvt\.d\.[sw]u? .*),rne$/, "$1")
    .replace(/^c\.nop$/, "c.addi zero,0");
}

/** Differences, each kind of pair once, at most `most`. */
function differences(lines: readonly Line[], aliases: boolean, most: number): string[] {
  const found: string[] = [];
  for (const line of lines) {
    const text = shown(line.bytes, line.address, aliases);
    if (text === line.text || (!aliases && bare(text) === line.text)) continue;
    found.push(`${line.address.toString(16)}: objdump "${line.text}", here "${text}"`);
    if (found.length === most) break;
  }
  return found;
}

const glibc = needs(installed(OBJDUMP) && existsSync(LIBC), "the riscv64 glibc or its objdump");

test("every instruction of glibc reads as objdump prints it", glibc, () => {
  const lines = linesOf(output(OBJDUMP, ["-d", LIBC]));
  assert.ok(lines.length > 250_000, `${lines.length} instructions`);
  assert.deepEqual(differences(lines, true, 20), []);
});

test("every instruction of glibc reads as objdump prints it without aliases, and assembles back", glibc, () => {
  const lines = linesOf(output(OBJDUMP, ["-d", "-M", "no-aliases", LIBC]));
  assert.deepEqual(differences(lines, false, 20), []);
  const seen = new Set<string>();
  const wrong: string[] = [];
  for (const { address, bytes, text } of lines) {
    // Text and address decide the bytes; targets are relative, so equal bytes need one try.
    const key = bytes.join();
    if (seen.has(key)) continue;
    seen.add(key);
    for (const aliases of bytes.length === 4 ? [false, true] : [false]) {
      const spelled = shown(bytes, address, aliases);
      const back = assembled(spelled, address);
      if (back !== key) wrong.push(`${address.toString(16)}: ${text}: "${spelled}" becomes ${back}, not ${key}`);
    }
    if (wrong.length >= 20) break;
  }
  assert.deepEqual(wrong, []);
  assert.ok(seen.size > 30_000, `${seen.size} distinct instructions`);
});

/** objdump's reading of words of that many bytes; it knows the extensions that the object file names. */
function dumped(words: readonly number[], size: number): Line[] {
  const folder = mkdtempSync(join(tmpdir(), "sage-objdump-"));
  try {
    const object = join(folder, "code.o");
    const source = words.map((w) => `.insn ${size}, 0x${(w >>> 0).toString(16)}\n`).join("");
    writeFileSync(join(folder, "code.s"), source);
    output(AS, ["-march=rv64gc_zba_zbb_zbs_zihintpause", join(folder, "code.s"), "-o", object]);
    return linesOf(output(OBJDUMP, ["-d", "-z", object]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const binutils = needs(installed(OBJDUMP) && installed(AS), "binutils for riscv64");

/** Hints have compressed names even among aliases; the last is reserved, and illegal. */
const HINTS = /^(c\.\S+( .*)?|add (\w+),\3,0)$/;

test("every 16-bit code that is no hint reads as objdump prints it", binutils, () => {
  const codes = Array.from({ length: 65536 }, (_, i) => i).filter((i) => (i & 3) !== 3);
  const lines = dumped(codes, 2);
  assert.equal(lines.length, codes.length);
  const legal = lines.filter((line) => !HINTS.test(line.text));
  assert.ok(legal.length > 45_000, `${legal.length} codes`);
  const known = legal.map((line) => (line.text.startsWith(".") ? { ...line, text: "undecoded" } : line));
  assert.deepEqual(differences(known, true, 20), []);
});

/** Rows with words that objdump does not read: reserved fields that the manual has ignored, modes of exact conversions. */
const UNREAD = ["fcvt.d.s", "fcvt.d.w", "fcvt.d.wu", "fence", "fence.i", "fence.tso"];

test("random words of every row read as objdump prints them, and assemble back", binutils, () => {
  const random = new Random(1);
  const words: number[] = [];
  for (const row of book.rows.filter((r) => r.length === 4)) {
    for (let n = 0; n < 40; n++) {
      const bytes = encode(
        row,
        row.fields.map((f) => (random.chance(30) ? random.below(2) : random.below(2 ** f.width))),
      );
      if (book.decode(bytes, 0)?.row === row) words.push(new DataView(bytes.buffer).getInt32(0, true));
    }
  }
  const lines = dumped(words, 4);
  assert.equal(lines.length, words.length);
  const unread = lines.filter((line) => line.text.startsWith("."));
  const rows = new Set(unread.map((line) => book.decode(line.bytes, 0)!.row.name));
  assert.deepEqual([...rows].sort(), UNREAD);
  const read = lines.filter((line) => !line.text.startsWith("."));
  assert.deepEqual(differences(read, true, 40), []);
  const wrong = read
    .map((line) => ({ line, back: assembled(shown(line.bytes, line.address, true), line.address) }))
    .filter(({ line, back }) => back !== line.bytes.join());
  assert.deepEqual(
    wrong.slice(0, 8).map(({ line, back }) => `"${line.text}" becomes ${back}, not ${line.bytes.join()}`),
    [],
  );
});

function assembled(text: string, address: number): string {
  try {
    return book.assemble(text, address).join();
  } catch (error) {
    return String(error);
  }
}
