/**
 * The IR: typed bits. A value is a `Node` (pure, or the result of an effect); what an instruction does is a list of
 * `Effect`s over nodes. One op has one row in ops.ts (types, evaluator, wasm lowering, LLVM spelling).
 *
 * Rules every reader relies on:
 * 1. `get` reads the state as it was when the instruction began, wherever it stands; `set`s of one instruction are
 *    simultaneous and come into force when the instruction ends. A trap or a fault drops them all.
 * 2. Effects happen in the order listed. A `load` or `rmw` node has its value from its effect on.
 * 3. Without `jump`, control goes to the next instruction. There is no run-time loop inside an instruction.
 */

/** Names of all ops; ops.ts has a row for each. Floats are bits, floatness is in the op. */
export type Op =
  // leaves: constant, state slot, the old value inside an `rmw` body, template parameter, architecturally open, not known
  | "const"
  | "get"
  | "old"
  | "param"
  // inside the body of a `map` or `ormap`: argument number aux, the lane at hand
  | "elem"
  | "undef"
  | "unknown"
  // results of effects
  | "load"
  | "rmw"
  | "ask"
  // integer; division is total as on RISC-V (x/0 = -1, x%0 = x, MIN/-1 = MIN); shift amounts >= width give 0 (ashr: sign)
  | "add"
  | "sub"
  | "mul"
  | "and"
  | "or"
  | "xor"
  | "not"
  | "neg"
  | "shl"
  | "lshr"
  | "ashr"
  | "rol"
  | "ror"
  | "udiv"
  | "sdiv"
  | "urem"
  | "srem"
  | "ctz"
  | "clz"
  | "popcnt"
  | "bswap"
  | "parity"
  // compare, i1
  | "eq"
  | "ne"
  | "ult"
  | "ule"
  | "slt"
  | "sle"
  // select(c, a, b); carry(a, b, c) and overflow(a, b, c) are i1 results of a + b + c with c an i1
  | "select"
  | "carry"
  | "overflow"
  // width: extract takes `lo` (bit) from aux; trunc is extract at 0; concat(hi, lo)
  | "sext"
  | "zext"
  | "extract"
  | "concat"
  // float, last argument of the rounding ones is rm (i3: 0 rne, 1 rtz, 2 rdn, 3 rup, 4 rmm; or i8: see float/unit.ts); policy in `fp`
  | "fadd"
  | "fsub"
  | "fmul"
  | "fdiv"
  | "fsqrt"
  | "fma"
  | "f2f"
  | "f2s"
  | "f2u"
  | "s2f"
  | "u2f"
  | "frint"
  | "fneg"
  | "fabs"
  | "feq"
  | "flt"
  | "fle"
  // lanes: `body` for each of aux lanes over `elem`s; map joins the results (lane 0 lowest), ormap ors them together. An
  // argument is aux times as wide as its elem, or as wide: then every lane sees all of it
  | "map"
  | "ormap"
  // the exceptions (i6: 1 NX, 2 UF, 4 OF, 8 DZ, 16 NV, 32 DE) that the float op given as argument raises
  | "fexc";

/** How floats of one policy behave (RULES.md section 6). Interned: one object a policy line. */
export interface FpPolicy {
  readonly name: string;
  readonly nan: "canonical" | "arm" | "x86" | "x87" | "first";
  /** Out-of-range and NaN results of f2s/f2u. saturate-max: NaN gives the largest (RISC-V); zero: NaN gives 0 (Arm). */
  readonly toint: "saturate-max" | "zero" | "indefinite";
  readonly tiny: "before" | "after";
}

/** Memory access attributes. */
export interface MemAttrs {
  readonly acq?: boolean;
  readonly rel?: boolean;
  readonly aligned?: boolean;
}

let nextId = 1;

/** A value of `w` bits. Immutable once made; `id` is unique in the process and usable as a map key. */
export class Node {
  readonly id = nextId++;
  readonly op: Op;
  /** Width in bits, 1 to 512. */
  readonly w: number;
  readonly args: readonly Node[];
  /** const up to 64 bits: low and high halves as int32, zero-extended from `w`. */
  readonly lo: number;
  readonly hi: number;
  /** const wider than 64 bits. */
  readonly big: bigint | undefined;
  /** get: slot number; extract: lowest bit taken; param: parameter number; ask: result number; map, ormap: lanes; elem: argument. */
  readonly aux: number;
  readonly fp: FpPolicy | undefined;
  readonly mem: MemAttrs | undefined;
  /** map, ormap: what is computed for each lane, closed over `elem`s; one object where it is equal (lanes.ts). */
  readonly body: Node | undefined;
  /** ask: question; unknown, undef: what is said of it. */
  readonly name: string;

  constructor(op: Op, w: number, args: readonly Node[], extra: NodeExtra = none) {
    this.op = op;
    this.w = w;
    this.args = args;
    this.lo = extra.lo ?? 0;
    this.hi = extra.hi ?? 0;
    this.big = extra.big;
    this.aux = extra.aux ?? 0;
    this.fp = extra.fp;
    this.mem = extra.mem;
    this.body = extra.body;
    this.name = extra.name ?? "";
  }
}

export interface NodeExtra {
  readonly lo?: number;
  readonly hi?: number;
  readonly big?: bigint;
  readonly aux?: number;
  readonly fp?: FpPolicy | undefined;
  readonly mem?: MemAttrs | undefined;
  readonly body?: Node | undefined;
  readonly name?: string;
}
const none: NodeExtra = {};

/** One thing an instruction does. Loads and rmws carry their node: args[0] is the address (i64); rmw's args[1] is the new value over `old`. */
export type Effect =
  | { readonly k: "load"; readonly node: Node }
  | { readonly k: "rmw"; readonly node: Node }
  | { readonly k: "ask"; readonly node: Node }
  | { readonly k: "store"; readonly addr: Node; readonly value: Node; readonly mem: MemAttrs | undefined }
  | { readonly k: "fence"; readonly kind: string }
  | { readonly k: "set"; readonly slot: number; readonly value: Node }
  | { readonly k: "if"; readonly cond: Node; readonly then: readonly Effect[]; readonly else: readonly Effect[] }
  /** A trap of the rulebook's own name; drops the instruction's sets. */
  | { readonly k: "trap"; readonly name: string }
  | { readonly k: "jump"; readonly target: Node; readonly hint: "jump" | "call" | "ret" }
  /** Leave to the dispatcher after this instruction's sets, pc at the next one: "syscall", "fence.i", ... */
  | { readonly k: "stop"; readonly name: string };

/** A lifted instruction: pc and length in bytes, the row it came from, what it does. */
export interface Inst {
  readonly pc: number;
  readonly length: number;
  readonly row: string;
  readonly effects: readonly Effect[];
}

/** One element of the guest's state: a register, a flag, an element of a register file. */
export interface Slot {
  /** "X[5]", "fflags". */
  readonly name: string;
  readonly w: number;
  /** Byte offset in the state area; every slot takes 8 bytes or a power of two above. */
  readonly offset: number;
  /** No oracle can show it (LR/SC reservation). */
  readonly hidden: boolean;
}
