import assert from "node:assert/strict";
import test from "node:test";
import * as ir from "../../src/ir/build.ts";
import { bodyNode, elem } from "../../src/ir/lanes.ts";
import { Node, type Op } from "../../src/ir/node.ts";
import { OPS } from "../../src/ir/ops.ts";
import { mapLanes } from "../../src/ir/remake.ts";
import { Random } from "../ir/random.ts";
import { compileWide } from "./wide-env.ts";

const LEAVES = 4;

/** The reference: op by op from the table. */
function evaluate(root: Node, leaves: readonly bigint[]): bigint {
  const known = new Map<Node, bigint>();
  const of = (node: Node): bigint => {
    let value = known.get(node);
    if (value === undefined) known.set(node, (value = compute(node)));
    return value;
  };
  const compute = (node: Node): bigint => {
    if (node.op === "get") return BigInt.asUintN(node.w, leaves[node.aux]!);
    if (node.op === "const") return ir.constOf(node);
    if (node.op === "undef") return node.args.length ? of(node.args[0]!) : 0n;
    return OPS[node.op].value!(node, node.args.map(of));
  };
  return of(root);
}

function compare(nodes: readonly Node[], r: Random, rounds: number): void {
  const run = compileWide(nodes);
  for (let i = 0; i < rounds; i++) {
    const leaves = Array.from({ length: LEAVES }, () => (r.below(2) ? r.value(512) : lanesOf(r)));
    const got = run(leaves);
    nodes.forEach((node, k) => {
      assert.equal(
        got[k]!.toString(16),
        evaluate(node, leaves).toString(16),
        `${describe(node)} of ${leaves.map((x) => x.toString(16))}`,
      );
    });
  }
}
/** Edge values in every lane of some width. */
function lanesOf(r: Random): bigint {
  const w = r.pick([8, 16, 32, 64]);
  let v = 0n;
  for (let i = 0; i < 512; i += w) v = (v << BigInt(w)) | r.value(w);
  return v;
}
const describe = (node: Node): string =>
  node.op === "const"
    ? `${ir.constOf(node)}:${node.w}`
    : `${node.op}${node.w}${node.aux ? `@${node.aux}` : ""}(${node.args.map(describe)}${node.body ? `; ${describe(node.body)}` : ""})`;

const BINARY: Op[] = "add sub and or xor shl lshr ashr rol ror".split(" ") as Op[];
const DIVISION: Op[] = ["udiv", "sdiv", "urem", "srem"];
const UNARY: Op[] = ["not", "neg", "ctz", "clz", "popcnt"];
const COMPARE: Op[] = ["eq", "ne", "ult", "ule", "slt", "sle"];

test("each op on wide values equals the op table", () => {
  const r = new Random(11);
  const nodes: Node[] = [];
  for (const w of [65, 80, 96, 127, 128, 192, 256]) {
    const a = ir.get(0, w);
    const b = ir.get(1, w);
    for (const op of [...BINARY, ...(w <= 128 ? ["mul" as Op, ...DIVISION] : [])]) {
      if (op === "rol" || op === "ror") continue;
      nodes.push(new Node(op, w, [a, b]));
      if (op === "shl" || op === "lshr" || op === "ashr") {
        nodes.push(ir.binary(op, a, ir.zext(ir.get(2, 8), w)));
        for (const k of [1, 8, 24, 64, w - 1]) nodes.push(ir.binary(op, a, ir.constNum(w, k)));
      }
    }
    if (w === 65 || w === 128)
      for (const op of ["rol", "ror"] as const) nodes.push(ir.binary(op, a, ir.zext(ir.get(2, 16), w)));
    for (const op of UNARY) nodes.push(ir.unary(op, a));
    if (w % 64 === 0) nodes.push(ir.unary("bswap", a));
    for (const op of COMPARE)
      nodes.push(
        ir.compare(op, a, b),
        ir.compare(op, a, ir.constNum(w, 5)),
        ir.compare(op, a, a === b ? a : ir.zext(ir.get(2, 3), w)),
      );
    nodes.push(ir.unary("parity", a), ir.carry(a, b, ir.get(2, 1)), ir.overflow(a, b, ir.get(2, 1)));
    nodes.push(ir.select(ir.get(2, 1), a, b), ir.zext(a, w + 60), ir.sext(a, w + 60), ir.sext(ir.get(0, 40), w));
    for (const from of [0, 1, 8, 32, 40, 63, 64]) {
      for (const part of [1, 7, 8, 16, 31, 32, 33, 64]) if (from + part <= w) nodes.push(ir.extract(a, from, part));
      if (from + 65 < w) nodes.push(ir.extract(a, from, w - from));
    }
    if (w === 80) nodes.push(ir.unary("fneg", a), ir.unary("fabs", a));
  }
  for (let i = 0; i < nodes.length; i += 40) compare(nodes.slice(i, i + 40), r, 12);
});

