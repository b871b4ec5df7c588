import { concat, constNum, extract, trunc, zext } from "../ir/build.ts";
import type { FpPolicy, Node } from "../ir/node.ts";
import { RuleError } from "./error.ts";
import type { StateEntry } from "./scope.ts";
import type { PolicyDecl } from "./source.ts";

/** A policy line: how floats behave, the register of sticky flags, and how exceptions lie in it. */
export interface Policy {
  readonly fp: FpPolicy;
  readonly flags: number | undefined;
  readonly flagsWidth: number;
  /** Exceptions from bit 0 of the register on, "-" for a gap. undefined: as fexc has them. */
  readonly order: readonly string[] | undefined;
  /** Register laid out like that of the flags: its bits are exceptions that are not to be passed over. */
  readonly unmasked: number | undefined;
  /** The trap of a row that raises one of them; without it the row sees to them (`raised`). */
  readonly trap: string | undefined;
}

/** Bits of fexc by name (node.ts). */
const BITS: Readonly<Record<string, number>> = { NX: 0, UF: 1, OF: 2, DZ: 3, NV: 4, DE: 5 };
const NAN: readonly FpPolicy["nan"][] = ["canonical", "arm", "x86", "x87", "first"];
const TOINT: readonly FpPolicy["toint"][] = ["saturate-max", "zero", "indefinite"];
const TINY: readonly FpPolicy["tiny"][] = ["before", "after"];

export function policyOf(decl: PolicyDecl, state: ReadonlyMap<string, StateEntry>): Policy {
  const pick = <T extends string>(key: string, among: readonly T[]): T => {
    const value = decl.options.get(key);
    const found = among.find((x) => x === value);
    if (!found) throw new RuleError("RULE_NAME", `fp ${decl.name}: ${key} is one of ${among.join(", ")}`, decl.place);
    return found;
  };
  const fp: FpPolicy = {
    name: decl.name,
    nan: pick("nan", NAN),
    toint: pick("toint", TOINT),
    tiny: pick("tiny", TINY),
  };
  const text = decl.options.get("flags");
  if (text === undefined)
    return { fp, flags: undefined, flagsWidth: 0, order: undefined, unmasked: undefined, trap: undefined };
  const m = /^([A-Za-z_][A-Za-z0-9_]*)(?:\(([^)]*)\))?$/.exec(text.trim());
  const register = m ? state.get(m[1]) : undefined;
  if (!m || !register || register.count > 0)
    throw new RuleError("RULE_NAME", `fp ${decl.name}: flags=${text} is no register`, decl.place);
  const order = m[2] === undefined ? undefined : m[2].trim().split(/\s+/);
  const unknown = order?.find((name) => name !== "-" && !(name in BITS));
  if (unknown) throw new RuleError("RULE_NAME", `fp ${decl.name}: no exception ${unknown}`, decl.place);
  return { fp, flags: register.slot, flagsWidth: register.w, order, ...unmaskedOf(decl, state, register.w) };
}

/** `unmasked=REGISTER` and `trap=NAME`. */
function unmaskedOf(
  decl: PolicyDecl,
  state: ReadonlyMap<string, StateEntry>,
  width: number,
): Pick<Policy, "unmasked" | "trap"> {
  const name = decl.options.get("unmasked");
  const trap = decl.options.get("trap");
  if (name === undefined && trap === undefined) return { unmasked: undefined, trap };
  const unmasked = state.get(name ?? "");
  if (!unmasked || unmasked.count > 0 || unmasked.w !== width)
    throw new RuleError(
      "RULE_NAME",
      `fp ${decl.name}: unmasked=REGISTER must be as wide as that of the flags`,
      decl.place,
    );
  return { unmasked: unmasked.slot, trap };
}

/** fexc's i6 in the order and width of the policy's register. */
export function arrange(exceptions: Node, { flagsWidth: w, order }: Policy): Node {
  if (!order) return w <= exceptions.w ? trunc(exceptions, w) : zext(exceptions, w);
  let out: Node | undefined;
  for (const name of order) {
    const bit = name === "-" ? constNum(1, 0) : extract(exceptions, BITS[name], 1);
    out = out ? concat(bit, out) : bit;
  }
  return out ? zext(out, w) : constNum(w, 0);
}
