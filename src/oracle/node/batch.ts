import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { BATCH_MACHINES, type BatchMachine } from "../machines.ts";
import {
  type Batch,
  checkBatch,
  KILLED,
  type Layout,
  type Observed,
  type Oracle,
  OracleError,
  type OracleMachine,
} from "../oracle.ts";
import { nativeSources } from "./sources.ts";

/** native/batch.c's numbers. */
const MAGIC = 0x45474153;
const CARRY_MAX = 96;
const HEAD = 32 + 16 * CARRY_MAX;
const RESULT = 32;
const CODE_MAX = 64;
const CODE = 0x4b3d0000n;
const SLOTS = 3900;
const SLOT = 528;
const WINDOW = 4096;
const WINDOW_AT = 0x2b3d5000n;
/** Bytes of a job, at most: larger batches go in parts. */
const PART = 64 << 20;
const FLAGS =
  "-O2 -static -nostdlib -ffreestanding -fno-stack-protector -fno-builtin -fno-strict-aliasing -fno-pie -no-pie -Wl,-Ttext-segment=0x6b3d0000 -w".split(
    " ",
  );

export interface BatchOptions {
  /** Use the host's CPU, or qemu. */
  readonly on: "host" | "qemu";
  /** Milliseconds for one part of a batch. */
  readonly patience?: number;
}

/** An oracle that runs whole batches in one process. Throws ORACLE_MISSING. */
export function batchOracle(isa: string, options: BatchOptions): Oracle {
  const kind = BATCH_MACHINES.find((m) => m.isa === isa);
  if (!kind) throw new OracleError("ORACLE_MISSING", `there is no batch oracle for ${isa}`);
  if (options.on === "host" && kind.arch !== process.arch)
    throw new OracleError("ORACLE_MISSING", `this computer's CPU does not execute ${isa}`);
  const program = build(kind);
  const command = options.on === "host" ? program : kind.qemu;
  let name = `host:${process.arch}`;
  if (options.on === "qemu") {
    const version = spawnSync(kind.qemu, ["--version"], { encoding: "utf8" });
    if (version.status !== 0) throw new OracleError("ORACLE_MISSING", `${kind.qemu} is not installed`);
    name = `${kind.qemu}-${/version ([\d.]+)/.exec(version.stdout)?.[1] ?? "?"}`;
  }
  return new BatchOracle(
    name,
    kind,
    command,
    options.on === "host" ? [] : [...(kind.cpu === undefined ? [] : ["-cpu", kind.cpu]), program],
    options.patience ?? 60_000,
  );
}

