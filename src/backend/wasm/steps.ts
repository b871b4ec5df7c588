import type { Node } from "../../ir/node.ts";
import { BIAS, Exit, PROT_READ, PROT_WRITE, STATE } from "../../memory/layout.ts";
import { pushForbidden } from "./access.ts";
import { ENGINE, F32, F64, I32, I64, V128, type ValueType } from "./code.ts";
import { FLOAT, LOW } from "./demand.ts";
import { lowerFloat, updateLimits } from "./float.ts";
import type { Frame } from "./frame.ts";
import type { Step } from "./graph.ts";
import { leaveBefore } from "./leave.ts";
import { FD, M, W } from "./opcodes.ts";
import { ANY, naturalType, SIGN, type Want, ZERO } from "./values.ts";

type AccessStep = Step & { k: "load" | "store" | "rmw" };

export function steps(f: Frame, list: readonly Step[]): void {
  const { code, lower, batch } = f;
  for (const step of list) {
    switch (step.k) {
      case "load":
        load(f, step);
        break;
      case "store":
        if (step.value.w === 64 && f.analysis.isFloatValue(step.value)) {
          const offset = address(f, step, step.addr, 64, PROT_WRITE);
          lower.float(step.value);
          code.mem(M.f64_store, 0, offset);
        } else {
          const offset = address(f, step, step.addr, step.value.w, PROT_WRITE);
          if (step.value.w < 64 && step.value.w > 32) throw new Error("odd store");
          lower.emit(step.value, ANY);
          code.mem(storeOp(step.value.w), 0, offset);
        }
        break;
      case "rmw":
        rmw(f, step);
        break;
      case "float": {
        lowerFloat(lower, step.node, batch.float, step.sticky, f.limits);
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
}

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

function load(f: Frame, step: Step & { k: "load" }): void {
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
  leaveBefore(f, step.pc, Exit.Trap, f.batch.traps.indexOf(step.name), step.sets);
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
