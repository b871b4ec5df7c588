import type { FileType, Host, HostStream } from "../../host/host.ts";
import { F } from "../flags.ts";
import type { Kernel } from "../kernel.ts";
import { posix } from "../posix.ts";
import { attempt } from "./host.ts";
import { type FileStat, type Handle, Inode, type OpenHow } from "./inode.ts";
import { type MemoryDir, MemoryFs, MemoryLink } from "./memory.ts";
import { PtmxNode, PtsFolder } from "./pty.ts";

/** A device number as Linux packs small ones. */
const rdev = (major: number, minor: number): number => (major << 8) | minor;

function deviceStat(type: FileType, ino: number, mode: number, dev: number): FileStat {
  return {
    type,
    mode,
    size: 0,
    nlink: 1,
    uid: 0,
    gid: 0,
    dev: 6,
    rdev: dev,
    ino,
    blocks: 0,
    atime: 0n,
    mtime: 0n,
    ctime: 0n,
  };
}

interface Transfer {
  read(into: Uint8Array): number;
  write(from: Uint8Array): number;
}

/** A character device without state: null, zero, full, random. */
class Device extends Inode implements Handle {
  readonly type = "char";
  readonly seekable = false;
  readonly placeless = true;
  private readonly transfer: Transfer;
  private readonly number: number;
  private readonly ino: number;
  constructor(transfer: Transfer, number: number, ino: number) {
    super();
    this.transfer = transfer;
    this.number = number;
    this.ino = ino;
  }
  stat(): FileStat {
    return deviceStat("char", this.ino, 0o666, this.number);
  }
  override open(_how: OpenHow): Handle {
    return this;
  }
  read(into: Uint8Array): number {
    return this.transfer.read(into);
  }
  write(from: Uint8Array): number {
    return this.transfer.write(from);
  }
  /** open(O_TRUNC) of a device does nothing. */
  override truncate(): void {}
  override chmod(): void {}
  override utimes(): void {}
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {}
  poll(): number {
    return F.POLLIN | F.POLLOUT | F.POLLRDNORM | F.POLLWRNORM;
  }
}

/** One of the host's standard streams as a file. */
export class StreamHandle implements Handle {
  readonly seekable = false;
  readonly outside = true;
  readonly stream: HostStream;
  private readonly ino: number;
  private readonly now: bigint;
  constructor(stream: HostStream, ino: number, now: bigint) {
    this.stream = stream;
    this.ino = ino;
    this.now = now;
  }
  read(into: Uint8Array): number {
    return attempt(() => this.stream.read(into));
  }
  write(from: Uint8Array): number {
    return attempt(() => this.stream.write(from));
  }
  stat(): FileStat {
    const { type } = this.stream;
    const number = type === "char" ? rdev(1, 3) : 0;
    const base = deviceStat(type, this.ino, type === "char" ? 0o620 : 0o600, number);
    return { ...base, atime: this.now, mtime: this.now, ctime: this.now };
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    if (this.stream.type !== "file") throw posix("EINVAL");
  }
  close(): void {}
  poll(): number {
    return (this.stream.readable() ? F.POLLIN | F.POLLRDNORM : 0) | F.POLLOUT | F.POLLWRNORM;
  }
}

/** A link whose meaning depends on the process that looks: /dev/stdin, /dev/fd. */
const LINKS = { fd: "/proc/self/fd", stdin: "/proc/self/fd/0", stdout: "/proc/self/fd/1", stderr: "/proc/self/fd/2" };

/** /dev: null zero full random urandom tty, stdin and friends, shm and pts folders. */
export function deviceFolder(host: Host, now: () => bigint, terminal: () => Handle | null, kernel: Kernel): MemoryDir {
  const fs = new MemoryFs("dev", 6, now);
  const dir = fs.root();
  const sink = (from: Uint8Array): number => from.length;
  const fill = (into: Uint8Array): number => into.fill(0).length;
  const random = (into: Uint8Array): number => {
    host.random(into);
    return into.length;
  };
  const full = (): number => {
    throw posix("ENOSPC");
  };
  const add = (name: string, transfer: Transfer, number: number): void =>
    dir.place(name, new Device(transfer, number, fs.ino()));
  add("null", { read: () => 0, write: sink }, rdev(1, 3));
  add("zero", { read: fill, write: sink }, rdev(1, 5));
  add("full", { read: fill, write: full }, rdev(1, 7));
  add("random", { read: random, write: sink }, rdev(1, 8));
  add("urandom", { read: random, write: sink }, rdev(1, 9));
  dir.place("tty", new TerminalNode(terminal, fs.ino()));
  for (const [name, target] of Object.entries(LINKS)) dir.place(name, new MemoryLink(fs, target));
  dir.mkdir("shm", 0o1777);
  const pts = new PtsFolder(kernel);
  dir.place("pts", pts);
  dir.place("ptmx", new PtmxNode(kernel, pts));
  return dir;
}

/** /dev/tty: the controlling terminal, if there is one. */
class TerminalNode extends Inode {
  readonly type = "char";
  private readonly terminal: () => Handle | null;
  private readonly ino: number;
  constructor(terminal: () => Handle | null, ino: number) {
    super();
    this.terminal = terminal;
    this.ino = ino;
  }
  stat(): FileStat {
    return deviceStat("char", this.ino, 0o666, rdev(5, 0));
  }
  override open(_how: OpenHow): Handle {
    const handle = this.terminal();
    if (!handle) throw posix("ENXIO");
    return handle;
  }
}
