import { type Answer, readValues, type Solver } from "../../backend/smt/solver.ts";
import { OracleError } from "../oracle.ts";

/** What is used of z3-solver, which is not a dependency of the package: 35 MB that a run never needs. */
interface Z3Api {
  readonly Z3: {
    mk_config(): unknown;
    mk_context(config: unknown): unknown;
    eval_smtlib2_string(context: unknown, text: string): Promise<string>;
  };
  readonly em: { readonly PThread: { terminateAllThreads(): void } };
}

/** z3, where npm's z3-solver is installed. `timeout`: milliseconds a question. Rejects with ORACLE_MISSING. */
export async function z3(timeout: number): Promise<Solver> {
  const name = "z3-solver";
  let api: Z3Api;
  try {
    const module = (await import(name)) as { init(): Promise<Z3Api> };
    api = await module.init();
  } catch (error) {
    throw new OracleError(
      "ORACLE_MISSING",
      `z3 is not installed (npm i z3-solver): ${error instanceof Error ? error.message : error}`,
    );
  }
  const context = api.Z3.mk_context(api.Z3.mk_config());
  return {
    async check(text, wanted): Promise<Answer> {
      const start = `(reset)\n(set-option :timeout ${timeout})\n`;
      const answer = await api.Z3.eval_smtlib2_string(context, start + text);
      if (/\(error\b/.test(answer)) return { k: "unknown", why: `z3: ${answer.trim().slice(0, 200)}` };
      if (/^unsat\b/m.test(answer)) return { k: "unsat" };
      if (!/^sat\b/m.test(answer)) return { k: "unknown", why: `z3 gave up within ${timeout} ms` };
      if (wanted.length === 0) return { k: "sat", values: new Map() };
      return {
        k: "sat",
        values: readValues(await api.Z3.eval_smtlib2_string(context, `(get-value (${wanted.join(" ")}))`)),
      };
    },
    close: () => api.em.PThread.terminateAllThreads(),
  };
}
