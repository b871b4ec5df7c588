import * as A from "./arith.ts";
import type { Rule } from "./production.ts";
import { put } from "./values.ts";

/** Operations on the low 32 bits of 64, sign-extended. */
export function words(rule: Rule): void {
  const s = (lo: number): number => put(lo, lo >> 31, 64);
  const shown = (e: string): string => `sext<64>(${e})`;
  const lo = (x: string): string => `${x}[31:0]`;
  const amount = (x: string): string => `(${x} & 31)`;
  rule(
    "addw",
    "WW>W",
    4,
    (al, _a, bl) => s(al + bl),
    (a, b) => shown(`${lo(a)} + ${lo(b)}`),
    true,
  );
  rule(
    "subw",
    "WW>W",
    4,
    (al, _a, bl) => s(al - bl),
    (a, b) => shown(`${lo(a)} - ${lo(b)}`),
  );
  rule(
    "mulw",
    "WW>W",
    5,
    (al, _a, bl) => s(Math.imul(al, bl)),
    (a, b) => shown(`${lo(a)} * ${lo(b)}`),
    true,
  );
  rule(
    "shlw",
    "WW>W",
    4,
    (al, _a, bl) => s(al << (bl & 31)),
    (a, b) => shown(`${lo(a)} << ${amount(b)}`),
  );
  rule(
    "shrw",
    "WW>W",
    4,
    (al, _a, bl) => s(al >>> (bl & 31)),
    (a, b) => shown(`${lo(a)} >>u ${amount(b)}`),
  );
  rule(
    "sarw",
    "WW>W",
    4,
    (al, _a, bl) => s(al >> (bl & 31)),
    (a, b) => shown(`${lo(a)} >>s ${amount(b)}`),
  );
  rule(
    "rolw",
    "WW>W",
    5,
    (al, _a, bl) => s(A.rol(al, 0, bl & 31, 32)),
    (a, b) => shown(`rol(${lo(a)}, ${amount(b)})`),
  );
  rule(
    "rorw",
    "WW>W",
    5,
    (al, _a, bl) => s(A.rol(al, 0, (32 - (bl & 31)) & 31, 32)),
    (a, b) => shown(`ror(${lo(a)}, ${amount(b)})`),
  );
  for (const [name, sign, rest, op] of [
    ["udivw", false, false, "/u"],
    ["sdivw", true, false, "/s"],
    ["uremw", false, true, "%u"],
    ["sremw", true, true, "%s"],
  ] as const)
    rule(
      name,
      "WW>W",
      6,
      (al, _a, bl) => s(A.divide(al, 0, bl, 0, sign, rest, 32)),
      (a, b) => shown(`${lo(a)} ${op} ${lo(b)}`),
    );
  rule(
    "clzw",
    "W>W",
    5,
    (al) => put(Math.clz32(al), 0, 64),
    (a) => `zext<64>(clz(${lo(a)}))`,
  );
  rule(
    "ctzw",
    "W>W",
    5,
    (al) => put(A.ctz(al, 0, 32), 0, 64),
    (a) => `zext<64>(ctz(${lo(a)}))`,
  );
  rule(
    "popcntw",
    "W>W",
    5,
    (al) => put(A.ones(al), 0, 64),
    (a) => `zext<64>(popcnt(${lo(a)}))`,
  );
}
