import test from "node:test";
import { selfOracle } from "../../src/oracle/self.ts";
import { riscv64 } from "../isa/books.ts";
import { conform } from "./conformance.ts";

const word = (code: number): Uint8Array => Uint8Array.of(code, code >>> 8, code >>> 16, code >>> 24);

test("a rulebook as an oracle", async () => {
  await conform(selfOracle(riscv64()), {
    add: { code: word(0x00c58533), d: "X[10]", a: "X[11]", b: "X[12]" },
    flags: [],
    illegal: word(0),
    load: { code: word(0x0005b503), value: "X[10]", base: "X[11]", bytes: 8 },
    store: { code: word(0x00c5a023), value: "X[12]", base: "X[11]", bytes: 4 },
    nowhere: 0x30000000n,
    jump: { code: word(0x1000006f), by: 0x100 },
  });
});
