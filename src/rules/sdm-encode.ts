import { type AddressForm, SDM_FIELDS, type SdmForm } from "./sdm.ts";

const AT = Object.fromEntries(SDM_FIELDS.map((name, i) => [name, i])) as Record<(typeof SDM_FIELDS)[number], number>;
const PP: Readonly<Record<number, number>> = { 0: 0, 1: 0, 102: 1, 243: 2, 242: 3 };

/** Bytes of an instruction in the SDM's notation; fields as sdm.ts reads them. */
export function encodeSdm(f: SdmForm, addresses: readonly AddressForm[], fields: readonly number[]): Uint8Array {
  const out: number[] = [];
  const address = addresses[fields[AT.form]];
  const memory = f.modrm === "r" || f.modrm === "digit";
  const prefixed = (byte: number, wanted: boolean): void => {
    if (wanted) out.push(byte);
  };
  const direct = memory && (address.match & 0xc0) === 0xc0;
  const low = !memory
    ? f.modrm !== "" || is4(f)
      ? 0
      : fields[AT.o]
    : direct
      ? fields[AT.rm]
      : address.sib
        ? fields[AT.base]
        : fields[AT.rm];
  const reg = f.modrm === "r" ? fields[AT.reg] : f.modrm === "digit" ? f.digit : 0;
  const bits =
    (f.size === 64 || f.vexW === 1 ? 8 : 0) |
    ((reg & 8) >> 1) |
    (memory && (address.indexed || address.vsib) ? (fields[AT.idx] & 8) >> 2 : 0) |
    (low >> 3);
  prefixed(0x63 + fields[AT.seg], fields[AT.seg] > 0);
  prefixed(0x67, fields[AT.a32] > 0);
  if (fields[AT.locked]) out.push(0xf0);
  if (f.vex > 0) pushVex(out, f, bits, f.vvvv ? fields[AT.vvvv] : 0);
  else {
    if (f.prefix === 0x66 || (f.size === 16 && !f.byW)) out.push(0x66);
    if (f.prefix >= 0xf2) out.push(f.prefix);
    if (bits !== 0 || fields[AT.rex]) out.push(0x40 | bits);
    if (f.map > 0) out.push(0x0f);
    if (f.map > 1) out.push(f.map === 2 ? 0x38 : 0x3a);
  }
  out.push(f.register ? f.opcode | (fields[AT.o] & 7) : f.opcode);
  if (f.modrm === "i") out.push(0xc0 | (f.digit << 3) | (fields[AT.o] & 7));
  else if (f.modrm === "byte") out.push(f.digit);
  else if (memory) pushAddress(out, address, reg & 7, fields);
  f.immediates.forEach((size, i) => {
    if (size === 0) out.push(fields[AT.o] << 4);
    else pushNumber(out, fields[i === 0 ? AT.imm : AT.imm2], Math.min(4, Math.abs(size)));
    if (size === 8) pushNumber(out, fields[AT.imm2], 4);
  });
  return Uint8Array.from(out);
}

const is4 = (f: SdmForm): boolean => f.immediates.includes(0);

function pushVex(out: number[], f: SdmForm, rex: number, vvvv: number): void {
  const pp = PP[f.prefix] ?? 0;
  const tail = ((~vvvv & 15) << 3) | (f.vex === 256 ? 4 : 0) | pp;
  if (f.map === 1 && (rex & 0xb) === 0 && f.vexW < 1) out.push(0xc5, (rex & 4 ? 0 : 0x80) | tail);
  else
    out.push(
      0xc4,
      (rex & 4 ? 0 : 0x80) | (rex & 2 ? 0 : 0x40) | (rex & 1 ? 0 : 0x20) | f.map,
      (rex & 8 ? 0x80 : 0) | tail,
    );
}

function pushAddress(out: number[], a: AddressForm, reg: number, fields: readonly number[]): void {
  const free = ~a.mask;
  const modrm = a.match | ((reg << 3) & free & 0x38) | (fields[AT.rm] & free & 7);
  out.push(modrm & 0xff);
  if (a.sib) {
    const sib = ((fields[AT.ss] & 3) << 14) | ((fields[AT.idx] & 7) << 11) | ((fields[AT.base] & 7) << 8);
    out.push(((a.match | (sib & free)) >> 8) & 0xff);
  }
  pushNumber(out, fields[AT.d], a.disp);
}

function pushNumber(out: number[], value: number, size: number): void {
  for (let i = 0; i < size; i++) out.push(i < 4 ? (value >>> (8 * i)) & 0xff : value < 0 ? 0xff : 0);
}
