import { dequeue, enqueue, type FutexWaiter, requeue, wakeAt } from "../futex.ts";
import { duration, type Place, type Timespec } from "../guest.ts";
import type { Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { interrupted } from "../signals.ts";

/*
 * futex(2). Waiters queue in the kernel by address (private) so that more tasks than one can wait; with one task a wait
 * ends by its timeout or a signal.
 */

const ALL = 0xffffffff;

function wait(task: Task, address: number, value: number, until: bigint | null, bits: number): SyscallResult {
  if (address % 4 || bits === 0) return fail("EINVAL");
  if (task.space.memory.u32(address) !== value) return fail("EAGAIN");
  const waiter: FutexWaiter = { ...task.space.futexAt(address), bits, woken: false, tid: task.tid };
  enqueue(waiter);
  const poll = (): SyscallResult | null => {
    if (waiter.woken) return 0;
    if (!interrupted(task)) return null;
    dequeue(waiter);
    return fail(until === null ? "ERESTART" : "EINTR");
  };
  const expired = (): SyscallResult => {
    dequeue(waiter);
    return fail("ETIMEDOUT");
  };
  return block({ until, poll, expired, outside: false, cancel: () => dequeue(waiter) });
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
