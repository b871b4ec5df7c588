import { Description } from "../files.ts";
import { F } from "../flags.ts";
import { MemoryFile } from "../fs/memory.ts";
import type { Place } from "../guest.ts";
import { fileKey } from "../kernel.ts";
import { EventCounter, PipeEnd } from "../pipe.ts";
import type { Task } from "../process.ts";
import { fail, type SyscallResult } from "../result.ts";

/** Status flags that F_SETFL may change (fcntl(2)). */
const CHANGEABLE = F.O_APPEND | F.O_NONBLOCK | F.O_ASYNC | F.O_DIRECT | F.O_NOATIME;
/** What open(2) was told only about opening itself, and F_GETFL does not show. */
const OPENING = F.O_CREAT | F.O_EXCL | F.O_NOCTTY | F.O_TRUNC | F.O_CLOEXEC;

interface IntValue {
  readonly value: number;
}

/** A process that closes any descriptor of a file loses its locks there (fcntl(2)). */
function unlock(task: Task, file: Description | undefined): void {
  const { locks } = task.kernel;
  if (file && !locks.empty) locks.release(task.process, fileKey(file));
}

export function close(task: Task, fd: number): SyscallResult {
  unlock(task, task.files.peek(fd));
  task.files.close(fd);
  return 0;
}

export function closeRange(task: Task, first: number, last: number, flags: number): SyscallResult {
  if (first > last) return fail("EINVAL");
  if (flags & F.CLOSE_RANGE_UNSHARE && task.files.shared) {
    const own = task.files.copy();
    task.files.release();
    task.process.files = own;
  }
  for (const fd of task.files.numbers()) {
    if (fd < first || fd > last) continue;
    if (flags & F.CLOSE_RANGE_CLOEXEC) task.files.slot(fd).cloexec = true;
    else close(task, fd);
  }
  return 0;
}

export function dup(task: Task, fd: number): SyscallResult {
  return task.files.add(task.files.get(fd));
}

export function dup3(task: Task, old: number, fresh: number, flags: number): SyscallResult {
  if (old === fresh) return fail("EINVAL");
  if (task.files.get(old) !== task.files.peek(fresh)) unlock(task, task.files.peek(fresh));
  task.files.set(fresh, task.files.get(old), (flags & F.O_CLOEXEC) !== 0);
  return fresh;
}

function dupAbove(task: Task, fd: number, min: number, cloexec: boolean): SyscallResult {
  const file = task.files.get(fd);
  if (min < 0 || min >= task.files.limit) return fail("EINVAL");
  return task.files.add(file, cloexec, min);
}
export function dupFrom(task: Task, fd: number, _cmd: number, min: number): SyscallResult {
  return dupAbove(task, fd, min, false);
}
export function dupFromCloexec(task: Task, fd: number, _cmd: number, min: number): SyscallResult {
  return dupAbove(task, fd, min, true);
}

