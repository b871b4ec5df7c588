import { get } from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { layoutOf, type Oracle, RAN, writeField } from "../../oracle/oracle.ts";
import type { Decoded } from "../../rules/book.ts";
import type { Binding } from "./bind.ts";
import { Bulk, unbulkable } from "./bulk.ts";
import type { Random } from "./random.ts";
import { value } from "./states.ts";
import { summarize } from "./summary.ts";
import { carriedBy, compareSome, type TrialResult } from "./trial.ts";
import { usageOf } from "./usage.ts";

/** Cases that the evaluator looks at too, so that the compiled form is held against the reference. */
const SAMPLE = 32;
const POOL = 4096;
const PART = 131_072;

const memory = new WebAssembly.Memory({ initial: 64 });
const pools = new Map<number, Int32Array>();

/**
 * The comparison of trial.ts for instructions on registers alone, by the million: states come from pools of values that
 * matter, the row's compiled form says what is expected. null: this instruction cannot be compared so.
 */
export async function tryMany(
  oracle: Oracle,
  binding: Binding,
  code: Uint8Array,
  decoded: Decoded,
  count: number,
  random: Random,
): Promise<TrialResult | null> {
  const { book, machine } = binding;
  const probe = book.lift(decoded, Number(machine.code.address));
  const usage = usageOf(probe);
  if (
    usage.accesses.length > 0 ||
    usage.targets.length > 0 ||
    usage.stops.size > 0 ||
    usage.answered.size > 0 ||
    usage.floats
  )
    return null;
  if ([...usage.reads, ...usage.writes].some((s) => !whole(binding, s))) return null;
  const carry = carriedBy(binding, usage);
  if (carry.length === 0) return null;
  const layout = layoutOf(machine, carry);
  const position = new Map(layout.fields.map((field, k) => [field, k]));
  const places = new Map<number, number>();
  for (const slot of [...usage.reads, ...usage.writes]) places.set(slot, 8 * position.get(binding.slots[slot]!.field)!);
  const outputsAt = (at: number): { outputs: Node[]; open: ReadonlySet<number> } | undefined => {
    const inst = book.lift(decoded, at);
    const summary = summarize(inst, (s) => book.slots[s]!.w, BigInt(at + code.length));
    if (summary?.leaves.op !== "const") return undefined;
    const bySlot = new Map([...places].map(([slot, place]) => [place, slot]));
    const open = new Set<number>();
    const outputs = layout.fields.map((_, k) => {
      const slot = bySlot.get(8 * k)!;
      const node = summary.sets.get(slot) ?? get(slot, book.slots[slot]!.w);
      if (node.op !== "undef") return node;
      if (node.args.length > 0) return node.args[0]!;
      open.add(k);
      return get(slot, book.slots[slot]!.w);
    });
    return outputs.some((n) => unbulkable(n, places) !== undefined) ? undefined : { outputs, open };
  };
  if (!outputsAt(Number(machine.code.address))) return null;

  const bulks = new Map<bigint, { bulk: Bulk; open: ReadonlySet<number> }>();
  const result = { cases: 0, ran: 0 };
  for (let from = 0; from < count; from += PART) {
    const n = Math.min(PART, count - from);
    const state = new Uint8Array(n * layout.bytes);
    fill(binding, carry, usage.constants, state, n, random);
    const rest = new Uint8Array(machine.recordBytes);
    for (const f of machine.fields)
      if (f.role === "integer" && f.settable) writeField(rest, 0, f.at, f.bits, random.bits(f.bits) & (f.kept ?? -1n));
    const batch = { count: n, stride: 0, code, carry, rest, state };
    const seen = await oracle.observe(batch);
    const at = seen.at[n - 1]!;
    let made = bulks.get(at);
    if (!made) {
      const { outputs, open } = outputsAt(Number(at))!;
      bulks.set(at, (made = { bulk: new Bulk(places, layout.bytes, outputs, memory), open }));
    }
    const expected = made.bulk.outputs(state, n);
    const is = new Int32Array(seen.state.buffer, seen.state.byteOffset, seen.state.length / 4);
    const words = 2 * carry.length;
    const skipWords = new Set([...made.open].flatMap((k) => [2 * k, 2 * k + 1]));
    let odd = -1;
    for (let i = 0; i < n && odd < 0; i++) {
      if (seen.outcome[i] !== RAN || seen.strayed[i] !== 0 || seen.at[i] !== at) odd = i;
      else
        for (let k = 0; k < words; k++) if (expected[i * words + k] !== is[i * words + k] && !skipWords.has(k)) odd = i;
    }
    // The evaluator judges the first ones, and whatever is odd
    const tried = { code, decoded, usage, carry, batch, seen, unseen: [], blind: [], excused: () => undefined };
    const few =
      odd < 0 ? compareSome(binding, tried, 0, Math.min(SAMPLE, n)) : compareSome(binding, tried, odd, odd + 1);
    if (few.refuted) return few;
    if (odd >= 0) {
      // Other places of the code, or a compiled form that differs from the reference
      if (seen.at[odd] !== at) return null;
      throw new Error(`${probe.row}: the compiled form differs from the evaluator on ${[...code]}`);
    }
    result.cases += n;
    result.ran += n;
  }
  return { cases: result.cases, skipped: new Map(), ran: result.ran, faults: 0, refuted: undefined, unseen: [] };
}

