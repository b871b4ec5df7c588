import { type Code, V128 } from "./code.ts";
import type { Lower } from "./lower.ts";
import { type Container, int, V } from "./simd-codes.ts";
import { ANY, SIGN, type Want } from "./values.ts";

export type Registers = readonly number[];

/** Lanes in v128 locals, and what is done to them whatever nodes they come from. */
export class LaneRegisters {
  readonly l: Lower;
  readonly code: Code;
  /** Lanes of a value. */
  readonly n: number;
  private readonly made: number[] = [];

  constructor(l: Lower, n: number) {
    this.l = l;
    this.code = l.code;
    this.n = n;
  }

  /** Gives back all registers but the results. */
  done(results: Registers): void {
    for (const local of this.made) if (!results.includes(local)) this.code.release(local);
  }

  /** The result gives back the registers made since. */
  protected markMade(): () => void {
    const { length } = this.made;
    return () => {
      for (const local of this.made.splice(length)) this.code.release(local);
    };
  }

  protected count(c: Container): number {
    return Math.ceil((this.n * c) / 128);
  }

  /** Of the v128 on the stack, clears the lanes of register `k` that are beyond the last. */
  live(c: Container, k: number): void {
    const bytes = Math.min(16, (this.n * c) / 8 - 16 * k);
    if (bytes >= 16) return;
    this.l.wide.bytes(new Array<number>(bytes).fill(255));
    this.code.fd(V.and);
  }

  /** The v128 on the stack in a local of its own. */
  set(): number {
    const local = this.code.local(V128);
    this.made.push(local);
    this.code.set(local);
    return local;
  }

  /** A register of its own for each that lanes of `c` bits take; `push` pushes the k-th. */
  each(c: Container, push: (k: number) => void): number[] {
    return Array.from({ length: this.count(c) }, (_, k) => {
      push(k);
      return this.set();
    });
  }

  protected binary(op: number, a: Registers, b: Registers): number[] {
    return a.map((x, k) => {
      this.code.get(x);
      this.code.get(b[k]!);
      this.code.fd(op);
      return this.set();
    });
  }

  protected unary(op: number, a: Registers): number[] {
    return a.map((x) => {
      this.code.get(x);
      this.code.fd(op);
      return this.set();
    });
  }

  /** A shift of all lanes by a constant. */
  protected shift(c: Container, op: "shl" | "shr_s" | "shr_u", a: Registers, by: number): Registers {
    if (by === 0) return a;
    return a.map((x) => {
      this.code.get(x);
      this.code.i32(by);
      this.code.fd(int(c, op));
      return this.set();
    });
  }

  /** Pushes a constant of `c` bits in every lane. */
  protected splat(c: Container, value: bigint): void {
    const bytes = Array.from({ length: c / 8 }, (_, i) => Number((BigInt.asUintN(c, value) >> BigInt(8 * i)) & 255n));
    this.l.wide.bytes(Array.from({ length: 16 }, (_, i) => bytes[i % bytes.length]!));
  }

  protected clean(a: Registers, w: number, c: Container, want: Want): Registers {
    if (w === c || want === ANY) return a;
    if (want === SIGN) return this.shift(c, "shr_s", this.shift(c, "shl", a, c - w), c - w);
    return a.map((x) => {
      this.code.get(x);
      this.splat(c, (1n << BigInt(w)) - 1n);
      this.code.fd(V.and);
      return this.set();
    });
  }

  /** Lanes of `from` bits as lanes of `to`. */
  protected widen(a: Registers, from: Container, to: Container, signed: boolean): Registers {
    let registers = a;
    for (let c = from; c < to; ) {
      const next = (c * 2) as Container;
      const count = this.count(next);
      registers = Array.from({ length: count }, (_, k) => {
        this.code.get(registers[k >> 1]!);
        const high = (k & 1) === 1;
        this.code.fd(
          int(next, signed ? (high ? "extend_high_s" : "extend_low_s") : high ? "extend_high_u" : "extend_low_u"),
        );
        return this.set();
      });
      c = next;
    }
    return registers;
  }

  protected narrow(a: Registers, from: Container, to: Container): Registers {
    let registers = a;
    for (let c = from; c > to; ) {
      const next = (c / 2) as Container;
      const bytes = next / 8;
      registers = Array.from({ length: this.count(next) }, (_, k) => {
        this.code.get(registers[2 * k]!);
        this.code.get(registers[2 * k + 1] ?? registers[2 * k]!);
        this.code.fd(V.shuffle);
        for (let i = 0; i < 16; i++) this.code.u8(Math.floor(i / bytes) * bytes * 2 + (i % bytes));
        return this.set();
      });
      c = next;
    }
    return registers;
  }
}