export function getFdFlags(task: Task, fd: number): SyscallResult {
  return task.files.slot(fd).cloexec ? F.FD_CLOEXEC : 0;
}
export function setFdFlags(task: Task, fd: number, _cmd: number, flags: number): SyscallResult {
  task.files.slot(fd).cloexec = (flags & F.FD_CLOEXEC) !== 0;
  return 0;
}
export function setCloexec(task: Task, fd: number): SyscallResult {
  task.files.slot(fd).cloexec = true;
  return 0;
}
export function clearCloexec(task: Task, fd: number): SyscallResult {
  task.files.slot(fd).cloexec = false;
  return 0;
}
export function getStatusFlags(task: Task, fd: number): SyscallResult {
  // A 64-bit Linux sets O_LARGEFILE on everything that was opened by path.
  const file = task.files.get(fd);
  return (file.flags & ~OPENING) | (file.dentry && !(file.flags & F.O_PATH) ? F.O_LARGEFILE : 0);
}
export function setStatusFlags(task: Task, fd: number, _cmd: number, flags: number): SyscallResult {
  const file = task.files.get(fd);
  if (file.flags & F.O_PATH) return fail("EBADF");
  file.flags = (file.flags & ~CHANGEABLE) | (flags & CHANGEABLE);
  return 0;
}
/** An ioctl that turns one status flag on or off. */
const flag =
  (bit: number) =>
  (task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult => {
    const file = task.files.get(fd);
    file.flags = arg.get().value ? file.flags | bit : file.flags & ~bit;
    return 0;
  };
export const setNonblocking = flag(F.O_NONBLOCK);
export const setAsync = flag(F.O_ASYNC);

export function setOwner(task: Task, fd: number): SyscallResult {
  task.files.get(fd);
  return 0;
}
export function getOwner(task: Task, fd: number): SyscallResult {
  task.files.get(fd);
  return 0;
}

export function pipe(task: Task, fds: Place<IntValue>, flags: number): SyscallResult {
  task.files.reserve(2);
  const { kernel } = task;
  const shared = kernel.pipe();
  const label = `pipe:[${shared.ino}]`;
  const status = flags & (F.O_NONBLOCK | F.O_DIRECT);
  const cloexec = (flags & F.O_CLOEXEC) !== 0;
  const read = task.files.add(new Description(new PipeEnd(shared, false), status, null, label), cloexec);
  const write = task.files.add(new Description(new PipeEnd(shared, true), status | F.O_WRONLY, null, label), cloexec);
  try {
    fds.set({ value: read }, 0);
    fds.set({ value: write }, 1);
  } catch (error) {
    task.files.close(read);
    task.files.close(write);
    throw error;
  }
  return 0;
}

function pipeOf(task: Task, fd: number): PipeEnd | null {
  const { handle } = task.files.get(fd);
  return handle instanceof PipeEnd ? handle : null;
}
export function setPipeSize(task: Task, fd: number, _cmd: number, size: number): SyscallResult {
  return pipeOf(task, fd)?.pipe.resize(size) ?? fail("EBADF");
}
export function getPipeSize(task: Task, fd: number): SyscallResult {
  return pipeOf(task, fd)?.pipe.capacity ?? fail("EBADF");
}

export function eventfd(task: Task, value: number, flags: number): SyscallResult {
  task.files.reserve();
  const { kernel } = task;
  const counter = new EventCounter(value, (flags & F.EFD_SEMAPHORE) !== 0, kernel.ino(), kernel.host.realtime());
  const status = F.O_RDWR | (flags & F.EFD_NONBLOCK ? F.O_NONBLOCK : 0);
  return task.files.add(new Description(counter, status, null, "anon_inode:[eventfd]"), (flags & F.EFD_CLOEXEC) !== 0);
}

export function memfd(task: Task, name: string, flags: number): SyscallResult {
  if (name.length > 249) return fail("EINVAL");
  if (flags & F.MFD_HUGETLB) return fail("ENOSYS");
  task.files.reserve();
  const file = new MemoryFile(task.kernel.nameless, 0o777);
  file.nlink = 0;
  file.seals = flags & F.MFD_ALLOW_SEALING ? 0 : 1;
  const handle = file.open({ read: true, write: true, append: false, truncate: false });
  const dentry = { inode: file, parent: task.kernel.root, name: `memfd:${name} (deleted)` };
  return task.files.add(new Description(handle, F.O_RDWR, dentry), (flags & F.MFD_CLOEXEC) !== 0);
}

/** Seals are a bit set of Linux's own (memfd_create(2)); only files made for it have one. */
export function addSeals(task: Task, fd: number, _cmd: number, seals: number): SyscallResult {
  const file = task.files.get(fd);
  const inode = file.dentry?.inode;
  if (!(inode instanceof MemoryFile) || inode.fs !== task.kernel.nameless) return fail("EINVAL");
  if (!file.writable || inode.seals & 1) return fail("EPERM");
  if (seals & ~0x1f) return fail("EINVAL");
  inode.seals |= seals;
  return 0;
}
export function getSeals(task: Task, fd: number): SyscallResult {
  const inode = task.files.get(fd).dentry?.inode;
  return inode instanceof MemoryFile && inode.fs === task.kernel.nameless ? inode.seals : fail("EINVAL");
}
