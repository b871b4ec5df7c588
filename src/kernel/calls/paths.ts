import { CWD, Description } from "../files.ts";
import { F } from "../flags.ts";
import { HostInode } from "../fs/host.ts";
import type { Handle, Inode, OpenHow } from "../fs/inode.ts";
import { MemoryFile } from "../fs/memory.ts";
import { type Dentry, pathOf, type Walked } from "../fs/path.ts";
import { PathOnly } from "../fs/path-only.ts";
import { PtyMaster } from "../fs/pty.ts";
import { MemoryFifo } from "../fs/special.ts";
import type { Span } from "../guest.ts";
import { keyOf } from "../notices.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { entry, locate, named, parentOf, permitted, writableDir } from "../resolve.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { interrupted } from "../signals.ts";

const encoder = new TextEncoder();

export function open(task: Task, dir: number, path: string, flags: number, mode: number): SyscallResult {
  const { process, files } = task;
  const access = flags & (F.O_WRONLY | F.O_RDWR);
  const write = access !== 0 && !(flags & F.O_PATH);
  const create = (flags & F.O_CREAT) !== 0 && !(flags & F.O_PATH);
  if (create && flags & F.O_DIRECTORY) return fail("EINVAL");
  files.reserve();
  const how = {
    read: !(access & F.O_WRONLY) || access === (F.O_WRONLY | F.O_RDWR),
    write,
    append: (flags & F.O_APPEND) !== 0,
    truncate: (flags & F.O_TRUNC) !== 0 && !(flags & F.O_PATH),
    create,
    exclusive: create && (flags & F.O_EXCL) !== 0,
    noFollow: (flags & F.O_NOFOLLOW) !== 0,
    directory: (flags & F.O_DIRECTORY) !== 0,
    mode: mode & ~process.umask,
  };
  if (flags & F.O_TMPFILE) return temporary(task, locate(task, dir, path, true), flags, how.mode);
  const cloexec = (flags & F.O_CLOEXEC) !== 0;
  const direct = flags & F.O_PATH ? null : wholePath(task, dir, path);
  if (direct) {
    // The host resolves, creates and opens in one call.
    const made = create && !task.kernel.notices.empty && keyOf(direct.inode) === "";
    const handle = direct.inode.open({ ...how, directory: how.directory || path.endsWith("/") });
    return install(task, new Description(handle, flags & ~OPEN_ONLY, direct), flags, made);
  }
  const at = create
    ? createOrFind(task, dir, path, flags, how.mode)
    : { found: locate(task, dir, path, !how.noFollow), made: false };
  const { inode } = at.found;
  if (flags & F.O_PATH) {
    if (how.directory && inode.type !== "dir") return fail("ENOTDIR");
    return files.add(new Description(new PathOnly(inode), F.O_PATH | (flags & F.O_DIRECTORY), at.found), cloexec);
  }
  if (inode.type === "link") return fail("ELOOP");
  if (how.directory && inode.type !== "dir") return fail("ENOTDIR");
  if (inode.type === "dir" && (write || create)) return fail("EISDIR");
  if (!at.made) permitted(task, inode, (how.read ? 4 : 0) | (write ? 2 : 0));
  if (inode instanceof MemoryFifo) return openFifo(task, inode, how, new Opening(flags, at.found));
  const handle = inode.open(how);
  if (!(flags & F.O_NOCTTY)) adoptTerminal(task, handle);
  return install(task, new Description(handle, flags & ~OPEN_ONLY, at.found), flags, at.made);
}

/** A file that was opened by name becomes a descriptor, and who watches hears of it. */
function install(task: Task, file: Description, flags: number, made: boolean): number {
  const { notices } = task.kernel;
  const { dentry } = file;
  file.notices = notices;
  const fd = task.files.add(file, (flags & F.O_CLOEXEC) !== 0);
  if (notices.empty || !dentry) return fd;
  if (made) created(task, dentry.parent?.inode, dentry.name, false);
  else if (flags & F.O_TRUNC && file.writable) notices.file(dentry, F.IN_MODIFY, file.handle);
  notices.file(dentry, F.IN_OPEN, file.handle);
  return fd;
}

/** A directory got an entry. */
function created(task: Task, dir: Inode | undefined, name: string, isDir: boolean): void {
  const { notices } = task.kernel;
  if (notices.empty || !dir) return;
  const cut = name.lastIndexOf("/");
  const at = cut < 0 ? dir : dir.descend?.(name.slice(0, cut));
  if (at) notices.entry(at, name.slice(cut + 1), F.IN_CREATE, isDir);
}

