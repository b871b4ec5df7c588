import type { Stop } from "../../src/engine/cpu.ts";
import { createMachine, type EngineKind, type IsaParts } from "../../src/engine/create.ts";
import type { Machine } from "../../src/engine/machine.ts";
import { HOT_COUNT, HOT_LIST } from "../../src/engine/predecode-layout.ts";
import { BIAS, PROT_READ, STATE } from "../../src/memory/layout.ts";
import { CODES, FILLED, mapArena, WRITABLE_CODE } from "./arena.ts";
import type { Case } from "./cases.ts";

/**
 * An engine to try. `exact`: every access is checked, so that faults are the reference's. `lazy`: out of fuel, registers
 * that will be written before they are read may hold anything.
 */
export interface SubjectKind {
  readonly name: string;
  readonly engine: EngineKind;
  readonly exact: boolean;
  readonly lazy?: boolean;
}

/** Most memory a subject's guest may have. */
const MEMORY = 1 << 20;

/** One engine on an address space of its own, used for many cases. */
export class Subject {
  readonly kind: SubjectKind;
  readonly machine: Machine;
  private readonly state: Int32Array;
  private readonly filled: readonly Int32Array[];
  private readonly image: Uint8Array;
  private readonly used: number;
  private dirty = new Set<number>();

  constructor(parts: IsaParts, kind: SubjectKind) {
    this.kind = kind;
    this.machine = createMachine(parts, {
      threshold: 10,
      engine: kind.engine,
      strict: kind.exact,
      memory: MEMORY,
      // The same answer for every engine.
      ask: () => [0x123456789n],
    });
    const { memory } = this.machine;
    mapArena(memory);
    const { buffer } = memory.wasm;
    this.used = memory.used;
    this.image = new Uint8Array(CODES[0].size);
    this.filled = FILLED.map(({ address, size }) => new Int32Array(buffer, address - BIAS, size / 4));
    const end = Math.max(...this.machine.slots.map((slot) => slot.offset + Math.max(8, slot.w / 8)));
    this.state = this.machine.state.i32.subarray(STATE / 4, (STATE + end) / 4);
  }

  /** Everything as the case has it at its begin. */
  load(of: Case): void {
    const { address, size } = CODES[WRITABLE_CODE];
    this.machine.memory.protect(address, size, of.area === WRITABLE_CODE ? CODES[WRITABLE_CODE].prot : PROT_READ);
    this.loadCode(of.area, of.start, of.stream);
    this.reload(of);
  }

  /** Registers and data as the case has them, code as it is. */
  reload(of: Case): void {
    this.loadData(of.data);
    of.slots.forEach((value, slot) => {
      this.machine.state.setBig(slot, value);
    });
    this.machine.pc = of.start;
  }

  /** All code is these bytes; what stands elsewhere is zero. */
  loadCode(area: number, start: number, bytes: Uint8Array): void {
    const { memory } = this.machine;
    const everywhere = !this.kind.exact;
    CODES.forEach(({ address }, i) => {
      if (i === area || !(everywhere || this.dirty.has(i))) return;
      memory.poke(address, this.image.fill(0));
    });
    this.dirty = new Set([area]);
    this.image.fill(0);
    this.image.set(bytes, start - CODES[area].address);
    memory.poke(CODES[area].address, this.image);
  }

  private loadData(data: Uint8Array): void {
    let at = 0;
    for (const { address, size } of FILLED) {
      this.machine.memory.poke(address, data.subarray(at, at + size));
      at += size;
    }
  }

  /** Registers, data and pc of another subject. */
  copy(from: Subject): void {
    this.state.set(from.state);
    this.filled.forEach((words, i) => {
      words.set(from.filled[i]);
    });
    this.machine.pc = from.machine.pc;
  }

  /** What differs from the reference; null: nothing. */
  differs(from: Subject): string | null {
    const { machine } = this;
    if (machine.pc !== from.machine.pc) return `pc 0x${hex(machine.pc)}, not 0x${hex(from.machine.pc)}`;
    if (!same(this.state, from.state)) {
      for (const [slot, { name }] of machine.slots.entries()) {
        const [got, expected] = [machine.state.getBig(slot), from.machine.state.getBig(slot)];
        if (got !== expected) return `${name} 0x${hex(got)}, not 0x${hex(expected)}`;
      }
      return "bits above a register's width are set";
    }
    for (const [i, words] of this.filled.entries()) {
      const other = from.filled[i];
      if (same(words, other)) continue;
      const at = words.findIndex((word, j) => word !== other[j]);
      return `memory at 0x${hex(FILLED[i].address + 4 * at)}: ${hex(words[at] >>> 0)}, not ${hex(other[at] >>> 0)}`;
    }
    return null;
  }

  /** Has the engine compile from these pcs on, as far as control came before. */
  heat(pcs: readonly number[]): void {
    const { i32 } = this.machine.state;
    const heads = [...new Set(pcs)];
    i32[HOT_COUNT / 4] = heads.length;
    i32.set(heads, HOT_LIST / 4);
    this.machine.improve();
  }

  run(fuel: number): Stop {
    return this.machine.run(fuel);
  }

  /** Throws where the guest got hold of memory it did not have. */
  checkMemory(): void {
    const { memory } = this.machine;
    if (memory.used !== this.used) throw new Error(`${memory.used} bytes are mapped, not ${this.used}`);
    if (this.filled[0].buffer !== memory.wasm.buffer) throw new Error("the guest's memory grew");
  }
}

function same(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export const hex = (value: number | bigint): string => value.toString(16);

/** A stop as text, to compare and to print. */
export function stopText(stop: Stop): string {
  switch (stop.k) {
    case "fault":
      return `fault at 0x${hex(stop.address)}, access ${stop.access}${stop.mapped ? ", mapped" : ""}`;
    case "illegal":
      return `illegal ${[...stop.bytes].map((b) => hex(b).padStart(2, "0")).join(" ")}`;
    case "trap":
      return `trap ${stop.name}`;
    default:
      return stop.k;
  }
}
