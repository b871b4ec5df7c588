import { ask, binary, compare, constNum, get, rmw, select } from "../ir/build.ts";
import type { Effect, Node } from "../ir/node.ts";
import { remake } from "../ir/remake.ts";
import { type Core, core, num } from "./core.ts";
import { insert, type Path, RAISED, ValueLifter } from "./lift-values.ts";

/** Statements still to do: from `i` on in `list`, then `next`. */
interface Todo {
  readonly list: readonly Core[];
  readonly i: number;
  readonly next: Todo | undefined;
}

/** Pending key of the locked operand. */
const LOCKED = 1 << 20;
const FAULTING = new Set(["load", "rmw", "store", "trap", "ask"]);

/** Turns a row's core into effects, its fields being constants. One object may lift many instructions in turn. */
export class Lifter extends ValueLifter {
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
    this.operands = new Map();
    const path = this.run({ list: [body], i: 0, next: undefined }, new Map());
    return this.finish(locked ? this.lockTogether(path) : path);
  }

  private finish(path: Path): Effect[] {
    for (const [key, raised] of path.pending) if (key >= RAISED) this.unmasked(path, key, raised);
    for (const [slot, value] of path.pending) path.effects.push({ k: "set", slot, value });
    if (path.end) path.effects.push(path.end);
    return path.effects;
  }

  /** The trap of an unmasked exception, before anything is stored. The common test, that none is unmasked, comes first. */
  private unmasked(path: Path, key: number, raised: Node): void {
    path.pending.delete(key);
    const { trap, unmasked } = this.policies[key - RAISED];
    if (trap === undefined || unmasked === undefined || isZero(raised)) return;
    const open = get(unmasked, raised.w);
    const none = constNum(raised.w, 0);
    const test: Effect = {
      k: "if",
      cond: compare("ne", binary("and", raised, open), none),
      then: [{ k: "trap", name: trap }],
      else: [],
    };
    const at = path.effects.findIndex((e) => e.k === "store" || e.k === "rmw");
    const guard: Effect = { k: "if", cond: compare("ne", open, none), then: [test], else: [] };
    path.effects.splice(at < 0 ? path.effects.length : at, 0, guard);
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
      const yes = this.run({ list: [s.a[1]], i: 0, next: undefined }, new Map(path.pending));
      const no = this.run({ list: [s.a[2]], i: 0, next: undefined }, new Map(path.pending));
      const then = yes.pending;
      const other = no.pending;
      const all = [...new Set([...then.keys(), ...other.keys()])];
      const slots = all.filter((slot) => then.get(slot) !== other.get(slot));
      // An arm within which writes could not be merged has effects after all.
      if (yes.effects.length + no.effects.length === 0 && this.mayMerge(slots)) {
        for (const slot of slots) {
          const a = then.get(slot);
          const b = other.get(slot);
          const w = (a ?? b)?.w ?? 1;
          const before = slot === LOCKED ? this.lockedBefore(w) : slot >= RAISED ? constNum(w, 0) : get(slot, w);
          path.pending.set(slot, select(c, a ?? before, b ?? before));
        }
        // What both arms write alike.
        for (const slot of all) if (!slots.includes(slot)) path.pending.set(slot, then.get(slot) as Node);
        return rest;
      }
    }
    if (staysOut(s.a[1]) && staysOut(s.a[2])) {
      path.effects.push({ k: "if", cond: c, then: this.aside(s.a[1]), else: this.aside(s.a[2]) });
      return rest;
    }
    const read = new Map(this.operands);
    const then = this.run({ list: [s.a[1]], i: 0, next: rest }, new Map(path.pending));
    // What the first arm loads, the second must load for itself.
    this.operands = read;
    const other = this.run({ list: [s.a[2]], i: 0, next: rest }, new Map(path.pending));
    path.pending.clear();
    if (!faults(then.effects) && !faults(other.effects) && then.end?.k !== "trap" && other.end?.k !== "trap") {
      for (const [slot, value] of then.pending) {
        if (slot >= RAISED || other.pending.get(slot) !== value) continue;
        path.effects.push({ k: "set", slot, value });
        then.pending.delete(slot);
        other.pending.delete(slot);
      }
    }
    path.effects.push({ k: "if", cond: c, then: this.finish(then), else: this.finish(other) });
    return undefined;
  }

  /** Effects of an arm that the rest of the row does not depend on. */
  private aside(arm: Core): Effect[] {
    const read = new Map(this.operands);
    const { effects, end } = this.run({ list: [arm], i: 0, next: undefined }, new Map(this.path.pending));
    this.operands = read;
    return end ? [...effects, end] : effects;
  }

  /** Whether statements have no effect but writes, with this instruction's form of its operands. */
  private pure(c: Core): boolean {
    if (isPure(c)) return true;
    if (c.op === "opset") return this.pure(c.a[1]) && (this.locked || this.pure(this.armOf(c, 2)));
    if (c.op === "opread") return this.operands.has(c.n) || this.pure(this.armOf(c, 1));
    return !IMPURE.has(c.op) && c.a.every((a) => this.pure(a));
  }

  /** Whether conditional writes of these slots may become writes of either the new value or the old one. */
  protected mayMerge(_slots: readonly number[]): boolean {
    return true;
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
    const memo = new Map(before ? [[before, node]] : []);
    for (const [slot, v] of path.pending) path.pending.set(slot, replace(v, memo));
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
        const addr = this.address(s.a[0]);
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
}

const isZero = (n: Node): boolean => n.op === "const" && n.lo === 0 && n.hi === 0 && !n.big;

/** `n` with what `memo` holds replaced; it remembers the rest, for values share their parts. */
function replace(n: Node, memo: Map<Node, Node>): Node {
  let out = memo.get(n);
  if (!out) {
    const args = n.args.map((a) => replace(a, memo));
    out = args.every((a, i) => a === n.args[i]) ? n : remake(n, args);
    memo.set(n, out);
  }
  return out;
}

/** Statements that write no register and do not jump: what follows an `if` of such need not stand in its arms. */
function staysOut(c: Core): boolean {
  if (c.op === "block") return c.a.every(staysOut);
  if (c.op === "if") return staysOut(c.a[1]) && staysOut(c.a[2]);
  if (c.op === "for") return staysOut(c.a[2]);
  return c.op === "slet" || c.op === "store" || c.op === "trap" || c.op === "fence";
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
