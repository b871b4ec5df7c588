/**
 * The one door to the real world. The core sees this interface only; src/host/node implements it for Node, and
 * src/guard wraps it with policy and audit. Everything is synchronous; failures are `HostError`s with a POSIX code.
 */

/** A failed host call. `code` is a POSIX errno name such as "ENOENT". */
export class HostError extends Error {
  readonly code: string;
  constructor(code: string, message = code) {
    super(message);
    this.code = code;
  }
}

export type FileType = "file" | "dir" | "link" | "char" | "block" | "fifo" | "socket";

/** What stat tells. Times in nanoseconds since the epoch. */
export interface HostStat {
  readonly type: FileType;
  readonly mode: number; // permission bits only, 0o7777
  readonly size: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly dev: number;
  readonly ino: number;
  readonly blocks: number; // of 512 bytes
  readonly atime: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
}

export interface OpenOptions {
  readonly read: boolean;
  readonly write: boolean;
  readonly create?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
  readonly append?: boolean;
  readonly directory?: boolean;
  readonly noFollow?: boolean;
  readonly mode?: number;
}

/** An open host file. `position` null means the host's own offset (streams, terminals). */
export interface HostFile {
  read(into: Uint8Array, position: number | null): number;
  write(from: Uint8Array, position: number | null): number;
  stat(): HostStat;
  truncate(size: number): void;
  sync(): void;
  close(): void;
}

export interface HostFs {
  open(path: string, options: OpenOptions): HostFile;
  stat(path: string, follow: boolean): HostStat;
  readdir(path: string): { name: string; type: FileType; ino: number }[];
  readlink(path: string): string;
  mkdir(path: string, mode: number): void;
  rmdir(path: string): void;
  unlink(path: string): void;
  rename(from: string, to: string): void;
  link(target: string, path: string): void;
  symlink(target: string, path: string): void;
  chmod(path: string, mode: number): void;
  /** Nanoseconds since the epoch; of a link itself where `follow` is false. */
  utimes(path: string, atime: bigint, mtime: bigint, follow?: boolean): void;
  /** The absolute path of what exists at `path`, every symbolic link resolved. */
  realpath?(path: string): string;
}

/** One of the three standard streams. */
export interface HostStream {
  readonly isTerminal: boolean;
  /** What kind of file it is, for fstat. */
  readonly type: FileType;
  read(into: Uint8Array): number; // 0 at the end of input; throws HostError("EAGAIN") where nothing is there yet
  write(from: Uint8Array): number;
  windowSize(): { rows: number; columns: number } | null;
  /** Hands a terminal's bytes through as they are, until the run ends; absent where that cannot be. */
  setRaw?(on: boolean): void;
  /** True where a read would not block. */
  readable(): boolean;
}

/** How a connection stands: `error` is a POSIX code where it failed. */
export interface ConnectionState {
  readonly open: boolean;
  readonly error: string | null;
  /** This end's address and port, once it is open. */
  readonly local: { readonly ip: string; readonly port: number } | null;
}

/** A TCP connection to the outside. Nothing here waits. */
export interface HostConnection {
  look(): ConnectionState;
  /** Bytes that came; 0 at the end of them. Throws HostError EAGAIN where nothing is there. */
  read(into: Uint8Array): number;
  /** Bytes taken, 0 where too many are on their way. */
  write(from: Uint8Array): number;
  /** Nothing more will be written. */
  shut(): void;
  close(): void;
}

/** The host's network. */
export interface HostNet {
  /** Throws HostError EPERM where that is not granted. */
  connect(ip: string, port: number): HostConnection;
  /** True where `connect` would not be denied. */
  mayConnect(ip: string, port: number): boolean;
  /** Asks for a name's addresses. The answer: null while there is none yet; [] where there are none. */
  lookup(name: string): { answer(): readonly string[] | null };
  /** Goes up with whatever happens to connections and questions. */
  changes(): number;
  /** At the end of a run: waits, but not long, until what was written has left. */
  flush(): void;
}

export interface Host {
  readonly fs: HostFs;
  readonly stdin: HostStream;
  readonly stdout: HostStream;
  readonly stderr: HostStream;
  /** Nanoseconds: since the epoch, since some fixed start, and CPU time of this process. */
  realtime(): bigint;
  monotonic(): bigint;
  cpuTime(): bigint;
  random(into: Uint8Array): void;
  /** Blocks this thread. */
  sleep(milliseconds: number): void;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly hostname: string;
  /** Absent where there is none. */
  readonly net?: HostNet | undefined;
}

/** What src/guard needs to judge a path by where it leads. */
export interface RealFs extends HostFs {
  realpath(path: string): string;
  /** What the link at `path` says; undefined where there is none, or nothing at all, which is no error here. */
  target(path: string): string | undefined;
}

/** The host before it is guarded. */
export interface RealHost extends Host {
  readonly fs: RealFs;
}
