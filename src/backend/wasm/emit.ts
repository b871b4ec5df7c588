import type { Node } from "../../ir/node.ts";
import { CTL_FUEL, Exit, STATE } from "../../memory/layout.ts";
import { type Analysis, staysInside } from "./analysis.ts";
import type { Batch } from "./batch.ts";
import { call, ret } from "./call.ts";
import { type Code, ENGINE, I32, I64 } from "./code.ts";
import { updateLimits } from "./float-host.ts";
import { Frame, LOWER, type Rep, SEXT, WIDE } from "./frame.ts";
import type { Block } from "./func.ts";
import { dispatch, type Edge, jump } from "./jump.ts";
import { exitAt } from "./leave.ts";
import { M, W } from "./opcodes.ts";
import { steps } from "./steps.ts";
import { naturalType, ZERO } from "./values.ts";

/** Emits one function of a batch. */
export class Emitter {
  private readonly f: Frame;
  private readonly way: Edge = (from, way) => this.edge(from, way);

  constructor(batch: Batch, analysis: Analysis) {
    this.f = new Frame(batch, analysis);
  }

  run(): Code {
    const { code, func } = this.f;
    this.prologue();
    this.tree(func.blocks[0]!);
    code.op(W.unreachable);
    return code;
  }

  private prologue(): void {
    const { code, func, signature } = this.f;
    const entry = func.blocks[0]!;
    signature.takes.forEach((slot, i) => {
      code.get(i);
      const rep = this.f.entryRep(entry, slot);
      if (rep === LOWER) {
        if (signature.params[i] === I64) code.op(W.i32_wrap_i64);
        code.set(this.f.narrowLocal(slot));
      } else code.set(this.f.wideLocal(slot));
      this.f.reps[slot] = rep;
    });
    this.enterFuel();
    if (this.f.analysis.assumes) {
      for (const slot of this.f.batch.assumedZero) {
        code.i32(0);
        code.mem(M.i32_load, ENGINE, STATE + this.f.batch.slots[slot]!.offset);
        code.unlikely();
        code.if();
        exitAt(this.f, func.entry, Exit.Evaluate, 0, this.f.dirtyTaken());
        code.end();
      }
    }
    if (signature.recursive) this.enterDepth();
    if (this.f.sticky && this.f.limits) updateLimits(code, this.f.batch.float, this.f.sticky, this.f.limits);
  }

