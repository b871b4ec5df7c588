import { CWD } from "./files.ts";
import type { Inode } from "./fs/inode.ts";
import type { Dentry, Walked } from "./fs/path.ts";
import { posix } from "./posix.ts";
import type { Task } from "./process.ts";

/*
 * What calls with paths share: where a path starts, what it names, who may use it.
 */

/** Where a *at call starts. Throws EBADF, ENOTDIR. */
function base(task: Task, dir: number, path: string): Dentry {
  const { process } = task;
  if (dir === CWD || path.startsWith("/")) return process.cwd;
  const { dentry } = task.files.get(dir);
  if (!dentry) throw posix("ENOTDIR");
  return dentry;
}

/** The file that a path names. With `empty`, an empty path is `dir` itself (AT_EMPTY_PATH). */
export function locate(task: Task, dir: number, path: string, follow: boolean, empty = false): Dentry {
  if (path === "" && empty && dir === CWD) return task.process.cwd;
  const start = { root: task.process.root, cwd: base(task, dir, path) };
  if (path === "" && empty) return start.cwd;
  return task.kernel.walk(start, path, { follow }).at;
}

/** The directory in which a path's last component is. */
export function parentOf(task: Task, dir: number, path: string): Walked {
  return task.kernel.walk({ root: task.process.root, cwd: base(task, dir, path) }, path, {
    follow: false,
    parent: true,
  });
}

/** A last component that can be made, removed or renamed. */
export function named(walked: Walked, wrong: string): string {
  if (walked.last === "." || walked.last === "..") throw posix(wrong);
  return walked.last;
}

/** The entry a `parentOf` points to, or null. */
export function entry(task: Task, walked: Walked): Inode | null {
  const mount = walked.at.parent === null ? task.kernel.mounts.get(walked.last) : undefined;
  return mount ?? walked.at.inode.lookup(walked.last);
}

/** Checks permission bits (1 execute, 2 write, 4 read) for the process's ids; root may all but execute what nobody may. */
export function permitted(task: Task, inode: Inode, want: number): void {
  const { mode, uid, gid, type } = inode.stat();
  if (want & 2 && type === "file" && inode.fsKind === "proc" && !(mode & 0o222)) throw posix("EACCES");
  if (!want || inode.fsKind === "host") return;
  const { ids } = task.process;
  if (ids.uid === 0) {
    if (want & 1 && type === "file" && !(mode & 0o111)) throw posix("EACCES");
    return;
  }
  const bits = ids.uid === uid ? mode >> 6 : ids.gid === gid ? mode >> 3 : mode;
  if ((bits & want) !== want) throw posix("EACCES");
}

export function writableDir(task: Task, inode: Inode): void {
  permitted(task, inode, 2);
}
