import { OddMachine } from "./odd-machine.ts";
import type { StubMachine, StubOptions } from "./stub.ts";

/** The odd machine's description, with its registers in an order of its own. */
const XML = new Map([
  [
    "target.xml",
    `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0"><!-- a machine of our own --><architecture>odd</architecture><xi:include href="core.xml"/></target>`,
  ],
  [
    "core.xml",
    `<feature name="org.odd.core"><flags id="f" size="1"><field name="z" start="0" end="0"/>
<field name="n" start="1" end="1"/><field name="c" start="2" end="2"/><field name="u" start="3" end="3"/><field name='v' start='4' end='4'/></flags>
<reg name="a" bitsize="24" type="int"/><reg name="b" bitsize="24"/><reg name="c0" bitsize="24" group="general"/>
<reg name="where" bitsize="16" type="code_ptr"/><reg name="flags" bitsize="8" type="f"/></feature>`,
  ],
]);

/** How the machine's registers lie in `g`: big-endian, 3 * 3 + 2 + 1 bytes. */
export function oddStub(extra: Partial<StubOptions> = {}): {
  machine: StubMachine;
  options: StubOptions;
  odd: OddMachine;
} {
  const odd = new OddMachine();
  for (let at = 0; at < odd.memory.length; at += 3) odd.memory[at] = 0x20; // addi a, a, 0
  const machine: StubMachine = {
    registers: () => {
      const out = new Uint8Array(12);
      for (let i = 0; i < 3; i++) for (let k = 0; k < 3; k++) out[3 * i + k] = odd.r[i]! >> (16 - 8 * k);
      out[9] = odd.pc >> 8;
      out[10] = odd.pc;
      out[11] = odd.flags;
      return out;
    },
    setRegisters: (b) => {
      for (let i = 0; i < 3; i++) odd.r[i] = (b[3 * i]! << 16) | (b[3 * i + 1]! << 8) | b[3 * i + 2]!;
      odd.pc = (b[9]! << 8) | b[10]!;
      odd.flags = b[11]! & 31;
    },
    read: (at, size) => (at + size > odd.memory.length ? undefined : odd.memory.slice(at, at + size)),
    write: (at, bytes) => {
      if (at + bytes.length > odd.memory.length) return false;
      odd.memory.set(bytes, at);
      return true;
    },
    step: () => odd.step(),
  };
  return { machine, odd, options: { xml: XML, sizes: [3, 3, 3, 2, 1], noAck: true, packs: true, ...extra } };
}
