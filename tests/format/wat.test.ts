import assert from "node:assert/strict";
import test from "node:test";
import { Code, ENGINE, GUEST, I32, I64 } from "../../src/backend/wasm/code.ts";
import { ModuleBuilder } from "../../src/backend/wasm/module.ts";
import { FC, FD, M, W } from "../../src/backend/wasm/opcodes.ts";
import { SageError } from "../../src/errors.ts";
import { watText } from "../../src/format/wat.ts";

function module(): Uint8Array<ArrayBuffer> {
  const builder = new ModuleBuilder();
  const type = builder.type([I64], [I32]);
  builder.importMemory("sage", "guest", 0, 65535);
  builder.importMemory("sage", "engine", 1);
  const imported = builder.importFunc("sage", "float", builder.type([I32], [I32]));
  const table = builder.table(2, 2);
  const global = builder.global(I64, true);
  const func = builder.func(type, "f");
  const code = new Code([I64]);
  const local = code.local(I32);
  code.block();
  code.loop();
  code.get(0);
  code.mem(M.i64_load32_u, GUEST, 16);
  code.mem(M.i32_load, ENGINE, 0x4000);
  code.op(W.i32_eqz);
  code.brIf(1);
  code.i64(-1, -1);
  code.globalSet(global);
  code.f64Const(Number.NaN);
  code.fd(FD.f64x2_splat);
  code.lane(FD.f64x2_extract_lane, 1);
  code.fc(FC.i32_trunc_sat_f64_s);
  code.set(local);
  code.brTable([0, 1], 1);
  code.end();
  code.end();
  code.get(local);
  code.if(I32);
  code.i32(-5);
  code.else();
  code.i32(3);
  code.call(imported);
  code.end();
  builder.body(func, code);
  builder.exportFunc("run", func);
  builder.element(table, 0, [func]);
  return builder.build(true);
}

test("a module is printed in the text format", () => {
  assert.equal(
    watText(module()),
    `(module
  (type (;0;) (func (param i64) (result i32)))
  (type (;1;) (func (param i32) (result i32)))
  (import "sage" "guest" (memory (;0;) 0 65535))
  (import "sage" "engine" (memory (;1;) 1))
  (import "sage" "float" (func (;0;) (type 1)))
  (table (;0;) 2 2 funcref)
  (global (;0;) (mut i64) (i64.const 0))
  (elem (table 0) (i32.const 0) func 1)
  (func (;1;) (type 0)
    (local i32)
    block  ;; @1
      loop  ;; @2
        local.get 0
        i64.load32_u offset=16 align=1
        i32.load 1 offset=16384 align=1
        i32.eqz
        br_if 1  ;; @1
        i64.const -1
        global.set 0
        f64.const nan:0x8000000000000
        f64x2.splat
        f64x2.extract_lane 1
        i32.trunc_sat_f64_s
        local.set 1
        br_table 0 1 1
      end
    end
    local.get 1
    if (result i32)  ;; @1
      i32.const -5
    else
      i32.const 3
      call 0
    end)
  (export "run" (func 1))
)
`,
  );
});

test("a module cut at any byte is printed as far as it goes or refused by a coded error", () => {
  const bytes = module();
  let refused = 0;
  for (let size = 8; size < bytes.length; size++) {
    try {
      watText(bytes.subarray(0, size));
    } catch (error) {
      assert.ok(error instanceof SageError, String(error));
      refused++;
    }
  }
  // all but the cuts between two sections
  assert.ok(refused >= bytes.length - 8 - 10);
});
