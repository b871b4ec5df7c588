import type { Effect, Inst, Node } from "../../ir/node.ts";
import { bits, MEMORY, type Terms } from "./term.ts";

/** The state after an instruction, as terms. */
export interface After {
  /** By slot: its value's name. A slot that is not here keeps its value. */
  readonly slots: ReadonlyMap<number, string>;
  readonly widths: ReadonlyMap<number, number>;
  readonly pc: string;
  /** 16 bits: 0 ran, else a number for each name of a trap or stop. */
  readonly outcome: string;
  readonly memory: string;
}

const OUTCOMES = new Map<string, number>();
function numberOf(name: string): number {
  let n = OUTCOMES.get(name);
  if (n === undefined) OUTCOMES.set(name, (n = OUTCOMES.size + 1));
  return n;
}

/**
 * Executes an instruction symbolically, from the state that `terms` declares. Memory is one array that never faults: two
 * instructions that access the same places in the same order fault alike, and their accesses are compared too.
 */
export function execute(terms: Terms, inst: Inst, next: bigint): After {
  const run = new Execution(terms, next);
  run.effects(inst.effects, undefined);
  return run.after();
}

class Execution {
  private readonly terms: Terms;
  private readonly slots = new Map<number, string>();
  private readonly widths = new Map<number, number>();
  private pc: string;
  private outcome = bits(0n, 16);
  private memory = "memory";
  private access: string;

  constructor(terms: Terms, next: bigint) {
    this.terms = terms;
    this.pc = bits(next, 64);
    this.access = terms.declare("accesses", [], 64);
    if (!terms.lines.some((l) => l.startsWith("(declare-const memory ")))
      terms.lines.push(`(declare-const memory ${MEMORY})`);
    terms.declare("touch", [64, 64, 16], 64);
  }

  after(): After {
    const kept = (slot: number, value: string): string => {
      const w = this.widths.get(slot)!;
      return this.terms.define(
        `(ite (bvult ${this.outcome} ${bits(0x8000n, 16)}) ${value} ${this.terms.slot(slot, w)})`,
        w,
      );
    };
    const slots = new Map([...this.slots].map(([slot, value]) => [slot, kept(slot, value)]));
    // That the same places were accessed is part of the outcome
    slots.set(-1, this.access);
    this.widths.set(-1, 64);
    return { slots, widths: this.widths, pc: this.pc, outcome: this.outcome, memory: this.memory };
  }

  /** `when`: a term of one bit, undefined: always. */
  effects(list: readonly Effect[], when: string | undefined): void {
    for (const e of list) this.effect(e, when);
  }

  private effect(e: Effect, when: string | undefined): void {
    const { terms } = this;
    switch (e.k) {
      case "load":
        terms.know(e.node, this.load(e.node, when));
        break;
      case "rmw": {
        const old = this.load(e.node, when);
        terms.know(e.node, old);
        for (const n of olds(e.node.args[1]!)) terms.know(n, old);
        this.store(e.node.args[0]!, e.node.args[1]!, when);
        break;
      }
      case "ask": {
        const args = e.node.args.map((a) => terms.of(a));
        const f = terms.declare(
          `ask_${e.node.name.replace(/\W/g, "_")}_${args.length}_${e.node.w}`,
          e.node.args.map((a) => a.w),
          e.node.w,
        );
        terms.know(e.node, args.length === 0 ? f : terms.define(`(${f} ${args.join(" ")})`, e.node.w));
        break;
      }
      case "store":
        this.store(e.addr, e.value, when);
        break;
      case "fence":
        this.touch(bits(0n, 64), numberOf(`fence ${e.kind}`), when);
        break;
      case "set": {
        const value = terms.of(e.value);
        this.widths.set(e.slot, e.value.w);
        const old = this.slots.get(e.slot) ?? terms.slot(e.slot, e.value.w);
        this.slots.set(e.slot, this.choose(when, value, old, e.value.w));
        break;
      }
      case "if": {
        const cond = terms.of(e.cond);
        const both = (c: string): string => (when === undefined ? c : terms.define(`(bvand ${when} ${c})`, 1));
        this.effects(e.then, both(cond));
        this.effects(e.else, both(terms.define(`(bvnot ${cond})`, 1)));
        break;
      }
      case "jump":
        this.pc = this.choose(when, terms.of(e.target), this.pc, 64);
        break;
      case "trap":
        this.outcome = this.choose(when, bits(BigInt(0x8000 + numberOf(`trap ${e.name}`)), 16), this.outcome, 16);
        break;
      case "stop":
        this.outcome = this.choose(when, bits(BigInt(numberOf(`stop ${e.name}`)), 16), this.outcome, 16);
    }
  }

  private choose(when: string | undefined, yes: string, no: string, w: number): string {
    return when === undefined ? yes : this.terms.define(`(ite (= ${when} #b1) ${yes} ${no})`, w);
  }

  private touch(address: string, kind: number, when: string | undefined): void {
    const touched = this.terms.define(`(touch ${this.access} ${address} ${bits(BigInt(kind), 16)})`, 64);
    this.access = this.choose(when, touched, this.access, 64);
  }

  private load(node: Node, when: string | undefined): string {
    const address = this.terms.of(node.args[0]!);
    this.touch(address, numberOf(`access ${node.w}`), when);
    const bytes = Array.from(
      { length: node.w / 8 },
      (_, i) => `(select ${this.memory} (bvadd ${address} ${bits(BigInt(node.w / 8 - 1 - i), 64)}))`,
    );
    return this.terms.define(bytes.length === 1 ? bytes[0]! : `(concat ${bytes.join(" ")})`, node.w);
  }

  private store(addr: Node, value: Node, when: string | undefined): void {
    const address = this.terms.of(addr);
    const v = this.terms.of(value);
    this.touch(address, numberOf(`access ${value.w}`), when);
    let memory = this.memory;
    for (let i = 0; i < value.w / 8; i++)
      memory = `(store ${memory} (bvadd ${address} ${bits(BigInt(i), 64)}) ((_ extract ${8 * i + 7} ${8 * i}) ${v}))`;
    const name = this.terms.defineArray(memory);
    this.memory = when === undefined ? name : this.terms.defineArray(`(ite (= ${when} #b1) ${name} ${this.memory})`);
  }
}

/** The `old` leaves of an rmw's new value. */
function olds(node: Node, seen: Set<Node> = new Set()): Node[] {
  if (seen.has(node)) return [];
  seen.add(node);
  return node.op === "old" ? [node] : node.args.flatMap((a) => olds(a, seen));
}
