import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { IMPORTS } from "../../src/backend/wasm/abi.ts";
import { floatImport } from "../../src/backend/wasm/floatcall.ts";
import { compileRegions } from "../../src/backend/wasm/region.ts";
import { Code } from "../../src/engine/code.ts";
import { Machine } from "../../src/engine/machine.ts";
import {
  CTL_AUX,
  CTL_EXIT,
  CTL_FUEL,
  CTL_PC,
  Exit,
  engineMemory,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from "../../src/memory/layout.ts";
import { GuestMemory } from "../../src/memory/memory.ts";
import type { IsaBook } from "../../src/rules/book.ts";
import { loadIsaBook } from "../../src/rules/index.ts";

const path = new URL("../../rulebooks/isa/riscv64.rules", import.meta.url);
const book: IsaBook = loadIsaBook(readFileSync(path, "utf8"), { file: "riscv64.rules" });

const CODE = 0x20000;
const DATA = 0x30000;
const SIZE = 0x4000;

type Draw = (below: number) => number;
function random(seed: number): Draw {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const engine = engineMemory();
const memory = new GuestMemory(engine);
memory.map(CODE, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
memory.map(DATA, SIZE, PROT_READ | PROT_WRITE);
/** Runs single instructions by the reference. */
const machine = new Machine(book, engine, memory, () => [0n], null);
const words = new Int32Array(engine.buffer);

const WORDS = [0n, 1n, 2n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 63n, (1n << 63n) - 1n, (1n << 64n) - 1n];
const FLOATS = [
  0,
  -0,
  1,
  -1,
  1.5,
  0.1,
  3,
  1e300,
  1e-300,
  5e-324,
  2 ** -1022,
  2 ** 31,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  Infinity,
  -Infinity,
  NaN,
];
const view = new DataView(new ArrayBuffer(8));

function value(draw: Draw, float: boolean): bigint {
  if (float && draw(3) > 0) {
    const number = draw(3) ? FLOATS[draw(FLOATS.length)]! : (draw(2000) - 1000) / 8;
    if (draw(3) === 0) {
      view.setUint32(4, 0xffffffff, true);
      view.setFloat32(0, number, true);
    } else view.setFloat64(0, number, true);
    if (draw(20) === 0) view.setUint32(0, 1, true);
    return view.getBigUint64(0, true);
  }
  if (draw(2)) return WORDS[draw(WORDS.length)]!;
  return draw(2) ? BigInt(draw(100)) : BigInt.asUintN(64, BigInt(draw(0xffffffff)) * 0x9e3779b97f4a7c15n);
}

/** Slots and memory, as text to compare. */
function snapshot(): string[] {
  const out = book.slots.map((slot, i) => `${slot.name}=${machine.state.getBig(i).toString(16)}`);
  out.push(Buffer.from(memory.read(DATA, 256)).toString("hex"));
  out.push(`pc=${machine.pc.toString(16)}`);
  return out;
}

function fill(draw: Draw): void {
  book.slots.forEach((slot, i) => {
    if (slot.name === "frm") machine.state.setBig(i, 0n);
    else if (slot.name === "fflags") machine.state.setBig(i, BigInt(draw(2) ? draw(32) : 1));
    else machine.state.setBig(i, BigInt.asUintN(slot.w, value(draw, slot.name.startsWith("F"))));
  });
  machine.state.setBig(book.slot("s0")!, BigInt(DATA + 64));
  machine.state.setBig(book.slot("s1")!, BigInt(DATA + 128));
  machine.state.setBig(book.slot("t6")!, BigInt(1 + draw(40)));
  machine.state.setBig(book.slot("X[0]")!, 0n);
  for (let i = 0; i < 256; i++) memory.setU8(DATA + i, draw(256));
}

const NO_ROW = /^(ecall|ebreak|fence|csrr|lr|c\.ebreak|c\.j|c\.b|j|b(eq|ne|lt|ge)|auipc|sret|mret|wfi|c\.unimp|unimp)/;
const MEMORY = ["lb", "lbu", "lh", "lhu", "lw", "lwu", "ld", "sb", "sh", "sw", "sd", "fld", "fsd", "flw", "fsw"];
const AMO = ["amoadd.w", "amoswap.d", "amomax.w", "amominu.d", "amoxor.w", "lr.w", "sc.w", "sc.d", "lr.d"];
const REGISTERS = ["a0", "a1", "a2", "a3", "t0", "t1", "s2", "zero"];

/** One random instruction that leaves s0 and s1 alone; bytes. */
function instruction(draw: Draw): Uint8Array {
  for (;;) {
    if (draw(5) === 0) {
      const name = MEMORY[draw(MEMORY.length)]!;
      const data = name.startsWith("f") ? `fa${draw(4)}` : REGISTERS[draw(REGISTERS.length)]!;
      return book.assemble(`${name} ${data}, ${draw(120) - 60}(${draw(2) ? "s0" : "s1"})`, 0);
    }
    if (draw(20) === 0) {
      const name = AMO[draw(AMO.length)]!;
      const [d, s] = [REGISTERS[draw(4)]!, REGISTERS[draw(4)]!];
      return book.assemble(name.startsWith("lr") ? `${name} ${d}, (s0)` : `${name} ${d}, ${s}, (s0)`, 0);
    }
    const bytes = new Uint8Array(4);
    for (let i = 0; i < 4; i++) bytes[i] = draw(256);
    if (draw(2)) bytes[0] = [0x33, 0x3b, 0x13, 0x1b, 0x53, 0x53, 0x43, 0x47, 0x4b, 0x4f][draw(10)]!;
    const decoded = book.decode(bytes, 0);
    if (decoded === null || NO_ROW.test(decoded.row.name)) continue;
    const inst = book.lift(decoded, CODE);
    const text = JSON.stringify(inst.effects, (key, v) => (key === "fp" || typeof v === "bigint" ? undefined : v));
    if (/"k":"(load|store|rmw|jump|stop|ask)"/.test(text)) continue;
    const s0 = book.slot("s0")!;
    const s1 = book.slot("s1")!;
    const t6 = book.slot("t6")!;
    if (text.includes(`"k":"set","slot":${s0},`) || text.includes(`"k":"set","slot":${s1},`)) continue;
    if (text.includes(`"k":"set","slot":${t6},`)) continue;
    return bytes.slice(0, decoded.length);
  }
}

function place(code: readonly Uint8Array[]): void {
  let at = CODE;
  memory.view(CODE, SIZE).fill(0);
  for (const bytes of code) {
    memory.poke(at, bytes);
    at += bytes.length;
  }
}

/** Runs the reference until a trap, at most `most` instructions; the stop's name. */
function reference(most: number): string {
  machine.pc = CODE;
  for (let i = 0; i < most; i++) {
    const stop = machine.run(1);
    if (stop.k !== "fuel") return stop.k;
  }
  return "fuel";
}

function enter(code: Uint8Array<ArrayBuffer>, name: string, fuel: number): void {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), {
    [IMPORTS]: { engine, guest: memory.wasm, float: floatImport(engine) },
  });
  words[CTL_FUEL >> 2] = fuel;
  (instance.exports[name] as () => void)();
}

function check(seed: number, code: readonly Uint8Array[], rounds = 1): void {
  place(code);
  const draw = random(seed ^ 0x5bd1e995);
  const regions = compileRegions(book, new Code(book, memory), [CODE], { fused: true });
  assert.ok(regions, "compiles");
  for (let round = 0; round < 4; round++) {
    const again = seed + round * 7919;
    fill(random(again));
    const before = snapshot();
    reference(code.length * rounds);
    const want = snapshot();
    fill(random(again));
    assert.deepEqual(snapshot().slice(0, -1), before.slice(0, -1));
    words[CTL_PC >> 2] = 0;
    words[(CTL_PC >> 2) + 1] = 0;
    // Sometimes it runs out of fuel on the way.
    enter(regions.bytes, CODE.toString(16), round % 2 ? 1000 : 1 + draw(12));
    if (words[CTL_EXIT >> 2] !== Exit.Trap) {
      // The rest is the reference's.
      for (let i = 0; i < code.length * rounds && machine.run(1).k === "fuel"; i++);
    }
    const got = snapshot();
    const text = code.map((bytes) => book.disassemble(book.decode(bytes, 0)!, CODE)).join("\n");
    const differ = got.map((g, i) => (g === want[i] ? "" : `${g} want ${want[i]} was ${before[i]}`)).filter(Boolean);
    assert.deepEqual(differ, [], `seed ${seed}\n${text}\nexit ${words[CTL_EXIT >> 2]} ${words[CTL_AUX >> 2]}`);
  }
}

const ebreak = book.assemble("ebreak", 0);

test("blocks of random instructions end in the evaluator's state", () => {
  const runs = Number(process.env.REGION_RUNS ?? 150);
  const first = Number(process.env.REGION_SEED ?? 1);
  for (let seed = first; seed < first + runs; seed++) {
    const draw = random(seed * 0x9e3779b1);
    const code = Array.from({ length: 1 + draw(14) }, () => instruction(draw));
    check(seed, [...code, ebreak]);
  }
});

/** Random blocks with random branches between them, irreducible loops among them; a count in t6 ends it. */
test("random control flow ends in the evaluator's state", () => {
  const runs = Number(process.env.REGION_RUNS ?? 150);
  const first = Number(process.env.REGION_SEED ?? 1);
  const jumps = ["beq", "bne", "blt", "bge", "bltu", "bgeu"];
  for (let seed = first; seed < first + runs; seed++) {
    const draw = random(seed * 0x85ebca6b);
    const count = 2 + draw(8);
    const bodies = Array.from({ length: count }, () => Array.from({ length: draw(4) }, () => instruction(draw)));
    const ends = bodies.map(() => ({
      kind: draw(5),
      op: jumps[draw(jumps.length)]!,
      a: REGISTERS[draw(REGISTERS.length)]!,
      b: REGISTERS[draw(REGISTERS.length)]!,
      to: draw(count),
      other: draw(count),
    }));
    const size = (i: number): number => bodies[i]!.reduce((n, bytes) => n + bytes.length, 0) + 16;
    const starts: number[] = [];
    let at = CODE;
    for (let i = 0; i < count; i++) {
      starts.push(at);
      at += size(i);
    }
    const end = at;
    const code: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      let pc = starts[i]!;
      const add = (bytes: Uint8Array): void => {
        code.push(bytes);
        pc += bytes.length;
      };
      for (const bytes of bodies[i]!) add(bytes);
      const { kind, op, a, b, to, other } = ends[i]!;
      const wide = (text: string): Uint8Array => {
        const bytes = book.assemble(text, pc);
        assert.equal(bytes.length, 4, text);
        return bytes;
      };
      add(wide("addiw t6, t6, -1"));
      add(wide(`beq t6, zero, ${end}`));
      add(kind === 0 ? wide("addi zero, zero, 1") : wide(`${op} ${a}, ${b}, ${starts[to]}`));
      add(kind < 2 && i < count - 1 ? wide("addi zero, zero, 2") : wide(`jal zero, ${starts[other]}`));
    }
    check(seed, [...code, ebreak], 64);
  }
});
