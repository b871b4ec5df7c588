import { extract } from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { I64, V128 } from "./code.ts";
import { FLOAT } from "./demand.ts";
import type { Lower } from "./lower.ts";
import { FD, W } from "./opcodes.ts";
import { type Container, int, LANE_S, LANE_U, REPLACE, SPLAT, V } from "./simd-codes.ts";
import { FLOAT_RESULT, SIGN, type Want, ZERO } from "./values.ts";
import { constBytes, moves, type Piece, piecesOf } from "./wide-pieces.ts";
import { wordsOf } from "./wide-words.ts";

/**
 * Values wider than 64 bits. They are asked for a part at a time, so that nobody pays for a part that nobody wants: a
 * chunk is 128 bits as a v128, a word 64 bits as an i64, the bits above the value's width being zero. Each op is at
 * home in one of the two: lanes, loads and bitwise logic in chunks, carries and shifts by bits in words.
 */
export class Wide {
  private readonly l: Lower;
  private readonly chunks = new Map<Node, (number | undefined)[]>();
  private readonly words = new Map<Node, readonly number[]>();
  private readonly homes = new Map<Node, boolean>();
  /** What was kept in parts that may not run, to be forgotten behind them. */
  private readonly scoped: { readonly node: Node; readonly chunk: number; readonly depth: number }[] = [];

  constructor(l: Lower) {
    this.l = l;
  }

  reset(): void {
    const { code } = this.l;
    for (const list of this.chunks.values()) for (const local of list) if (local !== undefined) code.release(local);
    for (const list of this.words.values()) for (const local of list) code.release(local);
    this.chunks.clear();
    this.words.clear();
    this.homes.clear();
    this.scoped.length = 0;
  }

  /** The parts deeper than `depth` are over. */
  leave(depth: number): void {
    const { code } = this.l;
    for (
      let top = this.scoped[this.scoped.length - 1];
      top && top.depth > depth;
      top = this.scoped[this.scoped.length - 1]
    ) {
      this.scoped.pop();
      if (top.chunk < 0) {
        for (const local of this.words.get(top.node) ?? []) code.release(local);
        this.words.delete(top.node);
      } else {
        const list = this.chunks.get(top.node)!;
        code.release(list[top.chunk]!);
        list[top.chunk] = undefined;
      }
    }
  }

  /** From now on the chunk is in `local`. */
  keepChunk(node: Node, k: number, local: number): void {
    let list = this.chunks.get(node);
    if (list === undefined) this.chunks.set(node, (list = []));
    list[k] = local;
    if (this.l.frozen > 0) this.scoped.push({ node, chunk: k, depth: this.l.frozen });
  }
  /** From now on all words are in `locals`. */
  keepWords(node: Node, locals: readonly number[]): void {
    this.words.set(node, locals);
    if (this.l.frozen > 0) this.scoped.push({ node, chunk: -1, depth: this.l.frozen });
  }
  isKept(node: Node): boolean {
    return this.words.has(node) || (this.chunks.get(node)?.some((x) => x !== undefined) ?? false);
  }

  /** True where the value is at home in chunks. */
  inChunks(node: Node): boolean {
    let home = this.homes.get(node);
    if (home === undefined) this.homes.set(node, (home = this.home(node)));
    return home;
  }
  private home(node: Node): boolean {
    if (this.words.has(node)) return false;
    switch (node.op) {
      case "get":
      case "load":
      case "old":
      case "rmw":
      case "param":
        return node.w % 128 === 0;
      case "map":
        return true;
      case "and":
      case "or":
      case "xor":
      case "not":
      case "undef":
        return node.args.some((a) => this.inChunks(a));
      case "select":
        return this.inChunks(node.args[1]!) || this.inChunks(node.args[2]!);
      default:
        return moves(node) && node.args[0]!.w > 64 && node.args.some((a) => a.w > 64 && this.inChunks(a));
    }
  }

  // --- chunks

  /** Pushes chunk `k` as a v128. `any`: the bits above the value's width may be any. */
  v(node: Node, k: number, any = false): void {
    const { code } = this.l;
    const kept = this.chunks.get(node)?.[k];
    if (kept !== undefined) {
      code.get(kept);
      // Lanes that fill less than a register leave anything above them.
      if (!any && node.w < 128 && node.op === "map") this.mask(node.w);
      return;
    }
    if (k * 128 >= node.w) {
      this.bytes([]);
      return;
    }
    if (node.op !== "map" && node.w > 64 && this.keeps(node)) {
      this.chunk(node, k, false);
      const local = code.local(V128);
      code.tee(local);
      this.keepChunk(node, k, local);
    } else this.chunk(node, k, any);
  }

