import { F } from "../flags.ts";
import type { Kernel } from "../kernel.ts";
import { posix } from "../posix.ts";
import { type Sink, Tty } from "../tty.ts";
import { type DirEntry, type FileStat, type Handle, Inode, type OpenHow, WOULD_BLOCK } from "./inode.ts";
import { DirHandle } from "./memory.ts";

/*
 * Pseudo-terminals (pty(7)): /dev/ptmx makes pairs, /dev/pts/N are their terminal sides.
 */

/** Device number as Linux packs it (makedev). */
const rdev = (major: number, minor: number): number => major * 256 + minor;
/** Unread output that a master may have before writers wait. */
const MOST_OUTPUT = 65536;

function stat(kernel: Kernel, ino: number, number: number): FileStat {
  const now = kernel.host.realtime();
  const { uid, gid } = kernel.ids;
  const shape = { type: "char" as const, mode: 0o620, size: 0, nlink: 1, ino, blocks: 0, dev: 0x16, rdev: number };
  return { ...shape, uid, gid, atime: now, mtime: now, ctime: now };
}

/** The terminal side of a terminal, opened. */
export class TtyHandle implements Handle {
  readonly seekable = false;
  readonly terminal: Tty;
  private readonly kernel: Kernel;
  private readonly ino: number;
  /** The master whose terminal side this is; null: of the host's terminal. */
  private pair: PtyMaster | null;
  constructor(kernel: Kernel, tty: Tty, pair: PtyMaster | null = null) {
    this.kernel = kernel;
    this.terminal = tty;
    this.ino = 3 + tty.number;
    this.pair = pair;
  }
  get outside(): boolean {
    return this.kernel.isHostTerminal(this.terminal);
  }
  read(into: Uint8Array): number {
    this.kernel.pump(this.terminal);
    return this.terminal.read(into);
  }
  write(from: Uint8Array): number {
    return this.terminal.write(from);
  }
  stat(): FileStat {
    return stat(this.kernel, this.ino, rdev(136, this.terminal.number));
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {
    if (this.pair) this.pair.slaves--;
    this.pair = null;
  }
  poll(): number {
    this.kernel.pump(this.terminal);
    const { terminal } = this;
    const input = terminal.readable() ? F.POLLIN | F.POLLRDNORM : 0;
    return input | (terminal.hungUp ? F.POLLHUP : F.POLLOUT | F.POLLWRNORM);
  }
  available(): number {
    this.kernel.pump(this.terminal);
    return this.terminal.available();
  }
  arrivals(): number {
    return this.terminal.arrived;
  }
}

/** The other side: what a terminal emulator holds. */
export class PtyMaster implements Handle, Sink {
  readonly seekable = false;
  readonly tty: Tty;
  locked = true;
  /** Terminal sides open now, and ever. */
  slaves = 0;
  opened = false;
  private output: Uint8Array[] = [];
  private held = 0;
  private given = 0;
  private readonly kernel: Kernel;
  private readonly folder: PtsFolder;

