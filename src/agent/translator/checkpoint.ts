import type { Failure } from "./explore.ts";
import type { Form, Out, Value } from "./form.ts";
import type { Layout } from "./layouts.ts";
import type { Expr } from "./search.ts";
import { rulesOf } from "./solve.ts";
import type { Template } from "./templates.ts";

/** Everything that learning goes on from: with it, and the same oracle, it ends as it would have without a break. */
export interface Checkpoint {
  readonly version: 2;
  readonly oracle: string;
  readonly seed: number;
  readonly rng: readonly number[];
  readonly little: boolean;
  /** Where the oracle's windows were, in digits: elsewhere the same words do not quite do the same. */
  readonly places: { readonly code: string; readonly data: string | undefined };
  readonly phase: Phase;
  readonly forms: readonly Form[];
  readonly failures: readonly Failure[];
  readonly layouts: readonly Layout[];
  readonly templates: readonly Template[];
  readonly observations: number;
  readonly candidates: number;
  /** Milliseconds spent. */
  readonly spent: number;
}

/** Where exploration stands. */
export interface Phase {
  /** Number of the length in turn. */
  readonly length: number;
  readonly step: "random" | "sweep" | "again" | "done";
  readonly dry: number;
  /** Position in the sweep or in the list of failures. */
  readonly at: number;
}

type Plain =
  | { readonly l: string; readonly s: "W" | "B"; readonly v?: readonly [number, number] }
  | { readonly r: string; readonly a: readonly Plain[] };

function plain(e: Expr): Plain {
  if (e.k === "apply") return { r: e.rule.name, a: e.args.map(plain) };
  const { name, sort, value } = e.leaf;
  return name.startsWith("%") ? { l: name, s: sort } : { l: name, s: sort, v: [value.lo[0]!, value.hi[0]!] };
}

function expr(p: Plain, w: number): Expr {
  if ("r" in p) {
    const rule = rulesOf(w).find((r) => r.name === p.r);
    if (!rule) throw new Error(`no rule ${p.r}`);
    return { k: "apply", rule, args: p.a.map((a) => expr(a, w)) };
  }
  const [lo, hi] = p.v ?? [0, 0];
  return {
    k: "leaf",
    leaf: { name: p.l, sort: p.s, cost: 1, value: { lo: Int32Array.of(lo), hi: Int32Array.of(hi) } },
  };
}

/** As text: one JSON value. */
export function writeCheckpoint(c: Checkpoint): string {
  return JSON.stringify(c, (_key, value: unknown) => {
    if (value instanceof Int32Array) return [...value];
    if (isExpr(value)) return { expr: plain(value) };
    return value;
  });
}

const isExpr = (v: unknown): v is Expr =>
  typeof v === "object" && v !== null && "k" in v && (v.k === "leaf" || v.k === "apply");

type Loose = { -readonly [K in keyof Form]: Form[K] };

/** Where the windows were that a checkpoint's learning used. Throws like `readCheckpoint`. */
export function placesOf(text: string): { code: bigint; data: bigint | undefined } {
  const { code, data } = readCheckpoint(text).places;
  return { code: BigInt(code), data: data === undefined ? undefined : BigInt(data) };
}

/** Throws for anything that `writeCheckpoint` did not write. */
export function readCheckpoint(text: string): Checkpoint {
  const c = JSON.parse(text) as Checkpoint;
  if (c.version !== 2 || !Array.isArray(c.forms)) throw new Error("no checkpoint");
  const value = <T extends Value>(v: T): T => ({ ...v, expr: expr((v.expr as unknown as { expr: Plain }).expr, v.w) });
  const form = (f: Form): Form => {
    const out: Loose = { ...f };
    out.regs = f.regs.map((r) => ({ ...r, map: Int32Array.from(r.map) }));
    out.outs = f.outs.map((o): Out => value(o));
    out.load = f.load && { ...f.load, addr: value(f.load.addr) };
    out.store = f.store && { ...f.store, addr: value(f.store.addr), value: value(f.store.value) };
    out.jump = f.jump && { cond: f.jump.cond && value(f.jump.cond), target: value(f.jump.target) };
    return out;
  };
  const templates = c.templates.map((t) => ({ ...t, map: Int32Array.from(t.map) }));
  return { ...c, templates, forms: c.forms.map(form) };
}
