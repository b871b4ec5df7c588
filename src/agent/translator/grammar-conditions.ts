import * as A from "./arith.ts";
import type { Rule } from "./production.ts";
import { bool, maskHigh, maskLow } from "./values.ts";

/** Single bits: comparisons, carries, and what is made of other bits. */
export function conditions(rule: Rule, w: number): void {
  const ml = maskLow(w);
  const mh = maskHigh(w);
  rule(
    "eq",
    "WW>B",
    3,
    (al, ah, bl, bh) => bool(al === bl && ah === bh ? 1 : 0),
    (a, b) => `(${a} == ${b})`,
    true,
  );
  rule(
    "ult",
    "WW>B",
    3,
    (al, ah, bl, bh) => bool(A.ult(al, ah, bl, bh)),
    (a, b) => `(${a} <u ${b})`,
  );
  rule(
    "slt",
    "WW>B",
    3,
    (al, ah, bl, bh) => bool(A.slt(al, ah, bl, bh, w)),
    (a, b) => `(${a} <s ${b})`,
  );
  rule(
    "iszero",
    "W>B",
    2,
    (al, ah) => bool(al === 0 && ah === 0 ? 1 : 0),
    (a) => `(${a} == 0)`,
  );
  rule(
    "msb",
    "W>B",
    2,
    (al, ah) => bool(w > 32 ? (ah >>> (w - 33)) & 1 : (al >>> (w - 1)) & 1),
    (a) => `msb(${a})`,
  );
  rule(
    "lsb",
    "W>B",
    3,
    (al) => bool(al & 1),
    (a) => `${a}[0]`,
  );
  rule(
    "parity",
    "W>B",
    4,
    (al, ah) => bool((A.ones(al) + A.ones(ah)) & 1),
    (a) => `parity(${a})`,
  );
  rule(
    "parity8",
    "W>B",
    6,
    (al) => bool(A.ones(al & 255) & 1),
    (a) => `parity(${a}[${Math.min(8, w) - 1}:0])`,
  );
  rule(
    "carry0",
    "WW>B",
    3,
    (al, ah, bl, bh) => bool(A.carry(al, ah, bl, bh, 0, w)),
    (a, b) => `carry(${a}, ${b}, 0)`,
    true,
  );
  rule(
    "over0",
    "WW>B",
    3,
    (al, ah, bl, bh) => bool(A.overflow(al, ah, bl, bh, 0, w)),
    (a, b) => `overflow(${a}, ${b}, 0)`,
    true,
  );
  rule(
    "oversub",
    "WW>B",
    3,
    (al, ah, bl, bh) => bool(A.overflow(al, ah, bl ^ ml, bh ^ mh, 1, w)),
    (a, b) => `overflow(${a}, ~${b}, 1)`,
  );
  rule(
    "carry",
    "WWB>B",
    5,
    (al, ah, bl, bh, cl) => bool(A.carry(al, ah, bl, bh, cl, w)),
    (a, b, c) => `carry(${a}, ${b}, ${c})`,
    true,
  );
  rule(
    "carrysub",
    "WWB>B",
    5,
    (al, ah, bl, bh, cl) => bool(A.carry(al, ah, bl ^ ml, bh ^ mh, cl, w)),
    (a, b, c) => `carry(${a}, ~${b}, ${c})`,
  );
  rule(
    "over",
    "WWB>B",
    5,
    (al, ah, bl, bh, cl) => bool(A.overflow(al, ah, bl, bh, cl, w)),
    (a, b, c) => `overflow(${a}, ${b}, ${c})`,
    true,
  );
  rule(
    "overborrow",
    "WWB>B",
    5,
    (al, ah, bl, bh, cl) => bool(A.overflow(al, ah, bl ^ ml, bh ^ mh, cl, w)),
    (a, b, c) => `overflow(${a}, ~${b}, ${c})`,
  );
  rule(
    "bnot",
    "B>B",
    1,
    (al) => bool(al ^ 1),
    (a) => `(!${a})`,
  );
  rule(
    "band",
    "BB>B",
    2,
    (al, _h, bl) => bool(al & bl),
    (a, b) => `(${a} && ${b})`,
    true,
  );
  rule(
    "bor",
    "BB>B",
    2,
    (al, _h, bl) => bool(al | bl),
    (a, b) => `(${a} || ${b})`,
    true,
  );
  rule(
    "bxor",
    "BB>B",
    2,
    (al, _h, bl) => bool(al ^ bl),
    (a, b) => `(${a} ^ ${b})`,
    true,
  );
  rule(
    "bsel",
    "BBB>B",
    4,
    (al, _h, bl, _i, cl) => bool(al ? bl : cl),
    (c, a, b) => `(${c} ? ${a} : ${b})`,
  );
}
