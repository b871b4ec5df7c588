import { RuleError } from "./error.ts";

/**
 * Encodings in the notation of the Intel 64 SDM (volume 2, 3.1.1.1): prefixes, opcode map, opcode, /r or /digit,
 * immediates, `VEX.128.66.0F38.W0`. Additions: `iz` (16 or 32 bits by operand size), `ub uw` (unsigned), `is4` (a register
 * in an immediate), `lock`, `V?` `X?` `S?` (a legacy row and its VEX twins), `50+o` (register in the opcode), `D8 C0+i`
 * (register in a second opcode byte), a second byte alone (`0F AE E8`), `REX.B0`, `LONG`.
 */
export interface SdmForm {
  /** Mandatory prefix: 0 none said, 1 none (NP; 66 may still give the operand size), or the byte 0x66, 0xf2, 0xf3. */
  readonly prefix: number;
  /** 0 one byte, 1 0F, 2 0F38, 3 0F3A. */
  readonly map: number;
  readonly opcode: number;
  /** Low three bits of the opcode are the field o. */
  readonly register: boolean;
  /** "" no ModRM, "r" any, "digit" that digit in reg, "i": mod is 3, reg the digit and rm the field o; "byte": all of it. */
  readonly modrm: "" | "r" | "digit" | "i" | "byte";
  /** The digit, or the whole byte. */
  readonly digit: number;
  /** What ModRM's mod may be: 1 a register (mod 3), 2 memory, 3 either. */
  readonly modes: number;
  /** SIB's index is a vector register. */
  readonly vsib: boolean;
  /** Bytes of each immediate, negative: unsigned; 0: a register in the upper half of a byte. */
  readonly immediates: readonly number[];
  readonly lock: boolean;
  /** Operand size in bits that the prefixes must ask for: 16, 32 or 64; 0: no matter. */
  readonly size: number;
  /** W decides the size (suffix y): 66 does not. */
  readonly byW: boolean;
  /** 0 legacy, 128 or 256: VEX with that length; 1: VEX of either. */
  readonly vex: number;
  /** VEX.vvvv names an operand; where it does not, it must be 1111. */
  readonly vvvv: boolean;
  /** W that VEX must have; -1: either. */
  readonly vexW: number;
  /** REX.B must be clear. */
  readonly lowOnly: boolean;
}

type Sizing = "immediates" | "size" | "byW" | "vex" | "vvvv" | "modes" | "vsib";
/** What an encoding column says before sizes are chosen. */
export interface SdmPattern extends Omit<SdmForm, Sizing> {
  readonly immediates: readonly string[];
  /** The values of SdmForm.vex that the line stands for, a row each. */
  readonly encodings: readonly number[];
  /** V?: w is the vector's length. */
  readonly twins: boolean;
  readonly rexW: boolean;
}

