import { hole } from "../../ir/lanes.ts";
import type { Node } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";
import { F32, F64, I32, I64, type ValueType } from "./code.ts";
import { containerOf } from "./lanes-fit.ts";
import type { Registers } from "./lanes-registers.ts";
import type { Lanes } from "./lanes-values.ts";
import { FD, W } from "./opcodes.ts";
import { type Container, LANE_U, REPLACE } from "./simd-codes.ts";
import { ZERO } from "./values.ts";

/** How a lane's scalar is computed, into registers that are there already. */
export interface ByLane {
  readonly out: Registers;
  /** Pushes the op's value, answers its type. */
  push(op: Node): ValueType;
  /** Opens an `if` around lane `i`, whose value nobody wants. */
  lane?(i: number): void;
}

const F32X4_REPLACE = 32;

/** The op on each lane as a scalar; an i1 becomes a mask. Zero above its width. */
export function byLane(lanes: Lanes, node: Node, c: Container, by?: ByLane): Registers {
  const { code, l } = lanes;
  const inputs = node.args.map((arg) => {
    if (arg.op === "const") return { node: arg, c: 8 as Container, registers: [] as Registers };
    if (arg.op === "elem" && lanes.map.args[arg.aux]!.w === arg.w)
      return { node: lanes.map.args[arg.aux]!, c: 8 as Container, registers: [] as Registers };
    const home = containerOf(arg.w);
    return { node: hole(arg.w), c: home, registers: lanes.vec(arg, home, ZERO) };
  });
  for (const x of inputs) if (x.registers.length === 0) l.bind(x.node, ZERO);
  // One lane's op, on holes that stand for the lane's values.
  const op = remake(
    node,
    inputs.map((x) => x.node),
  );
  const locals = inputs.map((x) => (x.registers.length > 0 ? code.local(x.c === 64 ? I64 : I32) : -1));
  const out = by?.out ?? lanes.each(c, () => l.wide.bytes([]));
  l.frozen++;
  for (let i = 0; i < lanes.n; i++) {
    const to = out[Math.floor((i * c) / 128)]!;
    code.get(to);
    inputs.forEach((x, k) => {
      if (x.registers.length === 0) return;
      const at = i * x.c;
      code.get(x.registers[at >> 7]!);
      code.lane(LANE_U[x.c], (at & 127) / x.c);
      code.set(locals[k]!);
      l.keep(x.node, locals[k]!, ZERO);
    });
    if (by?.lane) {
      code.op(W.drop);
      by.lane(i);
      by.push(op);
      code.end();
      continue;
    }
    if (by !== undefined) {
      const type = by.push(op);
      const at = ((i * c) & 127) / c;
      if (type === F64) code.lane(FD.f64x2_replace_lane, at);
      else if (type === F32) code.lane(F32X4_REPLACE, at);
      else code.lane(REPLACE[c], at);
      code.set(to);
      continue;
    }
    if (node.w === 1) {
      code.i32(0);
      l.emit(op, ZERO);
      code.op(W.i32_sub);
      if (c === 64) code.op(W.i64_extend_i32_s);
    } else {
      l.emit(op, ZERO);
      if (c === 64 && node.w <= 32) code.op(W.i64_extend_i32_u);
    }
    code.lane(REPLACE[c], ((i * c) & 127) / c);
    code.set(to);
  }
  l.frozen--;
  for (const x of inputs) l.forget(x.node);
  for (const local of locals) if (local >= 0) code.release(local);
  return out;
}
