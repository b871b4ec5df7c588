import assert from "node:assert/strict";
import test from "node:test";
import { riscv64, riscv64Text } from "./books.ts";
import { evaluator } from "./oracle/evaluator.ts";
import * as R from "./oracle/record.ts";

/**
 * The path of someone who adds an instruction: rev8 is left out of the book's text, then its one line is put back.
 * Nothing else changes between the two.
 */
const ROW = /^rev8 .*\n/m;
const line = ROW.exec(riscv64Text)?.[0];
const without = riscv64Text.replace(ROW, "");
const REV8 = Uint8Array.of(0x13, 0xd5, 0x85, 0x6b); // rev8 a0, a1

/** Runs one instruction on a1 = 0x0102030405060708. */
function run(text: string): { readonly signal: bigint; readonly a0: bigint } {
  const records = new BigUint64Array(R.RECORD);
  records[R.X + 11] = 0x0102030405060708n;
  evaluator(riscv64(text)).run([{ code: REV8, records }]);
  return { signal: records[R.SIGNAL], a0: records[R.X + 10] };
}

test("an instruction without a row is illegal", () => {
  const book = riscv64(without);
  assert.equal(book.decode(REV8, 0), null);
  assert.throws(() => book.assemble("rev8 a0, a1", 0), /RULE_ASM/);
  assert.deepEqual(run(without), { signal: R.SIGILL, a0: 0n });
});

test("its row alone makes it decode, disassemble, assemble, run and have a template", () => {
  assert.ok(line);
  const text = `${without}\n${line}`;
  const book = riscv64(text);
  assert.equal(book.rows.length, riscv64(without).rows.length + 1);
  const decoded = book.decode(REV8, 0);
  assert.ok(decoded);
  assert.equal(book.disassemble(decoded, 0), "rev8 a0, a1");
  assert.deepEqual(book.assemble("rev8 a0, a1", 0), REV8);
  assert.deepEqual(run(text), { signal: R.SIGTRAP, a0: 0x0807060504030201n });
  assert.ok(book.template(decoded.row));
});
