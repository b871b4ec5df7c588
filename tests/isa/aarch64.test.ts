import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import {
  bytesOf,
  compare,
  type Difference,
  encoder,
  fieldsOf,
  jumpsToItself,
  report,
  type Trial,
  trialsOf,
} from "./aarch64/campaign.ts";
import { evaluator, qemu } from "./aarch64/engines.ts";
import * as R from "./aarch64/record.ts";
import { fillState } from "./aarch64/states.ts";
import { aarch64, aarch64Text } from "./aarch64/text.ts";
import { Random } from "./oracle/random.ts";
import { needs, output } from "./tools.ts";

/** States a row; a default run takes seconds. */
const CASES = Number(process.env.SAGE_CASES ?? 8);
const SEED = Number(process.env.SAGE_SEED ?? 1);
const ONLY = new RegExp(process.env.SAGE_ROWS ?? "");

const book = aarch64();
const encode = encoder(aarch64Text);
const reference = evaluator(book);
const truth = qemu();
const oracle = needs(truth !== null, "qemu-aarch64 or aarch64-linux-gnu-gcc");

/**
 * What is the machine's own and no two share: identification, clocks, the thread register, which no record holds, the block that dc zva clears (here as on most CPUs, 64
 * bytes), bits of FPCR and FPSR that stand for what is not there (half precision, AArch32), and whether cleaning a cache
 * faults (on a CPU it does).
 */
const OWN = /^(mrs\.(?!nzcv|fpsr|fpcr).*|msr\.fp[cs]r|dc\..*)$/;

test("every row does what qemu-aarch64 does", oracle, () => {
  const uncovered: string[] = [];
  const differences: Difference[] = [];
  const plan = { words: 4, states: Math.max(1, Math.ceil(CASES / 4)) };
  let batch = [];
  for (const row of book.rows) {
    if (!ONLY.test(row.name) || OWN.test(row.name)) continue;
    const trials = trialsOf(book, row, encode, plan, new Random(SEED * 65537 + row.index));
    if (trials.length === 0) uncovered.push(row.name);
    batch.push(...trials);
    if (batch.length < 2000 && row.index < book.rows.length - 1) continue;
    differences.push(...compare(batch, truth!, reference));
    batch = [];
  }
  differences.push(...compare(batch, truth!, reference));
  assert.equal(differences.length, 0, report(differences, "qemu", "evaluator"));
  assert.deepEqual(uncovered, [], "rows that no word was found for");
});

/** What a Cortex-A76 has beyond HWCAP: arithmetic on halves, ldapr, dc cvap. objdump does not know every word that it runs. */
const BEYOND = /^(f\w+|[su]cvtf) .*(\bh\d+|\.[248]h)|^ldapr|^dc cvap|^\.inst/;

