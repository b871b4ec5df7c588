import type { Node } from "../../ir/node.ts";
import { type Code, I32, I64 } from "./code.ts";
import type { Lower } from "./lower.ts";
import { factor, pushHigh, type WideFactor } from "./mulhigh.ts";
import { W } from "./opcodes.ts";
import { SIGN, ZERO } from "./values.ts";
import type { Wide } from "./wide.ts";
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

class Words {
  private readonly l: Lower;
  private readonly code: Code;
  private readonly wide: Wide;
  private readonly made: number[] = [];

  constructor(l: Lower, wide: Wide) {
    this.l = l;
    this.code = l.code;
    this.wide = wide;
  }

  /** Gives back the locals that are no result. */
  done(results: readonly number[]): void {
    for (const local of this.made) if (!results.includes(local)) this.code.release(local);
  }

  private local(type: typeof I32 | typeof I64 = I64): number {
    const local = this.code.local(type);
    this.made.push(local);
    return local;
  }
  private set(): number {
    const local = this.local();
    this.code.set(local);
    return local;
  }
  private zero(): number {
    this.code.i64s(0);
    return this.set();
  }

  /** The words of an argument. */
  private arg(node: Node): readonly number[] {
    if (node.w > 64 && !moves(node) && node.op !== "const" && !this.wide.inChunks(node)) return this.wide.bind(node);
    return Array.from({ length: count(node.w) }, (_, j) => {
      this.wide.bits(node, 64 * j, 64);
      return this.set();
    });
  }

