import { type Answer, readModel, type Solver } from "../../backend/smt/solver.ts";
import { OracleError } from "../oracle.ts";

/** Handles of z3. */
type Context = { readonly z3: "context" };
type Z3Solver = { readonly z3: "solver" };
type Params = { readonly z3: "params" };
type Symbol = { readonly z3: "symbol" };
type Model = { readonly z3: "model" };

/** What is used of z3-solver, which is not a dependency of the package: 35 MB that a run never needs. */
interface Z3Api {
  readonly Z3: {
    mk_config(): unknown;
    mk_context(config: unknown): Context;
    mk_solver(c: Context): Z3Solver;
    solver_inc_ref(c: Context, s: Z3Solver): void;
    solver_dec_ref(c: Context, s: Z3Solver): void;
    mk_params(c: Context): Params;
    params_inc_ref(c: Context, p: Params): void;
    mk_string_symbol(c: Context, name: string): Symbol;
    params_set_uint(c: Context, p: Params, name: Symbol, value: number): void;
    solver_set_params(c: Context, s: Z3Solver, p: Params): void;
    solver_from_string(c: Context, s: Z3Solver, text: string): void;
    solver_check(c: Context, s: Z3Solver): Promise<number>;
    solver_get_model(c: Context, s: Z3Solver): Model;
    model_to_string(c: Context, m: Model): string;
  };
  readonly em: { readonly PThread: { terminateAllThreads(): void } };
}

/**
 * z3, where npm's z3-solver is installed. `timeout`: milliseconds a question. Rejects with ORACLE_MISSING. Text is handed
 * over by calls that return before anything runs on another thread: of a string given to such a call, z3's own binding
 * frees the copy too early.
 */
export async function z3(timeout: number): Promise<Solver> {
  const name = "z3-solver";
  let api: Z3Api;
  try {
    const module = (await import(name)) as { init(): Promise<Z3Api> };
    api = await module.init();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OracleError("ORACLE_MISSING", `z3 is not installed (npm i z3-solver): ${why}`);
  }
  const { Z3 } = api;
  const context = Z3.mk_context(Z3.mk_config());
  const params = Z3.mk_params(context);
  Z3.params_inc_ref(context, params);
  Z3.params_set_uint(context, params, Z3.mk_string_symbol(context, "timeout"), timeout);
  return {
    async check(text): Promise<Answer> {
      const solver = Z3.mk_solver(context);
      Z3.solver_inc_ref(context, solver);
      try {
        Z3.solver_set_params(context, solver, params);
        Z3.solver_from_string(context, solver, text);
        const answer = await Z3.solver_check(context, solver);
        if (answer < 0) return { k: "unsat" };
        if (answer === 0) return { k: "unknown", why: `z3 gave up within ${timeout} ms` };
        return { k: "sat", values: readModel(Z3.model_to_string(context, Z3.solver_get_model(context, solver))) };
      } finally {
        Z3.solver_dec_ref(context, solver);
      }
    },
    close: () => api.em.PThread.terminateAllThreads(),
  };
}
