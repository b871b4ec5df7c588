import type { Node, Op } from "../../ir/node.ts";
import { constantAmount } from "./values.ts";

/** How a value is used: all its bits, its low 32, as a float. */
export const FULL = 1;
export const LOW = 2;
export const FLOAT = 4;

interface Use {
  count: number;
  how: number;
}

const FLOAT_ARGS: ReadonlySet<Op> = new Set([
  ...["fadd", "fsub", "fmul", "fdiv", "fsqrt", "fma", "f2f", "frint"],
  ...["f2s", "f2u", "feq", "flt", "fle"],
] as Op[]);
/** Low 32 bits of the result depend on the low 32 bits of the arguments alone. */
const LOW_CLOSED: ReadonlySet<Op> = new Set(["add", "sub", "mul", "and", "or", "xor", "not", "neg"]);
const isFloatWidth = (w: number): boolean => w === 32 || w === 64;

/** Counts the uses of values from roots down, and which bits they need. */
export class Demand {
  private readonly uses = new Map<Node, Use>();
  private readonly signs = new Set<Node>();
  /** Operands of fused multiply-adds, which the host has on vectors only. */
  private readonly fusedUses = new Set<Node>();
  /** Loads of which all bits of a wider extension are needed, and how it extends. */
  private readonly extended = new Map<Node, "sext" | "zext">();
  /** The `get` nodes met. */
  readonly gets: Node[] = [];

  reset(): void {
    this.uses.clear();
    this.extended.clear();
    this.fusedUses.clear();
    this.gets.length = 0;
    this.signs.clear();
  }

  full(node: Node): void {
    this.add(node, FULL);
  }
  low(node: Node): void {
    this.add(node, node.w > 32 && node.w <= 64 ? LOW : FULL);
  }
  float(node: Node): void {
    this.add(node, isFloatWidth(node.w) ? FLOAT : FULL);
  }

  count(node: Node): number {
    return this.uses.get(node)?.count ?? 0;
  }
  how(node: Node): number {
    return this.uses.get(node)?.how ?? 0;
  }

  /** How a load is best extended to 64 bits when it is made; undefined: it is not wanted wider than it is. */
  extension(node: Node): "sext" | "zext" | undefined {
    return this.extended.get(node);
  }

  /** True where a fused multiply-add of doubles takes the value. */
  fused(node: Node): boolean {
    return this.fusedUses.has(node);
  }

  /** True where some use extends the value's sign. */
  signed(node: Node): boolean {
    return this.signs.has(node);
  }

  private add(node: Node, how: number): void {
    if (node.op === "const") return;
    let use = this.uses.get(node);
    if (use === undefined) {
      this.uses.set(node, (use = { count: 0, how: 0 }));
      if (node.op === "get") this.gets.push(node);
    }
    use.count++;
    if (use.how & how) return;
    use.how |= how;
    this.args(node, how);
  }

  private extends(node: Node): void {
    const of = node.args[0]!;
    if (of.op !== "load" || of.w > 32 || node.w <= 32 || node.w > 64) return;
    if (node.op === "sext" || !this.extended.has(of)) this.extended.set(of, node.op as "sext" | "zext");
  }

  private args(node: Node, how: number): void {
    const args = node.args;
    switch (node.op) {
      case "load":
      case "rmw":
      case "ask":
        return;
      case "sext":
        this.signs.add(args[0]!);
        if (how !== LOW) this.extends(node);
        break;
      case "zext":
        if (how !== LOW) this.extends(node);
        break;
      case "select":
        this.add(args[0]!, FULL);
        this.add(args[1]!, how);
        this.add(args[2]!, how);
        return;
      case "extract":
        if (args[0]!.w > 32 && args[0]!.w <= 64 && node.aux + node.w <= 32) {
          this.add(args[0]!, LOW);
          return;
        }
        break;
      case "fma":
        if (node.w === 64) for (let i = 0; i < 3; i++) this.fusedUses.add(args[i]!);
        break;
      case "fneg":
      case "fabs":
        this.add(args[0]!, how === FLOAT ? FLOAT : FULL);
        return;
      case "fexc":
        this.args(args[0]!, FULL);
        return;
      case "shl":
        if (how === LOW && constantAmount(args[1]!) >= 0) {
          this.add(args[0]!, LOW);
          return;
        }
        break;
    }
    if (FLOAT_ARGS.has(node.op)) for (const arg of args) this.add(arg, isFloatWidth(arg.w) ? FLOAT : FULL);
    else if (how === LOW && LOW_CLOSED.has(node.op)) for (const arg of args) this.add(arg, LOW);
    else for (const arg of args) this.add(arg, FULL);
  }
}
