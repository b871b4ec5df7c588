import type { Effect, Node } from "../../ir/node.ts";
import { Exit, PAGE_CODE, PAGE_SHIFT, PERMS, PROT_READ, PROT_WRITE } from "../../memory/layout.ts";
import type { Template } from "../../rules/book.ts";
import { type Code, F64, I64, V128, type ValueType } from "./code.ts";
import { NotLowered } from "./interp-plan.ts";
import type { InterpValues } from "./interp-values.ts";
import { M, W } from "./opcodes.ts";
import { trapsForExceptions } from "./sticky.ts";
import { naturalType } from "./values.ts";
import type { Part } from "./wide-parts.ts";

/** How a handler's code goes on; what differs between the switch and a function of its own. */
export interface Ways {
  /** To the next instruction. */
  next(): void;
  /** To the micro-op in LINK. `call`: the target counts as a head wherever it lies. */
  linked(call: boolean): void;
  /** To the guest pc on the stack (i64). */
  indirect(hint: "jump" | "call" | "ret"): void;
  /** i32 on the stack: where not 0, leave with a fault of `access` at the address in local `address`. */
  faultIf(access: number, address: number): void;
  /** Leave; `after`: with the next instruction's pc. */
  exit(reason: number, aux: number, after: boolean): void;
}

/** What an instruction does when all its memory accesses went well: in order, values already computed. */
type Pending =
  | { readonly k: "set"; readonly slot: number; readonly parts: readonly Part[]; readonly locals: readonly number[] }
  | { readonly k: "jump"; readonly hint: "jump" | "call" | "ret"; readonly local: number }
  | { readonly k: "stop"; readonly name: string }
  | { readonly k: "if"; readonly cond: number; readonly yes: Pending[]; readonly no: Pending[] };

/** The locals that an arm's sets and jumps need: made and zeroed before the arm, so that no stale value is ever read. */
type Reserved = Map<Effect, readonly number[]>;

/**
 * Emits one row's handler from its template. Two phases give the instruction its simultaneous sets: first all values
 * and memory accesses in order, into locals; then the slots are written, then control goes on.
 */
export class InterpBody {
  private readonly code: Code;
  private readonly template: Template;
  private readonly values: InterpValues;
  private readonly ways: Ways;
  private readonly names: { readonly traps: readonly string[]; readonly stops: readonly string[] };
  private readonly engine: number;

  constructor(
    values: InterpValues,
    template: Template,
    ways: Ways,
    names: { readonly traps: readonly string[]; readonly stops: readonly string[] },
  ) {
    this.code = values.code;
    this.template = template;
    this.values = values;
    this.ways = ways;
    this.names = names;
    this.engine = values.engine;
  }

  /** Accesses that were checked before the first one happened. */
  private readonly probed = new Set<Effect>();

  emit(): void {
    const pending = this.effects(this.template.effects, undefined);
    this.commit(pending);
    if (this.control(pending)) return;
    this.ways.next();
  }

  private effects(effects: readonly Effect[], reserved: Reserved | undefined, pending: Pending[] = []): Pending[] {
    const first = effects.findIndex(changesMemory);
    const probes = first >= 0 && effects.slice(first + 1).some(mayFail);
    for (const [i, effect] of effects.entries()) {
      // What traps or loads before the first store comes before the probes too.
      if (i === first && probes) this.probe(effects.slice(effect.k === "store" ? first : first + 1));
      this.effect(effect, pending, reserved);
    }
    return pending;
  }

  private effect(effect: Effect, pending: Pending[], reserved: Reserved | undefined): void {
    switch (effect.k) {
      case "load":
        this.load(effect.node, this.probed.has(effect));
        break;
      case "rmw":
        this.rmw(effect.node);
        break;
      case "store":
        this.store(effect.addr, effect.value, this.probed.has(effect));
        break;
      case "set":
        if (this.values.accumulates(effect.slot, effect.value)) break;
        pending.push(this.keepParts(effect.slot, effect.value, reserved?.get(effect)));
        break;
      case "jump":
        pending.push({
          k: "jump",
          hint: effect.hint,
          local: this.values.isLinked(effect.target) ? -1 : this.keep(effect.target, reserved?.get(effect)?.[0]),
        });
        break;
      case "stop":
        pending.push({ k: "stop", name: effect.name });
        break;
      case "trap":
        this.ways.exit(Exit.Trap, this.names.traps.indexOf(effect.name), false);
        break;
      case "if":
        this.branch(effect, pending, reserved);
        break;
      case "fence":
        break;
      case "ask":
        throw new NotLowered("ask");
    }
  }

