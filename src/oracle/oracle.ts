/**
 * An oracle executes machine code that nobody here claims to understand, on states of our choosing, and says what
 * became of them: the CPU under us, qemu, any GDB stub, another engine of ours, a recording. Rules are verified and
 * learned against this interface alone.
 *
 * Records hold a state, always little-endian and packed as `OracleMachine.fields` says, whatever the machine's order.
 */
export interface Oracle {
  /** For evidence: "qemu-riscv64 7.2", "gdb:localhost:1234". One word a part, no blanks. */
  readonly name: string;
  readonly machine: OracleMachine;
  /** Runs all cases of a batch, each on its own. Rejects with OracleError; the batch then did not happen. */
  observe(batch: Batch): Promise<Observed>;
  close(): Promise<void>;
}

/** One part of the state that can be set and seen. */
export interface Field {
  /** The machine's own name: "x5", "rax", "nzcv", "CF". Flags of a packed register are fields of one bit. */
  readonly name: string;
  /** Width, 1 to 512. */
  readonly bits: number;
  /** Its lowest bit in the record, counted from bit 0 of byte 0. A field wider than 8 bits begins on a byte. */
  readonly at: number;
  readonly role: FieldRole;
  /** False: what is written to it does not stay (a zero register, a read-only one). */
  readonly settable: boolean;
  /** Bits that stay; absent: all of a settable field. Cases leave the others zero. */
  readonly kept?: bigint;
  /** The values that it can have, the usual one first; absent: all of its bits' values. */
  readonly choices?: readonly bigint[];
}

/** pc: in a batch where the case begins (0: the oracle chooses), afterwards where control went. */
export type FieldRole = "pc" | "integer" | "flag" | "float" | "vector" | "system";

/** A range of addresses. */
export interface Window {
  readonly address: bigint;
  readonly size: number;
}

export interface OracleMachine {
  /** The ISA's name where the oracle knows it: that of our rulebook. */
  readonly isa: string | undefined;
  readonly littleEndian: boolean;
  /** Instructions begin at multiples of this. */
  readonly codeAlign: number;
  /** Most bytes of code a case can have; at least one instruction of the longest kind. */
  readonly codeBytes: number;
  /** Address units a byte takes: 1, or less where an address names a word of several bytes (1/3: 24-bit words). */
  readonly unitsPerByte: number;
  readonly fields: readonly Field[];
  /** Bytes of a record with all fields. */
  readonly recordBytes: number;
  /** Where cases run. A jump within it ends the case at its target; so does one that leaves it. */
  readonly code: Window;
  /** Memory that a case's instruction may read and write, set before and seen after. null: none was found. */
  readonly data: Window | null;
  /** Where jumps may be aimed: nothing is there but traps. Absent: anywhere, the oracle steps. */
  readonly landing?: Window;
  /** What fills the code area around and behind a case's code. */
  readonly trap?: Uint8Array;
  /** Where nothing else ever is. */
  readonly traps?: Window;
  /** True: behind the data window nothing is mapped, so that an access across its end faults. */
  readonly guarded?: boolean;
  /** True: a case ends after `Batch.steps` instructions if asked; otherwise only where control leaves its code. */
  readonly steps: boolean;
  /** Observations a second to expect, by measuring or by the kind of oracle: verification budgets follow it. */
  readonly rate: number;
}

/** Cases to run. All arrays hold case after case. */
export interface Batch {
  readonly count: number;
  /** Bytes each case takes in `code`; 0: one code, that of `code` as a whole, for all cases. */
  readonly stride: number;
  /** Instruction bytes. What follows a case's code in memory is a trap, where the machine has one. */
  readonly code: Uint8Array;
  /** How many of the `stride` bytes are code, by case; absent: all. */
  readonly lengths?: Uint8Array;
  /**
   * Numbers of the fields that records carry, each 8 bytes (or its bytes, where it is wider) in this order; absent: full
   * records. The others start as in `rest` and only `Observed.strayed` tells of them. Fewer fields make a batch fast.
   */
  readonly carry?: readonly number[];
  /** Most instructions of a case; absent: until control leaves its code. Only where the machine has `steps`. */
  readonly steps?: number;
  /** A full record: the fields that are not carried. Absent: zeros, system fields as the oracle found them. */
  readonly rest?: Uint8Array;
  /** Records before. */
  readonly state: Uint8Array;
  /** The same number of bytes for each case: what the data window begins with. Absent: memory is not set, not seen. */
  readonly memory?: Uint8Array;
}

