import { binary, compare, concat, constNum, extract, get, select, sext, trunc, unary, zext } from "../ir/build.ts";
import { type Effect, Node } from "../ir/node.ts";
import { withArgs } from "../ir/rewrite.ts";
import { SINK, type SlotParam, ZERO } from "./book.ts";
import { type Core, evalInt } from "./core.ts";
import type { EncField } from "./encoding.ts";
import { Lifter } from "./lift.ts";
import type { Policy } from "./policy.ts";

/** A part of a slot that begins at a byte, as a slot's number of its own. */
const PART = 0x4000;
const SLOT_BITS = 9;
export const partSlot = (slot: number, byte: number): number => PART | (byte << SLOT_BITS) | slot;

/** Why a row has no template. */
export class NoTemplate extends Error {}

const no = (why: string): never => {
  throw new NoTemplate(why);
};

/** A leaf of decode-time values: name is the field's or "pc", aux the field's number (-1: pc). */
export const isLeaf = (n: Node): boolean => n.op === "param" && n.name !== "";

/** At most this many bits of a field are tried out to see which registers it selects. */
const ENUMERABLE = 6;

/**
 * Lifts a row with its fields as symbols. Integers known once decoded are i64 nodes over leaves; a view whose
 * register number is a field is tried for every value of the field, and what differs becomes a slot parameter.
 */
export class TemplateLifter extends Lifter {
  readonly slotParams: SlotParam[] = [];
  /** Field that says how many bytes the instruction has; -1: a constant of the row. */
  protected lengthField = -1;
  protected readonly leaves: Node[];
  private readonly pcLeaf: Node;
  /** Not 0 while a view's writes are tried out. */
  private trying = 0;
  /** Fields that have a value for now, while a view is tried out. */
  protected readonly known = new Set<number>();
  private readonly encFields: readonly EncField[];

  constructor(policies: readonly Policy[], fields: readonly EncField[], pcWidth: number) {
    super(policies);
    this.encFields = fields;
    this.leaves = fields.map((f, i) => new Node("param", f.width, [], { aux: i, name: f.name }));
    this.pcLeaf = new Node("param", pcWidth, [], { aux: -1, name: "pc" });
  }

  build(body: Core, length: number): Effect[] {
    this.begin();
    return this.lift(
      body,
      this.encFields.map(() => 0),
      0,
      length,
    );
  }

  /** Says which fields are zero in every instruction of the template. */
  protected begin(): void {}

  // --- integers

  private symbolic(c: Core): boolean {
    if (c.op === "field") return !this.known.has(c.n);
    if (c.op === "length") return this.lengthField >= 0;
    if (c.op === "local" && c.w === 0) return typeof this.locals[c.n] !== "number";
    return c.a.some((a) => this.symbolic(a));
  }

  protected override int(c: Core): number {
    return this.symbolic(c) ? no("a bound or count depends on a field") : super.int(c);
  }

  protected intNode(c: Core): Node {
    if (!this.symbolic(c)) return constNum(64, evalInt(c, this.fields, this.locals, this.length));
    switch (c.op) {
      case "field":
        return this.encFields[c.n].signed ? sext(this.leaves[c.n], 64) : zext(this.leaves[c.n], 64);
      case "local":
        return this.locals[c.n] as Node;
      case "length":
        return zext(this.leaves[this.lengthField], 64);
      case "intslice": {
        const lo = this.int(c.a[2]);
        return zext(extract(this.intNode(c.a[0]), lo, this.int(c.a[1]) - lo + 1), 64);
      }
      case "intcond":
        return select(this.test(c.a[0]), this.intNode(c.a[1]), this.intNode(c.a[2]));
      case "int1-":
        return unary("neg", this.intNode(c.a[0]));
      case "int1~":
        return unary("not", this.intNode(c.a[0]));
      case "int1!":
        return zext(unary("not", this.test(c.a[0])), 64);
      case "int&&":
        return zext(binary("and", this.test(c.a[0]), this.test(c.a[1])), 64);
      case "int||":
        return zext(binary("or", this.test(c.a[0]), this.test(c.a[1])), 64);
    }
    return c.a.length === 2 ? intBinary(c.op, this.intNode(c.a[0]), this.intNode(c.a[1])) : no(`${c.op} of a field`);
  }

  private test(c: Core): Node {
    return compare("ne", this.intNode(c), constNum(64, 0));
  }

  protected override condition(c: Core): number | Node {
    if (c.w !== 0 || !this.symbolic(c)) return super.condition(c);
    const n = this.test(c);
    return n.op === "const" ? n.lo : n;
  }

  protected override value(c: Core): number | Node {
    return c.w === 0 && this.symbolic(c) ? this.intNode(c) : super.value(c);
  }

  // --- expressions

