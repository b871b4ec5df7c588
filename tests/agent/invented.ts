import {
  type Batch,
  checkBatch,
  type Field,
  type Observed,
  type Oracle,
  type OracleMachine,
  RAN,
  readField,
  SIGILL,
  SIGSEGV,
  writeField,
} from "../../src/oracle/oracle.ts";

/** A machine nobody knows: an instruction set made up from a seed, and the simulator of it. */
export interface Invented {
  readonly seed: number;
  readonly wordBits: number;
  readonly bytes: number;
  readonly little: boolean;
  readonly regBits: number;
  readonly regs: number;
  /** Register 0 reads zero. */
  readonly zero: boolean;
  readonly pcBits: number;
  /** Bytes an address stands for. */
  readonly unit: number;
  readonly flags: "none" | "fields" | "register";
  readonly memory: number;
  readonly instructions: readonly Instruction[];
}

export interface Instruction {
  readonly name: string;
  readonly mask: number;
  readonly match: number;
  readonly fields: Readonly<Record<string, readonly number[]>>;
  readonly run: (m: Cpu, f: Readonly<Record<string, number>>) => void;
}

class Stop extends Error {
  readonly signal: number;
  constructor(signal: number) {
    super("stop");
    this.signal = signal;
  }
}

/** One machine's state while it runs an instruction. Reads see the state before; writes come after. */
export class Cpu {
  readonly spec: Invented;
  regs: bigint[] = [];
  flags = 0;
  pc = 0n;
  next = 0n;
  memory: Uint8Array;
  private writes: (() => void)[] = [];
  constructor(spec: Invented) {
    this.spec = spec;
    this.memory = new Uint8Array(spec.memory);
  }
  mask(v: bigint): bigint {
    return BigInt.asUintN(this.spec.regBits, v);
  }
  signed(v: bigint): bigint {
    return BigInt.asIntN(this.spec.regBits, v);
  }
  reg(n: number): bigint {
    if (n >= this.spec.regs) throw new Stop(SIGILL);
    return this.spec.zero && n === 0 ? 0n : this.regs[n]!;
  }
  set(n: number, v: bigint): void {
    if (n >= this.spec.regs) throw new Stop(SIGILL);
    if (this.spec.zero && n === 0) return;
    this.writes.push(() => {
      this.regs[n] = this.mask(v);
    });
  }
  flag(bit: number): boolean {
    return ((this.flags >> bit) & 1) === 1;
  }
  setFlags(values: Readonly<Record<number, boolean>>): void {
    if (this.spec.flags === "none") return;
    this.writes.push(() => {
      for (const [bit, on] of Object.entries(values))
        this.flags = (this.flags & ~(1 << Number(bit))) | ((on ? 1 : 0) << Number(bit));
    });
  }
  jump(to: bigint): void {
    this.next = BigInt.asUintN(this.spec.pcBits, to);
  }
  private bytesAt(addr: bigint, size: number): number {
    const at = Number(BigInt.asUintN(this.spec.pcBits, addr)) * this.spec.unit;
    if (at + size > this.memory.length) throw new Stop(SIGSEGV);
    return at;
  }
  load(addr: bigint, size: number): bigint {
    const at = this.bytesAt(addr, size);
    let v = 0n;
    for (let i = 0; i < size; i++) v = (v << 8n) | BigInt(this.memory[this.spec.little ? at + size - 1 - i : at + i]!);
    return v;
  }
  store(addr: bigint, size: number, value: bigint): void {
    const at = this.bytesAt(addr, size);
    this.writes.push(() => {
      for (let i = 0; i < size; i++)
        this.memory[this.spec.little ? at + i : at + size - 1 - i] = Number((value >> BigInt(8 * i)) & 255n);
    });
  }
  /** A signal, 0 where it ran. */
  step(word: number): number {
    this.writes = [];
    const inst = this.spec.instructions.find((i) => ((word ^ i.match) & i.mask) === 0);
    if (!inst) return SIGILL;
    const f: Record<string, number> = {};
    for (const [name, bits] of Object.entries(inst.fields)) {
      f[name] = 0;
      bits.forEach((bit, k) => {
        f[name] = (f[name]! | (((word >>> bit) & 1) << k)) >>> 0;
      });
    }
    this.next = BigInt.asUintN(this.spec.pcBits, this.pc + BigInt(this.spec.bytes / this.spec.unit));
    try {
      inst.run(this, f);
    } catch (e) {
      if (e instanceof Stop) return e.signal;
      throw e;
    }
    for (const w of this.writes) w();
    this.pc = this.next;
    return 0;
  }
}

export const Z = 1;
export const N = 3;
export const C = 0;
export const V = 6;

