import { CWD, Description } from "../files.ts";
import { F } from "../flags.ts";
import { Inotify } from "../notices.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { locate, permitted } from "../resolve.ts";
import { fail, type SyscallResult } from "../result.ts";

/*
 * inotify(7).
 */

export function inotifyInit(task: Task, flags: number): SyscallResult {
  task.files.reserve();
  const file = new Description(new Inotify(task.kernel), flags & F.O_NONBLOCK, null, "anon_inode:inotify");
  return task.files.add(file, (flags & F.O_CLOEXEC) !== 0);
}

function instance(task: Task, fd: number): Inotify {
  const { handle } = task.files.get(fd);
  if (!(handle instanceof Inotify)) throw posix("EINVAL");
  return handle;
}

export function inotifyAdd(task: Task, fd: number, path: string, mask: number): SyscallResult {
  if (mask === 0) return fail("EINVAL");
  if (mask & F.IN_MASK_ADD && mask & F.IN_MASK_CREATE) return fail("EINVAL");
  const inotify = instance(task, fd);
  const { inode } = locate(task, CWD, path, !(mask & F.IN_DONT_FOLLOW));
  if (mask & F.IN_ONLYDIR && inode.type !== "dir") return fail("ENOTDIR");
  permitted(task, inode, 4);
  // Where the file cannot be looked at, nothing can be heard of it.
  inode.stat();
  return inotify.watch(inode, mask);
}

export function inotifyRemove(task: Task, fd: number, wd: number): SyscallResult {
  instance(task, fd).unwatch(wd);
  return 0;
}
