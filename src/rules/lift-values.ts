import {
  binary,
  carry,
  compare,
  concat,
  constBig,
  constNum,
  constPair,
  extract,
  fexc,
  fop,
  get,
  load,
  old,
  overflow,
  rmw,
  select,
  sext,
  trunc,
  unary,
  undef,
  unknown,
  zext,
} from "../ir/build.ts";
import { alikeLanes, hole, lanesOf } from "../ir/lanes.ts";
import type { Effect, MemAttrs, Node, Op } from "../ir/node.ts";
import { mapLanes, orLanes } from "../ir/remake.ts";
import { type Core, evalInt } from "./core.ts";
import { arrange, type Policy } from "./policy.ts";

/** One path through a row: what it does, the writes it leaves pending, and how it ends. */
export interface Path {
  readonly effects: Effect[];
  readonly pending: Map<number, Node>;
  end: Effect | undefined;
}

/** Pending key, plus the policy's number, of the exceptions that the row itself has raised; only where some are unmasked. */
export const RAISED = 1 << 21;

const consts = new WeakMap<Core, Node>();

/** Values of a row's expressions, its fields being constants. Loads and the like go into the path at hand. */
export class ValueLifter {
  protected locals: (number | Node)[] = [];
  protected fields: readonly number[] = [];
  protected length = 0;
  protected pc = 0;
  protected path: Path = { effects: [], pending: new Map(), end: undefined };
  /** Reads see this row's own pending writes. */
  protected latest = false;
  /** Condition under which the expression at hand counts (for exception flags). */
  protected guard: Node | undefined;
  /** Inside lanes: the exceptions of the lane at hand. */
  private raised: Map<Policy, Node> | undefined;
  protected readonly policies: readonly Policy[];
  /** Memory operands read so far. */
  protected operands = new Map<number, Node>();
  protected locked = false;
  protected lockAddress: Node | undefined;
  protected lockOld: Node | undefined;

  constructor(policies: readonly Policy[]) {
    this.policies = policies;
  }

  // --- integers

  protected int(c: Core): number {
    return evalInt(c, this.fields, this.locals, this.length);
  }

  /** A number where it is known once decoded, else an i1. */
  protected condition(c: Core): number | Node {
    if (c.w === 0) return this.int(c);
    const n = this.bits(c);
    return n.op === "const" ? n.lo : n;
  }

  protected value(c: Core): number | Node {
    return c.w === 0 ? this.int(c) : this.bits(c);
  }

  // --- expressions

  bits(c: Core): Node {
    switch (c.op) {
      case "big":
        return constant(c);
      case "bits":
        return constNum(c.w, this.int(c.a[0]));
      case "slot":
        return this.slot(c.n, c.w);
      case "elem":
        return this.element(c);
      case "local":
        return this.locals[c.n] as Node;
      case "view":
        return this.view(c);
      case "pc":
        return address(this.pc, c.w);
      case "next":
        return address(this.pc + this.length, c.w);
      case "load": {
        const node = load(this.address(c.a[0]), c.w, this.attrs(c, 1));
        this.path.effects.push({ k: "load", node });
        return node;
      }
      case "rmw": {
        const addr = this.address(c.a[0]);
        const node = rmw(addr, this.bits(c.a[1]), this.attrs(c, 2));
        this.path.effects.push({ k: "rmw", node });
        return node;
      }
      case "old":
        return old(c.w);
      case "cond":
        return this.cond(c);
      case "pick":
        return this.pick(c);
      case "let":
        this.locals[c.n] = this.value(c.a[0]);
        return this.bits(c.a[1]);
      case "latest": {
        const outer = this.latest;
        this.latest = true;
        const n = this.bits(c.a[0]);
        this.latest = outer;
        return n;
      }
      case "insert":
        return insert(this.bits(c.a[0]), this.int(c.a[1]), this.bits(c.a[2]));
      case "undef":
        return undef(c.w, c.a.length > 0 ? this.bits(c.a[0]) : undefined);
      case "opread":
        return c.n < 0 ? this.bits(this.armOf(c, 1)) : this.operandRead(c);
      case "raised":
        return this.path.pending.get(RAISED + c.n) ?? constNum(c.w, 0);
      case "unknown":
        return unknown(
          c.w,
          c.s,
          c.a.map((a) => this.bits(a)),
        );
    }
    return c.op.startsWith("f:") ? this.float(c) : this.operator(c);
  }

