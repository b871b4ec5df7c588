import type { Node } from "../../ir/node.ts";
import { BIAS, Exit, PROT_READ, PROT_WRITE, STATE } from "../../memory/layout.ts";
import { pushForbidden } from "./access.ts";
import { ENGINE, F32, F64, I32, I64, V128, type ValueType } from "./code.ts";
import { FLOAT, LOW } from "./demand.ts";
import { lowerFloat } from "./float.ts";
import { FloatGroup } from "./float-group.ts";
import { updateLimits } from "./float-host.ts";
import type { Frame } from "./frame.ts";
import type { Step } from "./graph.ts";
import { exitAt, leaveBefore } from "./leave.ts";
import { FD, M, W } from "./opcodes.ts";
import { ANY, naturalType, SIGN, type Want, ZERO } from "./values.ts";

type AccessStep = Step & { k: "load" | "store" | "rmw" };

export function steps(f: Frame, list: readonly Step[]): void {
  const { code, lower, batch } = f;
  const group = new FloatGroup(f);
  for (const step of list) {
    if (step.k === "float" && group.take(step)) continue;
    if (!staysUndone(step) || group.depends(step.k === "load" ? step.node.args[0]! : step.node)) group.flush();
    switch (step.k) {
      case "load":
        load(f, step);
        break;
      case "store":
        if (step.value.w === 64 && f.analysis.isFloatValue(step.value)) {
          const offset = address(f, step, step.addr, 64, PROT_WRITE);
          lower.float(step.value);
          code.mem(M.f64_store, 0, offset);
        } else if (step.value.w > 64) storeWide(f, step);
        else {
          const offset = address(f, step, step.addr, step.value.w, PROT_WRITE);
          if (step.value.w < 64 && step.value.w > 32) throw new Error("odd store");
          lower.emit(step.value, ANY);
          code.mem(storeOp(step.value.w), 0, offset);
        }
        break;
      case "rmw":
        rmw(f, step);
        break;
      case "lanes":
        lower.lanes.accumulate(step.slot, step.term, batch.float);
        break;
      case "float": {
        lowerFloat(lower, step.node, batch.float, step.sticky, f.limits);
        if (lower.frozen > 0) {
          code.op(W.drop);
          break;
        }
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
        if (f.sticky?.slot === step.slot && f.limits) updateLimits(code, batch.float, f.sticky, f.limits);
        break;
      }
      case "if":
        settle(f, step.then);
        settle(f, step.else);
        lower.emit(step.cond, ZERO);
        lower.frozen++;
        code.if();
        steps(f, step.then);
        if (step.else.length > 0) {
          code.else();
          // What was kept in the first part is not there in the second.
          lower.frozen--;
          lower.frozen++;
          steps(f, step.else);
        }
        code.end();
        lower.frozen--;
        break;
      case "trap":
        trapInside(f, step);
        break;
    }
  }
  group.flush();
}

/** Does nothing that others see. */
const staysUndone = (step: Step): step is Step & { k: "load" | "float" | "keep" } =>
  step.k === "float" || step.k === "keep" || (step.k === "load" && step.before === undefined);