/** A session without a terminal gets the first that its leader opens. */
function adoptTerminal(task: Task, handle: Handle): void {
  const { process, kernel } = task;
  const { terminal } = handle;
  if (!terminal || handle instanceof PtyMaster || terminal.session || process.sid !== process.pid) return;
  for (const other of kernel.terminals) if (other.session === process.sid) return;
  terminal.session = process.sid;
  terminal.foreground = process.pgid;
}

/** How a file becomes a descriptor. */
class Opening {
  readonly flags: number;
  readonly found: Dentry;
  constructor(flags: number, found: Dentry) {
    this.flags = flags;
    this.found = found;
  }
}

/** A FIFO opens when its other side does (fifo(7)); for writing without waiting only where somebody reads. */
function openFifo(task: Task, inode: MemoryFifo, how: OpenHow, { flags, found }: Opening): SyscallResult {
  const nonblocking = (flags & F.O_NONBLOCK) !== 0;
  if (how.write && !how.read && nonblocking && inode.shared().readers === 0) return fail("ENXIO");
  const file = new Description(inode.open(how), flags & ~OPEN_ONLY, found);
  const pipe = inode.shared();
  const others = (): number => (how.write ? pipe.readersEver : pipe.writersEver);
  const before = others();
  const there = how.write ? pipe.readers > 0 : pipe.writers > 0;
  const add = (): number => install(task, file, flags, false);
  if ((how.read && how.write) || there || nonblocking) return add();
  const poll = (): SyscallResult | null => {
    if (others() !== before) return add();
    if (!interrupted(task)) return null;
    file.retain().release();
    return fail("ERESTART");
  };
  const cancel = (): void => file.retain().release();
  return block({ until: null, poll, expired: () => fail("EINTR"), outside: false, cancel });
}
const OPEN_ONLY = F.O_CREAT | F.O_EXCL | F.O_NOCTTY | F.O_TRUNC | F.O_CLOEXEC;

/** A path in a file system that resolves paths itself; null where the kernel's walk is due. */
function wholePath(task: Task, dir: number, path: string): Dentry | null {
  if (path.includes("..") || /^\/?\.?\/?$/.test(path)) return null;
  const walked = parentOf(task, dir, path);
  if (!walked.at.inode.descend || walked.last === ".") return null;
  if (walked.at.parent === null && task.kernel.mounts.has(walked.last)) return null;
  return { inode: walked.at.inode.descend(walked.last), parent: walked.at, name: walked.last };
}

function createOrFind(
  task: Task,
  dir: number,
  path: string,
  flags: number,
  mode: number,
): { found: Dentry; made: boolean } {
  let walked = parentOf(task, dir, path);
  for (let links = 0; ; links++) {
    if (walked.last === "." || walked.last === ".." || walked.slash) throw posix("EISDIR");
    const inode = entry(task, walked);
    if (!inode) {
      writableDir(task, walked.at.inode);
      return {
        found: { inode: walked.at.inode.create(walked.last, mode), parent: walked.at, name: walked.last },
        made: true,
      };
    }
    if (flags & F.O_EXCL) throw posix("EEXIST");
    if (inode.type !== "link" || flags & F.O_NOFOLLOW)
      return { found: { inode, parent: walked.at, name: walked.last }, made: false };
    if (links >= 40) throw posix("ELOOP");
    const magic = inode.target();
    if (magic) return { found: { inode: magic, parent: walked.at, name: walked.last }, made: false };
    walked = task.kernel.walk({ root: task.process.root, cwd: walked.at }, inode.readlink(), {
      follow: false,
      parent: true,
    });
  }
}

function temporary(task: Task, at: Dentry, flags: number, mode: number): SyscallResult {
  if (at.inode.type !== "dir") return fail("ENOTDIR");
  if (!(flags & (F.O_WRONLY | F.O_RDWR))) return fail("EINVAL");
  if (at.inode.fsKind === "host") return fail("EOPNOTSUPP");
  const file = new MemoryFile(task.kernel.nameless, mode);
  file.nlink = 0;
  const handle = file.open({ read: true, write: true, append: false, truncate: false });
  const dentry = { inode: file, parent: at, name: `#${file.info.ino} (deleted)` };
  return task.files.add(new Description(handle, flags & ~OPEN_ONLY, dentry), (flags & F.O_CLOEXEC) !== 0);
}

export function mkdir(task: Task, dir: number, path: string, mode: number): SyscallResult {
  const walked = parentOf(task, dir, path);
  const name = named(walked, "EEXIST");
  if (!walked.at.inode.descend && entry(task, walked)) return fail("EEXIST");
  writableDir(task, walked.at.inode);
  walked.at.inode.mkdir(name, mode & ~task.process.umask);
  created(task, walked.at.inode, name, true);
  return 0;
}

