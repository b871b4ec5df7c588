import type { Process, Task } from "./process.ts";

/*
 * Signals as the kernel sees them: numbers are the guest OS's own (its rulebook says what each does by default); sets are
 * 64 bits, bit number - 1.
 */

/** A handler address; 0 default, 1 ignore (the same in every Unix). */
export interface Action {
  readonly handler: number;
  /** F.SA_* bits. */
  readonly flags: number;
  readonly mask: bigint;
}
export const SIG_DFL = 0;
export const SIG_IGN = 1;
export const DEFAULT: Action = { handler: SIG_DFL, flags: 0, mask: 0n };

export interface SignalStack {
  readonly sp: number;
  readonly size: number;
  readonly disabled: boolean;
}

/** A signal on its way: who sent it, or what fault it stands for. */
export interface Pending {
  readonly signal: number;
  /** si_code. */
  readonly code: number;
  /** Fault address, where it is a fault's. */
  readonly address?: number | undefined;
  readonly pid?: number | undefined;
  readonly uid?: number | undefined;
  /** Cannot be blocked or ignored: the instruction could not go on. */
  readonly forced?: boolean;
}

export type DefaultAction = "terminate" | "core" | "ignore" | "stop" | "continue";

export const bitOf = (signal: number): bigint => 1n << BigInt(signal - 1);

/** True where the signal would do nothing if it came now. */
export function ignored(process: Process, signal: number): boolean {
  const { handler } = process.action(signal);
  if (handler === SIG_IGN) return true;
  return handler === SIG_DFL && process.kernel.defaultAction(signal) === "ignore";
}

/** Makes a signal pending; a standard signal that already is counts once. */
export function raise(task: Task, pending: Pending): void {
  const { signal } = pending;
  if (!pending.forced && ignored(task.process, signal) && !(task.blocked & bitOf(signal))) return;
  if (signal < 32 && task.pending.some((p) => p.signal === signal)) return;
  if (task.pending.length < 4096) task.pending.push(pending);
}

/** The next signal that the task does not block, taken off its queue; forced ones first. */
export function take(task: Task): Pending | undefined {
  if (!task.pending.length) return undefined;
  let best = -1;
  for (const [i, p] of task.pending.entries()) {
    if (!p.forced && task.blocked & bitOf(p.signal)) continue;
    if (best < 0 || (p.forced && !task.pending[best]!.forced)) best = i;
  }
  return best < 0 ? undefined : task.pending.splice(best, 1)[0];
}

/** True where an unblocked signal waits that has a handler or ends the process: a blocked call returns EINTR. */
export function interrupted(task: Task): boolean {
  return task.pending.some((p) => !(task.blocked & bitOf(p.signal)) && !ignored(task.process, p.signal));
}
