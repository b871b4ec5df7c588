import type { Node } from "../../ir/node.ts";
import type { Lower } from "./lower.ts";
import { mulHigh } from "./mulhigh.ts";
import { SIGN, type Want } from "./values.ts";
import { testWords } from "./wide-words.ts";

/** True where a value of up to 64 bits is made of wider ones or of lanes. */
export function takesWide(node: Node): boolean {
  if (node.op === "map" || node.op === "ormap") return true;
  if (node.op === "concat") return node.args[0]!.w === 1;
  for (const a of node.args) if (a.w > 64) return true;
  return false;
}

/** Pushes such a value in its natural type. False: it is a matter of narrow values after all. */
export function pushNarrow(l: Lower, node: Node, want: Want): boolean {
  const { wide } = l;
  switch (node.op) {
    case "map":
    case "ormap":
      l.lanes.scalar(node, want);
      return true;
    case "concat":
      if (!wide.bitmask(node)) return false;
      l.clean(node.w, want === SIGN ? SIGN : want);
      return true;
    case "extract":
      if (
        node.args[0]!.op === "mul" &&
        !wide.isKept(node.args[0]!) &&
        l.demand.count(node.args[0]!) === 1 &&
        mulHigh(l, node)
      ) {
        l.clean(node.w, want);
        return true;
      }
      wide.extract(node, want);
      return true;
    case "eq":
    case "ne":
      wide.equal(node);
      break;
    case "ult":
    case "ule":
    case "slt":
    case "sle":
    case "parity":
    case "carry":
    case "overflow":
      testWords(l, wide, node);
      break;
    default:
      throw new Error(`${node.op} of i${node.args.find((a) => a.w > 64)?.w} has no wasm lowering`);
  }
  if (want === SIGN) l.clean(1, SIGN);
  return true;
}
