import { type Binding, bind } from "../../src/agent/verifier/bind.ts";
import type { Stop } from "../../src/engine/cpu.ts";
import { createMachine, type EngineKind, type IsaParts } from "../../src/engine/create.ts";
import type { Machine } from "../../src/engine/machine.ts";
import { HOT_COUNT, HOT_LIST } from "../../src/engine/predecode-layout.ts";
import { BIAS, PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from "../../src/memory/layout.ts";
import type { OracleMachine } from "../../src/oracle/oracle.ts";
import { Bridge } from "./bridge.ts";
import { APART, MEMORY, type Stream } from "./streams.ts";

/** Fuel of a stream: jumps back that it may take. */
const FUEL = 300;
/** Streams of one round; at most HOT_MAX. */
export const ROUND = 400;

/** An engine with an address space like the oracle's: code and traps, one page of data, nothing else. */
export class StreamEngine {
  readonly machine: Machine;
  readonly binding: Binding;
  asked = false;
  private readonly bridge: Bridge;
  private readonly code: number;
  private readonly data: Uint8Array;
  private readonly image: Uint8Array;
  private readonly trap: Uint8Array;

  constructor(parts: IsaParts, oracle: OracleMachine, engine: EngineKind, strict: boolean) {
    this.machine = createMachine(parts, {
      ...{ engine, strict, threshold: 10, memory: 1 << 20 },
      ask: (_, args) => {
        this.asked = true;
        return [0n, 0n, 0n, 0n, ...args];
      },
    });
    this.binding = bind(parts.book, oracle);
    const { memory } = this.machine;
    this.code = Number(oracle.code.address);
    const size = Math.ceil((ROUND * APART) / PAGE_SIZE) * PAGE_SIZE;
    memory.map(this.code, size, PROT_READ | PROT_EXEC);
    memory.map(Number(oracle.data!.address), PAGE_SIZE, PROT_READ | PROT_WRITE);
    this.data = new Uint8Array(memory.wasm.buffer, Number(oracle.data!.address) - BIAS, MEMORY);
    this.image = new Uint8Array(size);
    this.trap = oracle.trap!;
    this.bridge = new Bridge(this.binding, this.machine);
  }

  /** Where stream `i` of a round stands. */
  at(i: number): number {
    return this.code + APART * i;
  }

  load(streams: readonly Stream[]): void {
    const { image, trap } = this;
    for (let i = 0; i < image.length; i++) image[i] = trap[i % trap.length]!;
    streams.forEach(({ code }, i) => {
      image.set(code, APART * i);
    });
    this.machine.memory.poke(this.code, image);
  }

  /** Has regions made of what has run. */
  compile(count: number): void {
    const { i32 } = this.machine.state;
    i32[HOT_COUNT / 4] = count;
    for (let i = 0; i < count; i++) i32[HOT_LIST / 4 + i] = this.at(i);
    this.machine.improve();
  }

  run(stream: Stream, i: number): Stop {
    this.asked = false;
    this.data.set(stream.memory);
    this.bridge.put(this.machine, stream.record);
    this.machine.pc = this.at(i);
    return this.machine.run(FUEL);
  }

  /** What differs from a record and memory that the oracle gave: registers' names, "memory+N". */
  differs(record: Uint8Array, memory: Uint8Array): string[] {
    const out = this.bridge.differs(this.machine, record);
    for (let k = 0; k < MEMORY; k++)
      if (this.data[k] !== memory[k]) {
        out.push(`memory+${k}`);
        break;
      }
    return out;
  }
}