/** An in-process oracle for an invented machine. */
export function inventedOracle(spec: Invented, rate = 5000): Oracle & { count: number } {
  const fields: Field[] = [];
  let at = 0;
  const field = (name: string, bits: number, role: Field["role"], settable = true): void => {
    fields.push({ name, bits, at, role, settable });
    at += Math.ceil(bits / 8) * 8;
  };
  for (let i = 0; i < spec.regs; i++) field(`g${i}`, spec.regBits, "integer", !(spec.zero && i === 0));
  if (spec.flags === "register") {
    field("status", 8, "integer");
    fields[fields.length - 1] = { ...fields[fields.length - 1]!, kept: 0x4bn };
  }
  if (spec.flags === "fields") for (const [name] of FLAGS) field(name, 1, "flag");
  field("pc", spec.pcBits, "pc");
  const dataAt = Math.floor(spec.memory / 2);
  const size = Math.min(512, spec.memory / 4);
  const machine: OracleMachine = {
    isa: undefined,
    littleEndian: spec.little,
    codeAlign: 1,
    codeBytes: Math.min(8, spec.bytes * 2),
    unitsPerByte: 1 / spec.unit,
    fields,
    recordBytes: at / 8,
    code: { address: BigInt(Math.floor(96 / spec.unit)), size: 32 },
    data: { address: BigInt(Math.floor(dataAt / spec.unit)), size },
    rate,
    steps: true,
  };
  const cpu = new Cpu(spec);
  const data = Math.floor(dataAt / spec.unit) * spec.unit;
  const self = {
    name: `invented:${spec.seed}`,
    machine,
    count: 0,
    observe: async (batch: Batch): Promise<Observed> => {
      const layout = checkBatch(machine, batch);
      const { count } = batch;
      self.count += count;
      const memSize = batch.memory ? batch.memory.length / count : 0;
      const out = {
        outcome: new Uint8Array(count),
        at: new BigUint64Array(count),
        pc: new BigUint64Array(count),
        fault: new BigUint64Array(count),
        state: batch.state.slice(),
        strayed: new Uint8Array(count),
        memory: batch.memory?.slice() ?? new Uint8Array(0),
      };
      const status = fields.findIndex((f) => f.name === "status");
      const flagAt = FLAGS.map(([name]) => fields.findIndex((f) => f.name === name));
      for (let k = 0; k < count; k++) {
        const all: bigint[] = fields.map((f) => (batch.rest ? readField(batch.rest, 0, f.at, f.bits) : 0n));
        layout.fields.forEach((f, i) => {
          all[f] = readField(batch.state, k * layout.bytes, layout.at[i]!, fields[f]!.bits);
        });
        cpu.regs = all.slice(0, spec.regs);
        if (spec.zero) cpu.regs[0] = 0n;
        cpu.flags = 0;
        if (status >= 0) cpu.flags = Number(all[status]! & 0x4bn);
        FLAGS.forEach(([, bit], i) => {
          if (flagAt[i]! >= 0) cpu.flags |= Number(all[flagAt[i]!]!) << bit;
        });
        const pc = all[fields.length - 1]! || machine.code.address + BigInt((k % 4) * spec.bytes * 2);
        cpu.pc = pc;
        cpu.memory.fill(0);
        if (memSize > 0) cpu.memory.set(batch.memory!.subarray(k * memSize, (k + 1) * memSize), data);
        const bytes = batch.stride === 0 ? batch.code : batch.code.subarray(k * batch.stride, (k + 1) * batch.stride);
        let word = 0;
        for (let i = 0; i < spec.bytes; i++) word |= (bytes[i] ?? 0) << (8 * (spec.little ? i : spec.bytes - 1 - i));
        out.outcome[k] = cpu.step(word) || RAN;
        out.at[k] = pc;
        out.pc[k] = cpu.pc;
        const after = [...cpu.regs];
        if (status >= 0) after.push(BigInt(cpu.flags));
        FLAGS.forEach(([, bit], i) => {
          if (flagAt[i]! >= 0) after.push(BigInt((cpu.flags >> bit) & 1));
        });
        after.push(cpu.pc);
        layout.fields.forEach((f, i) => {
          writeField(out.state, k * layout.bytes, layout.at[i]!, fields[f]!.bits, after[f]!);
        });
        if (memSize > 0) out.memory.set(cpu.memory.subarray(data, data + memSize), k * memSize);
      }
      return out;
    },
    close: async () => {},
  };
  return self;
}

const FLAGS: readonly (readonly [string, number])[] = [
  ["zf", Z],
  ["nf", N],
  ["cf", C],
  ["vf", V],
];