  /** Computes the chunk and keeps it. */
  hold(node: Node, k: number): void {
    const local = this.local(node, k);
    if (this.chunks.get(node)?.[k] === undefined) this.keepChunk(node, k, local);
  }

  /** The chunk in a local. Kept ones are not the caller's to change. */
  local(node: Node, k: number, any = false): number {
    const kept = this.chunks.get(node)?.[k];
    if (kept !== undefined) return kept;
    const { code } = this.l;
    this.v(node, k, any);
    const now = this.chunks.get(node)?.[k];
    if (now !== undefined) {
      code.op(W.drop);
      return now;
    }
    const local = code.local(V128);
    code.set(local);
    return local;
  }

  /** Values that were unrolled have no uses counted: they are kept to be safe. */
  private keeps(node: Node): boolean {
    if (node.op === "const" || node.op === "get" || node.op === "old" || moves(node)) return false;
    return this.l.demand.count(node) !== 1 || node.w > 128;
  }

  private chunk(node: Node, k: number, any: boolean): void {
    const { code } = this.l;
    if (node.w <= 64 || moves(node)) {
      const w = Math.min(128, node.w - 128 * k);
      const pieces =
        node.op === "map" ? undefined : piecesOf(node, 128 * k, w, (n) => this.isKept(n) || this.l.isKept(n));
      if (pieces !== undefined) {
        if (w < 128 && !any) pieces.push({ node: undefined, lo: 0, w: 128 - w, at: w });
        this.assemble(pieces);
        return;
      }
    }
    if (node.op === "const") {
      this.bytes(constBytes(node, 128 * k, 16));
      return;
    }
    if (node.op !== "map" && !this.inChunks(node)) {
      this.fromWords(node, k);
      return;
    }
    const [a, b, c] = node.args as [Node, Node, Node];
    switch (node.op) {
      case "get":
      case "load":
      case "rmw":
      case "old":
      case "param":
        this.l.env.leafChunk(this.l, node, k);
        return;
      case "undef":
        this.v(a, k, any);
        return;
      case "map":
        this.l.lanes.chunk(node, k);
        if (!any && node.w < 128) this.mask(node.w);
        return;
      case "and": {
        const [x, y] = a.op === "not" ? [b, a] : [a, b];
        this.v(x, k, any);
        this.v(y.op === "not" ? y.args[0]! : y, k, any);
        code.fd(y.op === "not" ? V.andnot : V.and);
        return;
      }
      case "or":
      case "xor":
        this.v(a, k, any);
        this.v(b, k, any);
        code.fd(node.op === "or" ? V.or : V.xor);
        return;
      case "not":
        this.v(a, k, any);
        code.fd(V.not);
        if (!any && node.w - 128 * k < 128) this.mask(node.w - 128 * k);
        return;
      case "select":
        this.v(b, k, any);
        this.v(c, k, any);
        this.l.emit(a, ZERO);
        code.op(W.select);
        return;
      default:
        throw new Error(`${node.op} of i${node.w} has no wasm lowering`);
    }
  }

  /** Pushes a constant: the bytes given, then zeros. */
  bytes(bytes: readonly number[]): void {
    const { code } = this.l;
    code.fd(V.const);
    for (let i = 0; i < 16; i++) code.u8(bytes[i] ?? 0);
  }
  /** Keeps the low `w` bits of the v128 on the stack. */
  private mask(w: number): void {
    this.bytes(Array.from({ length: 16 }, (_, i) => (8 * i + 8 <= w ? 255 : 8 * i >= w ? 0 : (1 << (w - 8 * i)) - 1)));
    this.l.code.fd(V.and);
  }

  private fromWords(node: Node, k: number): void {
    const { code } = this.l;
    const words = this.bind(node);
    code.get(words[2 * k]!);
    code.fd(SPLAT[64]);
    const high = words[2 * k + 1];
    if (high === undefined) code.i64s(0);
    else code.get(high);
    code.lane(REPLACE[64], 1);
  }

