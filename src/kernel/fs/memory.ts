import type { FileType, HostFile, HostFs, HostStat } from "../../host/host.ts";
import { F } from "../flags.ts";
import { posix } from "../posix.ts";
import { type DirEntry, type FileStat, type FsKind, type Handle, Inode, type OpenHow } from "./inode.ts";

/*
 * Memory file system, and the overlay of --root in the same breath: a node may have a `lower` path in a read-only host
 * folder, from which its attributes, entries and bytes come until it is changed. Nothing is ever written to the lower
 * folder, and no symbolic link of it is followed by the host: the kernel's own walk resolves them inside the root.
 *
 * (memfs, unionfs and the like were looked at: they mirror Node's asynchronous, callback- and Buffer-shaped API, have no
 * openat, inode identity, whiteouts or dirfd-relative walk, and cost more start-up than this file.)
 */

/** Most bytes of files in one memory file system. */
export const FILES_LIMIT = 0x40000000;

/** What all nodes of one memory file system share. */
export class MemoryFs {
  readonly now: () => bigint;
  readonly kind: FsKind;
  readonly dev: number;
  /** Host file system and folder that nodes fault in from. */
  readonly lower: HostFs | undefined;
  /** Bytes of file content; `limit` bounds what a hostile program can make the host keep. */
  used = 0;
  readonly limit: number;
  uid = 0;
  gid = 0;
  private nextIno = 0x100000000;

  constructor(kind: FsKind, dev: number, now: () => bigint, lower?: HostFs, limit = FILES_LIMIT) {
    this.kind = kind;
    this.dev = dev;
    this.now = now;
    this.lower = lower;
    this.limit = limit;
  }
  ino(): number {
    return this.nextIno++;
  }
  root(lowerPath?: string): MemoryDir {
    return new MemoryDir(this, 0o755, lowerPath);
  }
  charge(bytes: number): void {
    if (this.used + bytes > this.limit) throw posix("ENOSPC");
    this.used += bytes;
  }
}

export abstract class MemoryInode extends Inode {
  readonly fs: MemoryFs;
  /** Path in the lower folder that content still comes from. */
  lower: string | undefined;
  nlink = 1;
  private attributes:
    | { mode: number; uid: number; gid: number; ino: number; atime: bigint; mtime: bigint; ctime: bigint }
    | undefined;
  private first: HostStat | undefined;

  constructor(fs: MemoryFs, mode: number, lower?: string, first?: HostStat) {
    super();
    this.fs = fs;
    this.lower = lower;
    this.first = first;
    if (lower === undefined) {
      const now = fs.now();
      this.attributes = { mode, uid: fs.uid, gid: fs.gid, ino: fs.ino(), atime: now, mtime: now, ctime: now };
    }
  }
  /** Attributes, read from the lower file at first use. */
  get info() {
    if (!this.attributes) {
      const s = this.first ?? this.fs.lower!.stat(this.lower!, false);
      this.nlink = s.nlink;
      this.attributes = {
        mode: s.mode,
        uid: s.uid,
        gid: s.gid,
        ino: s.ino,
        atime: s.atime,
        mtime: s.mtime,
        ctime: s.ctime,
      };
    }
    return this.attributes;
  }
  abstract get size(): number;
  override get fsKind(): FsKind {
    return this.fs.kind;
  }
  stat(): FileStat {
    const { mode, uid, gid, ino, atime, mtime, ctime } = this.info;
    const size = this.size;
    const blocks = this.type === "link" ? 0 : Math.ceil(size / 4096) * 8;
    return {
      type: this.type,
      mode,
      size,
      nlink: this.nlink,
      uid,
      gid,
      dev: this.fs.dev,
      rdev: 0,
      ino,
      blocks,
      atime,
      mtime,
      ctime,
    };
  }
  override chmod(mode: number): void {
    Object.assign(this.info, { mode: mode & 0o7777, ctime: this.fs.now() });
  }
  override chown(uid: number, gid: number): void {
    Object.assign(this.info, { ...(uid >= 0 && { uid }), ...(gid >= 0 && { gid }), ctime: this.fs.now() });
  }
  override utimes(atime: bigint, mtime: bigint): void {
    Object.assign(this.info, { atime, mtime, ctime: this.fs.now() });
  }
  touched(): void {
    this.info.mtime = this.info.ctime = this.fs.now();
  }
  protected get lowerSize(): number {
    this.first ??= this.fs.lower!.stat(this.lower!, false);
    return this.first.size;
  }
}

