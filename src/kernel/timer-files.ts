import { F } from "./flags.ts";
import { type FileStat, type Handle, WOULD_BLOCK } from "./fs/inode.ts";
import type { Kernel } from "./kernel.ts";
import { namelessStat } from "./pipe.ts";
import { posix } from "./posix.ts";
import type { Task } from "./process.ts";
import { pendingMask, takeOf } from "./signals.ts";
import { Timer } from "./timers.ts";

/** timerfd_create(2): a timer to be read. */
export class TimerFile implements Handle {
  readonly seekable = false;
  readonly clock: string;
  readonly timer = new Timer();
  private readonly kernel: Kernel;
  private readonly ino: number;
  constructor(kernel: Kernel, clock: string) {
    this.kernel = kernel;
    this.clock = clock;
    this.ino = kernel.ino();
    kernel.timers.add(this.timer);
  }
  private look(): bigint {
    this.timer.advance(this.kernel.host.monotonic());
    return this.timer.expired;
  }
  read(into: Uint8Array): number {
    if (into.length < 8) throw posix("EINVAL");
    const times = this.look();
    if (!times) return WOULD_BLOCK;
    this.timer.expired = 0n;
    new DataView(into.buffer, into.byteOffset).setBigUint64(0, times, true);
    return 8;
  }
  write(): number {
    throw posix("EINVAL");
  }
  stat(): FileStat {
    return namelessStat("file", this.ino, 0n);
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {
    this.kernel.timers.remove(this.timer);
  }
  poll(): number {
    return this.look() ? F.POLLIN | F.POLLRDNORM : 0;
  }
  arrivals(): number {
    return Number(this.look());
  }
}

/** signalfd(2): signals to be read. */
export class SignalFile implements Handle {
  readonly seekable = false;
  mask: bigint;
  private readonly kernel: Kernel;
  private readonly ino: number;
  constructor(kernel: Kernel, mask: bigint) {
    this.kernel = kernel;
    this.mask = mask;
    this.ino = kernel.ino();
  }
  /** Whoever reads it reads its own signals. */
  private get reader(): Task | undefined {
    return this.kernel.running ?? this.kernel.current?.tasks[0];
  }
  read(into: Uint8Array): number {
    const size = this.kernel.personality.signalRecordSize;
    if (into.length < size) throw posix("EINVAL");
    let done = 0;
    for (; done + size <= into.length; done += size) {
      const found = this.reader && takeOf(this.reader, this.mask);
      if (!found) break;
      into.set(this.kernel.personality.signalRecord(found), done);
    }
    return done || WOULD_BLOCK;
  }
  write(): number {
    throw posix("EINVAL");
  }
  stat(): FileStat {
    return namelessStat("file", this.ino, 0n);
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {}
  poll(): number {
    return this.reader && pendingMask(this.reader) & this.mask ? F.POLLIN | F.POLLRDNORM : 0;
  }
}
