import assert from "node:assert/strict";
import test from "node:test";
import { Interpreter } from "../../src/backend/wasm/interp.ts";
import { hotRows, interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import * as L from "../../src/memory/layout.ts";
import { GuestMemory } from "../../src/memory/memory.ts";
import { toy, toyBook } from "./interp-toy.ts";

const CODE = 0x100000;
const DATA = 0x200000;
const RX = L.PROT_READ | L.PROT_EXEC;
const RW = L.PROT_READ | L.PROT_WRITE;
const modules = [100, 2].map((inline) => new WebAssembly.Module(interpreterBytes(toyBook, { inline, count: true })));

class Machine {
  readonly engine = L.engineMemory();
  readonly memory = new GuestMemory(this.engine);
  readonly regions = new WebAssembly.Table({ element: "anyfunc", initial: 4 });
  readonly words = new Int32Array(this.engine.buffer);
  readonly longs = new BigUint64Array(this.engine.buffer);
  readonly interp: Interpreter;
  constructor(module: WebAssembly.Module, code: readonly (readonly number[])[] = []) {
    this.memory.map(CODE, 0x3000, RX);
    this.memory.map(DATA, 0x2000, RW);
    this.memory.poke(CODE, Uint8Array.from(code.flat()));
    this.interp = new Interpreter(toyBook, module, {
      engine: this.engine,
      guest: this.memory.wasm,
      regions: this.regions,
    });
    this.memory.onCodeChange = (address, size) => this.interp.predecoder.dropRange(address, size);
  }
  run(fuel = 1000, pc = CODE): number {
    this.words[L.CTL_FUEL >> 2] = fuel;
    this.longs[L.CTL_PC >> 3] = BigInt(pc);
    this.interp.run();
    return this.words[L.CTL_EXIT >> 2];
  }
  get pc(): number {
    return Number(this.longs[L.CTL_PC >> 3]);
  }
  get address(): number {
    return Number(this.longs[L.CTL_ADDR >> 3]);
  }
  get aux(): number {
    return this.words[L.CTL_AUX >> 2];
  }
  get fuel(): number {
    return this.words[L.CTL_FUEL >> 2];
  }
  get retired(): number {
    return Number(this.longs[L.CTL_RETIRED >> 3]);
  }
  get(register: number): bigint {
    return BigInt.asIntN(64, this.longs[register]);
  }
  set(register: number, value: bigint | number): void {
    this.longs[register] = BigInt.asUintN(64, BigInt(value));
  }
}

/** Runs a test with all handlers in the switch and with most of them outside. */
function both(name: string, body: (make: (code: readonly (readonly number[])[]) => Machine) => void): void {
  for (const [i, module] of modules.entries())
    test(`${name} (${i === 0 ? "switch" : "functions"})`, () => body((code) => new Machine(module, code)));
}

both("runs straight code to a stop, pc behind it", (make) => {
  const m = make([toy("addi", 1, 0, 5), toy("addi", 2, 1, -7), toy("add", 3, 1, 2), toy("inc", 3), toy("syscall")]);
  assert.equal(m.run(), L.Exit.Stop);
  assert.equal(m.aux, 1);
  assert.equal(m.pc, CODE + 18);
  assert.deepEqual([m.get(1), m.get(2), m.get(3)], [5n, -2n, 4n]);
  assert.equal(m.retired, 5);
});

both("register 0 reads zero and drops writes", (make) => {
  const m = make([toy("addi", 0, 0, 5), toy("add", 1, 0, 0), toy("syscall")]);
  m.set(1, 9);
  m.run();
  assert.equal(m.get(1), 0n);
});

both("sets of one instruction are simultaneous", (make) => {
  const m = make([toy("swap", 1, 2), toy("cset", 4, 1, 2), toy("cset", 5, 2, 1), toy("syscall")]);
  m.set(1, 10);
  m.set(2, 20);
  m.set(4, 100);
  m.set(5, 100);
  m.run();
  assert.deepEqual([m.get(1), m.get(2)], [20n, 10n]);
  assert.equal(m.get(4), 20n, "condition false: the first set stands");
  assert.equal(m.get(5), 120n, "condition true: the last set wins, from the old value");
});

both("a loop takes fuel once a turn and can be resumed", (make) => {
  const m = make([toy("addi", 1, 1, -1), toy("add", 2, 2, 3), toy("bne", 1, 0, -4), toy("syscall")]);
  m.set(1, 100);
  m.set(3, 7);
  assert.equal(m.run(10), L.Exit.Fuel);
  assert.equal(m.pc, CODE);
  assert.equal(m.get(1), 90n);
  assert.equal(m.run(1000, m.pc), L.Exit.Stop);
  assert.equal(m.get(2), 700n);
  assert.equal(m.fuel, 1000 - 89);
  assert.equal(m.retired, 301);
});

both("calls, returns through a register, code met later", (make) => {
  const m = make([
    toy("jal", 1, 6), // to +12
    toy("addi", 3, 3, 1),
    toy("syscall"),
    toy("addi", 2, 0, 42), // +12
    toy("jr", 1),
  ]);
  assert.equal(m.run(), L.Exit.Stop);
  assert.deepEqual([m.get(1), m.get(2), m.get(3)], [BigInt(CODE + 4), 42n, 1n]);
  assert.equal(m.retired, 5);
});

both("traps drop what the instruction would set", (make) => {
  const m = make([toy("trapz", 3, 1), toy("trapz", 3, 2), toy("syscall")]);
  m.set(1, 4);
  m.set(3, 1);
  assert.equal(m.run(), L.Exit.Trap);
  assert.equal(m.aux, 1);
  assert.equal(m.pc, CODE + 4);
  assert.equal(m.get(3), 8n);
});

both("loads and stores, across pages too", (make) => {
  const m = make([toy("sw", 1, 2, -2), toy("lw", 3, 2, -2), toy("ld", 4, 2, -2), toy("syscall")]);
  m.set(1, 0x1_8000_0001n);
  m.set(2, DATA + 0x1000);
  assert.equal(m.run(), L.Exit.Stop);
  assert.equal(m.get(3), -0x7fffffffn);
  assert.equal(m.get(4), 0x80000001n);
});

const faults: [name: string, code: number[], base: bigint, address: bigint, access: number][] = [
  ["unmapped", toy("lw", 3, 2, 4), 0x300000n, 0x300004n, 1],
  ["the null page", toy("ld", 3, 2, 8), 0n, 8n, 1],
  ["above 4 GiB", toy("ld", 3, 2, 0), 0x1_0020_0000n, 0x1_0020_0000n, 1],
  ["the end of a mapping, at the first byte behind it", toy("ld", 3, 2, -4), 0x202000n, 0x202000n, 1],
  ["a read-only page", toy("sw", 3, 2, 0), 0x101000n, 0x101000n, 2],
  ["into the first of two pages", toy("ld", 3, 2, -4), 0x200000n, 0x1ffffcn, 1],
  ["the top of the address space", toy("ld", 3, 2, 0), 0xffff_fffcn, 0xffff_fffcn, 1],
];
for (const [name, code, base, address, access] of faults)
  both(`a fault is precise: ${name}`, (make) => {
    const m = make([toy("addi", 5, 0, 1), code, toy("addi", 5, 0, 2), toy("syscall")]);
    m.set(2, base);
    m.set(3, 77);
    assert.equal(m.run(), L.Exit.Fault);
    assert.deepEqual([m.pc, BigInt(m.address), m.aux], [CODE + 4, address, access]);
    assert.deepEqual([m.get(3), m.get(5)], [77n, 1n]);
  });

both("of two stores either both happen or none", (make) => {
  const m = make([toy("stpair", 1, 2), toy("syscall")]);
  m.set(1, -1);
  m.set(2, DATA + 0x1000);
  m.set(9, 0x1000);
  assert.equal(m.run(), L.Exit.Fault);
  assert.equal(m.address, DATA + 0x2000);
  assert.equal(m.memory.u64(DATA + 0x1000), 0);
  m.set(9, 0x800);
  assert.equal(m.run(), L.Exit.Stop);
  assert.equal(m.memory.u32(DATA + 0x1800), 0xffffffff);
});

both("constants of 64 bits", (make) => {
  const m = make([toy("big", 1, 0x80), toy("syscall")]);
  m.run();
  assert.equal(m.get(1), -(1n << 63n));
});

both("what cannot be executed: forbidden, undecodable, cut off by a page, wild jumps", (make) => {
  const m = make([toy("inc", 1), [0xff, 0, 0, 0]]);
  assert.equal(m.run(), L.Exit.Illegal);
  assert.equal(m.pc, CODE + 2);
  assert.equal(m.get(1), 1n);
  assert.equal(m.run(9, DATA), L.Exit.Fault);
  assert.deepEqual([m.pc, m.address, m.aux], [DATA, DATA, 4]);
  m.memory.poke(CODE + 0x2ffe, Uint8Array.from([1, 1]));
  assert.equal(m.run(9, CODE + 0x2ffe), L.Exit.Fault);
  assert.deepEqual([m.pc, m.address, m.aux], [CODE + 0x2ffe, CODE + 0x3000, 4]);
  for (const wild of [0n, 0x1234567800000000n, BigInt(CODE + 1)]) {
    m.memory.poke(CODE + 0x100, Uint8Array.from(toy("jr", 7)));
    m.set(7, wild);
    assert.equal(m.run(9, CODE + 0x100), L.Exit.Fault);
    assert.equal(BigInt(m.pc), wild);
    assert.equal(m.aux, 4);
  }
});

both("an instruction across a page boundary", (make) => {
  const m = make([]);
  m.memory.poke(CODE + 0xffe, Uint8Array.from([...toy("addi", 1, 1, 3), ...toy("syscall")]));
  assert.equal(m.run(9, CODE + 0xffe), L.Exit.Stop);
  m.memory.poke(CODE + 0x1000, Uint8Array.from([1, 9]));
  assert.equal(m.run(9, CODE + 0xffe), L.Exit.Stop);
  assert.equal(m.get(1), 12n, "its second page changed");
});

both("changed code is decoded again, also where jumps lead to it", (make) => {
  const m = make([toy("beq", 0, 0, 4), toy("syscall"), toy("addi", 1, 0, 1), toy("syscall")]);
  m.run();
  assert.equal(m.get(1), 1n);
  m.memory.poke(CODE + 8, Uint8Array.from(toy("addi", 1, 0, 2)));
  m.run();
  assert.equal(m.get(1), 2n);
  m.memory.poke(CODE, Uint8Array.from(toy("syscall")));
  m.run();
  assert.equal(m.pc, CODE + 4);
});

both("hot heads are noted once", (make) => {
  const m = make([toy("addi", 1, 1, -1), toy("bne", 1, 0, -2), toy("syscall")]);
  m.set(1, 5000);
  assert.equal(m.run(100000), L.Exit.Stop);
  assert.deepEqual(m.interp.predecoder.takeHot(), [CODE]);
  m.set(1, 5000);
  m.run(100000);
  assert.deepEqual(m.interp.predecoder.takeHot(), []);
});

both("a region runs in place of its head and goes on where it says", (make) => {
  const m = make([toy("addi", 1, 1, -1), toy("bne", 1, 0, -2), toy("syscall"), toy("addi", 4, 4, 1), toy("syscall")]);
  // A region of this module: sets CTL_PC and the exit reason.
  const region = (pc: number, exit: number): WebAssembly.ExportValue => regionFunction(m.engine, pc, exit);
  m.set(1, 3);
  m.run();
  m.regions.set(2, region(CODE + 12, L.Exit.Dispatch));
  m.interp.predecoder.setRegion(CODE, 2);
  m.set(1, 3);
  assert.equal(m.run(), L.Exit.Stop);
  assert.deepEqual([m.get(1), m.get(4), m.pc], [3n, 1n, CODE + 20]);
  m.regions.set(2, region(CODE + 8, L.Exit.Fuel));
  assert.equal(m.run(), L.Exit.Fuel);
  m.interp.predecoder.dropRegion(CODE);
  assert.equal(m.run(), L.Exit.Stop);
  assert.equal(m.get(1), 0n);
});

/** A wasm function () -> () that stores pc and exit reason. */
function regionFunction(engine: WebAssembly.Memory, pc: number, exit: number): WebAssembly.ExportValue {
  const leb = (value: number): number[] => {
    const out = [];
    for (let rest = value; ; rest >>= 7) {
      if (rest >= -64 && rest < 64) return [...out, rest & 0x7f];
      out.push((rest & 0x7f) | 0x80);
    }
  };
  const at = (address: number): number[] => [0x41, ...leb(address)];
  const body = [
    0,
    ...at(L.CTL_PC),
    0x42,
    ...leb(pc),
    0x37,
    0,
    0,
    ...at(L.CTL_EXIT),
    0x41,
    ...leb(exit),
    0x36,
    0,
    0,
    0x0b,
  ];
  const section = (id: number, content: number[]): number[] => [id, content.length, ...content];
  const bytes = Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 0, 0]),
    ...section(2, [1, 1, 0x65, 1, 0x6d, 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]),
    ...section(10, [1, body.length, ...body]),
  ]);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: { m: engine } }).exports.f;
}

