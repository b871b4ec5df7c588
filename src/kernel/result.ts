/**
 * What a kernel call comes to: a number is returned to the guest. Everything else is an outcome.
 */
export type SyscallResult = number | Outcome;

export type Outcome =
  /** A POSIX error name; ERESTART: a signal came first, and the call is made again if its handler has SA_RESTART. */
  | { readonly k: "error"; readonly code: string }
  /** The task cannot go on yet. */
  | { readonly k: "block"; readonly wait: Wait }
  /** One task ends, or with `group` its whole process. */
  | { readonly k: "exit"; readonly status: number; readonly group: boolean }
  /** The call set the registers itself (sigreturn): nothing is written back. */
  | { readonly k: "resume" };

/** What a blocked task waits for. */
export interface Wait {
  /** Monotonic nanoseconds at which `expired` is the result; null: no limit. */
  readonly until: bigint | null;
  /** The result as soon as there is one. Looks, never sleeps. */
  poll(): SyscallResult | null;
  expired(): SyscallResult;
  /** Something outside (a terminal, a host pipe) may end it, so polling makes sense. */
  readonly outside: boolean;
  /** The call looked before it made this: there is nothing to be had yet, nor a signal that came first. */
  readonly looked?: boolean;
  /** `poll` does not touch the guest's memory. */
  readonly quiet?: boolean;
  /** True while part of it is done: the call cannot be made again from the start. */
  readonly midway?: () => boolean;
  /** The task ends while it waits: nothing may count on it any more. */
  readonly cancel?: () => void;
}

const errors = new Map<string, Outcome>();

export function fail(code: string): Outcome {
  let outcome = errors.get(code);
  if (!outcome) {
    outcome = { k: "error", code };
    errors.set(code, outcome);
  }
  return outcome;
}

export function block(wait: Wait): Outcome {
  return { k: "block", wait };
}
