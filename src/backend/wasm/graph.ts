import { binary, extract, get, select, unary, zext } from "../../ir/build.ts";
import { isZero, zero } from "../../ir/fold.ts";
import type { Effect, Inst, Node } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";
import type { Flow, RawBlock } from "./discover.ts";
import { accumulates } from "./lanes-fit.ts";
import { unlowerable } from "./lowerable.ts";
import { type Sticky, type StickyTerm, stickyTerms } from "./sticky.ts";

/** A step of a block, in the order it happens. `pc` is of the guest instruction it belongs to. */
export type Step =
  | { readonly k: "load"; readonly node: Node; readonly pc: number; readonly before: Before }
  | { readonly k: "rmw"; readonly node: Node; readonly pc: number; readonly before: Before }
  | { readonly k: "store"; readonly addr: Node; readonly value: Node; readonly pc: number; readonly before: Before }
  /** A float op whose exceptions go into a sticky slot. */
  | { readonly k: "float"; readonly node: Node; readonly sticky: Sticky }
  /** Exceptions of float lanes go into a sticky slot. */
  | { readonly k: "lanes"; readonly slot: number; readonly term: StickyTerm }
  /** Computed now, because a step that follows writes what it reads. */
  | { readonly k: "keep"; readonly node: Node }
  /** A slot that lives in memory is written. */
  | { readonly k: "put"; readonly slot: number; readonly value: Node }
  | { readonly k: "if"; readonly cond: Node; readonly then: readonly Step[]; readonly else: readonly Step[] }
  /** Leaves where it stands, dropping the instruction's sets; `sets` is the state before it. undefined: nobody asks. */
  | {
      readonly k: "trap";
      readonly name: string;
      readonly pc: number;
      readonly sets: ReadonlyMap<number, Node> | undefined;
    };

/**
 * Sets of the block's earlier instructions: with the block's begin they are the state before the instruction, to which
 * a checked access goes back. undefined: the access is not checked.
 */
export type Before = ReadonlyMap<number, Node> | undefined;

/** A block as values: get nodes are of the state at its begin. */
export interface Values {
  readonly steps: readonly Step[];
  /** Slots set by the block, with their values at its end. */
  readonly sets: ReadonlyMap<number, Node>;
  /** Condition of a branch, target of an indirect jump, call or return. */
  readonly control: Node | undefined;
  /** How it ends, after folding of its condition. */
  readonly flow: Flow;
  /** The instruction that could not be expressed: leave before it. -1: none. */
  readonly giveUp: number;
  /** True where a step may leave in the middle of the block. */
  readonly leavesInside: boolean;
  /** True where a slot was taken to be zero. */
  readonly usesAssumed: boolean;
  /** True where a slot that others assume to be zero is written: nothing may follow in compiled code. */
  readonly setsAssumed: boolean;
}

/** Properties of the whole function that substitution needs. */
export interface Surroundings {
  /** Slots that stay in memory: their gets are read and their sets written in order. */
  readonly resident: ReadonlySet<number>;
  /** Slots that the function's entry found to be zero. */
  readonly assumedZero: ReadonlySet<number>;
  readonly widthOf: (slot: number) => number;
  /** Every access is checked, and leaves before its instruction where it is not allowed. */
  readonly checked?: boolean;
  /** An equal value that costs less, or the value itself. */
  readonly rewrite?: ((node: Node) => Node) | undefined;
}

/** Results of effects: two of one spelling are two values, for memory may change between them. */
const EVENTS: ReadonlySet<string> = new Set(["load", "rmw", "ask", "old"]);

/** Finds equal nodes made within a block, so that equal values are one node. */
class Interner {
  private readonly table = new Map<number, Node>();

  intern(node: Node): Node {
    if (EVENTS.has(node.op) || node.big !== undefined) return node;
    let h = (node.w * 31 + node.op.length * 7 + node.op.charCodeAt(0)) * 31 + node.op.charCodeAt(node.op.length - 1);
    h = Math.imul(h, 0x9e3779b1) + node.lo;
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) + node.hi;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) + node.aux + (node.body?.id ?? 0);
    for (const arg of node.args) h = Math.imul(h ^ (h >>> 14), 0x9e3779b1) + arg.id;
    const known = this.table.get(h);
    if (known === undefined) {
      this.table.set(h, node);
      return node;
    }
    return same(known, node) ? known : node;
  }
}

