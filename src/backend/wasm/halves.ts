import { binary, concat, extract, get, select, unary } from "../../ir/build.ts";
import type { Effect, Inst, Node, Slot } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";
import { piecesOf } from "./wide-pieces.ts";

/**
 * Slots wider than 64 bits, in compiled regions: each is taken for several slots over the same bytes, so that what is
 * read and written of a register is all that the code carries about. Above 128 bits they are chunks of 128; the low
 * 128 bits are one more chunk, or two words where the code treats the register as scalars.
 */
export interface Halves {
  /** The book's slots, then all parts. */
  readonly slots: readonly Slot[];
  /** First part of each wide slot: low word, high word, low chunk, further chunks. */
  readonly first: ReadonlyMap<number, number>;
  /** Wide slots whose low 128 bits were last seen as scalars. */
  readonly scalar: Set<number>;
}

const known = new WeakMap<object, Halves>();

export function halvesOf(slots: readonly Slot[]): Halves {
  let halves = known.get(slots);
  if (halves === undefined) known.set(slots, (halves = make(slots)));
  return halves;
}

function make(slots: readonly Slot[]): Halves {
  const all: Slot[] = [...slots];
  const first = new Map<number, number>();
  slots.forEach((slot, i) => {
    if (slot.w <= 64) return;
    first.set(i, all.length);
    const part = (lo: number, w: number): void => {
      all.push({ ...slot, name: `${slot.name}[${lo + w - 1}:${lo}]`, w, offset: slot.offset + lo / 8 });
    };
    part(0, 64);
    part(64, Math.min(64, slot.w - 64));
    for (let lo = 0; lo < slot.w; lo += 128) part(lo, Math.min(128, slot.w - lo));
  });
  return { slots: all, first, scalar: new Set() };
}

interface Part {
  readonly slot: number;
  readonly lo: number;
  readonly w: number;
}

/** How often the instructions of a region take a wide slot for a vector, and for scalars. */
export class Tastes {
  private readonly votes = new Map<number, number>();
  private readonly halves: Halves;

  constructor(halves: Halves) {
    this.halves = halves;
  }

  /** Counts an instruction. */
  see(inst: Inst): void {
    if (this.halves.first.size > 0) this.effects(inst.effects);
  }

  /** Decides; true where some slot is now taken otherwise than before. */
  settle(): boolean {
    let changed = false;
    for (const [slot, votes] of this.votes) {
      const scalar = votes < 0;
      if (scalar === this.halves.scalar.has(slot)) continue;
      changed = true;
      if (scalar) this.halves.scalar.add(slot);
      else this.halves.scalar.delete(slot);
    }
    return changed;
  }

  private vote(slot: number, by: number): void {
    this.votes.set(slot, (this.votes.get(slot) ?? 0) + by);
  }

  private effects(effects: readonly Effect[]): void {
    const seen = new Set<Node>();
    const read = (n: Node): void => {
      if (seen.has(n)) return;
      seen.add(n);
      n.args.forEach((arg, i) => {
        if (arg.op === "get" && arg.w > 64) this.use(n, i, arg);
        read(arg);
      });
    };
    for (const e of effects) {
      if ("node" in e) read(e.node);
      else if (e.k === "store") {
        read(e.addr);
        read(e.value);
      } else if (e.k === "jump") read(e.target);
      else if (e.k === "set") {
        read(e.value);
        if (e.value.w > 64) this.set(e.slot, e.value);
      } else if (e.k === "if") {
        read(e.cond);
        this.effects(e.then);
        this.effects(e.else);
      }
    }
  }

  private use(by: Node, _index: number, arg: Node): void {
    if (by.op === "map" || by.op === "ormap") this.vote(arg.aux, 1);
    else if (by.op === "extract" && by.aux + by.w <= 64) this.vote(arg.aux, -1);
  }

  private set(slot: number, value: Node): void {
    const pieces = piecesOf(value, 0, Math.min(128, value.w), () => false);
    if (pieces.some((p) => p.node?.op === "map")) this.vote(slot, 1);
    else if (pieces.some((p) => p.node !== undefined && p.node.w <= 64 && p.node.op !== "const")) this.vote(slot, -1);
  }
}

/** Rewrites instructions over wide slots into ones over their parts. */
export class Splitter {
  private readonly halves: Halves;
  private readonly parts = new Map<number, readonly Part[]>();

  constructor(halves: Halves) {
    this.halves = halves;
  }

  inst(inst: Inst): Inst {
    if (this.halves.first.size === 0) return inst;
    const memo = new Map<Node, Node>();
    return { ...inst, effects: this.effects(inst.effects, memo) };
  }

  private partsOf(slot: number): readonly Part[] {
    let parts = this.parts.get(slot);
    if (parts !== undefined) return parts;
    const first = this.halves.first.get(slot)!;
    const { w } = this.halves.slots[slot]!;
    const list: Part[] = [];
    if (w < 128 || this.halves.scalar.has(slot))
      list.push({ slot: first, lo: 0, w: 64 }, { slot: first + 1, lo: 64, w: Math.min(64, w - 64) });
    else list.push({ slot: first + 2, lo: 0, w: 128 });
    for (let lo = 128; lo < w; lo += 128) list.push({ slot: first + 2 + lo / 128, lo, w: Math.min(128, w - lo) });
    this.parts.set(slot, (parts = list));
    return parts;
  }

  private effects(effects: readonly Effect[], memo: Map<Node, Node>): Effect[] {
    const node = (n: Node): Node => this.node(n, memo);
    return effects.flatMap((e): Effect[] => {
      switch (e.k) {
        case "load":
        case "rmw":
        case "ask":
          return [{ k: e.k, node: node(e.node) }];
        case "store":
          return [{ ...e, addr: node(e.addr), value: node(e.value) }];
        case "jump":
          return [{ ...e, target: node(e.target) }];
        case "if":
          return [{ ...e, cond: node(e.cond), then: this.effects(e.then, memo), else: this.effects(e.else, memo) }];
        case "set": {
          const value = node(e.value);
          if (e.value.w <= 64) return [{ ...e, value }];
          return this.partsOf(e.slot).flatMap(({ slot, lo, w }) => {
            const part = partOf(value, lo, w);
            return part.op === "get" && part.aux === slot ? [] : [{ k: "set" as const, slot, value: part }];
          });
        }
        default:
          return [e];
      }
    });
  }

  private node(n: Node, memo: Map<Node, Node>): Node {
    let out = memo.get(n);
    if (out === undefined) {
      if (n.op === "get" && n.w > 64) {
        out = this.partsOf(n.aux)
          .map((part) => get(part.slot, part.w))
          .reduce((low, high) => concat(high, low));
      } else {
        const args = n.args.map((a) => this.node(a, memo));
        out = args.every((a, i) => a === n.args[i]) ? n : remake(n, args);
      }
      memo.set(n, out);
    }
    return out;
  }
}

/** Bits of a value, taken before what works bit by bit. */
function partOf(n: Node, lo: number, w: number): Node {
  switch (n.op) {
    case "select":
      return select(n.args[0]!, partOf(n.args[1]!, lo, w), partOf(n.args[2]!, lo, w));
    case "and":
    case "or":
    case "xor":
      return binary(n.op, partOf(n.args[0]!, lo, w), partOf(n.args[1]!, lo, w));
    case "not":
      return unary("not", partOf(n.args[0]!, lo, w));
    default:
      return extract(n, lo, w);
  }
}