export interface Observed {
  /** RAN, a Linux signal's number, ASKS, HUNG or KILLED. */
  readonly outcome: Uint8Array;
  /** Where each case began. */
  readonly at: BigUint64Array;
  /** Where control went: behind the code, a jump's target, or for a fault the instruction that faulted. */
  readonly pc: BigUint64Array;
  /** The address that a faulting access named; 0 where the oracle does not say. */
  readonly fault: BigUint64Array;
  /** Records after, in the batch's layout; before, where the case faulted on an instruction that completes nothing. */
  readonly state: Uint8Array;
  /** 1 where a field that is not carried changed. */
  readonly strayed: Uint8Array;
  /** Memory after, as many bytes a case as were given; empty without. */
  readonly memory: Uint8Array;
}

export const RAN = 0;
export const SIGILL = 4;
export const SIGTRAP = 5;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGSEGV = 11;
/** A system call: it was not run, since it would act on the world. */
export const ASKS = 253;
/** The case did not end in time: a loop. */
export const HUNG = 254;
/** The case took the oracle with it; nothing of it was seen. */
export const KILLED = 252;

export type OracleErrorCode =
  /** Not installed, not listening, not known by this name. */
  | "ORACLE_MISSING"
  /** No answer in time. */
  | "ORACLE_HANGS"
  /** Ended or closed its connection. */
  | "ORACLE_DIED"
  /** Answered what is no answer, or contradicts itself. */
  | "ORACLE_GARBAGE"
  /** Cannot do what was asked of it: a field, a length, memory that it has not. */
  | "ORACLE_REFUSES";

export class OracleError extends Error {
  readonly code: OracleErrorCode;
  constructor(code: OracleErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Where fields stand in a batch's records. */
export interface Layout {
  /** Numbers into `machine.fields`, in the order of the record. */
  readonly fields: readonly number[];
  /** By position in `fields`: its lowest bit in the record. */
  readonly at: readonly number[];
  readonly bytes: number;
}

export function layoutOf(machine: OracleMachine, carry: readonly number[] | undefined): Layout {
  if (carry === undefined)
    return {
      fields: machine.fields.map((_, i) => i),
      at: machine.fields.map((f) => f.at),
      bytes: machine.recordBytes,
    };
  const at: number[] = [];
  let bytes = 0;
  for (const number of carry) {
    const field = machine.fields[number];
    if (field === undefined) throw new OracleError("ORACLE_REFUSES", `the machine has no field ${number}`);
    at.push(8 * bytes);
    bytes += Math.max(8, Math.ceil(field.bits / 8));
  }
  return { fields: carry, at, bytes };
}

/** A field's value in a record that begins at byte `from`. Slow: for single values. */
export function readField(state: Uint8Array, from: number, at: number, bits: number): bigint {
  let value = 0n;
  const first = from + (at >> 3);
  const last = from + ((at + bits - 1) >> 3);
  for (let i = last; i >= first; i--) value = (value << 8n) | BigInt(state[i] ?? 0);
  return BigInt.asUintN(bits, value >> BigInt(at & 7));
}

export function writeField(state: Uint8Array, from: number, at: number, bits: number, value: bigint): void {
  let rest = BigInt.asUintN(bits, value) << BigInt(at & 7);
  let mask = ((1n << BigInt(bits)) - 1n) << BigInt(at & 7);
  for (let i = from + (at >> 3); mask !== 0n; i++, rest >>= 8n, mask >>= 8n)
    state[i] = (state[i]! & ~Number(mask & 255n)) | Number(rest & 255n);
}

/** What is wrong with a batch for a machine: every oracle asks before it begins. Throws ORACLE_REFUSES. */
export function checkBatch(machine: OracleMachine, batch: Batch): Layout {
  const { count, stride, code, lengths, state, memory } = batch;
  const layout = layoutOf(machine, batch.carry);
  const refuse = (what: string): never => {
    throw new OracleError("ORACLE_REFUSES", what);
  };
  const bytes = stride === 0 ? code.length : stride;
  if (bytes > machine.codeBytes) refuse(`${bytes} bytes of code, at most ${machine.codeBytes}`);
  if (stride !== 0 && code.length !== count * stride) refuse(`${code.length} bytes of code for ${count} cases`);
  if (lengths && lengths.length !== count) refuse(`${lengths.length} lengths for ${count} cases`);
  if (state.length !== count * layout.bytes) refuse(`${state.length} bytes of state, not ${count} * ${layout.bytes}`);
  if (batch.rest && batch.rest.length !== machine.recordBytes) refuse("the record for the rest has another size");
  if (memory && memory.length > 0) {
    if (!machine.data) refuse("the oracle has no memory to set");
    else if (memory.length % count !== 0 || memory.length / count > machine.data.size)
      refuse(`${memory.length} bytes of memory for ${count} cases of at most ${machine.data.size}`);
  }
  return layout;
}
