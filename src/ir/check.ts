import type { Effect, Inst, Node, Slot } from "./node.ts";
import { OPS } from "./ops.ts";

/**
 * Types and rules of an instruction: what a lifter, a learner or a text file could get wrong. Readers of the IR may
 * then rely on node.ts and need not check. Answers what is wrong, empty when nothing is.
 */
export function checkInst(inst: Inst, slots: readonly Slot[]): readonly string[] {
  return checkEffects(inst.effects, slots, false);
}

/** `template`: parameters and negative slots may occur. */
export function checkEffects(effects: readonly Effect[], slots: readonly Slot[], template: boolean): readonly string[] {
  const checker = new Checker(slots, template);
  checker.block(effects, new Set(), new Set());
  return checker.wrong;
}

class Checker {
  readonly wrong: string[] = [];
  private readonly slots: readonly Slot[];
  private readonly template: boolean;

  constructor(slots: readonly Slot[], template: boolean) {
    this.slots = slots;
    this.template = template;
  }

  private say(text: string): void {
    if (!this.wrong.includes(text)) this.wrong.push(text);
  }

  /**
   * `made`: effects' nodes that have their value here. `seen`: nodes found right where all of `made` was there.
   * True where control does not go on behind the block.
   */
  block(effects: readonly Effect[], made: Set<Node>, seen: Set<Node>): boolean {
    let left = false;
    for (const e of effects) {
      if (left && e.k !== "set") this.say(`${e.k} after the instruction was left`);
      left = this.effect(e, made, seen) || left;
    }
    return left;
  }

  private effect(e: Effect, made: Set<Node>, seen: Set<Node>): boolean {
    const check = (node: Node): void => this.node(node, made, seen, false);
    switch (e.k) {
      case "load":
      case "rmw":
      case "ask":
        this.made(e, made, seen);
        return false;
      case "store":
        check(e.addr);
        check(e.value);
        if (e.addr.w !== 64) this.say(`store: address is i${e.addr.w}`);
        if (e.value.w % 8 !== 0) this.say(`store: i${e.value.w} is not a whole number of bytes`);
        return false;
      case "fence":
        return false;
      case "set":
        check(e.value);
        this.slot(e.slot, e.value.w, "set");
        return false;
      case "if": {
        check(e.cond);
        if (e.cond.w !== 1) this.say(`if: condition is i${e.cond.w}`);
        const yes = this.block(e.then, new Set(made), new Set(seen));
        const no = this.block(e.else, new Set(made), new Set(seen));
        return yes && no;
      }
      case "jump":
        check(e.target);
        if (e.target.w !== 64) this.say(`jump: target is i${e.target.w}`);
        return true;
      case "trap":
      case "stop":
        if (e.name === "") this.say(`${e.k} without a name`);
        return true;
    }
  }

  private made(e: Effect & { node: Node }, made: Set<Node>, seen: Set<Node>): void {
    const node = e.node;
    if (node.op !== e.k) this.say(`effect ${e.k} has a node ${node.op}`);
    if (made.has(node)) this.say(`${node.op} happens twice`);
    for (const [i, a] of node.args.entries())
      this.node(a, made, i === 1 && e.k === "rmw" ? new Set() : seen, i === 1 && e.k === "rmw");
    this.shape(node);
    made.add(node);
  }

  /** `inside`: within the new value of an rmw, where `old` is known. */
  private node(node: Node, made: Set<Node>, seen: Set<Node>, inside: boolean): void {
    if (seen.has(node)) return;
    seen.add(node);
    const kind = OPS[node.op].kind;
    if (kind === "effect") {
      const root = node.op === "ask" && node.aux > 0 ? node.args[0] : node;
      if (root === undefined || !made.has(root)) this.say(`${node.op} is used before its effect`);
      return;
    }
    if (node.op === "old" && !inside) this.say("old outside an rmw");
    if (node.op === "elem") this.say("elem outside a map");
    if (node.op === "param" && !this.template) this.say("param outside a template");
    if (node.op === "get") this.slot(node.aux, node.w, "get");
    for (const a of node.args) this.node(a, made, seen, inside);
    this.shape(node);
  }

  private shape(node: Node): void {
    const row = OPS[node.op];
    const where = `${node.op} (i${node.w})`;
    if (!(node.w >= 1 && node.w <= 512)) this.say(`${where}: width outside 1 to 512`);
    if (row.arity !== undefined && row.arity !== node.args.length) {
      this.say(`${where}: ${node.args.length} arguments`);
      return;
    }
    const said = row.wrong(node);
    if (said !== undefined) this.say(`${where}: ${said}`);
    if (node.op === "fexc" && OPS[node.args[0].op].kind !== "float") this.say(`fexc of ${node.args[0].op}`);
    if (node.op === "const" && node.w > 64 !== (node.big !== undefined)) this.say(`${where}: wrong form of constant`);
  }

  private slot(number: number, w: number, op: string): void {
    if (number < 0 && this.template) return;
    const slot = this.slots[number];
    if (slot === undefined) this.say(`${op}: no slot ${number}`);
    else if (slot.w !== w) this.say(`${op}: ${slot.name} has ${slot.w} bits, not ${w}`);
  }
}
