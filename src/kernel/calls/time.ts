import { F } from "../flags.ts";
import {
  duration,
  fromTimespec,
  fromTimeval,
  type Place,
  type Timespec,
  type Timeval,
  toTimespec,
  toTimeval,
} from "../guest.ts";
import type { Kernel } from "../kernel.ts";
import type { Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { interrupted } from "../signals.ts";
import { Alarm } from "../timers.ts";

/** Nanoseconds of a clock by its POSIX name; null: no such clock. */
function clockNow(kernel: Kernel, clock: string): bigint | null {
  const { host } = kernel;
  switch (clock) {
    case "REALTIME":
    case "REALTIME_COARSE":
    case "REALTIME_ALARM":
      return host.realtime();
    case "TAI":
      return host.realtime();
    case "MONOTONIC":
    case "MONOTONIC_RAW":
    case "MONOTONIC_COARSE":
    case "BOOTTIME":
    case "BOOTTIME_ALARM":
      return host.monotonic();
    case "PROCESS_CPUTIME":
    case "THREAD_CPUTIME":
      return host.cpuTime();
    default:
      return null;
  }
}

export function clockGet(task: Task, clock: string, time: Place<Timespec>): SyscallResult {
  const now = clockNow(task.kernel, clock);
  if (now === null) return fail("EINVAL");
  time.set(toTimespec(now));
  return 0;
}

export function clockSet(task: Task, clock: string, time: Place<Timespec>): SyscallResult {
  if (fromTimespec(time.get()) === null || clock !== "REALTIME") return fail("EINVAL");
  return fail(task ? "EPERM" : "EINVAL");
}

export function clockResolution(task: Task, clock: string, res: Place<Timespec>): SyscallResult {
  if (clockNow(task.kernel, clock) === null) return fail("EINVAL");
  if (!res.isNull) res.set({ sec: 0, nsec: clock.endsWith("_COARSE") ? 4_000_000 : 1 });
  return 0;
}

export function gettimeofday(
  task: Task,
  time: Place<Timeval>,
  zone: Place<{ minuteswest: number; dsttime: number }>,
): SyscallResult {
  if (!time.isNull) time.set(toTimeval(task.kernel.host.realtime()));
  if (!zone.isNull) zone.set({ minuteswest: 0, dsttime: 0 });
  return 0;
}

/** Blocks until `until` (monotonic); a signal ends it early with EINTR and the rest in `remain`. */
function sleep(task: Task, until: bigint, remain: Place<Timespec> | null): SyscallResult {
  const poll = (): SyscallResult | null => {
    if (!interrupted(task)) return null;
    const left = until - task.kernel.host.monotonic();
    if (remain && !remain.isNull) remain.set(toTimespec(left > 0n ? left : 0n));
    return fail("EINTR");
  };
  return block({ until, poll, expired: () => 0, outside: false });
}

export function nanosleep(task: Task, request: Place<Timespec>, remain: Place<Timespec>): SyscallResult {
  return sleep(task, task.kernel.host.monotonic() + duration(request.get()), remain);
}

export function clockSleep(
  task: Task,
  clock: string,
  flags: number,
  request: Place<Timespec>,
  remain: Place<Timespec>,
): SyscallResult {
  const now = clockNow(task.kernel, clock);
  if (now === null) return fail("EINVAL");
  if (clock === "THREAD_CPUTIME") return fail("EOPNOTSUPP");
  const wish = duration(request.get());
  const absolute = (flags & F.TIMER_ABSTIME) !== 0;
  const left = absolute ? wish - now : wish;
  if (left <= 0n) return 0;
  return sleep(task, task.kernel.host.monotonic() + left, absolute ? null : remain);
}

interface Timer {
  readonly interval: Timeval;
  readonly value: Timeval;
}
const NO_TIME: Timeval = { sec: 0, usec: 0 };

function timerNow(task: Task): Timer {
  const { alarm, kernel } = task.process;
  if (alarm.at === null) return { interval: NO_TIME, value: NO_TIME };
  const left = alarm.left(kernel.host.monotonic());
  return { interval: toTimeval(alarm.every), value: toTimeval(left > 1000n ? left : 1000n) };
}

export function getitimer(task: Task, which: string, value: Place<Timer>): SyscallResult {
  if (which === "") return fail("EINVAL");
  value.set(which === "ITIMER_REAL" ? timerNow(task) : { interval: NO_TIME, value: NO_TIME });
  return 0;
}

export function setitimer(task: Task, which: string, fresh: Place<Timer>, old: Place<Timer>): SyscallResult {
  if (which !== "ITIMER_REAL") return fail(which === "" ? "EINVAL" : "ENOSYS");
  const { value, interval } = fresh.isNull ? { value: NO_TIME, interval: NO_TIME } : fresh.get();
  const first = fromTimeval(value);
  const every = fromTimeval(interval);
  if (first === null || every === null) return fail("EINVAL");
  const before = timerNow(task);
  const { process, kernel } = task;
  process.alarm.disarm();
  if (first) {
    process.alarm.arm(kernel.host.monotonic() + first, every);
    kernel.timers.add(process.alarm, new Alarm(process));
  } else kernel.timers.remove(process.alarm);
  if (!old.isNull) old.set(before);
  return 0;
}

export function times(
  task: Task,
  buf: Place<{ utime: number; stime: number; cutime: number; cstime: number }>,
): SyscallResult {
  const tick = 1_000_000_000n / BigInt(task.personality.tick);
  const { host } = task.kernel;
  if (!buf.isNull) buf.set({ utime: Number(host.cpuTime() / tick), stime: 0, cutime: 0, cstime: 0 });
  return Number(host.monotonic() / tick);
}