const SIZES: Readonly<Record<string, number>> = { ib: 1, iw: 2, id: 4, iq: 8, cb: 1, cd: 4, ub: -1, uw: -2, is4: 0 };
const MAPS: Readonly<Record<string, number>> = { "": 0, "0F": 1, "0F38": 2, "0F3A": 3 };
const TWINS: Readonly<Record<string, readonly number[]>> = { V: [0, 128, 256], X: [0, 128], S: [0, 1] };
const LENGTHS: Readonly<Record<string, number>> = { 128: 128, L0: 128, LZ: 128, 256: 256, L1: 256, LIG: 1 };
const PREFIX: Readonly<Record<string, number>> = { NP: 1, 66: 0x66, F2: 0xf2, F3: 0xf3 };
const WIDE: Readonly<Record<string, number>> = { W0: 0, W1: 1, WIG: -1 };
/** Opcode of `LONG`, which no byte is: the row of an instruction that goes on beyond 15 bytes. */
const TOO_LONG = 0x100;
const LONGEST = 15;

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
  let encodings: readonly number[] = [0];
  let rexW = false;
  let vexW = -1;
  let lowOnly = false;
  const immediates: string[] = [];
  tokens.forEach((token, i) => {
    const twin = /^([VXS])\?(?:(66|F2|F3)\.)?(0F(?:38|3A)?)(?:\.(W0|W1|WIG))?$/.exec(token);
    const vex = /^VEX\.(128|256|L0|L1|LZ|LIG)(?:\.(NP|66|F2|F3))?\.(0F(?:38|3A)?)(?:\.(W0|W1|WIG))?$/.exec(token);
    const plus = /^([0-9A-F]{2})\+([oi])$/.exec(token);
    if (twin) {
      twins = twin[1] !== "S";
      encodings = TWINS[twin[1]];
      prefix = PREFIX[twin[2] ?? "NP"];
      map = twin[3];
      vexW = WIDE[twin[4] ?? "WIG"];
    } else if (vex) {
      encodings = [LENGTHS[vex[1]]];
      prefix = PREFIX[vex[2] ?? "NP"];
      map = vex[3];
      vexW = WIDE[vex[4] ?? "WIG"];
    } else if (opcode < 0 && token in PREFIX && tokens.length > i + 1 && prefix === 0) prefix = PREFIX[token];
    else if (opcode < 0 && ((map === "" && token === "0F") || (map === "0F" && (token === "38" || token === "3A"))))
      map += token;
    else if (plus && opcode < 0) {
      opcode = Number.parseInt(plus[1], 16);
      register = true;
    } else if (plus) {
      modrm = "i";
      digit = (Number.parseInt(plus[1], 16) >> 3) & 7;
    } else if (/^[0-9A-F]{2}$/.test(token) && opcode < 0) opcode = Number.parseInt(token, 16);
    else if (/^[0-9A-F]{2}$/.test(token) && modrm === "") {
      modrm = "byte";
      digit = Number.parseInt(token, 16);
    } else if (token === "LONG") opcode = TOO_LONG;
    else if (token === "/r") modrm = "r";
    else if (/^\/[0-7]$/.test(token)) {
      modrm = "digit";
      digit = Number(token[1]);
    } else if (token === "lock") lock = true;
    else if (token === "REX.W") rexW = true;
    else if (token === "REX.B0") lowOnly = true;
    else if (token in SIZES || token === "iz") immediates.push(token);
    else throw new RuleError("RULE_SYNTAX", `encoding: cannot read "${token}"`);
  });
  if (opcode < 0) throw new RuleError("RULE_BITS", "encoding has no opcode");
  const kind = { prefix, map: MAPS[map], opcode, register, modrm, digit };
  return { ...kind, immediates, lock, twins, encodings, rexW, vexW, lowOnly };
}

/** What the operands of a row say about its encoding. */
export interface SdmOperands {
  readonly size: number;
  readonly byW: boolean;
  readonly vex: number;
  readonly vvvv: boolean;
  readonly modes: number;
  readonly vsib: boolean;
}

/** The form for one operand size and one of the encodings. */
export function sized(p: SdmPattern, o: SdmOperands): SdmForm {
  const immediates = p.immediates.map((t) => (t === "iz" ? (o.size === 16 ? 2 : 4) : SIZES[t]));
  const { prefix, map, opcode, register, modrm, digit, lock, vexW, lowOnly } = p;
  const kind = { prefix, map, opcode, register, modrm, digit, immediates, lock, vexW, lowOnly };
  return { ...kind, ...o, size: p.rexW ? 64 : o.size };
}

/**
 * Names of the fields every row of such a book has, in order. seg: 0 no segment override that counts, 1 FS, 2 GS; a32:
 * addresses have 32 bits; len: bytes of the instruction; reg8, rm8, o8: the number with REX's presence above it; abase:
 * the register that an address counts from, 16 for none; rel: 1 where it counts from the next instruction.
 */
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
  "seg",
  "a32",
  "len",
  "reg8",
  "rm8",
  "o8",
  "abase",
  "rel",
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
  /** The index is a vector register, any of them. */
  readonly vsib: boolean;
  /** The register that the address counts from: 0 none, 1 that of ModRM's rm, 2 that of SIB's base. */
  readonly base: number;
  /** The address counts from the next instruction. */
  readonly relative: boolean;
}

/**
 * How an instruction says where its operand is; each has a template of its own. Base also stands for what is relative to
 * rip and for an absolute address, Segment for FS or GS with base and displacement, Other for what has no template.
 */
