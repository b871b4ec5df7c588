import { Description } from "./files.ts";
import { F } from "./flags.ts";
import type { FileStat, Handle } from "./fs/inode.ts";
import { namelessStat } from "./pipe.ts";
import { posix } from "./posix.ts";
import type { Process, Task } from "./process.ts";

/** A process held by a descriptor: readable once it has ended. */
export class PidFile implements Handle {
  readonly seekable = false;
  readonly process: Process;
  private readonly ino: number;

  constructor(process: Process) {
    this.process = process;
    this.ino = process.kernel.ino();
  }
  read(): number {
    throw posix("EINVAL");
  }
  write(): number {
    throw posix("EINVAL");
  }
  stat(): FileStat {
    return namelessStat("file", this.ino, this.process.started);
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {}
  poll(): number {
    return this.process.exit ? F.POLLIN | F.POLLRDNORM : 0;
  }
  info(): Readonly<Record<string, number>> {
    const { kernel, pid } = this.process;
    const shown = kernel.processes.get(pid) === this.process ? pid : -1;
    return { Pid: shown, NSpid: shown };
  }
}

/** A new descriptor for a process. */
export function holdProcess(task: Task, process: Process, flags: number): number {
  const file = new Description(new PidFile(process), F.O_RDWR | (flags & F.O_NONBLOCK), null, "anon_inode:[pidfd]");
  return task.files.add(file, true);
}

/** Throws EBADF where the descriptor is no process's. */
export function heldProcess(task: Task, fd: number): Process {
  const { handle } = task.files.get(fd);
  if (!(handle instanceof PidFile)) throw posix("EBADF");
  return handle.process;
}
