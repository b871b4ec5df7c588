import type { Node } from "../../ir/node.ts";
import { I32 } from "./code.ts";
import type { Lower } from "./lower.ts";
import { factor, pushHigh, type WideFactor } from "./mulhigh.ts";
import { W } from "./opcodes.ts";
import { SIGN, ZERO } from "./values.ts";
import type { Wide } from "./wide.ts";
import { WordArith } from "./wide-arith.ts";
import { moves } from "./wide-pieces.ts";

/** Arithmetic on values wider than 64 bits, in words of 64: the result's words in locals, lowest first, clean above. */
export function wordsOf(l: Lower, wide: Wide, node: Node): readonly number[] {
  const words = new Words(l, wide);
  const out = words.of(node);
  words.done(out);
  return out;
}

/** Pushes an i1 (i32) made of wide arguments: comparisons, carry, overflow, parity. */
export function testWords(l: Lower, wide: Wide, node: Node): void {
  const words = new Words(l, wide);
  words.test(node);
  words.done([]);
}

const count = (w: number): number => (w + 63) >> 6;

class Words extends WordArith {
  private readonly wide: Wide;

  constructor(l: Lower, wide: Wide) {
    super(l);
    this.wide = wide;
  }

  /** The words of an argument. */
  private arg(node: Node): readonly number[] {
    if (node.w > 64 && !moves(node) && node.op !== "const" && !this.wide.inChunks(node)) return this.wide.bind(node);
    return Array.from({ length: count(node.w) }, (_, j) => {
      this.wide.bits(node, 64 * j, 64);
      return this.set();
    });
  }

  of(node: Node): readonly number[] {
    const { code } = this;
    const [a, b] = node.args as [Node, Node];
    const n = count(node.w);
    switch (node.op) {
      case "and":
      case "or":
      case "xor": {
        const [x, y] = [this.arg(a), this.arg(b)];
        const op = node.op === "and" ? W.i64_and : node.op === "or" ? W.i64_or : W.i64_xor;
        return x.map((word, j) => {
          code.get(word);
          code.get(y[j]!);
          code.op(op);
          return this.set();
        });
      }
      case "not":
        return this.trim(
          node.w,
          this.arg(a).map((word) => {
            code.get(word);
            code.i64s(-1);
            code.op(W.i64_xor);
            return this.set();
          }),
        );
      case "select": {
        const [x, y] = [this.arg(node.args[1]!), this.arg(node.args[2]!)];
        const cond = this.local(I32);
        this.l.emit(a, ZERO);
        code.set(cond);
        return x.map((word, j) => {
          code.get(word);
          code.get(y[j]!);
          code.get(cond);
          code.op(W.select);
          return this.set();
        });
      }
      case "add":
        return this.trim(node.w, this.sum(this.arg(a), this.arg(b), undefined).words);
      case "sub":
        return this.trim(node.w, this.difference(this.arg(a), this.arg(b)));
      case "neg":
        return this.trim(
          node.w,
          this.difference(
            Array.from({ length: n }, () => this.zero()),
            this.arg(a),
          ),
        );
      case "mul":
        return this.trim(node.w, this.product(node));
      case "sext": {
        const words = [...this.signed(a.w, this.arg(a))];
        while (words.length < n) {
          code.get(words[words.length - 1]!);
          code.i64s(63);
          code.op(W.i64_shr_s);
          words.push(this.set());
        }
        return this.trim(node.w, words);
      }
      case "shl":
      case "lshr":
        return this.trim(
          node.w,
          this.shifted(node.op, this.arg(a), this.amount(b), node.op === "lshr" ? this.zero() : -1),
        );
      case "ashr": {
        const words = this.signed(node.w, this.arg(a));
        code.get(words[n - 1]!);
        code.i64s(63);
        code.op(W.i64_shr_s);
        return this.trim(node.w, this.shifted("lshr", words, this.amount(b), this.set()));
      }
      case "rol":
      case "ror":
        return this.rotated(node);
      case "udiv":
      case "urem":
      case "sdiv":
      case "srem":
        return this.divided(node);
      case "bswap": {
        if (node.w % 64 !== 0) break;
        return [...this.arg(a)].reverse().map((word) => {
          this.swap(word);
          return this.set();
        });
      }
      case "popcnt":
      case "ctz":
      case "clz": {
        this.counted(node);
        return [this.set(), ...Array.from({ length: n - 1 }, () => this.zero())];
      }
      case "fneg":
      case "fabs": {
        const words = [...this.arg(a)];
        const at = (node.w - 1) & 63;
        code.get(words[n - 1]!);
        if (at < 32) code.i64(node.op === "fneg" ? 1 << at : (1 << at) - 1, 0);
        else code.i64(node.op === "fneg" ? 0 : -1, node.op === "fneg" ? 1 << (at - 32) : (1 << (at - 32)) - 1);
        code.op(node.op === "fneg" ? W.i64_xor : W.i64_and);
        words[n - 1] = this.set();
        return words;
      }
      case "load":
      case "rmw":
      case "old":
      case "param":
      case "get":
        return Array.from({ length: n }, (_, j) => {
          this.l.env.leafWord(this.l, node, j);
          return this.set();
        });
    }
    if (moves(node)) {
      return Array.from({ length: n }, (_, j) => {
        this.wide.bits(node, 64 * j, 64);
        return this.set();
      });
    }
    throw new Error(`${node.op} of i${node.w} has no wasm lowering`);
  }

