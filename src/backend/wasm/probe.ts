import { Code, F64 } from "./code.ts";
import { ModuleBuilder } from "./module.ts";
import { FD } from "./opcodes.ts";

let fused: boolean | undefined;

/**
 * Whether this host rounds f64x2.relaxed_madd and relaxed_nmadd once, as a fused multiply-add must (it may round twice, and old hosts
 * have no such op). The engine's fast way for the guests' fused multiply-adds hangs on it.
 */
export function relaxedMaddIsFused(): boolean {
  fused ??= probe();
  return fused;
}

function probe(): boolean {
  // The square of 1 + 2^-52 ends in 2^-104: lost when the product is rounded first.
  const x = 1 + 2 ** -52;
  const rest = 2 ** -104;
  return (
    answer(FD.f64x2_relaxed_madd, x, x, -(1 + 2 ** -51)) === rest &&
    answer(FD.f64x2_relaxed_nmadd, x, x, 1 + 2 ** -51) === -rest
  );
}

/** What the instruction gives; undefined: the host has none. */
function answer(instruction: number, a: number, b: number, c: number): number | undefined {
  const module = new ModuleBuilder();
  const madd = module.func(module.type([F64, F64, F64], [F64]));
  const code = new Code([F64, F64, F64]);
  for (const operand of [0, 1, 2]) {
    code.get(operand);
    code.fd(FD.f64x2_splat);
  }
  code.fd(instruction);
  code.lane(FD.f64x2_extract_lane, 0);
  module.body(madd, code);
  module.exportFunc("madd", madd);
  const bytes = module.build();
  if (!WebAssembly.validate(bytes)) return undefined;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return (exports.madd as (a: number, b: number, c: number) => number)(a, b, c);
}
