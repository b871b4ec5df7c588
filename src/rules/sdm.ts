import { RuleError } from "./error.ts";

/**
 * Encodings in the notation of the Intel 64 SDM (volume 2, 3.1.1.1): prefixes, opcode map, opcode, /r or /digit,
 * immediates. Additions: `iz` (16 or 32 bits by operand size), `ub uw` (unsigned), `lock`, `V?` (legacy, VEX.128 and
 * VEX.256 in one), `50+o` (register in the opcode) and `D8 C0+i` (register in a second opcode byte).
 */
export interface SdmForm {
  /** Mandatory prefix: 0 none, 1 none said (NP; 66 may still give the operand size), or the byte 0x66, 0xf2, 0xf3. */
  readonly prefix: number;
  /** 0 one byte, 1 0F, 2 0F38, 3 0F3A. */
  readonly map: number;
  readonly opcode: number;
  /** Low three bits of the opcode are the field o. */
  readonly register: boolean;
  /** "" no ModRM, "r" any, "0" to "7" the digit in reg, "i": mod is 3, reg the digit in `digit` and rm the field o. */
  readonly modrm: "" | "r" | "digit" | "i";
  readonly digit: number;
  /** Bytes of each immediate, negative: unsigned. "z" is resolved with the operand size. */
  readonly immediates: readonly number[];
  readonly lock: boolean;
  /** Operand size in bits that the prefixes must ask for: 16, 32 or 64; 0: no matter. */
  readonly size: number;
  /** W decides the size (suffix y): 66 does not. */
  readonly byW: boolean;
  /** 0 legacy, 128 or 256: VEX with that length. */
  readonly vex: number;
  /** VEX.vvvv names an operand; where it does not, it must be 1111. */
  readonly vvvv: boolean;
}

/** What an encoding column says before sizes are chosen. */
export interface SdmPattern extends Omit<SdmForm, "immediates" | "size" | "byW" | "vex" | "vvvv"> {
  readonly immediates: readonly string[];
  /** V?: stands for a legacy row and two VEX rows. */
  readonly twins: boolean;
  readonly rexW: boolean;
}

const SIZES: Readonly<Record<string, number>> = { ib: 1, iw: 2, id: 4, iq: 8, cb: 1, cd: 4, ub: -1, uw: -2 };
const MAPS: Readonly<Record<string, number>> = { "": 0, "0F": 1, "0F38": 2, "0F3A": 3 };

export function parseSdm(text: string): SdmPattern {
  const tokens = text.trim().split(/\s+/);
  let prefix = 0;
  let map = "";
  let opcode = -1;
  let register = false;
  let modrm: SdmForm["modrm"] = "";
  let digit = 0;
  let lock = false;
  let twins = false;
  let rexW = false;
  const immediates: string[] = [];
  tokens.forEach((token, i) => {
    const twin = /^V\?(?:(66|F2|F3)\.)?(0F(?:38|3A)?)$/.exec(token);
    const plus = /^([0-9A-F]{2})\+([oi])$/.exec(token);
    if (twin) {
      twins = true;
      prefix = twin[1] ? Number.parseInt(twin[1], 16) : 1;
      map = twin[2];
    } else if (opcode < 0 && i === 0 && (token === "NP" || /^(66|F2|F3)$/.test(token)) && tokens.length > 1)
      prefix = token === "NP" ? 1 : Number.parseInt(token, 16);
    else if (opcode < 0 && (token === "0F" || (map === "0F" && (token === "38" || token === "3A")))) map += token;
    else if (plus && opcode < 0) {
      opcode = Number.parseInt(plus[1], 16);
      register = true;
    } else if (plus) {
      modrm = "i";
      digit = (Number.parseInt(plus[1], 16) >> 3) & 7;
    } else if (/^[0-9A-F]{2}$/.test(token) && opcode < 0) opcode = Number.parseInt(token, 16);
    else if (token === "/r") modrm = "r";
    else if (/^\/[0-7]$/.test(token)) {
      modrm = "digit";
      digit = Number(token[1]);
    } else if (token === "lock") lock = true;
    else if (token === "REX.W") rexW = true;
    else if (token in SIZES || token === "iz") immediates.push(token);
    else throw new RuleError("RULE_SYNTAX", `encoding: cannot read "${token}"`);
  });
  if (opcode < 0) throw new RuleError("RULE_BITS", "encoding has no opcode");
  return { prefix, map: MAPS[map], opcode, register, modrm, digit, immediates, lock, twins, rexW };
}