  private operator(c: Core): Node {
    const op = c.op as Op;
    switch (c.op) {
      case "slice":
        return extract(this.bits(c.a[0]), this.int(c.a[1]), c.w);
      case "bitat":
        return trunc(binary("lshr", this.bits(c.a[0]), this.bits(c.a[1])), 1);
      case "sextslice":
      case "zextslice": {
        const lo = this.int(c.a[2]);
        const part = extract(this.bits(c.a[0]), lo, this.int(c.a[1]) - lo + 1);
        return c.op === "sextslice" ? sext(part, c.w) : zext(part, c.w);
      }
      case "sext":
        return sext(this.bits(c.a[0]), c.w);
      case "zext":
        return zext(this.bits(c.a[0]), c.w);
      case "concat":
        return concat(this.bits(c.a[0]), this.bits(c.a[1]));
      case "eq":
      case "ne":
      case "ult":
      case "ule":
      case "slt":
      case "sle":
        return compare(op, this.bits(c.a[0]), this.bits(c.a[1]));
      case "carry":
        return carry(this.bits(c.a[0]), this.bits(c.a[1]), this.bits(c.a[2]));
      case "overflow":
        return overflow(this.bits(c.a[0]), this.bits(c.a[1]), this.bits(c.a[2]));
      case "map":
        return this.map(c);
      case "join":
        return this.join(c);
      case "fold":
        return this.fold(c);
      case "lane": {
        const x = this.bits(c.a[0]);
        const i = this.bits(c.a[1]);
        const step = Math.log2(c.w);
        const wide = i.w < x.w ? zext(i, x.w) : i;
        const at = Number.isInteger(step)
          ? binary("shl", wide, constNum(wide.w, step))
          : binary("mul", wide, constNum(wide.w, c.w));
        return trunc(binary("lshr", x, trunc(at, x.w)), c.w);
      }
    }
    const a = this.bits(c.a[0]);
    return c.a.length === 1 ? unary(op, a) : binary(op, a, this.bits(c.a[1]));
  }

  /** An address is as wide as `pc`; the IR's are 64 bits wide. */
  protected address(c: Core): Node {
    const n = this.bits(c);
    return n.w === 64 ? n : zext(n, 64);
  }

  protected slot(slot: number, w: number): Node {
    return (this.latest ? this.path.pending.get(slot) : undefined) ?? get(slot, w);
  }

  protected element(c: Core): Node {
    if (c.a[0].w === 0) return this.slot(c.n + this.int(c.a[0]), c.w);
    const i = this.bits(c.a[0]);
    if (i.op === "const") return this.slot(c.n + i.lo, c.w);
    let n = this.slot(c.n, c.w);
    for (let k = 1; k < Number(c.s); k++) n = select(compare("eq", i, constNum(i.w, k)), this.slot(c.n + k, c.w), n);
    return n;
  }

  protected view(c: Core): Node {
    const args = c.a.length - 1;
    for (let i = 0; i < args; i++) this.locals[c.n + i] = this.int(c.a[i]);
    return this.bits(c.a[args]);
  }

  private cond(c: Core): Node {
    const test = this.condition(c.a[0]);
    if (typeof test === "number") return this.bits(c.a[test !== 0 ? 1 : 2]);
    return select(test, this.guarded(test, c.a[1]), this.guarded(unary("not", test), c.a[2]));
  }

  private guarded(test: Node, c: Core): Node {
    const outer = this.guard;
    this.guard = outer ? binary("and", outer, test) : test;
    const n = this.bits(c);
    this.guard = outer;
    return n;
  }

