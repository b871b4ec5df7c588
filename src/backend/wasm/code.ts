import { Bytes } from "./bytes.ts";

/** Value types as their encoding. */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export const FUNCREF = 0x70;
/** Block type of a block without result. */
export const VOID = 0x40;
export type ValueType = typeof I32 | typeof I64 | typeof F32 | typeof F64 | typeof V128;

/** The guest's memory and the engine's, in the order regions import them. */
export const GUEST = 0;
export const ENGINE = 1;

/**
 * The body of one wasm function under construction: locals by type, then instructions. Labels of branches are
 * relative depths; `depth` counts the open blocks, so that a caller can remember where a block began and name it by
 * `depth - there`.
 */
export class Code extends Bytes {
  /** Open blocks. */
  depth = 0;
  /** Branches that nearly always go one way: offset of the instruction, 1 where it is taken. */
  readonly hints: { at: number; taken: number }[] = [];
  /** Bytes of the local declarations, known once written. */
  headLength = 0;
  private readonly params: readonly ValueType[];
  private readonly types: ValueType[] = [];
  private readonly free = new Map<ValueType, number[]>();

  constructor(params: readonly ValueType[]) {
    super(1024);
    this.params = params;
  }

  /** Locals, parameters included. */
  get locals(): number {
    return this.params.length + this.types.length;
  }

  /** A fresh local (zero at entry), or one given back. */
  local(type: ValueType): number {
    const reused = this.free.get(type)?.pop();
    if (reused !== undefined) return reused;
    this.types.push(type);
    return this.params.length + this.types.length - 1;
  }

  /** A local that was never in use before, so it is surely zero at entry. */
  freshLocal(type: ValueType): number {
    this.types.push(type);
    return this.params.length + this.types.length - 1;
  }

  typeOf(local: number): ValueType {
    return local < this.params.length ? this.params[local]! : this.types[local - this.params.length]!;
  }

  /** Gives a local back for reuse. */
  release(local: number): void {
    const type = this.typeOf(local);
    const list = this.free.get(type);
    // A register may have been kept for two parts of a value.
    if (list?.includes(local)) return;
    if (list) list.push(local);
    else this.free.set(type, [local]);
  }

  op(byte: number): void {
    this.u8(byte);
  }
  fc(number: number): void {
    this.u8(0xfc);
    this.u32(number);
  }
  fd(number: number): void {
    this.u8(0xfd);
    this.u32(number);
  }
  /** f64x2.extract_lane and the like. */
  lane(number: number, lane: number): void {
    this.fd(number);
    this.u8(lane);
  }

  i32(value: number): void {
    this.u8(0x41);
    this.s32(value);
  }
  i64(lo: number, hi: number): void {
    this.u8(0x42);
    this.s64(lo, hi);
  }
  /** An i64 constant from an i32, sign-extended. */
  i64s(value: number): void {
    this.u8(0x42);
    this.s32(value);
  }
  f64Const(value: number): void {
    this.u8(0x44);
    this.f64(value);
  }

  get(local: number): void {
    this.u8(0x20);
    this.u32(local);
  }
  set(local: number): void {
    this.u8(0x21);
    this.u32(local);
  }
  tee(local: number): void {
    this.u8(0x22);
    this.u32(local);
  }
  globalGet(global: number): void {
    this.u8(0x23);
    this.u32(global);
  }
  globalSet(global: number): void {
    this.u8(0x24);
    this.u32(global);
  }

  /** A load or store (of table M); no alignment is promised. */
  mem(op: number, memory: number, offset: number): void {
    this.u8(op);
    this.memarg(memory, offset);
  }
  /** A load or store of the SIMD table. */
  memSimd(number: number, memory: number, offset: number): void {
    this.fd(number);
    this.memarg(memory, offset);
  }
  private memarg(memory: number, offset: number): void {
    if (memory === 0) this.u8(0);
    else {
      this.u8(0x40);
      this.u32(memory);
    }
    this.u32(offset);
  }

  /** Opens a block; `type` is VOID, a value type, or a type index (as a number from 0). */
  block(type: number = VOID): void {
    this.open(0x02, type);
  }
  loop(type: number = VOID): void {
    this.open(0x03, type);
  }
  if(type: number = VOID): void {
    this.open(0x04, type);
  }
  else(): void {
    this.u8(0x05);
  }
  end(): void {
    this.u8(0x0b);
    this.depth--;
  }
  private open(op: number, type: number): void {
    this.u8(op);
    this.u8(type);
    this.depth++;
  }

  /** Says of the `if` or `br_if` emitted next that it is hardly ever taken. */
  unlikely(): void {
    this.hints.push({ at: this.length, taken: 0 });
  }
  /** ... that it is nearly always taken. */
  likely(): void {
    this.hints.push({ at: this.length, taken: 1 });
  }

  br(label: number): void {
    this.u8(0x0c);
    this.u32(label);
  }
  brIf(label: number): void {
    this.u8(0x0d);
    this.u32(label);
  }
  brTable(labels: readonly number[], otherwise: number): void {
    this.u8(0x0e);
    this.u32(labels.length);
    for (const label of labels) this.u32(label);
    this.u32(otherwise);
  }

  call(func: number): void {
    this.u8(0x10);
    this.u32(func);
  }
  callIndirect(type: number, table = 0): void {
    this.u8(0x11);
    this.u32(type);
    this.u32(table);
  }
  returnCall(func: number): void {
    this.u8(0x12);
    this.u32(func);
  }
  returnCallIndirect(type: number, table = 0): void {
    this.u8(0x13);
    this.u32(type);
    this.u32(table);
  }

  /** Writes the body (size, locals, instructions, end) into a code section. */
  write(into: Bytes): void {
    const head = new Bytes(16);
    let runs = 0;
    for (let i = 0; i < this.types.length; i++) if (i === 0 || this.types[i] !== this.types[i - 1]) runs++;
    head.u32(runs);
    for (let i = 0; i < this.types.length; ) {
      let end = i + 1;
      while (end < this.types.length && this.types[end] === this.types[i]) end++;
      head.u32(end - i);
      head.u8(this.types[i]!);
      i = end;
    }
    this.headLength = head.length;
    into.u32(head.length + this.length + 1);
    into.append(head);
    into.append(this);
    into.u8(0x0b);
  }
}