/** The form for one operand size. */
export function sized(p: SdmPattern, size: number, byW: boolean, vex: number, vvvv: boolean): SdmForm {
  const immediates = p.immediates.map((t) => (t === "iz" ? (size === 16 ? 2 : 4) : SIZES[t]));
  const { prefix, map, opcode, register, modrm, digit, lock } = p;
  return { prefix, map, opcode, register, modrm, digit, immediates, lock, size: p.rexW ? 64 : size, byW, vex, vvvv };
}

/** Names of the fields every row of such a book has, in order. */
export const SDM_FIELDS = [
  "reg",
  "rm",
  "base",
  "idx",
  "ss",
  "d",
  "o",
  "imm",
  "imm2",
  "form",
  "locked",
  "rex",
  "vvvv",
] as const;
const AT = Object.fromEntries(SDM_FIELDS.map((name, i) => [name, i])) as Record<(typeof SDM_FIELDS)[number], number>;

/** One line of an operand class: bits of ModRM and, where they are 16, of SIB, then a displacement. */
export interface AddressForm {
  readonly mask: number;
  readonly match: number;
  readonly sib: boolean;
  /** Bytes of displacement. */
  readonly disp: number;
  /** idx must not be 4 (no index). */
  readonly indexed: boolean;
}

interface Prefixes {
  opsize: boolean;
  last: number;
  lock: boolean;
  rex: number;
  vex: number;
  pp: number;
  map: number;
  vvvv: number;
  at: number;
}

/** Finds rows of an SDM-notation book. Fields come in SDM_FIELDS' order. */
export class SdmDecoder {
  private readonly byKey = new Map<number, number[]>();
  private readonly forms: readonly SdmForm[];
  private readonly addresses: readonly AddressForm[];

  constructor(forms: readonly SdmForm[], addresses: readonly AddressForm[]) {
    this.forms = forms;
    this.addresses = addresses;
    forms.forEach((f, row) => {
      const last = f.register ? 7 : 0;
      for (let k = 0; k <= last; k++) {
        const key = keyOf(f.vex, f.map, f.opcode + k);
        const list = this.byKey.get(key);
        if (list) list.push(row);
        else this.byKey.set(key, [row]);
      }
    });
  }

  decode(bytes: Uint8Array, offset: number): { row: number; length: number; fields: number[] } | null {
    const p = readPrefixes(bytes, offset);
    if (!p) return null;
    const opcode = bytes[p.at];
    for (const row of this.byKey.get(keyOf(p.vex, p.map, opcode)) ?? []) {
      const f = this.forms[row];
      if (!prefixFits(f, p) || (p.lock && !f.lock)) continue;
      const found = this.operands(f, p, bytes, offset);
      if (found) return { row, ...found };
    }
    return null;
  }

  private operands(
    f: SdmForm,
    p: Prefixes,
    bytes: Uint8Array,
    offset: number,
  ): { length: number; fields: number[] } | null {
    const fields: number[] = SDM_FIELDS.map(() => 0);
    let at = p.at + 1;
    fields[AT.o] = (bytes[p.at] & 7) | ((p.rex & 1) << 3);
    if (f.modrm !== "") {
      if (at >= bytes.length) return null;
      const modrm = bytes[at];
      const digit = (modrm >> 3) & 7;
      if (f.modrm !== "r" && digit !== f.digit) return null;
      if (f.modrm === "i") {
        if (modrm < 0xc0) return null;
        fields[AT.o] = modrm & 7;
        at++;
      } else {
        const next = this.address(p, bytes, at, fields);
        if (next < 0 || (p.lock && modrm >= 0xc0)) return null;
        at = next;
      }
    } else if (p.lock) return null;
    for (let i = 0; i < f.immediates.length; i++) {
      const size = f.immediates[i];
      fields[i === 0 ? AT.imm : AT.imm2] = readImmediate(bytes, at, size);
      at += Math.abs(size);
    }
    if (at > bytes.length) return null;
    fields[AT.locked] = p.lock ? 1 : 0;
    fields[AT.rex] = p.rex !== 0 ? 1 : 0;
    fields[AT.vvvv] = f.vex ? p.vvvv : fields[AT.reg];
    return { length: at - offset, fields };
  }

