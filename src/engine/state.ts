import type { Slot } from "../ir/node.ts";
import { CTL_PC, STATE, STATE_SIZE } from "../memory/layout.ts";

const PC_SIZE = 8;

/** Views of one process's engine memory: the guest's state and the engine's control words. */
export class State {
  readonly slots: readonly Slot[];
  readonly i32: Int32Array;
  private readonly area: Uint8Array;
  /** The part that slots take, with room for a pc behind them, and its length: see `keep`. */
  private kept: Uint8Array | undefined;

  constructor(engineMemory: WebAssembly.Memory, slots: readonly Slot[]) {
    this.slots = slots;
    this.i32 = new Int32Array(engineMemory.buffer);
    this.area = new Uint8Array(engineMemory.buffer, STATE, STATE_SIZE);
  }

  lo(slot: number): number {
    return this.i32[(STATE + this.slots[slot]!.offset) >> 2]!;
  }

  hi(slot: number): number {
    return this.i32[((STATE + this.slots[slot]!.offset) >> 2) + 1]!;
  }

  /** Bits above the slot's width must be zero. */
  set(slot: number, lo: number, hi: number): void {
    const at = (STATE + this.slots[slot]!.offset) >> 2;
    this.i32[at] = lo;
    this.i32[at + 1] = hi;
  }

  /** Whole value, any width. Slow: for the evaluator, tests and printing. */
  getBig(slot: number): bigint {
    const { offset, w } = this.slots[slot]!;
    let value = 0n;
    for (let at = (w + 31) >> 5; at-- > 0; )
      value = (value << 32n) | BigInt(this.i32[((STATE + offset) >> 2) + at]! >>> 0);
    return BigInt.asUintN(w, value);
  }

  setBig(slot: number, value: bigint): void {
    const { offset, w } = this.slots[slot]!;
    let rest = BigInt.asUintN(w, value);
    for (let at = 0; at < Math.max(2, (w + 31) >> 5); at++, rest >>= 32n)
      this.i32[((STATE + offset) >> 2) + at] = Number(BigInt.asIntN(32, rest));
  }

  zero(slot: number): void {
    const { offset, w } = this.slots[slot]!;
    const at = (STATE + offset) >> 2;
    this.i32.fill(0, at, at + Math.max(2, (w + 31) >> 5));
  }

  /** A control word of layout.ts. */
  ctl(address: number): number {
    return this.i32[address >> 2]!;
  }

  setCtl(address: number, value: number): void {
    this.i32[address >> 2] = value;
  }

  /** A control word of 64 bits as an unsigned number, exact to 2^53. */
  ctl64(address: number): number {
    return (this.i32[(address >> 2) + 1]! >>> 0) * 0x100000000 + (this.i32[address >> 2]! >>> 0);
  }

  /** The same, exact and slow. */
  ctlBig(address: number): bigint {
    return (BigInt(this.i32[(address >> 2) + 1]! >>> 0) << 32n) | BigInt(this.i32[address >> 2]! >>> 0);
  }

  setCtlBig(address: number, value: bigint): void {
    this.i32[address >> 2] = Number(BigInt.asIntN(32, value));
    this.i32[(address >> 2) + 1] = Number(BigInt.asIntN(32, value >> 32n));
  }

  setCtl64(address: number, value: number): void {
    this.i32[address >> 2] = value | 0;
    this.i32[(address >> 2) + 1] = Math.floor(value / 0x100000000) | 0;
  }

  /**
   * The first `used` bytes of the state area (a multiple of 4) and, behind them, the pc; into `into` where there is one.
   * In the area too the pc then stands behind the slots, so that one copy does.
   */
  keep(used: number, into: Uint8Array | null): Uint8Array {
    const { i32 } = this;
    const at = (STATE + used) >> 2;
    i32[at] = i32[CTL_PC >> 2]!;
    i32[at + 1] = i32[(CTL_PC >> 2) + 1]!;
    if (this.kept?.length !== used + PC_SIZE) this.kept = this.area.subarray(0, used + PC_SIZE);
    if (!into) return this.kept.slice();
    into.set(this.kept);
    return into;
  }

  restore(state: Uint8Array, used: number): void {
    const { i32 } = this;
    const at = (STATE + used) >> 2;
    this.area.set(state);
    i32[CTL_PC >> 2] = i32[at]!;
    i32[(CTL_PC >> 2) + 1] = i32[at + 1]!;
  }
}
