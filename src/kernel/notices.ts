import type { Description } from "./files.ts";
import { F } from "./flags.ts";
import { type FileStat, type Handle, type Inode, WOULD_BLOCK } from "./fs/inode.ts";
import type { Dentry } from "./fs/path.ts";
import type { Kernel } from "./kernel.ts";
import { namelessStat } from "./pipe.ts";
import { posix } from "./posix.ts";

/*
 * Who wants to hear of what happens to files (inotify(7)). Files are known by device and number, so that a watch stays
 * with its file under every name. Heard is what programs of the sandbox do; what others do to the host's files is not.
 */

/** What a program reads of one event. */
export interface Notice {
  readonly wd: number;
  /** F.IN_* bits. */
  readonly mask: number;
  /** Joins the two halves of a move; else 0. */
  readonly cookie: number;
  /** The entry of a watched directory, or "". */
  readonly name: string;
}

interface Watch {
  readonly by: Inotify;
  readonly wd: number;
  readonly key: string;
  mask: number;
}

/** Events, as opposed to what says how to watch. */
const EVENTS =
  F.IN_ACCESS |
  F.IN_MODIFY |
  F.IN_ATTRIB |
  F.IN_CLOSE_WRITE |
  F.IN_CLOSE_NOWRITE |
  F.IN_OPEN |
  F.IN_MOVED_FROM |
  F.IN_MOVED_TO |
  F.IN_CREATE |
  F.IN_DELETE |
  F.IN_DELETE_SELF |
  F.IN_MOVE_SELF;
/** Of a watched file itself: not told of as those of a directory. */
const SELF = F.IN_DELETE_SELF | F.IN_MOVE_SELF;

/** fs.inotify.max_queued_events, max_user_watches, max_user_instances. */
const MOST_QUEUED = 16384;
const MOST_WATCHES = 65536;
const MOST_INSTANCES = 128;

/** What tells which file it is: an inode, or an open file, which has no name any more perhaps. */
export type Known = Pick<Inode, "stat">;

/** A file's identity, "" where it cannot be looked at. */
export function keyOf(file: Known): string {
  const stat = statOf(file);
  return stat ? `${stat.dev}:${stat.ino}` : "";
}

/** All watches of a sandbox. */
export class Notices {
  private readonly watches = new Map<string, Watch[]>();
  private readonly kernel: Kernel;
  private cookies = 0;
  private count = 0;
  private instances = 0;
  /** Watched files without a name that somebody still has open. */
  private readonly doomed = new Set<string>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }
  /** Nobody watches anything: the rule. */
  get empty(): boolean {
    return this.watches.size === 0;
  }
  cookie(): number {
    return ++this.cookies;
  }

  /** A new instance counts. Throws EMFILE. */
  begin(): void {
    if (this.instances >= MOST_INSTANCES) throw posix("EMFILE");
    this.instances++;
  }
  end(of: Inotify): void {
    this.instances--;
    for (const watch of [...this.watches.values()].flat()) if (watch.by === of) this.drop(watch);
  }

  find(by: Inotify, key: string): Watch | undefined {
    return this.watches.get(key)?.find((watch) => watch.by === by);
  }
  /** Throws ENOSPC. */
  add(watch: Watch): void {
    if (this.count >= MOST_WATCHES) throw posix("ENOSPC");
    this.count++;
    const list = this.watches.get(watch.key);
    if (list) list.push(watch);
    else this.watches.set(watch.key, [watch]);
  }
  drop(watch: Watch): void {
    const list = this.watches.get(watch.key);
    const at = list ? list.indexOf(watch) : -1;
    if (at < 0) return;
    list!.splice(at, 1);
    this.count--;
    if (!list!.length) this.watches.delete(watch.key);
  }
  remove(by: Inotify, wd: number): void {
    for (const list of this.watches.values()) {
      const watch = list.find((w) => w.by === by && w.wd === wd);
      if (!watch) continue;
      this.drop(watch);
      by.put({ wd, mask: F.IN_IGNORED, cookie: 0, name: "" });
      return;
    }
    throw posix("EINVAL");
  }

  /** Something happened to an entry of a directory. */
  entry(dir: Inode, name: string, what: number, isDir: boolean, cookie = 0): void {
    this.tell(keyOf(dir), { mask: what | (isDir ? F.IN_ISDIR : 0), cookie, name });
  }
  /** Something happened to a file: who watches its directory hears its name. */
  file(at: Dentry, what: number, of: Known = at.inode): void {
    const stat = statOf(of);
    if (!stat) return;
    const mask = what | (stat.type === "dir" ? F.IN_ISDIR : 0);
    const place = placeOf(at);
    if (place) this.tell(keyOf(place.dir), { mask, cookie: 0, name: place.name }, stat.nlink === 0);
    this.tell(`${stat.dev}:${stat.ino}`, { mask, cookie: 0, name: "" });
  }
  /** Something happened to the file itself. */
  self(key: string, what: number, isDir = false): void {
    this.tell(key, { mask: what | (isDir && !(what & SELF) ? F.IN_ISDIR : 0), cookie: 0, name: "" });
  }
  /** A file lost its last name: its watches end, when nobody has it open any more. */
  unnamed(key: string): void {
    if (!this.watches.has(key)) return;
    if (this.isOpen(key)) this.doomed.add(key);
    else this.gone(key);
  }
  /** A description of a file that was opened by name ends. */
  closed(file: Description): void {
    const { dentry } = file;
    if (this.empty || !dentry || file.flags & F.O_PATH) return;
    this.file(dentry, file.writable ? F.IN_CLOSE_WRITE : F.IN_CLOSE_NOWRITE, file.handle);
    if (!this.doomed.size) return;
    const key = keyOf(file.handle);
    if (this.doomed.has(key) && !this.isOpen(key)) this.gone(key);
  }

  private gone(key: string): void {
    this.doomed.delete(key);
    this.self(key, F.IN_DELETE_SELF);
    for (const watch of [...(this.watches.get(key) ?? [])]) {
      this.drop(watch);
      watch.by.put({ wd: watch.wd, mask: F.IN_IGNORED, cookie: 0, name: "" });
    }
  }
  private isOpen(key: string): boolean {
    for (const { files } of this.kernel.processes.values())
      for (const fd of files.numbers()) {
        const { handle, notices } = files.get(fd);
        if (notices && keyOf(handle) === key) return true;
      }
    return false;
  }

  private tell(key: string, what: Omit<Notice, "wd">, unlinked = false): void {
    const list = this.watches.get(key);
    if (!list) return;
    for (const watch of [...list]) {
      if (!(watch.mask & what.mask & EVENTS)) continue;
      if (unlinked && watch.mask & F.IN_EXCL_UNLINK) continue;
      watch.by.put({ ...what, wd: watch.wd });
      if (!(watch.mask & F.IN_ONESHOT)) continue;
      this.drop(watch);
      watch.by.put({ wd: watch.wd, mask: F.IN_IGNORED, cookie: 0, name: "" });
    }
  }
}