  override bits(c: Core): Node {
    switch (c.op) {
      case "bits": {
        if (!this.symbolic(c.a[0])) break;
        const n = this.intNode(c.a[0]);
        return c.w > 64 ? sext(n, c.w) : trunc(n, c.w);
      }
      case "pc":
        return this.pcLeaf;
      case "next":
        return this.next(c.w);
      case "slice": {
        if (!this.symbolic(c.a[1])) break;
        const x = this.bits(c.a[0]);
        return trunc(binary("lshr", x, fitted(this.intNode(c.a[1]), x.w)), c.w);
      }
    }
    return super.bits(c);
  }

  /** Address of the next instruction. */
  protected next(w: number): Node {
    const { lengthField } = this;
    return binary("add", this.pcLeaf, lengthField < 0 ? constNum(w, this.length) : zext(this.leaves[lengthField], w));
  }

  protected override pick(c: Core): Node {
    if (c.a[0].w !== 0 || !this.symbolic(c.a[0])) return super.pick(c);
    const index = this.intNode(c.a[0]);
    const arms = c.a.slice(1).map((a) => this.bits(a));
    // Bits side by side, shifted: a micro-op has room for one number, not for a condition an arm.
    if (c.w === 1 && this.indexes(c.a[0], arms.length)) {
      const row = arms.reduceRight((high, arm) => concat(high, arm));
      return trunc(binary("lshr", row, fitted(index, row.w)), 1);
    }
    let n = arms[arms.length - 1];
    for (let k = arms.length - 2; k >= 0; k--) n = select(compare("eq", index, constNum(64, k)), arms[k], n);
    return n;
  }

  /** Whether an integer takes the values below `count` and no others. */
  private indexes(c: Core, count: number): boolean {
    if (c.op === "field") return 1 << this.encFields[c.n].width === count && !this.encFields[c.n].signed;
    return c.op === "intslice" && !this.symbolic(c.a[1]) && 1 << (this.int(c.a[1]) - this.int(c.a[2]) + 1) === count;
  }

  // --- views

  /** A view whose arguments are known. */
  protected viewOf(c: Core): Node {
    return super.view(c);
  }

  protected override view(c: Core): Node {
    const args = c.a.slice(0, -1);
    const field = this.fieldOf(args);
    if (field === undefined) return super.view(c);
    if (this.latest && [...this.path.pending.keys()].some((slot) => slot < 0)) no("a partial write after another");
    const variants = this.tryAll(field, () => super.view(c));
    return this.unify(variants, field);
  }

  /** Within a view that is tried out, bytes of a register are written by themselves: which ones may be up to a field. */
  protected override statement(s: Core): void {
    const index = s.a[2];
    if (this.trying === 0 || s.op !== "setpart" || (index && index.w !== 0)) {
      super.statement(s);
      return;
    }
    const value = this.bits(s.a[0]);
    const lo = this.int(s.a[1]);
    const slot = s.n + (index ? this.int(index) : 0);
    if (lo % 8 !== 0 || (value.w !== 8 && value.w !== 16)) super.statement(s);
    else this.path.pending.set(partSlot(slot, lo / 8), value);
  }

  protected override viewSet(s: Core): void {
    const count = (s.a.length - 2) / 2;
    const field = this.fieldOf(s.a.slice(2, 2 + count));
    if (field === undefined) {
      super.viewSet(s);
      return;
    }
    const value = this.bits(s.a[0]);
    const held: Core = { ...s, a: [{ ...s.a[0], op: "local", a: [], n: s.n }, ...s.a.slice(1)] };
    const outer = this.path;
    const writes = this.tryAll(field, () => {
      this.path = { effects: [], pending: new Map(), end: undefined };
      this.locals[s.n] = value;
      this.trying++;
      super.viewSet(held);
      this.trying--;
      const { pending } = this.path;
      this.path = outer;
      return pending.size > 1 ? no("a view writes several registers") : [...pending][0];
    });
    const some = writes.filter((w) => w !== undefined);
    if (some.length === 0) return;
    const slots = Int16Array.from(writes, (w) => (w ? w[0] : SINK));
    const slot = this.slotParam(field, slots, true);
    const merged = this.unify(
      writes.map((w) => (w ? w[1] : undefined)),
      field,
    );
    if (outer.pending.has(slot) && readsBeside(merged, value)) no("a partial write after another");
    outer.pending.delete(slot);
    outer.pending.set(slot, merged);
  }

  /** The one field that the arguments depend on. undefined: none. */
  protected fieldOf(args: readonly Core[]): number | undefined {
    const found = new Set<number>();
    const visit = (c: Core): void => {
      if (c.op === "field" && !this.known.has(c.n)) found.add(c.n);
      if (c.op === "local" && c.w === 0 && typeof this.locals[c.n] !== "number") no("a register number is computed");
      c.a.forEach(visit);
    };
    args.forEach(visit);
    if (found.size === 0) return undefined;
    const [field] = found;
    if (found.size > 1) no("a register number depends on two fields");
    if (this.encFields[field].width > ENUMERABLE) no(`field ${this.encFields[field].name} has too many values`);
    return field;
  }

