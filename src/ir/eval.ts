import { floatExceptions } from "./float/unit.ts";
import { constOf } from "./fold.ts";
import type { Effect, Inst, MemAttrs, Node } from "./node.ts";
import { OPS } from "./ops.ts";

/**
 * The reference evaluator: what an instruction means, slowly and on bigints (unsigned representation). Every engine
 * is compared with it. Rules 1 to 3 of node.ts are kept here and nowhere else.
 */
export interface Machine {
  getSlot(slot: number): bigint;
  setSlot(slot: number, value: bigint): void;
  /** `w` bits at `addr`. Throws AccessFault. */
  load(addr: bigint, w: number, mem: MemAttrs | undefined): bigint;
  store(addr: bigint, w: number, value: bigint, mem: MemAttrs | undefined): void;
  /** Replaces the value at `addr` by `change` of it, in one step; returns the value before. */
  rmw(addr: bigint, w: number, change: (old: bigint) => bigint, mem: MemAttrs | undefined): bigint;
  /** Answers a question with all its results. */
  ask(name: string, args: readonly bigint[]): readonly bigint[];
  fence?(kind: string): void;
  /** Throws AccessFault where a store of `w` bits would. Absent: rows with several accesses are not probed first. */
  probe?(addr: bigint, w: number): void;
}

/** A load, store or fetch that the guest's memory forbids; thrown by a Machine, drops the instruction's sets. */
export class AccessFault extends Error {
  readonly address: bigint;
  /** 1 read, 2 write, 4 execute; 3 for an rmw. */
  readonly access: number;
  constructor(address: bigint, access: number) {
    super(`fault at 0x${address.toString(16)}, access ${access}`);
    this.address = address;
    this.access = access;
  }
}

/** Running into what nobody knows yet. */
class NotKnown extends Error {
  readonly what: string;
  constructor(what: string) {
    super(`not known: ${what}`);
    this.what = what;
  }
}

/** How an instruction ended. After jump, next and stop the sets are in force. */
export type Outcome =
  | { readonly k: "next" }
  | { readonly k: "jump"; readonly target: bigint; readonly hint: "jump" | "call" | "ret" }
  | { readonly k: "trap"; readonly name: string }
  | { readonly k: "stop"; readonly name: string }
  /** The rulebook has a gap here (`unknown`); nothing was set. */
  | { readonly k: "unknown"; readonly name: string };

type Values = Map<Node, bigint>;

/** One instruction being evaluated. */
class Run {
  readonly machine: Machine;
  readonly dry: boolean;
  readonly values: Values = new Map();
  readonly sets: { readonly slot: number; readonly value: bigint }[] = [];

  /** `dry`: stores are only probed, effects' nodes have their value when first asked for. */
  constructor(machine: Machine, dry: boolean) {
    this.machine = machine;
    this.dry = dry;
  }

  value(node: Node, values: Values = this.values, before?: bigint): bigint {
    if (node.op === "const") return constOf(node);
    const known = values.get(node);
    if (known !== undefined) return known;
    const result = this.compute(node, values, before);
    values.set(node, result);
    return result;
  }

  private compute(node: Node, values: Values, before: bigint | undefined): bigint {
    const of = (n: Node): bigint => this.value(n, values, before);
    switch (node.op) {
      case "get":
        return this.machine.getSlot(node.aux);
      case "old":
        if (before === undefined) throw new Error("old outside an rmw");
        return before;
      case "elem":
        throw new Error("elem outside a map");
      case "param":
        throw new Error("param: a template is not an instruction");
      case "undef":
        return node.args.length ? of(node.args[0]) : 0n;
      case "unknown":
        throw new NotKnown(node.name);
      case "load":
      case "rmw":
      case "ask":
        return this.result(node);
      case "select":
        return of(node.args[0]) !== 0n ? of(node.args[1]) : of(node.args[2]);
      case "fexc":
        return BigInt(floatExceptions(node.args[0], node.args[0].args.map(of)));
      default:
        return OPS[node.op].value!(node, node.args.map(of));
    }
  }

