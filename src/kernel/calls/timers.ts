import { Description } from "../files.ts";
import { F } from "../flags.ts";
import { fromTimespec, type Place, type Timespec, toTimespec } from "../guest.ts";
import type { Kernel } from "../kernel.ts";
import { posix } from "../posix.ts";
import type { Process, Task } from "../process.ts";
import { fail, type SyscallResult } from "../result.ts";
import { bitOf } from "../signals.ts";
import { SignalFile, TimerFile } from "../timer-files.ts";
import { ProcessTimer, type Timer } from "../timers.ts";

interface Spec {
  readonly interval: Timespec;
  readonly value: Timespec;
}
interface IntValue {
  readonly value: number;
}

/** Clocks that timers can run on; CPU time is not among them. */
const CLOCKS = new Set(["REALTIME", "MONOTONIC", "BOOTTIME", "REALTIME_ALARM", "BOOTTIME_ALARM", "TAI"]);
const real = (clock: string): boolean => clock.startsWith("REALTIME") || clock === "TAI";

/** Sets a timer as timer_settime and timerfd_settime say. Throws EINVAL. */
function set(kernel: Kernel, timer: Timer, clock: string, absolute: boolean, spec: Spec): void {
  const value = fromTimespec(spec.value);
  const every = fromTimespec(spec.interval);
  if (value === null || every === null) throw posix("EINVAL");
  if (value === 0n) {
    timer.disarm();
    return;
  }
  const now = kernel.host.monotonic();
  const offset = real(clock) ? kernel.host.realtime() - now : 0n;
  timer.arm(absolute ? value - offset : now + value, every);
}

function told(kernel: Kernel, timer: Timer): Spec {
  timer.advance(kernel.host.monotonic());
  return { interval: toTimespec(timer.every), value: toTimespec(timer.left(kernel.host.monotonic())) };
}

// timerfd

export function timerfdCreate(task: Task, clock: string, flags: number): SyscallResult {
  if (!CLOCKS.has(clock)) return fail("EINVAL");
  task.files.reserve();
  const status = F.O_RDWR | (flags & F.O_NONBLOCK);
  const file = new Description(new TimerFile(task.kernel, clock), status, null, "anon_inode:[timerfd]");
  return task.files.add(file, (flags & F.O_CLOEXEC) !== 0);
}
function timerFile(task: Task, fd: number): TimerFile {
  const { handle } = task.files.get(fd);
  if (!(handle instanceof TimerFile)) throw posix("EINVAL");
  return handle;
}
export function timerfdSet(task: Task, fd: number, flags: number, spec: Place<Spec>, old: Place<Spec>): SyscallResult {
  const wish = spec.get();
  const { timer, clock } = timerFile(task, fd);
  const before = told(task.kernel, timer);
  set(task.kernel, timer, clock, (flags & F.TIMER_ABSTIME) !== 0, wish);
  if (!old.isNull) old.set(before);
  return 0;
}
export function timerfdGet(task: Task, fd: number, spec: Place<Spec>): SyscallResult {
  spec.set(told(task.kernel, timerFile(task, fd).timer));
  return 0;
}

// timer_create and friends

const timersOf = (process: Process): Map<number, ProcessTimer> => process.timers;
const MOST_TIMERS = 1024;

interface Event {
  readonly value: bigint;
  readonly signo: number;
  readonly notify: string;
  readonly tid: number;
}

export function timerCreate(task: Task, clock: string, event: Place<Event>, id: Place<IntValue>): SyscallResult {
  if (!CLOCKS.has(clock)) return fail(clock.endsWith("CPUTIME") ? "EOPNOTSUPP" : "EINVAL");
  const { process, kernel } = task;
  const timers = timersOf(process);
  if (timers.size >= MOST_TIMERS) return fail("EAGAIN");
  let number = 0;
  while (timers.has(number)) number++;
  const plain = { value: BigInt(number), signo: task.personality.signal("SIGALRM"), notify: "SIGEV_SIGNAL", tid: 0 };
  const how = event.isNull ? plain : event.get();
  if (how.notify === "" || (how.notify !== "SIGEV_NONE" && !(how.signo > 0 && how.signo <= 64))) return fail("EINVAL");
  const target = how.notify === "SIGEV_THREAD_ID" ? process.tasks.find(({ tid }) => tid === how.tid) : null;
  if (target === undefined) return fail("EINVAL");
  const signal = how.notify === "SIGEV_NONE" ? 0 : how.signo;
  const made = new ProcessTimer(process, number, clock, { signal, value: how.value, target });
  id.set({ value: number });
  timers.set(number, made);
  kernel.timers.add(made.timer, made);
  return 0;
}

function timerOf(task: Task, id: number): ProcessTimer {
  const found = timersOf(task.process).get(id);
  if (!found) throw posix("EINVAL");
  return found;
}
export function timerSet(task: Task, id: number, flags: number, spec: Place<Spec>, old: Place<Spec>): SyscallResult {
  const { timer, clock } = timerOf(task, id);
  const wish = spec.get();
  const before = told(task.kernel, timer);
  set(task.kernel, timer, clock, (flags & F.TIMER_ABSTIME) !== 0, wish);
  if (!old.isNull) old.set(before);
  return 0;
}
export function timerGet(task: Task, id: number, spec: Place<Spec>): SyscallResult {
  const { timer } = timerOf(task, id);
  spec.set({ interval: toTimespec(timer.every), value: toTimespec(timer.left(task.kernel.host.monotonic())) });
  return 0;
}
export function timerOverrun(task: Task, id: number): SyscallResult {
  return timerOf(task, id).overrun;
}
export function timerDelete(task: Task, id: number): SyscallResult {
  task.kernel.timers.remove(timerOf(task, id).timer);
  timersOf(task.process).delete(id);
  return 0;
}

// signalfd

export function signalfd(
  task: Task,
  fd: number,
  set: Place<{ mask: bigint }>,
  size: number,
  flags: number,
): SyscallResult {
  if (size !== 8) return fail("EINVAL");
  const { personality } = task;
  const mask = set.get().mask & ~(bitOf(personality.signal("SIGKILL")) | bitOf(personality.signal("SIGSTOP")));
  if (fd !== -1) {
    const { handle } = task.files.get(fd);
    if (!(handle instanceof SignalFile)) return fail("EINVAL");
    handle.mask = mask;
    return fd;
  }
  task.files.reserve();
  const status = F.O_RDWR | (flags & F.O_NONBLOCK);
  const file = new Description(new SignalFile(task.kernel, mask), status, null, "anon_inode:[signalfd]");
  return task.files.add(file, (flags & F.O_CLOEXEC) !== 0);
}
