import { dequeue, enqueue, type Futexes, type FutexWaiter, requeue, wakeAt } from "../futex.ts";
import { duration, type Place, type Timespec } from "../guest.ts";
import type { Task } from "../process.ts";
import { block, fail, type SyscallResult, type Wait } from "../result.ts";
import { interrupted } from "../signals.ts";

/*
 * futex(2). Waiters queue in the kernel by address (private) so that more tasks than one can wait; with one task a wait
 * ends by its timeout or a signal.
 */

const ALL = 0xffffffff;

function wait(task: Task, address: number, value: number, until: bigint | null, bits: number): SyscallResult {
  if (address % 4 || bits === 0) return fail("EINVAL");
  if (task.space.memory.u32(address) !== value) return fail("EAGAIN");
  const { queue, key } = task.space.futexAt(address);
  return block(new FutexWait(task, queue, key, bits, until));
}

/** A task in a queue of futexes: waiter and wait in one. */
class FutexWait implements FutexWaiter, Wait {
  queue: Futexes;
  key: number;
  readonly bits: number;
  woken = false;
  readonly tid: number;
  readonly until: bigint | null;
  readonly outside = false;
  readonly quiet = true;
  private readonly task: Task;

  constructor(task: Task, queue: Futexes, key: number, bits: number, until: bigint | null) {
    this.task = task;
    this.tid = task.tid;
    this.queue = queue;
    this.key = key;
    this.bits = bits;
    this.until = until;
    enqueue(this);
  }
  poll(): SyscallResult | null {
    if (this.woken) return 0;
    if (!interrupted(this.task)) return null;
    dequeue(this);
    return fail(this.until === null ? "ERESTART" : "EINTR");
  }
  expired(): SyscallResult {
    dequeue(this);
    return fail("ETIMEDOUT");
  }
  cancel(): void {
    dequeue(this);
  }
}

export function futexWait(
  task: Task,
  address: number,
  _op: number,
  value: number,
  timeout: Place<Timespec>,
): SyscallResult {
  const until = timeout.isNull ? null : task.kernel.host.monotonic() + duration(timeout.get());
  return wait(task, address, value, until, ALL);
}

/** Operation of FUTEX_WAKE_OP: what happens to the second word, and which old values wake its waiters (futex(2)). */
function operate(code: number, old: number): { value: number; wakes: boolean } | null {
  const signed = (bits: number): number => (bits << 20) >> 20;
  const shift = code >>> 31;
  const operand = signed(code >>> 12);
  const argument = shift ? 1 << (operand & 31) : operand;
  const compared = signed(code);
  const values = [argument, old + argument, old | argument, old & ~argument, old ^ argument];
  const now = old | 0;
  const tests = [now === compared, now !== compared, now < compared, now <= compared, now > compared, now >= compared];
  const value = values[(code >>> 28) & 7];
  const wakes = tests[(code >>> 24) & 15];
  return value === undefined || wakes === undefined ? null : { value: value >>> 0, wakes };
}

export function futexWakeOp(
  task: Task,
  address: number,
  _op: number,
  count: number,
  more: number,
  second: number,
  code: number,
): SyscallResult {
  if (address % 4 || second % 4) return fail("EINVAL");
  const { memory } = task.space;
  const done = operate(code, memory.u32(second));
  if (!done) return fail("ENOSYS");
  memory.setU32(second, done.value);
  const woken = wake(task, address, count, ALL);
  return woken + (done.wakes ? wake(task, second, more, ALL) : 0);
}

/*
 * Priority-inheritance locks: the word holds the owner's tid. There are no priorities to inherit; what is left is a lock
 * that the kernel hands over.
 */
const WAITERS = 0x80000000;
const OWNER_DIED = 0x40000000;
const TID = 0x3fffffff;

/** Takes the lock if it is free. null: somebody has it. */
function lockNow(task: Task, address: number): SyscallResult | null {
  const { memory } = task.space;
  const word = memory.u32(address);
  const owner = word & TID;
  if (owner === task.tid) return fail("EDEADLK");
  if (owner !== 0 && task.kernel.task(owner)) return null;
  if (owner !== 0 && !(word & OWNER_DIED)) return fail("ESRCH");
  memory.setU32(address, ((word & (WAITERS | OWNER_DIED)) | task.tid) >>> 0);
  return 0;
}

export function futexTryLock(task: Task, address: number): SyscallResult {
  if (address % 4) return fail("EINVAL");
  return lockNow(task, address) ?? fail("EAGAIN");
}

/** The timeout is absolute, on the real clock; FUTEX_LOCK_PI2 tells which. */
export function futexLock(
  task: Task,
  address: number,
  op: number,
  _value: number,
  timeout: Place<Timespec>,
): SyscallResult {
  if (address % 4) return fail("EINVAL");
  const { host } = task.kernel;
  const monotonic = (op & COMMAND) === LOCK_PI2 && !(op & CLOCK_REALTIME);
  const at = timeout.isNull ? null : duration(timeout.get());
  const until = at === null || monotonic ? at : at - host.realtime() + host.monotonic();
  return lockNow(task, address) ?? queueForLock(task, address, until);
}
const COMMAND = 0x7f;
const LOCK_PI2 = 13;