export class MemoryLink extends MemoryInode {
  readonly type = "link";
  private text: string | undefined;
  constructor(fs: MemoryFs, target: string | undefined, lower?: string, first?: HostStat) {
    super(fs, 0o777, lower, first);
    this.text = target;
  }
  get size(): number {
    return new TextEncoder().encode(this.readlink()).length;
  }
  override readlink(): string {
    this.text ??= this.fs.lower!.readlink(this.lower!);
    return this.text;
  }
}

/** A special file that the lower folder happens to hold: seen, not opened. */
export class LowerSpecial extends MemoryInode {
  readonly type: FileType;
  readonly size = 0;
  constructor(fs: MemoryFs, type: FileType, lower: string, first: HostStat) {
    super(fs, 0, lower, first);
    this.type = type;
  }
}

export class MemoryFile extends MemoryInode {
  readonly type = "file";
  private bytes = new Uint8Array(0);
  private length = 0;
  /** F_SEAL_* bits as Linux numbers them: 2 shrink, 4 grow, 8 write. */
  seals = 1;

  constructor(fs: MemoryFs, mode: number, lower?: string, first?: HostStat) {
    super(fs, mode, lower, first);
  }
  get size(): number {
    return this.lower === undefined ? this.length : this.lowerSize;
  }
  override open(how: OpenHow): Handle {
    if (how.truncate && how.write) this.truncate(0);
    return new MemoryHandle(this);
  }
  read(into: Uint8Array, at: number): number {
    if (at >= this.length) return 0;
    const part = this.bytes.subarray(at, Math.min(this.length, at + into.length));
    into.set(part);
    return part.length;
  }
  write(from: Uint8Array, at: number): number {
    this.own();
    if (this.seals & 8) throw posix("EPERM");
    if (at + from.length > this.length && this.seals & 4) throw posix("EPERM");
    if (!from.length) return 0;
    this.reserve(at + from.length);
    this.bytes.set(from, at);
    this.length = Math.max(this.length, at + from.length);
    this.touched();
    return from.length;
  }
  override truncate(size: number): void {
    if (size === 0 && this.lower !== undefined) this.lower = this.own(false);
    else this.own();
    if ((size < this.length && this.seals & 2) || (size > this.length && this.seals & 4)) throw posix("EPERM");
    if (size < this.length) this.bytes.fill(0, size, this.length);
    else this.reserve(size);
    this.length = size;
    this.touched();
  }
  /** Zeroes a range inside the file. */
  zero(from: number, to: number): void {
    this.own();
    if (this.seals & 8) throw posix("EPERM");
    this.bytes.fill(0, from, Math.min(to, this.length));
    this.touched();
  }
  lowerFile(): HostFile | null {
    return this.lower === undefined ? null : this.fs.lower!.open(this.lower, { read: true, write: false });
  }
  /** Copies the lower file's content up (or drops it), so that the file can change. */
  own(keep = true): undefined {
    if (this.lower === undefined) return;
    this.info;
    const size = this.lowerSize;
    if (keep && size) {
      const file = this.lowerFile()!;
      this.reserve(size);
      let at = 0;
      for (let n = 1; n > 0 && at < size; at += n) n = file.read(this.bytes.subarray(at, size), at);
      file.close();
      this.length = size;
    }
    this.lower = undefined;
  }
  /** Open descriptions and mappings. */
  opens = 0;
  /** Gives the content back when neither name nor descriptor is left. */
  release(): void {
    if (this.opens || this.nlink > 0) return;
    this.fs.used -= this.bytes.length;
    this.bytes = new Uint8Array(0);
    this.length = 0;
  }
  private reserve(size: number): void {
    if (size <= this.bytes.length) return;
    if (size > this.fs.limit) throw posix(size > 0x7fffffff ? "EFBIG" : "ENOSPC");
    const room = Math.min(
      this.fs.limit,
      Math.max(size, Math.min(this.bytes.length * 2, this.bytes.length + 0x4000000), 256),
    );
    this.fs.charge(room - this.bytes.length);
    const more = new Uint8Array(room);
    more.set(this.bytes.subarray(0, this.length));
    this.bytes = more;
  }
}

