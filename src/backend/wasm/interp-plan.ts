import { LINK_BYTES, OPERAND_BYTES, OPERANDS } from "../../engine/predecode-layout.ts";
import type { Effect, Node } from "../../ir/node.ts";
import type { Template, ValueParam } from "../../rules/book.ts";

/** Where a parameter's operand lies in the micro-op. */
export interface SlotOperand {
  readonly param: number;
  /** Byte offset in the micro-op; a u16, the state slot's address. */
  readonly at: number;
}
export interface ValueOperand {
  readonly param: number;
  readonly at: number;
  /** 1, 2, 4 or 8. */
  readonly bytes: number;
  /** How `bytes` extend to the parameter's width. */
  readonly signed: boolean;
}

/** How the instructions of a row become micro-ops. */
export interface UopPlan {
  readonly slots: readonly SlotOperand[];
  readonly values: readonly ValueOperand[];
  /** Parameter that is the target of a direct jump, resolved to a micro-op at LINK; -1: none. */
  readonly link: number;
  /** Control never goes to the next instruction. */
  readonly ends: boolean;
}

/** A row that this tier leaves to the evaluator: why. */
export class NotLowered extends Error {}

/** Visits the nodes of effects once each, arguments first. */
export function visitNodes(effects: readonly Effect[], visit: (node: Node) => void, seen = new Set<Node>()): void {
  const walk = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    for (const arg of node.args) walk(arg);
    visit(node);
  };
  for (const effect of effects) {
    if (effect.k === "load" || effect.k === "rmw" || effect.k === "ask") walk(effect.node);
    else if (effect.k === "store") {
      walk(effect.addr);
      walk(effect.value);
    } else if (effect.k === "set") walk(effect.value);
    else if (effect.k === "jump") walk(effect.target);
    else if (effect.k === "if") {
      walk(effect.cond);
      visitNodes(effect.then, visit, seen);
      visitNodes(effect.else, visit, seen);
    }
  }
}

/** Visits effects and those inside `if`s, in order. */
export function visitEffects(effects: readonly Effect[], visit: (effect: Effect) => void): void {
  for (const effect of effects) {
    visit(effect);
    if (effect.k !== "if") continue;
    visitEffects(effect.then, visit);
    visitEffects(effect.else, visit);
  }
}

/** True where control surely leaves: a jump, stop or trap on every way. */
export function leaves(effects: readonly Effect[]): boolean {
  return effects.some(
    (e) =>
      e.k === "jump" ||
      e.k === "stop" ||
      e.k === "trap" ||
      (e.k === "if" && e.else.length > 0 && leaves(e.then) && leaves(e.else)),
  );
}

/** Packs a template's parameters into a micro-op. null: they do not fit. */
export function planUop(template: Template): UopPlan | null {
  const usedSlots = new Set<number>();
  const usedValues = new Set<number>();
  let link = -1;
  visitEffects(template.effects, (e) => {
    if (e.k === "set" && e.slot < 0) usedSlots.add(-1 - e.slot);
    if (e.k === "jump" && e.target.op === "param" && link < 0 && template.valueParams[e.target.aux]!.w > 32)
      link = e.target.aux;
  });
  visitNodes(template.effects, (n) => {
    if (n.op === "get" && n.aux < 0) usedSlots.add(-1 - n.aux);
    if (n.op === "param") usedValues.add(n.aux);
  });
  if (link >= 0 && !isValue(template.effects, link)) usedValues.delete(link);
  const slots = [...usedSlots].sort((a, b) => a - b);
  // A register that is read and written takes one operand.
  const groups = new Map<string, number[]>();
  for (const param of slots) {
    const { field, slots: table, bytes } = template.slotParams[param];
    const key = `${field}:${table.join()}:${bytes?.join() ?? ""}`;
    const group = groups.get(key);
    if (group) group.push(param);
    else groups.set(key, [param]);
  }
  const values = [...usedValues];
  const room = OPERAND_BYTES - (link >= 0 ? LINK_BYTES : 0) - groups.size * 2;
  const whole = values.map((v) => size(template.valueParams[v]));
  const narrow = whole.map((bytes) => Math.min(bytes, 4));
  const sizes = sum(whole) <= room ? whole : sum(narrow) <= room ? narrow : null;
  if (!sizes) return null;
  let at = OPERANDS;
  const next = (bytes: number): number => (at += bytes) - bytes;
  return {
    slots: [...groups.values()].flatMap((params) => {
      const place = next(2);
      return params.map((param) => ({ param, at: place }));
    }),
    // The widest first, so that what has several bytes lies on an even one.
    values: values
      .map((param, i) => ({ param, bytes: sizes[i] }))
      .sort((a, b) => b.bytes - a.bytes || a.param - b.param)
      .map(({ param, bytes }) => ({
        param,
        at: next(bytes),
        bytes,
        signed: template.valueParams[param].w > 32 && !followsPc(template.valueParams[param]),
      })),
    link,
    ends: leaves(template.effects),
  };
}

/** Bytes that hold any value of the parameter; guest addresses have 32 bits. */
function size(param: ValueParam): number {
  const bits = bitsOf(param.node);
  if (bits <= 8) return 1;
  if (bits <= 16) return 2;
  return param.w <= 32 || followsPc(param) ? 4 : 8;
}

/** Above these bits the value is surely zero. */
function bitsOf(n: Node): number {
  switch (n.op) {
    case "zext":
      return bitsOf(n.args[0]!);
    case "and":
      return Math.min(bitsOf(n.args[0]!), bitsOf(n.args[1]!));
    case "select":
      return Math.max(bitsOf(n.args[1]!), bitsOf(n.args[2]!));
    case "extract":
      return Math.min(n.w, Math.max(1, bitsOf(n.args[0]!) - n.aux));
    case "const":
      if (n.big !== undefined || n.hi !== 0) return n.w;
      return Math.max(1, 32 - Math.clz32(n.lo));
    default:
      return n.w;
  }
}

/** True where the parameter's value moves with the instruction's pc, whatever its fields are. */
function followsPc(param: ValueParam): boolean {
  const out = new Int32Array(4);
  return [0, 1].every((value) => {
    const fields = new Array<number>(32).fill(value);
    param.compute(fields, 0x100000, 4, out, 0);
    param.compute(fields, 0x200000, 4, out, 2);
    return out[0] !== out[2];
  });
}

/** True where the parameter is used otherwise than as a jump's target. */
function isValue(effects: readonly Effect[], param: number): boolean {
  let found = false;
  const look = (n: Node): void => {
    if (n.op === "param" && n.aux === param) found = true;
  };
  const rest = (list: readonly Effect[]): readonly Effect[] =>
    list
      .filter((e) => e.k !== "jump" || e.target.op !== "param")
      .map((e) => (e.k === "if" ? { ...e, then: rest(e.then), else: rest(e.else) } : e));
  visitNodes(rest(effects), look);
  return found;
}

function sum(list: readonly number[]): number {
  return list.reduce((a, b) => a + b, 0);
}
