import type { Node, Slot } from "../../ir/node.ts";
import { CTL_EXIT, CTL_FUEL, CTL_PC, Exit, STATE } from "../../memory/layout.ts";
import type { Analysis } from "./analysis.ts";
import { type Batch, findSticky, type Signature } from "./batch.ts";
import { Code, ENGINE, F64, I32, I64, V128, type ValueType } from "./code.ts";
import { lowerFloat } from "./float.ts";
import { type FloatHost, type Limits, newLimits } from "./float-host.ts";
import { pushExceptions } from "./float-reference.ts";
import { spendingWays, wayBack } from "./fuel.ts";
import type { Block, Func } from "./func.ts";
import { Lower, type LowerEnv } from "./lower.ts";
import { FD, M, W } from "./opcodes.ts";
import { SPLAT } from "./simd-codes.ts";
import type { Sticky } from "./sticky.ts";
import { ANY, naturalType, SIGN, type Want } from "./values.ts";

/** Where a slot's value is: i64 or float local, i32 local that is sign-extended, i32 local of which the rest is nobody's business. */
export const WIDE = 0;
export const SEXT = 1;
export const LOWER = 2;
export type Rep = typeof WIDE | typeof SEXT | typeof LOWER;

/** One function under construction: its slots' locals, and what its instructions read of them. */
export class Frame implements LowerEnv {
  readonly code: Code;
  readonly batch: Batch;
  readonly func: Func;
  readonly analysis: Analysis;
  readonly signature: Signature;
  readonly lower: Lower;
  private readonly wide: Int32Array;
  private readonly narrow: Int32Array;
  readonly reps: Uint8Array;
  /**
   * Locals by mask word: slots that calls made so far changed in memory, -1 for none. Whoever unwinds must not store
   * what it held of them before.
   */
  readonly touched: readonly number[];
  readonly preserved: number[];
  /** Fuel left, where ways back spend it here; -1: none does. */
  readonly fuel: number;
  private readonly spending: ReadonlySet<number>;
  /** Parameter: calls that may still nest; -1: none can nest without end. */
  readonly depth: number;
  readonly sticky: Sticky | undefined;
  readonly limits: Limits | undefined;
  /** Open block depth at which a block's code follows (merge) or its loop began. */
  readonly labels: Int32Array;
  readonly loops: Int32Array;
  /** Loops inside others with the same head: the blocks they are repeated from. */
  private readonly inner = new Map<Block, ReadonlySet<Block> | undefined>();
  oldLocal = -1;
  /** Which way a dispatch block goes. */
  route = -1;
  block: Block;

  constructor(batch: Batch, analysis: Analysis) {
    this.batch = batch;
    this.analysis = analysis;
    this.func = analysis.func;
    this.block = this.func.blocks[0]!;
    this.signature = batch.signatures[analysis.index]!;
    const { params, nests } = this.signature;
    this.code = new Code(nests ? [...params, I32] : params);
    this.depth = nests ? params.length : -1;
    this.lower = new Lower(this.code, this);
    this.wide = new Int32Array(batch.slots.length).fill(-1);
    this.narrow = new Int32Array(batch.slots.length).fill(-1);
    this.reps = new Uint8Array(batch.slots.length);
    this.preserved = batch.summaries.preserved.list(analysis.index);
    this.labels = new Int32Array(this.func.blocks.length);
    this.loops = new Int32Array(this.func.blocks.length);
    this.spending = spendingWays(this.func, (block) => {
      const callee = block.flow.k === "call" ? batch.summaries.calleeOf(block) : -1;
      return callee >= 0 && batch.signatures[callee]!.recursive;
    });
    this.fuel = this.spending.size > 0 ? this.code.freshLocal(I32) : -1;
    this.sticky = findSticky(this.func);
    this.limits = this.sticky && newLimits(this.code);
    this.touched = this.touchedByCalls().map((mask) => (mask ? this.code.freshLocal(I32) : -1));
  }