export class MemoryHandle implements Handle {
  readonly seekable = true;
  readonly file: MemoryFile;
  private under: HostFile | null;
  constructor(file: MemoryFile) {
    this.file = file;
    this.under = file.lowerFile();
    file.opens++;
  }
  /** What a resumed program has open is opened once more, below. */
  reopen(): void {
    this.under = this.file.lowerFile();
  }
  read(into: Uint8Array, at: number): number {
    if (this.under && this.file.lower !== undefined) return this.under.read(into, at);
    return this.file.read(into, at);
  }
  write(from: Uint8Array, at: number): number {
    return this.file.write(from, at);
  }
  stat(): FileStat {
    return this.file.stat();
  }
  truncate(size: number): void {
    this.file.truncate(size);
  }
  sync(): void {}
  close(): void {
    this.under?.close();
    this.under = null;
    this.file.opens--;
    this.file.release();
  }
  poll(): number {
    return F.POLLIN | F.POLLOUT | F.POLLRDNORM | F.POLLWRNORM;
  }
}

export class MemoryDir extends MemoryInode {
  readonly type = "dir";
  /** null: deleted, whatever the lower folder says. */
  private readonly entries = new Map<string, Inode | null>();
  private lowerEntries: readonly DirEntry[] | undefined;
  private gone = false;

