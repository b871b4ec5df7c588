import type { Field, FieldRole } from "./oracle.ts";

/**
 * Machines of the batch oracle as it lays out their state (native/ISA.h, `struct state`). What the rulebook knows of an
 * ISA is not repeated here: only names, places and what an oracle cannot know by asking.
 */
export interface BatchMachine {
  readonly isa: string;
  /** Node's name of the architecture, where the host's own CPU can be the oracle. */
  readonly arch: string;
  readonly gcc: string;
  /** The CPU that qemu is to be: one that has what the rulebook has, and no more. */
  readonly cpu?: string;
  /** Flags of its own: nothing sets up the global pointer, and code has no landing marks. */
  readonly flags: readonly string[];
  readonly qemu: string;
  readonly codeAlign: number;
  /** The breakpoint that fills the code area (`fill_traps`). */
  readonly trap: readonly number[];
  readonly fields: readonly Field[];
  readonly stateBytes: number;
}

function field(name: string, bits: number, at: number, role: FieldRole, settable = true): Field {
  return { name, bits, at, role, settable };
}
/** A mode's values: four ways to round, with each of these bits. */
const modes = (bits: readonly number[]): bigint[] => bits.flatMap((b) => range(4, (rounding) => BigInt(b | rounding)));
const words = (s: string): string[] => s.split(" ");
const range = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

const RISCV_X = words(
  "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6",
);
const RISCV_F = words(
  "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11",
);
const X86 = words("rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15");
/** SDM vol. 1, 3.4.3. */
const X86_FLAGS: readonly (readonly [string, number])[] = [
  ["CF", 0],
  ["PF", 2],
  ["AF", 4],
  ["ZF", 6],
  ["SF", 7],
  ["DF", 10],
  ["OF", 11],
];

export const BATCH_MACHINES: readonly BatchMachine[] = [
  {
    isa: "riscv64",
    arch: "riscv64",
    gcc: "riscv64-linux-gnu-gcc",
    flags: ["-mno-relax"],
    qemu: "qemu-riscv64",
    codeAlign: 2,
    trap: [0x02, 0x90],
    stateBytes: 66 * 8,
    fields: [
      ...range(31, (i) => field(RISCV_X[i + 1]!, 64, 64 * (i + 1), "integer")),
      ...range(32, (i) => field(RISCV_F[i]!, 64, 64 * (32 + i), "float")),
      field("fflags", 5, 64 * 64, "system"),
      field("frm", 3, 64 * 64 + 5, "system"),
      field("pc", 64, 64 * 65, "pc"),
    ],
  },
  {
    isa: "aarch64",
    arch: "arm64",
    gcc: "aarch64-linux-gnu-gcc",
    flags: [],
    qemu: "qemu-aarch64",
    cpu: "cortex-a76",
    codeAlign: 4,
    trap: [0x00, 0x00, 0x20, 0xd4],
    stateBytes: 35 * 8 + 32 * 16 + 8,
    fields: [
      ...range(31, (i) => field(`x${i}`, 64, 64 * i, "integer")),
      field("sp", 64, 64 * 31, "integer"),
      field("pc", 64, 64 * 32, "pc"),
      // PSTATE, FPSR, FPCR (Arm ARM C5.2)
      ...["vf", "cf", "zf", "nf"].map((name, i) => field(name, 1, 64 * 33 + 28 + i, "flag")),
      { ...field("exceptions", 8, 64 * 34, "system"), kept: 0x9fn },
      field("qc", 1, 64 * 34 + 27, "system"),
      { ...field("fpcr", 32, 64 * 34 + 32, "system"), kept: 0x04000000n },
      ...range(32, (i) => field(`v${i}`, 128, 64 * 35 + 128 * i, "vector")),
      { ...field("fpmode", 8, 64 * 99, "system"), choices: modes([0, 0x18, 0x20, 0x38]) },
    ],
  },
  {
    isa: "x86_64",
    arch: "x64",
    gcc: "gcc",
    flags: ["-fcf-protection=none"],
    qemu: "qemu-x86_64",
    codeAlign: 1,
    trap: [0xcc],
    stateBytes: 20 * 8 + 8 * 16 + 16 * 32 + 8,
    fields: [
      ...range(16, (i) => field(X86[i]!, 64, 64 * i, "integer")),
      ...X86_FLAGS.map(([name, bit]) => field(name, 1, 64 * 16 + bit, "flag")),
      field("rip", 64, 64 * 17, "pc"),
      // Of the control words what is sticky and the modes; exceptions stay masked, as programs begin with them
      field("mxflags", 6, 64 * 18, "system"),
      // The x87 status word (8.1.3): exceptions and SF, condition codes, the stack's top; then which registers are not empty
      field("xflags", 7, 64 * 19 + 16, "system"),
      ...range(3, (i) => field(`C${i}`, 1, 64 * 19 + 16 + 8 + i, "flag")),
      field("top", 3, 64 * 19 + 16 + 11, "system"),
      field("C3", 1, 64 * 19 + 16 + 14, "flag"),
      ...range(8, (i) => field(`held[${i}]`, 1, 64 * 19 + 32 + i, "flag")),
      ...range(8, (i) => field(`R[${i}]`, 80, 64 * 20 + 128 * i, "float")),
      ...range(16, (i) => field(`ymm${i}`, 256, 64 * 36 + 256 * i, "vector")),
      { ...field("mxmode", 8, 64 * 100, "system"), choices: modes([0, 0x08, 0x10, 0x18]), kept: 0x7fn },
      { ...field("xmode", 8, 64 * 100 + 8, "system"), choices: modes([0, 0x20, 0x40]), kept: 0x7fn },
      ...["mxunmasked", "xunmasked"].map((name, i) => ({
        ...field(name, 6 + i, 64 * 100 + 16 + 8 * i, "system"),
        kept: 0n,
      })),
      // They follow from the modes
      ...["mxcontrol", "xcontrol"].map((name, i) => ({
        ...field(name, 16, 64 * 100 + 32 + 16 * i, "system", false),
        kept: 0n,
      })),
    ],
  },
];
