import type { FileType } from "../../host/host.ts";
import { CWD } from "../files.ts";
import { F } from "../flags.ts";
import type { FileStat, FsKind, Inode } from "../fs/inode.ts";
import type { Dentry } from "../fs/path.ts";
import type { Place, Span, Timespec } from "../guest.ts";
import { toTimespec } from "../guest.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { locate } from "../resolve.ts";
import { fail, type SyscallResult } from "../result.ts";

/** File type bits of a mode (S_IFMT): the same in every Unix since the sixth edition. */
const TYPE_BITS: Readonly<Record<FileType, number>> = {
  fifo: 0o010000,
  char: 0o020000,
  dir: 0o040000,
  block: 0o060000,
  file: 0o100000,
  link: 0o120000,
  socket: 0o140000,
};

interface StatFields {
  readonly [name: string]: number | Timespec;
}

function statFields(s: FileStat): StatFields {
  return {
    dev: s.dev,
    ino: s.ino,
    mode: TYPE_BITS[s.type] | s.mode,
    nlink: s.nlink,
    uid: s.uid,
    gid: s.gid,
    rdev: s.rdev,
    size: s.size,
    blksize: 4096,
    blocks: s.blocks,
    atime: toTimespec(s.atime),
    mtime: toTimespec(s.mtime),
    ctime: toTimespec(s.ctime),
  };
}

/** Stat of a path; of the descriptor itself where the path is empty and that is allowed. */
function statAt(task: Task, dir: number, path: string, flags: number): FileStat {
  if (path === "" && flags & F.AT_EMPTY_PATH && dir !== CWD) return task.files.get(dir).handle.stat();
  return locate(task, dir, path, !(flags & F.AT_SYMLINK_NOFOLLOW), (flags & F.AT_EMPTY_PATH) !== 0).inode.stat();
}

export function fstatat(task: Task, dir: number, path: string, buf: Place<StatFields>, flags: number): SyscallResult {
  buf.set(statFields(statAt(task, dir, path, flags)));
  return 0;
}

export function fstat(task: Task, fd: number, buf: Place<StatFields>): SyscallResult {
  buf.set(statFields(task.files.get(fd).handle.stat()));
  return 0;
}

const BASIC =
  F.STATX_TYPE |
  F.STATX_MODE |
  F.STATX_NLINK |
  F.STATX_UID |
  F.STATX_GID |
  F.STATX_ATIME |
  F.STATX_MTIME |
  F.STATX_CTIME |
  F.STATX_INO |
  F.STATX_SIZE |
  F.STATX_BLOCKS;

export function statx(
  task: Task,
  dir: number,
  path: string,
  flags: number,
  mask: number,
  buf: Place<StatFields>,
): SyscallResult {
  if (mask & F.STATX__RESERVED) return fail("EINVAL");
  const s = statAt(task, dir, path, flags);
  const { dev, rdev, ...fields } = statFields(s);
  buf.set({
    ...fields,
    mask: BASIC,
    dev_major: Math.floor(s.dev / 256) & 0xfff,
    dev_minor: s.dev & 0xff,
    rdev_major: Math.floor(s.rdev / 256) & 0xfff,
    rdev_minor: s.rdev & 0xff,
  });
  return 0;
}

/** Magic numbers of statfs(2). */
const MAGIC: Readonly<Record<FsKind, number>> = {
  memory: 0x01021994,
  host: 0xef53,
  overlay: 0x794c7630,
  proc: 0x9fa0,
  dev: 0x01021994,
  pipe: 0x50495045,
};

function figures(kind: FsKind): StatFields {
  const room = kind === "proc" || kind === "pipe" ? 0 : 0x100000;
  return {
    type: MAGIC[kind],
    bsize: 4096,
    blocks: room * 4,
    bfree: room,
    bavail: room,
    files: room,
    ffree: room,
    namelen: 255,
    frsize: 4096,
  };
}
export function statfs(task: Task, path: string, buf: Place<StatFields>): SyscallResult {
  const { inode } = locate(task, CWD, path, true);
  inode.type;
  buf.set(figures(inode.fsKind));
  return 0;
}
export function fstatfs(task: Task, fd: number, buf: Place<StatFields>): SyscallResult {
  buf.set(figures(task.files.get(fd).dentry?.inode.fsKind ?? "pipe"));
  return 0;
}

