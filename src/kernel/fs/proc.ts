import type { FileType } from "../../host/host.ts";
import { F } from "../flags.ts";
import type { Kernel } from "../kernel.ts";
import { posix } from "../posix.ts";
import type { Process } from "../process.ts";
import { type DirEntry, type FileStat, type FsKind, type Handle, Inode, type OpenHow } from "./inode.ts";
import { DirHandle } from "./memory.ts";
import { pathOf } from "./path.ts";
import { mapsOf, statLine, statusOf } from "./proc-text.ts";

/*
 * /proc: generated when opened. Only what programs are known to read; a name that is not here is ENOENT, as on a kernel
 * that was built without it.
 */

const encoder = new TextEncoder();

abstract class ProcInode extends Inode {
  abstract readonly mode: number;
  protected readonly now: () => bigint;
  private readonly ino: number;
  constructor(kernel: Kernel) {
    super();
    this.ino = kernel.ino();
    this.now = () => kernel.host.realtime();
  }
  override get fsKind(): FsKind {
    return "proc";
  }
  stat(): FileStat {
    const now = this.now();
    const nlink = this.type === "dir" ? 2 : 1;
    const shape = { type: this.type, mode: this.mode, size: 0, nlink, ino: this.ino, blocks: 0 };
    return { ...shape, uid: 0, gid: 0, dev: 0x15, rdev: 0, atime: now, mtime: now, ctime: now };
  }
}

class ProcFile extends ProcInode {
  readonly type = "file";
  readonly mode: number;
  private readonly text: () => string | Uint8Array;
  private readonly take: ((text: string) => void) | undefined;
  constructor(kernel: Kernel, text: () => string | Uint8Array, take?: (text: string) => void) {
    super(kernel);
    this.text = text;
    this.take = take;
    this.mode = take ? 0o644 : 0o444;
  }
  override open(how: OpenHow): Handle {
    if (how.write && !this.take) throw posix("EACCES");
    const content = this.text();
    return new ProcHandle(this, typeof content === "string" ? encoder.encode(content) : content, this.take);
  }
  override truncate(): void {}
}

class ProcHandle implements Handle {
  readonly seekable = true;
  private readonly file: ProcFile;
  private readonly bytes: Uint8Array;
  private readonly take: ((text: string) => void) | undefined;
  constructor(file: ProcFile, bytes: Uint8Array, take: ((text: string) => void) | undefined) {
    this.file = file;
    this.bytes = bytes;
    this.take = take;
  }
  read(into: Uint8Array, at: number): number {
    const part = this.bytes.subarray(Math.min(at, this.bytes.length), at + into.length);
    into.set(part);
    return part.length;
  }
  write(from: Uint8Array): number {
    this.take?.(new TextDecoder().decode(from.slice()));
    return from.length;
  }
  stat(): FileStat {
    return this.file.stat();
  }
  truncate(): void {}
  sync(): void {
    throw posix("EINVAL");
  }
  close(): void {}
  poll(): number {
    return F.POLLIN | F.POLLRDNORM;
  }
}

class ProcLink extends ProcInode {
  readonly type = "link";
  readonly mode = 0o777;
  private readonly text: () => string;
  private readonly goes: () => Inode | null;
  constructor(kernel: Kernel, text: () => string, goes: () => Inode | null = () => null) {
    super(kernel);
    this.text = text;
    this.goes = goes;
  }
  override readlink(): string {
    return this.text();
  }
  override target(): Inode | null {
    return this.goes();
  }
}

/** What an already open file is when it is opened again through /proc/self/fd. */
class Reopened extends Inode {
  readonly type: FileType;
  private readonly handle: Handle;
  constructor(handle: Handle) {
    super();
    this.handle = handle;
    this.type = handle.stat().type;
  }
  stat(): FileStat {
    return this.handle.stat();
  }
  override open(_how: OpenHow): Handle {
    const { handle } = this;
    if (handle.seekable) throw posix("EACCES");
    return handle;
  }
  override truncate(): void {}
}

type Entries = () => Map<string, () => Inode>;

