import type { Description } from "./files.ts";
import type { Process } from "./process.ts";

/*
 * Locks on files: ranges that a process holds (fcntl), ranges that an open file description holds (OFD), whole files
 * (flock). Ranges are [start, end), end Infinity: to the end of the file whatever its size.
 */

export type LockOwner = Process | Description;

export interface Lock {
  readonly owner: LockOwner;
  readonly start: number;
  readonly end: number;
  readonly write: boolean;
}

/** The locks of one file. flock's are apart from the others. */
interface FileLocks {
  ranges: Lock[];
  whole: Lock[];
}

type Kind = keyof FileLocks;

/** All locks of a sandbox, by file (device and inode). */
export class Locks {
  private readonly files = new Map<string, FileLocks>();
  /** Who waits for what, to find circles: owner to the owner that has it. */
  private readonly waits = new Map<LockOwner, LockOwner>();

  get empty(): boolean {
    return this.files.size === 0;
  }

  /** A lock of somebody else that is in the way. */
  conflict(file: string, kind: Kind, wish: Lock): Lock | undefined {
    return this.files
      .get(file)
      ?.[kind].find(
        (held) =>
          held.owner !== wish.owner && held.start < wish.end && held.end > wish.start && (held.write || wish.write),
      );
  }

  /** Takes a lock that nothing is in the way of; the owner's own in the range are replaced. */
  take(file: string, kind: Kind, lock: Lock): void {
    this.drop(file, kind, lock);
    const locks = this.files.get(file) ?? { ranges: [], whole: [] };
    locks[kind].push(lock);
    this.files.set(file, locks);
  }

  /** Gives up a range of an owner's locks. */
  drop(file: string, kind: Kind, { owner, start, end }: Omit<Lock, "write">): void {
    const locks = this.files.get(file);
    if (!locks) return;
    const kept: Lock[] = [];
    for (const held of locks[kind]) {
      if (held.owner !== owner || held.start >= end || held.end <= start) {
        kept.push(held);
        continue;
      }
      if (held.start < start) kept.push({ ...held, end: start });
      if (held.end > end) kept.push({ ...held, start: end });
    }
    locks[kind] = kept;
    if (!locks.ranges.length && !locks.whole.length) this.files.delete(file);
  }

  /** Everything an owner holds: it closed the file (`file`), or is gone. */
  release(owner: LockOwner, file?: string): void {
    if (this.empty) return;
    for (const key of file === undefined ? [...this.files.keys()] : [file])
      for (const kind of ["ranges", "whole"] as const)
        this.drop(key, kind, { owner, start: 0, end: Number.POSITIVE_INFINITY });
    this.waits.delete(owner);
  }

  /** True where waiting for `holder` would wait for oneself. */
  circle(owner: LockOwner, holder: LockOwner): boolean {
    let at: LockOwner | undefined = holder;
    for (let n = 0; at && n < 100; n++) {
      if (at === owner) return true;
      at = this.waits.get(at);
    }
    return false;
  }
  waiting(owner: LockOwner, holder: LockOwner | null): void {
    if (holder) this.waits.set(owner, holder);
    else this.waits.delete(owner);
  }
}
