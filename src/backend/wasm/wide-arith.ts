import type { Node } from "../../ir/node.ts";
import { type Code, I32, I64 } from "./code.ts";
import type { Lower } from "./lower.ts";
import { W } from "./opcodes.ts";
import { ZERO } from "./values.ts";

/** Words in i64 locals, lowest first, and what is computed on them whatever nodes they come from. */
export class WordArith {
  protected readonly l: Lower;
  protected readonly code: Code;
  private readonly made: number[] = [];

  constructor(l: Lower) {
    this.l = l;
    this.code = l.code;
  }

  /** Gives back the locals that are no result. */
  done(results: readonly number[]): void {
    for (const local of this.made) if (!results.includes(local)) this.code.release(local);
  }

  protected local(type: typeof I32 | typeof I64 = I64): number {
    const local = this.code.local(type);
    this.made.push(local);
    return local;
  }

  protected set(): number {
    const local = this.local();
    this.code.set(local);
    return local;
  }

  protected zero(): number {
    this.code.i64s(0);
    return this.set();
  }

  /** Clears the bits above the width in the top word. */
  protected trim(w: number, out: readonly number[]): readonly number[] {
    if ((w & 63) === 0) return out;
    const top = out[out.length - 1]!;
    this.code.get(top);
    this.l.clean64(w & 63);
    this.code.set(top);
    return out;
  }

  /** Copies the sign over the bits above the width. */
  protected signed(w: number, words: readonly number[]): readonly number[] {
    if ((w & 63) === 0) return words;
    const { code } = this;
    code.get(words[words.length - 1]!);
    code.i64s(64 - (w & 63));
    code.op(W.i64_shl);
    code.i64s(64 - (w & 63));
    code.op(W.i64_shr_s);
    return [...words.slice(0, -1), this.set()];
  }

  /** Pushes x < y (or x <= y), i32. */
  protected below(x: readonly number[], y: readonly number[], signed: boolean, orEqual: boolean): void {
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
  protected sum(x: readonly number[], y: readonly number[], c: Node | undefined): { words: number[]; carry: number } {
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

  protected difference(x: readonly number[], y: readonly number[]): number[] {
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

  /** Words shifted by a run-time amount; `fill` stands above them (lshr), zeros below (shl). */
  protected shifted(op: "shl" | "lshr", words: readonly number[], amount: number, fill: number): number[] {
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

  protected swap(word: number): void {
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

  /** -1 where the word is negative, else 0. */
  protected signOf(top: number): number {
    this.code.get(top);
    this.code.i64s(63);
    this.code.op(W.i64_shr_s);
    return this.set();
  }

  /** -x where `sign` is -1, x where it is 0. */
  protected negated(x: readonly number[], sign: number): number[] {
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

  protected dividePositive(
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
