import { constOf } from "../../ir/fold.ts";
import type { Effect, Inst, Node, Slot } from "../../ir/node.ts";
import type { Body } from "./body.ts";
import { alignment, nativeUpdate, ordering } from "./memory.ts";
import { OPS, type Values } from "./ops.ts";

/** Storage of a slot: 8 bytes or the next power of two above. */
const room = (slot: Slot): number => (slot.w <= 64 ? 64 : 2 ** Math.ceil(Math.log2(slot.w)));

/** What an instruction has decided so far; values are LLVM's. Simultaneous with its sets, hence in force at its end. */
interface Pending {
  sets: Map<number, string>;
  /** i1: control leaves at `pc`, for `why`. */
  left: string;
  pc: string;
  why: string;
}

/** Writes the instructions of one block, which is entered with all state in memory and left with all state there. */
export class BlockWriter implements Values {
  readonly body: Body;
  /** A terminator was written and no block begun. */
  ended = false;
  private readonly slots: readonly Slot[];
  /** Labels of the function's blocks by their pc. */
  private readonly labels: ReadonlyMap<number, string>;
  /** Slots' values as of the instructions before; those changed are dirty. */
  private readonly state = new Map<number, string>();
  private readonly dirty = new Set<number>();
  private values = new Map<Node, string>();
  private pending: Pending = { sets: new Map(), left: "false", pc: "0", why: "null" };
  private before: string | undefined;
  private pc = 0;

  constructor(body: Body, slots: readonly Slot[], labels: ReadonlyMap<number, string>) {
    this.body = body;
    this.slots = slots;
    this.labels = labels;
  }

  of(node: Node): string {
    const known = this.values.get(node);
    if (known !== undefined) return known;
    const value = OPS[node.op](this, node);
    this.values.set(node, value);
    return value;
  }
  old(): string {
    if (this.before === undefined) throw new Error("old outside an rmw");
    return this.before;
  }
  made(node: Node): string {
    if (node.op === "ask" && node.aux > 0)
      return this.body.call(`sage.ask.${node.name}.${node.aux}.i${node.w}`, `i${node.w}`, []);
    throw new Error(`${node.op} is used before its effect`);
  }

  slot(number: number): string {
    const known = this.state.get(number);
    if (known !== undefined) return known;
    const slot = this.slots[number];
    const raw = this.body.value(`load i${room(slot)}, ptr ${this.place(slot)}, align 8`);
    const value = slot.w === room(slot) ? raw : this.body.value(`trunc i${room(slot)} ${raw} to i${slot.w}`);
    this.state.set(number, value);
    return value;
  }
  private place(slot: Slot): string {
    return this.body.value(`getelementptr i8, ptr %state, i64 ${slot.offset}`);
  }

  /** Writes the changed slots back and goes to the block at `pc`, one of `targets` if that is known, or returns. */
  leave(why: string, pc: string, targets: readonly number[]): void {
    for (const number of this.dirty) {
      const slot = this.slots[number];
      let value = this.state.get(number)!;
      if (slot.w !== room(slot)) value = this.body.value(`zext i${slot.w} ${value} to i${room(slot)}`);
      this.body.line(`store i${room(slot)} ${value}, ptr ${this.place(slot)}, align 8`);
    }
    this.ended = true;
    const here = why === "null" ? targets.filter((target) => this.labels.has(target)) : [];
    const only = here.find((target) => `${target}` === pc);
    if (only !== undefined) {
      this.body.line(`br label %${this.labels.get(only)}`);
      return;
    }
    if (here.length > 0) {
      const out = this.body.label("out");
      const cases = here.map((target) => `i64 ${target}, label %${this.labels.get(target)}`).join(" ");
      this.body.line(`switch i64 ${pc}, label %${out} [ ${cases} ]`);
      this.body.begin(out);
    }
    const half = this.body.value(`insertvalue { ptr, i64 } poison, ptr ${why}, 0`);
    this.body.line(`ret { ptr, i64 } ${this.body.value(`insertvalue { ptr, i64 } ${half}, i64 ${pc}, 1`)}`);
  }