export const Variant = { Register: 0, Base: 1, Index: 2, Segment: 3, Other: 4 } as const;
export const VARIANTS = 5;

const NEVER: readonly number[] = [];

/** Finds rows of an SDM-notation book, straight from bytes and without allocation. Fields come in SDM_FIELDS' order. */
export class SdmDecoder {
  /** Bytes of the instruction found last. */
  length = 0;
  /** True where the last one was not found because the bytes end too soon. */
  short = false;
  private readonly byKey: (readonly number[] | undefined)[] = [];
  private readonly forms: readonly SdmForm[];
  private readonly addresses: readonly AddressForm[];
  private readonly tooLong: number;
  /** Address form, plus one, by ModRM, SIB and REX.X; filled when first met. The second half is for vector indexes. */
  private readonly found = new Int8Array(1 << 18);
  // The prefixes of the instruction at hand.
  private opsize = false;
  private last = 0;
  private lock = false;
  private rex = 0;
  private hasRex = false;
  private vex = 0;
  private map = 0;
  private vvvv = 0;
  private seg = 0;
  private a32 = false;

  constructor(forms: readonly SdmForm[], addresses: readonly AddressForm[]) {
    this.forms = forms;
    this.addresses = addresses;
    this.tooLong = forms.findIndex((f) => f.opcode === TOO_LONG);
    const lists: number[][] = [];
    forms.forEach((f, row) => {
      const lasts = f.register ? 7 : 0;
      const vexes = f.vex === 1 ? [128, 256] : [f.vex];
      for (const vex of vexes)
        for (let k = 0; k <= lasts; k++) (lists[keyOf(vex, f.map, f.opcode + k)] ??= []).push(row);
    });
    lists.forEach((list, key) => {
      // What asks for more comes first; a prefix that nobody asks for is ignored.
      this.byKey[key] = list.sort((a, b) => demands(forms[b]) - demands(forms[a]) || a - b);
    });
  }

