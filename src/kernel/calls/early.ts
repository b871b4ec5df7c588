import { CWD } from "../files.ts";
import type { Place, Timespec, Timeval } from "../guest.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { interrupted } from "../signals.ts";
import { utimens } from "./attributes.ts";
import { dup3 } from "./descriptors.ts";
import { ppoll, pselect } from "./poll.ts";
import { setitimer } from "./time.ts";

/*
 * Calls in the form they had first: ISAs that are older than their successors still have them.
 */

const SECOND = 1_000_000_000;

/** An argument that the call itself makes; what comes back in it is told to nobody. null: a null pointer. */
function given<T>(value: T | null): Place<T> {
  return { address: 0, isNull: value === null, count: 1, get: () => value!, set: () => {} };
}
/** No other signal mask for the time of the call. */
const SAME_MASK = given<never>(null);

/** Times in microseconds as such in nanoseconds. */
function inNanoseconds(place: Place<Timeval>): Place<Timespec> {
  const nsec = (usec: number): number => {
    if (usec < 0 || usec >= 1_000_000) throw posix("EINVAL");
    return usec * 1000;
  };
  return {
    address: place.address,
    isNull: place.isNull,
    count: place.count,
    get: (i) => ({ sec: place.get(i).sec, nsec: nsec(place.get(i).usec) }),
    set: (value, i) => place.set({ sec: value.sec, usec: Math.floor(value.nsec / 1000) }, i),
  };
}

export function dup2(task: Task, old: number, fresh: number): SyscallResult {
  if (old !== fresh) return dup3(task, old, fresh, 0);
  task.files.get(old);
  return fresh;
}

/** timeout: milliseconds, negative for ever. */
export function poll(task: Task, fds: Parameters<typeof ppoll>[1], count: number, timeout: number): SyscallResult {
  const time = timeout < 0 ? null : { sec: Math.floor(timeout / 1000), nsec: (timeout % 1000) * 1_000_000 };
  return ppoll(task, fds, count, given<Timespec>(time), SAME_MASK, 0);
}

export function select(
  task: Task,
  n: number,
  readSet: number,
  writeSet: number,
  exceptSet: number,
  timeout: Place<Timeval>,
): SyscallResult {
  if (timeout.isNull) return pselect(task, n, readSet, writeSet, exceptSet, given<Timespec>(null), SAME_MASK);
  const { sec, usec } = timeout.get();
  if (sec < 0 || usec < 0) return fail("EINVAL");
  const whole = inNanoseconds(timeout);
  const first = { sec: sec + Math.floor(usec / 1_000_000), nsec: (usec % 1_000_000) * 1000 };
  return pselect(task, n, readSet, writeSet, exceptSet, { ...whole, get: () => first }, SAME_MASK);
}

export function pause(task: Task): SyscallResult {
  const wake = (): SyscallResult | null => (interrupted(task) ? fail("EINTR") : null);
  return block({ until: null, poll: wake, expired: () => fail("EINTR"), outside: false });
}

/** Seconds that were left of the alarm before, rounded up. */
export function alarm(task: Task, seconds: number): SyscallResult {
  let left: Timeval = { sec: 0, usec: 0 };
  const none = { sec: 0, usec: 0 };
  const timer = { interval: none, value: { sec: seconds, usec: 0 } };
  const fresh = { address: 0, isNull: false, count: 1, get: () => timer, set: () => {} };
  const old = { ...fresh, set: (value: typeof timer) => (left = value.value) };
  const result = setitimer(task, "ITIMER_REAL", fresh, old);
  return result === 0 ? left.sec + (left.usec > 0 ? 1 : 0) : result;
}

export function time(task: Task, place: Place<{ value: number }>): SyscallResult {
  const now = Number(task.kernel.host.realtime() / BigInt(SECOND));
  if (!place.isNull) place.set({ value: now });
  return now;
}

export function utimes(task: Task, dir: number, path: string, times: Place<Timeval>): SyscallResult {
  return utimens(task, dir, path, inNanoseconds(times), 0);
}

export function utime(task: Task, path: string, times: Place<{ actime: number; modtime: number }>): SyscallResult {
  const both = (i = 0): Timespec => ({ sec: i === 0 ? times.get().actime : times.get().modtime, nsec: 0 });
  const place = { address: times.address, isNull: times.isNull, count: 2, get: both, set: () => {} };
  return utimens(task, CWD, path, place, 0);
}

/** The addresses that a thread's own variables count from, by number. */
export function setBase(task: Task, which: number, address: number): SyscallResult {
  return task.personality.setBase(task, which, address) ? 0 : fail("EPERM");
}

export function getBase(task: Task, which: number, place: Place<{ value: number }>): SyscallResult {
  place.set({ value: task.personality.base(task, which) });
  return 0;
}
