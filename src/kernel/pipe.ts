import { F } from "./flags.ts";
import { type FileStat, type Handle, WOULD_BLOCK } from "./fs/inode.ts";
import { posix } from "./posix.ts";

const PIPE_BUF = 4096;
const MAX_CAPACITY = 1 << 20;
/** Bytes up to which moving them one by one is quicker than views of them. */
const FEW = 32;

/** Attributes of a file that is nowhere in a directory. */
export function namelessStat(type: "fifo" | "file", ino: number, now: bigint, mode = 0o600): FileStat {
  return {
    type,
    mode,
    size: 0,
    nlink: 1,
    uid: 0,
    gid: 0,
    dev: 14,
    rdev: 0,
    ino,
    blocks: 0,
    atime: now,
    mtime: now,
    ctime: now,
  };
}

/** The bytes between a pipe's two ends (pipe(7)). */
export class Pipe {
  private buffer = new Uint8Array(65536);
  private start = 0;
  length = 0;
  readers = 0;
  writers = 0;
  /** How often something was put in, was taken out. */
  given = 0;
  taken = 0;
  /** Ends that were ever opened: who opens a FIFO waits for one of the other kind to come. */
  readersEver = 0;
  writersEver = 0;
  readonly ino: number;
  readonly born: bigint;

  constructor(ino: number, born: bigint) {
    this.ino = ino;
    this.born = born;
  }
  get capacity(): number {
    return this.buffer.length;
  }
  /** F_SETPIPE_SZ: rounded up to a power of two. Throws EPERM, EBUSY. */
  resize(size: number): number {
    let room = PIPE_BUF;
    while (room < size) room *= 2;
    if (room > MAX_CAPACITY) throw posix("EPERM");
    if (room < this.length) throw posix("EBUSY");
    const bytes = new Uint8Array(room);
    const held = this.length;
    this.take(bytes.subarray(0, held));
    this.buffer = bytes;
    this.start = 0;
    this.length = held;
    return room;
  }
  take(into: Uint8Array): number {
    const n = Math.min(into.length, this.length);
    const { buffer } = this;
    const first = Math.min(n, buffer.length - this.start);
    if (n <= FEW) for (let i = 0; i < n; i++) into[i] = buffer[(this.start + i) % buffer.length]!;
    else {
      into.set(buffer.subarray(this.start, this.start + first));
      if (n > first) into.set(buffer.subarray(0, n - first), first);
    }
    this.start = (this.start + n) % buffer.length;
    this.length -= n;
    if (n) this.taken++;
    return n;
  }
  put(from: Uint8Array): number {
    const n = Math.min(from.length, this.buffer.length - this.length);
    const { buffer } = this;
    const end = (this.start + this.length) % buffer.length;
    const first = Math.min(n, buffer.length - end);
    if (n <= FEW) for (let i = 0; i < n; i++) buffer[(end + i) % buffer.length] = from[i]!;
    else {
      buffer.set(first < from.length ? from.subarray(0, first) : from, end);
      if (n > first) buffer.set(from.subarray(first, n), 0);
    }
    this.length += n;
    if (n) this.given++;
    return n;
  }
}

/** One end of a pipe. */
export class PipeEnd implements Handle {
  readonly seekable = false;
  readonly pipe: Pipe;
  readonly writes: boolean;
  private readonly named: { stat(): FileStat } | undefined;
  /** `named`: the FIFO. */
  constructor(pipe: Pipe, writes: boolean, named?: { stat(): FileStat }) {
    this.pipe = pipe;
    this.writes = writes;
    this.named = named;
    if (writes) {
      pipe.writers++;
      pipe.writersEver++;
    } else {
      pipe.readers++;
      pipe.readersEver++;
    }
  }
  read(into: Uint8Array): number {
    if (into.length === 0) return 0;
    if (this.pipe.length) return this.pipe.take(into);
    return this.pipe.writers ? WOULD_BLOCK : 0;
  }
  write(from: Uint8Array): number {
    if (!this.pipe.readers) throw posix("EPIPE");
    const room = this.pipe.capacity - this.pipe.length;
    // Writes of up to PIPE_BUF bytes are atomic.
    if (room === 0 || (from.length <= PIPE_BUF && room < from.length)) return from.length ? WOULD_BLOCK : 0;
    return this.pipe.put(from);
  }
  stat(): FileStat {
    return this.named?.stat() ?? namelessStat("fifo", this.pipe.ino, this.pipe.born);
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {
    if (this.writes) this.pipe.writers--;
    else this.pipe.readers--;
  }
  poll(): number {
    const { pipe } = this;
    if (this.writes) {
      const room = pipe.capacity - pipe.length >= PIPE_BUF;
      return (room ? F.POLLOUT | F.POLLWRNORM : 0) | (pipe.readers ? 0 : F.POLLERR);
    }
    return (pipe.length ? F.POLLIN | F.POLLRDNORM : 0) | (pipe.writers ? 0 : F.POLLHUP);
  }
  available(): number {
    return this.pipe.length;
  }
  arrivals(): number {
    return this.pipe.given + (this.writes ? this.pipe.readers : this.pipe.writers) * 2 ** 32;
  }
  drains(): number {
    return this.pipe.taken;
  }
}

/** eventfd(2): a counter that can be waited for. */
export class EventCounter implements Handle {
  readonly seekable = false;
  private value: bigint;
  private given = 0;
  private taken = 0;
  private readonly semaphore: boolean;
  private readonly ino: number;
  private readonly born: bigint;
  constructor(value: number, semaphore: boolean, ino: number, born: bigint) {
    this.value = BigInt(value);
    this.semaphore = semaphore;
    this.ino = ino;
    this.born = born;
  }
  read(into: Uint8Array): number {
    if (into.length < 8) throw posix("EINVAL");
    if (this.value === 0n) return WOULD_BLOCK;
    const out = this.semaphore ? 1n : this.value;
    this.value -= out;
    this.taken++;
    new DataView(into.buffer, into.byteOffset).setBigUint64(0, out, true);
    return 8;
  }
  write(from: Uint8Array): number {
    if (from.length < 8) throw posix("EINVAL");
    const add = new DataView(from.buffer, from.byteOffset).getBigUint64(0, true);
    if (add === 0xffffffffffffffffn) throw posix("EINVAL");
    if (this.value + add >= 0xffffffffffffffffn) return WOULD_BLOCK;
    this.value += add;
    this.given++;
    return 8;
  }
  arrivals(): number {
    return this.given;
  }
  drains(): number {
    return this.taken;
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
  close(): void {}
  poll(): number {
    return (this.value > 0n ? F.POLLIN : 0) | (this.value < 0xfffffffffffffffen ? F.POLLOUT : 0);
  }
}
