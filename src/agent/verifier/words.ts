import type { Decoded, IsaBook, Row } from "../../rules/book.ts";
import { insertField } from "../../rules/encoding.ts";
import type { ExpandedRow } from "../../rules/expanded.ts";
import { Rulebook } from "../../rules/rulebook.ts";
import { SDM_FIELDS } from "../../rules/sdm.ts";
import { encodeSdm } from "../../rules/sdm-encode.ts";
import type { Random } from "./random.ts";

/**
 * An instruction of a row that the book decodes as that row; null after many that it does not. `near`: an address that
 * instructions which hold a whole one may name.
 */
export function instructionOf(
  book: IsaBook,
  row: Row,
  random: Random,
  near?: bigint,
): { code: Uint8Array; decoded: Decoded } | null {
  if (!(book instanceof Rulebook)) return null;
  const expanded = book.expanded.rows[row.index];
  if (!expanded) return null;
  for (let attempt = 0; attempt < 500; attempt++) {
    const code = expanded.sdm ? sdmWord(book, expanded, random, near) : fixedWord(book, expanded, random);
    const decoded = code && book.decode(code, 0);
    if (code && decoded?.row === row && decoded.length === code.length) return { code, decoded };
  }
  return null;
}

/** Field values: registers often equal, immediates often at their ends. */
function fixedWord(book: Rulebook, row: ExpandedRow, random: Random): Uint8Array {
  const equal = random.chance(25) ? random.i32() : undefined;
  let word = row.match | 0;
  for (const field of row.fields) {
    let v = random.i32();
    if (field.view !== undefined && equal !== undefined) v = equal;
    else if (field.width > 3 && random.chance(40))
      v = random.pick([0, 1, -1, -2, 1 << (field.width - 1), (1 << (field.width - 1)) - 1]);
    word = insertField(field, word, v & (field.width >= 32 ? -1 : (1 << field.width) - 1));
  }
  // Bits that do not matter are any
  const free = ~(row.mask | row.fields.reduce((m, f) => m | insertField(f, 0, -1), 0));
  word |= random.i32() & free & (row.bits >= 32 ? -1 : (1 << row.bits) - 1);
  return bytesOf(word, row.bits / 8, book.littleEndian);
}

export function bytesOf(word: number, bytes: number, little: boolean): Uint8Array {
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) out[little ? i : bytes - 1 - i] = word >>> (8 * i);
  return out;
}

function sdmWord(book: Rulebook, row: ExpandedRow, random: Random, near: bigint | undefined): Uint8Array | null {
  const form = row.sdm!;
  const addresses = book.expanded.addresses ?? [];
  const arms = row.assembly.find((item) => item.k === "arms");
  const direct = (i: number): boolean => (addresses[i]!.match & 0xc0) === 0xc0;
  const forms =
    arms?.k === "arms"
      ? arms.forms.filter((i) => i >= 0)
      : [...addresses.keys()].filter((i) => !addresses[i]!.vsib && direct(i) === ((form.modes & 1) !== 0));
  const picked = forms.length > 0 ? random.pick(forms) : 0;
  const size = form.immediates[0] ?? 1;
  const whole = size === 8 && near !== undefined && random.chance(70);
  const immediate = whole
    ? Number(near) + random.below(64)
    : random.chance(30)
      ? random.pick([0, 1, -1, 127, -128, 31, 32, 63, 64])
      : Math.abs(size) === 1
        ? random.below(256) - 128
        : random.i32();
  const values: Record<string, number> = {
    reg: random.below(16),
    rm: random.below(16),
    base: random.below(16),
    idx: random.below(16),
    ss: random.below(4),
    d: random.chance(50) ? random.below(256) - 128 : random.i32() >> random.below(24),
    o: form.modrm === "i" ? random.below(8) : random.below(16),
    imm: size === -1 ? immediate & 255 : immediate,
    imm2: random.i32(),
    form: picked,
    vvvv: random.below(16),
    locked: random.chance(5) ? 1 : 0,
    rex: random.chance(30) ? 1 : 0,
  };
  try {
    return encodeSdm(
      form,
      addresses,
      SDM_FIELDS.map((name) => values[name] ?? 0),
    );
  } catch {
    return null;
  }
}
