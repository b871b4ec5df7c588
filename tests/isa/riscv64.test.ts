import assert from "node:assert/strict";
import test from "node:test";
import { encode, riscv64 } from "./books.ts";
import { qemu } from "./oracle/batch.ts";
import { campaign, sequences, type Trial } from "./oracle/campaign.ts";
import { compare, report } from "./oracle/compare.ts";
import { evaluator } from "./oracle/evaluator.ts";
import { QUIRKS, type Quirk, quirkOf } from "./oracle/quirks.ts";
import { Random } from "./oracle/random.ts";
import * as R from "./oracle/record.ts";
import { fillState } from "./oracle/states.ts";
import { needs } from "./tools.ts";

/** States a row; a default run takes seconds. */
const CASES = Number(process.env.SAGE_CASES ?? 200);
const SEED = Number(process.env.SAGE_SEED ?? 1);

const book = riscv64();
const reference = evaluator(book);
const truth = qemu();
const oracle = needs(truth !== null, "qemu-riscv64 or riscv64-linux-gnu-gcc");

test("every row does what qemu-riscv64 does", oracle, () => {
  const uncovered = new Set(book.rows);
  const quirks = new Set<Quirk>();
  for (const trials of campaign(book, encode, CASES, SEED)) {
    const differences = compare(trials, truth!, reference).filter((d) => {
      const quirk = quirkOf(d.trial, d.before);
      if (quirk) quirks.add(quirk);
      return quirk === undefined;
    });
    assert.equal(differences.length, 0, report(differences, "qemu", "evaluator"));
    for (const { row } of trials) uncovered.delete(row);
  }
  assert.deepEqual(
    [...uncovered].map((row) => row.name),
    [],
    "rows that no word was found for",
  );
  // One that no longer shows is to be struck off.
  assert.equal(quirks.size, QUIRKS.length, "quirks of qemu that were met");
});

/** Groups with one random state for each code. */
function once(codes: readonly Uint8Array[], random: Random): R.Group[] {
  return codes.map((code) => {
    const records = new BigUint64Array(R.RECORD);
    fillState(records, random);
    // Memory accesses and jumps of whatever this is go nowhere that matters.
    for (let i = 1; i < 32; i++) if (random.chance(70)) records[R.X + i] = BigInt(R.WINDOW_AT + 8 * random.below(8));
    records[R.X + 17] = 1n << 40n;
    records[R.FCSR] = 0n;
    return { code, records };
  });
}

const half = (code: number): Uint8Array => Uint8Array.of(code & 255, code >> 8);
const word = (code: number): Uint8Array => Uint8Array.of(code, code >>> 8, code >>> 16, code >>> 24);
const sigill = (g: R.Group): boolean => g.records[R.SIGNAL] === R.SIGILL && g.records[R.PC] === BigInt(R.CODE);

test("every 16-bit code is legal where qemu-riscv64 says so", oracle, () => {
  const codes = Array.from({ length: 65536 }, (_, i) => i).filter((i) => (i & 3) !== 3 && !isSelfJump(half(i)));
  const groups = once(codes.map(half), new Random(SEED));
  truth!.run(groups);
  const wrong = groups.filter((g) => sigill(g) === legalOf(g.code));
  assert.deepEqual(
    wrong.slice(0, 8).map((g) => `${hexOf(g.code)} is ${sigill(g) ? "illegal" : "legal"} for qemu`),
    [],
  );
});

test("codes next to a row's are legal where qemu-riscv64 says so", oracle, () => {
  const random = new Random(SEED);
  const codes: Uint8Array[] = [];
  for (const row of book.rows.filter((r) => r.length === 4)) {
    for (let n = 0; n < 12; n++) {
      const code = encode(
        row,
        row.fields.map((f) => random.below(2 ** f.width)),
      );
      if (!code) continue;
      const flipped = (code[0] | (code[1] << 8) | (code[2] << 16) | (code[3] << 24)) ^ (4 << random.below(30));
      if (!isSelfJump(word(flipped)) && !isExtra(flipped)) codes.push(word(flipped));
    }
  }
  const groups = once(codes, random);
  truth!.run(groups);
  const wrong = groups.filter((g) => sigill(g) === legalOf(g.code));
  assert.deepEqual(
    wrong.slice(0, 8).map((g) => `${hexOf(g.code)} is ${sigill(g) ? "illegal" : "legal"} for qemu`),
    [],
  );
});