  protected pick(c: Core): Node {
    const index = c.a[0].w === 0 ? this.condition(c.a[0]) : this.bits(c.a[0]);
    const arms = c.a.length - 1;
    const known = typeof index === "number" ? index : index.op === "const" ? index.lo : undefined;
    if (known !== undefined) return this.bits(c.a[1 + Math.min(known >>> 0, arms - 1)]);
    const i = index as Node;
    let n = this.bits(c.a[arms]);
    for (let k = arms - 2; k >= 0; k--) {
      const here = compare("eq", i, constNum(i.w, k));
      n = select(here, this.guarded(here, c.a[1 + k]), n);
    }
    return n;
  }

  private float(c: Core): Node {
    const policy = this.policies[c.n];
    const op = c.op.slice(2) as Op;
    const node = fop(
      op,
      c.w,
      c.a.map((a) => this.bits(a)),
      policy.fp,
    );
    if (policy.flags !== undefined) this.raise(policy, policy.flags, fexc(node));
    return node;
  }

  /** Exceptions (i6) go into the policy's register, or to the lanes at hand, where the expression counts. */
  private raise(policy: Policy, flags: number, exceptions: Node): void {
    const { raised, guard } = this;
    if (raised !== undefined) {
      const here = guard ? select(guard, exceptions, constNum(exceptions.w, 0)) : exceptions;
      const before = raised.get(policy);
      raised.set(policy, before ? binary("or", before, here) : here);
      return;
    }
    const { pending } = this.path;
    const noted = arrange(exceptions, policy);
    const before = pending.get(flags) ?? get(flags, policy.flagsWidth);
    const after = binary("or", before, noted);
    pending.set(flags, guard ? select(guard, after, before) : after);
    if (policy.unmasked === undefined) return;
    const key = RAISED + this.policies.indexOf(policy);
    const own = guard ? select(guard, noted, constNum(noted.w, 0)) : noted;
    const earlier = pending.get(key);
    pending.set(key, earlier ? binary("or", earlier, own) : own);
  }

  // --- lanes

  private map(c: Core): Node {
    const sources = Number(c.s);
    const body = c.a[sources * 2];
    const xs = c.a.slice(0, sources).map((a) => this.bits(a));
    const bind = (values: readonly Node[]): void => {
      values.forEach((x, i) => {
        this.locals[Number(c.a[sources + i].v)] = x;
      });
    };
    const together = body.w < 128 && body.w < c.w ? this.together(c.w / body.w, xs, body, bind) : undefined;
    if (together) return together;
    let out: Node | undefined;
    for (let lo = 0; lo < c.w; lo += body.w) {
      bind(xs.map((x) => extract(x, lo, body.w)));
      const lane = this.bits(body);
      out = out ? concat(lane, out) : lane;
    }
    return out as Node;
  }

  /** The body once for all `n` lanes. undefined: it has effects that differ from lane to lane. */
  private together(n: number, xs: readonly Node[], body: Core, bind: (v: readonly Node[]) => void): Node | undefined {
    const holes = xs.map((x) => hole(x.w / n));
    const sources = new Map(holes.map((hole, i) => [hole, xs[i]]));
    const effects = this.path.effects.length;
    const operands = new Map(this.operands);
    bind(holes);
    const [lane, raised] = this.apart(() => this.bits(body));
    const made = this.path.effects.slice(effects);
    if (made.some((e) => !("node" in e) || mentions(e.node, holes))) {
      this.path.effects.length = effects;
      this.operands = operands;
      return undefined;
    }
    const lanes = lanesOf([lane, ...raised.values()], sources);
    [...raised.keys()].forEach((policy, i) => {
      this.raise(policy, policy.flags as number, orLanes(n, lanes.args, lanes.bodies[i + 1]));
    });
    return mapLanes(n, lanes.args, lanes.bodies[0]);
  }

  /** A lane's value, with the exceptions raised on the way. */
  private apart(value: () => Node): readonly [Node, Map<Policy, Node>] {
    const { raised, guard } = this;
    const here = new Map<Policy, Node>();
    this.raised = here;
    this.guard = undefined;
    const node = value();
    this.raised = raised;
    this.guard = guard;
    return [node, here];
  }

