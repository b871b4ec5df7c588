import { F } from "../flags.ts";
import { duration, type Place, type Timespec } from "../guest.ts";
import type { Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { type Action, bitOf, ignored, interrupted, raise } from "../signals.ts";

interface MaskValue {
  readonly mask: bigint;
}
const SET_SIZE = 8;
const LAST = 64;

/** SIGKILL and SIGSTOP can be neither caught nor blocked. */
function untouchable(task: Task): bigint {
  const { personality } = task.kernel;
  return bitOf(personality.signal("SIGKILL")) | bitOf(personality.signal("SIGSTOP"));
}

export function sigaction(
  task: Task,
  signal: number,
  action: Place<Action>,
  old: Place<Action>,
  size: number,
): SyscallResult {
  if (size !== SET_SIZE || signal < 1 || signal > LAST) return fail("EINVAL");
  const fresh = action.isNull ? null : action.get();
  if (fresh && untouchable(task) & bitOf(signal)) return fail("EINVAL");
  const before = task.process.action(signal);
  if (fresh) {
    task.process.actions.set(signal, { ...fresh, mask: fresh.mask & ~untouchable(task) });
    if (ignored(task.process, signal)) drop(task, signal);
    task.kernel.onHandler(task, signal, fresh);
  }
  if (!old.isNull) old.set(before);
  return 0;
}

/** Ignoring a signal forgets the ones that wait. */
function drop(task: Task, signal: number): void {
  for (let i = task.pending.length - 1; i >= 0; i--) if (task.pending[i]!.signal === signal) task.pending.splice(i, 1);
}

export function sigprocmask(
  task: Task,
  how: string,
  set: Place<MaskValue>,
  old: Place<MaskValue>,
  size: number,
): SyscallResult {
  if (size !== SET_SIZE) return fail("EINVAL");
  const before = task.blocked;
  if (!set.isNull) {
    const { mask } = set.get();
    const next = applyMask(before, mask, how);
    if (next === null) return fail("EINVAL");
    task.blocked = next & ~untouchable(task);
  }
  if (!old.isNull) old.set({ mask: before });
  return 0;
}

function applyMask(before: bigint, mask: bigint, how: string): bigint | null {
  switch (how) {
    case "SIG_BLOCK":
      return before | mask;
    case "SIG_UNBLOCK":
      return before & ~mask;
    case "SIG_SETMASK":
      return mask;
    default:
      return null;
  }
}

export function sigpending(task: Task, set: Place<MaskValue>, size: number): SyscallResult {
  if (size > SET_SIZE) return fail("EINVAL");
  let mask = 0n;
  for (const { signal } of task.pending) mask |= bitOf(signal);
  set.set({ mask: mask & task.blocked });
  return 0;
}

export function sigsuspend(task: Task, set: Place<MaskValue>, size: number): SyscallResult {
  if (size !== SET_SIZE) return fail("EINVAL");
  task.savedMask = task.blocked;
  task.blocked = set.get().mask & ~untouchable(task);
  const poll = (): SyscallResult | null => (interrupted(task) ? fail("EINTR") : null);
  return block({ until: null, poll, expired: () => fail("EINTR"), outside: false });
}

interface Info {
  readonly signo: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
}

export function sigtimedwait(
  task: Task,
  set: Place<MaskValue>,
  info: Place<Info>,
  timeout: Place<Timespec>,
  size: number,
): SyscallResult {
  if (size !== SET_SIZE) return fail("EINVAL");
  const { mask } = set.get();
  const until = timeout.isNull ? null : task.kernel.host.monotonic() + duration(timeout.get());
  const poll = (): SyscallResult | null => {
    const at = task.pending.findIndex((p) => mask & bitOf(p.signal));
    if (at < 0) return interrupted(task) ? fail("EINTR") : null;
    const [found] = task.pending.splice(at, 1);
    if (!info.isNull) info.set({ signo: found!.signal, code: found!.code, pid: found!.pid ?? 0, uid: found!.uid ?? 0 });
    return found!.signal;
  };
  return block({ until, poll, expired: () => fail("EAGAIN"), outside: false });
}

interface StackValue {
  readonly sp: number;
  readonly flags: number;
  readonly size: number;
}
const MINSIGSTKSZ = 2048;

export function sigaltstack(task: Task, fresh: Place<StackValue>, old: Place<StackValue>): SyscallResult {
  const { stack } = task;
  const sp = task.kernel.stackPointer(task);
  const on = !stack.disabled && sp > stack.sp && sp <= stack.sp + stack.size;
  const wish = fresh.isNull ? null : fresh.get();
  if (!old.isNull)
    old.set({ sp: stack.sp, size: stack.size, flags: stack.disabled ? F.SS_DISABLE : on ? F.SS_ONSTACK : 0 });
  if (!wish) return 0;
  if (on) return fail("EPERM");
  if (wish.flags & F.SS_DISABLE) task.stack = { sp: 0, size: 0, disabled: true };
  else if (wish.size < MINSIGSTKSZ) return fail("ENOMEM");
  else task.stack = { sp: wish.sp, size: wish.size, disabled: false };
  return 0;
}

const SI_USER = 0;
const SI_TKILL = -6;

function send(task: Task, signal: number, code: number): SyscallResult {
  if (signal < 0 || signal > LAST) return fail("EINVAL");
  if (signal) raise(task, { signal, code, pid: task.process.pid, uid: task.process.ids.uid });
  return 0;
}

export function kill(task: Task, pid: number, signal: number): SyscallResult {
  const { process } = task;
  const own = pid === process.pid || pid === 0 || pid === -process.pgid;
  if (signal < 0 || signal > LAST) return fail("EINVAL");
  return own ? send(task, signal, SI_USER) : fail("ESRCH");
}
export function tkill(task: Task, tid: number, signal: number): SyscallResult {
  if (tid <= 0) return fail("EINVAL");
  return tid === task.tid ? send(task, signal, SI_TKILL) : fail("ESRCH");
}
export function tgkill(task: Task, pid: number, tid: number, signal: number): SyscallResult {
  if (pid <= 0) return fail("EINVAL");
  return pid === task.process.pid ? tkill(task, tid, signal) : fail("ESRCH");
}

/** Back from a handler: the personality knows what the frame looks like. */
export function sigreturn(task: Task): SyscallResult {
  return task.kernel.personality.sigreturn(task);
}