/** The oracle shows the slot, with all its bits, 64 at most. */
function whole(binding: Binding, slot: number): boolean {
  const bound = binding.slots[slot];
  const w = binding.book.slots[slot]!.w;
  const field = bound && binding.machine.fields[bound.field]!;
  return (
    field !== undefined &&
    w <= 64 &&
    bound?.bits === w &&
    field.bits === w &&
    field.kept === undefined &&
    field.settable
  );
}

function poolOf(w: number, random: Random): Int32Array {
  let pool = pools.get(w);
  if (pool) return pool;
  pool = new Int32Array(2 * POOL);
  for (let i = 0; i < POOL; i++) {
    const v = value(random, w, [], false);
    pool[2 * i] = Number(BigInt.asIntN(32, v));
    pool[2 * i + 1] = Number(BigInt.asIntN(32, v >> 32n));
  }
  pools.set(w, pool);
  return pool;
}

/** Values from the pools, of earlier fields (the same, negated, inverted, off by one), and plain random bits. */
function fill(
  binding: Binding,
  carry: readonly number[],
  constants: readonly bigint[],
  state: Uint8Array,
  n: number,
  random: Random,
): void {
  const out = new Int32Array(state.buffer, state.byteOffset, state.length / 4);
  const fields = carry.map((c) => binding.machine.fields[c]!);
  const drawn = fields.map((f) => (f.bits > 8 ? poolOf(f.bits, random) : undefined));
  const words = 2 * fields.length;
  const near = constants
    .flatMap((c) => [c - 1n, c, c + 1n])
    .map((c) => [Number(BigInt.asIntN(32, c)), Number(BigInt.asIntN(32, c >> 32n))] as const);
  for (let i = 0; i < n; i++) {
    const base = i * words;
    for (let k = 0; k < fields.length; k++) {
      const w = fields[k]!.bits;
      const pool = drawn[k];
      const draw = random.i32();
      let lo = random.i32();
      let hi = 0;
      if (pool === undefined) lo &= (1 << w) - 1;
      else {
        const kind = draw & 15;
        if (kind === 15 && near.length > 0) {
          const v = near[(lo >>> 8) % near.length]!;
          lo = v[0];
          hi = v[1];
        } else if (kind < 8) {
          const p = 2 * ((lo >>> 8) % POOL);
          lo = pool[p]!;
          hi = pool[p + 1]!;
        } else if (kind < 12 && k > 0) {
          const p = base + 2 * ((lo >>> 8) % k);
          lo = out[p]!;
          hi = out[p + 1]!;
          const how = (draw >>> 4) & 7;
          if (how >= 3 && how < 6) {
            lo = ~lo;
            hi = ~hi;
          }
          if (how >= 4) {
            lo = (lo + 1) | 0;
            if (lo === 0) hi = (hi + 1) | 0;
          }
        } else hi = random.i32();
        if (w < 64) hi = w <= 32 ? 0 : hi & ((1 << (w - 32)) - 1);
        if (w < 32) lo &= (1 << w) - 1;
      }
      out[base + 2 * k] = lo;
      out[base + 2 * k + 1] = hi;
    }
  }
}