  private join(c: Core): Node {
    const parts: (readonly [Node, Map<Policy, Node>])[] = [];
    for (let i = Number(c.a[0].v); i < Number(c.a[1].v); i++) {
      this.locals[c.n] = i;
      parts.push(this.apart(() => this.bits(c.a[2])));
    }
    const policies = [...parts[0][1].keys()];
    const alike = parts.every(([, raised]) => raised.size === policies.length);
    const columns = [parts.map(([lane]) => lane), ...policies.map((p) => parts.map(([, raised]) => raised.get(p)))];
    const lanes = alike && c.w / parts.length < 128 ? alikeLanes(columns) : undefined;
    if (lanes !== undefined) {
      policies.forEach((policy, i) => {
        this.raise(policy, policy.flags as number, orLanes(parts.length, lanes.args, lanes.bodies[i + 1]));
      });
      return mapLanes(parts.length, lanes.args, lanes.bodies[0]);
    }
    for (const [, raised] of parts)
      for (const [policy, exceptions] of raised) this.raise(policy, policy.flags as number, exceptions);
    return columns[0].reduce((out, lane) => concat(lane as Node, out as Node)) as Node;
  }

  private fold(c: Core): Node {
    let t = this.bits(c.a[0]);
    const to = this.int(c.a[2]);
    for (let i = this.int(c.a[1]); i < to; i++) {
      this.locals[c.n] = t;
      this.locals[Number(c.a[3].v)] = i;
      t = this.bits(c.a[4]);
    }
    return t;
  }

  /** Static attributes, and the fields aq and rl from argument `from` on. */
  protected attrs(c: Core, from: number): MemAttrs | undefined {
    if (c.s === "") return undefined;
    let acq = false;
    let rel = false;
    let aligned = false;
    let k = from;
    for (const word of c.s.split(" ")) {
      if (word === "acq") acq = true;
      else if (word === "rel") rel = true;
      else if (word === "aligned") aligned = true;
      else {
        const on = this.condition(c.a[k++]) !== 0;
        if (word === "aq") acq = on;
        else rel = on;
      }
    }
    return acq || rel || aligned ? { acq, rel, aligned } : undefined;
  }

  /** The operand's encoding at hand; arms stand from argument `from` on. */
  protected armOf(c: Core, from: number): Core {
    return c.a[from + c.s.split(" ").indexOf(String(this.int(c.a[0])))];
  }

  /** Reads an operand: memory once, at its first mention; under LOCK as the old value of an rmw to come. */
  protected operandRead(c: Core): Node {
    const known = this.operands.get(c.n);
    if (known) return known;
    const arm = this.armOf(c, 1);
    if (arm.op !== "load") return this.bits(arm);
    let node: Node;
    if (this.locked) {
      this.lockAddress = this.bits(arm.a[0]);
      node = this.lockedBefore(arm.w);
    } else node = this.bits(arm);
    this.operands.set(c.n, node);
    return node;
  }

  /** The locked operand as it was: the old value of the rmw to come. */
  protected lockedBefore(w: number): Node {
    return (this.lockOld ??= old(w));
  }
}

/** `value` in place of the bits of `x` from `lo` on. */
export function insert(x: Node, lo: number, value: Node): Node {
  const top = lo + value.w;
  const low = lo === 0 ? value : concat(value, trunc(x, lo));
  return top === x.w ? low : concat(extract(x, top, x.w - top), low);
}

function constant(c: Core): Node {
  let n = consts.get(c);
  if (!n) consts.set(c, (n = constBig(c.w, c.v)));
  return n;
}

/** Whether a value holds one of the leaves. */
function mentions(n: Node, leaves: readonly Node[], seen = new Set<Node>()): boolean {
  if (seen.has(n)) return false;
  seen.add(n);
  return leaves.includes(n) || n.args.some((a) => mentions(a, leaves, seen));
}

/** An instruction's own address, or the next one's. */
function address(pc: number, w: number): Node {
  const hi = Math.floor(pc / 0x100000000) | 0;
  return w === 64 ? constPair(64, pc | 0, hi) : constNum(w, pc);
}