  /** Row of the instruction at `at` of which the bytes before `end` are there; -1: none. Fills `fields`, sets `length`. */
  decode(bytes: Uint8Array, at: number, end: number, fields: Int32Array): number {
    this.short = false;
    const opcodeAt = this.prefixes(bytes, at, end);
    if (opcodeAt < 0) return this.end(bytes, at, end);
    const rows = this.byKey[keyOf(this.vex, this.map, bytes[opcodeAt])] ?? NEVER;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      const f = this.forms[row];
      if (!this.prefixFits(f) || (this.lock && !f.lock)) continue;
      const after = this.operands(f, bytes, opcodeAt, end, fields);
      if (after === MISFIT) continue;
      if (after < 0 || after - at > LONGEST) return this.end(bytes, at, end);
      this.length = after - at;
      fields[AT.locked] = this.lock ? 1 : 0;
      fields[AT.rex] = this.hasRex ? 1 : 0;
      fields[AT.vvvv] = f.vex ? this.vvvv : fields[AT.reg];
      fields[AT.seg] = this.seg;
      fields[AT.a32] = this.a32 ? 1 : 0;
      fields[AT.len] = this.length;
      const high = this.hasRex ? 16 : 0;
      fields[AT.reg8] = fields[AT.reg] + high;
      fields[AT.rm8] = fields[AT.rm] + high;
      fields[AT.o8] = fields[AT.o] + high;
      return row;
    }
    return -1;
  }

  /** An instruction that goes on beyond what is there, or beyond 15 bytes. */
  private end(bytes: Uint8Array, at: number, end: number): number {
    if (Math.min(end, bytes.length) - at < LONGEST) {
      this.short = true;
      return -1;
    }
    this.length = LONGEST;
    return this.tooLong;
  }

  /** Which template the instruction decoded last takes. */
  variant(row: number, fields: Int32Array): number {
    const { modrm } = this.forms[row];
    if (this.a32) return Variant.Other;
    const address = modrm === "r" || modrm === "digit" ? this.addresses[fields[AT.form]] : undefined;
    if (!address || (address.match & 0xc0) === 0xc0) return fields[AT.seg] === 0 ? Variant.Register : Variant.Other;
    if (address.vsib) return Variant.Other;
    if (fields[AT.seg] !== 0) return address.indexed ? Variant.Other : Variant.Segment;
    return address.indexed ? Variant.Index : Variant.Base;
  }

  /** Place after the operands; MISFIT: another row may fit; -1: the bytes end too soon. */
  private operands(f: SdmForm, bytes: Uint8Array, opcodeAt: number, end: number, fields: Int32Array): number {
    let at = opcodeAt + 1;
    fields.fill(0, 0, SDM_FIELDS.length);
    fields[AT.o] = (bytes[opcodeAt] & 7) | ((this.rex & 1) << 3);
    if (f.modrm !== "") {
      if (at >= end) return -1;
      const modrm = bytes[at];
      if (f.modrm !== "r" && ((modrm >> 3) & 7) !== (f.modrm === "byte" ? (f.digit >> 3) & 7 : f.digit)) return MISFIT;
      if (f.modrm === "byte") {
        if (modrm !== f.digit) return MISFIT;
        at++;
      } else if (f.modrm === "i") {
        if (modrm < 0xc0) return MISFIT;
        fields[AT.o] = modrm & 7;
        at++;
      } else {
        if (!(f.modes & (modrm >= 0xc0 ? 1 : 2)) || (this.lock && modrm >= 0xc0)) return MISFIT;
        at = this.address(f.vsib, bytes, at, end, fields);
        if (at < 0) return at;
      }
    } else if (this.lock) return MISFIT;
    for (let i = 0; i < f.immediates.length; i++) {
      const size = f.immediates[i];
      const bytesOf = size === 0 ? 1 : Math.abs(size);
      if (at + bytesOf > end) return -1;
      if (size === 0) fields[AT.o] = bytes[at] >> 4;
      else fields[i === 0 ? AT.imm : AT.imm2] = readImmediate(bytes, at, size);
      if (size === 8) fields[AT.imm2] = readImmediate(bytes, at + 4, 4);
      at += bytesOf;
    }
    return at;
  }

  /** Reads ModRM, SIB and displacement by the first address form that fits; gives the place after it. */
  private address(vector: boolean, bytes: Uint8Array, at: number, end: number, fields: Int32Array): number {
    const modrm = bytes[at];
    const { rex } = this;
    // SIB's bits where there is none do not matter to any form.
    const sib = (modrm & 7) === 4 && modrm < 0xc0 ? (at + 1 < end ? bytes[at + 1] : -1) : 0;
    if (sib < 0) return -1;
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    const key = modrm | (sib << 8) | ((rex & 2) << 15) | (vector ? 1 << 17 : 0);
    let form = this.found[key] - 1;
    if (form < 0) {
      form = this.findForm(modrm | (sib << 8), index, vector);
      if (form < 0) return MISFIT;
      this.found[key] = form + 1;
    }
    const a = this.addresses[form];
    const next = at + 1 + (a.sib ? 1 : 0);
    if (next + a.disp > end) return -1;
    fields[AT.reg] = ((modrm >> 3) & 7) | ((rex & 4) << 1);
    fields[AT.rm] = (modrm & 7) | ((rex & 1) << 3);
    fields[AT.base] = (sib & 7) | ((rex & 1) << 3);
    fields[AT.idx] = index;
    fields[AT.ss] = sib >> 6;
    fields[AT.form] = form;
    fields[AT.abase] = a.base === 0 ? 16 : a.base === 1 ? fields[AT.rm] : fields[AT.base];
    fields[AT.rel] = a.relative ? 1 : 0;
    fields[AT.d] = a.disp > 0 ? readImmediate(bytes, next, a.disp) : 0;
    return next + a.disp;
  }

  private findForm(both: number, index: number, vector: boolean): number {
    return this.addresses.findIndex(
      (a) =>
        ((both ^ a.match) & a.mask) === 0 && (vector ? a.vsib : !a.vsib && (!a.sib || a.indexed === (index !== 4))),
    );
  }

  private prefixFits(f: SdmForm): boolean {
    const { opsize, last } = this;
    const wide = (this.rex & 8) !== 0;
    if (f.lowOnly && (this.rex & 1) !== 0) return false;
    if (f.vex > 0) {
      if ((!f.vvvv && this.vvvv !== 0) || last !== (f.prefix === 1 ? 0 : f.prefix)) return false;
      if (f.vexW >= 0 && wide !== (f.vexW === 1)) return false;
      return f.size === 0 || wide === (f.size === 64);
    }
    if (f.prefix === 1 && (last !== 0 || (opsize && f.size === 0))) return false;
    if (f.prefix === 0x66 && (!opsize || last !== 0)) return false;
    if (f.prefix >= 0xf2 && last !== f.prefix) return false;
    if (f.size === 0) return true;
    return (wide ? 64 : opsize && !f.byW ? 16 : 32) === f.size;
  }

  /** Reads prefixes, REX or VEX, and the opcode's map; gives the opcode's place or -1. */
  private prefixes(bytes: Uint8Array, start: number, end: number): number {
    this.opsize = this.lock = this.hasRex = this.a32 = false;
    this.last = this.rex = this.vex = this.map = this.vvvv = this.seg = 0;
    let at = start;
    for (; at < end; at++) {
      const b = bytes[at];
      if (b === 0x66) this.opsize = true;
      else if (b === 0xf2 || b === 0xf3) this.last = b;
      else if (b === 0xf0) this.lock = true;
      else if (b === 0x67) this.a32 = true;
      else if (b === 0x64 || b === 0x65) this.seg = b - 0x63;
      else if ((b & 0xf0) === 0x40) {
        // Only right before the opcode does REX count.
        this.rex = b;
        this.hasRex = true;
        continue;
      } else if (b !== 0x2e && b !== 0x36 && b !== 0x3e && b !== 0x26) break;
      this.rex = 0;
      this.hasRex = false;
    }
    if (at >= end || at - start >= LONGEST) return -1;
    const first = bytes[at];
    if (first === 0xc5 || first === 0xc4) return this.readVex(bytes, at, end);
    if (first !== 0x0f) return at;
    at++;
    if (at >= end) return -1;
    this.map = bytes[at] === 0x38 ? 2 : bytes[at] === 0x3a ? 3 : 1;
    if (this.map > 1) at++;
    return at < end ? at : -1;
  }

  private readVex(bytes: Uint8Array, at: number, end: number): number {
    const long = bytes[at] === 0xc4;
    const opcodeAt = at + (long ? 3 : 2);
    if (opcodeAt >= end) return -1;
    const first = bytes[at + 1];
    const last = long ? bytes[at + 2] : first;
    // No row has such a map: prefixes that VEX does not go with.
    this.map = this.opsize || this.last || this.lock || this.hasRex ? 31 : long ? first & 31 : 1;
    this.rex = (~first & 0x80) >> 5;
    if (long) this.rex |= ((~first & 0x40) >> 5) | ((~first & 0x20) >> 5) | ((last & 0x80) >> 4);
    this.vvvv = (~last >> 3) & 15;
    this.vex = last & 4 ? 256 : 128;
    this.last = MANDATORY[last & 3];
    return opcodeAt;
  }
}

const MISFIT = -2;
const MANDATORY = [0, 0x66, 0xf3, 0xf2];

const keyOf = (vex: number, map: number, opcode: number): number => opcode | (map << 9) | ((vex >> 7) << 14);

/** How much a row asks for: prefix first, then the bits of ModRM. */
function demands(f: SdmForm): number {
  const prefix = f.prefix >= 0xf2 ? 4 : f.prefix === 0x66 ? 3 : f.prefix;
  const bits = f.modrm === "byte" ? 3 : f.modrm === "i" ? 2 : f.modrm === "digit" ? 1 : 0;
  return prefix * 32 + (f.size > 0 ? 16 : 0) + (f.lowOnly ? 16 : 0) + (f.register ? 0 : 4) + bits;
}

/** Little-endian, at most four bytes; sign-extended unless `size` is negative. */
function readImmediate(bytes: Uint8Array, at: number, size: number): number {
  switch (size) {
    case 1:
      return (bytes[at] << 24) >> 24;
    case -1:
      return bytes[at];
    case 2:
      return ((bytes[at] | (bytes[at + 1] << 8)) << 16) >> 16;
    case -2:
      return bytes[at] | (bytes[at + 1] << 8);
  }
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
