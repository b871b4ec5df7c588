import type { Effect, Node } from "../../ir/node.ts";
import { BIAS, STATE } from "../../memory/layout.ts";
import type { IsaBook, Template } from "../../rules/book.ts";
import { type Code, F64, I32, I64, V128 } from "./code.ts";
import type { FloatHost } from "./float-host.ts";
import { pushExceptions } from "./float-reference.ts";
import { keepFloat, pushFloat } from "./interp-float.ts";
import { NotLowered, type UopPlan, visitEffects, visitNodes } from "./interp-plan.ts";
import { Lower, type LowerEnv } from "./lower.ts";
import { FD, M, W } from "./opcodes.ts";
import { stickyTerms } from "./sticky.ts";
import { ANY, naturalType, SIGN, type Want, ZERO } from "./values.ts";
import { type Part, wideParts } from "./wide-parts.ts";

const LOADS: Record<number, readonly [unsigned: number, signed: number]> = {
  8: [M.i32_load8_u, M.i32_load8_s],
  16: [M.i32_load16_u, M.i32_load16_s],
  32: [M.i32_load, M.i32_load],
  64: [M.i64_load, M.i64_load],
};
const SLOT_STORES: Partial<Record<number, number>> = { [I32]: M.i32_store, [I64]: M.i64_store, [F64]: M.f64_store };
/** What is left of a wide value beyond its whole words. */
const WORD_LOADS: Record<number, number> = { 8: M.i64_load8_u, 16: M.i64_load16_u, 32: M.i64_load32_u, 64: M.i64_load };
const WORD_STORES: Record<number, number> = { 8: M.i64_store8, 16: M.i64_store16, 32: M.i64_store32, 64: M.i64_store };
const STORES: Record<number, number> = { 8: M.i32_store8, 16: M.i32_store16, 32: M.i32_store, 64: M.i64_store };

/**
 * The values of one handler: where its leaves come from (slots through the micro-op's operands, parameters from the
 * micro-op, loads from locals), and the lowering of what is made of them.
 */
export class InterpValues implements LowerEnv {
  readonly code: Code;
  readonly engine: number;
  readonly guest: number;
  readonly lower: Lower;
  private readonly book: IsaBook;
  private readonly template: Template;
  private readonly plan: UopPlan;
  private readonly float: FloatHost;
  /** Slots read more than once: their locals. */
  private readonly read = new Map<number, number>();
  /** Loads that are only sign-extended. */
  private readonly signedLoads = new Set<Node>();
  private oldLocals: readonly number[] = [];

  constructor(
    code: Code,
    memories: { readonly engine: number; readonly guest: number },
    book: IsaBook,
    template: Template,
    plan: UopPlan,
    float: FloatHost,
  ) {
    this.code = code;
    this.engine = memories.engine;
    this.guest = memories.guest;
    this.book = book;
    this.template = template;
    this.plan = plan;
    this.float = float;
    this.lower = new Lower(code, this);
    this.countUses(template.effects);
    this.preload(template.effects);
  }

  private countUses(effects: readonly Effect[]): void {
    const { demand } = this.lower;
    visitEffects(effects, (e) => {
      if (e.k === "set") {
        const terms = stickyTerms(e.slot, e.value);
        if (terms === undefined) demand.full(e.value);
        for (const term of terms ?? []) {
          for (const node of [term.float, ...(term.lanes?.args ?? []), ...term.guards]) if (node) demand.full(node);
          if (term.modes.length > 0) demand.full(term.value);
        }
      } else if (e.k === "if") demand.full(e.cond);
      else if (e.k === "load") demand.full(e.node.args[0]);
      else if (e.k === "jump" && !this.isLinked(e.target)) demand.full(e.target);
      else if (e.k === "store" || e.k === "rmw") {
        demand.full(e.k === "store" ? e.addr : e.node.args[0]);
        demand.full(e.k === "store" ? e.value : e.node.args[1]);
      }
    });
    const plain = new Set<Node>();
    visitNodes(effects, (n) => {
      for (const arg of n.args) {
        if (arg.op !== "load") continue;
        if (n.op === "sext") this.signedLoads.add(arg);
        else plain.add(arg);
      }
    });
    visitEffects(effects, (e) => {
      if (e.k === "set") plain.add(e.value);
      if (e.k === "store") plain.add(e.value);
    });
    for (const node of plain) this.signedLoads.delete(node);
  }

