import type { FileType, HostStat } from "../../host/host.ts";
import { posix } from "../posix.ts";

/** What stat tells. `mode` has permission bits only; rdev is the number of a device file. */
export interface FileStat extends HostStat {
  readonly rdev: number;
}

export interface DirEntry {
  readonly name: string;
  readonly type: FileType;
  readonly ino: number;
}

/** How a file is opened, in kernel terms; the caller has checked existence and type. */
export interface OpenHow {
  readonly read: boolean;
  readonly write: boolean;
  readonly append: boolean;
  readonly truncate: boolean;
  readonly create?: boolean;
  readonly exclusive?: boolean;
  readonly noFollow?: boolean;
  readonly directory?: boolean;
  readonly mode?: number;
}

/** What an open file description does with its file. Offsets are bytes; streams ignore them. */
export interface Handle {
  readonly seekable: boolean;
  /** It has no places, and does not mind being asked for one: lseek answers 0, pread and pwrite are read and write. */
  readonly placeless?: boolean;
  /** Bytes read, 0 at the end, or WOULD_BLOCK. */
  read(into: Uint8Array, at: number): number;
  write(from: Uint8Array, at: number): number;
  stat(): FileStat;
  truncate(size: number): void;
  sync(): void;
  close(): void;
  /** F.POLL* bits that hold now. */
  poll(): number;
  /** Entries, for directories. */
  list?(): DirEntry[];
  /** The terminal behind it, where it is one. */
  readonly terminal?: Terminal | undefined;
  /** Bytes that can be read at once (FIONREAD). */
  available?(): number;
  /** Goes up with each thing that arrives to be read, and with the end; for edges of epoll. */
  arrivals?(): number;
  /** Goes up as room for writing comes. */
  drains?(): number;
  /** More lines of /proc/PID/fdinfo (proc_pid_fdinfo(5)). */
  info?(): Readonly<Record<string, string | number>>;
  /** True where waiting must look at the outside world. */
  readonly outside?: boolean;
}
export const WOULD_BLOCK = -1;

/** Terminal state that programs ask for. */
export interface Terminal {
  windowSize(): { rows: number; columns: number };
  settings: TerminalSettings;
  /** Set by TIOCSWINSZ; null: the host's. */
  size: { rows: number; columns: number } | null;
  foreground: number;
  /** Session that it controls; 0: none. */
  session: number;
}
export interface TerminalSettings {
  readonly iflag: number;
  readonly oflag: number;
  readonly cflag: number;
  readonly lflag: number;
  readonly line: number;
  readonly cc: readonly number[];
}

/**
 * A file of any type in any file system. What a type cannot do throws the error that POSIX gives it; file systems
 * override what they can.
 */
export abstract class Inode {
  abstract readonly type: FileType;
  abstract stat(): FileStat;

  open(_how: OpenHow): Handle {
    throw posix("ENXIO");
  }
  /** The entry of this name, or null. */
  lookup(_name: string): Inode | null {
    throw posix("ENOTDIR");
  }
  list(): DirEntry[] {
    throw posix("ENOTDIR");
  }
  readlink(): string {
    throw posix("EINVAL");
  }
  create(_name: string, _mode: number): Inode {
    throw posix("EROFS");
  }
  /** A FIFO or a socket's name. */
  special(_name: string, _type: "fifo" | "socket", _mode: number): Inode {
    throw posix("EPERM");
  }
  mkdir(_name: string, _mode: number): void {
    throw posix("EROFS");
  }
  symlink(_name: string, _target: string): void {
    throw posix("EROFS");
  }
  link(_name: string, _target: Inode): void {
    throw posix("EROFS");
  }
  unlink(_name: string): void {
    throw posix("EROFS");
  }
  rmdir(_name: string): void {
    throw posix("EROFS");
  }
  rename(_name: string, _to: Inode, _toName: string): void {
    throw posix("EROFS");
  }
  exchange(_name: string, _to: Inode, _toName: string): void {
    throw posix("EINVAL");
  }
  truncate(_size: number): void {
    throw posix("EINVAL");
  }
  chmod(_mode: number): void {
    throw posix("EROFS");
  }
  chown(_uid: number, _gid: number): void {
    throw posix("EROFS");
  }
  /** `follow` false: of a link itself. */
  utimes(_atime: bigint, _mtime: bigint, _follow = true): void {
    throw posix("EROFS");
  }
  /** Where a magic link of /proc really goes: not by text, but to this file. */
  target(): Inode | null {
    return null;
  }
  /** A file system that resolves rest-of-path itself (the host's, under its policy) answers here. */
  descend?(rest: string): Inode;
  /** statfs figures: name of the file system's kind. */
  get fsKind(): FsKind {
    return "memory";
  }
}
export type FsKind = "memory" | "host" | "overlay" | "proc" | "dev" | "pipe";
