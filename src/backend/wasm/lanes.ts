import type { Node } from "../../ir/node.ts";
import { unroll } from "../../ir/remake.ts";
import { V128 } from "./code.ts";
import type { FloatHost } from "./float-host.ts";
import { fits, isContainer } from "./lanes-fit.ts";
import type { Registers } from "./lanes-registers.ts";
import { Lanes } from "./lanes-values.ts";
import type { Lower } from "./lower.ts";
import { W } from "./opcodes.ts";
import { type Container, int, LANE_S, LANE_U } from "./simd-codes.ts";
import { type StickyTerm, stickyFor } from "./sticky.ts";
import { ANY, SIGN, type Want, ZERO } from "./values.ts";

/**
 * `map` and `ormap` in SIMD registers. A value of a body with `w` bits lies in lanes of the next power of two, in as
 * many registers as its lanes take, the bits above `w` as the consumer wants them, as with scalars; an i1 is a mask of
 * lanes that are all ones or zeros. What SIMD cannot do is done lane by lane in between.
 */
export class LaneLower {
  private readonly l: Lower;
  private readonly open: { readonly lanes: Lanes; readonly depth: number }[] = [];

  constructor(l: Lower) {
    this.l = l;
  }

  /** Pushes chunk `k` of a map; all its chunks are kept. */
  chunk(node: Node, k: number): void {
    const { l } = this;
    const body = node.body!;
    if (!isContainer(body.w) || !fits(node)) {
      const plain = this.plain(node);
      l.wide.v(plain, k);
      return;
    }
    const { lanes, done, ours } = this.lanesOf(node);
    const registers = lanes.vec(body, body.w as Container, ANY).map((local) => {
      if (ours) return local;
      // The float results stay with the lanes that they were made for: what is kept here may end before those.
      const copy = l.code.local(V128);
      l.code.get(local);
      l.code.set(copy);
      return copy;
    });
    done(registers);
    registers.forEach((local, i) => {
      l.wide.keepChunk(node, i, local);
    });
    l.code.get(registers[k]!);
  }

  /** Pushes a map or ormap of up to 64 bits in its natural type. */
  scalar(node: Node, want: Want): void {
    const { l } = this;
    const { code } = l;
    const body = node.body!;
    if (!fits(node)) {
      l.emit(this.plain(node), want);
      return;
    }
    if (node.op === "map" && body.w === 1) {
      const { lanes, done } = this.lanesOf(node);
      const c = lanes.maskHome(body);
      const registers = lanes.mask(body, c);
      const each = 128 / c;
      registers.forEach((local, k) => {
        code.get(local);
        code.fd(int(c, "bitmask"));
        if (node.w > 32) code.op(W.i64_extend_i32_u);
        if (k === 0) return;
        l.number(node.w, k * each);
        l.pair(node.w, W.i32_shl, W.i64_shl);
        l.pair(node.w, W.i32_or, W.i64_or);
      });
      done([]);
      if (node.w < each) l.clean(node.w, want === ANY ? ZERO : want);
      else l.clean(node.w, want);
      return;
    }
    if (node.op === "map" && isContainer(body.w)) {
      l.wide.v(node, 0, true);
      if (node.w > 32) code.lane(LANE_U[64], 0);
      else code.lane((want === SIGN ? LANE_S : LANE_U)[node.w as Container], 0);
      return;
    }
    l.emit(this.plain(node), want);
  }

  /**
   * slot |= the exceptions of lanes, in memory. The float results are kept for the maps over the same lanes that come
   * after. Throws where the exceptions are not those of float ops without conditions.
   */
  accumulate(slot: number, term: StickyTerm, host: FloatHost): void {
    const map = term.lanes!;
    if (!fits(map, true)) throw new Error(`exceptions of ${map.aux} lanes: it has no wasm lowering`);
    const lanes = new Lanes(this.l, map);
    const exceptions: Node[] = [];
    const collect = (n: Node): void => {
      if (n.op === "or") n.args.forEach(collect);
      else exceptions.push(n);
    };
    collect(map.body!);
    for (const n of exceptions) lanes.raise(n, (e, float) => stickyFor(slot, term, e, float), host);
    this.open.push({ lanes, depth: this.l.frozen });
  }

  /** The parts deeper than `depth` are over. */
  leave(depth: number): void {
    for (
      let last = this.open[this.open.length - 1];
      last && last.depth > depth;
      last = this.open[this.open.length - 1]
    ) {
      this.open.pop();
      last.lanes.done([]);
    }
  }
  reset(): void {
    this.leave(-1);
  }

  /**
   * Lanes of which float results are known already, or new ones: in a part that may not run too, since what is kept there is given
   * back behind it and what is computed there is not known behind it.
   */
  private lanesOf(node: Node): { lanes: Lanes; done: (results: Registers) => void; ours: boolean } {
    const same = this.open.find(
      ({ lanes, depth }) =>
        depth === this.l.frozen &&
        lanes.map.aux === node.aux &&
        lanes.map.args.length === node.args.length &&
        lanes.map.args.every((a, i) => a === node.args[i]),
    );
    if (same) {
      // In a part that may not run nothing new becomes known for what comes after.
      const forget = this.l.frozen > same.depth ? same.lanes.mark() : () => undefined;
      return { lanes: same.lanes, done: forget, ours: false };
    }
    const lanes = new Lanes(this.l, node);
    return { lanes, done: (results) => lanes.done(results), ours: true };
  }

  /** The value without lanes, its uses counted. */
  private plain(node: Node): Node {
    const plain = unroll(node);
    this.l.demand.full(plain);
    return plain;
  }
}
