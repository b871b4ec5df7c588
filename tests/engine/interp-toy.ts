// A small instruction set that stands in for a rulebook: four-byte instructions [op, a, b, c], two-byte ones [op, a].

import { binary, compare, constNum, extract, get, load, param, sext, zext } from "../../src/ir/build.ts";
import { type Effect, type Inst, Node, type Slot } from "../../src/ir/node.ts";
import {
  type Decoded,
  type IsaBook,
  type Row,
  SINK,
  type SlotParam,
  type Template,
  ZERO,
} from "../../src/rules/book.ts";
import { compute } from "../../src/rules/decode-time.ts";

const REGS = 16;
const slots: Slot[] = Array.from({ length: REGS }, (_, i) => ({ name: `r${i}`, w: 64, offset: i * 8, hidden: false }));
const read = (field: number): SlotParam => ({
  field,
  slots: Int16Array.from({ length: 256 }, (_, v) => (v % REGS === 0 ? ZERO : v % REGS)),
  write: false,
});
const write = (field: number): SlotParam => ({
  field,
  slots: Int16Array.from({ length: 256 }, (_, v) => (v % REGS === 0 ? SINK : v % REGS)),
  write: true,
});
// Decode-time values, over leaves as the rulebook reader makes them.
const leaf = (field: number): Node => new Node("param", 8, [], { aux: field, name: "abc"[field] });
const pc = new Node("param", 64, [], { aux: -1, name: "pc" });
const IMM = sext(leaf(2), 64);
const NEXT = binary("add", pc, constNum(64, 4));
const near = (field: number): Node => binary("add", pc, binary("shl", sext(leaf(field), 64), constNum(64, 1)));

interface Toy {
  readonly name: string;
  readonly length: number;
  readonly slotParams?: readonly SlotParam[];
  readonly values?: readonly Node[];
  readonly effects: () => readonly Effect[];
}
const P = (n: number): Node => get(-1 - n, 64);
const V = (n: number): Node => param(64, n);
const set = (n: number, value: Node): Effect => ({ k: "set", slot: -1 - n, value });
const jump = (target: Node): Effect => ({ k: "jump", target, hint: "jump" });
const loaded = (address: Node, w: number, use: (value: Node) => Effect[]): Effect[] => {
  const node = load(address, w);
  return [{ k: "load", node }, ...use(node)];
};

const toys: readonly Toy[] = [
  {
    name: "addi",
    length: 4,
    slotParams: [write(0), read(1)],
    values: [IMM],
    effects: () => [set(0, binary("add", P(1), V(0)))],
  },
  {
    name: "add",
    length: 4,
    slotParams: [write(0), read(1), read(2)],
    effects: () => [set(0, binary("add", P(1), P(2)))],
  },
  {
    name: "lw",
    length: 4,
    slotParams: [write(0), read(1)],
    values: [IMM],
    effects: () => loaded(binary("add", P(1), V(0)), 32, (x) => [set(0, sext(x, 64))]),
  },
  {
    name: "ld",
    length: 4,
    slotParams: [write(0), read(1)],
    values: [IMM],
    effects: () => loaded(binary("add", P(1), V(0)), 64, (x) => [set(0, x)]),
  },
  {
    name: "sw",
    length: 4,
    slotParams: [read(0), read(1)],
    values: [IMM],
    effects: () => [{ k: "store", addr: binary("add", P(1), V(0)), value: extract(P(0), 0, 32), mem: undefined }],
  },
  {
    // Two stores, 4 KiB apart: both or neither.
    name: "stpair",
    length: 4,
    slotParams: [read(0), read(1)],
    effects: () => [
      { k: "store", addr: P(1), value: P(0), mem: undefined },
      { k: "store", addr: binary("add", P(1), zext(get(9, 64), 64)), value: P(0), mem: undefined },
    ],
  },
  {
    name: "beq",
    length: 4,
    slotParams: [read(0), read(1)],
    values: [near(2)],
    effects: () => [{ k: "if", cond: compare("eq", P(0), P(1)), then: [jump(V(0))], else: [] }],
  },
  {
    name: "bne",
    length: 4,
    slotParams: [read(0), read(1)],
    values: [near(2)],
    effects: () => [{ k: "if", cond: compare("ne", P(0), P(1)), then: [jump(V(0))], else: [] }],
  },
  {
    name: "jal",
    length: 4,
    slotParams: [write(0)],
    values: [near(1), NEXT],
    effects: () => [set(0, V(1)), { k: "jump", target: V(0), hint: "call" }],
  },
  {
    name: "jr",
    length: 4,
    slotParams: [read(0)],
    effects: () => [jump(P(0))],
  },
  {
    name: "swap",
    length: 4,
    slotParams: [write(0), read(0), write(1), read(1)],
    effects: () => [set(0, P(3)), set(2, P(1))],
  },
  { name: "syscall", length: 4, effects: () => [{ k: "stop", name: "syscall" }] },
  { name: "brk", length: 4, effects: () => [{ k: "trap", name: "breakpoint" }] },
  {
    // Drops its write where it traps.
    name: "trapz",
    length: 4,
    slotParams: [write(0), read(1)],
    effects: () => [
      set(0, binary("add", P(1), P(1))),
      {
        k: "if",
        cond: compare("eq", P(1), binary("xor", P(1), P(1))),
        then: [{ k: "trap", name: "zero" }],
        else: [],
      },
    ],
  },
  {
    // Writes only where the condition holds; reads what was before.
    name: "cset",
    length: 4,
    slotParams: [write(0), read(0), read(1), read(2)],
    effects: () => [
      set(0, P(2)),
      { k: "if", cond: compare("slt", P(2), P(3)), then: [set(0, binary("add", P(1), P(3)))], else: [] },
    ],
  },
  {
    name: "amoadd",
    length: 4,
    slotParams: [write(0), read(1), read(2)],
    effects: () => {
      const was = loaded(P(2), 64, (x) => [
        { k: "store", addr: P(2), value: binary("add", x, P(1)), mem: undefined },
        set(0, x),
      ]);
      return was;
    },
  },
  {
    name: "big",
    length: 4,
    slotParams: [write(0)],
    values: [binary("shl", zext(leaf(1), 64), constNum(64, 56))],
    effects: () => [set(0, V(0))],
  },
  {
    name: "inc",
    length: 2,
    slotParams: [write(0), read(0)],
    effects: () => [set(0, binary("add", P(1), zext(compare("eq", P(1), P(1)), 64)))],
  },
];

