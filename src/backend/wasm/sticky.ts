import { unary } from "../../ir/build.ts";
import { isZero, zero } from "../../ir/fold.ts";
import type { Effect, Node } from "../../ir/node.ts";
import { remake } from "../../ir/remake.ts";

/** slot |= value, where `value` is over fexc(float). */
export interface Sticky {
  readonly slot: number;
  readonly value: Node;
  readonly float: Node;
}

/** One accumulation: slot |= value where all guards hold. */
export interface StickyTerm {
  readonly guards: readonly Node[];
  /** Over the exceptions of one float op, over one `ormap` of exceptions, or over `modes`. */
  readonly value: Node;
  readonly float: Node | undefined;
  readonly lanes: Node | undefined;
  /** Neither of these: the value is zero while these slots are. */
  readonly modes: readonly number[];
}

/** Exceptions that `set slot = value` accumulates, in order; undefined: it is another set. */
export function stickyTerms(slot: number, value: Node): readonly StickyTerm[] | undefined {
  const terms = accumulated(slot, value);
  return terms && terms.length > 0 ? terms : undefined;
}

function accumulated(slot: number, value: Node): StickyTerm[] | undefined {
  if (value.op === "get") return value.aux === slot ? [] : undefined;
  if (value.op === "or") {
    for (const [rest, more] of [value.args, [...value.args].reverse()] as [Node, Node][]) {
      const term = termOf(more);
      const before = term && accumulated(slot, rest);
      if (before) return [...before, term];
    }
    return undefined;
  }
  if (value.op !== "select") return undefined;
  const [guard, yes, no] = value.args as [Node, Node, Node];
  const x = accumulated(slot, yes);
  const y = x && accumulated(slot, no);
  if (!x || !y) return undefined;
  const [long, short, when] = x.length >= y.length ? [x, y, guard] : [y, x, unary("not", guard)];
  if (!short.every((term, i) => equal(term, long[i]!))) return undefined;
  return long.map((term, i) => (i < short.length ? term : { ...term, guards: [when, ...term.guards] }));
}

const equal = (a: StickyTerm, b: StickyTerm): boolean =>
  a.value === b.value && a.guards.length === b.guards.length && a.guards.every((g, i) => g === b.guards[i]);

function termOf(value: Node): StickyTerm | undefined {
  const floats = new Set<Node>();
  const lanes = new Set<Node>();
  if (!onlyExceptions(value, floats, lanes)) return ofModes(value);
  if (floats.size + lanes.size !== 1) return undefined;
  return { guards: [], value, float: [...floats][0], lanes: [...lanes][0], modes: [] };
}

/** What some mode alone raises, as a rule none: denormals that are taken for zeros. */
function ofModes(value: Node): StickyTerm | undefined {
  if (mentionsExceptions(value)) return undefined;
  const modes = new Set<number>();
  const known = new Map<Node, Node>();
  const without = (node: Node): Node => {
    const seen = known.get(node);
    if (seen !== undefined) return seen;
    let made = node;
    // A flag is no mode.
    if (node.op === "get" && node.w > 1 && node.w <= 8) {
      modes.add(node.aux);
      made = zero(node.w);
    } else if (node.args.length > 0) made = remake(node, node.args.map(without));
    known.set(node, made);
    return made;
  };
  return isZero(without(value))
    ? { guards: [], value, float: undefined, lanes: undefined, modes: [...modes] }
    : undefined;
}

function onlyExceptions(node: Node, floats: Set<Node>, lanes: Set<Node>): boolean {
  if (node.op === "const") return true;
  if (node.op === "fexc") {
    floats.add(node.args[0]!);
    return true;
  }
  if (node.op === "ormap") {
    lanes.add(node);
    return true;
  }
  return node.args.length > 0 && node.args.every((arg) => onlyExceptions(arg, floats, lanes));
}

/** The accumulation of another float op's exceptions in the same way. */
export function stickyFor(slot: number, term: StickyTerm, exceptions: Node, float: Node): Sticky {
  const put = (node: Node): Node =>
    node === term.lanes || node.op === "fexc"
      ? exceptions
      : node.args.length === 0
        ? node
        : remake(node, node.args.map(put));
  return { slot, value: put(term.value), float };
}

/** True where the value depends on exceptions. */
export function mentionsExceptions(node: Node, seen = new Set<Node>()): boolean {
  if (seen.has(node)) return false;
  seen.add(node);
  if (node.op === "fexc") return true;
  return (
    (node.body !== undefined && mentionsExceptions(node.body, seen)) ||
    node.args.some((a) => mentionsExceptions(a, seen))
  );
}

/** Does nothing but trap, if an exception that the instruction raises is not masked. */
export function trapsForExceptions(e: Effect): boolean {
  if (e.k !== "if" || e.else.length > 0) return false;
  return mentionsExceptions(e.cond)
    ? e.then.length === 1 && e.then[0]!.k === "trap"
    : e.then.length > 0 && e.then.every(trapsForExceptions);
}
