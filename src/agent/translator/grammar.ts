import * as A from "./arith.ts";
import { conditions } from "./grammar-conditions.ts";
import { words } from "./grammar-words.ts";
import type { Production, Sort } from "./production.ts";
import { bool, high, maskHigh, maskLow, put } from "./values.ts";

/** The expressions that the search may build over values of `w` bits. */
export function grammar(w: number): readonly Production[] {
  const out: Production[] = [];
  const ml = maskLow(w);
  const mh = maskHigh(w);
  const rule = (
    name: string,
    sorts: string,
    cost: number,
    f: A.Halves,
    text: (...args: string[]) => string,
    symmetric = false,
  ): void => {
    const [args, result] = sorts.split(">") as [string, Sort];
    out.push({ name, args: [...args] as Sort[], result, cost, symmetric, f, text });
  };

  rule(
    "add",
    "WW>W",
    2,
    (al, ah, bl, bh) => A.add(al, ah, bl, bh, 0, w),
    (a, b) => `(${a} + ${b})`,
    true,
  );
  rule(
    "sub",
    "WW>W",
    2,
    (al, ah, bl, bh) => A.sub(al, ah, bl, bh, w),
    (a, b) => `(${a} - ${b})`,
  );
  rule(
    "and",
    "WW>W",
    2,
    (al, ah, bl, bh) => put(al & bl, ah & bh, w),
    (a, b) => `(${a} & ${b})`,
    true,
  );
  rule(
    "or",
    "WW>W",
    2,
    (al, ah, bl, bh) => put(al | bl, ah | bh, w),
    (a, b) => `(${a} | ${b})`,
    true,
  );
  rule(
    "xor",
    "WW>W",
    2,
    (al, ah, bl, bh) => put(al ^ bl, ah ^ bh, w),
    (a, b) => `(${a} ^ ${b})`,
    true,
  );
  rule(
    "not",
    "W>W",
    2,
    (al, ah) => put(al ^ ml, ah ^ mh, w),
    (a) => `(~${a})`,
  );
  rule(
    "neg",
    "W>W",
    2,
    (al, ah) => A.sub(0, 0, al, ah, w),
    (a) => `(-${a})`,
  );

  const turn = (lo: number, hi: number): number =>
    hi === 0 || (w & (w - 1)) === 0 ? (lo >>> 0) % w : ((hi >>> 0) * (2 ** 32 % w) + ((lo >>> 0) % w)) % w;
  // Shifts by a whole value, by its low bits, by a value modulo the width
  const low = 2 ** Math.ceil(Math.log2(w)) - 1;
  const amounts: [string, number, (lo: number, hi: number) => number, (b: string) => string][] = [
    ["", 3, (lo, hi) => A.amount(lo, hi), (b) => b],
    ["m", 3, (lo) => lo & low, (b) => `(${b} & ${low})`],
  ];
  if (low !== 31 && w < 64) amounts.push(["m31", 5, (lo) => lo & 31, (b) => `(${b} & 31)`]);
  if (w < 16 || (low !== 15 && w < 32)) amounts.push(["m15", 5, (lo) => lo & 15, (b) => `(${b} & 15)`]);
  if (low !== 63) amounts.push(["m63", 6, (lo) => lo & 63, (b) => `(${b} & 63)`]);
  if ((w & (w - 1)) !== 0) amounts.push(["mod", 5, turn, (b) => `(${b} %u ${w})`]);
  for (const [suffix, cost, take, shown] of amounts) {
    rule(
      `shl${suffix}`,
      "WW>W",
      cost,
      (al, ah, bl, bh) => A.shl(al, ah, take(bl, bh), w),
      (a, b) => `(${a} << ${shown(b)})`,
    );
    rule(
      `shr${suffix}`,
      "WW>W",
      cost,
      (al, ah, bl, bh) => A.shr(al, ah, take(bl, bh), 0, w),
      (a, b) => `(${a} >>u ${shown(b)})`,
    );
    rule(
      `sar${suffix}`,
      "WW>W",
      cost,
      (al, ah, bl, bh) => A.sar(al, ah, take(bl, bh), w),
      (a, b) => `(${a} >>s ${shown(b)})`,
    );
    rule(
      `bit${suffix}`,
      "WW>B",
      cost + 1,
      (al, ah, bl, bh) => {
        const k = take(bl, bh);
        return bool(k >= w ? 0 : A.shr(al, ah, k, 0, w) & 1);
      },
      (a, b) => `(${a} >>u ${shown(b)})[0]`,
    );
  }
  rule(
    "rol",
    "WW>W",
    4,
    (al, ah, bl, bh) => A.rol(al, ah, turn(bl, bh), w),
    (a, b) => `rol(${a}, ${b})`,
  );
  rule(
    "ror",
    "WW>W",
    4,
    (al, ah, bl, bh) => A.rol(al, ah, (w - turn(bl, bh)) % w, w),
    (a, b) => `ror(${a}, ${b})`,
  );
  if ((w & (w - 1)) !== 0) {
    rule(
      "rolm",
      "WW>W",
      5,
      (al, ah, bl) => A.rol(al, ah, (bl & low) % w, w),
      (a, b) => `rol(${a}, ${b} & ${low})`,
    );
    rule(
      "rorm",
      "WW>W",
      5,
      (al, ah, bl) => A.rol(al, ah, (w - ((bl & low) % w)) % w, w),
      (a, b) => `ror(${a}, ${b} & ${low})`,
    );
  }

  rule(
    "mul",
    "WW>W",
    3,
    (al, ah, bl, bh) => A.mul(al, ah, bl, bh, w),
    (a, b) => `(${a} * ${b})`,
    true,
  );
  for (const [name, sa, sb] of [
    ["mulhu", false, false],
    ["mulhs", true, true],
    ["mulhsu", true, false],
  ] as const)
    rule(
      name,
      "WW>W",
      5,
      (al, ah, bl, bh) => A.mulHigh(al, ah, bl, bh, sa, sb, w),
      (a, b) =>
        `(${sa ? "sext" : "zext"}<${2 * w}>(${a}) * ${sb ? "sext" : "zext"}<${2 * w}>(${b}))[${2 * w - 1}:${w}]`,
      name !== "mulhsu",
    );
  for (const [name, sign, rest, op] of [
    ["udiv", false, false, "/u"],
    ["sdiv", true, false, "/s"],
    ["urem", false, true, "%u"],
    ["srem", true, true, "%s"],
  ] as const)
    rule(
      name,
      "WW>W",
      5,
      (al, ah, bl, bh) => A.divide(al, ah, bl, bh, sign, rest, w),
      (a, b) => `(${a} ${op} ${b})`,
    );

  for (const [name, f] of [
    ["clz", A.clz],
    ["ctz", A.ctz],
  ] as const)
    rule(
      name,
      "W>W",
      4,
      (al, ah) => put(f(al, ah, w), 0, w),
      (a) => `${name}(${a})`,
    );
  rule(
    "popcnt",
    "W>W",
    4,
    (al, ah) => put(A.ones(al) + A.ones(ah), 0, w),
    (a) => `popcnt(${a})`,
  );
  rule(
    "bitrev",
    "W>W",
    4,
    (al, ah) => A.bitReverse(al, ah, w),
    (a) => `(join<1>(i in 0..${w}): ${a}[${w - 1} - i])`,
  );
  if (w % 8 === 0) {
    if (w > 8)
      rule(
        "bswap",
        "W>W",
        4,
        (al, ah) => A.byteSwap(al, ah, w),
        (a) => `bswap(${a})`,
      );
    rule(
      "orbytes",
      "W>W",
      6,
      (al, ah) => put(A.orBytes(al), A.orBytes(ah), w),
      (a) => `(join<8>(i in 0..${w / 8}): (lane<8>(${a}, i) != 0 ? ones<8> : 0))`,
    );
    rule(
      "revbytes",
      "W>W",
      6,
      (al, ah) => put(A.reverseInBytes(al), A.reverseInBytes(ah), w),
      (a) => `(join<1>(i in 0..${w}): ${a}[i - i % 8 + 7 - i % 8])`,
    );
  }
  if (w % 2 === 0) {
    const h = w / 2;
    rule(
      "halves",
      "W>W",
      5,
      (al, ah) => A.rol(al, ah, h, w),
      (a) => `cat(${a}[${h - 1}:0], ${a}[${w - 1}:${h}])`,
    );
  }
  const cut = new Set([8, 16, 32, w / 2].filter((k) => k < w && Number.isInteger(k) && k > 1));
  for (const k of cut) {
    rule(
      `zext${k}`,
      "W>W",
      3,
      (al, ah) => put(k < 32 ? al & maskLow(k) : al, k < 32 ? 0 : ah & maskHigh(k), w),
      (a) => `zext<${w}>(${a}[${k - 1}:0])`,
    );
    rule(
      `sext${k}`,
      "W>W",
      3,
      (al, ah) => {
        const lo = A.signed(al, ah, k);
        return put(lo, high, w);
      },
      (a) => `sext<${w}>(${a}[${k - 1}:0])`,
    );
  }
  if (w === 64) words(rule);

  rule(
    "min_s",
    "WW>W",
    4,
    (al, ah, bl, bh) => (A.slt(al, ah, bl, bh, w) ? put(al, ah, w) : put(bl, bh, w)),
    (a, b) => `mins(${a}, ${b})`,
    true,
  );
  rule(
    "max_s",
    "WW>W",
    4,
    (al, ah, bl, bh) => (A.slt(al, ah, bl, bh, w) ? put(bl, bh, w) : put(al, ah, w)),
    (a, b) => `maxs(${a}, ${b})`,
    true,
  );
  rule(
    "min_u",
    "WW>W",
    4,
    (al, ah, bl, bh) => (A.ult(al, ah, bl, bh) ? put(al, ah, w) : put(bl, bh, w)),
    (a, b) => `minu(${a}, ${b})`,
    true,
  );
  rule(
    "max_u",
    "WW>W",
    4,
    (al, ah, bl, bh) => (A.ult(al, ah, bl, bh) ? put(bl, bh, w) : put(al, ah, w)),
    (a, b) => `maxu(${a}, ${b})`,
    true,
  );

  const least = `(1:i${w} << ${w - 1})`;
  const edge = (negative: number): number => {
    const lo = A.shl(1, 0, w - 1, w);
    return negative ? put(lo, high, w) : put(~lo, ~high, w);
  };
  rule(
    "sadds",
    "WW>W",
    6,
    (al, ah, bl, bh) => (A.overflow(al, ah, bl, bh, 0, w) ? edge(A.slt(al, ah, 0, 0, w)) : A.add(al, ah, bl, bh, 0, w)),
    (a, b) => `(overflow(${a}, ${b}, 0) ? (msb(${a}) ? ${least} : ~${least}) : (${a} + ${b}))`,
    true,
  );
  rule(
    "ssubs",
    "WW>W",
    6,
    (al, ah, bl, bh) =>
      A.overflow(al, ah, bl ^ ml, bh ^ mh, 1, w) ? edge(A.slt(al, ah, 0, 0, w)) : A.sub(al, ah, bl, bh, w),
    (a, b) => `(overflow(${a}, ~${b}, 1) ? (msb(${a}) ? ${least} : ~${least}) : (${a} - ${b}))`,
  );
  rule(
    "uadds",
    "WW>W",
    6,
    (al, ah, bl, bh) => (A.carry(al, ah, bl, bh, 0, w) ? put(-1, -1, w) : A.add(al, ah, bl, bh, 0, w)),
    (a, b) => `(carry(${a}, ${b}, 0) ? ones<${w}> : (${a} + ${b}))`,
    true,
  );
  rule(
    "usubs",
    "WW>W",
    6,
    (al, ah, bl, bh) => (A.ult(al, ah, bl, bh) ? put(0, 0, w) : A.sub(al, ah, bl, bh, w)),
    (a, b) => `(${a} <u ${b} ? 0:i${w} : (${a} - ${b}))`,
  );
  rule(
    "abs",
    "W>W",
    5,
    (al, ah) => (A.slt(al, ah, 0, 0, w) ? A.sub(0, 0, al, ah, w) : put(al, ah, w)),
    (a) => `(msb(${a}) ? -${a} : ${a})`,
  );
  rule(
    "avgu",
    "WW>W",
    7,
    (al, ah, bl, bh) => {
      const c = A.carry(al, ah, bl, bh, 0, w);
      const lo = A.add(al, ah, bl, bh, 0, w);
      const half = A.shr(lo, high, 1, 0, w);
      const hh = high;
      return c ? put(half | (w <= 32 ? 1 << (w - 1) : 0), hh | (w > 32 ? 1 << (w - 33) : 0), w) : put(half, hh, w);
    },
    (a, b) => `(zext<${w + 1}>(${a}) + zext<${w + 1}>(${b}))[${w}:1]`,
    true,
  );
  rule(
    "avgs",
    "WW>W",
    7,
    (al, ah, bl, bh) => {
      const v = A.overflow(al, ah, bl, bh, 0, w);
      const lo = A.add(al, ah, bl, bh, 0, w);
      const h = A.sar(lo, high, 1, w);
      const hh = high;
      return v ? put(h ^ (w <= 32 ? 1 << (w - 1) : 0), hh ^ (w > 32 ? 1 << (w - 33) : 0), w) : put(h, hh, w);
    },
    (a, b) => `(sext<${w + 1}>(${a}) + sext<${w + 1}>(${b}))[${w}:1]`,
    true,
  );
  const pair = (name: string, i: number, j: number): void => {
    if (w % 2 !== 0) return;
    const h = w / 2;
    const part = (lo: number, hi: number, up: number): number => (up ? A.shr(lo, hi, h, 0, h) : put(lo, hi, h));
    const shown = (x: string, up: number): string => (up ? `${x}[${w - 1}:${h}]` : `${x}[${h - 1}:0]`);
    rule(
      name,
      "WW>W",
      6,
      (al, ah, bl, bh) => {
        const x = part(al, ah, i);
        const u = A.shl(x, high, h, w);
        const uh = high;
        const l = part(bl, bh, j);
        return put(u | l, uh | high, w);
      },
      (a, b) => `cat(${shown(a, i)}, ${shown(b, j)})`,
    );
  };
  pair("packll", 0, 0);
  pair("packhh", 1, 1);
  pair("packhl", 1, 0);
  pair("packlh", 0, 1);

  rule(
    "select",
    "BWW>W",
    4,
    (al, _ah, bl, bh, cl, ch) => (al ? put(bl, bh, w) : put(cl, ch, w)),
    (c, a, b) => `(${c} ? ${a} : ${b})`,
  );
  rule(
    "zextb",
    "B>W",
    2,
    (al) => put(al, 0, w),
    (a) => `zext<${w}>(${a})`,
  );
  rule(
    "sextb",
    "B>W",
    4,
    (al) => put(-al, -al, w),
    (a) => `sext<${w}>(${a})`,
  );
  rule(
    "adc",
    "WWB>W",
    4,
    (al, ah, bl, bh, cl) => A.add(al, ah, bl, bh, cl, w),
    (a, b, c) => `(${a} + ${b} + zext<${w}>(${c}))`,
    true,
  );
  rule(
    "sbb",
    "WWB>W",
    4,
    (al, ah, bl, bh, cl) => A.add(al, ah, bl ^ ml, bh ^ mh, cl ^ 1, w),
    (a, b, c) => `(${a} - ${b} - zext<${w}>(${c}))`,
  );
  rule(
    "sbc",
    "WWB>W",
    4,
    (al, ah, bl, bh, cl) => A.add(al, ah, bl ^ ml, bh ^ mh, cl, w),
    (a, b, c) => `(${a} + ~${b} + zext<${w}>(${c}))`,
  );
  rule(
    "shlin",
    "WB>W",
    5,
    (al, ah, bl) => {
      const lo = A.shl(al, ah, 1, w);
      return put(lo | bl, high, w);
    },
    (a, c) => `cat(${a}[${w - 2}:0], ${c})`,
  );
  rule(
    "shrin",
    "WB>W",
    5,
    (al, ah, bl) => {
      const lo = A.shr(al, ah, 1, 0, w);
      return put(lo | (w <= 32 ? bl << (w - 1) : 0), high | (w > 32 ? bl << (w - 33) : 0), w);
    },
    (a, c) => `cat(${c}, ${a}[${w - 1}:1])`,
  );
  conditions(rule, w);
  return out;
}