export function truncate(task: Task, path: string, length: number): SyscallResult {
  if (length < 0) return fail("EINVAL");
  const at = locate(task, CWD, path, true);
  const { inode } = at;
  if (inode.type === "dir") return fail("EISDIR");
  if (inode.type !== "file") return fail("EINVAL");
  inode.truncate(length);
  notice(task, at, F.IN_MODIFY);
  return 0;
}

export function ftruncate(task: Task, fd: number, length: number): SyscallResult {
  if (length < 0) return fail("EINVAL");
  const file = task.files.get(fd);
  if (!file.writable || !file.handle.seekable) return fail("EINVAL");
  const most = task.process.limits.get("RLIMIT_FSIZE")!.cur;
  if (length > most) return fail("EFBIG");
  file.handle.truncate(length);
  notice(task, file.dentry, F.IN_MODIFY);
  return 0;
}

export function fallocate(task: Task, fd: number, mode: number, offset: number, length: number): SyscallResult {
  const file = task.files.get(fd);
  if (offset < 0 || length <= 0) return fail("EINVAL");
  if (!file.writable) return fail("EBADF");
  if (!file.handle.seekable) return fail(file.handle.stat().type === "fifo" ? "ESPIPE" : "ENODEV");
  if (mode & (F.FALLOC_FL_COLLAPSE_RANGE | F.FALLOC_FL_INSERT_RANGE)) return fail("EOPNOTSUPP");
  const { size } = file.handle.stat();
  const end = offset + length;
  if (mode & F.FALLOC_FL_PUNCH_HOLE && !(mode & F.FALLOC_FL_KEEP_SIZE)) return fail("EOPNOTSUPP");
  if (mode & (F.FALLOC_FL_PUNCH_HOLE | F.FALLOC_FL_ZERO_RANGE)) zero(file.handle, offset, Math.min(end, size));
  if (!(mode & F.FALLOC_FL_KEEP_SIZE) && end > size) file.handle.truncate(end);
  notice(task, file.dentry, F.IN_MODIFY);
  return 0;
}

function zero(handle: { write(from: Uint8Array, at: number): number }, from: number, to: number): void {
  for (let at = from; at < to; at += 65536) handle.write(new Uint8Array(Math.min(65536, to - at)), at);
}

/** Changes attributes of an open file, where it has a name to reach them by. */
function named(task: Task, fd: number): Dentry {
  const file = task.files.get(fd);
  if (file.flags & F.O_PATH) throw posix("EBADF");
  if (!file.dentry) throw posix("EPERM");
  return file.dentry;
}

/** Tells who watches a file what happened to it. */
function notice(task: Task, at: Dentry | null, what: number): void {
  const { notices } = task.kernel;
  if (at && !notices.empty) notices.file(at, what);
}

/** Only the owner and root change a file's mode and times. */
function owned(task: Task, inode: Inode): void {
  const { uid } = task.process.ids;
  if (inode.fsKind !== "host" && uid !== 0 && inode.stat().uid !== uid) throw posix("EPERM");
}

export function fchmod(task: Task, fd: number, mode: number): SyscallResult {
  return setMode(task, named(task, fd), mode);
}
export function chmod(task: Task, dir: number, path: string, mode: number, flags = 0): SyscallResult {
  const at = locate(task, dir, path, !(flags & F.AT_SYMLINK_NOFOLLOW), (flags & F.AT_EMPTY_PATH) !== 0);
  return at.inode.type === "link" ? fail("EOPNOTSUPP") : setMode(task, at, mode);
}
function setMode(task: Task, at: Dentry, mode: number): SyscallResult {
  owned(task, at.inode);
  at.inode.chmod(mode);
  notice(task, at, F.IN_ATTRIB);
  return 0;
}
export function fchown(task: Task, fd: number, uid: number, gid: number): SyscallResult {
  return own(task, named(task, fd), uid, gid);
}
export function chown(task: Task, dir: number, path: string, uid: number, gid: number, flags: number): SyscallResult {
  return own(
    task,
    locate(task, dir, path, !(flags & F.AT_SYMLINK_NOFOLLOW), (flags & F.AT_EMPTY_PATH) !== 0),
    uid,
    gid,
  );
}
function own(task: Task, at: Dentry, uid: number, gid: number): SyscallResult {
  const { ids } = task.process;
  const { inode } = at;
  const now = inode.stat();
  const changes = (uid !== -1 && uid !== now.uid) || (gid !== -1 && gid !== now.gid && gid !== ids.gid);
  if (ids.uid !== 0 && (changes || now.uid !== ids.uid)) return fail("EPERM");
  inode.chown(uid, gid);
  notice(task, at, F.IN_ATTRIB);
  return 0;
}

