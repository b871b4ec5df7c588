import { Code, I32 } from "../../backend/wasm/code.ts";
import { Lower, type LowerEnv } from "../../backend/wasm/lower.ts";
import { unlowerable } from "../../backend/wasm/lowerable.ts";
import { ModuleBuilder } from "../../backend/wasm/module.ts";
import { M, W } from "../../backend/wasm/opcodes.ts";
import { naturalType, ZERO } from "../../backend/wasm/values.ts";
import type { Node } from "../../ir/node.ts";

/**
 * A summary compiled to wasm over arrays of records: millions of states a second. The lowering is the backend's own, so
 * what is compared with an oracle here is the compiled form of a row.
 */
export class Bulk {
  private readonly memory: WebAssembly.Memory;
  private readonly run: (from: number, to: number, count: number) => void;
  readonly recordBytes: number;
  readonly outBytes: number;

  /** `slots`: where a slot stands in a record, in bytes. `outputs`: what each 8 bytes of an output record are. */
  constructor(
    slots: ReadonlyMap<number, number>,
    recordBytes: number,
    outputs: readonly Node[],
    memory: WebAssembly.Memory,
  ) {
    this.recordBytes = recordBytes;
    this.outBytes = 8 * outputs.length;
    this.memory = memory;
    const module = new ModuleBuilder();
    module.importMemory("e", "m", 1);
    const code = new Code([I32, I32, I32]);
    const [from, to, count] = [0, 1, 2];
    code.loop();
    lowerOutputs(code, slots, outputs);
    advance(code, from, recordBytes);
    advance(code, to, this.outBytes);
    code.get(count);
    code.i32(-1);
    code.op(W.i32_add);
    code.tee(count);
    code.brIf(0);
    code.end();
    const func = module.func(module.type([I32, I32, I32], []));
    module.body(func, code);
    module.exportFunc("f", func);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { e: { m: memory } });
    this.run = instance.exports.f as (from: number, to: number, count: number) => void;
  }

  /** Output records for `count` records of `state`; a view that the next run overwrites. */
  outputs(state: Uint8Array, count: number): Int32Array {
    const need = count * (this.recordBytes + this.outBytes) + 65536;
    const have = this.memory.buffer.byteLength;
    if (have < need) this.memory.grow(Math.ceil((need - have) / 65536));
    new Uint8Array(this.memory.buffer).set(state.subarray(0, count * this.recordBytes));
    const to = (count * this.recordBytes + 15) & ~15;
    if (count > 0) this.run(0, to, count);
    return new Int32Array(this.memory.buffer, to, (count * this.outBytes) / 4);
  }
}

/** Code that stores each output at local 1 plus 8 times its number, over slots that stand at local 0. */
export function lowerOutputs(code: Code, slots: ReadonlyMap<number, number>, outputs: readonly Node[]): void {
  const [from, to] = [0, 1];
  const load = (l: Lower, node: Node): void => {
    l.code.get(from);
    l.code.mem(M.i64_load, 0, slots.get(node.aux)!);
  };
  const env: LowerEnv = {
    leaf(l, node, want) {
      load(l, node);
      if (node.w <= 32) l.code.op(W.i32_wrap_i64);
      l.clean(node.w, want);
    },
    leafLow(l, node) {
      load(l, node);
      l.code.op(W.i32_wrap_i64);
    },
    leafFloat: () => bug("a float"),
    leafChunk: () => bug("a wide leaf"),
    leafWord: () => bug("a wide leaf"),
    leafPart: () => bug("a wide leaf"),
    leafSext32: () => false,
    floatOp: () => bug("a float"),
    floatHost: () => bug("a float"),
  };
  const lower = new Lower(code, env);
  for (const node of outputs) lower.demand.full(node);
  outputs.forEach((node, k) => {
    code.get(to);
    lower.emit(node, ZERO);
    if (naturalType(node.w) === I32) code.op(W.i64_extend_i32_u);
    code.mem(M.i64_store, 0, 8 * k);
  });
  lower.reset();
}

function advance(code: Code, local: number, by: number): void {
  code.get(local);
  code.i32(by);
  code.op(W.i32_add);
  code.set(local);
}

function bug(what: string): never {
  throw new Error(`bulk evaluation of ${what}`);
}

/** Why a node cannot be part of a bulk evaluation; undefined: it can. */
export function unbulkable(node: Node, slots: ReadonlyMap<number, number>): string | undefined {
  const seen = new Set<Node>();
  const walk = (n: Node): string | undefined => {
    if (seen.has(n)) return undefined;
    seen.add(n);
    if (n.op === "get" && !slots.has(n.aux)) return "state that is not shown";
    if (n.op === "undef" || n.op === "unknown" || n.op === "map" || n.op === "ormap" || n.fp !== undefined) return n.op;
    for (const a of n.args) {
      const why = walk(a);
      if (why !== undefined) return why;
    }
    return undefined;
  };
  return walk(node) ?? unlowerable(node);
}