  /** Reads ModRM, SIB and displacement by the first address form that fits; gives the place after it or -1. */
  private address(p: Prefixes, bytes: Uint8Array, at: number, fields: number[]): number {
    const modrm = bytes[at];
    const sib = at + 1 < bytes.length ? bytes[at + 1] : 0;
    const both = modrm | (sib << 8);
    const index = ((sib >> 3) & 7) | ((p.rex & 2) << 2);
    const form = this.addresses.findIndex(
      (a) => ((both ^ a.match) & a.mask) === 0 && (!a.sib || a.indexed === (index !== 4)),
    );
    if (form < 0) return -1;
    const a = this.addresses[form];
    fields[AT.reg] = ((modrm >> 3) & 7) | ((p.rex & 4) << 1);
    fields[AT.rm] = (modrm & 7) | ((p.rex & 1) << 3);
    fields[AT.base] = (sib & 7) | ((p.rex & 1) << 3);
    fields[AT.idx] = index;
    fields[AT.ss] = sib >> 6;
    fields[AT.form] = form;
    const next = at + 1 + (a.sib ? 1 : 0);
    fields[AT.d] = a.disp > 0 ? readImmediate(bytes, next, a.disp) : 0;
    return next + a.disp;
  }
}

const keyOf = (vex: number, map: number, opcode: number): number => (vex << 4) | (map << 2) | (opcode << 16);

function prefixFits(f: SdmForm, p: Prefixes): boolean {
  const w = (p.rex & 8) !== 0;
  if (f.vex > 0) return (f.vvvv || p.vvvv === 0) && p.pp === (f.prefix === 1 ? 0 : f.prefix);
  if (f.prefix === 1 && (p.last !== 0 || (p.opsize && f.size === 0))) return false;
  if (f.prefix === 0x66 && (!p.opsize || p.last !== 0)) return false;
  if (f.prefix >= 0xf2 && p.last !== f.prefix) return false;
  if (f.prefix === 0 && p.last !== 0) return false;
  if (f.size === 0) return true;
  const size = w ? 64 : p.opsize && !f.byW ? 16 : 32;
  return size === f.size;
}

const MANDATORY = [0, 0x66, 0xf3, 0xf2];

function readPrefixes(bytes: Uint8Array, offset: number): Prefixes | undefined {
  const p: Prefixes = { opsize: false, last: 0, lock: false, rex: 0, vex: 0, pp: 0, map: 0, vvvv: 0, at: offset };
  for (; p.at < bytes.length; p.at++) {
    const b = bytes[p.at];
    if (b === 0x66) p.opsize = true;
    else if (b === 0xf2 || b === 0xf3) p.last = b;
    else if (b === 0xf0) p.lock = true;
    else break;
  }
  if (bytes[p.at] === 0xc5 || bytes[p.at] === 0xc4) return readVex(bytes, p);
  if ((bytes[p.at] & 0xf0) === 0x40) p.rex = bytes[p.at++];
  if (bytes[p.at] === 0x0f) {
    p.at++;
    p.map = bytes[p.at] === 0x38 ? 2 : bytes[p.at] === 0x3a ? 3 : 1;
    if (p.map > 1) p.at++;
  }
  return p.at < bytes.length ? p : undefined;
}

function readVex(bytes: Uint8Array, p: Prefixes): Prefixes | undefined {
  const long = bytes[p.at] === 0xc4;
  if (p.at + (long ? 3 : 2) >= bytes.length) return undefined;
  const first = bytes[p.at + 1];
  const last = long ? bytes[p.at + 2] : first;
  p.map = long ? first & 31 : 1;
  p.rex =
    (~first & 0x80 ? 4 : 0) | (long ? (~first & 0x40 ? 2 : 0) | (~first & 0x20 ? 1 : 0) | (last & 0x80 ? 8 : 0) : 0);
  p.vvvv = (~last >> 3) & 15;
  p.vex = last & 4 ? 256 : 128;
  p.pp = MANDATORY[last & 3];
  p.at += long ? 3 : 2;
  return p;
}

/** Little-endian; sign-extended unless `size` is negative. Bytes beyond the end read as zero. */
function readImmediate(bytes: Uint8Array, at: number, size: number): number {
  const n = Math.abs(size);
  let v = 0;
  for (let i = 0; i < Math.min(n, 4); i++) v |= (bytes[at + i] ?? 0) << (8 * i);
  if (size < 0) return n < 4 ? v : v >>> 0;
  return n < 4 ? (v << (32 - 8 * n)) >> (32 - 8 * n) : v;
}