function queueForLock(task: Task, address: number, until: bigint | null): SyscallResult {
  const { memory } = task.space;
  memory.setU32(address, (memory.u32(address) | WAITERS) >>> 0);
  const waiter: FutexWaiter = { ...task.space.futexAt(address), bits: ALL, woken: false, tid: task.tid };
  enqueue(waiter);
  return block(lockWait(task, address, waiter, until));
}

function lockWait(task: Task, address: number, waiter: FutexWaiter, until: bigint | null): Wait {
  const poll = (): SyscallResult | null => {
    if (waiter.woken) return lockNow(task, address) === null ? again() : 0;
    // The owner may be gone without a word.
    const taken = lockNow(task, address);
    if (taken !== null && typeof taken === "number") {
      dequeue(waiter);
      return 0;
    }
    if (!interrupted(task)) return null;
    dequeue(waiter);
    return fail("ERESTART");
  };
  const again = (): null => {
    waiter.woken = false;
    enqueue(waiter);
    return null;
  };
  const expired = (): SyscallResult => {
    dequeue(waiter);
    return fail("ETIMEDOUT");
  };
  return { until, poll, expired, outside: false, cancel: () => dequeue(waiter) };
}

export function futexUnlock(task: Task, address: number): SyscallResult {
  if (address % 4) return fail("EINVAL");
  const { memory } = task.space;
  const word = memory.u32(address);
  if ((word & TID) !== task.tid) return fail("EPERM");
  // Nobody runs between this and the next waiter's turn but who asks for the lock by the kernel.
  const { queue, key } = task.space.futexAt(address);
  const next = queue.get(key)?.[0];
  memory.setU32(address, next ? (WAITERS | next.tid) >>> 0 : 0);
  if (next) wakeAt(queue, key, 1, ALL);
  return 0;
}

/** pthread_cond_wait on a priority-inheritance mutex: waits at one word, then owns the lock at another. */
export function futexWaitRequeue(
  task: Task,
  address: number,
  op: number,
  value: number,
  timeout: Place<Timespec>,
  second: number,
): SyscallResult {
  const waits = futexWaitBitset(task, address, op, value, timeout, 0, ALL);
  if (typeof waits === "number" || waits.k !== "block") return waits;
  const first = waits.wait;
  let lock: Wait | null = null;
  const poll = (): SyscallResult | null => {
    if (lock) return lock.poll();
    const result = first.poll();
    if (result !== 0) return result;
    const taken = lockNow(task, second);
    if (taken !== null && typeof taken === "number") return 0;
    const { memory } = task.space;
    memory.setU32(second, (memory.u32(second) | WAITERS) >>> 0);
    const waiter: FutexWaiter = { ...task.space.futexAt(second), bits: ALL, woken: false, tid: task.tid };
    enqueue(waiter);
    lock = lockWait(task, second, waiter, null);
    return null;
  };
  const { until, outside } = first;
  const expired = () => first.expired();
  return block({ until, outside, poll, expired, cancel: () => (lock ?? first).cancel?.() });
}

const CLOCK_REALTIME = 256;
/** The timeout is absolute, on the monotonic clock or with FUTEX_CLOCK_REALTIME the real one. */
export function futexWaitBitset(
  task: Task,
  address: number,
  op: number,
  value: number,
  timeout: Place<Timespec>,
  _second: number,
  bits: number,
): SyscallResult {
  const { host } = task.kernel;
  if (timeout.isNull) return wait(task, address, value, null, bits);
  const at = duration(timeout.get());
  const until = op & CLOCK_REALTIME ? at - host.realtime() + host.monotonic() : at;
  return wait(task, address, value, until, bits);
}

function wake(task: Task, address: number, most: number, bits: number): number {
  const { queue, key } = task.space.futexAt(address);
  return wakeAt(queue, key, most, bits);
}

export function futexWake(task: Task, address: number, _op: number, count: number): SyscallResult {
  return address % 4 ? fail("EINVAL") : wake(task, address, count, ALL);
}
export function futexWakeBitset(
  task: Task,
  address: number,
  _op: number,
  count: number,
  _timeout: number,
  _second: number,
  bits: number,
): SyscallResult {
  return bits === 0 || address % 4 ? fail("EINVAL") : wake(task, address, count, bits);
}

export function futexRequeue(
  task: Task,
  address: number,
  _op: number,
  count: number,
  more: number,
  to: number,
): SyscallResult {
  if (address % 4 || to % 4) return fail("EINVAL");
  const woken = wake(task, address, count, ALL);
  const from = task.space.futexAt(address);
  const target = task.space.futexAt(to);
  return woken + requeue(from.queue, from.key, more, target.queue, target.key);
}
export function futexCompareRequeue(
  task: Task,
  address: number,
  op: number,
  count: number,
  more: number,
  to: number,
  value: number,
): SyscallResult {
  if (task.space.memory.u32(address) !== value) return fail("EAGAIN");
  return futexRequeue(task, address, op, count, more, to);
}