  inst(inst: Inst): void {
    this.pc = inst.pc;
    this.values = new Map();
    this.pending = { sets: new Map(), left: "false", pc: `${inst.pc + inst.length}`, why: "null" };
    // Loaded here, so that a slot's value reaches every block of the instruction.
    for (const number of gets(inst.effects)) this.slot(number);
    this.effects(inst.effects);
    if (this.ended) return;
    for (const [number, value] of this.pending.sets) {
      this.state.set(number, value);
      this.dirty.add(number);
    }
    const { left, why, pc } = this.pending;
    if (left === "false") return;
    const targets = [...new Set(jumps(inst.effects))];
    if (left === "true") {
      this.leave(why, pc, targets);
      return;
    }
    const out = this.body.label("leave");
    const on = this.body.label("on");
    this.branch(left, out, on);
    this.body.begin(out);
    this.leave(why, pc, targets);
    this.begin(on);
  }

  private branch(cond: string, yes: string, no: string): void {
    this.body.line(`br i1 ${cond}, label %${yes}, label %${no}`);
  }
  private begin(label: string): void {
    this.body.begin(label);
    this.ended = false;
  }

  private effects(effects: readonly Effect[]): void {
    for (const e of effects) {
      this.effect(e);
      if (this.ended) return;
    }
  }

  private effect(e: Effect): void {
    switch (e.k) {
      case "load":
        this.values.set(e.node, this.load(e.node));
        return;
      case "rmw":
        this.values.set(e.node, this.rmw(e.node));
        return;
      case "ask": {
        const args = e.node.args.map((a) => `i${a.w} ${this.of(a)}`);
        this.values.set(e.node, this.body.call(`sage.ask.${e.node.name}.i${e.node.w}`, `i${e.node.w}`, args));
        return;
      }
      case "store": {
        const value = `i${e.value.w} ${this.of(e.value)}`;
        const address = this.address(e.addr);
        const atomic = e.mem?.acq || e.mem?.rel;
        if (atomic)
          this.body.line(
            `store atomic ${value}, ptr ${address} ${e.mem?.acq ? "seq_cst" : "release"}, align ${e.value.w / 8}`,
          );
        else this.body.line(`store ${value}, ptr ${address}, align ${alignment(e.mem, e.value.w)}`);
        return;
      }
      case "fence":
        this.body.line("fence seq_cst");
        return;
      case "set":
        this.pending.sets.set(e.slot, this.of(e.value));
        return;
      case "if":
        this.either(e);
        return;
      case "jump":
        this.pending.pc = this.of(e.target);
        this.pending.left = "true";
        return;
      case "stop":
        this.pending.why = this.body.module.text(`stop ${e.name}`);
        this.pending.left = "true";
        return;
      case "trap":
        this.leave(this.body.module.text(`trap ${e.name}`), `${this.pc}`, []);
    }
  }

  private address(node: Node): string {
    return this.body.value(`getelementptr i8, ptr %memory, i64 ${this.of(node)}`);
  }

  private load(node: Node): string {
    const address = this.address(node.args[0]);
    const t = `i${node.w}`;
    if (node.mem?.acq || node.mem?.rel)
      return this.body.value(
        `load atomic ${t}, ptr ${address} ${node.mem.rel ? "seq_cst" : "acquire"}, align ${node.w / 8}`,
      );
    return this.body.value(`load ${t}, ptr ${address}, align ${alignment(node.mem, node.w)}`);
  }

