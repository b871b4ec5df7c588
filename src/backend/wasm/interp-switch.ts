import {
  Handler,
  HOT_COUNT,
  HOT_LIST,
  HOT_MAX,
  LINK,
  MICRO_OP,
  PROFILE,
  SIDE_COUNT,
  SIDE_PC,
} from "../../engine/predecode-layout.ts";
import { CTL_EXIT, CTL_FUEL, CTL_PC, CTL_RETIRED, Exit } from "../../memory/layout.ts";
import { Code, I32, I64, type ValueType } from "./code.ts";
import type { Ways } from "./interp-body.ts";
import { dispatch, type Helpers, pushExit, pushLookup, type Shape, storeWord, UOP } from "./interp-helpers.ts";
import { M, W } from "./opcodes.ts";

/** Code whose locals can all be taken back at once: handlers share one pool. */
export class PoolCode extends Code {
  private readonly taken = new Set<number>();
  override local(type: ValueType): number {
    const local = super.local(type);
    this.taken.add(local);
    return local;
  }
  override release(local: number): void {
    if (this.taken.delete(local)) super.release(local);
  }
  releaseAll(): void {
    for (const local of [...this.taken]) this.release(local);
  }
}

/** A handler in the switch: writes its body with the ways given. */
export type HandlerBody = (code: PoolCode, ways: Ways) => void;

/**
 * The interpreter's function, run(micro-op): a loop around a switch. `bodies` are the handlers from Handler.Rows on
 * that stand in the switch; those behind them are called through table `handlers`. Fuel is taken, and heads are
 * counted, at calls and at jumps to a lower or the same micro-op: every loop has one.
 */
export class Switch {
  readonly code = new PoolCode([I32]);
  private readonly shape: Shape;
  private readonly helpers: Helpers;
  private readonly target = this.code.freshLocal(I32);
  private readonly spent = this.code.freshLocal(I32);
  private readonly fuel = this.code.freshLocal(I32);
  private readonly access = this.code.freshLocal(I32);
  private readonly counter = this.code.freshLocal(I32);
  private readonly address = this.code.freshLocal(I64);
  private readonly retired = this.code.freshLocal(I64);
  /** Depths at which the labels' blocks stand. */
  private exit = 0;
  private faulted = 0;
  private again = 0;
  private taken = 0;
  private away = 0;
  private back = 0;

  constructor(shape: Shape, helpers: Helpers) {
    this.shape = shape;
    this.helpers = helpers;
  }

  build(bodies: readonly HandlerBody[], types: { readonly region: number; readonly handler: number }): Code {
    const { code } = this;
    const open = (): number => {
      code.block();
      return code.depth;
    };
    this.loadFuel();
    this.exit = open();
    this.faulted = open();
    code.loop();
    this.again = code.depth;
    this.taken = open();
    this.away = open();
    this.back = open();
    const outside = open();
    const special = [
      () => this.miss(),
      () => this.goto(),
      () => this.region(types.region),
      () => this.leave(Exit.Evaluate),
    ];
    const count = special.length + bodies.length;
    for (let i = 0; i < count; i++) code.block();
    if (this.shape.count) this.retire(1);
    if (this.shape.profile) this.countHandler();
    code.get(UOP);
    code.mem(M.i32_load16_u, this.shape.engine, 0);
    code.brTable(
      Array.from({ length: count }, (_, i) => i),
      code.depth - outside,
    );
    for (let i = 0; i < count; i++) {
      code.end();
      if (i < Handler.Rows) special[i]!();
      else bodies[i - Handler.Rows]!(code, this.ways());
      code.releaseAll();
    }
    code.end();
    this.callHandler(count, types.handler);
    code.end();
    this.returned();
    code.end();
    this.jumped();
    code.end();
    this.arrive();
    code.end(); // loop
    code.op(W.unreachable);
    code.end();
    code.get(UOP);
    code.get(this.address);
    code.get(this.access);
    code.call(this.helpers.fault);
    code.end();
    this.saveFuel();
    return code;
  }

  private to(label: number): void {
    this.code.br(this.code.depth - label);
  }

  private word(at: number): void {
    this.code.i32(0);
    this.code.mem(M.i32_load, this.shape.engine, at);
  }

  private loadFuel(): void {
    this.word(CTL_FUEL);
    this.code.set(this.fuel);
    if (!this.shape.count) return;
    this.code.i32(0);
    this.code.mem(M.i64_load, this.shape.engine, CTL_RETIRED);
    this.code.set(this.retired);
  }

  private saveFuel(): void {
    const { code } = this;
    storeWord(code, this.shape.engine, CTL_FUEL, () => code.get(this.fuel));
    if (!this.shape.count) return;
    code.i32(0);
    code.get(this.retired);
    code.mem(M.i64_store, this.shape.engine, CTL_RETIRED);
  }

  private retire(n: number): void {
    const { code } = this;
    code.get(this.retired);
    code.i64s(n);
    code.op(W.i64_add);
    code.set(this.retired);
  }

  private countHandler(): void {
    const { code, shape } = this;
    code.get(UOP);
    code.mem(M.i32_load16_u, shape.engine, 0);
    code.i32(3);
    code.op(W.i32_shl);
    code.tee(this.target);
    code.get(this.target);
    code.mem(M.i64_load, shape.engine, PROFILE);
    code.i64s(1);
    code.op(W.i64_add);
    code.mem(M.i64_store, shape.engine, PROFILE);
  }

  private leave(reason: number): void {
    if (this.shape.count) this.retire(-1);
    pushExit(this.code, this.helpers, reason, 0, false);
    this.to(this.exit);
  }

  private miss(): void {
    this.leave(Exit.Dispatch);
  }

