import type { Description } from "../files.ts";
import { F } from "../flags.ts";
import type { Place } from "../guest.ts";
import { fileKey } from "../kernel.ts";
import type { Lock, LockOwner } from "../locks.ts";
import { Process, type Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { interrupted } from "../signals.ts";

interface LockValue {
  readonly type: string;
  readonly whence: string;
  readonly start: number;
  readonly len: number;
  readonly pid: number;
}

/** The range a struct flock means; a code where it means none. */
function rangeOf(file: Description, { whence, start, len }: LockValue): { start: number; end: number } | string {
  const base =
    whence === "SEEK_SET"
      ? 0
      : whence === "SEEK_CUR"
        ? file.position
        : whence === "SEEK_END"
          ? file.handle.stat().size
          : null;
  if (base === null) return "EINVAL";
  const from = base + start;
  if (from < 0) return "EINVAL";
  if (from > Number.MAX_SAFE_INTEGER * 1024) return "EOVERFLOW";
  if (len > 0) return { start: from, end: from + len };
  if (len === 0) return { start: from, end: Number.POSITIVE_INFINITY };
  return from + len < 0 ? "EINVAL" : { start: from + len, end: from };
}

function getLockOf(task: Task, fd: number, place: Place<LockValue>, own: boolean): SyscallResult {
  const file = task.files.get(fd);
  const asked = place.get();
  if (asked.type !== "F_RDLCK" && asked.type !== "F_WRLCK") return fail("EINVAL");
  if (own && asked.pid !== 0) return fail("EINVAL");
  const range = rangeOf(file, asked);
  if (typeof range === "string") return fail(range);
  const owner: LockOwner = own ? file : task.process;
  const wish: Lock = { ...range, owner, write: asked.type === "F_WRLCK" };
  const held = task.kernel.locks.conflict(fileKey(file), "ranges", wish);
  if (!held) {
    place.set({ ...asked, type: "F_UNLCK" });
    return 0;
  }
  place.set({
    type: held.write ? "F_WRLCK" : "F_RDLCK",
    whence: "SEEK_SET",
    start: held.start,
    len: Number.isFinite(held.end) ? held.end - held.start : 0,
    pid: held.owner instanceof Process ? held.owner.pid : -1,
  });
  return 0;
}

function setLockOf(task: Task, fd: number, place: Place<LockValue>, own: boolean, waits: boolean): SyscallResult {
  const file = task.files.get(fd);
  if (file.flags & F.O_PATH) return fail("EBADF");
  const asked = place.get();
  const { type, pid } = asked;
  if (type === "" || (own && pid !== 0)) return fail("EINVAL");
  const range = rangeOf(file, asked);
  if (typeof range === "string") return fail(range);
  if ((type === "F_RDLCK" && !file.readable) || (type === "F_WRLCK" && !file.writable)) return fail("EBADF");
  const owner: LockOwner = own ? file : task.process;
  const { locks } = task.kernel;
  const key = fileKey(file);
  if (type === "F_UNLCK") {
    locks.drop(key, "ranges", { ...range, owner });
    return 0;
  }
  if (own) file.locked = { locks, key };
  return acquire(task, key, "ranges", { ...range, owner, write: type === "F_WRLCK" }, waits, !own);
}

/** Takes a lock now, or where `waits` once it can be had. */
function acquire(
  task: Task,
  key: string,
  kind: "ranges" | "whole",
  wish: Lock,
  waits: boolean,
  circles: boolean,
): SyscallResult {
  const { locks } = task.kernel;
  const attempt = (): SyscallResult | null => {
    const held = locks.conflict(key, kind, wish);
    if (held) {
      if (circles && locks.circle(wish.owner, held.owner)) return fail("EDEADLK");
      if (circles) locks.waiting(wish.owner, held.owner);
      return null;
    }
    locks.waiting(wish.owner, null);
    locks.take(key, kind, wish);
    return 0;
  };
  if (!waits) return locks.conflict(key, kind, wish) ? fail("EAGAIN") : attempt()!;
  const stop = (): void => locks.waiting(wish.owner, null);
  const poll = (): SyscallResult | null => {
    const done = attempt();
    if (done !== null || !interrupted(task)) return done;
    stop();
    return fail("ERESTART");
  };
  return block({ until: null, poll, expired: () => fail("EINTR"), outside: false, quiet: true, cancel: stop });
}

export function getLock(task: Task, fd: number, _cmd: number, lock: Place<LockValue>): SyscallResult {
  return getLockOf(task, fd, lock, false);
}
export function setLock(task: Task, fd: number, _cmd: number, lock: Place<LockValue>): SyscallResult {
  return setLockOf(task, fd, lock, false, false);
}
export function setLockWait(task: Task, fd: number, _cmd: number, lock: Place<LockValue>): SyscallResult {
  return setLockOf(task, fd, lock, false, true);
}
/** Open file description locks (fcntl(2)): held by the description, whoever has it. */
export function getOwnLock(task: Task, fd: number, _cmd: number, lock: Place<LockValue>): SyscallResult {
  return getLockOf(task, fd, lock, true);
}
export function setOwnLock(task: Task, fd: number, _cmd: number, lock: Place<LockValue>): SyscallResult {
  return setLockOf(task, fd, lock, true, false);
}
export function setOwnLockWait(task: Task, fd: number, _cmd: number, lock: Place<LockValue>): SyscallResult {
  return setLockOf(task, fd, lock, true, true);
}

export function flock(task: Task, fd: number, operation: number): SyscallResult {
  const file = task.files.get(fd);
  if (file.flags & F.O_PATH) return fail("EBADF");
  const kind = operation & ~F.LOCK_NB;
  const key = fileKey(file);
  const { locks } = task.kernel;
  const wish: Lock = { owner: file, start: 0, end: Number.POSITIVE_INFINITY, write: kind === F.LOCK_EX };
  if (kind === F.LOCK_UN) {
    locks.drop(key, "whole", wish);
    return 0;
  }
  if (kind !== F.LOCK_SH && kind !== F.LOCK_EX) return fail("EINVAL");
  file.locked = { locks, key };
  // A change of kind lets go first: it is not atomic (flock(2)).
  if (locks.conflict(key, "whole", wish)) locks.drop(key, "whole", wish);
  return acquire(task, key, "whole", wish, !(operation & F.LOCK_NB), false);
}