const rows: Row[] = toys.map((t, index) => ({
  index,
  name: t.name,
  length: t.length,
  fields: ["a", "b", "c"].slice(0, t.length - 1).map((name) => ({ name, width: 8, signed: false, view: undefined })),
  hash: t.name,
  source: { file: "toy", line: index },
  section: "toy",
}));

/** Bytes of one toy instruction. */
export function toy(name: string, a = 0, b = 0, c = 0): number[] {
  const index = toys.findIndex((t) => t.name === name);
  if (index < 0) throw new Error(`no toy ${name}`);
  return [index + 1, a & 255, b & 255, c & 255].slice(0, toys[index].length);
}

export const toyBook: IsaBook = {
  name: "toy",
  littleEndian: true,
  unitBytes: 1,
  slots,
  rows,
  slot: (name) => slots.findIndex((s) => s.name === name),
  traps: ["breakpoint", "zero"],
  stops: ["fence", "syscall"],
  lengths: [2, 4],
  align: 2,
  variants: 1,
  decodedLength: 0,
  decodeInto(bytes: Uint8Array, at: number, end: number, fields: Int32Array): number {
    const row = rows[bytes[at] - 1];
    if (!row || at + row.length > end) return -1;
    for (let i = 1; i < row.length; i++) fields[i - 1] = bytes[at + i];
    (this as { decodedLength: number }).decodedLength = row.length;
    return row.index;
  },
  decode(bytes: Uint8Array, offset: number): Decoded | null {
    if (offset >= bytes.length) return null;
    const row = rows[bytes[offset] - 1];
    if (!row || offset + row.length > bytes.length) return null;
    return { row, length: row.length, fields: [...bytes.subarray(offset + 1, offset + row.length)] };
  },
  endsShort: (bytes, offset) => (rows[bytes[offset] - 1]?.length ?? 0) > bytes.length - offset,
  lift(): Inst {
    throw new Error("the toy does not lift");
  },
  disassemble: (d) => d.row.name,
  assemble: (text) => {
    throw new Error(`the toy does not assemble ${text}`);
  },
  templateGap: () => undefined,
  template(row: Row): Template | null {
    const t = toys[row.index];
    return {
      effects: t.effects(),
      slotParams: t.slotParams ?? [],
      valueParams: (t.values ?? []).map((node) => ({
        w: 64,
        node,
        compute: (fields, at, _length, out, where) => compute(node, fields, at, out, where),
      })),
    };
  },
};
