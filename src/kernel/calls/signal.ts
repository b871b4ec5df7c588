import { F } from "../flags.ts";
import { duration, type Place, type Timespec } from "../guest.ts";
import type { Process, Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import {
  type Action,
  bitOf,
  forget,
  ignored,
  interrupted,
  type Pending,
  pendingMask,
  raise,
  SI,
  send,
  takeOf,
} from "../signals.ts";

interface MaskValue {
  readonly mask: bigint;
}
const SET_SIZE = 8;
const LAST = 64;

/** SIGKILL and SIGSTOP can be neither caught nor blocked. */
function untouchable(task: Task): bigint {
  const { personality } = task;
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
    if (ignored(task.process, signal)) forget(task.process, (other) => other === signal);
    task.kernel.onHandler(task, signal, fresh);
  }
  if (!old.isNull) old.set(before);
  return 0;
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
  set.set({ mask: pendingMask(task) & task.blocked });
  return 0;
}

export function sigsuspend(task: Task, set: Place<MaskValue>, size: number): SyscallResult {
  if (size !== SET_SIZE) return fail("EINVAL");
  task.savedMask = task.blocked;
  task.blocked = set.get().mask & ~untouchable(task);
  const poll = (): SyscallResult | null => (interrupted(task) ? fail("EINTR") : null);
  return block({ until: null, poll, expired: () => fail("EINTR"), outside: false });
}

/** Fields of siginfo that senders fill in. `status` of a child and `value` stand in one place. */
interface Info {
  readonly signo: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
  readonly value: bigint;
}
const infoOf = (found: Pending): Info => ({
  signo: found.signal,
  code: found.code,
  pid: found.timer ?? found.pid ?? 0,
  uid: found.uid ?? 0,
  value: found.status === undefined ? (found.value ?? 0n) : BigInt(found.status),
});

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
    const found = takeOf(task, mask);
    if (!found) return interrupted(task) ? fail("EINTR") : null;
    if (!info.isNull) info.set(infoOf(found));
    return found.signal;
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

/** Who may signal whom (kill(2)): root everybody, others their own; SIGCONT within a session. */
function mayKill(task: Task, target: Process, signal: number): boolean {
  const { uid } = task.process.ids;
  if (uid === 0 || uid === target.ids.uid) return true;
  return signal === task.personality.signal("SIGCONT") && target.sid === task.process.sid;
}

const byUser = (task: Task, signal: number, code: number): Pending => ({
  signal,
  code,
  pid: task.process.pid,
  uid: task.process.ids.uid,
});

export function kill(task: Task, pid: number, signal: number): SyscallResult {
  if (signal < 0 || signal > LAST) return fail("EINVAL");
  if (pid === -0x80000000) return fail("ESRCH");
  const { process, kernel } = task;
  const group = pid === 0 ? process.pgid : -pid;
  let found = false;
  let done = false;
  for (const target of [...kernel.processes.values()]) {
    if (pid > 0 ? target.pid !== pid : pid === -1 ? target === process : target.pgid !== group) continue;
    found = true;
    if (!mayKill(task, target, signal)) continue;
    done = true;
    if (signal) send(target, byUser(task, signal, SI.USER));
  }
  return !found ? fail("ESRCH") : done ? 0 : fail("EPERM");
}

/** To one thread. `pid` null: of whatever process. */
function toThread(task: Task, pid: number | null, tid: number, pending: Pending): SyscallResult {
  if (tid <= 0 || (pid !== null && pid <= 0) || pending.signal < 0 || pending.signal > LAST) return fail("EINVAL");
  const target = tid === task.tid ? task : task.kernel.task(tid);
  const ended = target ? undefined : task.kernel.processes.get(tid);
  if (!target) return ended && (pid === null || pid === tid) ? 0 : fail("ESRCH");
  if (pid !== null && target.process.pid !== pid) return fail("ESRCH");
  if (!mayKill(task, target.process, pending.signal)) return fail("EPERM");
  if (pending.signal) raise(target, pending);
  return 0;
}
export function tkill(task: Task, tid: number, signal: number): SyscallResult {
  return toThread(task, null, tid, byUser(task, signal, SI.TKILL));
}
export function tgkill(task: Task, pid: number, tid: number, signal: number): SyscallResult {
  return toThread(task, pid, tid, byUser(task, signal, SI.TKILL));
}

/** What a program sends along itself; it may not pretend to be the kernel or another's kill. */
function queued(task: Task, pid: number, signal: number, info: Info): Pending | null {
  if ((info.code >= 0 || info.code === SI.TKILL) && pid !== task.process.pid) return null;
  return { signal, code: info.code, pid: info.pid, uid: info.uid, value: info.value };
}
export function sigqueue(task: Task, pid: number, signal: number, info: Place<Info>): SyscallResult {
  if (signal < 0 || signal > LAST) return fail("EINVAL");
  const pending = queued(task, pid, signal, info.get());
  if (!pending) return fail("EPERM");
  const target = task.kernel.processes.get(pid);
  if (!target) return fail("ESRCH");
  if (!mayKill(task, target, signal)) return fail("EPERM");
  if (signal) send(target, pending);
  return 0;
}
export function tgsigqueue(task: Task, pid: number, tid: number, signal: number, info: Place<Info>): SyscallResult {
  const pending = queued(task, pid, signal, info.get());
  return pending ? toThread(task, pid, tid, pending) : fail("EPERM");
}

/** Back from a handler: the personality knows what the frame looks like. */
export function sigreturn(task: Task): SyscallResult {
  return task.personality.sigreturn(task);
}