  /** Pushes 128 bits put together from pieces, anything above them. */
  private assemble(pieces: readonly Piece[]): void {
    const { code } = this.l;
    const [first] = pieces;
    const solid = pieces.filter((p) => p.node !== undefined);
    if (solid.length === 0) {
      this.bytes([]);
      return;
    }
    // One value as it is, perhaps with bits above that do not matter.
    if (pieces.length === 1 && first!.lo % 128 === 0 && this.vector(first!)) {
      this.v(first!.node!, first!.lo / 128, first!.w < 128);
      return;
    }
    const same =
      solid.length > 1 &&
      solid.length === pieces.length &&
      solid.every((p) => p.node === first!.node && p.lo === first!.lo && p.w === first!.w);
    if (same && insertable(first!) && !this.vector(first!)) {
      this.scalar(first!);
      code.fd(SPLAT[first!.w as Container]);
      return;
    }
    if (
      !pieces.every((p) => p.w % 8 === 0 && p.at % 8 === 0 && (p.node === undefined || this.byByte(p) || insertable(p)))
    ) {
      this.twoWords(pieces);
      return;
    }
    const scalars = solid.filter((p) => !this.byByte(p));
    this.shuffled(pieces);
    for (const p of scalars) {
      const float = this.asFloat(p);
      if (float) {
        this.l.float(p.node!);
        code.lane(p.w === 64 ? FD.f64x2_replace_lane : 32, p.at / p.w);
      } else {
        this.scalar(p);
        code.lane(REPLACE[p.w as Container], p.at / p.w);
      }
    }
  }

  private asFloat(p: Piece): boolean {
    const node = p.node!;
    if (p.lo !== 0 || p.w !== node.w || (node.w !== 32 && node.w !== 64)) return false;
    return FLOAT_RESULT.has(node.op) || (this.l.demand.how(node) === FLOAT && this.l.demand.count(node) > 1);
  }

  /** The piece lies in a value that is at home in chunks. */
  private vector(p: Piece): boolean {
    return (
      p.node !== undefined && (p.node.w > 64 ? p.node.op !== "const" && this.inChunks(p.node) : p.node.op === "map")
    );
  }
  private byByte(p: Piece): boolean {
    return p.lo % 8 === 0 && (this.vector(p) || p.node?.op === "const");
  }

  /** Pushes the bytes that come from vectors and constants, zeros or anything where a scalar will stand. */
  private shuffled(pieces: readonly Piece[]): void {
    const { code } = this.l;
    const fixed = new Array<number>(16).fill(0);
    const last = pieces[pieces.length - 1]!;
    const open = Array.from({ length: 16 }, (_, i) => 8 * i >= last.at + last.w);
    const from: { node: Node; chunk: number; byte: number }[] = [];
    for (const p of pieces) {
      const at = p.at / 8;
      const count = p.w / 8;
      if (p.node === undefined) continue;
      if (p.node.op === "const") {
        constBytes(p.node, p.lo, count).forEach((byte, i) => {
          fixed[at + i] = byte;
          open[at + i] = false;
        });
      } else if (!this.vector(p)) open.fill(true, at, at + count);
      else
        for (let i = 0; i < count; i++) {
          const byte = p.lo / 8 + i;
          from[at + i] = { node: p.node, chunk: byte >> 4, byte: byte & 15 };
        }
    }
    const sources: { node: Node; chunk: number }[] = [];
    const index = (s: { node: Node; chunk: number }): number => {
      const known = sources.findIndex((x) => x.node === s.node && x.chunk === s.chunk);
      return known >= 0 ? known : sources.push({ node: s.node, chunk: s.chunk }) - 1;
    };
    const number = Array.from({ length: 16 }, (_, i) => (from[i] === undefined ? -1 : index(from[i]!)));
    const needsFixed = number.some((n, i) => n < 0 && !open[i]);
    if (sources.length === 0) {
      this.bytes(fixed);
      return;
    }
    // Sources join one after the other; bytes that are there already stay in place.
    this.v(sources[0]!.node, sources[0]!.chunk, true);
    const done = new Array<boolean>(16).fill(false);
    const inPlace = number.every((n, i) => n !== 0 || from[i]!.byte === i);
    let settled = inPlace;
    const join = (which: number, push: () => void): void => {
      push();
      code.fd(V.shuffle);
      for (let i = 0; i < 16; i++) {
        if (number[i] === which) code.u8(16 + (which < 0 ? i : from[i]!.byte));
        else if (number[i] === 0 && !settled) code.u8(from[i]!.byte);
        else code.u8(i);
        if (number[i] === which) done[i] = true;
      }
      settled = true;
    };
    for (let s = 1; s < sources.length; s++) join(s, () => this.v(sources[s]!.node, sources[s]!.chunk, true));
    if (needsFixed) join(-1, () => this.bytes(fixed));
    if (settled) return;
    const local = code.local(V128);
    code.tee(local);
    code.get(local);
    code.fd(V.shuffle);
    for (let i = 0; i < 16; i++) code.u8(number[i] === 0 ? from[i]!.byte : i);
    code.release(local);
  }

