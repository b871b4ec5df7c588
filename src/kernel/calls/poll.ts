import { Description } from "../files.ts";
import { F } from "../flags.ts";
import type { FileStat, Handle } from "../fs/inode.ts";
import { duration, type Place, type Timespec, toTimespec } from "../guest.ts";
import { namelessStat } from "../pipe.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { interrupted } from "../signals.ts";

/** Told whether asked for or not. */
const ALWAYS = F.POLLERR | F.POLLHUP | F.POLLNVAL;

/** Waits until `look` finds something (a count above 0); 0 when time is up. Looks at least once. */
function waitFor(task: Task, look: () => number, until: bigint | null, done: () => void): SyscallResult {
  const first = look();
  if (first > 0) {
    done();
    return first;
  }
  const finish = (result: SyscallResult): SyscallResult => {
    done();
    return result;
  };
  const poll = (): SyscallResult | null => {
    const n = look();
    if (n > 0) return finish(n);
    return interrupted(task) ? finish(fail("EINTR")) : null;
  };
  return block({ until, poll, expired: () => finish(0), outside: true });
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

export function ppoll(task: Task, fds: Place<PollFd>, count: number, timeout: Place<Timespec>): SyscallResult {
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
  return waitFor(task, look, until, tellRest(task, timeout, until));
}

/** pselect6: three bit sets of n bits, in 64-bit words. */
export function pselect(
  task: Task,
  n: number,
  readSet: number,
  writeSet: number,
  exceptSet: number,
  timeout: Place<Timespec>,
): SyscallResult {
  if (n < 0) return fail("EINVAL");
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
  return waitFor(task, look, until, () => {
    for (const [i, bytesFound] of found.entries()) if (bytesFound) memory.write(addresses[i]!, bytesFound);
    rest();
  });
}

interface EpollEvent {
  readonly events: number;
  readonly data: bigint;
}

/** epoll bits are poll bits here and there but for their own order in F. */
const PAIRS: readonly (readonly [number, number])[] = [
  [F.EPOLLIN, F.POLLIN],
  [F.EPOLLPRI, F.POLLPRI],
  [F.EPOLLOUT, F.POLLOUT],
  [F.EPOLLERR, F.POLLERR],
  [F.EPOLLHUP, F.POLLHUP],
  [F.EPOLLRDNORM, F.POLLRDNORM],
  [F.EPOLLWRNORM, F.POLLWRNORM],
  [F.EPOLLRDHUP, F.POLLRDHUP],
];

/** An epoll instance: what it watches, by descriptor number. */
class Epoll implements Handle {
  readonly seekable = false;
  readonly interest = new Map<number, { file: Description; events: number; data: bigint }>();
  private readonly ino: number;
  private readonly born: bigint;
  constructor(ino: number, born: bigint) {
    this.ino = ino;
    this.born = born;
  }
  read(): number {
    throw posix("EINVAL");
  }
  write(): number {
    throw posix("EINVAL");
  }
  stat(): FileStat {
    return namelessStat("file", this.ino, this.born);
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {}
  poll(): number {
    return this.ready(1).length ? F.POLLIN : 0;
  }
  ready(most: number): EpollEvent[] {
    const out: EpollEvent[] = [];
    for (const [fd, entry] of this.interest) {
      if (out.length >= most) break;
      if (entry.file.users === 0) {
        this.interest.delete(fd);
        continue;
      }
      const now = entry.file.handle.poll();
      let events = 0;
      for (const [mine, poll] of PAIRS)
        if (now & poll && (entry.events & mine || poll & (F.POLLERR | F.POLLHUP))) events |= mine;
      if (!events) continue;
      out.push({ events, data: entry.data });
      if (entry.events & F.EPOLLONESHOT) entry.events = 0;
    }
    return out;
  }
}

export function epollCreate(task: Task, flags: number): SyscallResult {
  task.files.reserve();
  const epoll = new Epoll(task.kernel.ino(), task.kernel.host.realtime());
  return task.files.add(
    new Description(epoll, F.O_RDWR, null, "anon_inode:[eventpoll]"),
    (flags & F.EPOLL_CLOEXEC) !== 0,
  );
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
  const known = epoll.interest.has(fd);
  switch (op) {
    case "EPOLL_CTL_ADD":
      if (known) return fail("EEXIST");
      epoll.interest.set(fd, { file, ...event.get() });
      return 0;
    case "EPOLL_CTL_MOD":
      if (!known) return fail("ENOENT");
      epoll.interest.set(fd, { file, ...event.get() });
      return 0;
    case "EPOLL_CTL_DEL":
      return epoll.interest.delete(fd) ? 0 : fail("ENOENT");
    default:
      return fail("EINVAL");
  }
}

export function epollWait(
  task: Task,
  epfd: number,
  events: Place<EpollEvent>,
  most: number,
  timeout: number,
): SyscallResult {
  const epoll = epollOf(task, epfd);
  if (most <= 0) return fail("EINVAL");
  const until = timeout < 0 ? null : task.kernel.host.monotonic() + BigInt(timeout) * 1_000_000n;
  const look = (): number => {
    const ready = epoll.ready(most);
    for (const [i, event] of ready.entries()) events.set(event, i);
    return ready.length;
  };
  return waitFor(task, look, until, () => {});
}
