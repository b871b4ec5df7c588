import { binary, compare, constNum, get, select, sext, zext } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { Template } from "./book.ts";
import { type Core, core } from "./core.ts";
import { sdmFields } from "./expand-sdm.ts";
import type { Policy } from "./policy.ts";
import { type AddressForm, SDM_FIELDS, type SdmForm, Variant } from "./sdm.ts";
import { templateWith } from "./template.ts";
import { NoTemplate, partSlot, TemplateLifter } from "./template-lift.ts";

const AT = Object.fromEntries(SDM_FIELDS.map((name, i) => [name, i])) as Record<(typeof SDM_FIELDS)[number], number>;
/** Fields that number a register: with REX's presence above the number. */
const WITH_REX = new Map<number, number>([
  [AT.reg, AT.reg8],
  [AT.rm, AT.rm8],
  [AT.o, AT.o8],
]);
/** What a field's value of NO_BASE stands for: no register. */
const NO_BASE = 16;
const REGISTERS = 16;

const no = (why: string): never => {
  throw new NoTemplate(why);
};

/** Template of the row's instructions whose operand is of the variant, or why there is none. */
export function sdmTemplate(
  body: Core,
  form: SdmForm,
  addresses: readonly AddressForm[],
  policies: readonly Policy[],
  pcWidth: number,
  variant: number,
  lean: number,
): Template | string {
  const hasMemory = form.modrm === "r" || form.modrm === "digit";
  if (variant === Variant.Other || form.vsib) return "a rare address";
  if (variant !== Variant.Register && !(hasMemory && form.modes & 2)) return "no memory operand";
  if (variant === Variant.Register && hasMemory && !(form.modes & 1)) return "no register form";
  return templateWith(new SdmTemplateLifter(policies, addresses, pcWidth, variant), body, 0, lean);
}

/** Lifts a row of the SDM's notation with symbolic fields, its operand being of one variant. */
class SdmTemplateLifter extends TemplateLifter {
  private readonly addresses: readonly AddressForm[];
  private readonly variant: number;
  /** While the operand's address is read: which register stands where is up to the form. */
  private addressing = false;
  private readonly nodes: Node[] = [];

  constructor(policies: readonly Policy[], addresses: readonly AddressForm[], pcWidth: number, variant: number) {
    super(policies, sdmFields, pcWidth);
    this.addresses = addresses;
    this.variant = variant;
    this.lengthField = AT.len;
  }

  protected override begin(): void {
    this.known.add(AT.a32).add(AT.locked).add(AT.form);
    if (this.variant !== Variant.Segment) this.known.add(AT.seg);
  }

  // --- operands

  protected override armOf(c: Core, from: number): Core {
    const forms = c.s.split(" ").map(Number);
    const register = this.variant === Variant.Register;
    const index = this.variant === Variant.Index;
    const at = forms.findIndex((n) => {
      const a = this.addresses[n];
      if (!a || (a.match & 0xc0) === 0xc0) return register;
      // The form that has all that the variant's forms may have.
      return !register && a.disp === 4 && a.indexed === index && a.base !== 0 && a.sib === index;
    });
    if (at < 0) return no("no operand of this kind");
    const arm = c.a[from + at];
    if (register) return arm;
    if (arm.op !== "load" && arm.op !== "store") return this.operandAddress(arm);
    return { ...arm, a: [this.operandAddress(arm.a[0]), ...arm.a.slice(1)] };
  }

  private operandAddress(c: Core): Core {
    this.addressing = true;
    const n = this.nodes.push(super.bits(c)) - 1;
    this.addressing = false;
    return core("node", c.w, [], n);
  }

  override bits(c: Core): Node {
    if (c.op === "node") return this.nodes[c.n];
    return super.bits(c);
  }

  protected override intNode(c: Core): Node {
    if (!this.addressing || c.op !== "field" || c.n !== AT.d) return super.intNode(c);
    const d = sext(this.leaves[AT.d], 64);
    if (this.variant !== Variant.Base) return d;
    const relative = compare("ne", zext(this.leaves[AT.rel], 64), constNum(64, 0));
    return binary("add", d, select(relative, this.next(64), constNum(64, 0)));
  }

  // --- registers

  protected override view(c: Core): Node {
    const args = c.a.slice(0, -1);
    const field = this.fieldOf(args);
    if (this.addressing && (field === AT.rm || field === AT.base)) return this.base(c, field);
    return super.view(c);
  }

  /** The register that an address counts from, or none. */
  private base(c: Core, field: number): Node {
    const nodes = this.tryAll(field, () => this.viewOf(c)).slice(0, REGISTERS);
    if (nodes.some((n) => n.op !== "get")) return no("an address's base is no register");
    const variants = nodes.map((n, i) => (i < NO_BASE ? n : undefined));
    return this.unify([...variants, constNum(64, 0)], AT.abase);
  }

  /** Numbers of byte registers depend on REX: the values of such a field are tried without and with it. */
  protected override tryAll<T>(field: number, f: () => T): T[] {
    if (!WITH_REX.has(field)) return super.tryAll(field, f);
    const out: T[] = [];
    const outer = this.fields;
    const values = [...outer];
    this.known.add(field).add(AT.rex);
    for (let v = 0; v < 2 * REGISTERS; v++) {
      values[field] = v % REGISTERS;
      values[AT.rex] = v < REGISTERS ? 0 : 1;
      this.fields = values;
      out.push(f());
    }
    this.known.delete(field);
    this.known.delete(AT.rex);
    this.fields = outer;
    return out;
  }

  protected override slotParam(field: number, slots: Int16Array, write: boolean): number {
    const both = WITH_REX.get(field);
    if (both === undefined || slots.length !== 2 * REGISTERS) return super.slotParam(field, slots, write);
    const low = slots.subarray(0, REGISTERS);
    const same = low.every((s, i) => s === slots[REGISTERS + i]);
    return same ? super.slotParam(field, low.slice(), write) : super.slotParam(both, slots, write);
  }

  /** A part of a register in a place that depends on the field is a register of its own. */
  protected override unify(variants: readonly (Node | undefined)[], field: number): Node {
    const first = variants.find((n) => n?.op === "extract");
    if (!first || variants.every((n) => n?.op !== "extract" || n.aux === first.aux))
      return super.unify(variants, field);
    return super.unify(
      variants.map((n) => {
        if (n?.op !== "extract" || n.args[0].op !== "get" || n.aux % 8 !== 0) return n;
        return get(partSlot(n.args[0].aux, n.aux / 8), n.w);
      }),
      field,
    );
  }

  /** Registers of two parameters may be one: then which write is the last must show. */
  protected override mayMerge(slots: readonly number[]): boolean {
    return slots.length < 2 || slots.every((s) => s >= 0);
  }
}
