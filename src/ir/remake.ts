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
import type { Node } from "./node.ts";

/** The node's op over other arguments, folded: what substitution and specialisation are made of. Leaves stay as they are. */
export function remake(node: Node, args: readonly Node[]): Node {
  switch (node.op) {
    case "const":
    case "get":
    case "old":
    case "param":
      return node;
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
