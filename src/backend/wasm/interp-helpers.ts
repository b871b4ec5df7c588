import { LINK, MAPS, MICRO_OP, mapShift, PAGE_MAP, SIDE_PC } from "../../engine/predecode-layout.ts";
import {
  CTL_ADDR,
  CTL_AUX,
  CTL_EXIT,
  CTL_PC,
  Exit,
  PAGE_CODE,
  PAGE_SHIFT,
  PAGE_SIZE,
  PERMS,
  PROT_WRITE,
} from "../../memory/layout.ts";
import { Code, I32, I64 } from "./code.ts";
import type { Ways } from "./interp-body.ts";
import { M, W } from "./opcodes.ts";

/** Functions of the module that both kinds of handlers call. */
export interface Helpers {
  /** (micro-op, reason, aux): sets the exit words, with the micro-op's pc. */
  readonly exitAt: number;
  /** (micro-op, address i64, access): the same for a fault. */
  readonly fault: number;
  /** (pc i64) -> micro-op, or 0 with the exit words set. */
  readonly lookup: number;
}

/** Which of the module's memories is which, and what its guests' instructions are aligned to. */
export interface Shape {
  readonly engine: number;
  readonly align: number;
  /** Counts instructions into CTL_RETIRED. */
  readonly count: boolean;
  /** Counts executions of each handler. */
  readonly profile: boolean;
}

/** The local that holds the micro-op in every function here: its first parameter. */
export const UOP = 0;

export function storeWord(code: Code, engine: number, at: number, value: () => void): void {
  code.i32(0);
  value();
  code.mem(M.i32_store, engine, at);
}

function storePc(code: Code, engine: number, value: () => void): void {
  code.i32(0);
  value();
  code.mem(M.i64_store, engine, CTL_PC);
}

export function exitAt(engine: number): Code {
  const code = new Code([I32, I32, I32]);
  storePc(code, engine, () => {
    code.get(UOP);
    code.mem(M.i64_load32_u, engine, SIDE_PC);
  });
  storeWord(code, engine, CTL_EXIT, () => code.get(1));
  storeWord(code, engine, CTL_AUX, () => code.get(2));
  return code;
}

/** The address reported is the first that is forbidden: the next page's start where the access begins on a good one. */
export function fault(engine: number): Code {
  const code = new Code([I32, I64, I32]);
  const page = code.local(I32);
  storePc(code, engine, () => {
    code.get(UOP);
    code.mem(M.i64_load32_u, engine, SIDE_PC);
  });
  storeWord(code, engine, CTL_EXIT, () => code.i32(Exit.Fault));
  storeWord(code, engine, CTL_AUX, () => code.get(2));
  code.get(1);
  code.op(W.i32_wrap_i64);
  code.i32(PAGE_SHIFT);
  code.op(W.i32_shr_u);
  code.set(page);
  code.i32(0);
  code.get(1);
  code.i64s(PAGE_SIZE - 1);
  code.op(W.i64_or);
  code.i64s(1);
  code.op(W.i64_add);
  code.get(1);
  code.get(page);
  code.mem(M.i32_load8_u, engine, PERMS);
  code.get(2);
  code.op(W.i32_and);
  code.i32(0);
  code.op(W.i32_ne);
  code.get(1);
  code.i64s(32);
  code.op(W.i64_shr_u);
  code.op(W.i64_eqz);
  code.op(W.i32_and);
  code.op(W.select);
  code.mem(M.i64_store, engine, CTL_ADDR);
  evaluateIfCode(code, engine, page);
  return code;
}

/** A store to a page that the guest may write, and that it or the next one holds decoded code: the evaluator tells of it. */
function evaluateIfCode(code: Code, engine: number, page: number): void {
  code.get(page);
  code.mem(M.i32_load8_u, engine, PERMS);
  code.i32(PROT_WRITE);
  code.op(W.i32_and);
  code.if();
  code.get(page);
  code.mem(M.i32_load8_u, engine, PERMS);
  code.get(page);
  code.mem(M.i32_load8_u, engine, PERMS + 1);
  code.op(W.i32_or);
  code.i32(PAGE_CODE);
  code.op(W.i32_and);
  code.i32(0);
  code.op(W.i32_ne);
  code.get(1);
  code.i64s(32);
  code.op(W.i64_shr_u);
  code.op(W.i64_eqz);
  code.op(W.i32_and);
  code.get(2);
  code.i32(PROT_WRITE);
  code.op(W.i32_eq);
  code.op(W.i32_and);
  code.if();
  storeWord(code, engine, CTL_EXIT, () => code.i32(Exit.Evaluate));
  code.end();
  code.end();
}

/** Leaves the micro-op at the i64 pc in local `pc` on the stack; 0: none known, or no such pc. */
export function pushLookup(code: Code, shape: Shape, pc: number): void {
  const { engine, align } = shape;
  // A pc above 4 GiB or between instructions reads the empty map.
  code.get(pc);
  code.op(W.i32_wrap_i64);
  code.i32(PAGE_SHIFT);
  code.op(W.i32_shr_u);
  code.i32(2);
  code.op(W.i32_shl);
  code.mem(M.i32_load, engine, PAGE_MAP);
  code.get(pc);
  code.op(W.i32_wrap_i64);
  code.i32(PAGE_SIZE - 1);
  code.op(W.i32_and);
  const shift = mapShift(align);
  if (shift > 0) {
    code.i32(shift);
    code.op(W.i32_shl);
  }
  code.op(W.i32_add);
  code.mem(M.i32_load, engine, MAPS);
  code.i32(0);
  code.get(pc);
  code.i64(align - 1, -1);
  code.op(W.i64_and);
  code.op(W.i64_eqz);
  code.op(W.select);
}

/** No code at the pc in local `pc`: to the dispatcher with it. */
export function dispatch(code: Code, engine: number, pc: number): void {
  storePc(code, engine, () => code.get(pc));
  storeWord(code, engine, CTL_EXIT, () => code.i32(Exit.Dispatch));
}

export function lookup(shape: Shape): Code {
  const code = new Code([I64]);
  const uop = code.local(I32);
  pushLookup(code, shape, 0);
  code.tee(uop);
  code.op(W.i32_eqz);
  code.if();
  dispatch(code, shape.engine, 0);
  code.end();
  code.get(uop);
  return code;
}

/** Ways of a handler in a function of its own: (micro-op) -> next micro-op, or 0 with the exit words set. */
export function functionWays(code: Code, engine: number, helpers: Helpers): Ways {
  const leave = (): void => {
    code.i32(0);
    code.op(W.return);
  };
  return {
    next() {
      code.get(UOP);
      code.i32(MICRO_OP);
      code.op(W.i32_add);
      code.op(W.return);
    },
    linked() {
      code.get(UOP);
      code.mem(M.i32_load, engine, LINK);
      code.op(W.return);
    },
    indirect() {
      code.call(helpers.lookup);
      code.op(W.return);
    },
    faultIf(access, address) {
      code.if();
      code.get(UOP);
      code.get(address);
      code.i32(access);
      code.call(helpers.fault);
      leave();
      code.end();
    },
    exit(reason, aux, after) {
      pushExit(code, helpers, reason, aux, after);
      leave();
    },
  };
}

export function pushExit(code: Code, helpers: Helpers, reason: number, aux: number, after: boolean): void {
  code.get(UOP);
  if (after) {
    code.i32(MICRO_OP);
    code.op(W.i32_add);
  }
  code.i32(reason);
  code.i32(aux);
  code.call(helpers.exitAt);
}
