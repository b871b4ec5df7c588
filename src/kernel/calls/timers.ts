import { Description } from "../files.ts";
import { F } from "../flags.ts";
import { type FileStat, type Handle, WOULD_BLOCK } from "../fs/inode.ts";
import { fromTimespec, type Place, type Timespec, toTimespec } from "../guest.ts";
import type { Kernel } from "../kernel.ts";
import { namelessStat } from "../pipe.ts";
import { posix } from "../posix.ts";
import type { Process, Task } from "../process.ts";
import { fail, type SyscallResult } from "../result.ts";
import { bitOf, type Pending, pendingMask, raise, SI, send, takeOf } from "../signals.ts";
import { type ProcessTimer, Timer } from "../timers.ts";

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

class TimerFile implements Handle {
  readonly seekable = false;
  readonly clock: string;
  readonly timer = new Timer();
  private readonly kernel: Kernel;
  private readonly ino: number;
  constructor(kernel: Kernel, clock: string) {
    this.kernel = kernel;
    this.clock = clock;
    this.ino = kernel.ino();
    kernel.timers.add(this.timer);
  }
  private look(): bigint {
    this.timer.advance(this.kernel.host.monotonic());
    return this.timer.expired;
  }
  read(into: Uint8Array): number {
    if (into.length < 8) throw posix("EINVAL");
    const times = this.look();
    if (!times) return WOULD_BLOCK;
    this.timer.expired = 0n;
    new DataView(into.buffer, into.byteOffset).setBigUint64(0, times, true);
    return 8;
  }
  write(): number {
    throw posix("EINVAL");
  }
  stat(): FileStat {
    return namelessStat("file", this.ino, 0n);
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {
    this.kernel.timers.remove(this.timer);
  }
  poll(): number {
    return this.look() ? F.POLLIN | F.POLLRDNORM : 0;
  }
  arrivals(): number {
    return Number(this.look());
  }
}

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
  const made: ProcessTimer = { timer: new Timer(), clock, overrun: 0 };
  id.set({ value: number });
  timers.set(number, made);
  kernel.timers.add(made.timer, (times) => {
    made.timer.expired = 0n;
    if (how.notify === "SIGEV_NONE") return;
    const pending: Pending = { signal: how.signo, code: SI.TIMER, timer: number, value: how.value };
    const queue = target ? target.pending : process.pending;
    const waits = queue.some((p) => p.timer === number && p.code === SI.TIMER);
    made.overrun = waits ? made.overrun + Number(times) : Number(times) - 1;
    if (waits) return;
    if (target && target.state.k !== "dead") raise(target, pending);
    else send(process, pending);
  });
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

class SignalFile implements Handle {
  readonly seekable = false;
  mask: bigint;
  private readonly kernel: Kernel;
  private readonly ino: number;
  constructor(kernel: Kernel, mask: bigint) {
    this.kernel = kernel;
    this.mask = mask;
    this.ino = kernel.ino();
  }
  /** Whoever reads it reads its own signals. */
  private get reader(): Task | undefined {
    return this.kernel.running ?? this.kernel.current?.tasks[0];
  }
  read(into: Uint8Array): number {
    const size = this.kernel.personality.signalRecordSize;
    if (into.length < size) throw posix("EINVAL");
    let done = 0;
    for (; done + size <= into.length; done += size) {
      const found = this.reader && takeOf(this.reader, this.mask);
      if (!found) break;
      into.set(this.kernel.personality.signalRecord(found), done);
    }
    return done || WOULD_BLOCK;
  }
  write(): number {
    throw posix("EINVAL");
  }
  stat(): FileStat {
    return namelessStat("file", this.ino, 0n);
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {}
  poll(): number {
    return this.reader && pendingMask(this.reader) & this.mask ? F.POLLIN | F.POLLRDNORM : 0;
  }
}

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
