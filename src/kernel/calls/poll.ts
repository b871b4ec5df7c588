import { Epoll, type EpollEvent } from "../epoll.ts";
import { Description } from "../files.ts";
import { F } from "../flags.ts";
import { duration, type Place, type Timespec, toTimespec } from "../guest.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { bitOf, interrupted } from "../signals.ts";

/** Told whether asked for or not. */
const ALWAYS = F.POLLERR | F.POLLHUP | F.POLLNVAL;

/** How a wait goes: until when, with which signals blocked, and whether something outside may end it. */
interface How {
  readonly until: bigint | null;
  /** Signals blocked meanwhile; null: as they are. */
  readonly mask: bigint | null;
  readonly outside: () => boolean;
  /** Told when it is over. */
  readonly done?: () => void;
}

/** The mask argument of ppoll and its kin. Throws EINVAL. */
function maskOf(task: Task, mask?: Place<{ mask: bigint }>, size?: number): bigint | null {
  if (!mask || mask.isNull) return null;
  if (size !== 8) throw posix("EINVAL");
  const { personality } = task;
  return mask.get().mask & ~(bitOf(personality.signal("SIGKILL")) | bitOf(personality.signal("SIGSTOP")));
}

/** Waits until `look` finds something (a count above 0); 0 when time is up. Looks at least once. */
function waitFor(task: Task, look: () => number, { until, mask, outside, done }: How): SyscallResult {
  const first = look();
  if (first > 0) {
    done?.();
    return first;
  }
  if (mask !== null) {
    task.savedMask = task.blocked;
    task.blocked = mask;
  }
  const finish = (result: SyscallResult): SyscallResult => {
    done?.();
    // A signal that ends the wait still finds the mask as it was meant (sigsuspend's way).
    if (mask !== null && typeof result === "number" && task.savedMask !== null) {
      task.blocked = task.savedMask;
      task.savedMask = null;
    }
    return result;
  };
  const poll = (): SyscallResult | null => {
    const n = look();
    if (n > 0) return finish(n);
    return interrupted(task) ? finish(fail("EINTR")) : null;
  };
  return block({ until, poll, expired: () => finish(0), outside: outside() });
}

function deadline(task: Task, timeout: Place<Timespec>): bigint | null {
  return timeout.isNull ? null : task.kernel.host.monotonic() + duration(timeout.get());
}

/** Linux tells how much of the timeout is left. */
function tellRest(task: Task, timeout: Place<Timespec>, until: bigint | null): () => void {
  return () => {
    if (until === null) return;
    const left = until - task.kernel.host.monotonic();
    timeout.set(toTimespec(left > 0n ? left : 0n));
  };
}

interface PollFd {
  readonly fd: number;
  readonly events: number;
  readonly revents: number;
}

function ready(task: Task, fd: number, events: number): number {
  const file = task.files.peek(fd);
  return file ? file.handle.poll() & (events | ALWAYS) : F.POLLNVAL;
}

export function ppoll(
  task: Task,
  fds: Place<PollFd>,
  count: number,
  timeout: Place<Timespec>,
  set?: Place<{ mask: bigint }>,
  size?: number,
): SyscallResult {
  const mask = maskOf(task, set, size);
  if (count > task.files.limit) return fail("EINVAL");
  const until = deadline(task, timeout);
  const look = (): number => {
    let n = 0;
    for (let i = 0; i < count; i++) {
      const entry = fds.get(i);
      const revents = entry.fd < 0 ? 0 : ready(task, entry.fd, entry.events);
      fds.set({ ...entry, revents }, i);
      if (revents) n++;
    }
    return n;
  };
  const outside = (): boolean => {
    for (let i = 0; i < count; i++) if (task.files.peek(fds.get(i).fd)?.handle.outside) return true;
    return false;
  };
  return waitFor(task, look, { until, mask, outside, done: tellRest(task, timeout, until) });
}

