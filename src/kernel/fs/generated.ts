import type { FileType } from "../../host/host.ts";
import { F } from "../flags.ts";
import type { Kernel } from "../kernel.ts";
import { posix } from "../posix.ts";
import { type DirEntry, type FileStat, type FsKind, type Handle, Inode, type OpenHow } from "./inode.ts";
import { DirHandle } from "./memory.ts";

/*
 * Files whose content is made when they are opened: those of /proc and /sys.
 */

const encoder = new TextEncoder();

export abstract class ProcInode extends Inode {
  abstract readonly mode: number;
  protected readonly now: () => bigint;
  private readonly ino: number;
  constructor(kernel: Kernel) {
    super();
    this.ino = kernel.ino();
    this.now = () => kernel.host.realtime();
  }
  override get fsKind(): FsKind {
    return "proc";
  }
  stat(): FileStat {
    const now = this.now();
    const nlink = this.type === "dir" ? 2 : 1;
    const shape = { type: this.type, mode: this.mode, size: 0, nlink, ino: this.ino, blocks: 0 };
    return { ...shape, uid: 0, gid: 0, dev: 0x15, rdev: 0, atime: now, mtime: now, ctime: now };
  }
}

export class ProcFile extends ProcInode {
  readonly type = "file";
  readonly mode: number;
  private readonly text: () => string | Uint8Array;
  readonly take: ((text: string) => void) | undefined;
  constructor(kernel: Kernel, text: () => string | Uint8Array, take?: (text: string) => void) {
    super(kernel);
    this.text = text;
    this.take = take;
    this.mode = take ? 0o644 : 0o444;
  }
  override open(how: OpenHow): Handle {
    if (how.write && !this.take) throw posix("EACCES");
    const content = this.text();
    return new ProcHandle(this, typeof content === "string" ? encoder.encode(content) : content);
  }
  override truncate(): void {}
}

export class ProcHandle implements Handle {
  readonly seekable = true;
  private readonly file: ProcFile;
  private readonly bytes: Uint8Array;
  constructor(file: ProcFile, bytes: Uint8Array) {
    this.file = file;
    this.bytes = bytes;
  }
  read(into: Uint8Array, at: number): number {
    const part = this.bytes.subarray(Math.min(at, this.bytes.length), at + into.length);
    into.set(part);
    return part.length;
  }
  write(from: Uint8Array): number {
    this.file.take?.(new TextDecoder().decode(from.slice()));
    return from.length;
  }
  stat(): FileStat {
    return this.file.stat();
  }
  truncate(): void {}
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {}
  poll(): number {
    return F.POLLIN | F.POLLRDNORM;
  }
}

export class ProcLink extends ProcInode {
  readonly type = "link";
  readonly mode = 0o777;
  private readonly text: () => string;
  private readonly goes: () => Inode | null;
  constructor(kernel: Kernel, text: () => string, goes: () => Inode | null = () => null) {
    super(kernel);
    this.text = text;
    this.goes = goes;
  }
  override readlink(): string {
    return this.text();
  }
  override target(): Inode | null {
    return this.goes();
  }
}

/** What an already open file is when it is opened again through /proc/self/fd. */
export class Reopened extends Inode {
  readonly type: FileType;
  private readonly handle: Handle;
  constructor(handle: Handle) {
    super();
    this.handle = handle;
    this.type = handle.stat().type;
  }
  stat(): FileStat {
    return this.handle.stat();
  }
  override open(_how: OpenHow): Handle {
    const { handle } = this;
    if (handle.seekable) throw posix("EACCES");
    return handle;
  }
  override truncate(): void {}
}

export type Entries = () => Map<string, () => Inode>;

export class ProcDir extends ProcInode {
  readonly type = "dir";
  readonly mode = 0o555;
  private readonly entries: Entries;
  constructor(kernel: Kernel, entries: Entries) {
    super(kernel);
    this.entries = entries;
  }
  override open(how: OpenHow): Handle {
    if (how.write) throw posix("EISDIR");
    return new DirHandle(this);
  }
  override lookup(name: string): Inode | null {
    return this.entries().get(name)?.() ?? null;
  }
  override list(): DirEntry[] {
    return [...this.entries()].map(([name, make]) => {
      const inode = make();
      return { name, type: inode.type, ino: inode.stat().ino };
    });
  }
}

/** What makes the nodes of one kernel. */
export function nodesOf(kernel: Kernel) {
  return {
    file: (text: () => string | Uint8Array, take?: (text: string) => void) => (): Inode =>
      new ProcFile(kernel, text, take),
    /** A value that does not change: a line. */
    line: (text: string | number) => (): Inode => new ProcFile(kernel, () => `${text}\n`),
    dir: (entries: Entries) => (): Inode => new ProcDir(kernel, entries),
    /** A folder of what is always there. */
    folder: (entries: Readonly<Record<string, () => Inode>>) => {
      const all = new Map(Object.entries(entries));
      return (): Inode => new ProcDir(kernel, () => all);
    },
    link: (text: () => string, goes?: () => Inode | null) => (): Inode => new ProcLink(kernel, text, goes),
  };
}