  protected tryAll<T>(field: number, f: () => T): T[] {
    const out: T[] = [];
    const values = [...this.fields];
    const outer = this.fields;
    this.known.add(field);
    for (let v = 0; v < 1 << this.encFields[field].width; v++) {
      values[field] = v;
      this.fields = values;
      out.push(f());
    }
    this.known.delete(field);
    this.fields = outer;
    return out;
  }

  /** Number of the slot parameter as a slot: -1 - n. */
  protected slotParam(field: number, slots: Int16Array, write: boolean): number {
    const parts = slots.some((s) => s >= PART);
    const whole = parts ? slots.map((s) => (s < 0 ? s : s & ((1 << SLOT_BITS) - 1))) : slots;
    const bytes = parts ? Uint8Array.from(slots, (s) => (s < 0 ? 0 : (s & (PART - 1)) >> SLOT_BITS)) : undefined;
    let n = this.slotParams.findIndex(
      (p) => p.field === field && p.write === write && same(p.slots, whole) && same(p.bytes, bytes),
    );
    if (n < 0) n = this.slotParams.push({ field, slots: whole, write, bytes }) - 1;
    return -1 - n;
  }

  /** One node for all values of the field; undefined variants take no part (they are dropped writes). */
  protected unify(variants: readonly (Node | undefined)[], field: number): Node {
    const nodes = variants.filter((n) => n !== undefined);
    const first = nodes.find((n) => n.op !== "const") ?? nodes[0];
    if (nodes.every((n) => sameLeaf(n, first))) return first;
    if (first.op === "get") {
      const slots = Int16Array.from(variants, (n) => {
        if (n === undefined || (n.op === "const" && n.lo === 0 && n.hi === 0 && !n.big)) return ZERO;
        return n.op === "get" && n.w === first.w ? n.aux : no("registers of a view differ in kind");
      });
      return get(this.slotParam(field, slots, false), first.w);
    }
    const alike = variants.map((n) => (n === undefined || n.op === "const" ? undefined : n));
    if (
      alike.some(
        (n) =>
          n &&
          (n.op !== first.op ||
            n.w !== first.w ||
            n.aux !== first.aux ||
            n.body !== first.body ||
            n.args.length !== first.args.length),
      )
    )
      return no("registers of a view differ in kind");
    // Where the view folded to a constant, its registers must have read zero: a zero among the arguments says so.
    const args = first.args.map((_, i) =>
      this.unify(
        alike.map((n, v) => (n ? n.args[i] : variants[v] && zeroLike(first.args[i]))),
        field,
      ),
    );
    return withArgs(first, args);
  }
}

/** What stands for an argument in a variant that folded away: zero for a register, the argument itself otherwise. */
function zeroLike(n: Node): Node {
  if (n.op === "get") return constNum(n.w, 0);
  return n;
}

const sameLeaf = (a: Node, b: Node): boolean =>
  a === b || (a.op === "const" && b.op === "const" && a.w === b.w && a.lo === b.lo && a.hi === b.hi && a.big === b.big);

/** Whether a written node keeps part of the register beside the value put in. */
function readsBeside(n: Node, value: Node, seen = new Set([value])): boolean {
  if (seen.has(n)) return false;
  seen.add(n);
  return (n.op === "get" && n.aux < 0) || n.args.some((a) => readsBeside(a, value, seen));
}

const same = (a: ArrayLike<number> | undefined, b: ArrayLike<number> | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.length === b.length && Array.from(a).every((x, i) => x === b[i]));

/** The low `w` bits, or zero-extended. */
const fitted = (n: Node, w: number): Node => (n.w < w ? zext(n, w) : trunc(n, w));

function intBinary(op: string, a: Node, b: Node): Node {
  switch (op) {
    case "int+":
      return binary("add", a, b);
    case "int-":
      return binary("sub", a, b);
    case "int*":
      return binary("mul", a, b);
    case "int&":
      return binary("and", a, b);
    case "int|":
      return binary("or", a, b);
    case "int^":
      return binary("xor", a, b);
    case "int<<":
      return binary("shl", a, b);
    case "int>>":
      return binary("ashr", a, b);
    case "int==":
      return zext(compare("eq", a, b), 64);
    case "int!=":
      return zext(compare("ne", a, b), 64);
    case "int<":
      return zext(compare("slt", a, b), 64);
    case "int<=":
      return zext(compare("sle", a, b), 64);
  }
  return no(`${op.slice(3)} of a field`);
}