  /** The value in a local of its own. */
  private keep(value: Node, into = this.code.local(naturalType(value.w))): number {
    this.values.push(value);
    this.code.set(into);
    return into;
  }

  /** A set's parts in locals of their own. */
  private keepParts(slot: number, value: Node, into?: readonly number[]): Pending {
    const parts = this.values.parts(slot, value);
    const locals = parts.map((part, i) => {
      const local = into?.[i] ?? this.code.local(part.type);
      this.values.pushPart(value, part);
      this.code.set(local);
      return local;
    });
    return { k: "set", slot, parts, locals };
  }

  private branch(effect: Effect & { k: "if" }, pending: Pending[], outer: Reserved | undefined): void {
    const { code, values } = this;
    if (effect.then.length > 0 && effect.then.every(trapsForExceptions)) {
      // Exceptions that may trap are the evaluator's business.
      values.push(effect.cond);
      code.if();
      this.ways.exit(Exit.Evaluate, 0, false);
      code.end();
      this.effects(effect.else, outer, pending);
      return;
    }
    if (trapsOnly(effect.then)) {
      // Whoever comes past the trap is on the other way: it needs no condition any more.
      values.push(effect.cond);
      code.if();
      values.inArm(() => this.effects(effect.then, undefined));
      code.end();
      this.effects(effect.else, outer, pending);
      return;
    }
    const reserved: Reserved = outer ?? new Map();
    if (!outer) {
      this.reserve(effect.then, reserved);
      this.reserve(effect.else, reserved);
    }
    const cond = this.keep(effect.cond, outer?.get(effect)?.[0]);
    const arms = { yes: [] as Pending[], no: [] as Pending[] };
    const arm = (list: readonly Effect[]): Pending[] => values.inArm(() => this.effects(list, reserved));
    if (!acts(effect.then) && !acts(effect.else)) {
      // Only links and stops: nothing to compute now.
      arms.yes = arm(effect.then);
      arms.no = arm(effect.else);
    } else {
      code.get(cond);
      code.if();
      arms.yes = arm(effect.then);
      if (effect.else.length > 0) {
        code.else();
        arms.no = arm(effect.else);
      }
      code.end();
    }
    if (arms.yes.length + arms.no.length > 0) pending.push({ k: "if", cond, yes: arms.yes, no: arms.no });
  }

  private reserve(effects: readonly Effect[], into: Reserved): void {
    for (const e of effects) {
      const value = keptValue(e);
      if (value && !this.values.isLinked(value)) {
        const types = e.k === "set" ? this.values.parts(e.slot, value).map((p) => p.type) : [naturalType(value.w)];
        into.set(
          e,
          types.map((type) => this.zeroed(type)),
        );
      }
      if (e.k !== "if") continue;
      this.reserve(e.then, into);
      this.reserve(e.else, into);
    }
  }

  private zeroed(type: ValueType): number {
    const { code } = this;
    const local = code.local(type);
    if (type === V128) this.values.lower.wide.bytes([]);
    else if (type === F64) code.f64Const(0);
    else if (type === I64) code.i64s(0);
    else code.i32(0);
    code.set(local);
    return local;
  }

  private commit(pending: readonly Pending[]): void {
    const { code, values } = this;
    for (const p of pending) {
      if (p.k === "set") {
        p.parts.forEach((part, i) => {
          values.store(p.slot, part, p.locals[i]!);
        });
      }
      if (p.k !== "if" || !(writes(p.yes) || writes(p.no))) continue;
      code.get(p.cond);
      code.if();
      this.commit(p.yes);
      if (writes(p.no)) {
        code.else();
        this.commit(p.no);
      }
      code.end();
    }
  }

  /** Jumps and stops; true where control surely left. */
  private control(pending: readonly Pending[]): boolean {
    const { code, ways } = this;
    for (const p of pending) {
      if (p.k === "stop") {
        ways.exit(Exit.Stop, this.names.stops.indexOf(p.name), true);
        return true;
      }
      if (p.k === "jump") {
        if (p.local < 0) ways.linked(p.hint === "call");
        else {
          code.get(p.local);
          ways.indirect(p.hint);
        }
        return true;
      }
      if (p.k !== "if" || !(steers(p.yes) || steers(p.no))) continue;
      code.get(p.cond);
      code.if();
      const left = this.control(p.yes);
      if (!steers(p.no)) {
        code.end();
        continue;
      }
      code.else();
      const right = this.control(p.no);
      code.end();
      if (!left || !right) continue;
      code.op(W.unreachable);
      return true;
    }
    return false;
  }

