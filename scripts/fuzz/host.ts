import {
  type FileType,
  HostError,
  type HostFile,
  type HostStat,
  type HostStream,
  type RealFs,
  type RealHost,
} from "../../src/host/host.ts";

const none: HostStream = {
  isTerminal: false,
  type: "fifo",
  read: () => 0,
  write: (from) => from.length,
  windowSize: () => null,
  readable: () => true,
};

/**
 * A host that is memory: some files, which cannot be changed, streams that lead nowhere, a clock that goes on when it
 * is looked at and when someone sleeps, random numbers that are always the same.
 */
export function memoryHost(files: ReadonlyMap<string, Uint8Array>): RealHost {
  let now = 1_000_000_000n;
  const clock = (): bigint => (now += 1000n);
  return {
    fs: memoryFs(files),
    stdin: none,
    stdout: none,
    stderr: none,
    realtime: () => 1_700_000_000_000_000_000n + clock(),
    monotonic: clock,
    cpuTime: clock,
    random: (into) => void into.fill(7),
    sleep: (milliseconds) => {
      now += BigInt(Math.max(0, Math.ceil(milliseconds * 1e6)));
    },
    env: { PATH: "/bin" },
    cwd: "/",
    hostname: "fuzz",
  };
}

function memoryFs(files: ReadonlyMap<string, Uint8Array>): RealFs {
  const folders = new Set(["/"]);
  for (const path of files.keys())
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) folders.add(path.slice(0, at));
  const plain = (path: string): string => {
    const parts: string[] = [];
    for (const part of path.split("/"))
      if (part === "..") parts.pop();
      else if (part !== "" && part !== ".") parts.push(part);
    return `/${parts.join("/")}`;
  };
  const typeOf = (path: string): FileType => {
    const at = plain(path);
    if (files.has(at)) return "file";
    if (folders.has(at)) return "dir";
    throw new HostError("ENOENT");
  };
  const stat = (path: string): HostStat => {
    const type = typeOf(path);
    const size = files.get(plain(path))?.length ?? 4096;
    const ino = 1 + [...folders, ...files.keys()].indexOf(plain(path));
    const times = { atime: 0n, mtime: 0n, ctime: 0n };
    return { type, mode: 0o755, size, nlink: 1, uid: 0, gid: 0, dev: 1, ino, blocks: Math.ceil(size / 512), ...times };
  };
  const refuse = (): never => {
    throw new HostError("EROFS");
  };
  return {
    open(path, options) {
      const type = typeOf(path);
      if (options.write || options.create || options.truncate) return refuse();
      if (options.directory && type !== "dir") throw new HostError("ENOTDIR");
      return opened(files.get(plain(path)), () => stat(path));
    },
    stat,
    readdir(path) {
      if (typeOf(path) !== "dir") throw new HostError("ENOTDIR");
      const at = plain(path) === "/" ? "/" : `${plain(path)}/`;
      const inside = [...folders, ...files.keys()].filter(
        (p) => p.startsWith(at) && p !== at && !p.slice(at.length).includes("/"),
      );
      return inside.map((p) => ({ name: p.slice(at.length), type: typeOf(p), ino: stat(p).ino }));
    },
    readlink(path) {
      typeOf(path);
      throw new HostError("EINVAL");
    },
    target: () => undefined,
    realpath(path) {
      typeOf(path);
      return plain(path);
    },
    mkdir: refuse,
    rmdir: refuse,
    unlink: refuse,
    rename: refuse,
    link: refuse,
    symlink: refuse,
    chmod: refuse,
    utimes: refuse,
  };
}

function opened(bytes: Uint8Array | undefined, stat: () => HostStat): HostFile {
  let offset = 0;
  return {
    read(into, position) {
      if (!bytes) throw new HostError("EISDIR");
      const from = position ?? offset;
      const part = bytes.subarray(Math.min(from, bytes.length), Math.min(from + into.length, bytes.length));
      into.set(part);
      if (position === null) offset += part.length;
      return part.length;
    },
    write() {
      throw new HostError("EBADF");
    },
    stat,
    truncate() {
      throw new HostError("EINVAL");
    },
    sync() {},
    close() {},
  };
}
