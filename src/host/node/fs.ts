import fs, { type BigIntStats } from "node:fs";
import type { FileType, HostFile, HostStat, OpenOptions, RealFs } from "../host.ts";
import { posix } from "./errors.ts";

const { constants: c } = fs;

/** Type bits of st_mode (POSIX sys/stat.h, the values Linux and macOS share). */
const types: Readonly<Record<number, FileType>> = {
  4096: "fifo",
  8192: "char",
  16384: "dir",
  24576: "block",
  32768: "file",
  40960: "link",
  49152: "socket",
};

/** What Node's stat tells, in the host's terms. */
export function toHostStat(s: BigIntStats): HostStat {
  const mode = Number(s.mode);
  return {
    type: types[mode & 0xf000] ?? "file",
    mode: mode & 0o7777,
    size: Number(s.size),
    nlink: Number(s.nlink),
    uid: Number(s.uid),
    gid: Number(s.gid),
    dev: Number(s.dev),
    ino: Number(s.ino),
    blocks: Number(s.blocks),
    atime: s.atimeNs,
    mtime: s.mtimeNs,
    ctime: s.ctimeNs,
  };
}

/** open(2) flags. Flags that a platform lacks are 0 there. */
function flagsOf(o: OpenOptions): number {
  let flags = o.write ? (o.read ? c.O_RDWR : c.O_WRONLY) : c.O_RDONLY;
  if (o.create) flags |= c.O_CREAT;
  if (o.exclusive) flags |= c.O_EXCL;
  if (o.truncate) flags |= c.O_TRUNC;
  if (o.append) flags |= c.O_APPEND;
  if (o.directory) flags |= c.O_DIRECTORY ?? 0;
  if (o.noFollow) flags |= c.O_NOFOLLOW ?? 0;
  // A guest never gets a controlling terminal of the host
  return flags | (c.O_NOCTTY ?? 0);
}

class NodeFile implements HostFile {
  private readonly fd: number;
  constructor(fd: number) {
    this.fd = fd;
  }
  read(into: Uint8Array, position: number | null): number {
    return posix(() => fs.readSync(this.fd, into, 0, into.length, position));
  }
  write(from: Uint8Array, position: number | null): number {
    return posix(() => fs.writeSync(this.fd, from, 0, from.length, position));
  }
  stat(): HostStat {
    return posix(() => toHostStat(fs.fstatSync(this.fd, { bigint: true })));
  }
  truncate(size: number): void {
    posix(() => fs.ftruncateSync(this.fd, size));
  }
  sync(): void {
    posix(() => fs.fsyncSync(this.fd));
  }
  close(): void {
    posix(() => fs.closeSync(this.fd));
  }
}

const nanoseconds = 1_000_000_000n;
/** utimes takes seconds as a double: to some 200 ns around now. */
const seconds = (ns: bigint) => Number(ns / nanoseconds) + Number(ns % nanoseconds) / 1e9;

export const nodeFs: RealFs = {
  open: (path, options) => new NodeFile(posix(() => fs.openSync(path, flagsOf(options), options.mode ?? 0o666))),
  stat: (path, follow) =>
    posix(() => toHostStat(follow ? fs.statSync(path, { bigint: true }) : fs.lstatSync(path, { bigint: true }))),
  readdir: (path) =>
    posix(() => fs.readdirSync(path, { withFileTypes: true })).map((entry) => ({
      name: entry.name,
      type: direntType(entry),
      // Node's listing does not tell it, and 0 means a deleted entry to old C libraries
      ino: fs.lstatSync(`${path}/${entry.name}`, { throwIfNoEntry: false })?.ino ?? 1,
    })),
  readlink: (path) => posix(() => fs.readlinkSync(path)),
  mkdir: (path, mode) => {
    posix(() => fs.mkdirSync(path, { mode }));
  },
  rmdir: (path) => posix(() => fs.rmdirSync(path)),
  unlink: (path) => posix(() => fs.unlinkSync(path)),
  rename: (from, to) => posix(() => fs.renameSync(from, to)),
  link: (target, path) => posix(() => fs.linkSync(target, path)),
  symlink: (target, path) => posix(() => fs.symlinkSync(target, path)),
  chmod: (path, mode) => posix(() => fs.chmodSync(path, mode)),
  target: (path) =>
    posix(() => (fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? fs.readlinkSync(path) : undefined)),
  realpath: (path) => posix(() => fs.realpathSync.native(path)),
  // The guard has followed links already: one that appears since is not followed
  utimes: (path, atime, mtime) => posix(() => fs.lutimesSync(path, seconds(atime), seconds(mtime))),
};

function direntType(entry: fs.Dirent): FileType {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "dir";
  if (entry.isSymbolicLink()) return "link";
  if (entry.isCharacterDevice()) return "char";
  if (entry.isBlockDevice()) return "block";
  return entry.isFIFO() ? "fifo" : "socket";
}