class ProcDir extends ProcInode {
  readonly type = "dir";
  readonly mode = 0o555;
  private readonly entries: Entries;
  constructor(kernel: Kernel, entries: Entries) {
    super(kernel);
    this.entries = entries;
  }
  override open(how: OpenHow): Handle {
    if (how.write) throw posix("EISDIR");
    return new DirHandle(this);
  }
  override lookup(name: string): Inode | null {
    return this.entries().get(name)?.() ?? null;
  }
  override list(): DirEntry[] {
    return [...this.entries()].map(([name, make]) => {
      const inode = make();
      return { name, type: inode.type, ino: inode.stat().ino };
    });
  }
}

export function procFolder(kernel: Kernel, now: () => bigint): Inode {
  const file = (text: () => string | Uint8Array) => (): Inode => new ProcFile(kernel, text);
  const dir = (entries: Entries) => (): Inode => new ProcDir(kernel, entries);
  const current = (): Process => {
    if (!kernel.current) throw posix("ENOENT");
    return kernel.current;
  };
  const { personality } = kernel;
  const uptime = (): number => Number(kernel.host.monotonic() - kernel.booted) / 1e9;
  const kernelFacts = new Map([
    ["ostype", file(() => `${personality.sysname}\n`)],
    ["osrelease", file(() => `${personality.release}\n`)],
    ["version", file(() => `${personality.version}\n`)],
    ["hostname", file(() => `${kernel.host.hostname}\n`)],
    ["domainname", file(() => "(none)\n")],
    ["pid_max", file(() => "4194304\n")],
    ["ngroups_max", file(() => "65536\n")],
    ["cap_last_cap", file(() => "40\n")],
    [
      "random",
      dir(
        () =>
          new Map([
            ["uuid", file(() => uuid(kernel))],
            ["boot_id", file(() => uuid(kernel))],
          ]),
      ),
    ],
  ]);
  const vm = new Map([
    ["overcommit_memory", file(() => "0\n")],
    ["max_map_count", file(() => "65530\n")],
  ]);
  const sys = new Map([
    ["kernel", dir(() => kernelFacts)],
    ["vm", dir(() => vm)],
    [
      "fs",
      dir(
        () =>
          new Map([
            ["file-max", file(() => "1048576\n")],
            ["pipe-max-size", file(() => "1048576\n")],
          ]),
      ),
    ],
  ]);
  const fixed = new Map<string, () => Inode>([
    ["self", () => new ProcLink(kernel, () => String(current().pid))],
    ["thread-self", () => new ProcLink(kernel, () => `${current().pid}/task/${current().pid}`)],
    ["mounts", () => new ProcLink(kernel, () => "self/mounts")],
    ["meminfo", file(() => meminfo(kernel))],
    ["cpuinfo", file(() => "processor\t: 0\n\n")],
    ["version", file(() => `${personality.sysname} version ${personality.release} (sage) ${personality.version}\n`)],
    ["uptime", file(() => `${uptime().toFixed(2)} 0.00\n`)],
    ["loadavg", file(() => `0.00 0.00 0.00 1/${kernel.processes.size} ${current().pid}\n`)],
    ["filesystems", file(() => "nodev\tproc\nnodev\ttmpfs\nnodev\toverlay\n")],
    ["stat", file(() => cpuStat(kernel, now))],
    ["cmdline", file(() => "\n")],
    ["sys", dir(() => sys)],
  ]);
  return new ProcDir(kernel, () => {
    const all = new Map(fixed);
    for (const process of kernel.processes.values())
      all.set(
        String(process.pid),
        dir(() => processEntries(kernel, process)),
      );
    return all;
  });
}