function same(a: Node, b: Node): boolean {
  if (
    a.op !== b.op ||
    a.w !== b.w ||
    a.lo !== b.lo ||
    a.hi !== b.hi ||
    a.aux !== b.aux ||
    a.fp !== b.fp ||
    a.body !== b.body
  )
    return false;
  if (a.args.length !== b.args.length || a.name !== b.name) return false;
  for (let i = 0; i < a.args.length; i++) if (a.args[i] !== b.args[i]) return false;
  return true;
}

/** Sign bit arithmetic said as such: fneg and fabs stay floats. */
function tidy(node: Node): Node {
  if (node.w !== 32 && node.w !== 64) return node;
  if (node.op === "concat") {
    const [hi, lo] = node.args as [Node, Node];
    if (hi.w !== 1 || hi.op !== "not" || lo.op !== "extract" || lo.aux !== 0) return node;
    const bit = hi.args[0]!;
    const whole = lo.args[0]!;
    if (bit.op === "extract" && bit.args[0] === whole && whole.w === node.w && bit.aux === node.w - 1)
      return unary("fneg", whole);
  } else if (node.op === "zext") {
    const part = node.args[0]!;
    if (part.op === "extract" && part.aux === 0 && part.w === node.w - 1 && part.args[0]!.w === node.w)
      return unary("fabs", part.args[0]!);
  }
  return node;
}

/** Widths beyond 64 bits that memory is accessed in. */
const wideWidth = (w: number): boolean => w % 128 === 0 || [8, 16, 32, 0].includes(w % 64);
const wideAccess = (e: Effect & { k: "load" | "rmw" }): boolean =>
  e.node.w > 64 && (e.k === "rmw" || !wideWidth(e.node.w));

/** What 64 bits of memory hold where a block begins: slot `value`'s, at `offset` from what slot `base` holds. */
export interface Stored {
  readonly base: number;
  readonly offset: number;
  readonly value: number;
}

/** Turns a block's instructions into values. stored: loads from there, before anything is stored, need not be made. */
export function blockValues(block: RawBlock, around: Surroundings, stored: readonly Stored[] = []): Values {
  return new Builder(around, stored).run(block);
}

/** What the block has surely stored at its end, as far as it was slots' values at constant distances from one slot. */
export function storedBy({ steps, sets }: Values): Stored[] {
  const found: { base: number; offset: number; value: number }[] = [];
  for (const step of steps) {
    if (step.k === "load" || step.k === "keep") continue;
    const place = step.k === "store" && step.before === undefined ? distance(step.addr) : undefined;
    // What is stored elsewhere, or by other widths, may lie over what was stored before.
    if (step.k !== "store" || place === undefined || step.value.w !== 64 || found[0]?.base !== place.base)
      found.length = 0;
    if (step.k !== "store" || place === undefined || step.value.w !== 64) continue;
    for (let i = found.length - 1; i >= 0; i--) if (Math.abs(found[i]!.offset - place.offset) < 8) found.splice(i, 1);
    if (step.value.op === "get" && !sets.has(step.value.aux)) found.push({ ...place, value: step.value.aux });
  }
  const base = found[0] === undefined ? undefined : sets.get(found[0].base);
  if (base === undefined) return found;
  const moved = distance(base);
  if (moved === undefined || moved.base !== found[0]!.base) return [];
  return found.map((at) => ({ ...at, offset: at.offset - moved.offset }));
}

/** A slot's value and a constant small enough that two such places are apart in 32 bits where they are in 64. */
function distance(node: Node): { base: number; offset: number } | undefined {
  if (node.w !== 64) return undefined;
  if (node.op === "get") return { base: node.aux, offset: 0 };
  const [a, b] = node.args;
  if (node.op !== "add" || a!.op !== "get" || b!.op !== "const" || b!.hi !== b!.lo >> 31) return undefined;
  if (Math.abs(b!.lo) > 1 << 20) return undefined;
  return { base: a!.aux, offset: b!.lo };
}

