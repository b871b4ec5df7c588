import {
  type FileType,
  type Host,
  HostError,
  type HostFile,
  type HostFs,
  type HostStat,
  type HostStream,
} from "../../src/host/host.ts";

/** A host that is nowhere: files in a map, streams in arrays, a clock that moves when slept on. */
export class MemoryHost implements Host {
  readonly files = new Map<string, Entry>();
  readonly fs: HostFs;
  readonly stdin: MemoryStream;
  readonly stdout = new MemoryStream();
  readonly stderr = new MemoryStream();
  readonly env = {};
  cwd = "/";
  readonly hostname = "sagetest";
  now = 1_000_000_000n;
  slept = 0;

  constructor(input = "") {
    this.fs = new MapFs(this.files);
    this.stdin = new MemoryStream(new TextEncoder().encode(input));
    this.folder("/");
  }
  folder(path: string): void {
    this.files.set(path, { type: "dir", bytes: new Uint8Array(0), mode: 0o755, target: "" });
  }
  file(path: string, text: string, mode = 0o644): void {
    this.files.set(path, { type: "file", bytes: new TextEncoder().encode(text), mode, target: "" });
  }
  link(path: string, target: string): void {
    this.files.set(path, { type: "link", bytes: new Uint8Array(0), mode: 0o777, target });
  }
  text(path: string): string {
    return new TextDecoder().decode(this.files.get(path)?.bytes);
  }
  realtime(): bigint {
    return 1_700_000_000_000_000_000n + this.now;
  }
  monotonic(): bigint {
    return this.now;
  }
  cpuTime(): bigint {
    return this.now;
  }
  random(into: Uint8Array): void {
    into.fill(0x5a);
  }
  sleep(milliseconds: number): void {
    this.slept++;
    this.now += BigInt(Math.ceil(milliseconds * 1e6));
  }
}

interface Entry {
  readonly type: FileType;
  bytes: Uint8Array;
  mode: number;
  readonly target: string;
}

export class MemoryStream implements HostStream {
  isTerminal = false;
  type: FileType = "fifo";
  written = "";
  private input: Uint8Array;
  constructor(input = new Uint8Array(0)) {
    this.input = input;
  }
  read(into: Uint8Array): number {
    const part = this.input.subarray(0, into.length);
    into.set(part);
    this.input = this.input.subarray(part.length);
    return part.length;
  }
  write(from: Uint8Array): number {
    this.written += new TextDecoder().decode(from);
    return from.length;
  }
  windowSize(): { rows: number; columns: number } | null {
    return this.isTerminal ? { rows: 33, columns: 99 } : null;
  }
  readable(): boolean {
    return true;
  }
}

class MapFs implements HostFs {
  private readonly files: Map<string, Entry>;
  constructor(files: Map<string, Entry>) {
    this.files = files;
  }
  private entry(path: string, follow = true, depth = 0): [string, Entry] {
    const entry = this.files.get(path);
    if (!entry) throw new HostError("ENOENT");
    if (entry.type !== "link" || !follow) return [path, entry];
    if (depth > 8) throw new HostError("ELOOP");
    const at = entry.target.startsWith("/") ? entry.target : `${path.slice(0, path.lastIndexOf("/"))}/${entry.target}`;
    return this.entry(at, true, depth + 1);
  }
  private parent(path: string): void {
    const folder = path.slice(0, path.lastIndexOf("/")) || "/";
    if (this.entry(folder)[1].type !== "dir") throw new HostError("ENOTDIR");
  }
  open(
    path: string,
    options: { write: boolean; create?: boolean; exclusive?: boolean; truncate?: boolean; mode?: number },
  ): HostFile {
    if (!this.files.has(path) && options.create) {
      this.parent(path);
      this.files.set(path, { type: "file", bytes: new Uint8Array(0), mode: options.mode ?? 0o644, target: "" });
    } else if (options.exclusive) throw new HostError("EEXIST");
    const [at, entry] = this.entry(path);
    if (options.truncate) entry.bytes = new Uint8Array(0);
    let position = 0;
    return {
      read: (into, from) => {
        const part = entry.bytes.subarray(from ?? position, (from ?? position) + into.length);
        into.set(part);
        position += part.length;
        return part.length;
      },
      write: (bytes, to) => {
        const start = to ?? position;
        const size = Math.max(entry.bytes.length, start + bytes.length);
        const next = new Uint8Array(size);
        next.set(entry.bytes);
        next.set(bytes, start);
        entry.bytes = next;
        return bytes.length;
      },
      stat: () => this.stat(at, true),
      truncate: (size) => {
        const next = new Uint8Array(size);
        next.set(entry.bytes.subarray(0, size));
        entry.bytes = next;
      },
      sync: () => {},
      close: () => {},
    };
  }
  stat(path: string, follow: boolean): HostStat {
    const [at, entry] = this.entry(path, follow);
    const ino = [...this.files.keys()].indexOf(at) + 1;
    const size = entry.type === "link" ? entry.target.length : entry.bytes.length;
    const times = { atime: 5n, mtime: 6n, ctime: 7n };
    return { type: entry.type, mode: entry.mode, size, nlink: 1, uid: 0, gid: 0, dev: 1, ino, blocks: 0, ...times };
  }
  readdir(path: string): { name: string; type: FileType; ino: number }[] {
    const base = path === "/" ? "/" : `${path}/`;
    const inside = [...this.files].filter(
      ([at]) => at.startsWith(base) && at !== base && !at.slice(base.length).includes("/"),
    );
    return inside.map(([at, entry]) => ({ name: at.slice(base.length), type: entry.type, ino: 1 }));
  }
  readlink(path: string): string {
    const [, entry] = this.entry(path, false);
    if (entry.type !== "link") throw new HostError("EINVAL");
    return entry.target;
  }
  mkdir(path: string, mode: number): void {
    this.parent(path);
    if (this.files.has(path)) throw new HostError("EEXIST");
    this.files.set(path, { type: "dir", bytes: new Uint8Array(0), mode, target: "" });
  }
  rmdir(path: string): void {
    this.entry(path);
    this.files.delete(path);
  }
  unlink(path: string): void {
    this.entry(path, false);
    this.files.delete(path);
  }
  rename(from: string, to: string): void {
    const [, entry] = this.entry(from, false);
    this.files.delete(from);
    this.files.set(to, entry);
  }
  link(target: string, path: string): void {
    this.files.set(path, this.entry(target)[1]);
  }
  symlink(target: string, path: string): void {
    this.files.set(path, { type: "link", bytes: new Uint8Array(0), mode: 0o777, target });
  }
  chmod(path: string, mode: number): void {
    this.entry(path)[1].mode = mode;
  }
  utimes(): void {}
}