  /** A native read-modify-write where the body is one, else a compare-exchange loop. */
  private rmw(node: Node): string {
    const t = `i${node.w}`;
    const [addr, update] = node.args;
    const address = this.address(addr);
    const native = nativeUpdate(update);
    const order = ordering(node.mem);
    if (native !== undefined)
      return this.body.value(
        `atomicrmw ${native.op} ptr ${address}, ${t} ${this.of(native.value)} ${order}, align ${node.w / 8}`,
      );
    // What does not depend on `old` is computed before the loop, so that it can be used behind it.
    this.hoist(update);
    const first = this.body.value(`load ${t}, ptr ${address}, align ${node.w / 8}`);
    const [from, loop, done] = [this.body.block, this.body.label("try"), this.body.label("done")];
    this.body.line(`br label %${loop}`);
    this.body.begin(loop);
    const seen = this.body.name("seen");
    const before = this.body.value(`phi ${t} [ ${first}, %${from} ], [ ${seen}, %${loop} ]`);
    const outer = this.values;
    this.values = new Map(outer);
    this.before = before;
    const next = this.of(update);
    this.before = undefined;
    this.values = outer;
    const failure = node.mem?.acq ? "acquire" : "monotonic";
    const pair = this.body.value(
      `cmpxchg ptr ${address}, ${t} ${before}, ${t} ${next} ${order} ${failure}, align ${node.w / 8}`,
    );
    this.body.line(`${seen} = extractvalue { ${t}, i1 } ${pair}, 0`);
    this.branch(this.body.value(`extractvalue { ${t}, i1 } ${pair}, 1`), done, loop);
    this.body.begin(done);
    return seen;
  }
  /** True where the node depends on `old`; computes what does not. */
  private hoist(node: Node): boolean {
    if (node.op === "old") return true;
    if (this.values.has(node)) return false;
    const depends = node.args.map((a) => this.hoist(a)).includes(true);
    if (!depends) this.of(node);
    return depends;
  }

  private either(e: Effect & { readonly k: "if" }): void {
    const cond = this.of(e.cond);
    const [yes, no, join] = [this.body.label("then"), this.body.label("else"), this.body.label("join")];
    this.branch(cond, yes, no);
    const start = this.pending;
    const outer = this.values;
    const ends: { from: string; pending: Pending }[] = [];
    for (const [label, effects] of [
      [yes, e.then],
      [no, e.else],
    ] as const) {
      this.begin(label);
      this.values = new Map(outer);
      this.pending = { ...start, sets: new Map(start.sets) };
      this.effects(effects);
      if (this.ended) continue;
      // A slot that only the other side sets keeps its value: it must be there.
      ends.push({ from: this.body.block, pending: this.pending });
      this.body.line(`br label %${join}`);
    }
    this.values = outer;
    if (ends.length === 0) return;
    this.begin(join);
    this.pending = ends.length === 1 ? ends[0].pending : this.merge(ends);
  }

  private merge(ends: readonly { from: string; pending: Pending }[]): Pending {
    const phi = (t: string, pick: (p: Pending) => string): string => {
      const picked = ends.map((end) => pick(end.pending));
      if (picked.every((p) => p === picked[0])) return picked[0];
      return this.body.value(`phi ${t} ${ends.map((end, i) => `[ ${picked[i]}, %${end.from} ]`).join(", ")}`);
    };
    const numbers = new Set(ends.flatMap((end) => [...end.pending.sets.keys()]));
    const sets = new Map<number, string>();
    for (const n of numbers)
      sets.set(
        n,
        phi(`i${this.slots[n].w}`, (p) => p.sets.get(n) ?? this.state.get(n)!),
      );
    return {
      sets,
      left: phi("i1", (p) => p.left),
      pc: phi("i64", (p) => p.pc),
      why: phi("ptr", (p) => p.why),
    };
  }
}

/** Constant targets of an instruction's jumps below 2^53. */
function jumps(effects: readonly Effect[]): number[] {
  return effects.flatMap((e) => {
    if (e.k === "if") return [...jumps(e.then), ...jumps(e.else)];
    if (e.k !== "jump" || e.target.op !== "const") return [];
    const target = Number(constOf(e.target));
    return Number.isSafeInteger(target) ? [target] : [];
  });
}

/** Slots that an instruction reads, and those it sets under a condition (their old value may stay). */
function gets(effects: readonly Effect[], found = new Set<number>(), conditional = false): Set<number> {
  const seen = new Set<Node>();
  const visit = (n: Node): void => {
    if (seen.has(n)) return;
    seen.add(n);
    if (n.op === "get") found.add(n.aux);
    for (const a of n.args) visit(a);
  };
  for (const e of effects) {
    if ("node" in e) visit(e.node);
    if (e.k === "store") [e.addr, e.value].forEach(visit);
    if (e.k === "set") {
      visit(e.value);
      if (conditional) found.add(e.slot);
    }
    if (e.k === "jump") visit(e.target);
    if (e.k !== "if") continue;
    visit(e.cond);
    gets(e.then, found, true);
    gets(e.else, found, true);
  }
  return found;
}
