import { constOf } from "../../ir/fold.ts";
import type { Node } from "../../ir/node.ts";
import { unroll } from "../../ir/remake.ts";

/**
 * IR as SMT-LIB 2 terms over bit vectors. A value is a definition of its own, so that shared nodes stay shared. What has
 * no meaning in the logic (floats, answers, what is open) is an uninterpreted function of its arguments: two values that
 * use the same operation on the same operands are equal, nothing else is known.
 */
export class Terms {
  readonly lines: string[] = [];
  private readonly names = new Map<Node, string>();
  private readonly declared = new Set<string>();
  private count = 0;

  /** Declares a constant or function once; its name. */
  declare(name: string, args: readonly number[], w: number): string {
    if (!this.declared.has(name)) {
      this.declared.add(name);
      this.lines.push(`(declare-fun ${name} (${args.map(sort).join(" ")}) ${sort(w)})`);
    }
    return name;
  }

  /** Gives a term a name. */
  define(term: string, w: number): string {
    const name = `t${this.count++}`;
    this.lines.push(`(define-fun ${name} () ${sort(w)} ${term})`);
    return name;
  }
  defineArray(term: string): string {
    const name = `t${this.count++}`;
    this.lines.push(`(define-fun ${name} () ${MEMORY} ${term})`);
    return name;
  }

  slot(number: number, w: number): string {
    return this.declare(`s${number}`, [], w);
  }

