import {
  exploreStub,
  ORIGIN_STEP,
  type Places,
  readMemoryCommand,
  readRegister,
  type StubTarget,
  writeCommand,
  writeMemory,
} from "./gdb-target.ts";
import {
  type Batch,
  checkBatch,
  type Layout,
  type Observed,
  type Oracle,
  OracleError,
  type OracleMachine,
  RAN,
  readField,
  SIGBUS,
  SIGILL,
  SIGTRAP,
  writeField,
} from "./oracle.ts";
import { fromHex, type Link, Rsp, text, toHex } from "./rsp.ts";

/** GDB's number for a signal where it is not Linux's (gdb/signals.def); stubs use either. */
const SIGNALS: ReadonlyMap<number, number> = new Map([
  [10, SIGBUS],
  [145, 11],
  [146, SIGILL],
]);
/** Cases that are on their way at once. */
const WINDOW = 64;
/** Instructions of a case before it counts as a loop. */
const STEPS = 64;
const CODE_BYTES = 32;
const ORIGINS = 4;

export interface GdbOptions {
  /** For evidence and messages: "gdb:localhost:1234". */
  readonly name: string;
  /** Milliseconds without an answer that count as hanging. */
  readonly patience?: number;
  readonly places?: Places;
}

/** Any stub of the GDB remote protocol as an oracle. Rejects with OracleError. */
export async function gdbOracle(link: Link, options: GdbOptions): Promise<Oracle> {
  const rsp = new Rsp(link, options.patience ?? 5000);
  try {
    const target = await exploreStub(rsp, options.places);
    const oracle = new GdbOracle(options.name, rsp, target);
    await oracle.begin();
    return oracle;
  } catch (error) {
    rsp.close();
    throw error;
  }
}

/** A case as it came back. */
interface Seen {
  readonly stop: string;
  readonly record: Uint8Array;
  readonly memory: Uint8Array | undefined;
}

class GdbOracle implements Oracle {
  readonly name: string;
  machine: OracleMachine;
  private readonly rsp: Rsp;
  private readonly target: StubTarget;
  private readonly origins: readonly bigint[];
  private readonly pcAt: number;
  private readonly pcBits: number;
  /** By place: the code that was put there. */
  private readonly standing = new Map<bigint, Uint8Array>();
  /** Code is written once for many cases; whether it still stood there is looked at afterwards. */
  private trusting = true;

  constructor(name: string, rsp: Rsp, target: StubTarget) {
    this.name = name;
    this.rsp = rsp;
    this.target = target;
    const { known, little, fields, recordBytes, code, data, features, pc } = target;
    this.pcAt = 8 * pc.offset;
    this.pcBits = pc.register.bits;
    this.machine = {
      isa: known?.isa,
      littleEndian: little,
      codeAlign: known?.align ?? 1,
      codeBytes: CODE_BYTES,
      unitsPerByte: features.unitsPerByte,
      fields,
      recordBytes,
      code,
      data,
      steps: true,
      rate: 1000,
    };
    const step = Math.round(ORIGIN_STEP * features.unitsPerByte);
    const count = Math.max(1, Math.min(ORIGINS, Math.floor(code.size / step)));
    this.origins = Array.from({ length: count }, (_, i) => code.address + BigInt(i * step));
  }

  /** Finds out how far ahead this stub may be written to, and how fast it then is. */
  async begin(): Promise<void> {
    // Between acknowledgements nothing else may stand: qemu-user reads the next byte as one, and repeats itself
    const pipelines = !this.rsp.acknowledges && (await this.answersAll());
    this.rsp.ahead = pipelines ? "step" : "serial";
    const rate = await this.measure();
    this.machine = { ...this.machine, rate };
  }

  /** Whether two questions in one write are both answered. */
  private async answersAll(): Promise<boolean> {
    const { patience } = this.rsp;
    this.rsp.ahead = "free";
    const questions = [1, 2, 3].map(() =>
      this.rsp.ask("g").then(
        (v) => v.length > 0,
        () => false,
      ),
    );
    const late = new Promise<boolean>((go) => setTimeout(() => go(false), Math.min(500, patience / 2)));
    const good = await Promise.race([Promise.all(questions).then((all) => all.every((v) => v)), late]);
    if (!good) await this.rsp.drain(100);
    this.rsp.ahead = "serial";
    return good;
  }

  private async measure(): Promise<number> {
    const bytes = fromHex(
      await this.rsp.ask(readMemoryCommand(this.origins[0]!, 4, this.target.features.unitsPerByte)),
    );
    const cases = 64;
    const state = new Uint8Array(cases * this.machine.recordBytes);
    for (let i = 0; i < cases; i++) state.set(this.target.found, i * this.machine.recordBytes);
    for (let i = 0; i < cases; i++) writeField(state, i * this.machine.recordBytes, this.pcAt, this.pcBits, 0n);
    const from = performance.now();
    await this.observe({ count: cases, stride: 0, code: bytes ?? new Uint8Array(4), state, steps: 1 });
    return Math.round((1000 * cases) / Math.max(1, performance.now() - from));
  }

