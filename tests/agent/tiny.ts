import type { Cpu, Instruction, Invented } from "./invented.ts";

/** A small machine for tests: 24-bit words with scattered fields, seven registers of 18 bits, big-endian memory. */
const RD = [22, 3, 9];
const RA = [17, 0, 12];
const RB = [5, 20, 8];
const IMM = [1, 19, 5, 20, 8, 14];
const OPCODE = [23, 11, 2, 16];
/** Bits of no use: two must be zero, the others do not matter. */
const ZERO = [4, 6];

function instruction(
  name: string,
  code: number,
  fields: Instruction["fields"],
  zeros: readonly number[],
  run: Instruction["run"],
): Instruction {
  let mask = 0;
  let match = 0;
  OPCODE.forEach((bit, k) => {
    mask |= 1 << bit;
    match |= ((code >> k) & 1) << bit;
  });
  for (const bit of [...zeros, ...ZERO]) mask |= 1 << bit;
  return { name, mask, match, fields, run };
}

const free = [1, 19, 14];
const signed = (f: Readonly<Record<string, number>>): bigint => BigInt.asIntN(IMM.length, BigInt(f.imm!));
const reverse = (v: bigint): bigint => BigInt(`0b${v.toString(2).padStart(18, "0").split("").reverse().join("")}`);
const two =
  (run: (m: Cpu, a: bigint, b: bigint) => bigint): Instruction["run"] =>
  (m, f) =>
    m.set(f.rd!, run(m, m.reg(f.ra!), m.reg(f.rb!)));

export const tiny: Invented = {
  seed: 0,
  wordBits: 24,
  bytes: 3,
  little: false,
  regBits: 18,
  regs: 7,
  zero: false,
  pcBits: 18,
  unit: 1,
  flags: "fields",
  memory: 4096,
  instructions: [
    instruction("sub", 1, { rd: RD, ra: RA, rb: RB }, free, (m, f) => {
      const [a, b] = [m.reg(f.ra!), m.reg(f.rb!)];
      const r = m.mask(a - b);
      m.set(f.rd!, r);
      m.setFlags({ 0: a >= b, 1: r === 0n, 3: r >> 17n === 1n, 6: m.signed(a) - m.signed(b) !== m.signed(r) });
    }),
    instruction(
      "and",
      2,
      { rd: RD, ra: RA, rb: RB },
      free,
      two((_, a, b) => a & b),
    ),
    instruction(
      "adds",
      3,
      { rd: RD, ra: RA, rb: RB },
      free,
      two((m, a, b) => {
        const s = m.signed(a) + m.signed(b);
        return s > 131071n ? 131071n : s < -131072n ? -131072n : s;
      }),
    ),
    instruction("rev", 4, { rd: RD, ra: RA }, [...free, ...RB], (m, f) => m.set(f.rd!, reverse(m.reg(f.ra!)))),
    instruction("addi", 5, { rd: RD, ra: RA, imm: IMM }, [], (m, f) => m.set(f.rd!, m.reg(f.ra!) + signed(f))),
    instruction("ld", 6, { rd: RD, ra: RA, imm: IMM }, [], (m, f) => m.set(f.rd!, m.load(m.reg(f.ra!) + signed(f), 2))),
    instruction("st", 7, { rd: RD, ra: RA, imm: IMM }, [], (m, f) =>
      m.store(m.reg(f.ra!) + signed(f), 2, m.reg(f.rd!)),
    ),
    instruction("blt", 8, { rd: RD, ra: RA, imm: IMM }, [], (m, f) => {
      if (m.signed(m.reg(f.rd!)) < m.signed(m.reg(f.ra!))) m.jump(m.pc + 3n * signed(f));
    }),
    instruction("bz", 9, { imm: IMM }, [...RD, ...RA], (m, f) => {
      if (m.flag(1)) m.jump(m.pc + 3n * signed(f));
    }),
    instruction("jr", 10, { ra: RA }, [...free, ...RB, ...RD], (m, f) => m.jump(m.reg(f.ra!))),
  ],
};
