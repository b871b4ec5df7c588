import type { Node, Slot } from "../../ir/node.ts";
import {
  BIAS,
  CTL_AUX,
  CTL_DEPTH,
  CTL_EXIT,
  CTL_FUEL,
  CTL_PC,
  Exit,
  PROT_READ,
  PROT_WRITE,
  STATE,
} from "../../memory/layout.ts";
import { UNWOUND } from "./abi.ts";
import { type Access, pushForbidden } from "./access.ts";
import { type Analysis, type Summaries, staysInside } from "./analysis.ts";
import { Code, ENGINE, F32, F64, I32, I64, type ValueType } from "./code.ts";
import { FLOAT, LOW } from "./demand.ts";
import { type FloatHost, type Limits, lowerFloat, newLimits, updateLimits } from "./float.ts";
import type { Block, Func } from "./func.ts";
import type { Step, Sticky } from "./graph.ts";
import { Lower, type LowerEnv, naturalType } from "./lower.ts";
import { M, W } from "./opcodes.ts";
import { ANY, SIGN, type Want, ZERO } from "./values.ts";

/** How a function of the batch is called: arguments in the order of `takes`, results after the pc. */
export interface Signature {
  readonly func: number;
  readonly takes: readonly number[];
  readonly params: readonly ValueType[];
  readonly results: readonly number[];
  readonly resultTypes: readonly ValueType[];
  /** It or a callee counts fuel. */
  readonly usesFuel: boolean;
  /** It or a callee may change sticky slots. */
  readonly usesSticky: boolean;
  /** It can come to call itself. */
  readonly recursive: boolean;
}

/** What the emission of all functions of a batch shares. */
export interface Batch {
  readonly slots: readonly Slot[];
  readonly traps: readonly string[];
  readonly stops: readonly string[];
  readonly summaries: Summaries;
  readonly signatures: readonly Signature[];
  readonly float: FloatHost;
  readonly access: Access;
  readonly resident: ReadonlySet<number>;
  readonly assumedZero: ReadonlySet<number>;
  readonly depthLimit: number;
}

/** Where a slot's value is: i64 or float local, i32 local that is sign-extended, i32 local of which the rest is nobody's business. */
const WIDE = 0;
const SEXT = 1;
const LOWER = 2;
type Rep = typeof WIDE | typeof SEXT | typeof LOWER;

/** Emits one function of a batch. */
export class Emitter implements LowerEnv {
  readonly code: Code;
  private readonly batch: Batch;
  private readonly func: Func;
  private readonly analysis: Analysis;
  private readonly signature: Signature;
  private readonly lower: Lower;
  private readonly wide: Int32Array;
  private readonly narrow: Int32Array;
  private readonly reps: Uint8Array;
  /**
   * Locals by mask word: slots that calls made so far changed in memory, -1 for none. Whoever unwinds must not store
   * what it held of them before.
   */
  private readonly touched: readonly number[];
  private readonly preserved: number[];
  private readonly fuel: number;
  private readonly sticky: Sticky | undefined;
  private readonly limits: Limits | undefined;
  /** Open block depth at which a block's code follows (merge) or its loop began. */
  private readonly labels: Int32Array;
  private readonly loops: Int32Array;
  private oldLocal = -1;
  /** Which way a dispatch block goes. */
  private route = -1;
  private block: Block;

