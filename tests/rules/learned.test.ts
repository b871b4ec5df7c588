import assert from "node:assert/strict";
import { test } from "node:test";
import { joinLearned } from "../../src/rules/learned.ts";
import { readSupplement } from "../../src/rules/supplement.ts";

const SHIPPED = `isa odd little
file X[4]: i64
names X zero a b c
view x(n): 64 get n == 0 ? 0 : X[n] set if n != 0 { X[n] = v }
field rd rs: 2 is x
call | 00000000 00000000 00000000 00001011 | call | stop syscall
call.now | 00000001 00000000 00000000 00001011 | call.now | stop syscall
add | 00000000 00000000 000000 rs 00 rd 0011 | add {rd}, {rs} | rd = rd + rs
sub | 00000000 00000000 000001 rs 00 rd 0011 | sub {rd}, {rs} | rd = rd - rs
alias nop = add zero, zero
`;
const LEARNED = `# Learned from an oracle, seed 1: nothing here was written by hand.
isa odd little

file R[4]: i64
names R none_ a b c

view r_0(n): 64 get n == 0 ? 0 : R[n] set if n != 0 { R[n] = v }

field rd_0: 2 is r_0
field rs_0: 2 is r_0
signed simm simm1

# tested on 512 states
add | 00000000 00000000 000000 rs_0[1:0] 00 rd_0[1:0] 0011 | add {rd_0}, {rs_0} |
  rd_0 = (rd_0 + rs_0)
# tested on 512 states
odd | 00000000 00000000 00000000 00001011 | odd |
  R[1] = 0
`;

test("a learned rulebook stands beside the rows that its supplement declares, and no others", () => {
  const { book, dropped } = joinLearned(LEARNED, SHIPPED, { file: "odd.rules" }, readSupplement("call*  # calls\n"));
  const name = (...bytes: number[]): string | undefined => book.decode(Uint8Array.from(bytes), 0)?.row.name;
  assert.equal(name(0x53, 2, 0, 0), undefined);
  assert.equal(name(0x13, 1, 0, 0), "learned.add");
  // Not learned, and not declared
  assert.equal(name(0x13, 5, 0, 0), undefined);
  // What the supplement says of a word is not up to what was learned
  assert.equal(name(0x0b, 0, 0, 0), "call");
  assert.equal(name(0x0b, 0, 0, 1), "call.now");
  assert.deepEqual(dropped, ["learned.odd"]);
  // Its registers are the shipped ones
  const inst = book.lift(book.decode(Uint8Array.from([0x13, 2, 0, 0]), 0)!, 0);
  const set = inst.effects.find((e) => e.k === "set");
  assert.ok(set?.k === "set");
  assert.equal(book.slots[set.slot]!.name, "X[1]");
});
