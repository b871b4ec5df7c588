import type { Node } from "../../ir/node.ts";
import { F64, I32, V128 } from "./code.ts";
import { exactFmaTest, exactTest, testsExact } from "./exact.ts";
import { compute, fastWay, fastWayKnown } from "./float-fast.ts";
import { type FloatHost, type Limits, updateLimits } from "./float-host.ts";
import {
  FROM_INTEGER,
  modeOf,
  neverDenormal,
  operands,
  pushNormal,
  reportsDenormals,
  resultType,
} from "./float-operands.ts";
import { pushReference } from "./float-reference.ts";
import type { Lower } from "./lower.ts";
import { FD, W } from "./opcodes.ts";
import type { Sticky } from "./sticky.ts";
import { SIGN, ZERO } from "./values.ts";

/**
 * Float ops. The host's instruction rounds to nearest even like the guest's; what it cannot promise is NaN bits and
 * the exceptions. So each op runs natively and is then checked: a finite normal result under mode 0 can only have
 * raised NX, which is sticky and as a rule set already. All else goes to a helper out of line that asks the reference.
 *
 * "NX is set" and "the result is finite" are one comparison: `limit` is infinity where NX is set, else NaN.
 *
 * Pushes the op's result in `resultType`. sticky: its exceptions go there; undefined: nobody asks for them.
 */
export function lowerFloat(
  l: Lower,
  node: Node,
  host: FloatHost,
  sticky: Sticky | undefined,
  limits: Limits | undefined,
): void {
  const code = l.code;
  const args = operands(node);
  for (const arg of args) {
    if (FROM_INTEGER.has(node.op)) l.bind(arg, node.op === "s2f" ? SIGN : ZERO);
    else l.bindFloat(arg);
  }
  const type = resultType(node);
  const result = code.local(type);
  const checked = sticky !== undefined && limits !== undefined;
  const tests = checked && (host.inlineExact ?? false) && modeOf(node) === 0 && testsExact(node, host.fused);
  // Vectors are what a fused multiply-add takes and gives.
  const vector = host.fused && node.op === "fma" && node.w === 64 ? code.local(V128) : -1;
  const test = (): void => {
    if (node.op === "fma") {
      exactFmaTest(code, (i) => l.vector(args[i]!), vector, 0);
      return;
    }
    const at = args.map((arg) => {
      const local = code.local(F64);
      l.float(arg);
      code.set(local);
      return local;
    });
    exactTest(code, node.op, at[0]!, at[1]!, result, 0);
    for (const local of at) code.release(local);
  };
  const first = tests && (host.exactFirst ?? false) && fastWayKnown(node);
  if (first) {
    compute(l, node, result, vector);
    code.block();
    test();
  }
  const fast = fastWay(l, node, host, checked ? limits : undefined, result, vector, first);
  if (checked && fast === "checked" && reportsDenormals(node)) {
    // Any number that is not 0 says that it was the usual case: the bits of the two need not meet.
    const normal = code.local(I32);
    const asked = args.filter((arg, i) => args.indexOf(arg) === i && !neverDenormal(arg));
    pushNormal(code, args[0]!.w === 64, asked.length, (i) => l.float(asked[i]!));
    code.set(normal);
    code.i32(0);
    code.get(normal);
    code.op(W.select);
    code.release(normal);
  }
  if (fast === "exact") {
    code.get(result);
    code.release(result);
    return;
  }
  if (fast === "checked") {
    code.op(W.i32_eqz);
    code.unlikely();
    code.if();
  }
  if (fast === "checked" && tests && !first) test();
  pushReference(l, node, host, sticky);
  code.set(result);
  const holds = vector >= 0 && fast === "checked" && l.frozen === 0 && l.demand.fused(node);
  if (holds) {
    code.get(result);
    code.fd(FD.f64x2_splat);
    code.set(vector);
  }
  if (sticky !== undefined && limits !== undefined) updateLimits(code, host, sticky, limits);
  if (fast === "checked") code.end();
  if (first) code.end();
  code.get(result);
  code.release(result);
  if (holds) l.keepVector(node, vector);
  else if (vector >= 0) code.release(vector);
}
