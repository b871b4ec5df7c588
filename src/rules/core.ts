/**
 * The core form of a row: every name resolved, every width known, defs, acts and views inlined. One node type for
 * expressions (w > 0: bits, w = 0: an integer known once decoded) and statements (w = -1).
 */
export interface Core {
  readonly op: string;
  readonly w: number;
  readonly a: readonly Core[];
  /** Slot, local, field, policy, question number or count, by op. */
  readonly n: number;
  /** Name or attributes, by op. */
  readonly s: string;
  /** Value of `num` and `big`. */
  readonly v: bigint;
}

const none: readonly Core[] = [];

export function core(op: string, w: number, a: readonly Core[] = none, n = 0, s = "", v = 0n): Core {
  return { op, w, a, n, s, v };
}

/** An integer. */
export const num = (v: bigint | number): Core => core("num", 0, none, 0, "", BigInt(v));
export const isNum = (c: Core): boolean => c.op === "num";
export const block = (a: readonly Core[]): Core => (a.length === 1 ? a[0] : core("block", -1, a));

const INT_OPS: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => (b === 0n ? 0n : a / b),
  "%": (a, b) => (b === 0n ? 0n : a % b),
  "&": (a, b) => a & b,
  "|": (a, b) => a | b,
  "^": (a, b) => a ^ b,
  "<<": (a, b) => a << b,
  ">>": (a, b) => a >> b,
  "==": (a, b) => (a === b ? 1n : 0n),
  "!=": (a, b) => (a !== b ? 1n : 0n),
  "<": (a, b) => (a < b ? 1n : 0n),
  "<=": (a, b) => (a <= b ? 1n : 0n),
  "&&": (a, b) => (a !== 0n && b !== 0n ? 1n : 0n),
  "||": (a, b) => (a !== 0n || b !== 0n ? 1n : 0n),
};

/** An integer operation; `int` + operator, folded where both sides are literals. */
export function intOp(op: string, a: Core, b: Core): Core {
  const f = INT_OPS[op];
  // What one side alone decides.
  if (op === "&&" && ((a.v === 0n && isNum(a)) || (b.v === 0n && isNum(b)))) return num(0);
  if (op === "||" && ((a.v !== 0n && isNum(a)) || (b.v !== 0n && isNum(b)))) return num(1);
  if (isNum(a) && isNum(b) && !(op === "<<" && b.v > 512n)) return num(f(a.v, b.v));
  return core(`int${op}`, 0, [a, b]);
}

/** `~`, `-` or `!` of an integer. */
export function intUn(op: string, a: Core): Core {
  if (!isNum(a)) return core(`int1${op}`, 0, [a]);
  return num(op === "-" ? -a.v : op === "~" ? ~a.v : a.v === 0n ? 1n : 0n);
}

/** An integer as bits. */
export function bitsOf(a: Core, w: number): Core {
  if (isNum(a)) return core("big", w, none, 0, "", BigInt.asUintN(w, a.v));
  return core("bits", w, [a]);
}

/**
 * Value of an integer core with the given fields and locals, in numbers. Exact up to 2^53, which covers every field,
 * displacement and count; literals beyond are bits already.
 */
export function evalInt(c: Core, fields: ArrayLike<number>, locals: readonly unknown[], length: number): number {
  switch (c.op) {
    case "num":
      return Number(c.v);
    case "field":
      return fields[c.n];
    case "local": {
      const v = locals[c.n];
      if (typeof v === "number") return v;
      throw new Error(`local ${c.n} is not an integer`);
    }
    case "length":
      return length;
    case "intslice": {
      const lo = evalInt(c.a[2], fields, locals, length);
      const n = evalInt(c.a[1], fields, locals, length) - lo + 1;
      return modulo(Math.floor(evalInt(c.a[0], fields, locals, length) / 2 ** lo), 2 ** n);
    }
    case "intcond":
      return evalInt(c.a[evalInt(c.a[0], fields, locals, length) !== 0 ? 1 : 2], fields, locals, length);
    case "intpick":
      return evalInt(c.a[1 + evalInt(c.a[0], fields, locals, length)], fields, locals, length);
  }
  const a = evalInt(c.a[0], fields, locals, length);
  if (c.op === "int1-") return -a;
  if (c.op === "int1~") return -1 - a;
  if (c.op === "int1!") return a === 0 ? 1 : 0;
  if (c.op === "int&&" && a === 0) return 0;
  if (c.op === "int||" && a !== 0) return 1;
  return intBinary(c.op, a, evalInt(c.a[1], fields, locals, length));
}

function intBinary(op: string, a: number, b: number): number {
  switch (op) {
    case "int+":
      return a + b;
    case "int-":
      return a - b;
    case "int*":
      return a * b;
    case "int/":
      return b === 0 ? 0 : Math.trunc(a / b);
    case "int%":
      return b === 0 ? 0 : a % b;
    case "int<<":
      return a * 2 ** b;
    case "int>>":
      return Math.floor(a / 2 ** b);
    case "int&":
      return small(a, b) ? a & b : Number(BigInt(a) & BigInt(b));
    case "int|":
      return small(a, b) ? a | b : Number(BigInt(a) | BigInt(b));
    case "int^":
      return small(a, b) ? a ^ b : Number(BigInt(a) ^ BigInt(b));
    case "int==":
      return a === b ? 1 : 0;
    case "int!=":
      return a !== b ? 1 : 0;
    case "int<":
      return a < b ? 1 : 0;
    case "int<=":
      return a <= b ? 1 : 0;
    case "int&&":
    case "int||":
      return b !== 0 ? 1 : 0;
  }
  throw new Error(`no integer op ${op}`);
}

/** A condition over fields as a closure; comparisons of a field with a literal are the common case. */
export function compileInt(c: Core): (fields: ArrayLike<number>) => number {
  if (c.op === "int&&") {
    const a = compileInt(c.a[0]);
    const b = compileInt(c.a[1]);
    return (fields) => (a(fields) !== 0 && b(fields) !== 0 ? 1 : 0);
  }
  if ((c.op === "int!=" || c.op === "int==") && c.a[0].op === "field" && isNum(c.a[1])) {
    const { n } = c.a[0];
    const v = Number(c.a[1].v);
    return c.op === "int!=" ? (fields) => (fields[n] !== v ? 1 : 0) : (fields) => (fields[n] === v ? 1 : 0);
  }
  return (fields) => evalInt(c, fields, [], 0);
}

const small = (a: number, b: number): boolean => (a | 0) === a && (b | 0) === b;
const modulo = (a: number, n: number): number => a - n * Math.floor(a / n);
