import { evalInst, type Machine, type Outcome } from "../../src/ir/eval.ts";
import type { Inst, Slot } from "../../src/ir/node.ts";

/** Deterministic bits for a 64-bit seed (splitmix64). */
export function mix(seed: bigint): bigint {
  let z = BigInt.asUintN(64, seed + 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/** A machine whose memory holds noise until it is written, and which keeps all that was done to it. */
export class NoiseMachine implements Machine {
  readonly slots: bigint[];
  readonly written = new Map<bigint, number>();
  readonly said: string[] = [];

  constructor(slots: readonly bigint[]) {
    this.slots = [...slots];
  }

  getSlot(slot: number): bigint {
    return this.slots[slot];
  }

  setSlot(slot: number, value: bigint): void {
    this.slots[slot] = value;
  }

  load(addr: bigint, w: number): bigint {
    let v = 0n;
    for (let i = 0; i < w / 8; i++) {
      const a = BigInt.asUintN(64, addr + BigInt(i));
      v |= BigInt(this.written.get(a) ?? Number(mix(a) & 255n)) << BigInt(8 * i);
    }
    return v;
  }

  store(addr: bigint, w: number, value: bigint): void {
    for (let i = 0; i < w / 8; i++)
      this.written.set(BigInt.asUintN(64, addr + BigInt(i)), Number((value >> BigInt(8 * i)) & 255n));
  }

  rmw(addr: bigint, w: number, change: (old: bigint) => bigint): bigint {
    const before = this.load(addr, w);
    this.store(addr, w, change(before));
    return before;
  }

  ask(name: string, args: readonly bigint[]): readonly bigint[] {
    this.said.push(`${name} ${args.join(" ")}`);
    return [1n, 2n, 3n, 4n].map((n) => mix(n + BigInt(name.length)));
  }

  fence(): void {
    this.said.push("fence");
  }
}

/** Runs one instruction and says everything that can be seen of it. */
export function observe(
  inst: Inst,
  slots: readonly bigint[],
  memory: ReadonlyMap<bigint, number> = new Map(),
): { outcome: Outcome; machine: NoiseMachine } {
  const machine = new NoiseMachine(slots);
  for (const [address, byte] of memory) machine.written.set(address, byte);
  return { outcome: evalInst(inst, machine), machine };
}

/** Random values for all slots, small and edge values among them. */
export function randomState(slots: readonly Slot[], seed: bigint): bigint[] {
  const edges = [0n, 1n, -1n, 0x7fffffffn, 0x80000000n, 1n << 63n, (1n << 63n) - 1n, 0x7ff0000000000000n, 0xffffffffn];
  return slots.map((s, i) => {
    const r = mix(seed * 1000n + BigInt(i));
    if ((r & 3n) === 0n) return BigInt.asUintN(s.w, edges[Number((r >> 8n) % BigInt(edges.length))]);
    let v = 0n;
    for (let k = 0; k < s.w; k += 64) v |= mix(r + BigInt(k)) << BigInt(k);
    return BigInt.asUintN(s.w, v);
  });
}