  /** Clears the bits above the width in the top word. */
  private trim(w: number, out: readonly number[]): readonly number[] {
    if ((w & 63) === 0) return out;
    const top = out[out.length - 1]!;
    this.code.get(top);
    this.l.clean64(w & 63);
    this.code.set(top);
    return out;
  }
  /** Copies the sign over the bits above the width. */
  private signed(w: number, words: readonly number[]): readonly number[] {
    if ((w & 63) === 0) return words;
    const { code } = this;
    code.get(words[words.length - 1]!);
    code.i64s(64 - (w & 63));
    code.op(W.i64_shl);
    code.i64s(64 - (w & 63));
    code.op(W.i64_shr_s);
    return [...words.slice(0, -1), this.set()];
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

  /** Pushes x < y (or x <= y), i32. */
  private below(x: readonly number[], y: readonly number[], signed: boolean, orEqual: boolean): void {
    const { code } = this;
    code.get(x[0]!);
    code.get(y[0]!);
    code.op(orEqual ? W.i64_le_u : W.i64_lt_u);
    for (let j = 1; j < x.length; j++) {
      const top = signed && j === x.length - 1;
      code.get(x[j]!);
      code.get(y[j]!);
      code.op(top ? W.i64_lt_s : W.i64_lt_u);
      code.get(x[j]!);
      code.get(y[j]!);
      code.op(W.i64_eq);
      code.op(W.select);
    }
  }

  /** a + b + c (i1 node), and the carry out as an i32. */
  private sum(x: readonly number[], y: readonly number[], c: Node | undefined): { words: number[]; carry: number } {
    const { code } = this;
    const carry = this.local(I32);
    const none = c === undefined || (c.op === "const" && c.lo === 0);
    if (!none) {
      this.l.emit(c, ZERO);
      code.set(carry);
    }
    const words = x.map((word, j) => {
      const first = j === 0 && none;
      code.get(word);
      code.get(y[j]!);
      code.op(W.i64_add);
      const part = this.set();
      if (first) {
        code.get(part);
        code.get(word);
        code.op(W.i64_lt_u);
        code.set(carry);
        return part;
      }
      code.get(part);
      code.get(carry);
      code.op(W.i64_extend_i32_u);
      code.op(W.i64_add);
      const out = this.set();
      code.get(part);
      code.get(word);
      code.op(W.i64_lt_u);
      code.get(out);
      code.get(part);
      code.op(W.i64_lt_u);
      code.op(W.i32_or);
      code.set(carry);
      return out;
    });
    return { words, carry };
  }

  private difference(x: readonly number[], y: readonly number[]): number[] {
    const { code } = this;
    const borrow = this.local(I32);
    return x.map((word, j) => {
      code.get(word);
      code.get(y[j]!);
      code.op(W.i64_sub);
      if (j > 0) {
        code.get(borrow);
        code.op(W.i64_extend_i32_u);
        code.op(W.i64_sub);
      }
      const out = this.set();
      if (j === x.length - 1) return out;
      code.get(word);
      code.get(y[j]!);
      code.op(W.i64_lt_u);
      if (j > 0) {
        code.get(word);
        code.get(y[j]!);
        code.op(W.i64_eq);
        code.get(borrow);
        code.op(W.i32_and);
        code.op(W.i32_or);
      }
      code.set(borrow);
      return out;
    });
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

  /** Words shifted by a run-time amount; `fill` stands above them (lshr), zeros below (shl). */
  private shifted(op: "shl" | "lshr", words: readonly number[], amount: number, fill: number): number[] {
    const { code } = this;
    const n = words.length;
    const none = op === "shl" ? this.zero() : fill;
    const source = (j: number): number => (j < 0 || j >= n ? none : words[j]!);
    // By bits within a word: neighbours give what comes in; shifting that in two steps is right for 0 as well.
    const turned = (j: number): number => {
      code.get(source(j));
      code.get(amount);
      code.op(op === "shl" ? W.i64_shl : W.i64_shr_u);
      code.get(source(op === "shl" ? j - 1 : j + 1));
      code.i64s(1);
      code.op(op === "shl" ? W.i64_shr_u : W.i64_shl);
      code.get(amount);
      code.i64s(-1);
      code.op(W.i64_xor);
      code.op(op === "shl" ? W.i64_shr_u : W.i64_shl);
      code.op(W.i64_or);
      return this.set();
    };
    const byBits = new Map<number, number>();
    const at = (j: number): number => {
      if (j < 0 || j >= n) return none;
      let local = byBits.get(j);
      if (local === undefined) byBits.set(j, (local = turned(j)));
      return local;
    };
    code.get(amount);
    code.i64s(6);
    code.op(W.i64_shr_u);
    const steps = this.set();
    for (let j = 0; j < n; j++) at(j);
    return Array.from({ length: n }, (_, j) => {
      code.get(none);
      for (let s = n - 1; s >= 0; s--) {
        const from = op === "shl" ? j - s : j + s;
        if (from < 0 || from >= n) continue;
        const rest = this.set();
        code.get(at(from));
        code.get(rest);
        code.get(steps);
        code.i64s(s);
        code.op(W.i64_eq);
        code.op(W.select);
      }
      return this.set();
    });
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

  private swap(word: number): void {
    const { code } = this;
    const step = (mask: readonly [number, number], by: number): void => {
      const x = this.set();
      code.get(x);
      code.i64(...mask);
      code.op(W.i64_and);
      code.i64s(by);
      code.op(W.i64_shl);
      code.get(x);
      code.i64s(by);
      code.op(W.i64_shr_u);
      code.i64(...mask);
      code.op(W.i64_and);
      code.op(W.i64_or);
    };
    code.get(word);
    step([0x00ff00ff, 0x00ff00ff], 8);
    step([0x0000ffff, 0x0000ffff], 16);
    code.i64s(32);
    code.op(W.i64_rotl);
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
  /** -1 where the word is negative, else 0. */
  private signOf(top: number): number {
    this.code.get(top);
    this.code.i64s(63);
    this.code.op(W.i64_shr_s);
    return this.set();
  }
  private magnitude(x: readonly number[], sign: number): number[] {
    return this.negated(x, sign);
  }
  /** -x where `sign` is -1, x where it is 0. */
  private negated(x: readonly number[], sign: number): number[] {
    const { code } = this;
    const turned = x.map((word) => {
      code.get(word);
      code.get(sign);
      code.op(W.i64_xor);
      return this.set();
    });
    return this.difference(
      turned,
      x.map(() => sign),
    );
  }

  private dividePositive(
    p: readonly number[],
    q: readonly number[],
    quotient: readonly number[],
    rest: readonly number[],
  ): void {
    const { code } = this;
    const [q0, q1] = quotient as [number, number];
    const [r0, r1] = rest as [number, number];
    const move = (from: number, to: number): void => {
      code.get(from);
      code.set(to);
    };
    const clear = (to: number, value = 0): void => {
      code.i64s(value);
      code.set(to);
    };
    code.get(q[0]!);
    code.get(q[1]!);
    code.op(W.i64_or);
    code.op(W.i64_eqz);
    code.if();
    clear(q0, -1);
    clear(q1, -1);
    move(p[0]!, r0);
    move(p[1]!, r1);
    code.else();
    code.get(p[1]!);
    code.get(q[1]!);
    code.op(W.i64_or);
    code.op(W.i64_eqz);
    code.if();
    clear(q1);
    clear(r1);
    code.get(p[0]!);
    code.get(q[0]!);
    code.op(W.i64_div_u);
    code.set(q0);
    code.get(p[0]!);
    code.get(q[0]!);
    code.op(W.i64_rem_u);
    code.set(r0);
    code.else();
    // The dividend moves through (rest, quotient) bit by bit, leaving the quotient behind.
    move(p[0]!, q0);
    move(p[1]!, q1);
    clear(r0);
    clear(r1);
    const left = this.local(I32);
    const over = this.local();
    code.i32(128);
    code.set(left);
    code.loop();
    code.get(r1);
    code.set(over);
    const up = (word: number, from: number): void => {
      code.get(word);
      code.i64s(1);
      code.op(W.i64_shl);
      if (from >= 0) {
        code.get(from);
        code.i64s(63);
        code.op(W.i64_shr_u);
        code.op(W.i64_or);
      }
      code.set(word);
    };
    up(r1, r0);
    up(r0, q1);
    up(q1, q0);
    up(q0, -1);
    // rest >= divisor, a bit that fell out of it counting as well
    this.below(rest, q, false, false);
    code.op(W.i32_eqz);
    code.get(over);
    code.i64s(0);
    code.op(W.i64_lt_s);
    code.op(W.i32_or);
    code.if();
    const less = this.difference(rest, q);
    move(less[0]!, r0);
    move(less[1]!, r1);
    code.get(q0);
    code.i64s(1);
    code.op(W.i64_or);
    code.set(q0);
    code.end();
    code.get(left);
    code.i32(1);
    code.op(W.i32_sub);
    code.tee(left);
    code.brIf(0);
    code.end();
    code.end();
    code.end();
  }
}
