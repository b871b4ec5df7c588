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
  /** A child's: exit status or signal. */
  readonly status?: number | undefined;
  /** sigqueue's, a timer's: what the program sent along. */
  readonly value?: bigint | undefined;
  /** A timer's number, and what counts its overruns. */
  readonly timer?: number | undefined;
  /** Cannot be blocked or ignored: the instruction could not go on. */
  readonly forced?: boolean;
}

/** si_code values (POSIX signal.h names; the numbers are the same in every Linux). */
export const SI = {
  USER: 0,
  KERNEL: 0x80,
  QUEUE: -1,
  TIMER: -2,
  TKILL: -6,
  CLD_EXITED: 1,
  CLD_KILLED: 2,
  CLD_DUMPED: 3,
  CLD_STOPPED: 5,
  CLD_CONTINUED: 6,
} as const;

export type DefaultAction = "terminate" | "core" | "ignore" | "stop" | "continue";

/** Signals that wait in one queue at most (RLIMIT_SIGPENDING). */
const MOST_PENDING = 4096;
/** Standard signals are below, real-time signals from here on: those queue. */
const FIRST_REALTIME = 32;

export const bitOf = (signal: number): bigint => 1n << BigInt(signal - 1);

/** True where the signal would do nothing if it came now. */
export function ignored(process: Process, signal: number): boolean {
  const { handler } = process.action(signal);
  if (handler === SIG_IGN) return true;
  if (handler !== SIG_DFL) return false;
  const does = process.personality.defaultAction(signal);
  return does === "ignore" || does === "continue";
}

/** Makes a signal pending for one thread; a standard signal that already is counts once. */
export function raise(task: Task, pending: Pending): void {
  arrive(task.process, pending.signal);
  if (stopsNow(task.process, pending, [task])) return;
  queue(task.process, task.pending, pending, !(task.blocked & bitOf(pending.signal)));
}

/** Makes a signal pending for a process: whichever thread does not block it takes it. */
export function send(process: Process, pending: Pending): void {
  if (process.exit) return;
  arrive(process, pending.signal);
  if (stopsNow(process, pending, process.tasks)) return;
  const open = process.tasks.some((task) => !(task.blocked & bitOf(pending.signal)));
  queue(process, process.pending, pending, open);
}

function queue(process: Process, list: Pending[], pending: Pending, open: boolean): void {
  const { signal } = pending;
  if (!pending.forced && open && ignored(process, signal)) return;
  if (signal < FIRST_REALTIME && list.some((p) => p.signal === signal)) return;
  if (list.length < MOST_PENDING) list.push(pending);
}

/** What a signal's coming does at once, even where it is blocked or ignored. */
function arrive(process: Process, signal: number): void {
  const does = process.personality.defaultAction(signal);
  if (does === "continue") {
    forget(process, (other) => process.personality.defaultAction(other) === "stop");
    resume(process);
  } else if (does === "stop") forget(process, (other) => process.personality.defaultAction(other) === "continue");
  if (signal === process.personality.signal("SIGKILL")) process.stopped = 0;
}

function resume(process: Process): void {
  if (!process.stopped) return;
  process.stopped = 0;
  process.news = "continued";
  process.kernel.tellParent(process, SI.CLD_CONTINUED, process.personality.signal("SIGCONT"));
}

/** Stops a process by job control and tells its parent. */
export function stop(process: Process, signal: number): void {
  process.stopped = signal;
  process.news = "stopped";
  process.kernel.tellParent(process, SI.CLD_STOPPED, signal);
}

/** Stopping is not put off until some thread runs: blocked calls stay as they are, and go on later. */
function stopsNow(process: Process, pending: Pending, tasks: readonly Task[]): boolean {
  const { signal } = pending;
  if (process.personality.defaultAction(signal) !== "stop") return false;
  if (process.action(signal).handler !== SIG_DFL) return false;
  if (!tasks.some((task) => !(task.blocked & bitOf(signal)))) return false;
  if (mayStop(process, signal) && !process.stopped) stop(process, signal);
  return true;
}

/** The terminal's stop signals do nothing in an orphaned process group (POSIX 2.4.3); SIGSTOP always works. */
export function mayStop(process: Process, signal: number): boolean {
  return signal === process.personality.signal("SIGSTOP") || !process.kernel.orphaned(process.pgid);
}

/** Takes signals out of all of a process's queues. */
export function forget(process: Process, which: (signal: number) => boolean): void {
  for (const list of [process.pending, ...process.tasks.map((task) => task.pending)])
    for (let i = list.length - 1; i >= 0; i--) if (which(list[i]!.signal)) list.splice(i, 1);
}

/** The next signal that the task does not block, taken off its queue; forced ones first, its own before the process's. */
export function take(task: Task): Pending | undefined {
  const own = pick(task, task.pending);
  return own ?? (task.process.pending.length ? pick(task, task.process.pending) : undefined);
}

function pick(task: Task, list: Pending[]): Pending | undefined {
  if (!list.length) return undefined;
  let best = -1;
  for (const [i, p] of list.entries()) {
    if (!p.forced && task.blocked & bitOf(p.signal)) continue;
    if (best < 0 || (p.forced && !list[best]!.forced)) best = i;
  }
  return best < 0 ? undefined : list.splice(best, 1)[0];
}

/** The first pending signal of `mask`, taken off the queues (sigtimedwait, signalfd). */
export function takeOf(task: Task, mask: bigint): Pending | undefined {
  for (const list of [task.pending, task.process.pending]) {
    const at = list.findIndex((p) => mask & bitOf(p.signal));
    if (at >= 0) return list.splice(at, 1)[0];
  }
  return undefined;
}

/** Bits of what waits for a task, its own and the process's. */
export function pendingMask(task: Task): bigint {
  let mask = 0n;
  for (const { signal } of task.pending) mask |= bitOf(signal);
  for (const { signal } of task.process.pending) mask |= bitOf(signal);
  return mask;
}

/**
 * True where an unblocked signal waits that has a handler or ends the process: a blocked call ends early. One that is
 * for the process interrupts the first thread that does not block it.
 */
export function interrupted(task: Task): boolean {
  const { process } = task;
  if (process.exit) return true;
  const open = (p: Pending): boolean => !(task.blocked & bitOf(p.signal)) && !ignored(process, p.signal);
  if (task.pending.length && task.pending.some(open)) return true;
  if (!process.pending.length) return false;
  return process.pending.some(
    (p) => open(p) && process.tasks.find((other) => !(other.blocked & bitOf(p.signal))) === task,
  );
}