/** Pushes an access's wasm address; the displacement that belongs to it. */
function address(f: Frame, step: AccessStep, addr: Node, w: number, access: number): number {
  const { code, lower, batch } = f;
  if (step.before === undefined) {
    batch.access.address(lower, addr);
    return batch.access.offset;
  }
  settle(f, [step]);
  const low = pushForbidden(lower, addr, w / 8, access);
  code.unlikely();
  code.if();
  leaveBefore(f, step.pc, Exit.Evaluate, 0, step.before);
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
function settle(f: Frame, list: readonly Step[]): void {
  const { lower } = f;
  if (lower.frozen > 0) return;
  for (const step of list) {
    if (step.k === "if") {
      settle(f, step.then);
      settle(f, step.else);
    }
    if ((step.k !== "load" && step.k !== "store" && step.k !== "rmw") || step.before === undefined) continue;
    for (const [slot, value] of step.before)
      if (f.isFloat(slot) && value.w === 64) lower.bindFloat(value);
      else lower.bind(value, ZERO);
  }
}

/** 128 bits at a time, words where the width is no multiple of that. */
function storeWide(f: Frame, step: Step & { k: "store" }): void {
  const { code, lower } = f;
  const { value } = step;
  const at = code.local(I32);
  const offset = address(f, step, step.addr, value.w, PROT_WRITE);
  code.set(at);
  const chunks = value.w % 128 === 0;
  for (let lo = 0; lo < value.w; lo += chunks ? 128 : 64) {
    code.get(at);
    if (chunks) {
      lower.wide.v(value, lo / 128);
      code.memSimd(FD.v128_store, 0, offset + lo / 8);
    } else {
      lower.wide.bits(value, lo, 64);
      code.mem(WORD_STORES[Math.min(64, value.w - lo)]!, 0, offset + lo / 8);
    }
  }
  code.release(at);
}

function loadWide(f: Frame, step: Step & { k: "load" }): void {
  const { code, lower } = f;
  const { node } = step;
  const at = code.local(I32);
  const offset = address(f, step, node.args[0]!, node.w, PROT_READ);
  code.set(at);
  if (node.w % 128 === 0)
    for (let k = 0; k * 128 < node.w; k++) {
      const local = code.local(V128);
      code.get(at);
      code.memSimd(FD.v128_load, 0, offset + 16 * k);
      code.set(local);
      lower.wide.keepChunk(node, k, local, true);
    }
  else {
    const words: number[] = [];
    for (let lo = 0; lo < node.w; lo += 64) {
      const local = code.local(I64);
      code.get(at);
      code.mem(WORD_LOADS[Math.min(64, node.w - lo)]!, 0, offset + lo / 8);
      code.set(local);
      words.push(local);
    }
    lower.wide.keepWords(node, words, true);
  }
  code.release(at);
}

/** What is left of a wide value beyond its whole words; a width that is not here is not compiled (graph.ts). */
const WORD_LOADS: Record<number, number> = { 8: M.i64_load8_u, 16: M.i64_load16_u, 32: M.i64_load32_u, 64: M.i64_load };
const WORD_STORES: Record<number, number> = { 8: M.i64_store8, 16: M.i64_store16, 32: M.i64_store32, 64: M.i64_store };

function load(f: Frame, step: Step & { k: "load" }): void {
  if (step.node.w > 64) {
    loadWide(f, step);
    return;
  }
  const { code, lower } = f;
  const { node } = step;
  const how = lower.demand.how(node);
  const offset = address(f, step, node.args[0]!, node.w, PROT_READ);
  const extension = lower.demand.extension(node);
  let type = naturalType(node.w);
  let clean: Want = ZERO;
  if (how === FLOAT && f.batch.float.fused && lower.demand.fused(node)) {
    type = V128;
    code.memSimd(FD.v128_load64_splat, 0, offset);
  } else if (how === FLOAT) {
    type = node.w === 64 ? F64 : F32;
    code.mem(node.w === 64 ? M.f64_load : M.f32_load, 0, offset);
  } else if (node.w === 64 && how === LOW) {
    type = I32;
    clean = ANY;
    code.mem(M.i32_load, 0, offset);
  } else if (node.w === 64) code.mem(M.i64_load, 0, offset);
  else if (extension !== undefined) {
    // At once into 64 bits: V8 would load twice where both widths are wanted.
    type = I64;
    clean = extension === "sext" ? SIGN : ZERO;
    code.mem(EXTENDING[node.w]![extension], 0, offset);
  } else if (node.w === 32) code.mem(M.i32_load, 0, offset);
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

const EXTENDING: Readonly<Record<number, { readonly sext: number; readonly zext: number }>> = {
  8: { sext: M.i64_load8_s, zext: M.i64_load8_u },
  16: { sext: M.i64_load16_s, zext: M.i64_load16_u },
  32: { sext: M.i64_load32_s, zext: M.i64_load32_u },
};

function rmw(f: Frame, step: Step & { k: "rmw" }): void {
  const { code, lower } = f;
  const { node } = step;
  const type = naturalType(node.w);
  const at = code.local(I32);
  const before = code.freshLocal(type);
  const offset = address(f, step, node.args[0]!, node.w, PROT_READ | PROT_WRITE);
  code.tee(at);
  if (node.w === 64) code.mem(M.i64_load, 0, offset);
  else if (node.w === 32) code.mem(M.i32_load, 0, offset);
  else code.mem(node.w === 16 ? M.i32_load16_u : M.i32_load8_u, 0, offset);
  code.set(before);
  code.get(at);
  const outer = f.oldLocal;
  f.oldLocal = before;
  lower.frozen++;
  lower.emit(node.args[1]!, ANY);
  lower.frozen--;
  f.oldLocal = outer;
  code.mem(storeOp(node.w), 0, offset);
  code.release(at);
  lower.keep(node, before, ZERO);
}

/** A trap in the middle: state before the instruction. */
function trapInside(f: Frame, step: Step & { k: "trap" }): void {
  const trap = f.batch.traps.indexOf(step.name);
  if (step.sets === undefined) exitAt(f, step.pc, Exit.Trap, trap, []);
  else leaveBefore(f, step.pc, Exit.Trap, trap, step.sets);
}

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