test("a division's edge cases on 128 bits", () => {
  const r = new Random(5);
  const [a, b] = [ir.get(0, 128), ir.get(1, 128)];
  const nodes = DIVISION.flatMap((op) => [
    ir.binary(op, a, b),
    ir.binary(op, a, ir.zext(ir.get(1, 64), 128)),
    ir.binary(op, ir.sext(ir.get(0, 64), 128), ir.sext(ir.get(1, 64), 128)),
    ir.binary(op, ir.concat(ir.get(2, 64), ir.get(0, 64)), ir.sext(ir.get(1, 32), 128)),
  ]);
  compare(nodes, r, 150);
});

/** Bits moved about: concat of parts of wide leaves and scalars. */
function moved(r: Random, w: number): Node {
  let out: Node | undefined;
  const grain = r.pick([1, 8, 16, 32, 64]);
  while (!out || out.w < w) {
    const room: number = w - (out?.w ?? 0);
    const width = Math.min(room, grain * (1 + r.below(4)));
    let part: Node;
    switch (r.below(6)) {
      case 0:
        part = ir.constBig(width, r.value(width));
        break;
      case 1:
        part = ir.constBig(width, 0n);
        break;
      case 2:
        part = ir.get(r.below(LEAVES), Math.min(width, 64));
        break;
      default: {
        const from = Math.floor((256 - width) / grain);
        part = ir.extract(ir.get(r.below(LEAVES), 256), grain * r.below(from + 1), width);
      }
    }
    out = out ? ir.concat(part, out) : part;
  }
  return out;
}

test("bits moved about equal the op table", () => {
  const r = new Random(77);
  const nodes: Node[] = [];
  for (let i = 0; i < 240; i++) nodes.push(moved(r, r.pick([16, 64, 65, 80, 128, 128, 128, 256, 256])));
  for (let c = 8; c <= 64; c *= 2) {
    const n = 128 / c;
    const tops = (x: Node): Node =>
      Array.from({ length: x.w / c }, (_, i) => ir.extract(x, c * i + c - 1, 1)).reduce((out, bit) =>
        ir.concat(bit, out),
      );
    nodes.push(tops(ir.get(0, 128)), tops(ir.get(0, 256)));
    const zip = (from: number): Node =>
      Array.from({ length: n }, (_, i) => ir.extract(ir.get(i & 1, 128), c * (from + (i >> 1)), c)).reduce((out, x) =>
        ir.concat(x, out),
      );
    const unzip = (odd: number): Node =>
      Array.from({ length: n }, (_, i) =>
        ir.extract(ir.get(i < n / 2 ? 0 : 1, 128), c * ((2 * i + odd) % n), c),
      ).reduce((out, x) => ir.concat(x, out));
    nodes.push(zip(0), zip(n / 2), unzip(0), unzip(1));
    nodes.push(Array.from({ length: n }, () => ir.get(0, c)).reduce((out, x) => ir.concat(x, out)));
  }
  for (let i = 0; i < nodes.length; i += 40) compare(nodes.slice(i, i + 40), r, 8);
});

const b = (op: Op, w: number, args: readonly Node[], aux = 0): Node => bodyNode(new Node(op, w, args, { aux }), args);