function legalOf(code: Uint8Array): boolean {
  const decoded = book.decode(code, 0);
  return decoded !== null && !book.lift(decoded, R.CODE).effects.some((e) => e.k === "trap" && e.name === "illegal");
}

function isSelfJump(code: Uint8Array): boolean {
  const decoded = book.decode(code, 0);
  if (!decoded) return false;
  return book.lift(decoded, R.CODE).effects.some((e) => {
    const jump = e.k === "if" ? e.then.find((t) => t.k === "jump") : e;
    if (jump?.k !== "jump" || jump.target.op !== "const") return false;
    return jump.target.lo >= R.CODE && jump.target.lo < R.CODE + code.length;
  });
}

/** What qemu knows beyond the book: other registers, Zbc, Zicbom, Zicboz, Zawrs, Zfh and the like. */
function isExtra(code: number): boolean {
  const opcode = code & 0x7f;
  const f3 = (code >>> 12) & 7;
  const f7 = code >>> 25;
  if (opcode === 0x73) return true;
  if (opcode === 0x33 && f7 === 5 && f3 < 4) return true; // clmul, clmulr, clmulh
  if (opcode === 0x0f && f3 === 2) return true; // cbo
  return false;
}

const hexOf = (code: Uint8Array): string => [...code].map((b) => b.toString(16).padStart(2, "0")).join(" ");

test("sequences of rows do what qemu-riscv64 does", oracle, () => {
  const differences = compare(sequences(book, encode, 2 * CASES, SEED), truth!, reference).filter(
    (d) => !/\bctzw\b|\bsc\./.test(d.trial.text),
  );
  assert.equal(differences.length, 0, report(differences, "qemu", "evaluator"));
});

/** Sequences that hidden state links: what lr reserved is only seen by sc. */
test("lr and sc together do what qemu-riscv64 does", oracle, () => {
  const random = new Random(SEED);
  const sequences = [
    ["lr.w a0, (a1)", "sc.w a2, a3, (a1)"],
    ["lr.d a0, (a1)", "sc.d a2, a3, (a1)"],
    ["lr.w a0, (a1)", "sw a4, 0(a1)", "sc.w a2, a3, (a1)"],
    ["lr.d a0, (a1)", "sd a4, 0(a1)", "sc.d a2, a3, (a1)"],
    ["lr.w a0, (a1)", "sc.w a2, a3, (a5)"],
    ["lr.w a0, (a1)", "sc.w a2, a3, (a1)", "sc.w a4, a3, (a1)"],
    ["lr.w.aq a0, (a1)", "lr.w a0, (a5)", "sc.w.rl a2, a3, (a5)"],
    ["lr.d.aqrl a0, (a1)", "sc.d a1, a1, (a1)"],
    ["sc.w a0, a1, (a1)"],
    ["lr.w a0, (a1)", "sc.d a2, a3, (a1)"],
    ["addi a0, zero, -5", "sd a0, 0(a1)", "lr.w a0, (a1)", "sc.d a2, a3, (a1)"],
    ["lr.w a0, (a1)", "sc.w zero, a3, (a1)", "lw a4, 0(a1)"],
  ];
  const row = book.rows.find((r) => r.name === "sc.w")!;
  const trials = sequences.map((lines): Trial => {
    const code = Uint8Array.from(lines.flatMap((line) => [...book.assemble(line, R.CODE)]));
    const records = new BigUint64Array(16 * R.RECORD);
    for (let i = 0; i < records.length; i += R.RECORD) {
      const record = records.subarray(i, i + R.RECORD);
      fillState(record, random);
      record[R.X + 11] = BigInt(R.WINDOW_AT + 8 * random.below(4));
      record[R.X + 15] = BigInt(R.WINDOW_AT + 8 * random.below(4));
    }
    return { row, fields: [], code, records, text: lines.join("; "), ignore: new Set() };
  });
  const differences = compare(trials, truth!, reference);
  assert.equal(differences.length, 0, report(differences, "qemu", "evaluator"));
});