test("the profile counts executions by row", () => {
  const module = new WebAssembly.Module(interpreterBytes(toyBook, { profile: true }));
  const m = new Machine(module, [toy("addi", 1, 1, -1), toy("bne", 1, 0, -2), toy("syscall")]);
  m.set(1, 7);
  m.run();
  assert.deepEqual(m.interp.profile(), [
    { rows: ["addi"], times: 7 },
    { rows: ["bne"], times: 7 },
    { rows: ["syscall"], times: 1 },
  ]);
});

test("a text of hot rows", () => {
  assert.deepEqual(hotRows("# made so\naddi c.addi # 7 %\n\nbne\n"), ["addi", "c.addi", "bne"]);
});

test("generation is deterministic, equal rows share a handler", () => {
  const options = { hot: ["bne"], inline: 4 };
  assert.deepEqual(interpreterBytes(toyBook, options), interpreterBytes(toyBook, options));
});

both("tables that fill up are emptied and filled again", (make) => {
  const m = make([]);
  m.memory.map(0x1000000, 0x1400000, RX);
  const stride = 0x1000; // one map a page: more than there is room for
  for (let at = 0x1000000; at < 0x2400000; at += stride)
    m.memory.poke(at, Uint8Array.from([...toy("inc", 1), ...toy("syscall")]));
  for (let turn = 0; turn < 3; turn++) for (let at = 0x1000000; at < 0x2400000; at += stride) m.run(9, at);
  assert.equal(m.get(1), BigInt((3 * 0x1400000) / stride));
});