test("each op on lanes equals the op table", () => {
  const r = new Random(3);
  const nodes: Node[] = [];
  for (const [wide, w] of [
    [128, 8],
    [128, 16],
    [128, 32],
    [128, 64],
    [256, 8],
    [256, 32],
    [64, 8],
    [64, 16],
    [64, 32],
  ] as const) {
    const n = wide / w;
    const args = [
      ir.extract(ir.get(0, 256), 0, wide),
      ir.extract(ir.get(1, 256), 0, wide),
      ir.get(2, w),
      ir.get(3, n),
      ir.get(2, 1),
    ];
    const [x, y, all, bits, flag] = [elem(w, 0), elem(w, 1), elem(w, 2), elem(1, 3), elem(1, 4)];
    const small = b("and", w, [y, ir.constNum(w, w === 8 ? 7 : 15)]);
    const put = (body: Node): void => void nodes.push(mapLanes(n, args, body));
    for (const op of [...BINARY, "mul" as Op, ...DIVISION]) {
      put(b(op, w, [x, y]));
      put(b(op, w, [x, all]));
      put(b(op, w, [x, ir.constNum(w, 3)]));
      put(b(op, w, [x, small]));
    }
    for (const op of UNARY) put(b(op, w, [x]));
    put(b("neg", w, [b("not", w, [x])]));
    if (w > 8) put(b("bswap", w, [x]));
    for (const op of COMPARE) {
      put(b(op, 1, [x, y]));
      put(b("sext", w, [b(op, 1, [x, y])]));
      put(b("select", w, [b(op, 1, [x, y]), x, y]));
      put(b("select", w, [b(op, 1, [x, y]), y, x]));
      put(b("select", w, [b("xor", 1, [b(op, 1, [x, all]), flag]), y, ir.constNum(w, 9)]));
      put(b("zext", w, [b("and", 1, [b(op, 1, [x, y]), bits])]));
    }
    put(b("extract", 1, [x], w - 1));
    put(b("extract", 1, [x], 3));
    put(b("sext", w, [bits]));
    put(b("carry", 1, [x, y, bits]));
    put(b("sext", w, [b("overflow", 1, [x, y, ir.constNum(1, 0)])]));
    put(b("select", w, [b("parity", 1, [x]), x, y]));
    if (w < 64) {
      for (const ext of ["sext", "zext"] as const) {
        for (const more of [1, 2, w]) {
          const [p, q] = [b(ext, w + more, [x]), b(ext, w + more, [y])];
          for (const op of ["add", "sub", "mul"] as const) {
            put(b("extract", w, [b(op, w + more, [p, q])], more > 2 ? more : 1));
            if (more === 1) put(b("extract", w, [b("ashr", w + 1, [b(op, w + 1, [p, q]), ir.constNum(w + 1, 1)])], 0));
            const sum = b(op, w + more, [p, q]);
            const most = ir.constNum(w + more, 2 ** (w - 1) - 1);
            put(b("extract", w, [b("select", w + more, [b("slt", 1, [sum, most]), sum, most])], 0));
            put(b("extract", w, [b("select", w + more, [b("ult", 1, [sum, most]), sum, most])], 0));
          }
        }
      }
      // Results of another width than the arguments.
      put(b("zext", 2 * w, [x]));
      put(b("mul", 2 * w, [b("sext", 2 * w, [x]), b("sext", 2 * w, [y])]));
      put(b("mul", 2 * w, [b("zext", 2 * w, [x]), b("zext", 2 * w, [y])]));
    }
    if (w > 8) {
      put(b("extract", w / 2, [x], 0));
      put(b("extract", w / 2, [b("add", w, [x, y])], w / 2));
      put(b("concat", w, [b("extract", w / 2, [x], 0), b("extract", w / 2, [y], w / 2)]));
      put(b("extract", 5, [x], 2));
    }
    if (w >= 32) put(b("fneg", w, [b("fabs", w, [x])]));
    for (const table of [128, 256, 512])
      for (const iw of [3, 4, 8]) {
        const index =
          iw === 8 && w !== 8 ? b("and", 8, [b("extract", 8, [x], 0), ir.constNum(8, 7)]) : b("extract", iw, [x], 0);
        const amount = b("shl", table, [b("zext", table, [index]), ir.constNum(table, Math.log2(w))]);
        const picked = b("extract", w, [b("lshr", table, [elem(table, 5), amount])], 0);
        nodes.push(mapLanes(n, [...args, ir.get(3, table)], picked));
        nodes.push(mapLanes(n, [...args, ir.get(3, table)], b("select", w, [b("extract", 1, [x], 7), y, picked])));
      }
  }
  const fit = nodes.filter((n) => n.w <= 512);
  for (const node of fit) if (node.op === "map") assert.equal(OPS.map.wrong(node), undefined, describe(node));
  for (let i = 0; i < fit.length; i += 40) compare(fit.slice(i, i + 40), r, 6);
});
