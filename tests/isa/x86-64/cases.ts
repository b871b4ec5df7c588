import type { ExpandedBook } from "../../../src/rules/expanded.ts";
import { SDM_FIELDS } from "../../../src/rules/sdm.ts";
import { encodeSdm } from "../../../src/rules/sdm-encode.ts";
import type { Random } from "../oracle/random.ts";
import * as R from "./record.ts";
import { fillState } from "./states.ts";

/** Registers that hold addresses in every case, and so are not operands' bases alone: rbx, rsi, rdi. */
const BASES: readonly number[] = [3, 6, 7];

/** Bytes of an instruction of a row; null: the fields drawn do not go together. */
export function instruction(book: ExpandedBook, row: number, random: Random, lock = false): Uint8Array | null {
  const { sdm: form, assembly } = book.rows[row];
  const addresses = book.addresses ?? [];
  if (!form) return null;
  const arms = assembly.find((item) => item.k === "arms");
  let forms = arms?.k === "arms" ? arms.forms : [...addresses.keys()];
  if (arms?.k !== "arms") {
    // One way to write the operand, or none at all: registers where they are allowed.
    const direct = (i: number): boolean => (addresses[i].match & 0xc0) === 0xc0;
    forms = forms.filter((i) => !addresses[i].vsib && direct(i) === ((form.modes & 1) !== 0));
  }
  const usable = forms.filter((i) => i >= 0 && !isAbsolute(addresses[i].mask, addresses[i].match));
  const picked = usable.length > 0 ? random.pick(usable) : 0;
  const address = addresses[picked];
  const memory = address !== undefined && (address.match & 0xc0) !== 0xc0;
  const control = book.rows[row].section.startsWith("Control");
  const values: Record<string, number> = {
    reg: random.below(16),
    rm: memory ? random.pick(BASES) : random.below(16),
    base: random.pick(BASES),
    idx: 10,
    ss: random.below(4),
    d: memory ? 16 * (random.below(7) - 3) + (random.chance(8) && !control ? random.below(16) : 0) : 0,
    o: form.modrm === "i" ? random.below(8) : random.below(16),
    imm: immediate(form.immediates[0] ?? 1, random),
    imm2: random.below(4),
    form: picked,
    vvvv: random.below(16),
    rex: random.below(2),
    locked: lock && memory && form.lock ? random.below(2) : 0,
  };
  const bytes = encodeSdm(
    form,
    addresses,
    SDM_FIELDS.map((name) => values[name] ?? 0),
  );
  // Of 16 bits, more than 16 leave all open.
  if (/^sh[lr]d$/.test(book.rows[row].name) && form.size === 16 && (values.imm & 31) > 16) return null;
  // A jump into the instruction itself may never end.
  const target = bytes.length + values.imm;
  return control && target >= 0 && target < bytes.length ? null : bytes;
}

/** Relative to rip, or without a base: far from where records have memory. */
function isAbsolute(mask: number, match: number): boolean {
  if ((match & 0xc0) === 0xc0) return false;
  if ((mask & 7) === 7 && (match & 7) === 5) return true;
  return ((mask >> 8) & 7) === 7 && ((match >> 8) & 7) === 5;
}

function immediate(size: number, random: Random): number {
  if (size === -1) return random.chance(50) ? random.below(256) : random.below(17);
  if (size === 1) return random.below(256) - 128;
  return size === -2 ? 8 * random.below(20) : random.below(65536);
}

/** Changes a state so that the row at hand does more than fault. */
export type Steer = (record: BigUint64Array, random: Random) => void;

/** A record with the instruction and a state in which its bases point into the record's memory. */
export function fill(record: Uint8Array, code: Uint8Array, random: Random, steer?: Steer): void {
  const words = new BigUint64Array(record.buffer, record.byteOffset, R.RECORD);
  fillState(words, random);
  record.fill(0xcc, 0, 16);
  record.set(code);
  for (const base of BASES) {
    const kind = random.below(100);
    const at =
      kind < 4 ? R.WINDOW - 16 * random.below(4) : kind < 6 ? -4096 : 64 + 64 * random.below(kind < 50 ? 2 : 8);
    words[R.G + base] = BigInt(R.WINDOW_AT + at + (random.chance(5) ? random.below(16) : 0));
  }
  words[R.G + 10] = BigInt(random.below(3));
  steer?.(words, random);
}
