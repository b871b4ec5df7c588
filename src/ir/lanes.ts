import { constOf, equalConst } from "./fold.ts";
import { Node, type Op } from "./node.ts";
import { OPS } from "./ops.ts";
import { remake } from "./remake.ts";
import { concat } from "./width.ts";

/**
 * Lanes: one computation over every lane of wide values. A body is a closed value over `elem`s and constants, made of
 * the scalar ops, so that a lane means what the scalar means and every reader may take the lanes one by one (`unroll`).
 */

/** A body over lane values: an elem for argument `number` of `w` bits. */
export const elem = (w: number, number: number): Node => shared(new Node("elem", w, [], { aux: number }));

/** A placeholder for lane values of `w` bits, to be replaced by `lanesOf`. */
export const hole = (w: number): Node => new Node("elem", w, [], { aux: -1 });

/** Bodies by their text: an equal body is one object, so that readers can compare and remember. */
const bodies = new Map<string, Node>();
const policies = new Map<object, number>();

function shared(n: Node): Node {
  let fp = "";
  if (n.fp !== undefined) {
    let number = policies.get(n.fp);
    if (number === undefined) policies.set(n.fp, (number = policies.size));
    fp = `f${number}`;
  }
  const value = n.op === "const" ? `${n.lo},${n.hi},${n.big ?? ""}` : "";
  const key = `${n.op}${n.w}.${n.aux}${fp}${value}${n.name}(${n.args.map((a) => a.id).join()}${n.body ? `;${n.body.id}` : ""})`;
  const known = bodies.get(key);
  if (known === undefined) bodies.set(key, n);
  return known ?? n;
}

/** Bodies with the arguments they share. */
export interface Lanes {
  readonly args: readonly Node[];
  readonly bodies: readonly Node[];
}

/**
 * Bodies from values over placeholders, `sources` by placeholder: each lane's values. What holds no placeholder is the
 * same for all lanes and becomes an argument.
 */
export function lanesOf(values: readonly Node[], sources: ReadonlyMap<Node, Node>): Lanes {
  const args: Node[] = [];
  const memo = new Map<Node, Node>();
  const varies = new Map<Node, boolean>();
  const depends = (n: Node): boolean => {
    let d = varies.get(n);
    if (d === undefined) varies.set(n, (d = sources.has(n) || n.args.some(depends)));
    return d;
  };
  const of = (n: Node): Node => {
    let out = memo.get(n);
    if (out === undefined) memo.set(n, (out = make(n)));
    return out;
  };
  const make = (n: Node): Node => {
    if (n.op === "const") return shared(n);
    if (!depends(n)) return elem(n.w, args.push(n) - 1);
    const source = sources.get(n);
    if (source !== undefined) return elem(n.w, args.push(source) - 1);
    return bodyNode(n, n.args.map(of));
  };
  return { bodies: values.map(of), args };
}

/** The node's op in a body. */
export function bodyNode(n: Node, args: readonly Node[]): Node {
  const { op, w, aux, fp, name, body } = n;
  if (OPS[op].kind === "effect") throw new Error(`${op} inside a body`);
  return shared(new Node(op, w, args, { aux, fp, name, body }));
}

/** Makes equal values one node: lanes computed one by one read the state each for themselves. */
function interned(): (n: Node) => Node {
  const table = new Map<string, Node>();
  const memo = new Map<Node, Node>();
  const of = (n: Node): Node => {
    let out = memo.get(n);
    if (out === undefined) memo.set(n, (out = make(n)));
    return out;
  };
  const make = (n: Node): Node => {
    if (OPS[n.op].kind === "effect" || n.op === "const" || n.op === "unknown") return n;
    const args = n.args.map(of);
    const again = args.every((a, i) => a === n.args[i]) ? n : remake(n, args);
    const key = `${again.op}${again.w}.${again.aux}${again.name}(${again.args.map((a) => (a.op === "const" ? `${a.w}:${constOf(a)}` : a.id)).join()};${again.body?.id ?? ""}${again.fp?.name ?? ""}`;
    const known = table.get(key);
    if (known === undefined) table.set(key, again);
    return known ?? again;
  };
  return of;
}

/** Values of which a bit range is taken as it is, and not out of what each lane computes. */
const WHOLE: ReadonlySet<Op> = new Set<Op>([
  "get",
  "load",
  "rmw",
  "ask",
  "param",
  "old",
  "concat",
  "map",
  "extract",
  "unknown",
]);

/**
 * The opposite of unrolling: bodies for lanes that were computed one by one, in `columns` of one value a lane (lane 0
 * first), where they are computed alike. What differs from lane to lane - ranges of a register, constants - becomes an
 * argument. undefined: they are not alike, or nothing is computed at all.
 */
export function alikeLanes(columns: readonly (readonly (Node | undefined)[])[]): Lanes | undefined {
  const args: Node[] = [];
  const known = new Map<string, Node>();
  const n = columns[0].length;
  let computed = false;
  const leaf = (list: readonly Node[]): Node | undefined => {
    const w = list[0].w;
    if (w * n > 512 || list.some((x) => x.w !== w)) return undefined;
    return elem(w, args.push(list.reduce((out, x) => concat(x, out))) - 1);
  };
  const of = (list: readonly Node[]): Node | undefined => {
    const key = list.map((x) => x.id).join();
    let out = known.get(key);
    if (out === undefined) {
      out = make(list);
      if (out !== undefined) known.set(key, out);
    }
    return out;
  };
  const make = (list: readonly Node[]): Node | undefined => {
    const [first] = list;
    if (list.every((x) => x === first))
      return first.op === "const" ? shared(first) : elem(first.w, args.push(first) - 1);
    if (list.every((x) => equalConst(x, first))) return shared(first);
    const same = list.every(
      (x) =>
        x.op === first.op &&
        x.w === first.w &&
        x.aux === first.aux &&
        x.fp === first.fp &&
        x.name === first.name &&
        x.body === first.body &&
        x.args.length === first.args.length &&
        x.args.every((a, i) => a.w === first.args[i].w),
    );
    const taken = first.op === "extract" && list.every((x) => x.args.length === 1 && WHOLE.has(x.args[0].op));
    if (!same || taken || first.args.length === 0 || OPS[first.op].kind === "effect" || first.op === "map")
      return leaf(list);
    const parts: Node[] = [];
    for (let i = 0; i < first.args.length; i++) {
      const part = of(list.map((x) => x.args[i]));
      if (part === undefined) return leaf(list);
      parts.push(part);
    }
    computed = true;
    return bodyNode(first, parts);
  };
  const bodies: Node[] = [];
  const one = interned();
  for (const column of columns) {
    const list = column.filter((x) => x !== undefined).map(one);
    const body = list.length === n ? of(list) : undefined;
    if (body === undefined) return undefined;
    bodies.push(body);
  }
  return computed ? { args, bodies } : undefined;
}
