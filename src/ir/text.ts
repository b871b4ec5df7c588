import { constOf } from "./fold.ts";
import type { Effect, Inst, MemAttrs, Node, Slot } from "./node.ts";
import { OPS } from "./ops.ts";

/**
 * The IR as text, for people, goldens and `sage ir`; parse.ts reads it back. One effect a line; a value used more than
 * once, or made by an effect, is named on a line of its own:
 *
 *     amoadd.w @0x1000 +4
 *       %1 = rmw:32(X[10]:64, add(old:32, extract(X[11]:64, 31:0))) acq rel
 *       X[12] = sext:64(%1)
 *
 * `:w` is a width in bits, given where the arguments do not fix it. Slots have the book's names, else `$number`.
 */
export function instText(inst: Inst, slots: readonly Slot[] = []): string {
  return `${inst.row} @0x${inst.pc.toString(16)} +${inst.length}\n${effectsText(inst.effects, slots)}`;
}

/** Effects, one a line, indented by two spaces. */
export function effectsText(effects: readonly Effect[], slots: readonly Slot[] = []): string {
  const writer = new Writer(slots);
  countUses(effects, writer.uses);
  writer.effects(effects, "  ");
  return writer.lines.map((line) => `${line}\n`).join("");
}

/** One value as one expression, shared parts repeated. */
export const nodeText = (node: Node, slots: readonly Slot[] = []): string => new Writer(slots).expression(node);

/** Whether the arguments fix the width of the op. */
const widthFromArguments = (node: Node): boolean => {
  switch (node.op) {
    case "sext":
    case "zext":
    case "f2f":
    case "f2s":
    case "f2u":
    case "s2f":
    case "u2f":
    case "load":
    case "rmw":
    case "ask":
    case "unknown":
      return false;
    default:
      return true;
  }
};

export function attributes(mem: MemAttrs | undefined): string {
  if (mem === undefined) return "";
  return `${mem.acq ? " acq" : ""}${mem.rel ? " rel" : ""}${mem.aligned ? " aligned" : ""}`;
}

/** Small values as signed decimals, others in hexadecimal. */
function number(node: Node): string {
  const value = constOf(node);
  const signed = node.w === 1 ? value : BigInt.asIntN(node.w, value);
  const text = signed > -65536n && signed < 65536n ? `${signed}` : `0x${value.toString(16)}`;
  return `${text}:${node.w}`;
}

/** The node stands in an effect; an ask's further results do not. */
const madeByEffect = (node: Node): boolean => OPS[node.op].kind === "effect" && !(node.op === "ask" && node.aux > 0);

/** Arguments, and the body of lanes. */
const parts = (node: Node): readonly Node[] => (node.body === undefined ? node.args : [...node.args, node.body]);

function countUses(effects: readonly Effect[], uses: Map<Node, number>): void {
  const visit = (node: Node): void => {
    const n = uses.get(node) ?? 0;
    uses.set(node, n + 1);
    // What an effect's own node reads is counted with the effect.
    if (n === 0 && !madeByEffect(node)) for (const a of parts(node)) visit(a);
  };
  for (const e of effects) {
    for (const node of operands(e)) visit(node);
    if (e.k === "if") {
      countUses(e.then, uses);
      countUses(e.else, uses);
    }
  }
}

/** The values an effect reads, in the order they are written; of a load, rmw or ask its node's arguments. */
export function operands(e: Effect): readonly Node[] {
  switch (e.k) {
    case "load":
    case "rmw":
    case "ask":
      return e.node.args;
    case "store":
      return [e.addr, e.value];
    case "set":
      return [e.value];
    case "if":
      return [e.cond];
    case "jump":
      return [e.target];
    default:
      return [];
  }
}

class Writer {
  readonly lines: string[] = [];
  readonly uses = new Map<Node, number>();
  private readonly slots: readonly Slot[];
  private readonly names = new Map<Node, string>();

  constructor(slots: readonly Slot[]) {
    this.slots = slots;
  }

  slot(number: number): string {
    return this.slots[number]?.name ?? `$${number}`;
  }

  private name(node: Node): string {
    const name = `%${this.names.size + 1}`;
    this.names.set(node, name);
    return name;
  }

  /** Writes the lines of shared values below `node` that have none yet; its own too if it is shared. */
  private prepare(node: Node, indent: string): void {
    if (this.names.has(node)) return;
    const kind = OPS[node.op].kind;
    if (kind === "leaf" && node.args.length === 0) return;
    if (madeByEffect(node)) return;
    for (const a of parts(node)) this.prepare(a, indent);
    if ((this.uses.get(node) ?? 0) < 2) return;
    const text = this.expression(node);
    this.lines.push(`${indent}${this.name(node)} = ${text}`);
  }

  expression(node: Node): string {
    const known = this.names.get(node);
    if (known !== undefined) return known;
    switch (node.op) {
      case "const":
        return number(node);
      case "get":
        return `${this.slot(node.aux)}:${node.w}`;
      case "old":
        return `old:${node.w}`;
      case "param":
      case "elem":
        return `${node.op}${node.aux}:${node.w}`;
      case "undef":
        return node.args.length ? `undef(${this.expression(node.args[0])})` : `undef:${node.w}`;
      case "extract":
        return `extract(${this.expression(node.args[0])}, ${node.aux + node.w - 1}:${node.aux})`;
    }
    const args = node.args.map((a) => this.expression(a)).join(", ");
    if (node.body !== undefined) return `${node.op}@${node.aux}(${args}; ${this.expression(node.body)})`;
    const width = widthFromArguments(node) ? "" : `:${node.w}`;
    const policy = node.fp ? `{${node.fp.name}}` : "";
    const name = node.name ? ` ${node.name}` : "";
    const result = node.op === "ask" && node.aux > 0 ? `@${node.aux}` : "";
    return `${node.op}${width}${policy}${name}${result}(${args})${attributes(node.mem)}`;
  }

  effects(effects: readonly Effect[], indent: string): void {
    for (const e of effects) {
      for (const node of operands(e)) this.prepare(node, indent);
      this.effect(e, indent);
    }
  }

  private effect(e: Effect, indent: string): void {
    const put = (text: string): number => this.lines.push(indent + text);
    switch (e.k) {
      case "load":
      case "rmw":
      case "ask": {
        const text = this.expression(e.node);
        put(`${this.name(e.node)} = ${text}`);
        return;
      }
      case "store":
        put(`mem[${this.expression(e.addr)}] = ${this.expression(e.value)}${attributes(e.mem)}`);
        return;
      case "fence":
        put(`fence ${e.kind}`);
        return;
      case "set":
        put(`${this.slot(e.slot)} = ${this.expression(e.value)}`);
        return;
      case "if":
        put(`if ${this.expression(e.cond)} {`);
        this.effects(e.then, `${indent}  `);
        if (e.else.length) {
          put("} else {");
          this.effects(e.else, `${indent}  `);
        }
        put("}");
        return;
      case "jump":
        put(`${e.hint} ${this.expression(e.target)}`);
        return;
      case "trap":
      case "stop":
        put(`${e.k} ${e.name}`);
    }
  }
}