/** File types that mknod(2) takes. */
const MAKEABLE = new Set([0, 0o10000, 0o20000, 0o60000, 0o100000, 0o140000]);

/** Files, FIFOs and sockets; S_IFMT bits are the same in every Unix. */
export function mknod(task: Task, dir: number, path: string, mode: number): SyscallResult {
  const type = mode & 0o170000;
  if (!MAKEABLE.has(type)) return fail(type === 0o40000 ? "EPERM" : "EINVAL");
  const special = type === 0o10000 ? "fifo" : type === 0o140000 ? "socket" : null;
  if (type !== 0 && type !== 0o100000 && !special) return fail("EPERM");
  const walked = parentOf(task, dir, path);
  const name = named(walked, "EEXIST");
  if (entry(task, walked)) return fail("EEXIST");
  writableDir(task, walked.at.inode);
  const bits = mode & 0o7777 & ~task.process.umask;
  if (special) walked.at.inode.special(name, special, bits);
  else walked.at.inode.create(name, bits);
  created(task, walked.at.inode, name, false);
  return 0;
}

export function symlink(task: Task, target: string, dir: number, path: string): SyscallResult {
  if (target === "") return fail("ENOENT");
  const walked = parentOf(task, dir, path);
  const name = named(walked, "EEXIST");
  if (walked.slash) return fail("ENOENT");
  if (!walked.at.inode.descend && entry(task, walked)) return fail("EEXIST");
  writableDir(task, walked.at.inode);
  walked.at.inode.symlink(name, target);
  created(task, walked.at.inode, name, false);
  return 0;
}

export function link(
  task: Task,
  oldDir: number,
  old: string,
  newDir: number,
  fresh: string,
  flags: number,
): SyscallResult {
  const source = locate(task, oldDir, old, (flags & F.AT_SYMLINK_FOLLOW) !== 0, (flags & F.AT_EMPTY_PATH) !== 0);
  const walked = parentOf(task, newDir, fresh);
  const name = named(walked, "EEXIST");
  if (!walked.at.inode.descend && entry(task, walked)) return fail("EEXIST");
  writableDir(task, walked.at.inode);
  walked.at.inode.link(name, source.inode);
  if (!task.kernel.notices.empty) task.kernel.notices.self(keyOf(source.inode), F.IN_ATTRIB);
  created(task, walked.at.inode, name, false);
  return 0;
}

export function unlink(task: Task, dir: number, path: string, flags: number): SyscallResult {
  const walked = parentOf(task, dir, path);
  const remove = (flags & F.AT_REMOVEDIR) !== 0;
  const name = named(walked, remove ? (walked.last === "." ? "EINVAL" : "ENOTEMPTY") : "EISDIR");
  const { inode } = walked.at;
  if (walked.at.parent === null && task.kernel.mounts.has(name)) return fail(remove ? "EBUSY" : "EISDIR");
  if (!inode.descend) {
    const target = inode.lookup(name);
    if (!target) return fail("ENOENT");
    if (walked.slash && target.type !== "dir") return fail("ENOTDIR");
    writableDir(task, inode);
  }
  const watched = known(task, inode, name);
  if (remove) inode.rmdir(name);
  else inode.unlink(name);
  if (watched) removed(task, inode, name, watched);
  return 0;
}

/** What is known of an entry before it goes; null where nobody watches. */
interface Entry {
  readonly key: string;
  readonly isDir: boolean;
  /** No other name is left. */
  readonly last: boolean;
}

function known(task: Task, dir: Inode, name: string): Entry | null {
  if (task.kernel.notices.empty) return null;
  const inode = dir.lookup(name);
  if (!inode) return null;
  const { nlink, type } = inode.stat();
  return { key: keyOf(inode), isDir: type === "dir", last: type === "dir" || nlink <= 1 };
}

function removed(task: Task, dir: Inode, name: string, { key, isDir, last }: Entry): void {
  const { notices } = task.kernel;
  if (!isDir) notices.self(key, F.IN_ATTRIB);
  if (last) notices.unnamed(key);
  notices.entry(dir, name, F.IN_DELETE, isDir);
}

/** One entry moved, over `over` where there was one. */
function moved(task: Task, from: Walked, to: Walked, what: Entry, over: Entry | null): void {
  const { notices } = task.kernel;
  const cookie = notices.cookie();
  notices.entry(from.at.inode, from.last, F.IN_MOVED_FROM, what.isDir, cookie);
  notices.entry(to.at.inode, to.last, F.IN_MOVED_TO, what.isDir, cookie);
  if (over && !over.isDir) notices.self(over.key, F.IN_ATTRIB);
  notices.self(what.key, F.IN_MOVE_SELF, what.isDir);
  if (over?.last) notices.unnamed(over.key);
}