  async close(): Promise<void> {
    // Detach; a stub that says nothing to it is left all the same
    const late = new Promise<void>((go) => setTimeout(go, 200));
    await Promise.race([
      this.rsp.ask("D").then(
        () => undefined,
        () => undefined,
      ),
      late,
    ]);
    this.rsp.close();
  }

  async observe(batch: Batch): Promise<Observed> {
    const layout = checkBatch(this.machine, batch);
    this.standing.clear();
    this.trusting = true;
    const seen = await this.observeAll(batch, layout);
    if (await this.untouched()) return seen;
    // A case wrote over the code of another
    this.trusting = false;
    return this.observeAll(batch, layout);
  }

  private async untouched(): Promise<boolean> {
    const { unitsPerByte: units } = this.target.features;
    for (const [at, code] of this.standing) {
      const now = fromHex(await this.rsp.ask(readMemoryCommand(at, code.length, units)));
      if (now?.length !== code.length || now.some((b, i) => b !== code[i])) return false;
    }
    return true;
  }

  private async observeAll(batch: Batch, layout: Layout): Promise<Observed> {
    const { count } = batch;
    const memoryBytes = batch.memory ? batch.memory.length / count : 0;
    const out = {
      outcome: new Uint8Array(count),
      at: new BigUint64Array(count),
      pc: new BigUint64Array(count),
      fault: new BigUint64Array(count),
      state: new Uint8Array(batch.state.length),
      strayed: new Uint8Array(count),
      memory: new Uint8Array(count * memoryBytes),
    };
    const running = new Set<Promise<void>>();
    let failed: unknown;
    for (let i = 0; i < count && failed === undefined; i++) {
      const one = this.case(batch, layout, i, memoryBytes, out).catch((error: unknown) => {
        failed ??= error;
      });
      const done = one.finally(() => running.delete(done));
      running.add(done);
      if (running.size >= WINDOW) await Promise.race(running);
    }
    await Promise.all(running);
    if (failed !== undefined) throw failed;
    return out;
  }

  /** Code of case `i`. */
  private codeOf(batch: Batch, i: number): Uint8Array {
    const all = batch.stride === 0 ? batch.code : batch.code.subarray(i * batch.stride, (i + 1) * batch.stride);
    return batch.lengths ? all.subarray(0, batch.lengths[i]) : all;
  }

  private async case(batch: Batch, layout: Layout, i: number, memoryBytes: number, out: Observed): Promise<void> {
    const { machine, target } = this;
    const { code: window, features } = target;
    const before = this.recordOf(batch, layout, i);
    const code = this.codeOf(batch, i);
    let at = readField(before, 0, this.pcAt, this.pcBits);
    if (at === 0n || at < window.address || at >= window.address + BigInt(window.size))
      at = this.origins[i % this.origins.length]!;
    writeField(before, 0, this.pcAt, this.pcBits, at);
    const memory = batch.memory?.subarray(i * memoryBytes, (i + 1) * memoryBytes);
    const end = at + BigInt(Math.round(code.length * features.unitsPerByte));
    const most = batch.steps ?? STEPS;
    let seen = await this.run(before, at, code, memory, layout);
    let pc = readField(seen.record, 0, this.pcAt, this.pcBits);
    for (let n = 1; n < most && pc > at && pc < end && outcomeOf(seen.stop) === RAN; n++) {
      // More instructions: the stub has run other cases since, so this one goes on from what it had become
      seen = await this.run(seen.record, at, code, seen.memory, layout);
      pc = readField(seen.record, 0, this.pcAt, this.pcBits);
    }
    out.outcome[i] = outcomeOf(seen.stop);
    out.at[i] = at;
    out.pc[i] = pc;
    if (seen.memory && memoryBytes > 0) out.memory.set(seen.memory, i * memoryBytes);
    layout.fields.forEach((number, k) => {
      const f = machine.fields[number]!;
      writeField(out.state, i * layout.bytes, layout.at[k]!, f.bits, readField(seen.record, 0, f.at, f.bits));
    });
    if (batch.carry === undefined) return;
    const carried = new Set(layout.fields);
    machine.fields.forEach((f, number) => {
      if (carried.has(number) || f.role === "pc" || !f.settable) return;
      if (f.at >= 8 * target.blockBytes) return;
      if (readField(seen.record, 0, f.at, f.bits) !== readField(before, 0, f.at, f.bits)) out.strayed[i] = 1;
    });
  }

  /** The full record of a case: what is not settable stays as it was found. */
  private recordOf(batch: Batch, layout: Layout, i: number): Uint8Array {
    const { fields } = this.machine;
    const record = this.target.found.slice();
    const put = (number: number, value: bigint): void => {
      const f = fields[number]!;
      if (f.settable || f.role === "pc") writeField(record, 0, f.at, f.bits, value);
    };
    if (batch.carry !== undefined)
      fields.forEach((f, number) => {
        if (f.role !== "system") put(number, batch.rest ? readField(batch.rest, 0, f.at, f.bits) : 0n);
      });
    layout.fields.forEach((number, k) => {
      put(number, readField(batch.state, i * layout.bytes, layout.at[k]!, fields[number]!.bits));
    });
    return record;
  }

