import assert from "node:assert/strict";
import {
  type Batch,
  layoutOf,
  type Oracle,
  OracleError,
  RAN,
  readField,
  SIGILL,
  SIGSEGV,
  writeField,
} from "../../src/oracle/oracle.ts";
import { Random } from "../isa/oracle/random.ts";

/** What the suite must know of a machine to ask it something. Registers are named as the oracle names them. */
export interface Sample {
  /** d = a + b for three registers. */
  readonly add: { readonly code: Uint8Array; readonly d: string; readonly a: string; readonly b: string };
  /** What else an add changes. */
  readonly flags: readonly string[];
  readonly illegal: Uint8Array | null;
  /** Loads into, or stores from, `value` at the address in `base`: `bytes` of them. */
  readonly load: { readonly code: Uint8Array; readonly value: string; readonly base: string; readonly bytes: number };
  readonly store: Sample["load"];
  /** An address that is not there. */
  readonly nowhere: bigint | null;
  /** A jump that goes `by` forward, always. */
  readonly jump: { readonly code: Uint8Array; readonly by: number; readonly set?: readonly [string, bigint] };
}

/** What every oracle does. */
export async function conform(oracle: Oracle, sample: Sample): Promise<void> {
  await sane(oracle);
  await adds(oracle, sample);
  await goesOn(oracle, sample);
  await remembers(oracle, sample);
  await jumps(oracle, sample);
  await refuses(oracle, sample);
}

const find = (oracle: Oracle, name: string): number => {
  const at = oracle.machine.fields.findIndex((f) => f.name === name);
  assert.ok(at >= 0, `${oracle.name} has no field ${name}`);
  return at;
};

/** Random full records. */
function randomStates(oracle: Oracle, count: number, random: Random): Uint8Array {
  const { fields, recordBytes } = oracle.machine;
  const state = new Uint8Array(count * recordBytes);
  for (let i = 0; i < count; i++)
    for (const f of fields)
      if (f.settable && f.role === "integer") writeField(state, i * recordBytes, f.at, f.bits, random.u64());
  return state;
}

function get(oracle: Oracle, state: Uint8Array, i: number, name: string): bigint {
  const f = oracle.machine.fields[find(oracle, name)]!;
  return readField(state, i * oracle.machine.recordBytes, f.at, f.bits);
}
function put(oracle: Oracle, state: Uint8Array, i: number, name: string, value: bigint): void {
  const f = oracle.machine.fields[find(oracle, name)]!;
  writeField(state, i * oracle.machine.recordBytes, f.at, f.bits, value);
}

async function sane(oracle: Oracle): Promise<void> {
  const { fields, recordBytes, code, codeBytes, rate } = oracle.machine;
  assert.equal(new Set(fields.map((f) => f.name)).size, fields.length, "names are unique");
  for (const f of fields) assert.ok(f.at + f.bits <= 8 * recordBytes, `${f.name} is in the record`);
  assert.equal(fields.filter((f) => f.role === "pc").length, 1, "one program counter");
  assert.ok(code.size > 0 && codeBytes > 0 && rate > 0);
  assert.match(oracle.name, /^\S+$/);
}

async function adds(oracle: Oracle, { add, flags }: Sample): Promise<void> {
  const { machine } = oracle;
  const count = 50;
  const state = randomStates(oracle, count, new Random(1));
  const seen = await oracle.observe({ count, stride: 0, code: add.code, state });
  const d = machine.fields[find(oracle, add.d)]!;
  for (let i = 0; i < count; i++) {
    assert.equal(seen.outcome[i], RAN);
    assert.equal(Number(seen.pc[i]! - seen.at[i]!), Math.round(add.code.length * machine.unitsPerByte));
    const sum = BigInt.asUintN(d.bits, get(oracle, state, i, add.a) + get(oracle, state, i, add.b));
    assert.equal(get(oracle, seen.state, i, add.d), sum, `case ${i}`);
    for (const f of machine.fields) {
      if (f.role !== "integer" || !f.settable || f.name === add.d || flags.includes(f.name)) continue;
      assert.equal(get(oracle, seen.state, i, f.name), get(oracle, state, i, f.name), `${f.name} stays`);
    }
  }
  // The same through three fields only
  const carry = [add.d, add.a, add.b, ...flags].map((n) => find(oracle, n));
  const layout = layoutOf(machine, carry);
  const small = new Uint8Array(count * layout.bytes);
  for (let i = 0; i < count; i++)
    carry.forEach((n, k) => {
      const f = machine.fields[n]!;
      writeField(small, i * layout.bytes, layout.at[k]!, f.bits, get(oracle, state, i, f.name));
    });
  const few = await oracle.observe({ count, stride: 0, code: add.code, state: small, carry, steps: 1 });
  const alone = [add.a, ...flags].map((n) => find(oracle, n));
  const one = new Uint8Array(count * layoutOf(machine, alone).bytes);
  for (let i = 0; i < count; i++) writeField(one, (i * one.length) / count, 0, d.bits, BigInt(i));
  const without = await oracle.observe({ count, stride: 0, code: add.code, state: one, carry: alone, steps: 1 });
  for (let i = 0; i < count; i++) {
    assert.equal(readField(few.state, i * layout.bytes, 0, d.bits), get(oracle, seen.state, i, add.d));
    assert.equal(few.strayed[i], 0);
    assert.equal(without.strayed[i], i === 0 ? 0 : 1, "what is not carried strays");
  }
}