/** pselect6: three bit sets of n bits, in 64-bit words. */
export function pselect(
  task: Task,
  n: number,
  readSet: number,
  writeSet: number,
  exceptSet: number,
  timeout: Place<Timespec>,
  set?: Place<{ mask: number; size: number }>,
): SyscallResult {
  if (n < 0) return fail("EINVAL");
  const { mask: at, size } = !set || set.isNull ? { mask: 0, size: 8 } : set.get();
  if (at && size !== 8) return fail("EINVAL");
  const mask = at ? BigInt(memoryWord(task, at)) | (BigInt(memoryWord(task, at + 4)) << 32n) : null;
  const bits = Math.min(n, task.files.limit);
  const bytes = Math.ceil(bits / 64) * 8;
  const { memory } = task.space;
  const sets = [readSet, writeSet, exceptSet].map((at) => (at ? memory.read(at, bytes) : null));
  const wanted = [F.POLLIN | F.POLLHUP | F.POLLERR, F.POLLOUT | F.POLLERR, F.POLLPRI];
  const has = (set: Uint8Array | null | undefined, fd: number): boolean =>
    !!set && ((set[fd >> 3]! >> (fd & 7)) & 1) === 1;
  for (let fd = 0; fd < bits; fd++) if (sets.some((set) => has(set, fd)) && !task.files.peek(fd)) return fail("EBADF");
  const until = deadline(task, timeout);
  const found = sets.map((set) => (set ? new Uint8Array(bytes) : null));
  const look = (): number => {
    let count = 0;
    for (const [i, set] of sets.entries()) {
      found[i]?.fill(0);
      for (let fd = 0; fd < bits; fd++) {
        if (!has(set, fd) || !(ready(task, fd, wanted[i]!) & wanted[i]!)) continue;
        found[i]![fd >> 3]! |= 1 << (fd & 7);
        count++;
      }
    }
    return count;
  };
  const rest = tellRest(task, timeout, until);
  const addresses = [readSet, writeSet, exceptSet];
  const outside = (): boolean => {
    for (let fd = 0; fd < bits; fd++)
      if (sets.some((set) => has(set, fd)) && task.files.peek(fd)?.handle.outside) return true;
    return false;
  };
  const done = (): void => {
    for (const [i, bytesFound] of found.entries()) if (bytesFound) memory.write(addresses[i]!, bytesFound);
    rest();
  };
  return waitFor(task, look, { until, mask, outside, done });
}
const memoryWord = (task: Task, at: number): number => task.space.memory.u32(at);

export function epollCreate(task: Task, flags: number): SyscallResult {
  task.files.reserve();
  const epoll = new Epoll(task.kernel.ino(), task.kernel.host.realtime());
  return task.files.add(
    new Description(epoll, F.O_RDWR, null, "anon_inode:[eventpoll]"),
    (flags & F.EPOLL_CLOEXEC) !== 0,
  );
}

/** The first form, where the argument was a size that had to be one. */
export function epollCreateSized(task: Task, size: number): SyscallResult {
  return size > 0 ? epollCreate(task, 0) : fail("EINVAL");
}

function epollOf(task: Task, fd: number): Epoll {
  const { handle } = task.files.get(fd);
  if (!(handle instanceof Epoll)) throw posix("EINVAL");
  return handle;
}

export function epollControl(
  task: Task,
  epfd: number,
  op: string,
  fd: number,
  event: Place<EpollEvent>,
): SyscallResult {
  const file = task.files.get(fd);
  const epoll = epollOf(task, epfd);
  if (epfd === fd) return fail("EINVAL");
  const { type } = file.handle.stat();
  if ((type === "file" && file.dentry) || type === "dir") return fail("EPERM");
  switch (op) {
    case "EPOLL_CTL_ADD":
      epoll.add(fd, file, event.get());
      return 0;
    case "EPOLL_CTL_MOD":
      epoll.modify(fd, file, event.get());
      return 0;
    case "EPOLL_CTL_DEL":
      epoll.remove(fd, file);
      return 0;
    default:
      return fail("EINVAL");
  }
}

function waitEvents(
  task: Task,
  epfd: number,
  events: Place<EpollEvent>,
  most: number,
  how: Omit<How, "outside">,
): SyscallResult {
  const epoll = epollOf(task, epfd);
  if (most <= 0) return fail("EINVAL");
  const look = (): number => {
    const ready = epoll.ready(most);
    for (const [i, event] of ready.entries()) events.set(event, i);
    return ready.length;
  };
  return waitFor(task, look, { ...how, outside: () => epoll.outside });
}

export function epollWait(
  task: Task,
  epfd: number,
  events: Place<EpollEvent>,
  most: number,
  timeout: number,
  set?: Place<{ mask: bigint }>,
  size?: number,
): SyscallResult {
  const until = timeout < 0 ? null : task.kernel.host.monotonic() + BigInt(timeout) * 1_000_000n;
  return waitEvents(task, epfd, events, most, { until, mask: maskOf(task, set, size) });
}

export function epollWaitFine(
  task: Task,
  epfd: number,
  events: Place<EpollEvent>,
  most: number,
  timeout: Place<Timespec>,
  set: Place<{ mask: bigint }>,
): SyscallResult {
  return waitEvents(task, epfd, events, most, { until: deadline(task, timeout), mask: maskOf(task, set, 8) });
}
