import type { Node } from "../../ir/node.ts";
import { BitRows } from "./bits.ts";
import type { Func } from "./func.ts";
import type { Before, Step } from "./graph.ts";
import { constantAmount } from "./values.ts";

/** Ops of which the low 32 bits depend on the low 32 bits of the arguments alone. */
const LOW_CLOSED: ReadonlySet<string> = new Set(["add", "sub", "mul", "and", "or", "xor", "not", "neg"]);

/** What a value reads when it is set into a slot. Each is a row of `Uses.rows`. */
export interface SetUse {
  readonly slot: number;
  /** First of four rows: slots read where all of the value is needed, of those the ones needed in full; the same where its low half is. */
  readonly row: number;
}

/**
 * Which slots the blocks of a function read of the state at their begin, as bit rows, so that dataflow over them is
 * bits only. Rows 2 * block: what its steps and its control read, 2 * block + 1: of those the ones read in full.
 */
export class Uses {
  readonly rows: BitRows;
  /** By block, its sets. */
  readonly sets: readonly (readonly SetUse[])[];
  private readonly words: number;
  private readonly resident: ReadonlySet<number>;
  private readonly full = new Map<Node, Int32Array>();
  private readonly low = new Map<Node, Int32Array>();
  private readonly none: Int32Array;
  private readonly seen = new Set<Before>();

  constructor(func: Func, slotCount: number, resident: ReadonlySet<number>) {
    this.words = (slotCount + 31) >>> 5;
    this.resident = resident;
    this.none = new Int32Array(2 * this.words);
    let count = 2 * func.blocks.length;
    for (const block of func.blocks) count += 4 * block.values.sets.size;
    this.rows = new BitRows(count, slotCount);
    let next = 2 * func.blocks.length;
    this.sets = func.blocks.map((block) => {
      this.full.clear();
      this.low.clear();
      const { values } = block;
      this.steps(values.steps, 2 * block.index);
      if (values.control) this.add(2 * block.index, this.of(values.control, false));
      return [...values.sets].map(([slot, value]) => {
        const row = next;
        next += 4;
        this.add(row, this.of(value, false));
        this.add(row + 2, this.of(value, value.w > 32 && value.w <= 64));
        return { slot, row };
      });
    });
    this.full.clear();
    this.low.clear();
  }

  private steps(steps: readonly Step[], row: number): void {
    for (const step of steps) {
      switch (step.k) {
        case "load":
          this.access(step.node.args[0]!, step.before, row);
          break;
        case "rmw":
          this.access(step.node.args[0]!, step.before, row);
          this.read(step.node.args[1]!, row);
          break;
        case "store":
          this.access(step.addr, step.before, row);
          this.read(step.value, row);
          break;
        case "lanes":
          this.read(step.term.lanes!, row);
          break;
        case "float":
        case "keep":
          this.read(step.node, row);
          break;
        case "put":
          this.read(step.value, row);
          break;
        case "if":
          this.read(step.cond, row);
          this.steps(step.then, row);
          this.steps(step.else, row);
          break;
        case "trap":
          for (const value of step.sets?.values() ?? []) this.read(value, row);
          break;
      }
    }
  }

  private read(node: Node, row: number): void {
    this.add(row, this.of(node, false));
  }

  /** A checked access needs all of its address, and the state it may leave with. */
  private access(addr: Node, before: Before, row: number): void {
    this.add(row, this.of(addr, before === undefined && addr.w > 32));
    if (before === undefined || this.seen.has(before)) return;
    this.seen.add(before);
    for (const value of before.values()) this.read(value, row);
  }

  private add(row: number, bits: Int32Array): void {
    const { data } = this.rows;
    const at = row * this.words;
    for (let i = 0; i < bits.length; i++) data[at + i]! |= bits[i]!;
  }

  /** Words of the slots read, then of those read in full; where all of the node is needed, or its low half alone. */
  private of(node: Node, low: boolean): Int32Array {
    if (node.args.length === 0 && node.op !== "get") return this.none;
    const memo = low ? this.low : this.full;
    const known = memo.get(node);
    if (known !== undefined) return known;
    const made = this.make(node, low);
    memo.set(node, made);
    return made;
  }

  private make(node: Node, low: boolean): Int32Array {
    const { args } = node;
    switch (node.op) {
      case "get": {
        if (this.resident.has(node.aux)) return this.none;
        const bits = new Int32Array(2 * this.words);
        bits[node.aux >>> 5] = 1 << (node.aux & 31);
        if (!low || node.w <= 32) bits[this.words + (node.aux >>> 5)] = 1 << (node.aux & 31);
        return bits;
      }
      case "load":
      case "rmw":
      case "ask":
        return this.none;
      case "select":
        return this.all([this.of(args[0]!, false), this.of(args[1]!, low), this.of(args[2]!, low)]);
      case "extract":
        if (args[0]!.w > 32 && args[0]!.w <= 64 && node.aux + node.w <= 32) return this.of(args[0]!, true);
        break;
      case "shl":
        if (low && constantAmount(args[1]!) >= 0) return this.of(args[0]!, true);
        break;
    }
    const closed = low && LOW_CLOSED.has(node.op);
    if (args.length === 1) return this.of(args[0]!, closed);
    return this.all(args.map((arg) => this.of(arg, closed)));
  }

  private all(parts: readonly Int32Array[]): Int32Array {
    let some = this.none;
    let made = false;
    for (const part of parts) {
      if (part === this.none || part === some) continue;
      if (some === this.none) {
        some = part;
        continue;
      }
      if (!made) {
        some = some.slice();
        made = true;
      }
      for (let i = 0; i < part.length; i++) some[i]! |= part[i]!;
    }
    return some;
  }
}