  /** Slots by mask word that some call of this function changes. */
  private touchedByCalls(): number[] {
    const { changes, calleeOf } = this.batch.summaries;
    const masks = new Array<number>(Math.ceil(this.batch.slots.length / 32)).fill(0);
    for (const block of this.func.blocks) {
      const callee = block.flow.k === "call" ? calleeOf(block) : -1;
      if (callee >= 0) masks.forEach((mask, i) => void (masks[i] = mask | changes.data[callee * changes.words + i]!));
    }
    return masks;
  }

  // ---- loops ----

  /**
   * Loops may share a head, as where a region is entered at the head of the innermost: the smallest of them gets a loop
   * of its own inside the others', or V8 takes them all for one. Gives the blocks from which it is repeated.
   */
  innerOf(head: Block): ReadonlySet<Block> | undefined {
    if (this.inner.has(head)) return this.inner.get(head);
    const ends = [...new Set(head.preds)].filter((pred) => pred.index >= head.index);
    const sizes = ends.map((end) => loopSize(head, end));
    const least = Math.min(...sizes);
    const inner = ends.filter((_, i) => sizes[i] === least);
    const own = inner.length < ends.length ? new Set(inner) : undefined;
    this.inner.set(head, own);
    return own;
  }

  /** Label of the loop that an edge repeats. */
  backTo(from: Block, head: Block): number {
    const outer = this.code.depth - this.loops[head.index]!;
    return this.innerOf(head)?.has(from) ? outer - 1 : outer;
  }

  // ---- slots ----

  private width(slot: number): number {
    return this.batch.slots[slot]!.w;
  }
  isFloat(slot: number): boolean {
    return this.analysis.floats.has(0, slot);
  }
  /** Type of the slot's value when it is whole. */
  wholeType(slot: number): ValueType {
    if (this.width(slot) <= 32) return I32;
    if (this.width(slot) > 64) return V128;
    return this.isFloat(slot) ? F64 : I64;
  }
  wideLocal(slot: number): number {
    if (this.wide[slot]! < 0) this.wide[slot] = this.code.freshLocal(this.wholeType(slot));
    return this.wide[slot]!;
  }
  narrowLocal(slot: number): number {
    if (this.narrow[slot]! < 0) this.narrow[slot] = this.code.freshLocal(I32);
    return this.narrow[slot]!;
  }
  /** How a live slot is kept where a block begins. */
  entryRep(block: Block, slot: number): Rep {
    if (this.width(slot) <= 32 || this.width(slot) > 64 || this.isFloat(slot)) return WIDE;
    return entryForm(this.analysis, block, slot);
  }

  /** Pushes the slot's value, whole: i32 of narrow slots, f64 of floats, else i64. */
  pushWhole(slot: number): void {
    if (this.reps[slot] === WIDE) this.code.get(this.wideLocal(slot));
    else {
      this.code.get(this.narrowLocal(slot));
      // Where only low bits are still read, an access may be what reads them; of an address the others are zero.
      this.code.op(this.reps[slot] === LOWER ? W.i64_extend_i32_u : W.i64_extend_i32_s);
    }
  }

  /** Pushes the slot's value in a type. */
  pushAs(slot: number, type: ValueType): void {
    const { code } = this;
    const whole = this.wholeType(slot);
    if (type === I32 && whole !== I32) {
      if (this.reps[slot] !== WIDE) {
        code.get(this.narrowLocal(slot));
        return;
      }
      code.get(this.wideLocal(slot));
      if (whole === F64) code.op(W.i64_reinterpret_f64);
      code.op(W.i32_wrap_i64);
      return;
    }
    this.pushWhole(slot);
    if (type === whole) return;
    if (type === F64) code.op(W.f64_reinterpret_i64);
    else if (type === I64 && whole === F64) code.op(W.i64_reinterpret_f64);
  }