/** tv_nsec values with a meaning (utimensat(2)); the personality's rulebook names them, Linux and the BSDs agree on use. */
export function utimens(
  task: Task,
  dir: number,
  path: string | null,
  times: Place<Timespec>,
  flags: number,
): SyscallResult {
  const { now: nowMark, omit } = task.personality.utime;
  const now = task.kernel.host.realtime();
  if (path === null && dir === CWD) return fail("EFAULT");
  const wish = times.isNull ? null : ([times.get(0), times.get(1)] as const);
  const valid = (t: Timespec): boolean => (t.nsec >= 0 && t.nsec < 1e9) || t.nsec === nowMark || t.nsec === omit;
  if (wish && !(valid(wish[0]) && valid(wish[1]))) return fail("EINVAL");
  if (wish?.[0].nsec === omit && wish[1].nsec === omit) return 0;
  const at =
    path === null
      ? named(task, dir)
      : locate(task, dir, path, !(flags & F.AT_SYMLINK_NOFOLLOW), (flags & F.AT_EMPTY_PATH) !== 0);
  const { inode } = at;
  const old = inode.stat();
  owned(task, inode);
  const pick = (t: Timespec | undefined, was: bigint): bigint => {
    if (!t || t.nsec === nowMark) return now;
    return t.nsec === omit ? was : BigInt(t.sec) * 1_000_000_000n + BigInt(t.nsec);
  };
  const follow = path === null || !(flags & F.AT_SYMLINK_NOFOLLOW);
  inode.utimes(pick(wish?.[0], old.atime), pick(wish?.[1], old.mtime), follow);
  const [first, second] = [wish?.[0].nsec === omit, wish?.[1].nsec === omit];
  notice(task, at, first ? F.IN_MODIFY : second ? F.IN_ACCESS : F.IN_ATTRIB);
  return 0;
}

export function fsync(task: Task, fd: number): SyscallResult {
  task.files.get(fd).handle.sync();
  return 0;
}
export function sync(): SyscallResult {
  return 0;
}
export function syncRange(task: Task, fd: number, offset: number, size: number): SyscallResult {
  if (offset < 0 || size < 0) return fail("EINVAL");
  return task.files.get(fd).handle.seekable ? 0 : fail("ESPIPE");
}
export function adviseFile(task: Task, fd: number): SyscallResult {
  const file = task.files.get(fd);
  return file.handle.stat().type === "fifo" ? fail("ESPIPE") : 0;
}

/** Directory entries from the description's position on, in the personality's layout. */
export function getdents(task: Task, fd: number, entries: Span, size: number): SyscallResult {
  const file = task.files.get(fd);
  const list = file.handle.list?.();
  if (!list) return fail("ENOTDIR");
  const { ino: here, nlink } = file.handle.stat();
  if (nlink === 0) return fail("ENOENT");
  const all = [
    { name: ".", type: "dir" as const, ino: here },
    { name: "..", type: "dir" as const, ino: here },
    ...list,
  ];
  const { personality } = task;
  let used = 0;
  while (file.position < all.length) {
    const entry = all[file.position]!;
    const record = personality.pack(entry, TYPE_BITS[entry.type] >> 12, file.position + 1);
    if (used + record.length > size) break;
    entries.slice(used, record.length).target.set(record);
    used += record.length;
    file.position++;
  }
  if (used === 0 && file.position < all.length) return fail("EINVAL");
  notice(task, file.dentry, F.IN_ACCESS);
  return used;
}

/** No file system here keeps extended attributes; these are Linux's answers for such a one. */
export function noAttribute(task: Task, path: string): SyscallResult {
  locate(task, CWD, path, true);
  return fail("EOPNOTSUPP");
}
export const noAttributes = noAttribute;
/** The l-calls speak of a link itself, which may lead nowhere. */
export function noAttributesLink(task: Task, path: string): SyscallResult {
  locate(task, CWD, path, false);
  return fail("EOPNOTSUPP");
}
export function noAttributesFd(task: Task, fd: number): SyscallResult {
  task.files.get(fd);
  return fail("EOPNOTSUPP");
}
export function listAttributes(task: Task, path: string): SyscallResult {
  locate(task, CWD, path, true);
  return 0;
}
export function listAttributesLink(task: Task, path: string): SyscallResult {
  locate(task, CWD, path, false);
  return 0;
}
export function listAttributesFd(task: Task, fd: number): SyscallResult {
  task.files.get(fd);
  return 0;
}