  test(node: Node): void {
    const { code } = this;
    const [a, b, c] = node.args as [Node, Node, Node];
    switch (node.op) {
      case "parity": {
        const words = this.arg(a);
        code.get(words[0]!);
        for (const word of words.slice(1)) {
          code.get(word);
          code.op(W.i64_xor);
        }
        code.op(W.i64_popcnt);
        code.op(W.i32_wrap_i64);
        code.i32(1);
        code.op(W.i32_and);
        return;
      }
      case "carry": {
        const { words, carry } = this.sum(this.arg(a), this.arg(b), c);
        if ((a.w & 63) === 0) code.get(carry);
        else {
          code.get(words[words.length - 1]!);
          code.i64s(a.w & 63);
          code.op(W.i64_shr_u);
          code.op(W.i32_wrap_i64);
        }
        return;
      }
      case "overflow": {
        const [x, y] = [this.arg(a), this.arg(b)];
        const { words } = this.sum(x, y, c);
        const top = x.length - 1;
        for (const side of [x, y]) {
          code.get(side[top]!);
          code.get(words[top]!);
          code.op(W.i64_xor);
        }
        code.op(W.i64_and);
        code.i64s((a.w - 1) & 63);
        code.op(W.i64_shr_u);
        code.op(W.i32_wrap_i64);
        code.i32(1);
        code.op(W.i32_and);
        return;
      }
      case "ult":
      case "ule":
      case "slt":
      case "sle": {
        const signed = node.op[0] === "s";
        const x = signed ? this.signed(a.w, this.arg(a)) : this.arg(a);
        const y = signed ? this.signed(b.w, this.arg(b)) : this.arg(b);
        this.below(x, y, signed, node.op.endsWith("e"));
        return;
      }
    }
    throw new Error(`${node.op} of i${a.w} has no wasm lowering`);
  }

  private product(node: Node): number[] {
    const { code } = this;
    const [a, b] = node.args as [Node, Node];
    const n = count(node.w);
    if (n > 2) throw new Error(`mul of i${node.w} has no wasm lowering`);
    const [x, y] = [factor(a), factor(b)];
    if (x && y && node.w === 128) return this.extendedProduct(x, y);
    const [p, q] = [this.arg(a), this.arg(b)];
    code.get(p[0]!);
    code.get(q[0]!);
    code.op(W.i64_mul);
    const low = this.set();
    pushHigh(this.l, p[0]!, q[0]!);
    for (const [i, j] of [
      [0, 1],
      [1, 0],
    ] as const) {
      code.get(p[i]!);
      code.get(q[j]!);
      code.op(W.i64_mul);
      code.op(W.i64_add);
    }
    return [low, this.set()];
  }

  private extendedProduct(x: WideFactor, y: WideFactor): number[] {
    const { code } = this;
    const read = (from: WideFactor): number => {
      if (from.value === undefined) code.i64(from.lo, from.hi);
      else {
        this.l.emit(from.value, from.signed ? SIGN : ZERO);
        if (from.value.w <= 32) code.op(from.signed ? W.i64_extend_i32_s : W.i64_extend_i32_u);
      }
      return this.set();
    };
    const [p, q] = [read(x), read(y)];
    code.get(p);
    code.get(q);
    code.op(W.i64_mul);
    const low = this.set();
    pushHigh(this.l, p, q);
    // The high half of unsigned factors, less the other where one is negative.
    for (const [signed, mine, other] of [
      [x.signed, p, q],
      [y.signed, q, p],
    ] as const) {
      if (!signed) continue;
      code.get(mine);
      code.i64s(63);
      code.op(W.i64_shr_s);
      code.get(other);
      code.op(W.i64_and);
      code.op(W.i64_sub);
    }
    return [low, this.set()];
  }