  private twoWords(pieces: readonly Piece[]): void {
    const { code } = this.l;
    const half = (from: number): void => {
      const part = pieces
        .filter((p) => p.at < from + 64 && p.at + p.w > from)
        .map((p) => {
          const lo = Math.max(p.at, from);
          const w = Math.min(p.at + p.w, from + 64) - lo;
          return { node: p.node, lo: p.lo + lo - p.at, w, at: lo - from };
        });
      this.word(part);
    };
    half(0);
    code.fd(SPLAT[64]);
    half(64);
    code.lane(REPLACE[64], 1);
  }

  /** Pushes a piece of a scalar for a lane of its width. */
  private scalar(p: Piece): void {
    const part = p.lo === 0 && p.w === p.node!.w ? p.node! : extract(p.node!, p.lo, p.w);
    if (part.w > 32) this.l.emit(part);
    else this.l.low(part);
  }

  // --- words

  /** Pushes bits [lo, lo + w), w <= 64, as an i64. */
  bits(node: Node, lo: number, w: number): void {
    if (lo >= node.w) {
      this.l.code.i64s(0);
      return;
    }
    this.word(piecesOf(node, lo, Math.min(w, node.w - lo), (n) => this.isKept(n) || this.l.isKept(n)));
  }

  private word(pieces: readonly Piece[]): void {
    const { code } = this.l;
    let some = false;
    for (const p of pieces) {
      if (p.node === undefined) continue;
      this.part(p);
      if (p.at > 0) {
        code.i64s(p.at);
        code.op(W.i64_shl);
      }
      if (some) code.op(W.i64_or);
      some = true;
    }
    if (!some) code.i64s(0);
  }

  private part(p: Piece): void {
    const { code } = this.l;
    const node = p.node!;
    if (node.w <= 64) {
      const part = p.lo === 0 && p.w === node.w ? node : extract(node, p.lo, p.w);
      this.l.emit(part, ZERO);
      if (part.w <= 32) code.op(W.i64_extend_i32_u);
      return;
    }
    if (node.op === "const") {
      const bytes = extract(node, p.lo, p.w);
      code.i64(bytes.lo, bytes.hi);
      return;
    }
    const first = p.lo >> 6;
    const shift = p.lo & 63;
    const across = shift + p.w > 64;
    this.whole(node, first, across);
    if (shift > 0) {
      code.i64s(shift);
      code.op(W.i64_shr_u);
    }
    if (across) {
      this.whole(node, first + 1, true);
      code.i64s(64 - shift);
      code.op(W.i64_shl);
      code.op(W.i64_or);
    }
    const top =
      shift + p.w === 64 || (!across && p.lo + p.w === node.w) || (across && p.lo + p.w === node.w && p.w === 64);
    if (!top && p.w < 64) this.l.clean64(p.w);
  }

  /** Pushes word `j`. `again`: the chunk will be asked again. */
  private whole(node: Node, j: number, again: boolean): void {
    const { code } = this.l;
    const words = this.words.get(node);
    if (words !== undefined) {
      code.get(words[j]!);
      return;
    }
    const kept = this.chunks.get(node)?.[j >> 1];
    if (kept === undefined && (node.op === "get" || node.op === "param")) {
      this.l.env.leafWord(this.l, node, j);
      return;
    }
    if (kept === undefined && !this.inChunks(node)) {
      code.get(this.bind(node)[j]!);
      return;
    }
    if (again && kept === undefined) {
      const local = this.local(node, j >> 1);
      if (this.chunks.get(node)?.[j >> 1] === undefined) this.keepChunk(node, j >> 1, local);
    }
    this.v(node, j >> 1, true);
    code.lane(LANE_U[64], j & 1);
  }