function processEntries(kernel: Kernel, process: Process, asTask = false): Map<string, () => Inode> {
  const file = (text: () => string | Uint8Array) => (): Inode => new ProcFile(kernel, text);
  const entries = new Map<string, () => Inode>([
    ["exe", () => new ProcLink(kernel, () => process.executable)],
    [
      "cwd",
      () =>
        new ProcLink(
          kernel,
          () => pathOf(process.cwd, process.root),
          () => process.cwd.inode,
        ),
    ],
    [
      "root",
      () =>
        new ProcLink(
          kernel,
          () => "/",
          () => process.root.inode,
        ),
    ],
    ["cmdline", file(() => process.args.map((arg) => `${arg}\0`).join(""))],
    ["environ", file(() => process.env.map((entry) => `${entry}\0`).join(""))],
    [
      "comm",
      () =>
        new ProcFile(
          kernel,
          () => `${process.tasks[0]?.name ?? ""}\n`,
          (text) => rename(process, text),
        ),
    ],
    ["maps", file(() => mapsOf(process))],
    ["stat", file(() => statLine(process))],
    ["statm", file(() => `${process.space.size / 4096} ${process.space.memory.used / 4096} 0 0 0 0 0\n`)],
    ["status", file(() => statusOf(process))],
    ["mounts", file(() => mounts(kernel))],
    ["mountinfo", file(() => "21 0 0:31 / / rw,relatime - overlay sage rw\n")],
    ["limits", file(() => limits(process))],
    [
      "oom_score_adj",
      () =>
        new ProcFile(
          kernel,
          () => "0\n",
          () => {},
        ),
    ],
    ["fd", () => new ProcDir(kernel, () => descriptors(kernel, process))],
  ]);
  if (!asTask) {
    const task = (): Inode => new ProcDir(kernel, () => processEntries(kernel, process, true));
    const tasks = (): Map<string, () => Inode> => new Map(process.tasks.map((t) => [String(t.tid), task]));
    entries.set("task", () => new ProcDir(kernel, tasks));
  }
  return entries;
}

function rename(process: Process, text: string): void {
  const task = process.tasks[0];
  if (task) task.name = text.replace(/\n$/, "").slice(0, 15);
}

function descriptors(kernel: Kernel, process: Process): Map<string, () => Inode> {
  const out = new Map<string, () => Inode>();
  for (const fd of process.files.numbers()) {
    const file = process.files.get(fd);
    const text = (): string => (file.dentry ? pathOf(file.dentry, process.root) : file.label);
    const goes = (): Inode => file.dentry?.inode ?? new Reopened(file.handle);
    out.set(String(fd), () => new ProcLink(kernel, text, goes));
  }
  return out;
}

function uuid(kernel: Kernel): string {
  const bytes = new Uint8Array(16);
  kernel.host.random(bytes);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return `${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")}\n`;
}

function meminfo(kernel: Kernel): string {
  const used = [...kernel.processes.values()].reduce((sum, p) => sum + p.space.memory.used, 0);
  const total = Math.floor(kernel.memory / 1024);
  const free = Math.floor((kernel.memory - used) / 1024);
  const rows = { MemTotal: total, MemFree: free, MemAvailable: free, Buffers: 0, Cached: 0, SwapTotal: 0, SwapFree: 0 };
  return Object.entries(rows)
    .map(([name, kib]) => `${`${name}:`.padEnd(16)}${String(kib).padStart(8)} kB\n`)
    .join("");
}

function cpuStat(kernel: Kernel, now: () => bigint): string {
  const user = Number(kernel.host.cpuTime() / 10_000_000n);
  const boot = Number((now() - (kernel.host.monotonic() - kernel.booted)) / 1_000_000_000n);
  return `cpu  ${user} 0 0 0 0 0 0 0 0 0\ncpu0 ${user} 0 0 0 0 0 0 0 0 0\nbtime ${boot}\nprocesses ${kernel.processes.size}\n`;
}

function mounts(kernel: Kernel): string {
  const kind = kernel.root.inode.fsKind;
  return `sage / ${kind} rw,relatime 0 0\nproc /proc proc rw,relatime 0 0\ndevtmpfs /dev devtmpfs rw,relatime 0 0\n`;
}

function limits(process: Process): string {
  const show = (n: number): string => (Number.isFinite(n) ? String(n) : "unlimited");
  const head = "Limit                     Soft Limit           Hard Limit           Units\n";
  const files = process.limits.get("RLIMIT_NOFILE")!;
  return `${head}${"Max open files".padEnd(26)}${show(files.cur).padEnd(21)}${show(files.max).padEnd(21)}files\n`;
}
