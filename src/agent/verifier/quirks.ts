import type { Counterexample } from "./trial.ts";

/** A fault of an oracle that is known: where it departs from the manual, and the book does not follow. */
export interface Quirk {
  readonly oracle: RegExp;
  readonly isa: string;
  readonly rows: readonly string[];
  /** What the oracle does, and what the manual says where. */
  readonly what: string;
  readonly holds: (c: Counterexample) => boolean;
  /** Why it is left out, where it is no fault: for evidence. */
  readonly why?: string;
}

const anyOf = (c: Counterexample, test: (v: bigint) => boolean): boolean =>
  Object.values(c.before).some((v) => test(BigInt(v)));

export const QUIRKS: readonly Quirk[] = [
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["ret", "jmp", "call"],
    what: "a branch to an address that is not canonical faults before it is taken (SDM volume 1, 3.3.7.1); the book takes it, and the fetch faults",
    holds: (c) => c.what === "outcome" && c.observed === "11" && c.expected === "0",
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["cpuid", "xgetbv", "rdtscp", "rdpid"],
    what: "they tell what a machine has and is: the book's say what the book has",
    holds: () => true,
    why: "the machine's own answer",
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["fnstenv", "fnsave", ...["fxsave", "xsave", "xsaveopt", "xsavec"].flatMap((name) => [name, `${name}64`])],
    what: "the last instruction's address, operand and opcode are not kept (SDM volume 1, 8.1.8); what is written of components in their first state, and what of the area must be there, is the implementation's (13.6)",
    holds: (c) =>
      c.what.startsWith("memory") ||
      (c.faulted && c.what === "fault") ||
      (c.what === "outcome" && c.observed === "11" && c.expected === "0"),
    why: "an image of the FPU in memory",
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["vmaskmovps", "vmaskmovpd", "vpmaskmovd", "vpmaskmovq"],
    what: "a masked access across a page tells the element that is not there, the book the page's begin",
    holds: (c) => c.faulted && c.what === "fault",
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["fsin", "fcos", "fsincos", "fptan", "fpatan", "f2xm1", "fyl2x", "fyl2xp1"],
    what: "the CPU's transcendental functions are right to less than one unit in the last place (SDM volume 1, 8.3.10), and so are the host's that the book asks: not to the same bits",
    holds: () => true,
    why: "a function that is told to some places",
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["movd", "movq", "movntq", "maskmovq"],
    what: "the state is the one of MMX even where the store then faults; no rule says so, and it is when the store is made again",
    holds: (c) => c.faulted && /^(top|held)/.test(c.what),
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["vcvtps2ph"],
    what: "exceptions are noted even where the store then faults; no rule says so, and they are when it is made again",
    holds: (c) => c.faulted && c.what === "mxflags",
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["enter"],
    what: "a fault on a later frame pointer comes after the first one was pushed; no rule says so, and it is pushed again",
    holds: (c) => c.faulted && c.what.startsWith("memory"),
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["maskmovdqu", "vmaskmovdqu", "maskmovq"],
    what: "with a mask that selects nothing, whether memory that is not there faults is the implementation's (SDM volume 2, MASKMOVDQU)",
    holds: (c) =>
      (c.what === "outcome" && c.observed === "11" && c.expected === "0") || (c.faulted && c.what === "fault"),
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["repz cmps", "repnz cmps", "repz scas", "repnz scas"],
    what: "a fault midway gives the flags of before the instruction (SDM volume 2, REP); the book has those of the last round, and the next ones come anew",
    holds: (c) => c.faulted && /^[CPAZSO]F$/.test(c.what),
  },
  {
    oracle: /^(host:x64|qemu-x86_64-)/,
    isa: "x86_64",
    rows: ["cmps", "repz cmps", "repnz cmps"],
    what: "which of two operands that are not there is told is the implementation's: no rule says which is read first",
    holds: (c) => c.faulted && c.what === "fault",
  },
  {
    oracle: /^qemu-riscv64-7\./,
    isa: "riscv64",
    rows: ["ctzw"],
    what: "ctzw of a value whose low half is zero counts on into the high half (Zbb: it counts 32)",
    holds: (c) => anyOf(c, (v) => (v & 0xffffffffn) === 0n),
  },
  {
    oracle: /^qemu-aarch64-/,
    isa: "aarch64",
    rows: ["mrs"],
    why: "the machine's own answer",
    what: "identification registers tell what a machine has: the book's say what the book has (D19.2)",
    holds: (c) =>
      /\b(id_aa64\w+|midr_el1|mpidr_el1|revidr_el1|ctr_el0|dczid_el0|cntfrq_el0|s3_0_c0_c\d_\d)\b/.test(c.text),
  },
  {
    oracle: /^qemu-aarch64-/,
    isa: "aarch64",
    rows: ["br", "blr", "ret"],
    what: "the top byte of an indirect branch's target is a tag and dropped (TBI, D8.9; pseudocode AArch64.BranchAddr); the book jumps to where nothing is either way",
    holds: (c) => c.what === "pc" && BigInt.asUintN(56, BigInt(c.expected)) === BigInt.asUintN(56, BigInt(c.observed)),
  },
  {
    oracle: /^qemu-aarch64-/,
    isa: "aarch64",
    rows: ["ldp", "ldnp", "ldpsw"],
    what: "a pair loaded into one register twice is CONSTRAINED UNPREDICTABLE (C6.2): the oracle keeps the other word",
    holds: (c) => /^\w+ (\w+), \1,/.test(c.text),
  },
  {
    oracle: /^qemu-aarch64-/,
    isa: "aarch64",
    rows: ["stxrh", "stlxrh", "stxr", "stlxr", "stxp", "stlxp"],
    what: "a store exclusive without a reservation fails quietly where its address is misaligned (B2.9: it may)",
    holds: (c) => c.what === "outcome" && c.observed === "0" && c.expected === "7",
  },
  {
    oracle: /^qemu-aarch64-/,
    isa: "aarch64",
    rows: ["dc"],
    what: "cache maintenance of memory that is not there faults on hardware only (D7.5), the oracle does nothing",
    holds: (c) => c.what === "outcome" && c.observed === "0" && c.expected === "11",
  },
  {
    oracle: /^qemu-aarch64-/,
    isa: "aarch64",
    rows: [
      "ld1",
      "ld2",
      "ld3",
      "ld4",
      "ld1r",
      "ld2r",
      "ld3r",
      "ld4r",
      "st1",
      "st2",
      "st3",
      "st4",
      "stp",
      "stnp",
      "ldp",
      "ldnp",
      "str",
      "stur",
    ],
    what: "an access of several parts that faults on a later one has made the earlier ones (C7.2: registers and memory are UNKNOWN then)",
    holds: (c) => c.faulted && (c.what.startsWith("V[") || c.what.startsWith("memory")),
  },
  {
    oracle: /^qemu-riscv64-7\./,
    isa: "riscv64",
    rows: ["sc.w", "sc.d"],
    what: "sc without a reservation fails quietly where its address is misaligned (A extension, 8.2: an exception)",
    holds: (c) => c.what === "outcome" && c.observed === "0" && c.expected === "7",
  },
];

function quirkOf(oracle: string, isa: string, row: string, c: Counterexample): Quirk | undefined {
  return QUIRKS.find(
    (q) =>
      q.isa === isa && q.oracle.test(oracle) && q.rows.some((r) => row === r || row.startsWith(`${r}.`)) && q.holds(c),
  );
}

/** Why a difference between a row and an oracle is left out; undefined: it counts. */
export function excuseOf(oracle: string, isa: string, row: string, c: Counterexample): string | undefined {
  const quirk = quirkOf(oracle, isa, row, c);
  return quirk && (quirk.why ?? "a fault of the oracle");
}