  /** One instruction of one case: everything is put in place, one step, everything is read. */
  private async run(
    record: Uint8Array,
    at: bigint,
    code: Uint8Array,
    memory: Uint8Array | undefined,
    layout: Layout,
  ): Promise<Seen> {
    const { rsp, target } = this;
    const { features, little, inBlock, blockBytes, pc } = target;
    const { unitsPerByte: units } = features;
    const setup: Promise<Uint8Array>[] = [];
    const stands = this.standing.get(at);
    if (!this.trusting || stands?.length !== code.length || stands.some((b, i) => b !== code[i])) {
      this.standing.set(at, code);
      this.unlock(at);
      setup.push(rsp.ask(writeMemory(at, code, features.binary, units)));
    }
    if (memory && target.data) setup.push(rsp.ask(writeMemory(target.data.address, memory, features.binary, units)));
    const part = (p: { offset: number; bytes: number }): Uint8Array => record.subarray(p.offset, p.offset + p.bytes);
    if (features.block) setup.push(rsp.ask(`G${this.blockHex(record)}`));
    else for (const p of inBlock) if (p !== pc) void rsp.ask(writeCommand(p, part(p), little));
    const touched =
      layout.fields.length < this.machine.fields.length
        ? new Set(layout.fields.map((n) => this.machine.fields[n]!.at))
        : undefined;
    const beyond = target.beyond.filter((p) => p !== pc && (!touched || touched.has(8 * p.offset)));
    for (const p of beyond) void rsp.ask(writeCommand(p, part(p), little));
    if (!features.block || !inBlock.includes(pc)) setup.push(rsp.ask(writeCommand(pc, part(pc), little)));
    const stop = rsp.ask(features.step, true);
    const block = blockBytes > 0 ? rsp.ask("g") : undefined;
    const others = Promise.all(
      [...beyond, ...(inBlock.includes(pc) ? [] : [pc])].map(
        async (p) => [p, await readRegister(rsp, p, little)] as const,
      ),
    );
    others.catch(() => undefined);
    const seenMemory =
      memory && target.data ? rsp.ask(readMemoryCommand(target.data.address, memory.length, units)) : undefined;
    for (const said of await Promise.all(setup)) {
      if (said[0] !== 0x4f)
        throw new OracleError("ORACLE_GARBAGE", `the stub answers "${text(said.subarray(0, 24))}" to a write`);
    }
    const after = record.slice();
    const stopped = text(await stop);
    if (/^[WX]/.test(stopped)) throw new OracleError("ORACLE_DIED", "the stub's program has ended");
    const bytes = block ? fromHex(await block) : undefined;
    if (block && bytes?.length !== blockBytes)
      throw new OracleError("ORACLE_GARBAGE", `g has ${bytes?.length ?? "no"} bytes, before ${blockBytes}`);
    if (bytes) {
      if (!little) for (const { offset, bytes: n } of inBlock) bytes.subarray(offset, offset + n).reverse();
      after.set(bytes);
    }
    for (const [p, value] of await others) after.set(value, p.offset);
    const data = seenMemory ? fromHex(await seenMemory) : undefined;
    if (seenMemory && data?.length !== memory?.length)
      throw new OracleError("ORACLE_GARBAGE", "memory of another size than asked for");
    return { stop: stopped, record: after, memory: data };
  }

  /** Has the program itself store to the place, where nobody else may (the byte is written over at once). */
  private unlock(at: bigint): void {
    const { unlock, found, features, pc } = this.target;
    if (!unlock) return;
    const record = found.slice();
    writeField(record, 0, 8 * unlock.base.offset, unlock.base.register.bits, at);
    writeField(record, 0, 8 * pc.offset, pc.register.bits, unlock.at);
    void this.rsp.ask(`G${this.blockHex(record)}`);
    void this.rsp.ask(features.step, true);
  }

  private blockHex(record: Uint8Array): string {
    const { little, inBlock, blockBytes } = this.target;
    if (little) return toHex(record.subarray(0, blockBytes));
    const block = record.slice(0, blockBytes);
    for (const { offset, bytes } of inBlock) block.subarray(offset, offset + bytes).reverse();
    return toHex(block);
  }
}

/** What a stop reply says; a step that ended well is a trap. */
function outcomeOf(stop: string): number {
  const m = /^[ST]([0-9a-fA-F]{2})/.exec(stop);
  // An error for an answer to a step: it refuses to execute this
  if (!m) return SIGILL;
  const signal = Number.parseInt(m[1]!, 16);
  if (signal === SIGTRAP || signal === 0) return /swbreak/.test(stop) ? SIGTRAP : RAN;
  return SIGNALS.get(signal) ?? signal;
}