/**
 * A trap for where the instruction would access memory, and for nothing else: a fault as others are, for which code that
 * is not checked need not have the registers' values.
 */
function refusesAddress(inst: Inst, e: Effect & { k: "if" }): boolean {
  if (e.then.length !== 1 || e.then[0]!.k !== "trap" || e.else.length > 0) return false;
  const addresses = inst.effects.flatMap((x) =>
    x.k === "store" ? [x.addr] : x.k === "load" || x.k === "rmw" ? [x.node.args[0]!] : [],
  );
  const asks = (node: Node): boolean =>
    node.op === "const" || addresses.some((a) => alike(a, node)) || (node.args.length > 0 && node.args.every(asks));
  return addresses.length > 0 && asks(e.cond);
}

/** Equal all the way down. */
const alike = (a: Node, b: Node): boolean =>
  a === b ||
  (a.op === b.op &&
    a.w === b.w &&
    a.lo === b.lo &&
    a.hi === b.hi &&
    a.aux === b.aux &&
    !EVENTS.has(a.op) &&
    a.args.length === b.args.length &&
    a.args.every((arg, i) => alike(arg, b.args[i]!)));

class Builder {
  private readonly around: Surroundings;
  private readonly interner = new Interner();
  private readonly memo = new Map<Node, Node>();
  private current = new Map<number, Node>();
  /** Some step has `current` as the state it may leave with. */
  private shared = false;
  private readonly lowerable = new Set<Node>();
  private leavesInside = false;
  private usesAssumed = false;
  /** The instruction has written to memory. */
  private wrote = false;

  private stored: readonly Stored[];

  constructor(around: Surroundings, stored: readonly Stored[]) {
    this.around = around;
    this.stored = stored;
  }

  /** The value that a load from there is known to give. */
  private known(load: Node, addr: Node): Node | undefined {
    if (this.stored.length === 0 || load.w !== 64) return undefined;
    const at = distance(addr);
    if (at === undefined) return undefined;
    const found = this.stored.find(({ base, offset }) => base === at.base && offset === at.offset);
    return found && this.interner.intern(get(found.value, 64));
  }

  run(block: RawBlock): Values {
    const steps: Step[] = [];
    let flow = block.flow;
    let control: Node | undefined;
    let giveUp = -1;
    for (let i = 0; i < block.insts.length; i++) {
      const inst = block.insts[i]!;
      const last = i === block.insts.length - 1;
      const mark = steps.length;
      this.memo.clear();
      this.wrote = false;
      const sets = new Map<number, Node>();
      let why =
        last && block.flow.k === "evaluate" ? "evaluate" : this.effects(inst, inst.effects, steps, sets, undefined);
      let target: Node | undefined;
      if (why === undefined && last) {
        if (flow.k === "branch") target = this.subst(flow.cond);
        else if (flow.k === "call" || flow.k === "ret" || flow.k === "jump") target = this.subst(flow.target);
        if (target !== undefined) why = unlowerable(target, this.lowerable);
      }
      if (why !== undefined) {
        steps.length = mark;
        giveUp = inst.pc;

        flow = { k: "evaluate" };
        break;
      }
      control = target;
      if (this.shared && sets.size > 0) {
        this.current = new Map(this.current);
        this.shared = false;
      }
      for (const node of this.overwritten(sets)) steps.push({ k: "keep", node });
      for (const [slot, value] of sets) {
        if (this.around.resident.has(slot)) steps.push({ k: "put", slot, value });
        else if (value.op === "get" && value.aux === slot && value.w === this.around.widthOf(slot))
          this.current.delete(slot);
        else this.current.set(slot, value);
      }
    }
    const { leavesInside, usesAssumed } = this;
    const setsAssumed = steps.some((step) => step.k === "put" && this.around.assumedZero.has(step.slot));
    return { steps, sets: this.current, control, flow, giveUp, leavesInside, usesAssumed, setsAssumed };
  }