  /** All words of the value, in locals. */
  bind(node: Node): readonly number[] {
    const known = this.words.get(node);
    if (known !== undefined) return known;
    const locals = wordsOf(this.l, this, node);
    this.keepWords(node, locals);
    return locals;
  }

  /** Word `j` into a local of the caller's. */
  take(node: Node, j: number): number {
    const local = this.l.code.local(I64);
    this.bits(node, 64 * j, 64);
    this.l.code.set(local);
    return local;
  }

  // --- values of up to 64 bits made of wide ones

  /** An extract from a wide value, in its natural type. */
  extract(node: Node, want: Want): void {
    const { code } = this.l;
    const a = node.args[0]!;
    const { aux: lo, w } = node;
    const [only, ...more] = piecesOf(a, lo, w, (n) => this.isKept(n) || this.l.isKept(n));
    if (more.length === 0 && only!.node !== undefined && (w === 8 || w === 16 || w === 32)) {
      const from = only!.lo;
      const get = only!.node.op === "get" && this.chunks.get(only!.node)?.[from >> 7] === undefined;
      if (this.vector(only!) && from % w === 0 && !get) {
        this.v(only!.node, from >> 7, true);
        code.lane((want === SIGN ? LANE_S : LANE_U)[w], (from & 127) / w);
        return;
      }
    }
    this.bits(a, lo, w);
    if (w <= 32) code.op(W.i32_wrap_i64);
    if (want === SIGN) this.l.clean(w, want);
  }

  /** True where a float of 32 or 64 bits lies in a lane of a vector that is at hand: pushed as a float. */
  float(node: Node): boolean {
    const { code } = this.l;
    const [only, ...more] = piecesOf(node.args[0]!, node.aux, node.w, (n) => this.isKept(n) || this.l.isKept(n));
    if (more.length > 0 || only!.node === undefined || only!.lo % node.w !== 0 || !this.vector(only!)) return false;
    const k = only!.lo >> 7;
    if (only!.node.op === "get" && this.chunks.get(only!.node)?.[k] === undefined) {
      this.l.env.leafPart(this.l, only!.node, only!.lo, node.w === 64 ? "f64" : "f32");
      return true;
    }
    this.v(only!.node, k, true);
    code.lane(node.w === 64 ? FD.f64x2_extract_lane : FD.f32x4_extract_lane, (only!.lo & 127) / node.w);
    return true;
  }

  /** eq or ne of wide values, i32. */
  equal(node: Node): void {
    const { code } = this.l;
    const [a, b] = node.args as [Node, Node];
    const chunks = (a.w + 127) >> 7;
    for (let k = 0; k < chunks; k++) {
      this.v(a, k);
      if (!(b.op === "const" && !b.big)) {
        this.v(b, k);
        code.fd(V.xor);
      }
      code.fd(V.any_true);
      if (k > 0) code.op(W.i32_or);
    }
    if (node.op === "eq") code.op(W.i32_eqz);
  }

  /** A concat of the top bits of lanes: a bitmask. False: it is another. */
  bitmask(node: Node): boolean {
    const { code } = this.l;
    if (node.w < 2 || node.w > 64 || node.args[1]!.w > 32) return false;
    const pieces = piecesOf(node, 0, node.w, () => false);
    const first = pieces[0]!;
    if (pieces.length !== node.w || first.node === undefined || first.node.w <= 64) return false;
    const c = first.lo + 1;
    if (c !== 8 && c !== 16 && c !== 32 && c !== 64) return false;
    if (!pieces.every((p, i) => p.node === first.node && p.lo === c * (i + 1) - 1) || !this.inChunks(first.node))
      return false;
    const each = 128 / c;
    if (node.w % each !== 0) return false;
    for (let k = 0; k < node.w / each; k++) {
      this.v(first.node, k, true);
      code.fd(int(c, "bitmask"));
      if (node.w > 32) code.op(W.i64_extend_i32_u);
      if (k === 0) continue;
      this.l.number(node.w, k * each);
      this.l.pair(node.w, W.i32_shl, W.i64_shl);
      this.l.pair(node.w, W.i32_or, W.i64_or);
    }
    return true;
  }
}

/** Fits a lane of its own: replaced there. */
const insertable = (p: Piece): boolean =>
  (p.w === 8 || p.w === 16 || p.w === 32 || p.w === 64) && p.at % p.w === 0 && p.node!.w <= 64;
