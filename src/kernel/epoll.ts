import type { Description } from "./files.ts";
import { F } from "./flags.ts";
import type { FileStat, Handle } from "./fs/inode.ts";
import { namelessStat } from "./pipe.ts";
import { posix } from "./posix.ts";

export interface EpollEvent {
  /** F.EPOLL* bits. */
  readonly events: number;
  readonly data: bigint;
}

/** epoll bits are poll bits here and there but for their own order in F. */
const PAIRS: readonly (readonly [number, number])[] = [
  [F.EPOLLIN, F.POLLIN],
  [F.EPOLLPRI, F.POLLPRI],
  [F.EPOLLOUT, F.POLLOUT],
  [F.EPOLLERR, F.POLLERR],
  [F.EPOLLHUP, F.POLLHUP],
  [F.EPOLLRDNORM, F.POLLRDNORM],
  [F.EPOLLWRNORM, F.POLLWRNORM],
  [F.EPOLLRDHUP, F.POLLRDHUP],
];
/** Poll bits that new input, or an end, brings; those that room for output brings. */
const INPUT = F.POLLIN | F.POLLPRI | F.POLLRDNORM | F.POLLRDHUP | F.POLLHUP | F.POLLERR;
const OUTPUT = F.POLLOUT | F.POLLWRNORM;
/** How deep epoll descriptors may watch each other (EP_MAX_NESTS). */
const MOST_NESTS = 5;

/** One watched descriptor. */
interface Interest {
  readonly fd: number;
  readonly file: Description;
  events: number;
  data: bigint;
  /** Edge-triggered: what had happened when it was last reported. */
  arrivals: number;
  drains: number;
  bits: number;
}

/** An epoll instance (epoll(7)): what it watches, in the order in which ready ones take turns. */
export class Epoll implements Handle {
  readonly seekable = false;
  private interests: Interest[] = [];
  private readonly ino: number;
  private readonly born: bigint;
  constructor(ino: number, born: bigint) {
    this.ino = ino;
    this.born = born;
  }
  read(): number {
    throw posix("EINVAL");
  }
  write(): number {
    throw posix("EINVAL");
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
  close(): void {
    this.interests = [];
  }
  poll(): number {
    return this.interests.some((entry) => entry.file.users > 0 && this.happened(entry)) ? F.POLLIN | F.POLLRDNORM : 0;
  }
  /** True where something watched is outside the sandbox. */
  get outside(): boolean {
    return this.interests.some(({ file, events }) => events !== 0 && file.handle.outside === true);
  }

  private at(fd: number, file: Description): number {
    return this.interests.findIndex((entry) => entry.fd === fd && entry.file === file);
  }
  add(fd: number, file: Description, event: EpollEvent): void {
    this.prune();
    if (this.at(fd, file) >= 0) throw posix("EEXIST");
    if (file.handle instanceof Epoll && file.handle.reaches(this, 0)) throw posix("ELOOP");
    this.interests.push({ fd, file, ...event, arrivals: -1, drains: -1, bits: 0 });
  }
  modify(fd: number, file: Description, event: EpollEvent): void {
    const at = this.at(fd, file);
    if (at < 0) throw posix("ENOENT");
    Object.assign(this.interests[at]!, { ...event, arrivals: -1, drains: -1, bits: 0 });
  }
  remove(fd: number, file: Description): void {
    const at = this.at(fd, file);
    if (at < 0) throw posix("ENOENT");
    this.interests.splice(at, 1);
  }
  private reaches(other: Epoll, depth: number): boolean {
    if (depth >= MOST_NESTS) return true;
    if (this === other) return true;
    return this.interests.some(({ file }) => file.handle instanceof Epoll && file.handle.reaches(other, depth + 1));
  }
  private prune(): void {
    if (this.interests.some(({ file }) => file.users === 0))
      this.interests = this.interests.filter(({ file }) => file.users > 0);
  }

  /** Bits to report of an entry now; 0: none. */
  private happened(entry: Interest): number {
    const { handle } = entry.file;
    const now = handle.poll();
    let events = 0;
    let polled = 0;
    for (const [mine, poll] of PAIRS) {
      if (!(now & poll) || !(entry.events & mine || (entry.events && poll & (F.POLLERR | F.POLLHUP)))) continue;
      events |= mine;
      polled |= poll;
    }
    if (!events || !(entry.events & F.EPOLLET)) return events;
    // Without counts of what arrived, a bit that was not there before is the edge.
    const fresh = polled & ~entry.bits;
    const input = polled & INPUT && (handle.arrivals ? handle.arrivals() !== entry.arrivals : fresh & INPUT);
    const output = polled & OUTPUT && (handle.drains ? handle.drains() !== entry.drains : fresh & OUTPUT);
    if (!input && !output) {
      entry.bits &= now;
      return 0;
    }
    return events;
  }

  ready(most: number): EpollEvent[] {
    const out: EpollEvent[] = [];
    const reported: Interest[] = [];
    this.prune();
    for (const entry of this.interests) {
      if (out.length >= most) break;
      const events = this.happened(entry);
      if (!events) continue;
      out.push({ events, data: entry.data });
      reported.push(entry);
      if (entry.events & F.EPOLLET) {
        const { handle } = entry.file;
        entry.arrivals = handle.arrivals?.() ?? 0;
        entry.drains = handle.drains?.() ?? 0;
        entry.bits = handle.poll();
      }
      if (entry.events & F.EPOLLONESHOT) entry.events = 0;
    }
    // Who was told of goes to the end, so that others get their turn where there is not room for all.
    if (out.length === most) this.interests = [...this.interests.filter((e) => !reported.includes(e)), ...reported];
    return out;
  }
}
