import { bitLength, type Unpacked } from "./format.ts";

/** Elementary functions on integers with `digits` bits behind the point; errors are a few of the last bits. */

const one = (digits: number): bigint => 1n << BigInt(digits);

/** pi as x87 reduces by it: 66 bits (Intel SDM volume 1, 8.3.8). */
const SHORT_PI = 0xc90fdaa22168c234cn;
const SHORT_PI_DIGITS = 66;

/** |x| less the multiples of a quarter turn, and their number; short pi. */
function reduced(x: Unpacked, digits: number): { rest: bigint; quarter: number } {
  const shift = Math.max(0, -(x.exponent + SHORT_PI_DIGITS + 1));
  const size = x.significand << BigInt(x.exponent + SHORT_PI_DIGITS + 1 + shift);
  const half = SHORT_PI << BigInt(shift);
  const rest = size % half;
  const by = digits - (SHORT_PI_DIGITS + 1 + shift);
  return { rest: by >= 0 ? rest << BigInt(by) : rest >> BigInt(-by), quarter: Number((size / half) & 3n) };
}

/** x - x^3/3! + ... from the term `first` with its power. */
function alternating(first: bigint, x: bigint, power: number, digits: number): bigint {
  const square = (x * x) >> BigInt(digits);
  let term = first;
  let sum = first;
  for (let n = power; term !== 0n; n += 2) {
    term = -(((term * square) >> BigInt(digits)) / BigInt((n + 1) * (n + 2)));
    if (term === -1n) break;
    sum += term;
  }
  return sum;
}
const sineOf = (x: bigint, digits: number): bigint => alternating(x, x, 1, digits);
const cosineOf = (x: bigint, digits: number): bigint => alternating(one(digits), x, 0, digits);

/** sin |x| and cos |x|. */
export function sine(x: Unpacked, digits: number): bigint {
  const { rest, quarter } = reduced(x, digits);
  const size = quarter & 1 ? cosineOf(rest, digits) : sineOf(rest, digits);
  return quarter & 2 ? -size : size;
}
export function cosine(x: Unpacked, digits: number): bigint {
  const { rest, quarter } = reduced(x, digits);
  const size = quarter & 1 ? sineOf(rest, digits) : cosineOf(rest, digits);
  return quarter === 1 || quarter === 2 ? -size : size;
}

/** e^x - 1 for |x| below 1. */
export function powerLessOne(x: bigint, digits: number): bigint {
  let term = x;
  let sum = x;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    term = ((term * x) >> BigInt(digits)) / n;
    sum += term;
  }
  return sum;
}

/** x + or - x^3/3 + ... for |x| well below 1. */
function odd(x: bigint, digits: number, turns: boolean): bigint {
  const square = (x * x) >> BigInt(digits);
  let power = x;
  let sum = x;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = (power * square) >> BigInt(digits);
    if (turns) power = -power;
    sum += power / n;
  }
  return sum;
}

function root(v: bigint): bigint {
  let r = 1n << BigInt((bitLength(v) + 1) >> 1);
  for (;;) {
    const next = (r + v / r) >> 1n;
    if (next >= r) return r;
    r = next;
  }
}

const remembered = (make: (digits: number) => bigint): ((digits: number) => bigint) => {
  const known = new Map<number, bigint>();
  return (digits) => {
    let v = known.get(digits);
    if (v === undefined) known.set(digits, (v = make(digits)));
    return v;
  };
};

export const arctangent = {
  /** Machin: 16 atan(1/5) - 4 atan(1/239). */
  pi: remembered((digits) => 16n * odd(one(digits) / 5n, digits, true) - 4n * odd(one(digits) / 239n, digits, true)),
  /** For 0 <= x <= 1: halved three times, then the series. */
  of(x: bigint, digits: number): bigint {
    let t = x;
    for (let i = 0; i < 3; i++) {
      const length = root((one(digits) << BigInt(digits)) + t * t);
      t = (t << BigInt(digits)) / (one(digits) + length);
    }
    return odd(t, digits, true) << 3n;
  },
};

/** ln x for x near 1. */
function natural(x: bigint, digits: number): bigint {
  const unit = one(digits);
  return odd(((x - unit) << BigInt(digits)) / (x + unit), digits, false) << 1n;
}

const naturalOfTwo = remembered((digits) => odd(one(digits) / 3n, digits, false) << 1n);

export const binaryLog = {
  naturalOfTwo,
  /** log2 e. */
  ofE: (digits: number): bigint => (one(digits) << BigInt(digits)) / naturalOfTwo(digits),
  /** log2 of a positive number with `digits` bits behind the point, of any size. */
  ofFixed(x: bigint, digits: number): bigint {
    // Between about 0.7 and 1.4, so that a number near 1 keeps its digits.
    let power = bitLength(x) - 1 - digits;
    let m = power >= 0 ? x >> BigInt(power) : x << BigInt(-power);
    if (m * 5n > one(digits) * 7n) {
      power++;
      m >>= 1n;
    }
    return (BigInt(power) << BigInt(digits)) + (natural(m, digits) << BigInt(digits)) / naturalOfTwo(digits);
  },
  of(x: Unpacked, digits: number): bigint {
    const length = bitLength(x.significand);
    const scaled = x.significand << BigInt(digits + 1 - length);
    return binaryLog.ofFixed(scaled, digits) + (BigInt(x.exponent + length - 1) << BigInt(digits));
  },
};