  /** Takes a value of `type` from the stack as the slot's. */
  popAs(slot: number, type: ValueType): void {
    const { code } = this;
    const whole = this.wholeType(slot);
    if (type === I64 && whole === F64) code.op(W.f64_reinterpret_i64);
    else if (type === F64 && whole === I64) code.op(W.i64_reinterpret_f64);
    code.set(this.wideLocal(slot));
    this.reps[slot] = WIDE;
  }

  storeSlot(slot: number): void {
    const { code } = this;
    const type = this.wholeType(slot);
    code.i32(0);
    this.pushWhole(slot);
    storeAs(code, type, STATE + this.batch.slots[slot]!.offset);
  }

  /** As storeSlot where that hardly ever runs: the host would hold a whole value ready, made for what comes before. */
  storeSlotApart(slot: number): void {
    if (this.reps[slot] === WIDE) {
      this.storeSlot(slot);
      return;
    }
    const { code } = this;
    const offset = STATE + this.batch.slots[slot]!.offset;
    code.i32(0);
    code.get(this.narrowLocal(slot));
    code.mem(M.i32_store, ENGINE, offset);
    code.i32(0);
    if (this.reps[slot] === LOWER) code.i32(0);
    else {
      code.get(this.narrowLocal(slot));
      code.i32(31);
      code.op(W.i32_shr_s);
    }
    code.mem(M.i32_store, ENGINE, offset + 4);
  }

  /** Reads the slot from memory as a block that begins now wants it. */
  loadSlot(slot: number, rep: Rep): void {
    const { code } = this;
    const type = this.wholeType(slot);
    const offset = STATE + this.batch.slots[slot]!.offset;
    code.i32(0);
    if (type === I32 || rep === LOWER) {
      code.mem(M.i32_load, ENGINE, offset);
      code.set(type === I32 ? this.wideLocal(slot) : this.narrowLocal(slot));
    } else {
      loadAs(code, type, offset);
      code.set(this.wideLocal(slot));
    }
    this.reps[slot] = type === I32 ? WIDE : rep === LOWER ? LOWER : WIDE;
  }

  // ---- environment of Lower ----

  leaf(l: Lower, node: Node, want: Want): void {
    const { code } = this;
    const slot = node.aux;
    if (node.op === "old") {
      code.get(this.oldLocal);
      l.clean(node.w, want);
    } else if (node.op !== "get") {
      if (node.w <= 32) code.i32(0);
      else code.i64s(0);
    } else if (this.batch.resident.has(slot)) {
      code.i32(0);
      code.mem(node.w <= 32 ? M.i32_load : M.i64_load, ENGINE, STATE + this.batch.slots[slot]!.offset);
      if (want === SIGN) l.clean(node.w, want);
    } else {
      this.pushAs(slot, naturalType(node.w));
      if (want === SIGN) l.clean(node.w, want);
    }
  }
  leafLow(l: Lower, node: Node): void {
    if (node.op === "get" && !this.batch.resident.has(node.aux)) this.pushAs(node.aux, I32);
    else {
      this.leaf(l, node, ANY);
      this.code.op(W.i32_wrap_i64);
    }
  }
  leafFloat(l: Lower, node: Node): void {
    if (node.w === 64 && node.op === "get") this.pushAs(node.aux, F64);
    else {
      this.leaf(l, node, ANY);
      this.code.op(node.w === 64 ? W.f64_reinterpret_i64 : W.f32_reinterpret_i32);
    }
  }
  leafChunk(_l: Lower, node: Node): void {
    if (node.op !== "get") throw new Error(`${node.op} of i${node.w} has no wasm lowering`);
    this.code.get(this.wideLocal(node.aux));
  }
  leafWord(_l: Lower, node: Node, j: number): void {
    this.leafChunk(_l, node);
    this.code.lane(FD.i64x2_extract_lane, j);
  }
  leafPart(_l: Lower, node: Node, lo: number, type: "f32" | "f64"): void {
    this.leafChunk(_l, node);
    if (type === "f64") this.code.lane(FD.f64x2_extract_lane, lo / 64);
    else this.code.lane(FD.f32x4_extract_lane, lo / 32);
  }
  leafSext32(node: Node): boolean {
    return node.op === "get" && this.reps[node.aux] === SEXT;
  }
  floatOp(l: Lower, node: Node): void {
    if (node.op === "fexc") pushExceptions(l, node.args[0]!, this.batch.float);
    else lowerFloat(l, node, this.batch.float, undefined, undefined);
  }