  isLinked(target: Node): boolean {
    return target.op === "param" && target.aux === this.plan.link;
  }

  /** Reads slots that are used more than once into locals, at the handler's start where every way passes. */
  private preload(effects: readonly Effect[]): void {
    const gets = new Map<number, Node[]>();
    visitNodes(effects, (n) => {
      if (n.op !== "get") return;
      const list = gets.get(n.aux);
      if (list) list.push(n);
      else gets.set(n.aux, [n]);
    });
    for (const [slot, nodes] of gets) {
      const uses = nodes.reduce((sum, n) => sum + this.lower.demand.count(n), 0);
      if (uses < 2 || nodes[0].w > 64) continue;
      const local = this.code.local(naturalType(nodes[0].w));
      this.readSlot(slot, nodes[0].w);
      this.code.set(local);
      this.read.set(slot, local);
    }
  }

  push(node: Node, want: Want = ZERO): void {
    this.lower.emit(node, want);
  }

  /** Emits an arm that may not run: nothing computed in it is kept for later. */
  inArm<T>(emit: () => T): T {
    this.lower.frozen++;
    const result = emit();
    this.lower.frozen--;
    return result;
  }

  /** Computes the float op whose exceptions the set accumulates; undefined: it is another set. */
  accumulates(slot: number, value: Node): boolean {
    const terms = stickyTerms(slot, value);
    if (terms === undefined) return false;
    const { code, lower, float } = this;
    for (const term of terms) {
      const { guards } = term;
      if (guards.length > 0) {
        guards.forEach((guard, i) => {
          lower.emit(guard, ZERO);
          if (i > 0) code.op(W.i32_and);
        });
        code.if();
        lower.frozen++;
      }
      if (term.lanes) lower.lanes.accumulate(slot, term, float);
      else if (term.float) {
        const sticky = { slot, value: term.value, float: term.float };
        if (guards.length === 0) keepFloat(lower, float, term.float, sticky);
        else {
          pushFloat(lower, float, term.float, sticky);
          code.op(W.drop);
        }
      } else {
        code.i32(0);
        code.i32(0);
        code.mem(M.i32_load, this.engine, float.slotOffset(slot));
        lower.emit(term.value, ZERO);
        code.op(W.i32_or);
        code.mem(M.i32_store, this.engine, float.slotOffset(slot));
      }
      if (guards.length === 0) continue;
      lower.frozen--;
      code.end();
    }
    return true;
  }

  /** What a set writes. A wide slot is written in parts: those that keep what they were are left out. */
  parts(slot: number, value: Node): Part[] {
    const { w } = value;
    const op = this.isPart(slot) ? STORES[w] : undefined;
    if (this.isPart(slot) && op === undefined && w % 64 !== 0) throw new NotLowered(`part of i${w}`);
    return w <= 64 ? [{ at: 0, type: naturalType(w), op }] : wideParts(value, (n) => this.sameSlot(n, slot));
  }

  /** Pushes a part of a value in its type. */
  pushPart(value: Node, part: Part): void {
    if (value.w <= 64) this.push(value);
    else if (part.type === V128) this.lower.wide.v(value, part.at / 16);
    else {
      this.lower.wide.bits(value, 8 * part.at, 64);
      if (part.type === F64) this.code.op(W.f64_reinterpret_i64);
    }
  }

  /** True where the node reads what `slot` writes. */
  private sameSlot(node: Node, slot: number): boolean {
    if (node.op !== "get") return false;
    if (node.aux === slot) return true;
    if (node.aux >= 0 || slot >= 0) return false;
    const [a, b] = [this.template.slotParams[-1 - node.aux]!, this.template.slotParams[-1 - slot]!];
    const here = (i: number): boolean => a.slots[i] === b.slots[i] && (a.bytes?.[i] ?? 0) === (b.bytes?.[i] ?? 0);
    return a.field === b.field && a.slots.every((s, i) => here(i) || (s < 0 && b.slots[i]! < 0));
  }