  /** A shift amount as an i64 local; 2^63 and more where a high word counts. */
  private amount(node: Node): number {
    const { code } = this;
    let inner = node;
    while (inner.op === "zext") inner = inner.args[0]!;
    if (inner.w <= 64) {
      this.l.emit(inner, ZERO);
      if (inner.w <= 32) code.op(W.i64_extend_i32_u);
      return this.set();
    }
    const words = this.arg(inner);
    code.i64s(-1);
    code.get(words[0]!);
    code.get(words[1]!);
    for (const word of words.slice(2)) {
      code.get(word);
      code.op(W.i64_or);
    }
    code.op(W.i64_eqz);
    code.op(W.i32_eqz);
    code.op(W.select);
    return this.set();
  }

  private rotated(node: Node): readonly number[] {
    const { code } = this;
    const words = this.arg(node.args[0]!);
    const amount = this.amount(node.args[1]!);
    code.get(amount);
    code.i64s(node.w);
    code.op(W.i64_rem_u);
    const by = this.set();
    code.i64s(node.w);
    code.get(by);
    code.op(W.i64_sub);
    const rest = this.set();
    const left = node.op === "rol";
    // An amount above 2^64 - 1 was cut to that: only exact for widths that divide it.
    const up = this.shifted("shl", words, left ? by : rest, -1);
    const down = this.shifted("lshr", words, left ? rest : by, this.zero());
    return this.trim(
      node.w,
      up.map((word, j) => {
        code.get(word);
        code.get(down[j]!);
        code.op(W.i64_or);
        return this.set();
      }),
    );
  }

  /** Pushes a count as an i64. */
  private counted(node: Node): void {
    const { code } = this;
    const a = node.args[0]!;
    const words = this.arg(a);
    if (node.op === "popcnt") {
      words.forEach((word, j) => {
        code.get(word);
        code.op(W.i64_popcnt);
        if (j > 0) code.op(W.i64_add);
      });
      return;
    }
    const trailing = node.op === "ctz";
    const spare = 64 * words.length - node.w;
    const order = trailing ? words.map((_, j) => j) : words.map((_, j) => words.length - 1 - j);
    // From the last word asked to the first: each that is not zero decides.
    code.i64s(node.w);
    for (const j of [...order].reverse()) {
      const rest = this.set();
      code.get(words[j]!);
      code.op(trailing ? W.i64_ctz : W.i64_clz);
      const before = trailing ? 64 * j : 64 * (words.length - 1 - j) - spare;
      code.i64s(before);
      code.op(W.i64_add);
      code.get(rest);
      code.get(words[j]!);
      code.op(W.i64_eqz);
      code.op(W.i32_eqz);
      code.op(W.select);
    }
  }

  /** Division of two words: in hardware where both high words are zero, else bit by bit. */
  private divided(node: Node): readonly number[] {
    const { code } = this;
    const n = count(node.w);
    if (n !== 2) throw new Error(`${node.op} of i${node.w} has no wasm lowering`);
    const signed = node.op[0] === "s";
    const remainder = node.op.endsWith("rem");
    const [a, b] = node.args.map((arg) => (signed ? this.signed(node.w, this.arg(arg)) : this.arg(arg))) as [
      number[],
      number[],
    ];
    const [sign, other] = signed ? [a[1]!, b[1]!].map((top) => this.signOf(top)) : [-1, -1];
    const [p, q] = signed ? [this.magnitude(a, sign!), this.magnitude(b, other!)] : [a, b];
    const quotient = [this.local(), this.local()] as const;
    const rest = [this.local(), this.local()] as const;
    this.dividePositive(p, q, quotient, rest);
    if (!signed) return this.trim(node.w, remainder ? rest : quotient);
    if (remainder) return this.trim(node.w, this.negated(rest, sign!));
    code.get(sign!);
    code.get(other!);
    code.op(W.i64_xor);
    // x / 0 is -1 whatever the signs.
    code.i64s(0);
    code.get(b[0]!);
    code.get(b[1]!);
    code.op(W.i64_or);
    code.op(W.i64_eqz);
    code.op(W.i32_eqz);
    code.op(W.select);
    return this.trim(node.w, this.negated(quotient, this.set()));
  }

  private magnitude(x: readonly number[], sign: number): number[] {
    return this.negated(x, sign);
  }
}