  /** Value of an effect's node: there since its effect happened. */
  private result(node: Node): bigint {
    const known = this.values.get(node);
    if (known !== undefined) return known;
    if (node.op === "ask" && node.aux > 0) {
      this.value(node.args[0]);
      return this.values.get(node) ?? BigInt.asUintN(node.w, this.answers.get(node.args[0])![node.aux]);
    }
    if (!this.dry) throw new Error(`${node.op} is used before its effect`);
    return this.perform(node);
  }

  private readonly answers = new Map<Node, readonly bigint[]>();

  /** Does what a load, rmw or ask node stands for and keeps its value. */
  perform(node: Node): bigint {
    let result: bigint;
    if (node.op === "ask") {
      const answers = this.machine.ask(
        node.name,
        node.args.map((a) => this.value(a)),
      );
      this.answers.set(node, answers);
      result = BigInt.asUintN(node.w, answers[0]);
    } else {
      const addr = this.value(node.args[0]);
      if (node.op === "load" || this.dry) result = this.machine.load(addr, node.w, node.mem);
      else result = this.machine.rmw(addr, node.w, (o) => this.body(node.args[1], o), node.mem);
      if (node.op === "rmw" && this.dry) this.machine.probe?.(addr, node.w);
    }
    this.values.set(node, result);
    return result;
  }

  /** New value of an rmw; what depends on `old` must not be remembered. */
  private body(node: Node, before: bigint): bigint {
    return this.value(node, new Map(), before);
  }

  /** Effects in order; undefined: control goes on behind them. */
  run(effects: readonly Effect[]): Outcome | undefined {
    let left: Outcome | undefined;
    for (const e of effects) {
      const outcome = this.step(e);
      if (outcome?.k === "trap") return outcome;
      left = outcome ?? left;
    }
    return left;
  }

  private step(e: Effect): Outcome | undefined {
    switch (e.k) {
      case "load":
      case "rmw":
      case "ask":
        if (!this.dry || !this.values.has(e.node)) this.perform(e.node);
        return undefined;
      case "store": {
        const addr = this.value(e.addr);
        const value = this.dry ? 0n : this.value(e.value);
        if (this.dry) this.machine.probe?.(addr, e.value.w);
        else this.machine.store(addr, e.value.w, value, e.mem);
        return undefined;
      }
      case "fence":
        if (!this.dry) this.machine.fence?.(e.kind);
        return undefined;
      case "set":
        this.sets.push({ slot: e.slot, value: this.value(e.value) });
        return undefined;
      case "if":
        return this.run(this.value(e.cond) !== 0n ? e.then : e.else);
      case "trap":
        return { k: "trap", name: e.name };
      case "jump":
        return { k: "jump", target: this.value(e.target), hint: e.hint };
      case "stop":
        return { k: "stop", name: e.name };
    }
  }
}

/** Accesses and traps behind a write that could leave the row half done: then its addresses are probed first. */
function halfway(effects: readonly Effect[], state = { wrote: false }): boolean {
  for (const e of effects) {
    const access = e.k === "store" || e.k === "rmw" || e.k === "load" || e.k === "trap";
    if (access && state.wrote) return true;
    if (e.k === "store" || e.k === "rmw") state.wrote = true;
    if (e.k === "if" && (halfway(e.then, state) || halfway(e.else, state))) return true;
  }
  return false;
}

/** Value of a node over the machine's state, outside any effect (address computations, tests). */
export function evalNode(node: Node, machine: Machine): bigint {
  return new Run(machine, true).value(node);
}

/** Executes one instruction. Throws what the machine throws; then, and on a trap, no slot has changed. */
export function evalInst(inst: Inst, machine: Machine): Outcome {
  try {
    if (machine.probe !== undefined && halfway(inst.effects)) {
      const outcome = new Run(machine, true).run(inst.effects);
      if (outcome?.k === "trap") return outcome;
    }
    const run = new Run(machine, false);
    const outcome = run.run(inst.effects);
    if (outcome?.k === "trap") return outcome;
    for (const s of run.sets) machine.setSlot(s.slot, s.value);
    return outcome ?? { k: "next" };
  } catch (e) {
    if (e instanceof NotKnown) return { k: "unknown", name: e.what };
    throw e;
  }
}
