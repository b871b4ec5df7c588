import { F } from "../flags.ts";
import { posix } from "../posix.ts";
import type { FileStat, Handle, Inode } from "./inode.ts";

/** An O_PATH description: a name, not a file. */
export class PathOnly implements Handle {
  readonly seekable = false;
  readonly inode: Inode;
  constructor(inode: Inode) {
    this.inode = inode;
  }
  read(): number {
    throw posix("EBADF");
  }
  write(): number {
    throw posix("EBADF");
  }
  stat(): FileStat {
    return this.inode.stat();
  }
  truncate(): void {
    throw posix("EBADF");
  }
  sync(): void {
    throw posix("EBADF");
  }
  close(): void {}
  poll(): number {
    return F.POLLNVAL;
  }
}
