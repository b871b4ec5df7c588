import { Code, V128 } from "../../src/backend/wasm/code.ts";
import { Lower, type LowerEnv } from "../../src/backend/wasm/lower.ts";
import { ModuleBuilder } from "../../src/backend/wasm/module.ts";
import { FD, M } from "../../src/backend/wasm/opcodes.ts";
import { SIGN, ZERO } from "../../src/backend/wasm/values.ts";
import type { Node } from "../../src/ir/node.ts";

/** Leaves lie in memory, 64 bytes each, results behind them. */
const LEAF = 64;
const RESULT = 0x1000;

const env: LowerEnv = {
  leaf(l, node, want) {
    l.code.i32(0);
    l.code.mem(node.w <= 32 ? M.i32_load : M.i64_load, 0, LEAF * node.aux);
    l.clean(node.w, want === SIGN ? SIGN : ZERO);
  },
  leafLow(l, node) {
    l.code.i32(0);
    l.code.mem(M.i32_load, 0, LEAF * node.aux);
  },
  leafFloat(l, node) {
    l.code.i32(0);
    l.code.mem(node.w === 64 ? M.f64_load : M.f32_load, 0, LEAF * node.aux);
  },
  leafChunk(l, node, k) {
    l.code.i32(0);
    l.code.memSimd(FD.v128_load, 0, LEAF * node.aux + 16 * k);
  },
  leafWord(l, node, j) {
    l.code.i32(0);
    l.code.mem(M.i64_load, 0, LEAF * node.aux + 8 * j);
    if (node.w < 64 * j + 64) l.clean64(node.w - 64 * j);
  },
  leafPart(l, node, lo, type) {
    l.code.i32(0);
    l.code.mem(type === "f64" ? M.f64_load : M.f32_load, 0, LEAF * node.aux + lo / 8);
  },
  leafSext32: () => false,
  floatHost() {
    throw new Error("no floats here");
  },
  floatOp() {
    throw new Error("no floats here");
  },
};

/** Compiles values over `get` leaves: leaves' values to the values. */
export function compileWide(nodes: readonly Node[]): (leaves: readonly bigint[]) => bigint[] {
  const module = new ModuleBuilder();
  module.importMemory("t", "m", 1, 1);
  const type = module.type([], []);
  nodes.forEach((node, i) => {
    const code = new Code([]);
    const lower = new Lower(code, env);
    lower.demand.full(node);
    if (node.w <= 64) {
      code.i32(0);
      lower.emit(node, ZERO);
      code.mem(node.w <= 32 ? M.i32_store : M.i64_store, 0, RESULT + 64 * i);
    } else
      for (let k = 0; k * 128 < node.w; k++) {
        const local = code.local(V128);
        lower.wide.v(node, k);
        code.set(local);
        code.i32(0);
        code.get(local);
        code.memSimd(FD.v128_store, 0, RESULT + 64 * i + 16 * k);
        code.release(local);
      }
    const func = module.func(type);
    module.body(func, code);
    module.exportFunc(`f${i}`, func);
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const words = new BigUint64Array(memory.buffer);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { t: { m: memory } });
  const read = (at: number, w: number): bigint => {
    let value = 0n;
    for (let j = Math.ceil(w / 64) - 1; j >= 0; j--) value = (value << 64n) | words[at / 8 + j]!;
    return value;
  };
  return (leaves) => {
    words.fill(0n);
    leaves.forEach((value, i) => {
      for (let j = 0; j < 8; j++) words[(LEAF * i) / 8 + j] = BigInt.asUintN(64, value >> BigInt(64 * j));
    });
    for (const f of Object.values(instance.exports)) (f as () => void)();
    return nodes.map((node, i) => read(RESULT + 64 * i, node.w));
  };
}