  /** The value's name. Results of effects must be known (`know`). */
  of(node: Node): string {
    const known = this.names.get(node);
    if (known !== undefined) return known;
    const term = this.term(node);
    const name = /^[ts#]/.test(term) && !term.includes(" ") ? term : this.define(term, node.w);
    this.names.set(node, name);
    return name;
  }

  /** From now on the node, a result of an effect, is this term. */
  know(node: Node, name: string): void {
    this.names.set(node, name);
  }

  private term(n: Node): string {
    const a = (i: number): string => this.of(n.args[i]!);
    const same = (op: string): string => `(${op} ${n.args.map((x) => this.of(x)).join(" ")})`;
    const bit = (test: string): string => `(ite ${test} #b1 #b0)`;
    switch (n.op) {
      case "const":
        return bits(constOf(n), n.w);
      case "get":
        return this.slot(n.aux, n.w);
      case "add":
        return same("bvadd");
      case "sub":
        return same("bvsub");
      case "mul":
        return same("bvmul");
      case "and":
        return same("bvand");
      case "or":
        return same("bvor");
      case "xor":
        return same("bvxor");
      case "not":
        return same("bvnot");
      case "neg":
        return same("bvneg");
      case "shl":
        return same("bvshl");
      case "lshr":
        return same("bvlshr");
      case "ashr":
        return same("bvashr");
      case "rol":
        return turn(a(0), a(1), n.w, "bvshl", "bvlshr");
      case "ror":
        return turn(a(0), a(1), n.w, "bvlshr", "bvshl");
      case "udiv":
        return same("bvudiv");
      case "urem":
        return same("bvurem");
      case "sdiv":
        return `(ite (= ${a(1)} ${bits(0n, n.w)}) ${bits(-1n, n.w)} (bvsdiv ${a(0)} ${a(1)}))`;
      case "srem":
        return `(ite (= ${a(1)} ${bits(0n, n.w)}) ${a(0)} (bvsrem ${a(0)} ${a(1)}))`;
      case "clz":
        return this.first(a(0), n.w, n.w, (i) => n.w - 1 - i);
      case "ctz":
        return this.first(a(0), n.w, n.w, (i) => i);
      case "popcnt":
        return this.sum(a(0), n.args[0]!.w, n.w);
      case "parity":
        return `(bvxor #b0 ${each(n.args[0]!.w, (i) => `((_ extract ${i} ${i}) ${a(0)})`)})`;
      case "bswap":
        return n.w === 8 ? a(0) : `(concat ${each(n.w / 8, (i) => `((_ extract ${8 * i + 7} ${8 * i}) ${a(0)})`)})`;
      case "eq":
        return bit(same("="));
      case "ne":
        return bit(`(not ${same("=")})`);
      case "ult":
        return bit(same("bvult"));
      case "ule":
        return bit(same("bvule"));
      case "slt":
        return bit(same("bvslt"));
      case "sle":
        return bit(same("bvsle"));
      case "select":
        return `(ite (= ${a(0)} #b1) ${a(1)} ${a(2)})`;
      case "carry": {
        const w = n.args[0]!.w;
        const wide = (x: string): string => `((_ zero_extend 2) ${x})`;
        const total = `(bvadd ${wide(a(0))} ${wide(a(1))} ((_ zero_extend ${w + 1}) ${a(2)}))`;
        return bit(`(not (= ((_ extract ${w + 1} ${w}) ${total}) #b00))`);
      }
      case "overflow": {
        const w = n.args[0]!.w;
        const wide = (x: string): string => `((_ sign_extend 2) ${x})`;
        const total = this.define(`(bvadd ${wide(a(0))} ${wide(a(1))} ((_ zero_extend ${w + 1}) ${a(2)}))`, w + 2);
        return bit(`(not (= ${total} ((_ sign_extend 2) ((_ extract ${w - 1} 0) ${total}))))`);
      }
      case "sext":
        return `((_ sign_extend ${n.w - n.args[0]!.w}) ${a(0)})`;
      case "zext":
        return `((_ zero_extend ${n.w - n.args[0]!.w}) ${a(0)})`;
      case "extract":
        return `((_ extract ${n.aux + n.w - 1} ${n.aux}) ${a(0)})`;
      case "concat":
        return `(concat ${a(0)} ${a(1)})`;
      case "fneg":
        return `(bvxor ${a(0)} ${bits(1n << BigInt(n.w - 1), n.w)})`;
      case "fabs":
        return `(bvand ${a(0)} ${bits((1n << BigInt(n.w - 1)) - 1n, n.w)})`;
      case "map":
      case "ormap":
        return this.of(unroll(n));
      case "undef":
        return n.args.length > 0 ? a(0) : this.open(n, `open${n.w}`);
      case "load":
      case "rmw":
      case "old":
      case "param":
      case "elem":
        throw new Error(`${n.op} has no term here`);
      case "fexc": {
        const inner = n.args[0]!;
        return this.open({ ...n, args: inner.args, w: 6 } as Node, `${functionName(inner)}_fexc`);
      }
      default:
        return this.open(n, functionName(n));
    }
  }

  /** An uninterpreted function of the node's arguments. */
  private open(n: Node, name: string): string {
    this.declare(
      name,
      n.args.map((x) => x.w),
      n.w,
    );
    return n.args.length === 0 ? name : `(${name} ${n.args.map((x) => this.of(x)).join(" ")})`;
  }

  /** Number of the first set bit counted by `index`, `none` where there is none. Later bits of the chain win. */
  private first(x: string, w: number, none: number, index: (i: number) => number): string {
    const order = Array.from({ length: w }, (_, i) => i).sort((p, q) => index(q) - index(p));
    return order.reduce(
      (rest, i) => `(ite (= ((_ extract ${i} ${i}) ${x}) #b1) ${bits(BigInt(index(i)), w)} ${rest})`,
      bits(BigInt(none), w),
    );
  }

  private sum(x: string, from: number, w: number): string {
    return `(bvadd ${bits(0n, w)} ${each(from, (i) => (w === 1 ? `((_ extract ${i} ${i}) ${x})` : `((_ zero_extend ${w - 1}) ((_ extract ${i} ${i}) ${x}))`))})`;
  }
}

/** Memory: bytes by address. */
export const MEMORY = "(Array (_ BitVec 64) (_ BitVec 8))";

const sort = (w: number): string => `(_ BitVec ${w})`;
const each = (n: number, f: (i: number) => string): string => Array.from({ length: n }, (_, i) => f(i)).join(" ");

export function bits(v: bigint, w: number): string {
  const u = BigInt.asUintN(w, v);
  return w % 4 === 0 ? `#x${u.toString(16).padStart(w / 4, "0")}` : `#b${u.toString(2).padStart(w, "0")}`;
}

function turn(x: string, k: string, w: number, there: string, back: string): string {
  const by = `(bvurem ${k} ${bits(BigInt(w), w)})`;
  // A width that its own bits cannot hold (i1, i2): amounts are small enough as they are
  if (BigInt(w) >= 1n << BigInt(w)) return x;
  return `(bvor (${there} ${x} ${by}) (${back} ${x} (bvsub ${bits(BigInt(w), w)} ${by})))`;
}

function functionName(n: Node): string {
  const policy = n.fp ? `_${n.fp.name}_${n.fp.nan}_${n.fp.toint}_${n.fp.tiny}` : "";
  const said = n.name === "" ? "" : `_${n.name.replace(/\W/g, "_")}`;
  const widths = n.args.map((a) => a.w).join("_");
  return `f_${n.op}${policy}${said}_${n.aux}_${widths}_${n.w}`.replace(/-/g, "_");
}
