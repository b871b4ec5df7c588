/**
 * The common case on the host's doubles: finite operands, result well inside the normal range, round to nearest even.
 * The value is the hardware's; error-free transformations (Dekker's product, Knuth's sum) tell whether it is exact.
 * Nothing is allocated. `taken` false: not the common case, ask the reference.
 */
const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);
const single = new Float32Array(1);
const word = new Int32Array(single.buffer);

/** Answer of the last call: whether it was the common case, and whether the result is inexact. */
export const quick = { taken: false, inexact: false };

export function double64(lo: number, hi: number): number {
  halves[0] = lo;
  halves[1] = hi;
  return double[0];
}
export function lowHalf(x: number): number {
  double[0] = x;
  return halves[0];
}
/** High half of the double that lowHalf was just called for. */
export const highHalf = (): number => halves[1];
export function single32(bits: number): number {
  word[0] = bits;
  return single[0];
}
export function bits32(x: number): number {
  single[0] = x;
  return word[0];
}

// 2^990 and 2^-960: between them no step of the transformations overflows or loses a bit.
const HIGH = 2 ** 990;
const LOW = 2 ** -960;
const moderate = (x: number): boolean => {
  const size = Math.abs(x);
  return size < HIGH && size > LOW;
};
const below = (x: number): boolean => Math.abs(x) < HIGH;

function done(result: number, inexact: boolean): number {
  quick.taken = true;
  quick.inexact = inexact;
  return result;
}
function notTaken(): number {
  quick.taken = false;
  return 0;
}

/** What a + b lost when it was rounded to s. */
function sumError(a: number, b: number, s: number): number {
  const bb = s - a;
  return a - (s - bb) + (b - bb);
}
/** What a * b lost when it was rounded to p. */
function productError(a: number, b: number, p: number): number {
  const ca = 134217729 * a;
  const ah = ca - (ca - a);
  const al = a - ah;
  const cb = 134217729 * b;
  const bh = cb - (cb - b);
  const bl = b - bh;
  return ah * bh - p + ah * bl + al * bh + al * bl;
}

export function add64(a: number, b: number): number {
  if (!(below(a) && below(b))) return notTaken();
  const s = a + b;
  return done(s, sumError(a, b, s) !== 0);
}

export function mul64(a: number, b: number): number {
  const p = a * b;
  if (!(moderate(a) && moderate(b) && moderate(p))) return notTaken();
  return done(p, productError(a, b, p) !== 0);
}

export function div64(a: number, b: number): number {
  const q = a / b;
  if (!(moderate(a) && moderate(b) && moderate(q))) return notTaken();
  const back = q * b;
  return done(q, back !== a || productError(q, b, back) !== 0);
}

export function sqrt64(a: number): number {
  if (!(moderate(a) && a > 0)) return notTaken();
  const root = Math.sqrt(a);
  const back = root * root;
  return done(root, back !== a || productError(root, root, back) !== 0);
}

/** s + e rounded to odd: the neighbour with an odd significand where e is not zero. */
function toOdd(s: number, e: number): number {
  if (e === 0) return s;
  double[0] = s;
  if ((halves[0] & 1) !== 0) return s;
  if (e > 0 === s > 0) halves[0] |= 1;
  else {
    if (halves[0] === 0) halves[1]--;
    halves[0]--;
  }
  return double[0];
}

/** a * b + c by Boldo and Melquiond, "Emulation of FMA and correctly rounded sums" (2008). */
export function fma64(a: number, b: number, c: number): number {
  const p = a * b;
  if (!(moderate(a) && moderate(b) && moderate(p) && (moderate(c) || c === 0))) return notTaken();
  const low = productError(a, b, p);
  const u = c + low;
  const uLow = sumError(c, low, u);
  const t = p + u;
  const tLow = sumError(p, u, t);
  const v = tLow + uLow;
  const odd = toOdd(v, sumError(tLow, uLow, v));
  const result = t + odd;
  if (!moderate(result)) return notTaken();
  return done(result, odd !== v || sumError(t, odd, result) !== 0 || sumError(tLow, uLow, v) !== 0);
}

/** The range of singles in which nothing overflows or gets tiny. */
const normal32 = (x: number): boolean => {
  const size = Math.abs(x);
  return size >= 2 ** -125 && size <= 3.4028234663852886e38;
};
/** A single from the exact or correctly rounded double; p = 53 is wide enough for a second rounding to do no harm. */
function narrow(d: number, inexact: boolean): number {
  const r = Math.fround(d);
  return normal32(r) ? done(r, inexact || r !== d) : notTaken();
}

export function add32(a: number, b: number): number {
  const s = a + b;
  if (s === 0) return done(s, false);
  return narrow(s, sumError(a, b, s) !== 0);
}
export const mul32 = (a: number, b: number): number => narrow(a * b, false);
export function div32(a: number, b: number): number {
  const q = Math.fround(a / b);
  return normal32(q) && normal32(b) ? done(q, q * b !== a) : notTaken();
}
export function sqrt32(a: number): number {
  const root = Math.fround(Math.sqrt(a));
  return normal32(root) ? done(root, root * root !== a) : notTaken();
}
export function fma32(a: number, b: number, c: number): number {
  const p = a * b;
  const s = p + c;
  const e = sumError(p, c, s);
  return narrow(toOdd(s, e), e !== 0);
}
