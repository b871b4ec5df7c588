import { AccessFault, type Machine } from "../../src/ir/eval.ts";

/** A machine for tests: slots in an array, memory of single bytes, unmapped unless set. */
export class TestMachine implements Machine {
  readonly slots: bigint[];
  readonly memory = new Map<bigint, number>();
  readonly readOnly = new Set<bigint>();
  answers: readonly bigint[] = [0n];
  asked: { name: string; args: readonly bigint[] }[] = [];

  constructor(slots: bigint[] = []) {
    this.slots = slots;
  }
  getSlot(slot: number): bigint {
    return this.slots[slot] ?? 0n;
  }
  setSlot(slot: number, value: bigint): void {
    this.slots[slot] = value;
  }
  map(addr: bigint, bytes: readonly number[]): void {
    for (const [i, b] of bytes.entries()) this.memory.set(addr + BigInt(i), b);
  }
  load(addr: bigint, w: number): bigint {
    let value = 0n;
    for (let i = 0n; i < BigInt(w / 8); i++) {
      const byte = this.memory.get(addr + i);
      if (byte === undefined) throw new AccessFault(addr + i, 1);
      value |= BigInt(byte) << (8n * i);
    }
    return value;
  }
  probe(addr: bigint, w: number): void {
    for (let i = 0n; i < BigInt(w / 8); i++)
      if (!this.memory.has(addr + i) || this.readOnly.has(addr + i)) throw new AccessFault(addr + i, 2);
  }
  store(addr: bigint, w: number, value: bigint): void {
    this.probe(addr, w);
    for (let i = 0n; i < BigInt(w / 8); i++) this.memory.set(addr + i, Number((value >> (8n * i)) & 255n));
  }
  rmw(addr: bigint, w: number, change: (old: bigint) => bigint): bigint {
    const old = this.load(addr, w);
    this.store(addr, w, change(old));
    return old;
  }
  ask(name: string, args: readonly bigint[]): readonly bigint[] {
    this.asked.push({ name, args });
    return this.answers;
  }
}
