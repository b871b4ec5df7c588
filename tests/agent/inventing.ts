import { Rng } from "../../src/agent/translator/values.ts";
import { C, type Cpu, type Instruction, type Invented, N, V, Z } from "./invented.ts";

function least(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

type Op = (m: Cpu, a: bigint, b: bigint, w: bigint) => bigint;
type Sets = "none" | "logic" | "add" | "sub";

const BINARY: Readonly<Record<string, readonly [Op, Sets]>> = {
  add: [(_, a, b) => a + b, "add"],
  sub: [(_, a, b) => a - b, "sub"],
  and: [(_, a, b) => a & b, "logic"],
  or: [(_, a, b) => a | b, "logic"],
  xor: [(_, a, b) => a ^ b, "logic"],
  andn: [(_, a, b) => a & ~b, "logic"],
  shl: [(_, a, b, w) => (b % 64n >= w ? 0n : a << (b % 64n)), "none"],
  shr: [(_, a, b, w) => a >> (b % w), "none"],
  sar: [(m, a, b, w) => m.signed(a) >> least(b, w), "none"],
  rol: [(m, a, b, w) => m.mask(a << (b % w)) | (a >> (w - (b % w))), "none"],
  mul: [(_, a, b) => a * b, "none"],
  mulh: [(_, a, b, w) => (a * b) >> w, "none"],
  adds: [(m, a, b, w) => clamp(m.signed(a) + m.signed(b), w), "none"],
  subu: [(_, a, b) => (a < b ? 0n : a - b), "none"],
  min: [(m, a, b) => (m.signed(a) < m.signed(b) ? a : b), "none"],
  maxu: [(_, a, b) => a + b - least(a, b), "none"],
  slt: [(m, a, b) => (m.signed(a) < m.signed(b) ? 1n : 0n), "none"],
  sltu: [(_, a, b) => (a < b ? 1n : 0n), "none"],
  divu: [(m, a, b) => (b === 0n ? m.mask(-1n) : a / b), "none"],
  rem: [(_, a, b) => (b === 0n ? a : a % b), "none"],
};
const UNARY: Readonly<Record<string, Op>> = {
  not: (_, a) => ~a,
  neg: (_, a) => -a,
  rev: (_, a, __, w) => BigInt(`0b${a.toString(2).padStart(Number(w), "0").split("").reverse().join("")}`),
  clz: (_, a, __, w) => w - BigInt(a === 0n ? 0 : a.toString(2).length),
  pop: (_, a) => BigInt(a.toString(2).replaceAll("0", "").length),
  abs: (m, a) => (m.signed(a) < 0n ? -a : a),
  swap: (m, a, __, w) => m.mask(a << (w / 2n)) | (a >> (w / 2n)),
  sxb: (_, a) => BigInt.asIntN(8, a),
  zxb: (_, a) => a & 255n,
  mov: (_, a) => a,
};

function clamp(v: bigint, w: bigint): bigint {
  const most = (1n << (w - 1n)) - 1n;
  return v > most ? most : v < -most - 1n ? -most - 1n : v;
}

function flagsOf(m: Cpu, sets: Sets, a: bigint, b: bigint, r: bigint): void {
  if (sets === "none") return;
  const w = m.spec.regBits;
  const top = (v: bigint): boolean => ((v >> BigInt(w - 1)) & 1n) === 1n;
  const base = { [Z]: m.mask(r) === 0n, [N]: top(r) };
  if (sets === "logic") m.setFlags(base);
  if (sets === "add")
    m.setFlags({ ...base, [C]: (a + b) >> BigInt(w) !== 0n, [V]: top(a) === top(b) && top(r) !== top(a) });
  if (sets === "sub") m.setFlags({ ...base, [C]: a >= b, [V]: top(a) !== top(b) && top(r) !== top(a) });
}

const CONDITIONS: readonly ((m: Cpu) => boolean)[] = [
  (m) => m.flag(Z),
  (m) => !m.flag(Z),
  (m) => m.flag(C),
  (m) => !m.flag(C),
  (m) => m.flag(N),
  (m) => m.flag(N) !== m.flag(V),
  (m) => m.flag(C) && !m.flag(Z),
  () => true,
];
const COMPARES: readonly ((m: Cpu, a: bigint, b: bigint) => boolean)[] = [
  (_, a, b) => a === b,
  (_, a, b) => a !== b,
  (m, a, b) => m.signed(a) < m.signed(b),
  (_, a, b) => a >= b,
];

/** An instruction set of its own for every seed. */
export function invent(seed: number): Invented {
  const rng = new Rng(seed);
  const wordBits = rng.pick([24, 24, 16, 32, 24, 20]);
  const bytes = Math.ceil(wordBits / 8);
  const regs = wordBits === 16 ? rng.pick([5, 7, 8]) : rng.pick([6, 11, 13, 16, 3]);
  const regBits = rng.pick([24, 16, 20, 32, 36, 12, 18, 40]);
  const flags = rng.pick(["register", "fields", "none"] as const);
  const unit = bytes === 3 && rng.below(3) === 0 ? 3 : bytes === 2 && rng.below(3) === 0 ? 2 : 1;
  const pcBits = rng.pick([16, Math.max(regBits, 16), 24]);
  const field = Math.max(2, Math.ceil(Math.log2(regs)));
  const scattered = shuffle(
    rng,
    Array.from({ length: wordBits }, (_, i) => i),
  );
  const take = (n: number): number[] => scattered.splice(0, n);
  const opcode = take(wordBits === 16 ? 5 : 6);
  const rd = take(field);
  const ra = take(field);
  const rest = scattered;
  const rb = rest.slice(0, field);
  const other = rest.slice(field);
  const instructions: Instruction[] = [];
  let code = 0;
  const used = new Set<number>();
  const make = (
    name: string,
    fields: Record<string, readonly number[]>,
    fixed: readonly number[],
    value: number,
    run: Instruction["run"],
  ): void => {
    let mask = 0;
    let match = 0;
    opcode.forEach((bit, k) => {
      mask |= 1 << bit;
      match |= ((code >> k) & 1) << bit;
    });
    fixed.forEach((bit, k) => {
      mask |= 1 << bit;
      match |= ((value >> k) & 1) << bit;
    });
    used.add(code);
    instructions.push({ name, mask, match, fields, run });
  };
  const two = rng.below(4) === 0;
  const w = BigInt(regBits);
  const source = (m: Cpu, f: Readonly<Record<string, number>>): bigint => m.reg(two ? f.rd! : f.ra!);
  const second = (m: Cpu, f: Readonly<Record<string, number>>): bigint => m.reg(two ? f.ra! : f.rb!);
  const free = two ? [...rb, ...other] : other;
  const regFields = two ? { rd, ra } : { rd, ra, rb };
  const names = shuffle(rng, Object.keys(BINARY)).slice(0, wordBits === 16 ? 9 : 13);
  const dontCare = rng.below(2) === 0;
  names.forEach((name, i) => {
    const [op, sets] = BINARY[name]!;
    const sub = free.length > 0 && rng.below(3) > 0;
    const fixed = sub ? free.slice(0, 1) : dontCare ? [] : free;
    make(name, regFields, fixed, sub ? i & 1 : 0, (m, f) => {
      const [a, b] = [source(m, f), second(m, f)];
      const r = op(m, a, b, w);
      m.set(f.rd!, r);
      flagsOf(m, sets, a, b, r);
    });
    if (!sub || (i & 1) === 1) code++;
    else if (i === names.length - 1) code++;
    else if (instructions.length > 0 && sub && (i & 1) === 0) code += i + 1 < names.length ? 0 : 1;
  });
  code = Math.max(...used) + 1;
  for (const [i, name] of shuffle(rng, Object.keys(UNARY)).slice(0, 5).entries()) {
    make(name, { rd, ra }, [...rb, ...other].slice(0, 3), i, (m, f) =>
      m.set(f.rd!, UNARY[name]!(m, m.reg(f.ra!), 0n, w)),
    );
  }
  code++;
  const signedImm = (f: Readonly<Record<string, number>>, bits: readonly number[]): bigint =>
    BigInt.asIntN(bits.length, BigInt(f.imm!));
  const imm = shuffle(rng, rest);
  const immediates = shuffle(rng, ["add", "and", "xor", "slt", "sub"]).slice(0, 3);
  for (const name of immediates) {
    const [op, sets] = BINARY[name]!;
    make(`${name}i`, { rd, ra, imm }, [], 0, (m, f) => {
      const b = m.mask(signedImm(f, imm));
      const a = m.reg(f.ra!);
      const r = op(m, a, b, w);
      m.set(f.rd!, r);
      flagsOf(m, sets, a, b, r);
    });
    code++;
  }
  const amount = imm.slice(0, 3);
  make("shli", { rd, ra, imm: amount }, imm.slice(3), 0, (m, f) => m.set(f.rd!, m.reg(f.ra!) << BigInt(f.imm!)));
  code++;
  make("movi", { rd, imm: [...imm, ...ra] }, [], 0, (m, f) => m.set(f.rd!, signedImm(f, [...imm, ...ra])));
  code++;
  make("movh", { rd, imm: [...ra, ...imm] }, [], 0, (m, f) =>
    m.set(f.rd!, BigInt(f.imm!) << BigInt(Math.max(4, regBits - rest.length - field))),
  );
  code++;
  const size = unit > 1 ? unit : Math.max(1, Math.min(Math.ceil(regBits / 8), 4));
  make("ld", { rd, ra, imm }, [], 0, (m, f) => m.set(f.rd!, m.load(m.reg(f.ra!) + signedImm(f, imm), size)));
  code++;
  make("st", { rd, ra, imm }, [], 0, (m, f) => m.store(m.reg(f.ra!) + signedImm(f, imm), size, m.reg(f.rd!)));
  code++;
  if (unit === 1) {
    make("ldb", { rd, ra, imm }, [], 0, (m, f) =>
      m.set(f.rd!, BigInt.asIntN(8, m.load(m.reg(f.ra!) + signedImm(f, imm), 1))),
    );
    code++;
    make("stb", { rd, ra, imm }, [], 0, (m, f) => m.store(m.reg(f.ra!) + signedImm(f, imm), 1, m.reg(f.rd!)));
    code++;
  }
  const scale = BigInt(rng.pick([1, bytes / unit]));
  if (flags !== "none") {
    make("bcc", { cond: rd.slice(0, 2).concat(ra[0]!), imm }, [], 0, (m, f) => {
      if (CONDITIONS[f.cond!]!(m)) m.jump(m.pc + signedImm(f, imm) * scale);
    });
    code++;
  }
  COMPARES.slice(0, 1 + rng.below(4)).forEach((test, i) => {
    make(`b${i}`, { rd, ra, imm }, [], 0, (m, f) => {
      if (test(m, m.reg(f.rd!), m.reg(f.ra!))) m.jump(m.next + signedImm(f, imm) * scale);
    });
    code++;
  });
  make("jal", { rd, imm: [...imm, ...ra] }, [], 0, (m, f) => {
    m.set(f.rd!, m.next);
    m.jump(m.pc + signedImm(f, [...imm, ...ra]) * scale);
  });
  code++;
  make("jr", { ra }, rest, 0, (m, f) => m.jump(m.reg(f.ra!)));
  code++;
  return {
    seed,
    wordBits,
    bytes,
    little: rng.below(2) === 0,
    regBits,
    regs,
    zero: rng.below(3) === 0,
    pcBits,
    unit,
    flags,
    memory: 4096 * unit,
    instructions,
  };
}

function shuffle<T>(rng: Rng, list: readonly T[]): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