  constructor(fs: MemoryFs, mode: number, lower?: string, first?: HostStat) {
    super(fs, mode, lower, first);
    this.nlink = 2;
  }
  get size(): number {
    return 4096;
  }
  override open(_how: OpenHow): Handle {
    return new DirHandle(this);
  }
  override lookup(name: string): Inode | null {
    const known = this.entries.get(name);
    if (known !== undefined || this.lower === undefined) return known ?? null;
    const inode = this.fault(name);
    this.entries.set(name, inode);
    return inode;
  }
  override list(): DirEntry[] {
    // What the lower folder holds comes in its own order, then what was made here.
    this.lowerEntries ??= this.lower === undefined ? [] : this.fs.lower!.readdir(this.lower);
    const out: DirEntry[] = [];
    const below = new Set<string>();
    for (const entry of this.lowerEntries) {
      below.add(entry.name);
      const known = this.entries.get(entry.name);
      if (known !== null) out.push(known ? entryOf(entry.name, known) : entry);
    }
    for (const [name, inode] of this.entries) if (inode && !below.has(name)) out.push(entryOf(name, inode));
    return out;
  }
  /** Puts a ready node in, for mounting and device files. */
  place(name: string, inode: Inode): void {
    this.entries.set(name, inode);
  }
  override create(name: string, mode: number): Inode {
    return this.add(name, new MemoryFile(this.fs, mode));
  }
  /** Makes FIFOs and sockets; set by the kernel, which knows what they are. */
  static makeSpecial: (fs: MemoryFs, type: "fifo" | "socket", mode: number) => Inode;
  override special(name: string, type: "fifo" | "socket", mode: number): Inode {
    return this.add(name, MemoryDir.makeSpecial(this.fs, type, mode));
  }
  override mkdir(name: string, mode: number): void {
    this.add(name, new MemoryDir(this.fs, mode));
    this.nlink++;
  }
  override symlink(name: string, target: string): void {
    this.add(name, new MemoryLink(this.fs, target));
  }
  override link(name: string, target: Inode): void {
    if (!(target instanceof MemoryInode) || target.fs !== this.fs) throw posix("EXDEV");
    if (target.type === "dir") throw posix("EPERM");
    this.add(name, target);
    target.info.ctime = this.fs.now();
    target.nlink++;
  }
  override unlink(name: string): void {
    const inode = this.need(name);
    if (inode.type === "dir") throw posix("EISDIR");
    this.remove(name);
    if (inode instanceof MemoryInode) {
      inode.info.ctime = this.fs.now();
      inode.nlink--;
      if (inode instanceof MemoryFile) inode.release();
    }
  }
  override rmdir(name: string): void {
    const inode = this.need(name);
    if (inode.type !== "dir") throw posix("ENOTDIR");
    if (!(inode instanceof MemoryDir)) throw posix("EBUSY");
    if (inode.list().length) throw posix("ENOTEMPTY");
    this.remove(name);
    inode.gone = true;
    inode.nlink = 0;
    this.nlink--;
  }
  override rename(name: string, to: Inode, toName: string): void {
    if (!(to instanceof MemoryDir) || to.fs !== this.fs) throw posix("EXDEV");
    const inode = this.need(name);
    const old = to.lookup(toName);
    if (old === inode) return;
    if (inode instanceof MemoryDir && inode.holds(to)) throw posix("EINVAL");
    if (old) {
      if (old.type === "dir" && inode.type !== "dir") throw posix("EISDIR");
      if (old.type !== "dir" && inode.type === "dir") throw posix("ENOTDIR");
      if (old.type === "dir") to.rmdir(toName);
      else to.unlink(toName);
    }
    this.remove(name);
    to.add(toName, inode);
    if (inode.type === "dir") {
      this.nlink--;
      to.nlink++;
    }
  }
  override exchange(name: string, to: Inode, toName: string): void {
    if (!(to instanceof MemoryDir) || to.fs !== this.fs) throw posix("EXDEV");
    const a = this.need(name);
    const b = to.need(toName);
    this.entries.set(name, b);
    to.entries.set(toName, a);
    this.touched();
    to.touched();
  }
  private holds(other: Inode): boolean {
    if (other === this) return true;
    for (const inode of this.entries.values()) if (inode instanceof MemoryDir && inode.holds(other)) return true;
    return false;
  }
  private add<T extends Inode>(name: string, inode: T): T {
    if (this.gone) throw posix("ENOENT");
    if (this.lookup(name)) throw posix("EEXIST");
    this.entries.set(name, inode);
    this.touched();
    return inode;
  }
  private need(name: string): Inode {
    const inode = this.lookup(name);
    if (!inode) throw posix("ENOENT");
    return inode;
  }
  private remove(name: string): void {
    if (this.lower === undefined) this.entries.delete(name);
    else this.entries.set(name, null);
    this.touched();
  }
  private fault(name: string): Inode | null {
    const path = `${this.lower === "/" ? "" : this.lower}/${name}`;
    let stat: HostStat;
    try {
      stat = this.fs.lower!.stat(path, false);
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return null;
      throw error;
    }
    if (stat.type === "dir") return new MemoryDir(this.fs, 0, path, stat);
    if (stat.type === "file") return new MemoryFile(this.fs, 0, path, stat);
    if (stat.type === "link") return new MemoryLink(this.fs, undefined, path, stat);
    return new LowerSpecial(this.fs, stat.type, path, stat);
  }
}

function entryOf(name: string, inode: Inode): DirEntry {
  return { name, type: inode.type, ino: inode.stat().ino };
}

/** An open directory: its entries are taken when reading starts. */
export class DirHandle implements Handle {
  readonly seekable = true;
  readonly dir: Inode;
  private entries: DirEntry[] | undefined;
  constructor(dir: Inode) {
    this.dir = dir;
  }
  read(): number {
    throw posix("EISDIR");
  }
  write(): number {
    throw posix("EBADF");
  }
  stat(): FileStat {
    return this.dir.stat();
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {}
  close(): void {}
  poll(): number {
    return F.POLLIN | F.POLLRDNORM;
  }
  list(fresh = false): DirEntry[] {
    if (fresh || !this.entries) this.entries = this.dir.list();
    return this.entries;
  }
}
