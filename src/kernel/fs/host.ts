import type { FileType, HostFile, HostFs, HostStat } from "../../host/host.ts";
import { F } from "../flags.ts";
import { posix } from "../posix.ts";
import { type DirEntry, type FileStat, type FsKind, type Handle, Inode, type OpenHow, WOULD_BLOCK } from "./inode.ts";
import { DirHandle } from "./memory.ts";

/**
 * The host's own files, where the guest has no root of its own. One host call an operation, with the path as the guest
 * wrote it: the policy behind `HostFs` must see what the program asks for, and components above a granted path must not
 * need a grant of their own. So the host resolves symbolic links here, and only `..` makes the kernel's walk step in.
 */
export class HostInode extends Inode {
  readonly fs: HostFs;
  readonly path: string;
  private known: HostStat | undefined;
  /** It is what a link at `path` leads to, not the link. */
  private readonly beyond: boolean;

  constructor(fs: HostFs, path: string, known?: HostStat, beyond = false) {
    super();
    this.fs = fs;
    this.path = path;
    this.known = known;
    this.beyond = beyond;
  }
  get type(): FileType {
    this.known ??= this.fs.stat(this.path, this.beyond);
    return this.known.type;
  }
  override get fsKind(): FsKind {
    return "host";
  }
  stat(): FileStat {
    const s = this.known ?? this.fs.stat(this.path, this.beyond);
    this.known = undefined;
    return { ...s, rdev: 0 };
  }
  private child(name: string): string {
    return this.path === "/" ? `/${name}` : `${this.path}/${name}`;
  }
  override lookup(name: string): Inode | null {
    return found(() => new HostInode(this.fs, this.child(name), this.fs.stat(this.child(name), false)));
  }
  /** The file at a relative path, unstatted: whoever uses it learns from the operation itself whether it is there. */
  override descend(rest: string): Inode {
    return new HostInode(this.fs, this.child(rest));
  }
  /** The file that this path leads to when links are followed. */
  followed(): HostInode {
    return new HostInode(this.fs, this.path, this.fs.stat(this.path, true), true);
  }
  override list(): DirEntry[] {
    return this.fs.readdir(this.path);
  }
  override readlink(): string {
    return this.fs.readlink(this.path);
  }
  override open(how: OpenHow): Handle {
    const { create, exclusive, noFollow, directory, mode, ...rest } = how;
    const options = {
      ...rest,
      ...(create && { create }),
      ...(exclusive && { exclusive }),
      ...(noFollow && { noFollow }),
    };
    const file = this.fs.open(this.path, {
      ...options,
      ...(directory && { directory }),
      ...(mode !== undefined && { mode }),
    });
    const stat = file.stat();
    if (stat.type !== "dir") return new HostHandle(file, stat.type);
    file.close();
    if (how.write) throw posix("EISDIR");
    return new DirHandle(new HostInode(this.fs, this.path, undefined, true));
  }
  override create(name: string, mode: number): Inode {
    this.fs.open(this.child(name), { read: false, write: true, create: true, exclusive: true, mode }).close();
    return new HostInode(this.fs, this.child(name));
  }
  override mkdir(name: string, mode: number): void {
    this.fs.mkdir(this.child(name), mode);
  }
  override symlink(name: string, target: string): void {
    this.fs.symlink(target, this.child(name));
  }
  override link(name: string, target: Inode): void {
    if (!(target instanceof HostInode)) throw posix("EXDEV");
    this.fs.link(target.path, this.child(name));
  }
  override unlink(name: string): void {
    this.fs.unlink(this.child(name));
  }
  override rmdir(name: string): void {
    this.fs.rmdir(this.child(name));
  }
  override rename(name: string, to: Inode, toName: string): void {
    if (!(to instanceof HostInode)) throw posix("EXDEV");
    this.fs.rename(this.child(name), to.child(toName));
  }
  override truncate(size: number): void {
    const file = this.fs.open(this.path, { read: false, write: true });
    try {
      file.truncate(size);
    } finally {
      file.close();
    }
  }
  override chmod(mode: number): void {
    this.known = undefined;
    this.fs.chmod(this.path, mode);
  }
  override chown(uid: number, gid: number): void {
    const now = this.stat();
    if ((uid >= 0 && uid !== now.uid) || (gid >= 0 && gid !== now.gid)) throw posix("EPERM");
  }
  override utimes(atime: bigint, mtime: bigint, follow = true): void {
    this.known = undefined;
    this.fs.utimes(this.path, atime, mtime, follow);
  }
  /** Its path without symbolic links. */
  realpath(): string {
    return this.fs.realpath?.(this.path) ?? this.path;
  }
}

export class HostHandle implements Handle {
  readonly file: HostFile;
  readonly seekable: boolean;
  readonly outside: boolean;
  constructor(file: HostFile, type: FileType) {
    this.file = file;
    this.seekable = type === "file" || type === "block";
    this.outside = !this.seekable;
  }
  read(into: Uint8Array, at: number): number {
    return attempt(() => this.file.read(into, this.seekable ? at : null));
  }
  write(from: Uint8Array, at: number): number {
    return attempt(() => this.file.write(from, this.seekable ? at : null));
  }
  stat(): FileStat {
    return { ...this.file.stat(), rdev: 0 };
  }
  truncate(size: number): void {
    this.file.truncate(size);
  }
  sync(): void {
    this.file.sync();
  }
  close(): void {
    this.file.close();
  }
  poll(): number {
    return F.POLLIN | F.POLLOUT | F.POLLRDNORM | F.POLLWRNORM;
  }
}

/** Runs a host transfer; "nothing there yet" is a value. */
export function attempt(transfer: () => number): number {
  try {
    return transfer();
  } catch (error) {
    if ((error as { code?: string }).code === "EAGAIN") return WOULD_BLOCK;
    throw error;
  }
}

function found(look: () => Inode): Inode | null {
  try {
    return look();
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return null;
    throw error;
  }
}