  /** Writes a local to a part of a slot. */
  store(slot: number, part: Part, local: number): void {
    this.slotAddress(slot);
    this.code.get(local);
    const at = this.slotOffset(slot) + part.at;
    if (part.type === V128) this.code.memSimd(FD.v128_store, this.engine, at);
    else this.code.mem(part.op ?? SLOT_STORES[part.type]!, this.engine, at);
  }

  /** Pushes the guest's bytes at the address in a local; the value is then `define`d. */
  load(address: number, node: Node): readonly number[] {
    if (node.w > 64) return this.loadWide(address, node);
    const ops = LOADS[node.w];
    if (!ops) throw new NotLowered(`load of i${node.w}`);
    const signed = this.signedLoads.has(node);
    const local = this.code.local(naturalType(node.w));
    this.guestAddress(address);
    this.code.mem(ops[signed ? 1 : 0], this.guest, 0);
    this.code.set(local);
    this.lower.keep(node, local, signed ? SIGN : ZERO);
    return [local];
  }

  /** Whole chunks, or words where the width is no multiple of them. */
  private loadWide(address: number, node: Node): readonly number[] {
    const { code, lower } = this;
    const locals: number[] = [];
    if (node.w % 128 === 0) {
      for (let k = 0; k < node.w / 128; k++) {
        const local = code.local(V128);
        this.guestAddress(address);
        code.memSimd(FD.v128_load, this.guest, 16 * k);
        code.set(local);
        lower.wide.keepChunk(node, k, local);
        locals.push(local);
      }
      return locals;
    }
    for (let at = 0; at < node.w; at += 64) {
      const op = WORD_LOADS[Math.min(64, node.w - at)];
      if (op === undefined) throw new NotLowered(`load of i${node.w}`);
      const local = code.local(I64);
      this.guestAddress(address);
      code.mem(op, this.guest, at / 8);
      code.set(local);
      locals.push(local);
    }
    lower.wide.keepWords(node, locals);
    return locals;
  }

  private storeWide(address: number, value: Node): void {
    const { code, lower } = this;
    const chunks = value.w % 128 === 0;
    for (let at = 0; at < value.w; at += chunks ? 128 : 64) {
      const op = chunks ? FD.v128_store : WORD_STORES[Math.min(64, value.w - at)];
      if (op === undefined) throw new NotLowered(`store of i${value.w}`);
      this.guestAddress(address);
      if (chunks) lower.wide.v(value, at / 128);
      else lower.wide.bits(value, at, 64);
      if (chunks) code.memSimd(op, this.guest, at / 8);
      else code.mem(op, this.guest, at / 8);
    }
  }

  storeGuest(address: number, value: Node): void {
    if (value.w > 64) {
      this.storeWide(address, value);
      return;
    }
    const op = STORES[value.w];
    if (op === undefined) throw new NotLowered(`store of i${value.w}`);
    this.guestAddress(address);
    this.push(value, ANY);
    this.code.mem(op, this.guest, 0);
  }

  /** Runs `emit` with `old` standing for what is in `local`. */
  withOld(locals: readonly number[], emit: () => void): void {
    this.oldLocals = locals;
    emit();
    this.oldLocals = [];
  }

  private guestAddress(address: number): void {
    this.code.get(address);
    this.code.op(W.i32_wrap_i64);
    this.code.i32(BIAS);
    this.code.op(W.i32_sub);
  }

  /** Parameters' addresses are read from the micro-op, a fixed slot's is an offset. */
  private slotAddress(slot: number): void {
    if (slot >= 0) {
      this.code.i32(0);
      return;
    }
    const operand = this.plan.slots.find((s) => s.param === -1 - slot)!;
    this.code.get(0);
    this.code.mem(M.i32_load16_u, this.engine, operand.at);
  }
  private slotOffset(slot: number): number {
    return slot >= 0 ? STATE + this.book.slots[slot].offset : 0;
  }

  /** A parameter that names a part of a slot: what stands beside it is not the value's. */
  private isPart(slot: number): boolean {
    return slot < 0 && this.template.slotParams[-1 - slot].bytes !== undefined;
  }