  /** Reads of slots in memory that the same instruction writes: all its reads come first (rule 1 of node.ts). */
  private overwritten(sets: ReadonlyMap<number, Node>): Set<Node> {
    const found = new Set<Node>();
    const { resident } = this.around;
    const seen = new Set<Node>();
    const walk = (node: Node): void => {
      if (seen.has(node)) return;
      seen.add(node);
      if (node.op === "get" && resident.has(node.aux) && sets.has(node.aux)) found.add(node);
      for (const arg of node.args) walk(arg);
    };
    if ([...sets.keys()].some((slot) => resident.has(slot))) for (const value of sets.values()) walk(value);
    return found;
  }

  private value(slot: number): Node {
    const w = this.around.widthOf(slot);
    return this.current.get(slot) ?? this.interner.intern(get(slot, w));
  }

  private subst(node: Node): Node {
    if (node.op === "const") return this.interner.intern(node);
    const known = this.memo.get(node);
    if (known !== undefined) return known;
    let made: Node;
    if (node.op === "get") {
      const assumed = this.around.assumedZero.has(node.aux);
      if (assumed) this.usesAssumed = true;
      made = assumed ? zero(node.w) : this.value(node.aux);
      if (made.w !== node.w) made = made.w > node.w ? extract(made, 0, node.w) : zext(made, node.w);
    } else if (node.args.length === 0) made = node;
    else {
      const args = node.args.map((arg) => this.subst(arg));
      made = node.args.every((arg, i) => arg === args[i]) ? node : remake(node, args);
      if (made.op !== "const") made = this.deep(tidy(made));
      if (this.around.rewrite && made.op !== "const") made = this.deep(this.around.rewrite(made));
    }
    made = this.interner.intern(made);
    this.memo.set(node, made);
    return made;
  }

  /** Folding may have made new inner nodes: finds known equals of them. */
  private deep(node: Node): Node {
    for (const arg of node.args) this.interner.intern(arg);
    return node;
  }

  /** Where an access that may not happen goes back to. A string: it cannot, for the instruction has begun to write. */
  private before(writes: boolean): Before | string {
    if (!this.around.checked) return undefined;
    if (this.wrote) return "an access after a write";
    this.wrote = writes;
    this.leavesInside = true;
    this.shared = true;
    return this.current;
  }

  /** Adds an instruction's effects; a string says what of it has no lowering. */
  private effects(
    inst: Inst,
    effects: readonly Effect[],
    steps: Step[],
    sets: Map<number, Node>,
    under: Node | undefined,
  ): string | undefined {
    for (const e of effects) {
      switch (e.k) {
        case "load":
        case "rmw": {
          const addr = this.subst(e.node.args[0]!);
          const why = unlowerable(addr, this.lowerable) ?? (wideAccess(e) ? "wide access" : undefined);
          if (why !== undefined) return why;
          const before = this.before(e.k === "rmw");
          if (typeof before === "string") return before;
          const known = e.k === "load" ? this.known(e.node, addr) : undefined;
          if (known !== undefined) this.memo.set(e.node, known);
          else if (e.k === "load") {
            const node = remake(e.node, [addr]);
            this.memo.set(e.node, node);
            steps.push({ k: "load", node, pc: inst.pc, before });
          } else {
            this.stored = [];
            const change = this.subst(e.node.args[1]!);
            const wrong = unlowerable(change, this.lowerable);
            if (wrong !== undefined) return wrong;
            const node = remake(e.node, [addr, change]);
            this.memo.set(e.node, node);
            steps.push({ k: "rmw", node, pc: inst.pc, before });
          }
          break;
        }
        case "store": {
          const addr = this.subst(e.addr);
          const value = this.subst(e.value);
          const why =
            unlowerable(addr, this.lowerable) ??
            unlowerable(value, this.lowerable) ??
            (value.w > 64 && !wideWidth(value.w) ? "wide store" : undefined);
          const before = this.before(true);
          if (why !== undefined) return why;
          if (typeof before === "string") return before;
          this.stored = [];
          steps.push({ k: "store", addr, value, pc: inst.pc, before });
          break;
        }
        case "set": {
          const terms = this.around.resident.has(e.slot) ? stickyTerms(e.slot, e.value) : undefined;
          if (terms !== undefined && under === undefined) {
            for (const term of terms) {
              const why = this.accumulate(e.slot, term, steps);
              if (why !== undefined) return why;
            }
            break;
          }
          let value = this.subst(e.value);
          const why = unlowerable(value, this.lowerable);
          if (why !== undefined) return why;
          if (under !== undefined) {
            const before = sets.get(e.slot) ?? this.value(e.slot);
            value = this.interner.intern(select(under, value, before));
          }
          sets.set(e.slot, value);
          break;
        }
        case "if": {
          const cond = this.subst(e.cond);
          if (cond.op === "const") {
            const arm = isZero(cond) ? e.else : e.then;
            if (under === undefined && arm.some((x) => x.k === "trap")) return "a trap that is sure to come";
            const why = this.effects(inst, arm, steps, sets, under);
            if (why !== undefined) return why;
            break;
          }
          if (!this.around.checked && refusesAddress(inst, e)) {
            const why = unlowerable(cond, this.lowerable);
            if (why !== undefined) return why;
            const name = (e.then[0] as Effect & { k: "trap" }).name;
            steps.push({ k: "if", cond, then: [{ k: "trap", name, pc: inst.pc, sets: undefined }], else: [] });
            break;
          }
          const why = unlowerable(cond, this.lowerable) ?? this.arms(inst, e, cond, steps, sets, under);
          if (why !== undefined) return why;
          break;
        }
        case "trap":
          if (under === undefined) break; // the block's flow
          this.leavesInside = true;
          this.shared = true;
          steps.push({ k: "trap", name: e.name, pc: inst.pc, sets: this.current });
          break;
        case "ask":
          return "ask";
        case "fence":
        case "jump":
        case "stop":
          break;
      }
    }
    return undefined;
  }

