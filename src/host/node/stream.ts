import fs from "node:fs";
import type { WriteStream } from "node:tty";
import { type FileType, HostError, type HostStream } from "../host.ts";
import { hostError, posix } from "./errors.ts";
import { toHostStat } from "./fs.ts";
import { sleep } from "./time.ts";

/**
 * A standard stream on its descriptor. read blocks where the descriptor does; `readable` looks without blocking, by
 * reading one byte ahead through a second, non-blocking descriptor of the same pipe or terminal.
 */
export class NodeStream implements HostStream {
  readonly type: FileType;
  private readonly fd: 0 | 1 | 2;
  private ahead: number | undefined;
  private ended = false;
  private probe: number | null | undefined;

  constructor(fd: 0 | 1 | 2) {
    this.fd = fd;
    this.type = typeOf(fd);
  }

  get isTerminal(): boolean {
    // Only a character device can be one, and asking loads much of Node's network code: 20 ms
    return this.type === "char" && !isMemoryDevice(this.fd) && process.getBuiltinModule("node:tty").isatty(this.fd);
  }

  read(into: Uint8Array): number {
    if (into.length === 0) return 0;
    if (this.ahead === undefined) return this.ended ? this.atEnd() : readSome(this.fd, into);
    into[0] = this.ahead;
    this.ahead = undefined;
    // The rest only if it is there already
    if (into.length === 1 || !this.readable()) return 1;
    return this.ahead === undefined ? 1 : 1 + this.read(into.subarray(1));
  }

  /** Writes all of `from`; a full pipe that does not block is waited for. */
  write(from: Uint8Array): number {
    let done = 0;
    for (let wait = 1; done < from.length; ) {
      try {
        done += fs.writeSync(this.fd, from, done);
        wait = 1;
      } catch (error) {
        const failed = hostError(error);
        if (failed.code === "EINTR") continue;
        if (failed.code !== "EAGAIN") throw failed;
        sleep(wait);
        wait = Math.min(wait * 2, 16);
      }
    }
    return done;
  }

  readable(): boolean {
    if (this.ahead !== undefined || this.ended) return true;
    const probe = this.nonBlocking();
    if (probe === null) return true;
    const byte = new Uint8Array(1);
    try {
      if (readSome(probe, byte) === 1) this.ahead = byte[0]!;
      else this.ended = true;
      return true;
    } catch (error) {
      if (error instanceof HostError && error.code === "EAGAIN") return false;
      throw error;
    }
  }

  windowSize(): { rows: number; columns: number } | null {
    if (!this.isTerminal) return null;
    const stream: WriteStream | undefined = [process.stdout, process.stderr].find((s) => s.isTTY);
    if (!stream) return null;
    // Node itself learns of a new size in its event loop only, which a running guest keeps from turning.
    (stream as { _refreshSize?: () => void })._refreshSize?.();
    return { rows: stream.rows, columns: stream.columns };
  }

  /** Raw both ways: Node turns input raw, and puts everything back at exit; output is stty's. */
  setRaw(on: boolean): void {
    const stdin = process.stdin;
    if (!stdin.isTTY) return;
    stdin.setRawMode(on);
    stdin.pause();
    const { spawnSync } = process.getBuiltinModule("node:child_process");
    spawnSync("stty", [on ? "-opost" : "opost"], { stdio: [this.fd, "ignore", "ignore"] });
  }

  /** The end of a terminal's input can be followed by more; that of a pipe cannot. */
  private atEnd(): number {
    if (this.isTerminal) this.ended = false;
    return 0;
  }

  /** Our own non-blocking descriptor; null where the stream is a file, or the system cannot give one. */
  private nonBlocking(): number | null {
    if (this.probe !== undefined) return this.probe;
    this.probe = null;
    if (this.type !== "fifo" && this.type !== "char") return null;
    try {
      this.probe = fs.openSync(`/dev/fd/${this.fd}`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    } catch {
      // a socket, or no /dev/fd: reads may block
    }
    return this.probe;
  }
}

function typeOf(fd: number): FileType {
  try {
    return toHostStat(fs.fstatSync(fd, { bigint: true })).type;
  } catch {
    return "char"; // closed: Node has put the null device there
  }
}

/** Windows tells the end of a pipe as an error. */
function readSome(fd: number, into: Uint8Array): number {
  for (;;) {
    try {
      return posix(() => fs.readSync(fd, into, 0, into.length, null));
    } catch (error) {
      const code = hostError(error).code;
      if (code === "EOF") return 0;
      if (code !== "EINTR") throw error;
    }
  }
}

/** /dev/null and its kin on Linux: major number 1 (its devices.txt). */
function isMemoryDevice(fd: number): boolean {
  return process.platform === "linux" && fs.fstatSync(fd).rdev >> 8 === 1;
}
