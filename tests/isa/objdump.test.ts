import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { encode, riscv64 } from "./books.ts";
import { Random } from "./oracle/random.ts";
import { installed, needs, output } from "./tools.ts";

const OBJDUMP = "riscv64-linux-gnu-objdump";
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

/** objdump's reading of bare code, which it takes for every extension there is. */
function dumped(code: Uint8Array): Line[] {
  const folder = mkdtempSync(join(tmpdir(), "sage-objdump-"));
  try {
    const file = join(folder, "code.bin");
    writeFileSync(file, code);
    return linesOf(output(OBJDUMP, ["-D", "-z", "-b", "binary", "-m", "riscv:rv64", file]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const binutils = needs(installed(OBJDUMP), OBJDUMP);

test("random words of every row read as objdump prints them, and assemble back", binutils, () => {
  const random = new Random(1);
  const code: number[] = [];
  for (const row of book.rows.filter((r) => r.length === 4)) {
    for (let n = 0; n < 40; n++) {
      const bytes = encode(
        row,
        row.fields.map((f) => (random.chance(30) ? random.below(2) : random.below(2 ** f.width))),
      );
      if (book.decode(bytes, 0)?.row === row) code.push(...bytes);
    }
  }
  const lines = dumped(Uint8Array.from(code));
  assert.equal(lines.length, code.length / 4);
  assert.deepEqual(differences(lines, true, 40), []);
});

function assembled(text: string, address: number): string {
  try {
    return book.assemble(text, address).join();
  } catch (error) {
    return String(error);
  }
}