/** Compiles the oracle, once for each version of its source. */
function build(kind: BatchMachine): string {
  const folder = nativeSources();
  const flags = [...FLAGS, ...kind.flags];
  const hash = createHash("sha256").update(flags.join(" "));
  for (const file of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, file)));
  const cache = join(tmpdir(), `sage-oracle-${process.getuid?.() ?? 0}`);
  const program = join(cache, `${kind.isa}-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const fresh = `${program}.${process.pid}`;
  const gcc = spawnSync(kind.gcc, [...flags, join(folder, "batch.c"), "-o", fresh], {
    encoding: "utf8",
  });
  if (gcc.error) throw new OracleError("ORACLE_MISSING", `${kind.gcc} is not installed`);
  if (gcc.status !== 0)
    throw new OracleError("ORACLE_MISSING", `the oracle does not compile: ${gcc.stderr.slice(0, 300)}`);
  renameSync(fresh, program);
  return program;
}

class BatchOracle implements Oracle {
  readonly name: string;
  readonly machine: OracleMachine;
  private readonly command: string;
  private readonly args: readonly string[];
  private readonly patience: number;
  private worker: Worker | undefined;
  private closed = false;
  /** One batch at a time. */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(name: string, kind: BatchMachine, command: string, args: readonly string[], patience: number) {
    this.name = name;
    this.command = command;
    this.args = args;
    this.patience = patience;
    this.machine = {
      isa: kind.isa,
      littleEndian: true,
      codeAlign: kind.codeAlign,
      codeBytes: CODE_MAX,
      unitsPerByte: 1,
      fields: kind.fields,
      recordBytes: kind.stateBytes,
      code: { address: CODE, size: SLOTS * SLOT },
      data: { address: WINDOW_AT, size: WINDOW },
      landing: { address: CODE - 0x200000n + 0x1000n, size: 0x100000 },
      guarded: true,
      trap: Uint8Array.from(kind.trap),
      traps: { address: CODE + 0x150000n, size: 0xa0000 },
      steps: false,
      rate: 200_000,
    };
  }

  observe(batch: Batch): Promise<Observed> {
    const next = this.queue.then(() => this.parts(batch));
    this.queue = next.catch(() => undefined);
    return next;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.worker?.end();
  }

  private async parts(batch: Batch): Promise<Observed> {
    const layout = checkBatch(this.machine, batch);
    if (batch.carry && (batch.carry.length > CARRY_MAX || batch.carry.length === 0))
      throw new OracleError("ORACLE_REFUSES", `a record carries 1 to ${CARRY_MAX} fields`);
    const { count } = batch;
    const memoryBytes = batch.memory && count > 0 ? batch.memory.length / count : 0;
    const out: Out = {
      outcome: new Uint8Array(count),
      at: new BigUint64Array(count),
      pc: new BigUint64Array(count),
      fault: new BigUint64Array(count),
      state: new Uint8Array(batch.state.length),
      strayed: new Uint8Array(count),
      memory: new Uint8Array(count * memoryBytes),
    };
    const each = 2 * layout.bytes + 2 * memoryBytes + batch.stride + RESULT;
    const most = Math.max(1, Math.floor(PART / each));
    for (let from = 0; from < count; from += most)
      await this.range(batch, layout, memoryBytes, from, Math.min(count, from + most), out);
    return out;
  }

  /** Cases from to to; where one of them kills the oracle, the others are run all the same. */
  private async range(
    batch: Batch,
    layout: Layout,
    memoryBytes: number,
    from: number,
    to: number,
    out: Out,
  ): Promise<void> {
    if (this.closed) throw new OracleError("ORACLE_DIED", "the oracle was closed");
    this.worker ??= new Worker(this.command, this.args);
    const job = this.job(batch, layout, memoryBytes, from, to);
    const size = (to - from) * (layout.bytes + memoryBytes);
    let answer: Answer;
    try {
      answer = await this.worker.exchange(job, to - from, size, this.patience);
    } catch (error) {
      this.worker.end();
      this.worker = undefined;
      if (!(error instanceof OracleError) || error.code !== "ORACLE_DIED" || this.closed) throw error;
      if (to - from === 1) {
        out.outcome[from] = KILLED;
        return;
      }
      if (!this.bisecting(from, to)) throw error;
      const middle = (from + to) >> 1;
      await this.range(batch, layout, memoryBytes, from, middle, out);
      await this.range(batch, layout, memoryBytes, middle, to, out);
      return;
    }
    const n = to - from;
    const results = new DataView(answer.results.buffer, answer.results.byteOffset);
    const number = (i: number, at: number): number => results.getUint32(i * RESULT + at, true);
    const wide = (i: number, at: number): bigint => results.getBigUint64(i * RESULT + at, true);
    if (answer.results.length === RESULT) {
      out.outcome.fill(number(0, 0), from, to);
      out.strayed.fill(number(0, 4), from, to);
      out.at.fill(wide(0, 8), from, to);
      out.pc.fill(wide(0, 16), from, to);
      out.fault.fill(wide(0, 24), from, to);
    } else
      for (let i = 0; i < n; i++) {
        out.outcome[from + i] = number(i, 0);
        out.strayed[from + i] = number(i, 4);
        out.at[from + i] = wide(i, 8);
        out.pc[from + i] = wide(i, 16);
        out.fault[from + i] = wide(i, 24);
      }
    out.state.set(answer.states.subarray(0, n * layout.bytes), from * layout.bytes);
    if (memoryBytes > 0) out.memory.set(answer.states.subarray(n * layout.bytes), from * memoryBytes);
  }

  private deaths = 0;
  /** A program that dies whatever it is given is no oracle. */
  private bisecting(_from: number, _to: number): boolean {
    return ++this.deaths < 10_000;
  }

  private job(batch: Batch, layout: Layout, memoryBytes: number, from: number, to: number): Uint8Array[] {
    const { fields } = this.machine;
    const count = to - from;
    const head = new Uint8Array(HEAD);
    const view = new DataView(head.buffer);
    const codeBytes = batch.stride === 0 ? batch.code.length : batch.stride;
    const lengths = batch.lengths !== undefined;
    const numbers = [
      MAGIC,
      count,
      batch.stride,
      codeBytes,
      lengths ? 1 : 0,
      memoryBytes,
      batch.carry?.length ?? 0,
      layout.bytes,
    ];
    numbers.forEach((v, i) => {
      view.setUint32(4 * i, v, true);
    });
    const carried = batch.carry === undefined ? [] : layout.fields;
    carried.forEach((number, k) => {
      const f = fields[number]!;
      const to = layout.at[k]!;
      const place = [f.at, f.bits, to >> 3, Math.max(8, Math.ceil(f.bits / 8))];
      place.forEach((v, i) => {
        view.setUint32(32 + 16 * k + 4 * i, v, true);
      });
    });
    const rest = new Uint8Array(this.machine.recordBytes);
    if (batch.rest) rest.set(batch.rest);
    const code = batch.stride === 0 ? batch.code : batch.code.subarray(from * batch.stride, to * batch.stride);
    const out = [head, rest, padded(code)];
    if (batch.lengths) out.push(padded(batch.lengths.subarray(from, to)));
    out.push(batch.state.subarray(from * layout.bytes, to * layout.bytes));
    if (batch.memory && memoryBytes > 0) out.push(batch.memory.subarray(from * memoryBytes, to * memoryBytes));
    return out;
  }
}

type Out = { -readonly [K in keyof Observed]: Observed[K] };

/** A multiple of 8 bytes, as the oracle keeps its arrays. */
function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 8 === 0) return bytes;
  const out = new Uint8Array((bytes.length + 7) & ~7);
  out.set(bytes);
  return out;
}

/** Results (one for all cases, or one each), then records and memory. */
interface Answer {
  readonly results: Uint8Array;
  readonly states: Uint8Array;
}

/** The process, and the one exchange that is under way. */
class Worker {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** What is being filled: the head, the results, the rest. */
  private parts: Uint8Array[] = [];
  private have = 0;
  private cases = 0;
  private settle: { readonly resolve: (answer: Answer) => void; readonly reject: (e: Error) => void } | undefined;
  private why: OracleError | undefined;

  constructor(command: string, args: readonly string[]) {
    this.child = spawn(command, [...args], { stdio: ["pipe", "pipe", "ignore"] });
    this.child.stdout.on("data", (data: Buffer) => this.receive(data));
    this.child.stdin.on("error", () => undefined);
    this.child.on("error", (error) => this.fail(new OracleError("ORACLE_MISSING", `${command}: ${error.message}`)));
    this.child.on("close", (code, signal) =>
      this.fail(new OracleError("ORACLE_DIED", `the oracle ended with ${signal ?? `status ${code}`}`)),
    );
  }

  /** `size`: bytes of records and memory to come. */
  exchange(job: readonly Uint8Array[], cases: number, size: number, patience: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.why) {
        reject(this.why);
        return;
      }
      const timer = setTimeout(() => {
        this.fail(new OracleError("ORACLE_HANGS", `the oracle did not answer within ${patience} ms`));
      }, patience);
      this.settle = {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.cases = cases;
      this.parts = [new Uint8Array(16), new Uint8Array(0), new Uint8Array(size)];
      this.have = 0;
      for (const part of job) this.child.stdin.write(part);
    });
  }

  end(): void {
    this.child.kill("SIGKILL");
  }

  private receive(data: Uint8Array): void {
    for (let at = 0; at < data.length; ) {
      const part = this.parts[0];
      if (!this.settle || part === undefined) {
        this.fail(new OracleError("ORACLE_GARBAGE", "the oracle answers more than it was asked"));
        return;
      }
      const n = Math.min(part.length - this.have, data.length - at);
      part.set(data.subarray(at, at + n), this.have);
      this.have += n;
      at += n;
      while (this.parts.length > 0 && this.have === this.parts[0]!.length) this.filled();
    }
  }

  private filled(): void {
    const part = this.parts.shift()!;
    this.have = 0;
    if (this.parts.length === 2) {
      const view = new DataView(part.buffer);
      const results = view.getUint32(8, true);
      if (view.getUint32(0, true) !== MAGIC || (results !== 1 && results !== this.cases))
        this.fail(new OracleError("ORACLE_GARBAGE", "the oracle's answer does not begin as one"));
      this.parts[0] = this.results = new Uint8Array(results * RESULT);
    }
    if (this.parts.length > 0) return;
    const { settle } = this;
    this.settle = undefined;
    settle?.resolve({ results: this.results, states: part });
  }
  private results = new Uint8Array(0);

  private fail(error: OracleError): void {
    this.why ??= error;
    const { settle } = this;
    this.settle = undefined;
    settle?.reject(error);
  }
}
