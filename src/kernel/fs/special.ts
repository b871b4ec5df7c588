import { Pipe, PipeEnd } from "../pipe.ts";
import { posix } from "../posix.ts";
import type { Handle, OpenHow } from "./inode.ts";
import { MemoryDir, type MemoryFs, MemoryInode } from "./memory.ts";

/** A FIFO: a pipe with a name (fifo(7)). */
export class MemoryFifo extends MemoryInode {
  readonly type = "fifo";
  readonly size = 0;
  private pipe: Pipe | undefined;

  constructor(fs: MemoryFs, mode: number) {
    super(fs, mode);
  }
  /** The pipe that all who have it open share; a fresh one when everybody had left. */
  shared(): Pipe {
    if (!this.pipe || (this.pipe.readers === 0 && this.pipe.writers === 0))
      this.pipe = new Pipe(this.stat().ino, this.stat().ctime);
    return this.pipe;
  }
  override open(how: OpenHow): Handle {
    const pipe = this.shared();
    if (how.read && how.write) return new BothEnds(new PipeEnd(pipe, false, this), new PipeEnd(pipe, true, this));
    return new PipeEnd(pipe, how.write, this);
  }
  override truncate(): void {}
}

/** A FIFO opened for reading and writing: never waits for another side. */
export class BothEnds implements Handle {
  readonly seekable = false;
  private readonly out: PipeEnd;
  private readonly into: PipeEnd;
  constructor(out: PipeEnd, into: PipeEnd) {
    this.out = out;
    this.into = into;
  }
  read(into: Uint8Array): number {
    return this.out.read(into);
  }
  write(from: Uint8Array): number {
    return this.into.write(from);
  }
  stat() {
    return this.out.stat();
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {
    this.out.close();
    this.into.close();
  }
  poll(): number {
    return this.out.poll() | this.into.poll();
  }
  available(): number {
    return this.out.available();
  }
}

/** The name of a bound socket; who is bound to it is the network's to know. */
export class MemorySocket extends MemoryInode {
  readonly type = "socket";
  readonly size = 0;
  /** The socket bound here, while it lives. */
  bound: unknown;

  constructor(fs: MemoryFs, mode: number) {
    super(fs, mode);
  }
}

MemoryDir.makeSpecial = (fs, type, mode) => (type === "fifo" ? new MemoryFifo(fs, mode) : new MemorySocket(fs, mode));
