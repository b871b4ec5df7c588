import {
  ask,
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
import type { Effect, MemAttrs, Node, Op } from "../ir/node.ts";
import { remake } from "../ir/remake.ts";
import { type Core, core, evalInt, num } from "./core.ts";
import { arrange, type Policy } from "./policy.ts";

/** Statements still to do: from `i` on in `list`, then `next`. */
interface Todo {
  readonly list: readonly Core[];
  readonly i: number;
  readonly next: Todo | undefined;
}

/** One path through a row: what it does, the writes it leaves pending, and how it ends. */
interface Path {
  readonly effects: Effect[];
  readonly pending: Map<number, Node>;
  end: Effect | undefined;
}

const consts = new WeakMap<Core, Node>();
/** Pending key of the locked operand. */
const LOCKED = 1 << 20;
const FAULTING = new Set(["load", "rmw", "store", "trap", "ask"]);

/** Turns a row's core into effects, its fields being constants. One object may lift many instructions in turn. */
export class Lifter {
  protected locals: (number | Node)[] = [];
  protected fields: readonly number[] = [];
  protected length = 0;
  protected pc = 0;
  protected path: Path = { effects: [], pending: new Map(), end: undefined };
  /** Reads see this row's own pending writes. */
  protected latest = false;
  /** Condition under which the expression at hand counts (for exception flags). */
  private guard: Node | undefined;
  private readonly policies: readonly Policy[];
  /** Memory operands read so far. */
  private readonly operands = new Map<number, Node>();
  private locked = false;
  private lockAddress: Node | undefined;
  private lockOld: Node | undefined;

  constructor(policies: readonly Policy[]) {
    this.policies = policies;
  }

  /** `locked`: the instruction's memory operand is read and written in one step. */
  lift(body: Core, fields: readonly number[], pc: number, length: number, locked = false): Effect[] {
    this.locals = [];
    this.fields = fields;
    this.length = length;
    this.pc = pc;
    this.latest = false;
    this.guard = undefined;
    this.locked = locked;
    this.lockAddress = undefined;
    this.lockOld = undefined;
    this.operands.clear();
    const path = this.run({ list: [body], i: 0, next: undefined }, new Map());
    return this.finish(locked ? this.lockTogether(path) : path);
  }

  private finish(path: Path): Effect[] {
    for (const [slot, value] of path.pending) path.effects.push({ k: "set", slot, value });
    if (path.end) path.effects.push(path.end);
    return path.effects;
  }

  // --- statements

  protected run(todo: Todo | undefined, pending: Map<number, Node>): Path {
    const outer = this.path;
    const path: Path = { effects: [], pending, end: undefined };
    this.path = path;
    let t = todo;
    while (t && !path.end) {
      if (t.i >= t.list.length) {
        t = t.next;
        continue;
      }
      const s: Core = t.list[t.i];
      const rest: Todo = { list: t.list, i: t.i + 1, next: t.next };
      if (s.op === "block") t = { list: s.a, i: 0, next: rest };
      else if (s.op === "opset") t = this.operandWrite(s, rest);
      else if (s.op === "if") t = this.branch(s, rest);
      else if (s.op === "for") t = { list: this.unrolled(s), i: 0, next: rest };
      else {
        this.statement(s);
        t = rest;
      }
    }
    this.path = outer;
    return path;
  }

  /** An `if`: static, pure (selects) or with effects (an `if` effect whose arms carry the rest of the row). */
  private branch(s: Core, rest: Todo): Todo | undefined {
    const c = this.condition(s.a[0]);
    if (typeof c === "number") return { list: [s.a[c !== 0 ? 1 : 2]], i: 0, next: rest };
    const { path } = this;
    if (this.pure(s.a[1]) && this.pure(s.a[2])) {
      const then = this.run({ list: [s.a[1]], i: 0, next: undefined }, new Map(path.pending)).pending;
      const other = this.run({ list: [s.a[2]], i: 0, next: undefined }, new Map(path.pending)).pending;
      for (const slot of new Set([...then.keys(), ...other.keys()])) {
        const a = then.get(slot);
        const b = other.get(slot);
        const w = (a ?? b)?.w ?? 1;
        path.pending.set(slot, select(c, a ?? get(slot, w), b ?? get(slot, w)));
      }
      return rest;
    }
    const then = this.run({ list: [s.a[1]], i: 0, next: rest }, new Map(path.pending));
    const other = this.run({ list: [s.a[2]], i: 0, next: rest }, new Map(path.pending));
    path.pending.clear();
    if (!faults(then.effects) && !faults(other.effects) && then.end?.k !== "trap" && other.end?.k !== "trap") {
      for (const [slot, value] of then.pending) {
        if (other.pending.get(slot) !== value) continue;
        path.effects.push({ k: "set", slot, value });
        then.pending.delete(slot);
        other.pending.delete(slot);
      }
    }
    path.effects.push({ k: "if", cond: c, then: this.finish(then), else: this.finish(other) });
    return undefined;
  }

  /** Whether statements have no effect but writes, with this instruction's form of its operands. */
  private pure(c: Core): boolean {
    if (isPure(c)) return true;
    if (c.op === "opset") return this.pure(c.a[1]) && (this.locked || this.pure(this.armOf(c, 2)));
    if (c.op === "opread") return this.operands.has(c.n) || this.pure(this.armOf(c, 1));
    return !IMPURE.has(c.op) && c.a.every((a) => this.pure(a));
  }

  /** The operand's encoding at hand; arms stand from argument `from` on. */
  private armOf(c: Core, from: number): Core {
    return c.a[from + c.s.split(" ").indexOf(String(this.int(c.a[0])))];
  }

  /** Reads an operand: memory once, at its first mention; under LOCK as the old value of an rmw to come. */
  private operandRead(c: Core): Node {
    const known = this.operands.get(c.n);
    if (known) return known;
    const arm = this.armOf(c, 1);
    if (arm.op !== "load") return this.bits(arm);
    let node: Node;
    if (this.locked) {
      this.lockAddress = this.bits(arm.a[0]);
      node = old(arm.w);
      this.lockOld = node;
    } else node = this.bits(arm);
    this.operands.set(c.n, node);
    return node;
  }

  private operandWrite(s: Core, rest: Todo): Todo {
    const value = this.bits(s.a[1]);
    const arm = this.armOf(s, 2);
    this.locals[s.n] = value;
    if (!this.locked || arm.op !== "store") return { list: [arm], i: 0, next: rest };
    this.lockAddress ??= this.bits(arm.a[0]);
    this.path.pending.set(LOCKED, value);
    return rest;
  }

  /** Joins the read and the write of the locked operand; what used the value read uses the rmw's. */
  private lockTogether(path: Path): Path {
    const before = this.lockOld;
    const value = path.pending.get(LOCKED) ?? before;
    if (!this.lockAddress || !value) return path;
    path.pending.delete(LOCKED);
    const node = rmw(this.lockAddress, value, { acq: true, rel: true });
    path.effects.unshift({ k: "rmw", node });
    for (const [slot, v] of path.pending) path.pending.set(slot, before ? replace(v, before, node) : v);
    return path;
  }

  protected statement(s: Core): void {
    const { effects, pending } = this.path;
    switch (s.op) {
      case "slet":
        this.locals[s.n] = this.value(s.a[0]);
        return;
      case "set": {
        const value = this.bits(s.a[0]);
        this.setSlot(s, s.a[1], (slot) => pending.set(slot, value), value);
        return;
      }
      case "setpart": {
        const value = this.bits(s.a[0]);
        const lo = this.int(s.a[1]);
        this.setSlot(s, s.a[2], (slot) => {
          pending.set(slot, insert(pending.get(slot) ?? get(slot, s.w), lo, value));
        });
        return;
      }
      case "viewset":
        this.viewSet(s);
        return;
      case "store": {
        const addr = this.bits(s.a[0]);
        const value = this.bits(s.a[1]);
        effects.push({ k: "store", addr, value, mem: this.attrs(s, 2) });
        return;
      }
      case "jump": {
        const target = this.bits(s.a[0]);
        this.path.end = { k: "jump", target, hint: s.s as "jump" | "call" | "ret" };
        return;
      }
      case "trap":
        this.path.pending.clear();
        this.path.end = { k: "trap", name: s.s };
        return;
      case "stop":
        this.path.end = { k: "stop", name: s.s };
        return;
      case "fence":
        effects.push({ k: "fence", kind: s.s });
        return;
      case "sask":
        this.ask(s);
        return;
      case "sunknown":
        this.path.pending.clear();
        this.path.end = { k: "trap", name: "unknown" };
        return;
    }
    throw new Error(`no statement ${s.op}`);
  }

  /** An element of a file at a run-time index is a conditional write of each. */
  private setSlot(s: Core, index: Core | undefined, write: (slot: number) => void, value?: Node): void {
    const i = index === undefined ? 0 : index.w === 0 ? this.int(index) : this.bits(index);
    if (typeof i === "number" || i.op === "const") {
      write(s.n + (typeof i === "number" ? i : i.lo));
      return;
    }
    if (!value) throw new Error("partial write at a run-time index");
    for (let k = 0; k < Number(s.s); k++) {
      const slot = s.n + k;
      const before = this.path.pending.get(slot) ?? get(slot, value.w);
      this.path.pending.set(slot, select(compare("eq", i, constNum(i.w, k)), value, before));
    }
  }

  protected viewSet(s: Core): void {
    const args = (s.a.length - 2) / 2;
    const value = this.bits(s.a[0]);
    for (let i = 0; i < args; i++) this.locals[Number(s.a[2 + args + i].v)] = this.int(s.a[2 + i]);
    this.locals[s.n] = value;
    this.inline(s.a[1]);
  }

  /** Runs statements that belong to an expression's place: pure ones, in the current path. */
  protected inline(body: Core): void {
    const path = this.run({ list: [body], i: 0, next: undefined }, this.path.pending);
    this.path.effects.push(...path.effects);
    if (path.end) this.path.end = path.end;
  }

  /** A loop is unrolled in place, so that ifs with effects inside of it carry what follows. */
  private unrolled(s: Core): Core[] {
    const out: Core[] = [];
    const to = this.int(s.a[1]);
    for (let i = this.int(s.a[0]); i < to; i++) out.push(core("slet", -1, [num(i)], s.n), s.a[2]);
    return out;
  }

  private ask(s: Core): void {
    const [name, ...widths] = s.s.split(" ");
    const first = ask(
      name,
      s.a.map((a) => this.bits(a)),
      0,
      Number(widths[0]),
    );
    this.path.effects.push({ k: "ask", node: first });
    widths.forEach((w, i) => {
      this.locals[s.n + i] = i === 0 ? first : ask(name, [first], i, Number(w));
    });
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
        const node = load(this.bits(c.a[0]), c.w, this.attrs(c, 1));
        this.path.effects.push({ k: "load", node });
        return node;
      }
      case "rmw": {
        const addr = this.bits(c.a[0]);
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
        const at = binary("mul", i.w < x.w ? zext(i, x.w) : i, constNum(Math.max(i.w, x.w), c.w));
        return trunc(binary("lshr", x, trunc(at, x.w)), c.w);
      }
    }
    const a = this.bits(c.a[0]);
    return c.a.length === 1 ? unary(op, a) : binary(op, a, this.bits(c.a[1]));
  }

  private slot(slot: number, w: number): Node {
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
    if (policy.flags === undefined) return node;
    const raised = arrange(fexc(node), policy);
    const { pending } = this.path;
    const before = pending.get(policy.flags) ?? get(policy.flags, policy.flagsWidth);
    const after = binary("or", before, raised);
    pending.set(policy.flags, this.guard ? select(this.guard, after, before) : after);
    return node;
  }

  // --- lanes

  private map(c: Core): Node {
    const sources = Number(c.s);
    const body = c.a[sources * 2];
    const xs = c.a.slice(0, sources).map((a) => this.bits(a));
    let out: Node | undefined;
    for (let lo = 0; lo < c.w; lo += body.w) {
      xs.forEach((x, i) => {
        this.locals[Number(c.a[sources + i].v)] = extract(x, lo, body.w);
      });
      const lane = this.bits(body);
      out = out ? concat(lane, out) : lane;
    }
    return out as Node;
  }

  private join(c: Core): Node {
    let out: Node | undefined;
    for (let i = Number(c.a[0].v); i < Number(c.a[1].v); i++) {
      this.locals[c.n] = i;
      const lane = this.bits(c.a[2]);
      out = out ? concat(lane, out) : lane;
    }
    return out as Node;
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
}

/** `n` with `from` replaced by `to`. */
function replace(n: Node, from: Node, to: Node): Node {
  if (n === from) return to;
  const args = n.args.map((a) => replace(a, from, to));
  return args.every((a, i) => a === n.args[i]) ? n : remake(n, args);
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

function address(pc: number, w: number): Node {
  const hi = Math.floor(pc / 0x100000000) | 0;
  return w === 64 ? constPair(64, pc | 0, hi) : constNum(w, pc);
}

const purity = new WeakMap<Core, boolean>();
const IMPURE = new Set(["load", "rmw", "store", "jump", "trap", "stop", "fence", "sask", "sunknown"]);
/** No memory, no control: may become selects. */
function isPure(c: Core): boolean {
  let p = purity.get(c);
  if (p === undefined) purity.set(c, (p = !IMPURE.has(c.op) && c.a.every(isPure)));
  return p;
}

function faults(effects: readonly Effect[]): boolean {
  return effects.some((e) => FAULTING.has(e.k) || (e.k === "if" && (faults(e.then) || faults(e.else))));
}
