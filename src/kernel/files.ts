import { F } from "./flags.ts";
import type { Handle } from "./fs/inode.ts";
import type { Dentry } from "./fs/path.ts";
import type { Locks } from "./locks.ts";
import type { Notices } from "./notices.ts";
import { posix } from "./posix.ts";

/** Descriptor number that means the current directory where a directory is asked for; no real one. */
export const CWD = Number.NEGATIVE_INFINITY;

/** An open file description (POSIX): offset and status flags, shared by all descriptors that were duplicated from it. */
export class Description {
  readonly handle: Handle;
  /** F.O_* status and access bits. */
  flags: number;
  position = 0;
  /** Where it was found, for /proc/self/fd, fchdir and the *at calls; null for pipes and the like. */
  readonly dentry: Dentry | null;
  /** What /proc/self/fd shows where there is no path: "pipe:[5]". */
  readonly label: string;
  users = 0;

  constructor(handle: Handle, flags: number, dentry: Dentry | null, label = "") {
    this.handle = handle;
    this.flags = flags;
    this.dentry = dentry;
    this.label = label;
  }
  get readable(): boolean {
    return !(this.flags & (F.O_WRONLY | F.O_PATH));
  }
  get writable(): boolean {
    return (this.flags & (F.O_WRONLY | F.O_RDWR)) !== 0 && !(this.flags & F.O_PATH);
  }
  get nonblocking(): boolean {
    return (this.flags & F.O_NONBLOCK) !== 0;
  }
  /** Whom to tell that a file opened by name is closed. */
  notices: Notices | undefined;
  /** Where it holds locks: they end with the last descriptor. */
  locked: { readonly locks: Locks; readonly key: string } | undefined;
  release(): void {
    if (--this.users > 0) return;
    this.locked?.locks.release(this, this.locked.key);
    this.notices?.closed(this);
    this.handle.close();
  }
  retain(): this {
    this.users++;
    return this;
  }
}

interface Slot {
  readonly file: Description;
  cloexec: boolean;
}

/** A process's descriptors. `limit` is RLIMIT_NOFILE. */
export class FdTable {
  private readonly slots: (Slot | undefined)[] = [];
  limit: number;
  /** Processes that use this table. */
  private users = 1;
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Throws EBADF. */
  get(fd: number): Description {
    return this.slot(fd).file;
  }
  peek(fd: number): Description | undefined {
    return this.slots[fd]?.file;
  }
  slot(fd: number): Slot {
    const slot = fd >= 0 ? this.slots[fd] : undefined;
    if (!slot) throw posix("EBADF");
    return slot;
  }
  /** Lowest free descriptor from `min` on. Throws EMFILE. */
  add(file: Description, cloexec = false, min = 0): number {
    let fd = min;
    while (this.slots[fd]) fd++;
    if (fd >= this.limit) {
      if (file.users === 0) file.retain().release();
      throw posix("EMFILE");
    }
    this.slots[fd] = { file: file.retain(), cloexec };
    return fd;
  }
  /** Throws EMFILE where no descriptor is left; asked before an effect that would have to be undone. */
  reserve(count = 1): void {
    let free = 0;
    for (let fd = 0; fd < this.limit && free < count; fd++) if (!this.slots[fd]) free++;
    if (free < count) throw posix("EMFILE");
  }
  set(fd: number, file: Description, cloexec: boolean): void {
    if (fd < 0 || fd >= this.limit) throw posix("EBADF");
    file.retain();
    this.slots[fd]?.file.release();
    this.slots[fd] = { file, cloexec };
  }
  close(fd: number): void {
    const { file } = this.slot(fd);
    this.slots[fd] = undefined;
    file.release();
  }
  /** Open descriptor numbers, ascending. */
  numbers(): number[] {
    const out: number[] = [];
    for (let fd = 0; fd < this.slots.length; fd++) if (this.slots[fd]) out.push(fd);
    return out;
  }
  closeOnExec(): void {
    for (const fd of this.numbers()) if (this.slot(fd).cloexec) this.close(fd);
  }
  closeAll(): void {
    for (const fd of this.numbers()) this.close(fd);
  }
  /** One more process has the same table (CLONE_FILES). */
  share(): this {
    this.users++;
    return this;
  }
  get shared(): boolean {
    return this.users > 1;
  }
  /** A table of one's own with the same files. */
  copy(): FdTable {
    const made = new FdTable(this.limit);
    for (const [fd, slot] of this.slots.entries())
      if (slot) made.slots[fd] = { file: slot.file.retain(), cloexec: slot.cloexec };
    return made;
  }
  /** A process lets go; with the last one everything is closed. */
  release(): void {
    if (--this.users === 0) this.closeAll();
  }
}