  constructor(kernel: Kernel, folder: PtsFolder, number: number) {
    this.kernel = kernel;
    this.folder = folder;
    this.tty = new Tty(kernel, number, this);
  }
  /** Asked of the master, terminal calls are about the other side. */
  get terminal(): Tty {
    return this.tty;
  }
  /** Output of the terminal; all or nothing. */
  take(bytes: Uint8Array): number {
    if (this.held + bytes.length > MOST_OUTPUT) return 0;
    this.output.push(bytes.slice());
    this.held += bytes.length;
    this.given++;
    return bytes.length;
  }
  read(into: Uint8Array): number {
    if (!this.output.length) {
      if (this.opened && this.slaves === 0) throw posix("EIO");
      return WOULD_BLOCK;
    }
    let done = 0;
    while (done < into.length && this.output.length) {
      const part = this.output[0]!;
      const n = Math.min(part.length, into.length - done);
      into.set(part.subarray(0, n), done);
      done += n;
      if (n < part.length) this.output[0] = part.subarray(n);
      else this.output.shift();
    }
    this.held -= done;
    return done;
  }
  write(from: Uint8Array): number {
    const room = this.tty.room;
    if (room === 0) return WOULD_BLOCK;
    const part = from.subarray(0, room);
    this.tty.input(part);
    return part.length;
  }
  stat(): FileStat {
    return stat(this.kernel, 2, rdev(5, 2));
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {
    this.folder.remove(this.tty.number);
    this.kernel.terminals.delete(this.tty);
    this.tty.hangUp();
  }
  poll(): number {
    const gone = this.opened && this.slaves === 0;
    const room = this.tty.room > 0 ? F.POLLOUT | F.POLLWRNORM : 0;
    return (this.output.length ? F.POLLIN | F.POLLRDNORM : 0) | (gone ? F.POLLHUP : 0) | room;
  }
  available(): number {
    return this.held;
  }
  arrivals(): number {
    return this.given + (this.opened && this.slaves === 0 ? 2 ** 40 : 0);
  }
  openSlave(): Handle {
    this.slaves++;
    this.opened = true;
    return new TtyHandle(this.kernel, this.tty, this);
  }
}

export class PtsNode extends Inode {
  readonly type = "char";
  private readonly kernel: Kernel;
  private readonly pty: PtyMaster;
  constructor(kernel: Kernel, pty: PtyMaster) {
    super();
    this.kernel = kernel;
    this.pty = pty;
  }
  stat(): FileStat {
    return stat(this.kernel, 3 + this.pty.tty.number, rdev(136, this.pty.tty.number));
  }
  override open(_how: OpenHow): Handle {
    if (this.pty.locked) throw posix("EIO");
    return this.pty.openSlave();
  }
  override truncate(): void {}
  override chmod(): void {}
  override chown(): void {}
  override utimes(): void {}
}

/** /dev/pts. */
export class PtsFolder extends Inode {
  readonly type = "dir";
  private readonly kernel: Kernel;
  private readonly pairs = new Map<number, PtyMaster>();
  constructor(kernel: Kernel) {
    super();
    this.kernel = kernel;
  }
  stat(): FileStat {
    return { ...stat(this.kernel, 1, 0), type: "dir", mode: 0o755, nlink: 2 };
  }
  override open(): Handle {
    return new DirHandle(this);
  }
  override lookup(name: string): Inode | null {
    const kernel = this.kernel;
    if (name === "0" && kernel.hostTerminal) return new HostTtyNode(kernel);
    const pty = this.pairs.get(Number(name));
    return pty && String(pty.tty.number) === name ? new PtsNode(kernel, pty) : null;
  }
  override list(): DirEntry[] {
    const numbers = [...(this.kernel.hostTerminal ? [0] : []), ...this.pairs.keys()];
    return numbers.map((number) => ({ name: String(number), type: "char", ino: 3 + number }));
  }
  make(): PtyMaster {
    const kernel = this.kernel;
    let number = kernel.hostTerminal ? 1 : 0;
    while (this.pairs.has(number)) number++;
    if (number > 4095) throw posix("ENOSPC");
    const made = new PtyMaster(kernel, this, number);
    this.pairs.set(number, made);
    return made;
  }
  remove(number: number): void {
    this.pairs.delete(number);
  }
  pair(tty: Tty): PtyMaster | undefined {
    const found = this.pairs.get(tty.number);
    return found?.tty === tty ? found : undefined;
  }
}

/** The host's terminal by its name in /dev/pts. */
export class HostTtyNode extends Inode {
  readonly type = "char";
  private readonly kernel: Kernel;
  constructor(kernel: Kernel) {
    super();
    this.kernel = kernel;
  }
  stat(): FileStat {
    return stat(this.kernel, 3, rdev(136, 0));
  }
  override open(): Handle {
    return new TtyHandle(this.kernel, this.kernel.hostTerminal!);
  }
  override truncate(): void {}
  override chmod(): void {}
  override chown(): void {}
}

/** /dev/ptmx: each opening is a new pair. */
export class PtmxNode extends Inode {
  readonly type = "char";
  private readonly folder: PtsFolder;
  private readonly kernel: Kernel;
  constructor(kernel: Kernel, folder: PtsFolder) {
    super();
    this.kernel = kernel;
    this.folder = folder;
  }
  stat(): FileStat {
    return { ...stat(this.kernel, 2, rdev(5, 2)), mode: 0o666 };
  }
  override open(_how: OpenHow): Handle {
    return this.folder.make();
  }
  override truncate(): void {}
}