/** Different codes in a batch, an illegal one and a fault among them. */
async function goesOn(oracle: Oracle, { add, illegal, load, nowhere }: Sample): Promise<void> {
  const stride = Math.max(add.code.length, illegal?.length ?? 0, load.code.length);
  const codes = [add.code, illegal ?? add.code, add.code, load.code, add.code];
  const code = new Uint8Array(5 * stride);
  codes.forEach((c, i) => {
    code.set(c, i * stride);
  });
  const lengths = Uint8Array.from(codes, (c) => c.length);
  const state = randomStates(oracle, 5, new Random(2));
  if (nowhere !== null) put(oracle, state, 3, load.base, nowhere);
  const seen = await oracle.observe({ count: 5, stride, code, lengths, state });
  for (const i of [0, 2, 4]) {
    assert.equal(seen.outcome[i], RAN);
    const d = oracle.machine.fields[find(oracle, add.d)]!;
    const sum = BigInt.asUintN(d.bits, get(oracle, state, i, add.a) + get(oracle, state, i, add.b));
    assert.equal(get(oracle, seen.state, i, add.d), sum);
  }
  if (illegal) {
    assert.equal(seen.outcome[1], SIGILL);
    assert.equal(seen.pc[1], seen.at[1]);
  }
  if (nowhere !== null) {
    assert.equal(seen.outcome[3], SIGSEGV);
    assert.equal(seen.pc[3], seen.at[3]);
  }
}

async function remembers(oracle: Oracle, { load, store }: Sample): Promise<void> {
  const { data, littleEndian } = oracle.machine;
  assert.ok(data, "a data window");
  const count = 8;
  const size = 32;
  const random = new Random(3);
  const memory = Uint8Array.from({ length: count * size }, () => random.below(256));
  const value = (from: Uint8Array, at: number, bytes: number): bigint => {
    let v = 0n;
    for (let k = 0; k < bytes; k++) v = (v << 8n) | BigInt(from[at + (littleEndian ? bytes - 1 - k : k)]!);
    return v;
  };
  const at = (i: number): number => (8 * i) % 24;
  const state = randomStates(oracle, count, random);
  for (let i = 0; i < count; i++) put(oracle, state, i, load.base, data.address + BigInt(at(i)));
  const loaded = await oracle.observe({ count, stride: 0, code: load.code, state, memory });
  for (let i = 0; i < count; i++) {
    assert.equal(loaded.outcome[i], RAN);
    assert.equal(get(oracle, loaded.state, i, load.value), value(memory, i * size + at(i), load.bytes));
  }
  assert.deepEqual(loaded.memory, memory, "a load changes no memory");
  for (let i = 0; i < count; i++) put(oracle, state, i, store.base, data.address + BigInt(at(i)));
  const stored = await oracle.observe({ count, stride: 0, code: store.code, state, memory });
  for (let i = 0; i < count; i++) {
    const bits = 8 * store.bytes;
    assert.equal(
      value(stored.memory, i * size + at(i), store.bytes),
      BigInt.asUintN(bits, get(oracle, state, i, store.value)),
    );
    for (let k = 0; k < size; k++)
      if (k < at(i) || k >= at(i) + store.bytes) assert.equal(stored.memory[i * size + k], memory[i * size + k]);
  }
}

async function jumps(oracle: Oracle, { jump }: Sample): Promise<void> {
  const state = randomStates(oracle, 4, new Random(4));
  if (jump.set) for (let i = 0; i < 4; i++) put(oracle, state, i, jump.set[0], jump.set[1]);
  const seen = await oracle.observe({ count: 4, stride: 0, code: jump.code, state });
  for (let i = 0; i < 4; i++) {
    assert.equal(seen.outcome[i], RAN);
    assert.equal(Number(seen.pc[i]! - seen.at[i]!), jump.by);
  }
}

async function refuses(oracle: Oracle, { add }: Sample): Promise<void> {
  const state = new Uint8Array(oracle.machine.recordBytes);
  const good: Batch = { count: 1, stride: 0, code: add.code, state };
  const bad: Batch[] = [
    { ...good, state: state.subarray(1) },
    { ...good, carry: [99999] },
    { ...good, code: new Uint8Array(oracle.machine.codeBytes + 1) },
    { ...good, memory: new Uint8Array(1 << 20) },
  ];
  for (const batch of bad) await assert.rejects(oracle.observe(batch), coded("ORACLE_REFUSES"));
  const none = await oracle.observe({ count: 0, stride: 0, code: add.code, state: new Uint8Array(0) });
  assert.equal(none.outcome.length, 0);
}

export const coded =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof OracleError && error.code === code;
