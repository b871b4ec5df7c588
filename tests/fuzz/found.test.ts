// What the campaigns found, each as a case of its own.
import assert from "node:assert/strict";
import test from "node:test";
import { CODES, FILLED_SIZE } from "../../scripts/fuzz/arena.ts";
import type { Case } from "../../scripts/fuzz/cases.ts";
import { isaParts, SUBJECTS } from "../../scripts/fuzz/code.ts";
import { runCase } from "../../scripts/fuzz/compare.ts";
import { Subject } from "../../scripts/fuzz/subject.ts";

const parts = isaParts("riscv64");
const { book } = parts;
const AREA = 1;
const END = CODES[AREA].address + CODES[AREA].size;

/** Code with some registers, the rest zero; `last`: it stands at the end of its area. */
function caseOf(lines: readonly string[], registers: Record<string, bigint>, last = false): Case {
  const stream = Uint8Array.from(
    lines.flatMap((line) =>
      line.startsWith(".half ")
        ? [Number(line.slice(6)) & 255, Number(line.slice(6)) >> 8]
        : [...book.assemble(line, 0)],
    ),
  );
  const slots = book.slots.map(() => 0n);
  for (const [name, value] of Object.entries(registers)) slots[book.slot(name)!] = BigInt.asUintN(64, value);
  const start = last ? END - stream.length : CODES[AREA].address;
  return {
    ...{ seed: 0, kind: "rows", area: AREA, start, stream, slots },
    data: new Uint8Array(FILLED_SIZE),
    resume: [-1, -1],
  };
}

const cases: Record<string, Case> = {
  "a store across pages faults at the first byte that may not be written": caseOf(["sd a1, 0(a0)"], { a0: 0x21ffdn }),
  "a load across the last page faults behind it": caseOf(["ld a1, 0(a0)"], { a0: 0xfffefffdn }),
  "a jump beyond what a number holds exactly": caseOf(["jalr a0"], { a0: -2n }),
  "an access beyond what a number holds exactly": caseOf(["lb a1, 3(a0)"], { a0: 0x7ffffffffffffff0n }),
  "an atomic access to what cannot be written faults as a write": caseOf(["amoadd.w a1, a2, (a0)"], { a0: 0x22000n }),
  "the last two bytes of executable memory begin a longer instruction": caseOf([".half 0x106f"], {}, true),
  "the last two bytes of executable memory are no instruction": caseOf([".half 0x0010"], {}, true),
  "an atomic access to a constant address that is not aligned traps": caseOf(["li ra, 3", "amoadd.d gp, a0, (ra)"], {}),
  "an address above 2 GiB outlives a region": caseOf(
    // The second instruction's latter half is an instruction too: fld fs1, 8(sp).
    ["nop", ".half 0x9933", ".half 0x28a2", "nop", "jal sp, -6"],
    {},
  ),
  "exception flags are swapped": caseOf(["fadd.d fa0, fa1, fa2", "fsflagsi t2, 7", "ebreak"], { fflags: 3n }),
  "a reserved rounding mode leaves a function before it runs": caseOf(
    ["fadd.s ft3, fs0, ft1", "fcvt.s.wu fa4, t2, rup", "csrrc t2, frm, 8", "ebreak"],
    { frm: 7n, t2: 0x400000000208can },
  ),
};

const reference = new Subject(parts, SUBJECTS.eval[0]);
const tested = [...SUBJECTS.interp, ...SUBJECTS.wasm].map((kind) => new Subject(parts, kind));

for (const [what, of] of Object.entries(cases))
  test(what, () => {
    for (const subject of tested) assert.equal(runCase(book, of, subject, reference, {}), null, subject.kind.name);
  });