  private goto(): void {
    if (this.shape.count) this.retire(-1);
    this.ways().linked(false);
  }

  private region(type: number): void {
    const { code } = this;
    if (this.shape.count) this.retire(-1);
    this.saveFuel();
    code.get(UOP);
    code.mem(M.i32_load, this.shape.engine, LINK);
    code.callIndirect(type, 0);
    this.loadFuel();
    this.word(CTL_EXIT);
    code.brIf(code.depth - this.exit);
    code.i32(0);
    code.mem(M.i64_load, this.shape.engine, CTL_PC);
    this.ways().indirect("jump");
  }

  private callHandler(inline: number, type: number): void {
    const { code } = this;
    code.get(UOP);
    code.get(UOP);
    code.mem(M.i32_load16_u, this.shape.engine, 0);
    code.i32(inline);
    code.op(W.i32_sub);
    code.callIndirect(type, 1);
    code.tee(this.target);
    code.op(W.i32_eqz);
    code.brIf(code.depth - this.exit);
    code.get(this.target);
    code.get(UOP);
    code.i32(MICRO_OP);
    code.op(W.i32_add);
    code.op(W.i32_eq);
    code.if();
    code.get(this.target);
    code.set(UOP);
    this.to(this.again);
    code.end();
    this.backwards();
    code.set(this.spent);
    this.to(this.taken);
  }

  /** i32: the target lies before here or is here. */
  private backwards(): void {
    const { code } = this;
    code.get(this.target);
    code.get(UOP);
    code.op(W.i32_le_u);
  }

  /** From the pc in `address` to the target, or away. */
  private find(): void {
    const { code } = this;
    pushLookup(code, this.shape, this.address);
    code.tee(this.target);
    code.op(W.i32_eqz);
    code.if();
    dispatch(code, this.shape.engine, this.address);
    this.to(this.exit);
    code.end();
  }

  /** After a return: fuel, but no head. */
  private returned(): void {
    const { code } = this;
    this.find();
    code.get(this.fuel);
    this.backwards();
    code.op(W.i32_sub);
    code.tee(this.fuel);
    code.i32(0);
    code.op(W.i32_le_s);
    code.if();
    this.outOfFuel();
    code.end();
    code.get(this.target);
    code.set(UOP);
    this.to(this.again);
  }

  private jumped(): void {
    const { code } = this;
    this.find();
    code.get(this.spent);
    this.backwards();
    code.op(W.i32_or);
    code.set(this.spent);
  }

  private outOfFuel(): void {
    const { code } = this;
    code.get(this.target);
    code.i32(Exit.Fuel);
    code.i32(0);
    code.call(this.helpers.exitAt);
    this.to(this.exit);
  }

  /** At the target of a jump: fuel, the head's counter. */
  private arrive(): void {
    const { code, shape } = this;
    code.get(this.target);
    code.get(this.target);
    code.mem(M.i32_load, shape.engine, SIDE_COUNT);
    code.get(this.spent);
    code.op(W.i32_sub);
    code.tee(this.counter);
    code.mem(M.i32_store, shape.engine, SIDE_COUNT);
    code.get(this.fuel);
    code.get(this.spent);
    code.op(W.i32_sub);
    code.tee(this.fuel);
    code.i32(0);
    code.op(W.i32_le_s);
    code.get(this.counter);
    code.op(W.i32_eqz);
    code.op(W.i32_or);
    code.if();
    code.get(this.counter);
    code.op(W.i32_eqz);
    code.if();
    this.note();
    code.end();
    code.get(this.fuel);
    code.i32(0);
    code.op(W.i32_le_s);
    code.if();
    this.outOfFuel();
    code.end();
    code.end();
    code.get(this.target);
    code.set(UOP);
    this.to(this.again);
  }

  /** Puts the target into the list of hot heads, once. */
  private note(): void {
    const { code } = this;
    const { engine } = this.shape;
    code.get(this.target);
    code.i32(0x7fffffff);
    code.mem(M.i32_store, engine, SIDE_COUNT);
    this.word(HOT_COUNT);
    code.tee(this.counter);
    code.i32(HOT_MAX);
    code.op(W.i32_lt_u);
    code.if();
    code.get(this.counter);
    code.i32(2);
    code.op(W.i32_shl);
    code.get(this.target);
    code.mem(M.i32_load, engine, SIDE_PC);
    code.mem(M.i32_store, engine, HOT_LIST);
    storeWord(code, engine, HOT_COUNT, () => {
      code.get(this.counter);
      code.i32(1);
      code.op(W.i32_add);
    });
    code.end();
  }

  private ways(): Ways {
    const { code, shape } = this;
    return {
      next: () => {
        code.get(UOP);
        code.i32(MICRO_OP);
        code.op(W.i32_add);
        code.set(UOP);
        this.to(this.again);
      },
      linked: (call) => {
        code.get(UOP);
        code.mem(M.i32_load, shape.engine, LINK);
        code.set(this.target);
        if (call) code.i32(1);
        else this.backwards();
        code.set(this.spent);
        this.to(this.taken);
      },
      indirect: (hint) => {
        code.set(this.address);
        if (hint === "ret") {
          this.to(this.back);
          return;
        }
        code.i32(hint === "call" ? 1 : 0);
        code.set(this.spent);
        this.to(this.away);
      },
      faultIf: (access, address) => {
        // The fault's words are set before the branch; nothing reads them where it is not taken.
        code.get(address);
        code.set(this.address);
        code.i32(access);
        code.set(this.access);
        code.brIf(code.depth - this.faulted);
      },
      exit: (reason, aux, after) => {
        pushExit(code, this.helpers, reason, aux, after);
        this.to(this.exit);
      },
    };
  }
}