  /** Loops count in a local; a function that can call itself counts each entry. */
  private enterFuel(): void {
    const { code, signature } = this.f;
    if (this.f.fuel < 0 && !signature.recursive) return;
    const left = this.f.fuel >= 0 ? this.f.fuel : code.local(I32);
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
      exitAt(this.f, this.f.func.entry, Exit.Fuel, 0, this.f.dirtyTaken());
      code.end();
    }
    if (this.f.fuel < 0) code.release(left);
  }

  /** Calls nest on the host's stack: at the limit the dispatcher takes over. */
  private enterDepth(): void {
    const { code } = this.f;
    code.get(this.f.depth);
    code.i32(0);
    code.op(W.i32_le_s);
    code.unlikely();
    code.if();
    exitAt(this.f, this.f.func.entry, Exit.Dispatch, 0, this.f.dirtyTaken());
    code.end();
  }

  /** Ramsey, Beyond Relooper: a block, then inside out the blocks it dominates that several ways lead to. */
  private tree(block: Block): void {
    const { code } = this.f;
    const nests = block.isHeader && this.f.innerOf(block) !== undefined;
    if (block.isHeader) {
      code.loop();
      this.f.loops[block.index] = code.depth;
      if (nests) code.loop();
    }
    const merges = block.children.filter((child) => this.isMerge(child)).sort((a, b) => b.index - a.index);
    for (const merge of merges) {
      code.block();
      this.f.labels[merge.index] = code.depth;
    }
    this.content(block);
    for (let i = merges.length - 1; i >= 0; i--) {
      code.end();
      this.tree(merges[i]!);
    }
    if (nests) code.end();
    if (block.isHeader) code.end();
  }

  private isMerge(block: Block): boolean {
    return block.forward > 1 || block.preds.some((pred) => pred.flow.k === "jump" || pred.flow.k === "dispatch");
  }

  /** Control to `succ` of the current block, or out. */
  private edge(from: Block, way: number): void {
    const { code } = this.f;
    const succ = from.succs[way];
    if (succ === undefined) {
      exitAt(this.f, from.ways[way]!, Exit.Dispatch, 0, this.f.dirtyAfter(from));
      return;
    }
    for (const slot of this.f.analysis.earlyOn(from, succ)) this.f.storeSlot(slot);
    if (succ.flow.k === "dispatch") {
      if (this.f.route < 0) this.f.route = code.freshLocal(I32);
      code.i32(from.routes[way]!);
      code.set(this.f.route);
    }
    if (succ.index <= from.index && !this.f.spends(from, succ)) {
      code.br(this.f.backTo(from, succ));
      return;
    }
    if (succ.index <= from.index) {
      code.get(this.f.fuel);
      code.i32(1);
      code.op(W.i32_sub);
      code.tee(this.f.fuel);
      code.i32(0);
      code.op(W.i32_gt_s);
      code.likely();
      code.brIf(this.f.backTo(from, succ));
      const save = this.f.reps.slice();
      for (const slot of this.f.analysis.live.list(succ.index)) this.f.reps[slot] = this.f.entryRep(succ, slot);
      const live = this.f.analysis.live;
      exitAt(
        this.f,
        from.ways[way]!,
        Exit.Fuel,
        0,
        this.f.dirtyAfter(from).filter((slot) => live.has(succ.index, slot)),
      );
      this.f.reps.set(save);
      return;
    }
    if (this.isMerge(succ)) {
      code.br(code.depth - this.f.labels[succ.index]!);
      return;
    }
    const save = this.f.reps.slice();
    this.tree(succ);
    this.f.reps.set(save);
  }

  private content(block: Block): void {
    const { lower, analysis } = this.f;
    this.f.block = block;
    for (const slot of analysis.live.list(block.index)) this.f.reps[slot] = this.f.entryRep(block, slot);
    lower.reset();
    this.f.batch.access.begin(block.values.steps);
    const plan = this.planSets(block);
    const demand = lower.demand;
    analysis.steps(block.values.steps, demand);
    if (block.values.control) demand.full(block.values.control);
    for (const set of plan) analysis.demandOf(set.value, set.slot, set.wide, demand);
    steps(this.f, block.values.steps);
    const flow = block.flow;
    const control = block.values.control;
    const hasControl =
      control !== undefined &&
      (flow.k === "branch" ||
        flow.k === "ret" ||
        flow.k === "jump" ||
        (flow.k === "call" && (block.callee < 0 || block.guarded)));
    this.applySets(plan, hasControl ? control : undefined);
    this.convert(block);
    this.terminate(block);
  }

  /** Sets of the block that somebody needs, and in which forms. */
  private planSets(block: Block): PlannedSet[] {
    const { analysis, batch } = this.f;
    const out: PlannedSet[] = [];
    const wants = (succ: Block, slot: number): Rep | undefined =>
      analysis.live.has(succ.index, slot) ? this.f.entryRep(succ, slot) : undefined;
    const inside = staysInside(block.flow);
    const callee = block.flow.k === "call" ? batch.summaries.calleeOf(block) : -1;
    let exits = !inside && !(callee >= 0);
    for (const succ of block.succs) if (succ === undefined) exits = true;
    const early = new Set(block.succs.flatMap((succ) => (succ ? analysis.earlyOn(block, succ) : [])));
    for (const [slot, value] of block.values.sets) {
      let wide = exits || early.has(slot);
      let narrow = false;
      let sext = false;
      if (callee >= 0) {
        // Arguments, and what is to be stored where the call leaves.
        const { takes, needs } = batch.summaries;
        wide = exits || block.guarded || takes.has(callee, slot) || needs.has(callee, slot);
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

  /**
   * Sets are simultaneous: all values come first. Then `control`, last of all, for V8 makes one jump of a comparison and
   * the branch right after it; it is left on the stack.
   */
  private applySets(plan: readonly PlannedSet[], control: Node | undefined): void {
    const { code, lower } = this.f;
    for (const { slot, value, wide } of plan) {
      if (this.f.isFloat(slot) && value.w === 64) lower.float(value);
      else if (wide || value.w <= 32) lower.emit(value, ZERO);
      else lower.low(value);
    }
    let held = -1;
    if (control !== undefined) {
      lower.emit(control, ZERO);
      if (plan.length > 0) code.set((held = code.local(naturalType(control.w))));
    }
    for (let i = plan.length - 1; i >= 0; i--) {
      const { slot, value, wide, narrow } = plan[i]!;
      if (wide || value.w <= 32 || this.f.isFloat(slot)) {
        if (narrow && value.w > 32 && !this.f.isFloat(slot)) {
          code.tee(this.f.wideLocal(slot));
          code.op(W.i32_wrap_i64);
          code.set(this.f.narrowLocal(slot));
        } else code.set(this.f.wideLocal(slot));
      } else code.set(this.f.narrowLocal(slot));
    }
    for (const { slot, value, wide, sext } of plan)
      this.f.reps[slot] = wide || value.w <= 32 || this.f.isFloat(slot) ? WIDE : sext ? SEXT : LOWER;
    if (held < 0) return;
    code.get(held);
    code.release(held);
  }

  /** Slots that pass through the block: into the forms that successors want. */
  private convert(block: Block): void {
    const { code, analysis } = this.f;
    if (block.flow.k === "call") return;
    for (const succ of block.succs) {
      if (succ === undefined) continue;
      for (const slot of analysis.live.list(succ.index)) {
        if (block.values.sets.has(slot)) continue;
        const have = this.f.reps[slot]!;
        const want = this.f.entryRep(succ, slot);
        if (have === want || (have !== WIDE && want !== WIDE)) continue;
        if (want === WIDE) {
          code.get(this.f.narrowLocal(slot));
          code.op(W.i64_extend_i32_s);
          code.set(this.f.wideLocal(slot));
        } else {
          code.get(this.f.wideLocal(slot));
          code.op(W.i32_wrap_i64);
          code.set(this.f.narrowLocal(slot));
        }
      }
    }
  }

  private terminate(block: Block): void {
    const { code, batch } = this.f;
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
        call(this.f, block, this.way);
        return;
      case "ret":
        ret(this.f, block);
        return;
      case "jump":
        jump(this.f, block, this.way);
        return;
      case "dispatch":
        dispatch(this.f, block, this.way);
        return;
      case "stop":
        exitAt(this.f, block.raw.next, Exit.Stop, batch.stops.indexOf(flow.name), this.f.dirtyAfter(block));
        return;
      case "trap":
        exitAt(
          this.f,
          block.raw.insts[block.raw.insts.length - 1]!.pc,
          Exit.Trap,
          batch.traps.indexOf(flow.name),
          this.f.dirtyAfter(block),
        );
        return;
      case "evaluate":
        // The first tier goes on from there, unless that would only lead back here.
        exitAt(
          this.f,
          block.values.giveUp,
          block.values.giveUp === this.f.func.entry ? Exit.Evaluate : batch.rest,
          0,
          this.f.dirtyAfter(block),
        );
        return;
    }
  }
}

interface PlannedSet {
  readonly slot: number;
  readonly value: Node;
  readonly wide: boolean;
  readonly narrow: boolean;
  readonly sext: boolean;
}
