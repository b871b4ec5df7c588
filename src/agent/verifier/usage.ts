import { constBig } from "../../ir/build.ts";
import { constOf } from "../../ir/fold.ts";
import type { Effect, Inst, Node } from "../../ir/node.ts";
import { rewrite } from "../../ir/rewrite.ts";

/** What an instruction touches. */
export interface Usage {
  readonly reads: ReadonlySet<number>;
  readonly writes: ReadonlySet<number>;
  /** Addresses of its accesses, with the bytes accessed. */
  readonly accesses: readonly { readonly address: Node; readonly bytes: number }[];
  readonly targets: readonly Node[];
  /** Slots that may get an answer of the machine profile, which differs between any two machines. */
  readonly answered: ReadonlySet<number>;
  readonly stops: ReadonlySet<string>;
  readonly undef: boolean;
  readonly floats: boolean;
  /** Constants in it: states hold them and their neighbours, since comparisons with them change their minds there. */
  readonly constants: readonly bigint[];
}

export function usageOf(inst: Inst): Usage {
  const reads = new Set<number>();
  const writes = new Set<number>();
  const answered = new Set<number>();
  const accesses: { address: Node; bytes: number }[] = [];
  const targets: Node[] = [];
  const stops = new Set<string>();
  const constants = new Set<bigint>();
  let undef = false;
  let floats = false;
  const seen = new Set<Node>();
  const walk = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.op === "get") reads.add(node.aux);
    if (node.op === "undef" && node.args.length === 0) undef = true;
    if (node.fp !== undefined) floats = true;
    if (node.op === "const" && node.w > 1) constants.add(constOf(node));
    for (const a of node.args) walk(a);
    if (node.body) walk(node.body);
  };
  const effects = (list: readonly Effect[]): void => {
    for (const e of list) {
      switch (e.k) {
        case "load":
        case "rmw":
          walk(e.node);
          accesses.push({ address: e.node.args[0]!, bytes: e.node.w / 8 });
          break;
        case "ask":
          walk(e.node);
          break;
        case "store":
          walk(e.addr);
          walk(e.value);
          accesses.push({ address: e.addr, bytes: e.value.w / 8 });
          break;
        case "set":
          walk(e.value);
          writes.add(e.slot);
          if (asks(e.value)) answered.add(e.slot);
          break;
        case "if":
          walk(e.cond);
          effects(e.then);
          effects(e.else);
          break;
        case "jump":
          walk(e.target);
          targets.push(e.target);
          break;
        case "stop":
          stops.add(e.name);
      }
    }
  };
  effects(inst.effects);
  return { reads, writes, accesses, targets, answered, stops, undef, floats, constants: [...constants] };
}

function asks(node: Node, seen = new Set<Node>()): boolean {
  if (seen.has(node)) return false;
  seen.add(node);
  return node.op === "ask" || node.args.some((a) => asks(a, seen));
}

/** The instruction with what the architecture leaves open all ones; the evaluator takes it for zero. */
export function otherwise(inst: Inst): Inst {
  return rewrite(inst, (n) => {
    if (n.op !== "undef" || n.args.length > 0) return undefined;
    return constBig(n.w, (1n << BigInt(n.w)) - 1n);
  });
}