  /** Checks all of several accesses before the first happens, so that the instruction never half happens. */
  private probe(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (!mayFail(effect)) continue;
      if (effect.k !== "store" && effect.k !== "load") throw new NotLowered("a choice after a store");
      const store = effect.k === "store";
      const local = this.address(store ? effect.addr : effect.node.args[0]);
      this.probed.add(effect);
      this.check(local, (store ? effect.value.w : effect.node.w) / 8, store ? PROT_WRITE : PROT_READ);
      this.code.release(local);
    }
  }

  private address(node: Node): number {
    const local = this.code.local(I64);
    this.values.push(node);
    this.code.set(local);
    return local;
  }

  /** Leaves with a fault where the guest may not access `bytes` bytes at the address; leaves its low half behind. */
  private check(address: number, bytes: number, access: number): void {
    const { code } = this;
    // A store to where code was decoded from leaves too: see `fault`.
    const writes = (access & PROT_WRITE) !== 0;
    const perm = (offset: number): void => {
      code.get(address);
      code.op(W.i32_wrap_i64);
      if (offset > 0) {
        code.i32(offset);
        code.op(W.i32_add);
      }
      code.i32(PAGE_SHIFT);
      code.op(W.i32_shr_u);
      code.mem(M.i32_load8_u, this.engine, PERMS);
      if (!writes) return;
      code.i32(PAGE_CODE);
      code.op(W.i32_xor);
    };
    perm(0);
    if (bytes > 1) {
      perm(bytes - 1);
      code.op(W.i32_and);
    }
    const wanted = writes ? access | PAGE_CODE : access;
    code.i32(wanted);
    code.op(W.i32_and);
    if ((wanted & (wanted - 1)) === 0) code.op(W.i32_eqz);
    else {
      code.i32(wanted);
      code.op(W.i32_ne);
    }
    code.get(address);
    code.i64s(32);
    code.op(W.i64_shr_u);
    code.op(W.i32_wrap_i64);
    code.op(W.i32_or);
    this.ways.faultIf(access & PROT_WRITE || access, address);
  }

  private load(node: Node, probed: boolean): void {
    const address = this.address(node.args[0]);
    this.aligned(node, address);
    if (!probed) this.check(address, node.w / 8, PROT_READ);
    this.values.load(address, node);
    this.code.release(address);
  }

  private store(addr: Node, value: Node, probed: boolean): void {
    const address = this.address(addr);
    if (!probed) this.check(address, value.w / 8, PROT_WRITE);
    this.values.storeGuest(address, value);
    this.code.release(address);
  }

  private rmw(node: Node): void {
    const address = this.address(node.args[0]);
    this.aligned(node, address);
    this.check(address, node.w / 8, PROT_READ | PROT_WRITE);
    const old = this.values.load(address, node);
    this.values.withOld(old, () => this.values.storeGuest(address, node.args[1]));
    this.code.release(address);
  }

  /** Where alignment is asked for and not given, the evaluator says what happens. */
  private aligned(node: Node, address: number): void {
    if (!node.mem?.aligned || node.w <= 8) return;
    const { code } = this;
    code.get(address);
    code.op(W.i32_wrap_i64);
    code.i32(node.w / 8 - 1);
    code.op(W.i32_and);
    code.if();
    this.ways.exit(Exit.Evaluate, 0, false);
    code.end();
  }
}

/** True where an arm computes something when it is run. */
function acts(effects: readonly Effect[]): boolean {
  return effects.some((e) => e.k !== "stop" && e.k !== "fence" && !(e.k === "jump" && e.target.op === "param"));
}
const trapsOnly = (effects: readonly Effect[]): boolean => effects.length === 1 && effects[0].k === "trap";
/** What an arm's effect leaves for the second phase. */
function keptValue(e: Effect): Node | undefined {
  return e.k === "set" ? e.value : e.k === "jump" ? e.target : e.k === "if" ? e.cond : undefined;
}
const changesMemory = (e: Effect): boolean =>
  e.k === "store" || e.k === "rmw" || (e.k === "if" && (e.then.some(changesMemory) || e.else.some(changesMemory)));
const mayFail = (e: Effect): boolean =>
  e.k === "load" ||
  e.k === "store" ||
  e.k === "rmw" ||
  e.k === "trap" ||
  (e.k === "if" && (e.then.some(mayFail) || e.else.some(mayFail)));
function writes(pending: readonly Pending[]): boolean {
  return pending.some((p) => p.k === "set" || (p.k === "if" && (writes(p.yes) || writes(p.no))));
}
function steers(pending: readonly Pending[]): boolean {
  return pending.some((p) => p.k === "jump" || p.k === "stop" || (p.k === "if" && (steers(p.yes) || steers(p.no))));
}
