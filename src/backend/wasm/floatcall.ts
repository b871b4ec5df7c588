import { raised } from "../../ir/float/round.ts";
import { type FloatShape, floatValue } from "../../ir/float/unit.ts";
import type { FpPolicy, Op } from "../../ir/node.ts";
import { SCRATCH, SCRATCH_RESULT, SCRATCH_RM } from "./abi.ts";

/** Float ops that compiled code may ask the reference implementation for; positions are part of cached code. */
const FLOAT_OPS: readonly Op[] = [
  ...(["fadd", "fsub", "fmul", "fdiv", "fsqrt", "fma", "f2f", "f2s", "f2u", "s2f", "u2f", "frint"] as const),
  ...(["feq", "flt", "fle"] as const),
];
const WIDTHS: readonly number[] = [1, 8, 16, 32, 64];
const POLICIES: readonly FpPolicy["nan"][] = ["canonical", "arm", "x86", "x87", "first"];
const INTEGERS: readonly FpPolicy["toint"][] = ["saturate-max", "zero", "indefinite"];

/** Everything about a float op but its operands, as a number. */
export function floatCode(node: FloatShape): number {
  const fp = node.fp!;
  const policy = POLICIES.indexOf(fp.nan) | (INTEGERS.indexOf(fp.toint) << 3) | ((fp.tiny === "after" ? 1 : 0) << 5);
  const widths = WIDTHS.indexOf(node.w) | (WIDTHS.indexOf(node.args[0]!.w) << 4);
  return FLOAT_OPS.indexOf(node.op) | (widths << 8) | (policy << 16);
}

function shapeOf(code: number): FloatShape {
  const policy = code >>> 16;
  const fp: FpPolicy = {
    name: "",
    nan: POLICIES[policy & 7]!,
    toint: INTEGERS[(policy >>> 3) & 3]!,
    tiny: policy & 32 ? "after" : "before",
  };
  return { op: FLOAT_OPS[code & 255]!, w: WIDTHS[(code >>> 8) & 15]!, args: [{ w: WIDTHS[(code >>> 12) & 15]! }], fp };
}

/** The import that compiled code calls for what its fast ways cannot decide; operands and result pass in engine memory. */
export function floatImport(engine: WebAssembly.Memory): (code: number) => number {
  const words = new BigUint64Array(engine.buffer, SCRATCH, 4);
  const mode = new Uint32Array(engine.buffer, SCRATCH_RM, 1);
  const shapes = new Map<number, FloatShape>();
  return (code) => {
    let shape = shapes.get(code);
    if (shape === undefined) shapes.set(code, (shape = shapeOf(code)));
    const rm = BigInt(mode[0]!);
    const operands =
      shape.op === "fma"
        ? [words[0]!, words[1]!, words[2]!, rm]
        : ROUNDED_PAIRS.has(shape.op)
          ? [words[0]!, words[1]!, rm]
          : COMPARES.has(shape.op)
            ? [words[0]!, words[1]!]
            : [words[0]!, rm];
    words[(SCRATCH_RESULT - SCRATCH) / 8] = floatValue(shape, operands);
    return raised.flags;
  };
}

const ROUNDED_PAIRS: ReadonlySet<Op> = new Set<Op>(["fadd", "fsub", "fmul", "fdiv"]);
const COMPARES: ReadonlySet<Op> = new Set<Op>(["feq", "flt", "fle"]);