  private readSlot(slot: number, w: number, as: number = w <= 32 ? M.i32_load : M.i64_load): void {
    const op = this.isPart(slot) ? LOADS[w]?.[0] : as;
    if (op === undefined) throw new NotLowered(`part of i${w}`);
    this.slotAddress(slot);
    this.code.mem(op, this.engine, this.slotOffset(slot));
  }

  leaf(lower: Lower, node: Node, want: Want): void {
    const { code } = this;
    switch (node.op) {
      case "get": {
        const local = this.read.get(node.aux);
        if (local !== undefined) code.get(local);
        else this.readSlot(node.aux, node.w);
        break;
      }
      case "param":
        this.pushParam(node);
        break;
      case "old":
        code.get(this.oldLocals[0]!);
        break;
      case "undef":
        lower.number(node.w, 0);
        return;
      default:
        throw new NotLowered(node.op);
    }
    if (want === SIGN) lower.clean(node.w, SIGN);
  }

  private pushParam(node: Node): void {
    const { code, engine } = this;
    const operand = this.plan.values.find((v) => v.param === node.aux);
    if (!operand) throw new NotLowered("parameter without an operand");
    code.get(0);
    const wide = node.w > 32;
    if (operand.bytes === 1) code.mem(wide ? M.i64_load8_u : M.i32_load8_u, engine, operand.at);
    else if (operand.bytes === 2) code.mem(wide ? M.i64_load16_u : M.i32_load16_u, engine, operand.at);
    else if (operand.bytes === 8 || !wide) code.mem(wide ? M.i64_load : M.i32_load, engine, operand.at);
    else code.mem(operand.signed ? M.i64_load32_s : M.i64_load32_u, engine, operand.at);
    const held = this.template.valueParams[node.aux].w;
    if (held !== node.w) throw new NotLowered(`parameter of i${held} used as i${node.w}`);
  }

  leafLow(lower: Lower, node: Node): void {
    if (node.op === "get" && !this.read.has(node.aux)) {
      this.readSlot(node.aux, node.w, M.i32_load);
      return;
    }
    this.leaf(lower, node, ANY);
    this.code.op(W.i32_wrap_i64);
  }

  leafFloat(lower: Lower, node: Node): void {
    if (node.op === "get" && !this.read.has(node.aux)) {
      this.readSlot(node.aux, node.w, node.w === 64 ? M.f64_load : M.f32_load);
      return;
    }
    this.leaf(lower, node, ANY);
    this.code.op(node.w === 64 ? W.f64_reinterpret_i64 : W.f32_reinterpret_i32);
  }

  leafChunk(_lower: Lower, node: Node, k: number): void {
    const { code } = this;
    if (node.op === "get") {
      this.slotAddress(node.aux);
      code.memSimd(FD.v128_load, this.engine, this.slotOffset(node.aux) + 16 * k);
    } else if (node.op === "old") code.get(this.oldLocals[k]!);
    else throw new NotLowered(`${node.op} of i${node.w}`);
  }

  leafWord(lower: Lower, node: Node, j: number): void {
    const { code } = this;
    if (node.op === "get") {
      this.slotAddress(node.aux);
      code.mem(M.i64_load, this.engine, this.slotOffset(node.aux) + 8 * j);
    } else if (node.op === "old" && node.w % 128 !== 0) code.get(this.oldLocals[j]!);
    else {
      this.leafChunk(lower, node, j >> 1);
      code.lane(FD.i64x2_extract_lane, j & 1);
    }
  }

  leafPart(_lower: Lower, node: Node, lo: number, type: "f32" | "f64"): void {
    this.slotAddress(node.aux);
    const op = type === "f64" ? M.f64_load : M.f32_load;
    this.code.mem(op, this.engine, this.slotOffset(node.aux) + lo / 8);
  }

  leafSext32(): boolean {
    return false;
  }

  floatOp(lower: Lower, node: Node): void {
    if (node.op === "fexc") pushExceptions(lower, node.args[0], this.float);
    else pushFloat(lower, this.float, node, undefined);
  }

  floatHost(): FloatHost {
    return this.float;
  }
}
