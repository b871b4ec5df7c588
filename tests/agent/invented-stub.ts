import type { StubMachine, StubOptions } from "../oracle/stub.ts";
import { Cpu, type Invented } from "./invented.ts";

const FLAGS: readonly (readonly [string, number])[] = [
  ["zf", 1],
  ["nf", 3],
  ["cf", 0],
  ["vf", 6],
];

/** An invented machine behind a GDB stub. */
export function inventedStub(
  spec: Invented,
  extra: Partial<StubOptions> = {},
): { machine: StubMachine; options: StubOptions } {
  const cpu = new Cpu(spec);
  cpu.regs = Array.from({ length: spec.regs }, () => 0n);
  cpu.pc = BigInt(Math.floor(96 / spec.unit));
  const bytes = (bits: number): number => Math.ceil(bits / 8);
  const sizes = [
    ...cpu.regs.map(() => bytes(spec.regBits)),
    ...(spec.flags === "register" ? [1] : spec.flags === "fields" ? [1, 1, 1, 1] : []),
    bytes(spec.pcBits),
  ];
  const regs = cpu.regs.map((_, i) => `<reg name="g${i}" bitsize="${spec.regBits}"/>`);
  const flags =
    spec.flags === "register"
      ? [`<reg name="status" bitsize="8"/>`]
      : spec.flags === "fields"
        ? FLAGS.map(([n]) => `<reg name="${n}" bitsize="1"/>`)
        : [];
  const xml = `<?xml version="1.0"?><target version="1.0"><feature name="org.invented.core">${[...regs, ...flags].join("")}<reg name="pc" bitsize="${spec.pcBits}" type="code_ptr"/></feature></target>`;
  const put = (out: number[], v: bigint, n: number): void => {
    for (let i = 0; i < n; i++) out.push(Number((v >> BigInt(8 * (spec.little ? i : n - 1 - i))) & 255n));
  };
  const values = (): bigint[] => [
    ...cpu.regs,
    ...(spec.flags === "register"
      ? [BigInt(cpu.flags)]
      : spec.flags === "fields"
        ? FLAGS.map(([, b]) => BigInt((cpu.flags >> b) & 1))
        : []),
    cpu.pc,
  ];
  const machine: StubMachine = {
    registers: () => {
      const out: number[] = [];
      values().forEach((v, i) => {
        put(out, v, sizes[i]!);
      });
      return Uint8Array.from(out);
    },
    setRegisters: (b) => {
      let at = 0;
      const take = (n: number, bits: number): bigint => {
        let v = 0n;
        for (let i = 0; i < n; i++) v = (v << 8n) | BigInt(b[at + (spec.little ? n - 1 - i : i)]!);
        at += n;
        return BigInt.asUintN(bits, v);
      };
      for (let i = 0; i < spec.regs; i++) {
        const v = take(bytes(spec.regBits), spec.regBits);
        cpu.regs[i] = spec.zero && i === 0 ? 0n : v;
      }
      if (spec.flags === "register") cpu.flags = Number(take(1, 8)) & 0x4b;
      if (spec.flags === "fields")
        for (const [, bit] of FLAGS) cpu.flags = (cpu.flags & ~(1 << bit)) | (Number(take(1, 1)) << bit);
      cpu.pc = take(bytes(spec.pcBits), spec.pcBits);
    },
    // An address names a unit; sizes are in bytes
    read: (at, size) => {
      const from = at * spec.unit;
      return from + size > cpu.memory.length ? undefined : cpu.memory.slice(from, from + size);
    },
    write: (at, data) => {
      const to = at * spec.unit;
      if (to + data.length > cpu.memory.length) return false;
      cpu.memory.set(data, to);
      return true;
    },
    step: () => {
      const at = Number(cpu.pc) * spec.unit;
      if (at + spec.bytes > cpu.memory.length) return 11;
      let word = 0;
      for (let i = 0; i < spec.bytes; i++) word |= cpu.memory[at + i]! << (8 * (spec.little ? i : spec.bytes - 1 - i));
      return cpu.step(word) || 5;
    },
  };
  return { machine, options: { xml: new Map([["target.xml", xml]]), sizes, noAck: true, ...extra } };
}
