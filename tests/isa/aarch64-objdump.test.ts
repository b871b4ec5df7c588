import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { bytesOf, encoder, wordOf } from "./aarch64/campaign.ts";
import { aarch64, aarch64Text } from "./aarch64/text.ts";
import { Random } from "./oracle/random.ts";
import { installed, needs, output } from "./tools.ts";

const OBJDUMP = "aarch64-linux-gnu-objdump";
const LIBC = "/usr/aarch64-linux-gnu/lib/libc.so.6";
const book = aarch64();

/** One word in so many is assembled back: immediates are found by trying. */
const SAMPLED = 41;

interface Line {
  readonly address: number;
  readonly word: number;
  readonly text: string;
}

/** objdump's lines of instructions: "   27232:\tf9400be0 \tldr\tx0, [sp, #16]  // comment". */
function linesOf(dump: string): Line[] {
  return dump.split("\n").flatMap((raw) => {
    const m = /^ *([0-9a-f]+):\t([0-9a-f]{8}) *\t(.*)$/.exec(raw);
    return m ? [{ address: Number.parseInt(m[1], 16), word: Number.parseInt(m[2], 16), text: plain(m[3]) }] : [];
  });
}

/** Without symbols and comments, one blank between mnemonic and operands, targets as 0x.... */
function plain(text: string): string {
  return text
    .replace(/\s*\/\/.*$/, "")
    .replace(/\b([0-9a-f]+) <[^>]*>/, "0x$1")
    .replace(/\s+/, " ")
    .trim();
}

/** What objdump writes in its own way where it shows no aliases. */
function bare(text: string): string {
  return text
    .replace(/#0x0+(?=[0-9a-f])/, "#0x")
    .replace(/^(hint|sys) .*/, "$1")
    .replace(/^ret x30$/, "ret")
    .replace(/^((?:add|sub)s? .*\b(?:sp|wsp)\b.*), uxt[xw]$/, "$1")
    .replace(/^((?:add|sub)s? .*\b(?:sp|wsp)\b.*), uxt[xw] (#.*)$/, "$1, lsl $2");
}
const HINTS = new Set(["hint", "sys"]);

/** Instructions of extensions that HWCAP does not announce and glibc looks for before it uses them: MTE, SVE, GCS. */
const UNANNOUNCED = /^(ldg|stg|st2g|stzg|stz2g|gmi|irg|dc g|addg|subp|cnt[bd]|while|ptrue|.*\b[zp]\d+\b)/;

/** ldpsw of one register twice, which the manual leaves open; registers that read zero by whatever name. */
const UNREAD = /^(ldpsw|mrs\.id)/;

function differences(lines: readonly Line[], aliases: boolean): string[] {
  const found: string[] = [];
  for (const { address, word, text } of lines) {
    const decoded = book.decode(bytesOf(word), 0);
    if (!decoded && UNANNOUNCED.test(text)) continue;
    if (decoded && UNREAD.test(decoded.row.name)) continue;
    const shown = decoded ? book.disassemble(decoded, address, { aliases }).trim() : "undecoded";
    if (shown === text || (!aliases && (bare(shown) === bare(text) || HINTS.has(bare(text))))) continue;
    found.push(`${word.toString(16)}: objdump "${text}", here "${shown}"`);
    if (found.length === 20) break;
  }
  return found;
}

function assembled(text: string, address: number): number | string {
  try {
    return new DataView(book.assemble(text, address).buffer).getUint32(0, true);
  } catch (error) {
    return String(error);
  }
}

const glibc = needs(installed(OBJDUMP) && existsSync(LIBC), "the arm64 glibc or its objdump");

test("every instruction of the arm64 glibc reads as objdump prints it", glibc, () => {
  const lines = linesOf(output(OBJDUMP, ["-d", LIBC]));
  assert.ok(lines.length > 250_000, `${lines.length} instructions`);
  assert.deepEqual(differences(lines, true), []);
  assert.deepEqual(differences(linesOf(output(OBJDUMP, ["-d", "-M", "no-aliases", LIBC])), false), []);
  const seen = new Set<number>();
  const wrong: string[] = [];
  for (const { address, word } of lines) {
    const decoded = seen.has(word) || word % SAMPLED !== 0 ? null : book.decode(bytesOf(word), 0);
    seen.add(word);
    if (!decoded) continue;
    for (const aliases of [false, true]) {
      const text = book.disassemble(decoded, address, { aliases });
      const back = assembled(text, address);
      if (back !== word) wrong.push(`"${text}" becomes ${back.toString(16)}, not ${word.toString(16)}`);
    }
    if (wrong.length >= 20) break;
  }
  assert.deepEqual(wrong, []);
  assert.ok(seen.size > 30_000, `${seen.size} distinct instructions`);
});

const binutils = needs(installed(OBJDUMP), OBJDUMP);

test("random words of every row read as objdump prints them, and assemble back", binutils, () => {
  const random = new Random(1);
  const encode = encoder(aarch64Text);
  const words = book.rows.flatMap((row) =>
    Array.from({ length: 8 }, () => wordOf(book, row, encode, random)).filter((w) => w !== undefined),
  );
  const folder = mkdtempSync(join(tmpdir(), "sage-objdump-"));
  let lines: Line[];
  try {
    writeFileSync(join(folder, "words"), Int32Array.from(words));
    lines = linesOf(output(OBJDUMP, ["-D", "-b", "binary", "-m", "aarch64", join(folder, "words")]));
  } finally {
    rmSync(folder, { recursive: true });
  }
  assert.equal(lines.length, words.length);
  assert.deepEqual(differences(lines, true), []);
  const wrong = lines.flatMap(({ address, word }) => {
    const text = book.disassemble(book.decode(bytesOf(word), 0)!, address);
    const back = assembled(text, address);
    // Bits that do not count, as high ones of a turn, may come back as zeros.
    const again = typeof back === "number" ? book.decode(bytesOf(back), 0) : null;
    const same = back === word || (again && book.disassemble(again, address) === text);
    return same ? [] : [`"${text}" becomes ${back.toString(16)}, not ${word.toString(16)}`];
  });
  assert.deepEqual(wrong.slice(0, 20), []);
});