  floatHost(): FloatHost {
    return this.batch.float;
  }

  /** What an exit stores before anything ran: a way back to the entry may have more to store, in locals not set yet. */
  dirtyTaken(): number[] {
    return this.signature.takes.filter((slot) => this.analysis.dirty.has(0, slot));
  }
  dirtyAfter(block: Block): number[] {
    return this.analysis.dirtyAtEnd(block);
  }

  /** Whether the way back to a loop's begin spends fuel. */
  spends(from: Block, head: Block): boolean {
    return this.spending.has(wayBack(this.func, from, head));
  }

  storeFuel(): void {
    if (this.fuel < 0) return;
    this.code.i32(0);
    this.code.get(this.fuel);
    this.code.mem(M.i32_store, ENGINE, CTL_FUEL);
  }
}

/** Blocks of the loop that is repeated from `end`. */
function loopSize(head: Block, end: Block): number {
  const body = new Set([head, end]);
  for (const block of body) if (block !== head) for (const pred of block.preds) body.add(pred);
  return body.size;
}

/** Pushes a value of `type` from engine memory. */
export function loadAs(code: Code, type: ValueType, offset: number): void {
  if (type === V128) code.memSimd(FD.v128_load, ENGINE, offset);
  else code.mem(type === I32 ? M.i32_load : type === F64 ? M.f64_load : M.i64_load, ENGINE, offset);
}

/** To the dispatcher, at the pc in a local; what a callee gave back in locals goes to memory. */
export function leaveWith(
  code: Code,
  pc: number,
  { results, resultTypes }: Pick<Signature, "results" | "resultTypes">,
  held: readonly number[],
  slots: readonly Slot[],
): void {
  code.i32(0);
  code.get(pc);
  code.mem(M.i64_store, ENGINE, CTL_PC);
  code.i32(0);
  code.i32(Exit.Dispatch);
  code.mem(M.i32_store, ENGINE, CTL_EXIT);
  results.forEach((slot, i) => {
    code.i32(0);
    code.get(held[i]!);
    storeAs(code, resultTypes[i]!, STATE + slots[slot]!.offset);
  });
}

/** Stores the value of `type` that is on the stack, above its address, into engine memory. */
export function storeAs(code: Code, type: ValueType, offset: number): void {
  if (type === V128) code.memSimd(FD.v128_store, ENGINE, offset);
  else code.mem(type === I32 ? M.i32_store : type === F64 ? M.f64_store : M.i64_store, ENGINE, offset);
}

/** Pushes a zero of `type`. */
export function pushZero(code: Code, type: ValueType): void {
  if (type === V128) {
    code.i64s(0);
    code.fd(SPLAT[64]);
  } else if (type === F64) code.f64Const(0);
  else if (type === I64) code.i64s(0);
  else code.i32(0);
}

/** Form of a slot wider than 32 bits that is no float. */
function entryForm(analysis: Analysis, block: Block, slot: number): Rep {
  if (analysis.sext.has(block.index, slot)) return SEXT;
  return analysis.full.has(block.index, slot) ? WIDE : LOWER;
}

/** Type in which a function takes a slot's value. */
export function paramType(analysis: Analysis, width: number, slot: number, preserved: boolean): ValueType {
  if (width <= 32) return I32;
  if (width > 64) return V128;
  if (analysis.floats.has(0, slot)) return F64;
  if (preserved) return I64;
  return entryForm(analysis, analysis.func.blocks[0]!, slot) === LOWER ? I32 : I64;
}