export function rename(
  task: Task,
  oldDir: number,
  old: string,
  newDir: number,
  fresh: string,
  flags: number,
): SyscallResult {
  if (flags & F.RENAME_WHITEOUT || (flags & F.RENAME_NOREPLACE && flags & F.RENAME_EXCHANGE)) return fail("EINVAL");
  const from = parentOf(task, oldDir, old);
  const to = parentOf(task, newDir, fresh);
  const name = named(from, "EBUSY");
  const toName = named(to, "EBUSY");
  for (const end of [from, to]) if (end.at.parent === null && task.kernel.mounts.has(end.last)) return fail("EBUSY");
  if (!from.at.inode.descend) {
    const inode = from.at.inode.lookup(name);
    if (!inode) return fail("ENOENT");
    if ((from.slash || to.slash) && inode.type !== "dir") return fail("ENOTDIR");
  }
  if (flags & F.RENAME_NOREPLACE && entry(task, to)) return fail("EEXIST");
  writableDir(task, from.at.inode);
  writableDir(task, to.at.inode);
  const what = known(task, from.at.inode, name);
  const over = known(task, to.at.inode, toName);
  if (flags & F.RENAME_EXCHANGE) {
    from.at.inode.exchange(name, to.at.inode, toName);
    if (what && over) {
      moved(task, from, to, what, null);
      moved(task, to, from, over, null);
    }
    return 0;
  }
  from.at.inode.rename(name, to.at.inode, toName);
  if (what && what.key !== over?.key) moved(task, from, to, what, over);
  return 0;
}

export function readlink(task: Task, dir: number, path: string, buf: Span, size: number): SyscallResult {
  if (size <= 0) return fail("EINVAL");
  const { inode } = locate(task, dir, path, false, true);
  const text = encoder.encode(inode.readlink());
  const n = Math.min(size, text.length);
  buf.slice(0, n).target.set(text.subarray(0, n));
  return n;
}

export function access(task: Task, dir: number, path: string, mode: number, flags = 0): SyscallResult {
  const at = locate(task, dir, path, !(flags & F.AT_SYMLINK_NOFOLLOW), (flags & F.AT_EMPTY_PATH) !== 0);
  const want = (mode & F.R_OK ? 4 : 0) | (mode & F.W_OK ? 2 : 0) | (mode & F.X_OK ? 1 : 0);
  if (at.inode.fsKind === "host") hostAccess(task, at.inode, want);
  else permitted(task, at.inode, want);
  return 0;
}

/** A host file's bits, for the ids the guest is told it has. */
function hostAccess(task: Task, inode: Inode, want: number): void {
  const { mode, uid, gid, type } = inode.stat();
  const { ids } = task.process;
  if (ids.uid === 0 && !(want & 1 && type === "file" && !(mode & 0o111))) return;
  const bits = ids.uid === uid ? mode >> 6 : ids.gid === gid ? mode >> 3 : mode;
  if ((bits & want) !== want) throw posix("EACCES");
}

export function chdir(task: Task, path: string): SyscallResult {
  return enter(task, locate(task, CWD, path, true));
}
export function fchdir(task: Task, fd: number): SyscallResult {
  const { dentry } = task.files.get(fd);
  return dentry ? enter(task, dentry) : fail("ENOTDIR");
}
function enter(task: Task, at: Dentry): SyscallResult {
  if (at.inode.type !== "dir") return fail("ENOTDIR");
  permitted(task, at.inode, 1);
  task.process.cwd = withoutLinks(task, at);
  return 0;
}

/** A host folder by its own path: the host resolved what links there were, and getcwd tells none. */
function withoutLinks(task: Task, at: Dentry): Dentry {
  const { root } = task.kernel;
  if (!(at.inode instanceof HostInode) || at === root || task.process.root !== root) return at;
  const path = at.inode.realpath();
  if (path === "/") return root;
  const inode = root.inode.descend?.(path.slice(1));
  return inode ? { inode, parent: root, name: path.slice(1) } : at;
}

export function getcwd(task: Task, buf: Span, size: number): SyscallResult {
  const text = encoder.encode(`${pathOf(task.process.cwd, task.process.root)}\0`);
  if (size < text.length) return fail("ERANGE");
  buf.slice(0, text.length).target.set(text);
  return text.length;
}

export function umask(task: Task, mask: number): SyscallResult {
  const old = task.process.umask;
  task.process.umask = mask & 0o777;
  return old;
}