  constructor(batch: Batch, analysis: Analysis) {
    this.batch = batch;
    this.analysis = analysis;
    this.func = analysis.func;
    this.block = this.func.blocks[0]!;
    this.signature = batch.signatures[analysis.index]!;
    this.code = new Code(this.signature.params);
    this.lower = new Lower(this.code, this);
    this.wide = new Int32Array(batch.slots.length).fill(-1);
    this.narrow = new Int32Array(batch.slots.length).fill(-1);
    this.reps = new Uint8Array(batch.slots.length);
    this.preserved = batch.summaries.preserved.list(analysis.index);
    this.labels = new Int32Array(this.func.blocks.length);
    this.loops = new Int32Array(this.func.blocks.length);
    this.fuel = this.func.blocks.some((block) => block.isHeader) ? this.code.freshLocal(I32) : -1;
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

  run(): Code {
    const { code, func } = this;
    this.prologue();
    this.tree(func.blocks[0]!);
    code.op(W.unreachable);
    return code;
  }

  // ---- slots ----

  private width(slot: number): number {
    return this.batch.slots[slot]!.w;
  }
  private isFloat(slot: number): boolean {
    return this.analysis.floats.has(0, slot);
  }
  /** Type of the slot's value when it is whole. */
  private wholeType(slot: number): ValueType {
    if (this.width(slot) <= 32) return I32;
    return this.isFloat(slot) ? F64 : I64;
  }
  private wideLocal(slot: number): number {
    if (this.wide[slot]! < 0) this.wide[slot] = this.code.freshLocal(this.wholeType(slot));
    return this.wide[slot]!;
  }
  private narrowLocal(slot: number): number {
    if (this.narrow[slot]! < 0) this.narrow[slot] = this.code.freshLocal(I32);
    return this.narrow[slot]!;
  }
  /** How a live slot is kept where a block begins. */
  private entryRep(block: Block, slot: number): Rep {
    if (this.width(slot) <= 32 || this.isFloat(slot)) return WIDE;
    return entryForm(this.analysis, block, slot);
  }

  /** Pushes the slot's value, whole: i32 of narrow slots, f64 of floats, else i64. */
  private pushWhole(slot: number): void {
    if (this.reps[slot] === WIDE) this.code.get(this.wideLocal(slot));
    else {
      this.code.get(this.narrowLocal(slot));
      // Where only low bits are still read, an access may be what reads them; of an address the others are zero.
      this.code.op(this.reps[slot] === LOWER ? W.i64_extend_i32_u : W.i64_extend_i32_s);
    }
  }

  /** Pushes the slot's value in a type. */
  private pushAs(slot: number, type: ValueType): void {
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
  private popAs(slot: number, type: ValueType): void {
    const { code } = this;
    const whole = this.wholeType(slot);
    if (type === I64 && whole === F64) code.op(W.f64_reinterpret_i64);
    else if (type === F64 && whole === I64) code.op(W.i64_reinterpret_f64);
    code.set(this.wideLocal(slot));
    this.reps[slot] = WIDE;
  }

  private storeSlot(slot: number): void {
    const { code } = this;
    const type = this.wholeType(slot);
    code.i32(0);
    this.pushWhole(slot);
    const op = type === I32 ? M.i32_store : type === F64 ? M.f64_store : M.i64_store;
    code.mem(op, ENGINE, STATE + this.batch.slots[slot]!.offset);
  }

  /** Reads the slot from memory as a block that begins now wants it. */
  private loadSlot(slot: number, rep: Rep): void {
    const { code } = this;
    const type = this.wholeType(slot);
    const offset = STATE + this.batch.slots[slot]!.offset;
    code.i32(0);
    if (type === I32 || rep === LOWER) {
      code.mem(M.i32_load, ENGINE, offset);
      code.set(type === I32 ? this.wideLocal(slot) : this.narrowLocal(slot));
    } else {
      code.mem(type === F64 ? M.f64_load : M.i64_load, ENGINE, offset);
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
  leafSext32(node: Node): boolean {
    return node.op === "get" && this.reps[node.aux] === SEXT;
  }
  floatOp(l: Lower, node: Node): void {
    lowerFloat(l, node, this.batch.float, undefined, undefined);
  }

  // ---- structure ----

  private prologue(): void {
    const { code, func, signature } = this;
    const entry = func.blocks[0]!;
    signature.takes.forEach((slot, i) => {
      code.get(i);
      const rep = this.entryRep(entry, slot);
      if (rep === LOWER) {
        if (signature.params[i] === I64) code.op(W.i32_wrap_i64);
        code.set(this.narrowLocal(slot));
      } else code.set(this.wideLocal(slot));
      this.reps[slot] = rep;
    });
    this.enterFuel();
    if (this.analysis.assumes) {
      for (const slot of this.batch.assumedZero) {
        code.i32(0);
        code.mem(M.i32_load, ENGINE, STATE + this.batch.slots[slot]!.offset);
        code.unlikely();
        code.if();
        this.exitAt(func.entry, Exit.Evaluate, 0, this.dirtyTaken());
        code.end();
      }
    }
    if (signature.recursive) this.enterDepth();
    if (this.sticky && this.limits) updateLimits(code, this.batch.float, this.sticky, this.limits);
  }

  /** What an exit stores before anything ran: a way back to the entry may have more to store, in locals not set yet. */
  private dirtyTaken(): number[] {
    return this.signature.takes.filter((slot) => this.analysis.dirty.has(0, slot));
  }

  /** Loops count in a local; a function that can call itself counts each entry. */
  private enterFuel(): void {
    const { code, signature } = this;
    if (this.fuel < 0 && !signature.recursive) return;
    const left = this.fuel >= 0 ? this.fuel : code.local(I32);
    code.i32(0);
    code.mem(M.i32_load, ENGINE, CTL_FUEL);
    if (signature.recursive) {
      code.i32(1);
      code.op(W.i32_sub);
    }
    code.set(left);
    if (signature.recursive) {
      code.i32(0);
      code.get(left);
      code.mem(M.i32_store, ENGINE, CTL_FUEL);
      code.get(left);
      code.i32(0);
      code.op(W.i32_le_s);
      code.unlikely();
      code.if();
      this.exitAt(this.func.entry, Exit.Fuel, 0, this.dirtyTaken());
      code.end();
    }
    if (this.fuel < 0) code.release(left);
  }

  private enterDepth(): void {
    const { code } = this;
    const depth = code.local(I32);
    code.i32(0);
    code.mem(M.i32_load, ENGINE, CTL_DEPTH);
    code.tee(depth);
    code.i32(this.batch.depthLimit);
    code.op(W.i32_ge_s);
    code.unlikely();
    code.if();
    this.exitAt(this.func.entry, Exit.Dispatch, 0, this.dirtyTaken());
    code.end();
    code.i32(0);
    code.get(depth);
    code.i32(1);
    code.op(W.i32_add);
    code.mem(M.i32_store, ENGINE, CTL_DEPTH);
    code.release(depth);
  }

  /** Ramsey, Beyond Relooper: a block, then inside out the blocks it dominates that several ways lead to. */
  private tree(block: Block): void {
    const { code } = this;
    if (block.isHeader) {
      code.loop();
      this.loops[block.index] = code.depth;
    }
    const merges = block.children.filter((child) => this.isMerge(child)).sort((a, b) => b.index - a.index);
    for (const merge of merges) {
      code.block();
      this.labels[merge.index] = code.depth;
    }
    this.content(block);
    for (let i = merges.length - 1; i >= 0; i--) {
      code.end();
      this.tree(merges[i]!);
    }
    if (block.isHeader) code.end();
  }

  private isMerge(block: Block): boolean {
    return block.forward > 1 || block.preds.some((pred) => pred.flow.k === "jump" || pred.flow.k === "dispatch");
  }

  /** Control to `succ` of the current block, or out. */
  private edge(from: Block, way: number): void {
    const { code } = this;
    const succ = from.succs[way];
    if (succ === undefined) {
      this.exitAt(from.ways[way]!, Exit.Dispatch, 0, this.dirtyAfter(from));
      return;
    }
    if (succ.flow.k === "dispatch") {
      if (this.route < 0) this.route = code.freshLocal(I32);
      code.i32(from.routes[way]!);
      code.set(this.route);
    }
    if (succ.index <= from.index) {
      code.get(this.fuel);
      code.i32(1);
      code.op(W.i32_sub);
      code.tee(this.fuel);
      code.i32(0);
      code.op(W.i32_gt_s);
      code.likely();
      code.brIf(code.depth - this.loops[succ.index]!);
      const save = this.reps.slice();
      for (const slot of this.analysis.live.list(succ.index)) this.reps[slot] = this.entryRep(succ, slot);
      const live = this.analysis.live;
      this.exitAt(
        from.ways[way]!,
        Exit.Fuel,
        0,
        this.dirtyAfter(from).filter((slot) => live.has(succ.index, slot)),
      );
      this.reps.set(save);
      return;
    }
    if (this.isMerge(succ)) {
      code.br(code.depth - this.labels[succ.index]!);
      return;
    }
    const save = this.reps.slice();
    this.tree(succ);
    this.reps.set(save);
  }

  // ---- blocks ----

  private content(block: Block): void {
    const { lower, analysis } = this;
    this.block = block;
    for (const slot of analysis.live.list(block.index)) this.reps[slot] = this.entryRep(block, slot);
    lower.reset();
    const plan = this.planSets(block);
    const demand = lower.demand;
    analysis.steps(block.values.steps, demand);
    if (block.values.control) demand.full(block.values.control);
    for (const set of plan) analysis.demandOf(set.value, set.slot, set.wide, demand);
    this.steps(block.values.steps);
    const flow = block.flow;
    const control = block.values.control;
    const hasControl =
      control !== undefined &&
      (flow.k === "branch" ||
        flow.k === "ret" ||
        flow.k === "jump" ||
        (flow.k === "call" && (block.callee < 0 || block.guarded)));
    if (hasControl) lower.emit(control, ZERO);
    this.applySets(plan);
    this.convert(block);
    this.terminate(block);
  }

  /** Sets of the block that somebody needs, and in which forms. */
  private planSets(block: Block): PlannedSet[] {
    const { analysis, batch } = this;
    const out: PlannedSet[] = [];
    const wants = (succ: Block, slot: number): Rep | undefined =>
      analysis.live.has(succ.index, slot) ? this.entryRep(succ, slot) : undefined;
    const inside = staysInside(block.flow);
    const callee = block.flow.k === "call" ? batch.summaries.calleeOf(block) : -1;
    let exits = !inside && !(callee >= 0);
    for (const succ of block.succs) if (succ === undefined) exits = true;
    for (const [slot, value] of block.values.sets) {
      let wide = exits;
      let narrow = false;
      let sext = false;
      if (callee >= 0) {
        // The call and its unwinding: dirty slots the callee does not own, and arguments.
        wide = true;
      }
      if (callee < 0 || !batch.summaries.changes.has(callee, slot)) {
        for (const succ of block.succs) {
          const rep = succ && wants(succ, slot);
          if (rep === undefined) continue;
          if (rep === WIDE) wide = true;
          else narrow = true;
          if (rep === SEXT) sext = true;
        }
      }
      if (!wide && !narrow) continue;
      // A back-edge's exit stores what is live there: from whichever form is kept.
      out.push({ slot, value, wide, narrow, sext });
    }
    return out;
  }

  private applySets(plan: readonly PlannedSet[]): void {
    const { code, lower } = this;
    for (const { slot, value, wide, narrow } of plan) {
      if (this.isFloat(slot) && value.w === 64) lower.float(value);
      else if (wide || value.w <= 32) lower.emit(value, ZERO);
      else lower.low(value);
      void narrow;
    }
    for (let i = plan.length - 1; i >= 0; i--) {
      const { slot, value, wide, narrow } = plan[i]!;
      if (wide || value.w <= 32 || this.isFloat(slot)) {
        if (narrow && value.w > 32 && !this.isFloat(slot)) {
          code.tee(this.wideLocal(slot));
          code.op(W.i32_wrap_i64);
          code.set(this.narrowLocal(slot));
        } else code.set(this.wideLocal(slot));
      } else code.set(this.narrowLocal(slot));
    }
    for (const { slot, value, wide, sext } of plan)
      this.reps[slot] = wide || value.w <= 32 || this.isFloat(slot) ? WIDE : sext ? SEXT : LOWER;
  }

  /** Slots that pass through the block: into the forms that successors want. */
  private convert(block: Block): void {
    const { code, analysis } = this;
    if (block.flow.k === "call") return;
    for (const succ of block.succs) {
      if (succ === undefined) continue;
      for (const slot of analysis.live.list(succ.index)) {
        if (block.values.sets.has(slot)) continue;
        const have = this.reps[slot]!;
        const want = this.entryRep(succ, slot);
        if (have === want || (have !== WIDE && want !== WIDE)) continue;
        if (want === WIDE) {
          code.get(this.narrowLocal(slot));
          code.op(W.i64_extend_i32_s);
          code.set(this.wideLocal(slot));
        } else {
          code.get(this.wideLocal(slot));
          code.op(W.i32_wrap_i64);
          code.set(this.narrowLocal(slot));
        }
      }
    }
  }

  private steps(steps: readonly Step[]): void {
    const { code, lower, batch } = this;
    for (const step of steps) {
      switch (step.k) {
        case "load":
          this.load(step);
          break;
        case "store":
          if (step.value.w === 64 && this.analysis.isFloatValue(step.value)) {
            const offset = this.address(step, step.addr, 64, PROT_WRITE);
            lower.float(step.value);
            code.mem(M.f64_store, 0, offset);
          } else {
            const offset = this.address(step, step.addr, step.value.w, PROT_WRITE);
            if (step.value.w < 64 && step.value.w > 32) throw new Error("odd store");
            lower.emit(step.value, ANY);
            code.mem(storeOp(step.value.w), 0, offset);
          }
          break;
        case "rmw":
          this.rmw(step);
          break;
        case "float": {
          lowerFloat(lower, step.node, batch.float, step.sticky, this.limits);
          const local = code.freshLocal(resultOf(step.node));
          code.set(local);
          lower.keep(step.node, local, ZERO);
          break;
        }
        case "keep": {
          lower.emit(step.node, ZERO);
          const local = code.freshLocal(naturalType(step.node.w));
          code.set(local);
          lower.keep(step.node, local, ZERO);
          break;
        }
        case "put": {
          code.i32(0);
          lower.emit(step.value, ZERO);
          code.mem(step.value.w <= 32 ? M.i32_store : M.i64_store, ENGINE, STATE + batch.slots[step.slot]!.offset);
          if (this.sticky?.slot === step.slot && this.limits) updateLimits(code, batch.float, this.sticky, this.limits);
          break;
        }
        case "if":
          this.settle(step.then);
          this.settle(step.else);
          lower.emit(step.cond, ZERO);
          lower.frozen++;
          code.if();
          this.steps(step.then);
          if (step.else.length > 0) {
            code.else();
            this.steps(step.else);
          }
          code.end();
          lower.frozen--;
          break;
        case "trap":
          this.trapInside(step);
          break;
      }
    }
  }

  /** Pushes an access's wasm address; the displacement that belongs to it. */
  private address(step: AccessStep, addr: Node, w: number, access: number): number {
    const { code, lower, batch } = this;
    if (step.before === undefined) {
      batch.access.address(lower, addr);
      return batch.access.offset;
    }
    this.settle([step]);
    const low = pushForbidden(lower, addr, w / 8, access);
    code.unlikely();
    code.if();
    this.leaveBefore(step.pc, Exit.Evaluate, 0, step.before);
    code.end();
    code.get(low);
    code.i32(-BIAS);
    code.op(W.i32_add);
    code.release(low);
    return 0;
  }

  /**
   * Computes what checked accesses among the steps may leave with: else each would compute it anew, from its beginning.
   */
  private settle(steps: readonly Step[]): void {
    const { lower } = this;
    if (lower.frozen > 0) return;
    for (const step of steps) {
      if (step.k === "if") {
        this.settle(step.then);
        this.settle(step.else);
      }
      if ((step.k !== "load" && step.k !== "store" && step.k !== "rmw") || step.before === undefined) continue;
      for (const [slot, value] of step.before)
        if (this.isFloat(slot) && value.w === 64) lower.bindFloat(value);
        else lower.bind(value, ZERO);
    }
  }

  private load(step: Step & { k: "load" }): void {
    const { code, lower } = this;
    const { node } = step;
    const how = lower.demand.how(node);
    const offset = this.address(step, node.args[0]!, node.w, PROT_READ);
    let type = naturalType(node.w);
    let clean: Want = ZERO;
    if (how === FLOAT) {
      type = node.w === 64 ? F64 : F32;
      code.mem(node.w === 64 ? M.f64_load : M.f32_load, 0, offset);
    } else if (node.w === 64 && how === LOW) {
      type = I32;
      clean = ANY;
      code.mem(M.i32_load, 0, offset);
    } else if (node.w === 64) code.mem(M.i64_load, 0, offset);
    else if (node.w === 32) code.mem(M.i32_load, 0, offset);
    else {
      const signed = lower.demand.signed(node);
      clean = signed ? SIGN : ZERO;
      if (node.w === 16) code.mem(signed ? M.i32_load16_s : M.i32_load16_u, 0, offset);
      else code.mem(signed ? M.i32_load8_s : M.i32_load8_u, 0, offset);
    }
    if (how === 0) {
      code.op(W.drop);
      return;
    }
    const local = code.local(type);
    code.set(local);
    lower.keep(node, local, clean);
  }

  private rmw(step: Step & { k: "rmw" }): void {
    const { code, lower } = this;
    const { node } = step;
    const type = naturalType(node.w);
    const address = code.local(I32);
    const before = code.freshLocal(type);
    const offset = this.address(step, node.args[0]!, node.w, PROT_READ | PROT_WRITE);
    code.tee(address);
    if (node.w === 64) code.mem(M.i64_load, 0, offset);
    else if (node.w === 32) code.mem(M.i32_load, 0, offset);
    else code.mem(node.w === 16 ? M.i32_load16_u : M.i32_load8_u, 0, offset);
    code.set(before);
    code.get(address);
    const outer = this.oldLocal;
    this.oldLocal = before;
    lower.frozen++;
    lower.emit(node.args[1]!, ANY);
    lower.frozen--;
    this.oldLocal = outer;
    code.mem(storeOp(node.w), 0, offset);
    code.release(address);
    lower.keep(node, before, ZERO);
  }

  /** A trap in the middle: state before the instruction. */
  private trapInside(step: Step & { k: "trap" }): void {
    this.leaveBefore(step.pc, Exit.Trap, this.batch.traps.indexOf(step.name), step.sets);
  }

  /** Leaves at an instruction in the middle of the block; `sets` are those of the instructions before it. */
  private leaveBefore(pc: number, reason: number, aux: number, sets: ReadonlyMap<number, Node>): void {
    const { code, lower, analysis, batch } = this;
    const stored = new Set([...analysis.dirty.list(this.block.index), ...sets.keys()]);
    lower.frozen++;
    for (const slot of stored) if (!sets.has(slot)) this.storeSlot(slot);
    for (const [slot, value] of sets) {
      code.i32(0);
      lower.emit(value, ZERO);
      code.mem(value.w <= 32 ? M.i32_store : M.i64_store, ENGINE, STATE + batch.slots[slot]!.offset);
    }
    lower.frozen--;
    this.exitAt(pc, reason, aux, [], stored);
  }

  // ---- ends of blocks ----

  private dirtyAfter(block: Block): number[] {
    return this.analysis.dirtyAtEnd(block);
  }

  private terminate(block: Block): void {
    const { code, batch } = this;
    const flow = block.flow;
    switch (flow.k) {
      case "next":
      case "goto":
        this.edge(block, 0);
        return;
      case "branch": {
        if (flow.negated) code.op(W.i32_eqz);
        code.if();
        this.edge(block, 0);
        code.else();
        this.edge(block, 1);
        code.end();
        return;
      }
      case "call":
        this.call(block);
        return;
      case "ret":
        this.ret(block);
        return;
      case "jump":
        this.jump(block);
        return;
      case "dispatch":
        this.dispatch(block);
        return;
      case "stop":
        this.exitAt(block.raw.next, Exit.Stop, batch.stops.indexOf(flow.name), this.dirtyAfter(block));
        return;
      case "trap":
        this.exitAt(
          block.raw.insts[block.raw.insts.length - 1]!.pc,
          Exit.Trap,
          batch.traps.indexOf(flow.name),
          this.dirtyAfter(block),
        );
        return;
      case "evaluate":
        this.exitAt(block.values.giveUp, Exit.Evaluate, 0, this.dirtyAfter(block));
        return;
    }
  }

  private storeFuel(): void {
    if (this.fuel < 0) return;
    this.code.i32(0);
    this.code.get(this.fuel);
    this.code.mem(M.i32_store, ENGINE, CTL_FUEL);
  }

  /** Stores state and leaves with a constant pc. `stored`: slots that already are. */
  private exitAt(
    pc: number,
    reason: number,
    aux: number,
    dirty: readonly number[],
    stored: Iterable<number> = [],
  ): void {
    const { code } = this;
    code.i32(0);
    code.i64(pc | 0, 0);
    code.mem(M.i64_store, ENGINE, CTL_PC);
    if (reason !== Exit.Dispatch) {
      code.i32(0);
      code.i32(aux);
      code.mem(M.i32_store, ENGINE, CTL_AUX);
    }
    this.leave(reason, dirty, stored);
  }

  /** Stores state and leaves; CTL_PC is set. */
  private leave(reason: number, dirty: readonly number[], stored: Iterable<number> = []): void {
    const { code, batch } = this;
    code.i32(0);
    code.i32(reason);
    code.mem(M.i32_store, ENGINE, CTL_EXIT);
    const mask = new Int32Array(MASK_WORDS);
    for (const slot of dirty) this.storeSlot(slot);
    for (const slot of [...dirty, ...stored]) mask[slot >>> 5]! |= 1 << (slot & 31);
    for (let i = 0; i * 32 < batch.slots.length; i++) {
      code.i32(0);
      code.i32(mask[i]!);
      this.orTouched(i);
      code.mem(M.i32_store, ENGINE, STORED_MASK + 4 * i);
    }
    this.storeFuel();
    this.unwound();
  }

  private orTouched(word: number): void {
    if (this.touched[word]! < 0) return;
    this.code.get(this.touched[word]!);
    this.code.op(W.i32_or);
  }

  private unwound(): void {
    const { code, signature } = this;
    code.i64s(UNWOUND);
    for (const type of signature.resultTypes) {
      if (type === F64) code.f64Const(0);
      else if (type === I64) code.i64s(0);
      else code.i32(0);
    }
    code.op(W.return);
  }

  private call(block: Block): void {
    const { code, batch, analysis } = this;
    const callee = batch.summaries.calleeOf(block);
    if (callee < 0) {
      if (block.callee >= 0 && !block.guarded) this.exitAt(block.callee, Exit.Dispatch, 0, this.dirtyAfter(block));
      else this.exitTo(this.dirtyAfter(block));
      return;
    }
    const to = batch.signatures[callee]!;
    const dirty = this.dirtyAfter(block);
    if (block.guarded) {
      const target = code.local(I64);
      code.tee(target);
      code.i64(block.callee | 0, 0);
      code.op(W.i64_ne);
      code.unlikely();
      code.if();
      code.get(target);
      this.exitTo(dirty);
      code.end();
      code.release(target);
    }
    // What the callee only may change comes back in memory, whichever way it goes.
    const { changes, takes, defines } = batch.summaries;
    for (const slot of dirty)
      if (changes.has(callee, slot) && !takes.has(callee, slot) && !defines.has(callee, slot)) this.storeSlot(slot);
    if (to.usesFuel) this.storeFuel();
    to.takes.forEach((slot, i) => {
      this.pushAs(slot, to.params[i]!);
    });
    code.call(to.func);
    // Kept apart until it is clear that there are results: a callee that left altogether returns nothing.
    const results = to.resultTypes.map((type) => code.local(type));
    for (let i = results.length - 1; i >= 0; i--) code.set(results[i]!);
    const pc = code.local(I64);
    code.tee(pc);
    code.i64(block.raw.next | 0, 0);
    code.op(W.i64_ne);
    code.unlikely();
    code.if();
    this.unwind(callee, to, results, pc, dirty);
    code.end();
    this.touched.forEach((local, i) => {
      // Results are not in memory.
      let mask = batch.summaries.changes.data[callee * batch.summaries.changes.words + i]!;
      for (const slot of to.results) if (slot >>> 5 === i) mask &= ~(1 << (slot & 31));
      if (local < 0 || mask === 0) return;
      code.get(local);
      code.i32(mask);
      code.op(W.i32_or);
      code.set(local);
    });
    results.forEach((local, i) => {
      code.get(local);
      this.popAs(to.results[i]!, to.resultTypes[i]!);
      code.release(local);
    });
    code.release(pc);
    if (to.usesFuel && this.fuel >= 0) {
      code.i32(0);
      code.mem(M.i32_load, ENGINE, CTL_FUEL);
      code.set(this.fuel);
    }
    if (to.usesSticky && this.sticky && this.limits) updateLimits(code, batch.float, this.sticky, this.limits);
    const succ = block.succs[0];
    if (succ !== undefined) {
      for (const slot of analysis.live.list(succ.index)) {
        const want = this.entryRep(succ, slot);
        if (batch.summaries.changes.has(callee, slot) && !to.results.includes(slot)) {
          this.loadSlot(slot, want);
          continue;
        }
        const have = this.reps[slot]!;
        if (have === want || (have !== WIDE && want !== WIDE)) continue;
        if (want === WIDE) {
          code.get(this.narrowLocal(slot));
          code.op(W.i64_extend_i32_s);
          code.set(this.wideLocal(slot));
        } else {
          code.get(this.wideLocal(slot));
          code.op(W.i32_wrap_i64);
          code.set(this.narrowLocal(slot));
        }
      }
      this.edge(block, 0);
      return;
    }
    // Nothing of this function follows: memory must have all that the call did not write there itself.
    const after = dirty.filter((slot) => !batch.summaries.changes.has(callee, slot));
    this.exitAt(block.raw.next, Exit.Dispatch, 0, [...after, ...to.results]);
  }

  /** The callee came back somewhere else, or left altogether (then it stored what it owns). */
  private unwind(
    callee: number,
    to: Signature,
    results: readonly number[],
    pc: number,
    dirty: readonly number[],
  ): void {
    const { code, batch } = this;
    const { changes, takes, touches } = batch.summaries;
    code.get(pc);
    code.i64s(UNWOUND);
    code.op(W.i64_ne);
    code.if();
    code.i32(0);
    code.get(pc);
    code.mem(M.i64_store, ENGINE, CTL_PC);
    code.i32(0);
    code.i32(Exit.Dispatch);
    code.mem(M.i32_store, ENGINE, CTL_EXIT);
    to.results.forEach((slot, i) => {
      const type = to.resultTypes[i]!;
      code.i32(0);
      code.get(results[i]!);
      const op = type === I32 ? M.i32_store : type === F64 ? M.f64_store : M.i64_store;
      code.mem(op, ENGINE, STATE + batch.slots[slot]!.offset);
    });
    for (let i = 0; i * 32 < batch.slots.length; i++) {
      code.i32(0);
      code.i32(changes.data[callee * changes.words + i]!);
      code.mem(M.i32_store, ENGINE, STORED_MASK + 4 * i);
    }
    code.end();
    const mask = new Int32Array(MASK_WORDS);
    for (const slot of dirty) {
      mask[slot >>> 5]! |= 1 << (slot & 31);
      if (!touches.has(callee, slot)) this.storeSlot(slot);
      else if (!takes.has(callee, slot) || !changes.has(callee, slot)) {
        code.i32(0);
        code.mem(M.i32_load, ENGINE, STORED_MASK + 4 * (slot >>> 5));
        code.i32(1 << (slot & 31));
        code.op(W.i32_and);
        code.op(W.i32_eqz);
        code.if();
        this.storeSlot(slot);
        code.end();
      }
    }
    for (let i = 0; i * 32 < batch.slots.length; i++) {
      if (mask[i] === 0 && this.touched[i]! < 0) continue;
      code.i32(0);
      code.i32(0);
      code.mem(M.i32_load, ENGINE, STORED_MASK + 4 * i);
      code.i32(mask[i]!);
      code.op(W.i32_or);
      this.orTouched(i);
      code.mem(M.i32_store, ENGINE, STORED_MASK + 4 * i);
    }
    this.unwound();
  }

  /** Target on the stack: return to the caller, with what is to be given back checked. */
  private ret(block: Block): void {
    const { code, analysis, batch, signature } = this;
    const target = code.local(I64);
    code.set(target);
    const dirty = this.dirtyAfter(block);
    code.block();
    const bad = code.depth;
    for (const slot of this.preserved) {
      const param = signature.takes.indexOf(slot);
      this.pushAs(slot, I64);
      code.get(param);
      const type = signature.params[param]!;
      if (type === F64) code.op(W.i64_reinterpret_f64);
      code.op(W.i64_ne);
      code.unlikely();
      code.brIf(code.depth - bad);
    }
    for (const slot of dirty)
      if (batch.summaries.changes.has(analysis.index, slot) && !signature.results.includes(slot)) this.storeSlot(slot);
    for (const slot of this.preserved) if (batch.summaries.restores.has(analysis.index, slot)) this.storeSlot(slot);
    this.storeFuel();
    if (signature.recursive) {
      code.i32(0);
      code.i32(0);
      code.mem(M.i32_load, ENGINE, CTL_DEPTH);
      code.i32(1);
      code.op(W.i32_sub);
      code.mem(M.i32_store, ENGINE, CTL_DEPTH);
    }
    code.get(target);
    signature.results.forEach((slot, i) => {
      this.pushAs(slot, signature.resultTypes[i]!);
    });
    code.op(W.return);
    code.end();
    if (this.preserved.length > 0) {
      code.get(target);
      this.exitTo(dirty);
    } else code.op(W.unreachable);
    code.release(target);
  }

  /** Target on the stack: leave to it. */
  private exitTo(dirty: readonly number[]): void {
    const { code } = this;
    const target = code.local(I64);
    code.set(target);
    code.i32(0);
    code.get(target);
    code.mem(M.i64_store, ENGINE, CTL_PC);
    code.release(target);
    this.leave(Exit.Dispatch, dirty);
  }

  /** Target on the stack: to one of the known targets, or out. */
  private jump(block: Block): void {
    const { code } = this;
    const target = code.local(I64);
    code.set(target);
    const known = block.ways.map((pc, way) => ({ pc, way })).filter(({ way }) => block.succs[way] !== undefined);
    code.block();
    const out = code.depth;
    if (known.length > 0) {
      const low = known.reduce((least, { pc }) => Math.min(least, pc), Number.MAX_SAFE_INTEGER);
      const high = known.reduce((most, { pc }) => Math.max(most, pc), 0);
      const span = (high - low) / 2 + 1;
      if (span <= 4096 && known.length > 2) this.switchOn(target, low, span, known, block, out);
      else {
        for (const { pc, way } of known) {
          code.get(target);
          code.i64(pc | 0, 0);
          code.op(W.i64_eq);
          code.if();
          this.edge(block, way);
          code.end();
        }
      }
    }
    code.end();
    code.get(target);
    code.release(target);
    this.exitTo(this.dirtyAfter(block));
  }

  /** To the block whose number the edge here has set. */
  private dispatch(block: Block): void {
    const { code } = this;
    const count = block.succs.length;
    for (let i = 0; i < count; i++) code.block();
    code.get(this.route);
    const labels = block.succs.map((_, way) => count - 1 - way);
    code.brTable(labels.slice(0, -1), labels[count - 1]!);
    for (let way = count - 1; way >= 0; way--) {
      code.end();
      this.edge(block, way);
    }
  }

  /** br_table over the distance from the lowest target. */
  private switchOn(
    target: number,
    low: number,
    span: number,
    known: readonly { pc: number; way: number }[],
    block: Block,
    out: number,
  ): void {
    const { code } = this;
    const wayAt = new Map(known.map(({ pc, way }) => [(pc - low) / 2, way]));
    // A label a target; back-edges need their fuel, so each has a block of its own.
    const ways = known.map(({ way }) => way);
    for (let i = 0; i < ways.length; i++) code.block();
    const labelOf = new Map(ways.map((way, i) => [way, ways.length - 1 - i]));
    // (target - low) rotated right by one: odd or far ones become large.
    code.get(target);
    code.i64(low | 0, 0);
    code.op(W.i64_sub);
    code.i64s(1);
    code.op(W.i64_rotr);
    const index = code.local(I64);
    code.tee(index);
    code.i64s(span);
    code.op(W.i64_ge_u);
    code.unlikely();
    code.brIf(code.depth - out);
    code.get(index);
    code.op(W.i32_wrap_i64);
    code.release(index);
    const labels: number[] = [];
    const fallback = code.depth - out;
    for (let i = 0; i < span; i++) {
      const way = wayAt.get(i);
      labels.push(way === undefined ? fallback : labelOf.get(way)!);
    }
    code.brTable(labels, fallback);
    for (let i = ways.length - 1; i >= 0; i--) {
      code.end();
      this.edge(block, ways[i]!);
    }
  }
}

/** Form of a slot wider than 32 bits that is no float. */
function entryForm(analysis: Analysis, block: Block, slot: number): Rep {
  if (analysis.sext.has(block.index, slot)) return SEXT;
  return analysis.full.has(block.index, slot) ? WIDE : LOWER;
}

/** Type in which a function takes a slot's value. */
export function paramType(analysis: Analysis, width: number, slot: number, preserved: boolean): ValueType {
  if (width <= 32) return I32;
  if (analysis.floats.has(0, slot)) return F64;
  if (preserved) return I64;
  return entryForm(analysis, analysis.func.blocks[0]!, slot) === LOWER ? I32 : I64;
}

type AccessStep = Step & { k: "load" | "store" | "rmw" };

interface PlannedSet {
  readonly slot: number;
  readonly value: Node;
  readonly wide: boolean;
  readonly narrow: boolean;
  readonly sext: boolean;
}

const MASK_WORDS = 16;
/** Words in engine memory: slots that the code which left has stored. */
const STORED_MASK = 0x4000 + 0x1c0;

const resultOf = (node: Node): ValueType => {
  if (node.op === "feq" || node.op === "flt" || node.op === "fle" || node.op === "f2s" || node.op === "f2u")
    return naturalType(node.w);
  return node.w === 64 ? F64 : F32;
};

function storeOp(w: number): number {
  if (w === 64) return M.i64_store;
  if (w === 32) return M.i32_store;
  return w === 16 ? M.i32_store16 : M.i32_store8;
}

/** The sticky slot of the function's float ops. */
export function findSticky(func: Func): Sticky | undefined {
  for (const block of func.blocks) for (const step of block.values.steps) if (step.k === "float") return step.sticky;
  return undefined;
}