test("words next to a row's are legal where qemu's Cortex-A76 says so", oracle, () => {
  const random = new Random(SEED);
  const codes: Uint8Array[] = [];
  for (const row of book.rows) {
    for (let n = 0; n < 4; n++) {
      const word = encode(row, fieldsOf(row, random)) ^ (n > 0 ? 1 << random.below(32) : 0);
      const decoded = book.decode(bytesOf(word), 0);
      if (!decoded || !jumpsToItself(book.lift(decoded, R.CODE))) codes.push(bytesOf(word));
    }
  }
  const groups = codes.map((code) => {
    const records = new BigUint64Array(R.RECORD);
    fillState(records, random);
    // Memory accesses and jumps of whatever this is go nowhere that matters.
    for (let i = 0; i < 32; i++) if (random.chance(80)) records[R.X + i] = BigInt(R.WINDOW_AT + 16 * random.below(8));
    records[R.X + 8] = 0x7fffffn;
    return { code, records };
  });
  qemu("cortex-a76")!(groups);
  const wrong = groups.filter(({ code, records }) => {
    const theirs = !(records[R.SIGNAL] === R.SIGNALS.illegal && records[R.PC] === BigInt(R.CODE));
    const row = book.decode(code, 0)?.row.name;
    return (row !== undefined && row !== "udf") !== theirs && row !== "mrs.id";
  });
  const folder = mkdtempSync(join(tmpdir(), "sage-legal-"));
  try {
    writeFileSync(join(folder, "words"), Uint8Array.from(wrong.flatMap(({ code }) => [...code])));
    const dump = output("aarch64-linux-gnu-objdump", ["-D", "-b", "binary", "-m", "aarch64", join(folder, "words")]);
    const lines = dump.split("\n").filter((line) => /^ +[0-9a-f]+:\t/.test(line));
    const read = lines.map((line) => line.split("\t").slice(2).join(" "));
    assert.equal(read.length, wrong.length);
    assert.deepEqual(
      read.filter((text) => !BEYOND.test(text)),
      [],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("exclusive loads and stores together do what qemu-aarch64 does", oracle, () => {
  const random = new Random(SEED);
  const sequences = [
    ["ldxr w0, [x1]", "stxr w2, w3, [x1]"],
    ["ldaxr x0, [x1]", "stlxr w2, x3, [x1]"],
    ["ldxr w0, [x1]", "str w4, [x1]", "stxr w2, w3, [x1]"],
    ["ldxr x0, [x1]", "str x4, [x1]", "stxr w2, x3, [x1]"],
    ["ldxr w0, [x1]", "stxr w2, w3, [x5]"],
    ["ldxr w0, [x1]", "stxr w2, w3, [x1]", "stxr w4, w3, [x1]"],
    ["ldxr w0, [x1]", "clrex", "stxr w2, w3, [x1]"],
    ["ldxrb w0, [x1]", "stxrb w2, w3, [x1]"],
    ["ldxrh w0, [x1]", "stlxrh w2, w3, [x1]"],
    ["ldxp x0, x4, [x1]", "stxp w2, x3, x6, [x1]"],
    ["ldaxp w0, w4, [x1]", "stlxp w2, w3, w6, [x1]"],
    ["ldxp x0, x4, [x1]", "str x7, [x1, #8]", "stxp w2, x3, x6, [x1]"],
    ["ldxr w0, [x1]", "stxr wzr, w3, [x1]", "ldr w4, [x1]"],
    ["stxr w0, w1, [x1]"],
  ];
  const row = book.rows[0];
  const trials = sequences.map((lines): Trial => {
    const code = Uint8Array.from(lines.flatMap((line) => [...book.assemble(line, R.CODE)]));
    const records = new BigUint64Array(16 * R.RECORD);
    for (let i = 0; i < records.length; i += R.RECORD) {
      const record = records.subarray(i, i + R.RECORD);
      fillState(record, random);
      record[R.X + 1] = BigInt(R.WINDOW_AT + 64 + 16 * random.below(4));
      record[R.X + 5] = BigInt(R.WINDOW_AT + 64 + 16 * random.below(4));
    }
    return { row, code, records, text: lines.join("; "), ignore: new Set() };
  });
  const differences = compare(trials, truth!, reference);
  assert.equal(differences.length, 0, report(differences, "qemu", "evaluator"));
});

/** Memory, control and what is the machine's own stand alone; the rest reads each other's results. */
const STRAIGHT = new Set(["Immediate", "Register", "Float", "Vector", "Permute", "VectorFloat", "Shift", "Element"]);

test("sequences of rows do what qemu-aarch64 does", oracle, () => {
  const random = new Random(SEED);
  const rows = book.rows.filter((row) => STRAIGHT.has(row.section.split(" ")[0]) && !/^adrp?$/.test(row.name));
  const trials = Array.from({ length: 20 * CASES }, (): Trial => {
    const words: number[] = [];
    const lines: string[] = [];
    while (words.length < 8) {
      const row = random.pick(rows);
      // Few registers, so that one instruction's result is another's operand.
      const fields = fieldsOf(row, random).map((v, i) => (/^R/.test(row.fields[i].name) ? v % 6 : v));
      const decoded = book.decode(bytesOf(encode(row, fields)), 0);
      if (decoded?.row !== row) continue;
      words.push(encode(row, fields));
      lines.push(book.disassemble(decoded, R.CODE));
    }
    const records = new BigUint64Array(4 * R.RECORD);
    for (let i = 0; i < records.length; i += R.RECORD) fillState(records.subarray(i, i + R.RECORD), random);
    const code = Uint8Array.from(words.flatMap((word) => [...bytesOf(word)]));
    return { row: rows[0], code, records, text: lines.join("; "), ignore: new Set() };
  });
  const differences = compare(trials, truth!, reference);
  assert.equal(differences.length, 0, report(differences, "qemu", "evaluator"));
});
