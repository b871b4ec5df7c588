import {
  ask,
  binary,
  carry,
  compare,
  concat,
  extract,
  fexc,
  fop,
  load,
  overflow,
  rmw,
  select,
  sext,
  unary,
  undef,
  unknown,
  zext,
} from "./build.ts";
import { foldBig } from "./fold.ts";
import { Node } from "./node.ts";

/** The node's op over other arguments, folded: what substitution and specialisation are made of. Leaves stay as they are. */
export function remake(node: Node, args: readonly Node[]): Node {
  switch (node.op) {
    case "const":
    case "get":
    case "old":
    case "param":
    case "elem":
      return node;
    case "map":
      return mapLanes(node.aux, args, node.body!);
    case "ormap":
      return orLanes(node.aux, args, node.body!);
    case "undef":
      return undef(node.w, args[0]);
    case "unknown":
      return unknown(node.w, node.name, args);
    case "load":
      return load(args[0], node.w, node.mem);
    case "rmw":
      return rmw(args[0], args[1], node.mem);
    case "ask":
      return ask(node.name, args, node.aux, node.w);
    case "not":
    case "neg":
    case "ctz":
    case "clz":
    case "popcnt":
    case "bswap":
    case "parity":
    case "fneg":
    case "fabs":
      return unary(node.op, args[0]);
    case "eq":
    case "ne":
    case "ult":
    case "ule":
    case "slt":
    case "sle":
      return compare(node.op, args[0], args[1]);
    case "select":
      return select(args[0], args[1], args[2]);
    case "carry":
      return carry(args[0], args[1], args[2]);
    case "overflow":
      return overflow(args[0], args[1], args[2]);
    case "sext":
      return sext(args[0], node.w);
    case "zext":
      return zext(args[0], node.w);
    case "extract":
      return extract(args[0], node.aux, node.w);
    case "concat":
      return concat(args[0], args[1]);
    case "fexc":
      return fexc(args[0]);
    case "fadd":
    case "fsub":
    case "fmul":
    case "fdiv":
    case "fsqrt":
    case "fma":
    case "f2f":
    case "f2s":
    case "f2u":
    case "s2f":
    case "u2f":
    case "frint":
    case "feq":
    case "flt":
    case "fle":
      return fop(node.op, node.w, args, node.fp!);
    default:
      return binary(node.op, args[0], args[1]);
  }
}

/** Lanes at least this wide are taken apart at once: nothing is gained by keeping them together. */
const WIDEST_LANE = 64;

/** `body` for each of `n` lanes of the arguments, joined; lane 0 is the lowest. */
export function mapLanes(n: number, args: readonly Node[], body: Node): Node {
  if (body.op === "elem" && args[body.aux].w === n * body.w) return args[body.aux];
  const node = new Node("map", n * body.w, args, { aux: n, body });
  if (n > 1 && args.every((a) => a.op === "const")) return foldBig(node);
  return n === 1 || body.w > WIDEST_LANE || nested(body) ? unroll(node) : node;
}

/** `body` for each lane, or-ed together. */
export function orLanes(n: number, args: readonly Node[], body: Node): Node {
  if (body.op === "const") return body;
  const node = new Node("ormap", body.w, args, { aux: n, body });
  if (n > 1 && args.every((a) => a.op === "const")) return foldBig(node);
  return n === 1 || nested(body) ? unroll(node) : node;
}

/** Bodies with lanes inside of them; bodies are shared and their parts are too. */
const nesting = new WeakMap<Node, boolean>();
function nested(n: Node): boolean {
  let found = nesting.get(n);
  if (found === undefined) nesting.set(n, (found = n.body !== undefined || n.args.some(nested)));
  return found;
}

/** Lane `lane` of a map or ormap's body, over its arguments. */
export function laneOf(node: Node, lane: number): Node {
  const memo = new Map<Node, Node>();
  const of = (n: Node): Node => {
    let out = memo.get(n);
    if (out === undefined) memo.set(n, (out = make(n)));
    return out;
  };
  const make = (n: Node): Node => {
    if (n.op !== "elem") return n.args.length === 0 ? n : remake(n, n.args.map(of));
    const arg = node.args[n.aux];
    return arg.w === n.w ? arg : extract(arg, lane * n.w, n.w);
  };
  return of(node.body!);
}

const unrolled = new WeakMap<Node, Node>();

/** A map or ormap lane by lane: the same value without either. */
export function unroll(node: Node): Node {
  let out = unrolled.get(node);
  if (out === undefined) {
    out = laneOf(node, 0);
    for (let i = 1; i < node.aux; i++) {
      const lane = laneOf(node, i);
      out = node.op === "map" ? concat(lane, out) : binary("or", out, lane);
    }
    unrolled.set(node, out);
  }
  return out;
}