  /** slot |= exceptions, under the term's guards. */
  private accumulate(slot: number, term: StickyTerm, steps: Step[]): string | undefined {
    const value = this.subst(term.value);
    if (term.modes.length > 0) return isZero(value) ? undefined : "what a mode raises";
    let step: Step;
    if (term.float !== undefined) {
      const float = this.subst(term.float);
      for (const arg of float.args) {
        const why = unlowerable(arg, this.lowerable) ?? (arg.w > 64 ? "i80" : undefined);
        if (why !== undefined) return why;
      }
      if (float.w > 64) return "i80";
      step = { k: "float", node: float, sticky: { slot, value, float } };
    } else {
      const lanes = this.subst(term.lanes!);
      const why =
        unlowerable(lanes, this.lowerable) ??
        (lanes.op === "ormap" && accumulates(lanes) ? undefined : "exceptions of lanes");
      if (why !== undefined) return why;
      step = { k: "lanes", slot, term: { ...term, guards: [], value, lanes } };
    }
    if (term.guards.length === 0) {
      steps.push(step);
      return undefined;
    }
    const guards = term.guards.map((guard) => this.subst(guard));
    const cond = this.interner.intern(guards.reduce((a, b) => binary("and", a, b)));
    const why = unlowerable(cond, this.lowerable);
    if (why !== undefined) return why;
    if (cond.op !== "const") steps.push({ k: "if", cond, then: [step], else: [] });
    else if (!isZero(cond)) steps.push(step);
    return undefined;
  }

  private arms(
    inst: Inst,
    e: Effect & { k: "if" },
    cond: Node,
    steps: Step[],
    sets: Map<number, Node>,
    under: Node | undefined,
  ): string | undefined {
    if (e.then.some((x) => x.k === "jump") || e.else.some((x) => x.k === "jump")) return undefined; // the block's flow
    const then: Step[] = [];
    const other: Step[] = [];
    const no = unary("not", cond);
    const both = (c: Node): Node => (under === undefined ? c : binary("and", under, c));
    const why =
      this.effects(inst, e.then, then, sets, this.interner.intern(both(cond))) ??
      this.effects(inst, e.else, other, sets, this.interner.intern(both(no)));
    if (why !== undefined) return why;
    if (then.length > 0 || other.length > 0) steps.push({ k: "if", cond, then, else: other });
    return undefined;
  }
}