function statOf(file: Known): FileStat | null {
  try {
    return file.stat();
  } catch {
    return null;
  }
}

/** The directory that a name stands in; null for the root. A name below a host folder may have several components. */
function placeOf(at: Dentry): { dir: Inode; name: string } | null {
  if (!at.parent) return null;
  const cut = at.name.lastIndexOf("/");
  if (cut < 0) return { dir: at.parent.inode, name: at.name };
  const dir = at.parent.inode.descend?.(at.name.slice(0, cut));
  return dir ? { dir, name: at.name.slice(cut + 1) } : null;
}

/** An inotify instance: its queue. */
export class Inotify implements Handle {
  readonly seekable = false;
  private readonly kernel: Kernel;
  private queue: Notice[] = [];
  private next = 1;
  private came = 0;
  private readonly ino: number;
  private readonly born: bigint;

  constructor(kernel: Kernel) {
    kernel.notices.begin();
    this.kernel = kernel;
    this.ino = kernel.ino();
    this.born = kernel.host.realtime();
  }

  /** Watches a file, or changes how it is watched; returns the watch descriptor. Throws EEXIST, ENOSPC. */
  watch(inode: Inode, mask: number): number {
    const { notices } = this.kernel;
    const key = keyOf(inode);
    const known = notices.find(this, key);
    if (known) {
      if (mask & F.IN_MASK_CREATE) throw posix("EEXIST");
      known.mask = mask & F.IN_MASK_ADD ? known.mask | mask : mask;
      return known.wd;
    }
    notices.add({ by: this, wd: this.next, key, mask });
    return this.next++;
  }
  unwatch(wd: number): void {
    this.kernel.notices.remove(this, wd);
  }

  /** One more event; what is the same as the last one counts once, what does not fit is lost, and said to be. */
  put(notice: Notice): void {
    const last = this.queue.at(-1);
    if (last && same(last, notice)) return;
    if (this.queue.length >= MOST_QUEUED) {
      const lost = { wd: -1, mask: F.IN_Q_OVERFLOW, cookie: 0, name: "" };
      if (!same(last!, lost)) this.queue.push(lost);
      return;
    }
    this.came++;
    this.queue.push(notice);
  }

  /** Whole events, as many as fit. */
  read(into: Uint8Array): number {
    let done = 0;
    while (this.queue.length) {
      const record = this.kernel.personality.noticeRecord(this.queue[0]!);
      if (done + record.length > into.length) {
        if (!done) throw posix("EINVAL");
        break;
      }
      into.set(record, done);
      done += record.length;
      this.queue.shift();
    }
    return done || WOULD_BLOCK;
  }
  write(): number {
    throw posix("EBADF");
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
  close(): void {
    this.kernel.notices.end(this);
  }
  poll(): number {
    return this.queue.length ? F.POLLIN | F.POLLRDNORM : 0;
  }
  available(): number {
    return this.queue.reduce((sum, notice) => sum + this.kernel.personality.noticeRecord(notice).length, 0);
  }
  arrivals(): number {
    return this.came;
  }
}

function same(a: Notice, b: Notice): boolean {
  return a.wd === b.wd && a.mask === b.mask && a.cookie === b.cookie && a.name === b.name;
}
