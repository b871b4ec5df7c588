import type { Cpu } from "../engine/cpu.ts";
import type { Host } from "../host/host.ts";
import type { AddressSpace } from "./address-space.ts";
import { Description, FdTable } from "./files.ts";
import { F } from "./flags.ts";
import { deviceFolder, StreamHandle } from "./fs/dev.ts";
import { HostInode } from "./fs/host.ts";
import type { DirEntry, Handle, Inode, Terminal } from "./fs/inode.ts";
import { FILES_LIMIT, MemoryFs } from "./fs/memory.ts";
import { type Dentry, type Start, type Walked, type WalkOptions, walk } from "./fs/path.ts";
import { procFolder } from "./fs/proc.ts";
import { TtyHandle } from "./fs/pty.ts";
import { sysFolder } from "./fs/sys.ts";
import { HostTty } from "./host-tty.ts";
import { orphaned, tellParent } from "./life.ts";
import { Locks } from "./locks.ts";
import type { Family, SocketAddress } from "./net/address.ts";
import { Network } from "./net/network.ts";
import type { Credentials } from "./net/queue.ts";
import type { SocketType } from "./net/socket.ts";
import { type Notice, Notices } from "./notices.ts";
import { Pipe } from "./pipe.ts";
import type { News, Process, Task } from "./process.ts";
import type { SyscallResult } from "./result.ts";
import { flush, pull, SharedPages } from "./shared.ts";
import type { Action, DefaultAction, Pending } from "./signals.ts";
import { Timers } from "./timers.ts";
import { Tty } from "./tty.ts";

/** What uname and /proc tell, and what a signal does by default: facts of the guest's OS. */
export interface Personality {
  readonly sysname: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  /** Text of /proc/cpuinfo. */
  readonly cpuinfo: string;
  readonly page: number;
  /** Clock ticks a second. */
  readonly tick: number;
  defaultAction(signal: number): DefaultAction;
  /** tv_nsec values of utimensat with a meaning. */
  readonly utime: { readonly now: number; readonly omit: number };
  /** A getdents record: entry, type as S_IFMT >> 12, offset of the next entry. */
  pack(entry: DirEntry, type: number, next: number): Uint8Array;
  /** The process goes on as another program. Arguments are strings already. */
  exec(task: Task, path: string, args: readonly string[], env: readonly string[]): SyscallResult;
  /** Takes a task back to what a signal handler interrupted. */
  sigreturn(task: Task): SyscallResult;
  stackPointer(task: Task): number;
  /** The bits of clone's flag word (F.CLONE_*) and the signal in it. */
  cloneFlags(word: number): { readonly flags: number; readonly signal: number };
  /** Sets a new thread's or child's registers: result 0; stack and thread pointer where they are told. */
  enterChild(cpu: Cpu, stack: number, thread: number | null): void;
  /** Type and flags in socket's second argument; type "" is none, flags -1: bits that mean nothing. */
  socketType(word: number): { readonly type: SocketType | "raw" | ""; readonly flags: number };
  socketTypeNumber(type: SocketType): number;
  familyNumber(family: Family): number;
  errorNumber(code: string): number;
  /** F.O_* bits as the OS numbers them. */
  openFlags(flags: number): number;
  /** Name of a socket option, or "". */
  optionName(level: string, number: number): string;
  readAddress(bytes: Uint8Array): SocketAddress | null;
  writeAddress(address: SocketAddress): Uint8Array;
  /** AF_UNSPEC. */
  isUnspecified(bytes: Uint8Array): boolean;
  /** Control messages (cmsg(3)): what a program sent, and how files and credentials arrive. */
  readControl(bytes: Uint8Array): { readonly kind: "rights" | "other" | "bad"; readonly data: readonly number[] }[];
  rights(numbers: readonly number[]): Uint8Array;
  credentials(of: Credentials): Uint8Array;
  readonly controlHeader: number;
  /** A signal as signalfd tells it. */
  signalRecord(pending: Pending): Uint8Array;
  readonly signalRecordSize: number;
  /** An event as inotify tells it. */
  noticeRecord(notice: Notice): Uint8Array;
  /** The addresses that a thread's own variables count from, by number. False where the address is none for a program. */
  setBase(task: Task, which: number, address: number): boolean;
  base(task: Task, which: number): number;
  /** A child's news as wait tells it. */
  waitStatus(news: News): number;
  /** Guest bytes as a string, so that every byte comes back. */
  text(bytes: Uint8Array): string;
  /** Throws where the name is none: a programming error. */
  signal(name: string): number;
}

export interface KernelOptions {
  readonly host: Host;
  readonly personality: Personality;
  /** Host folder that is the guest's /; undefined: the host's own tree. */
  readonly root?: string | undefined;
  /** Where lower files of `root` are read, already allowed by the user's --root; `host.fs` if left out. */
  readonly rootFs?: Host["fs"] | undefined;
  readonly uid?: number;
  readonly gid?: number;
  /** Bytes of guest memory, for sysinfo and /proc/meminfo. */
  readonly memory?: number;
  /** Working directory inside the guest; the host's own, or / with a root. */
  readonly cwd?: string | undefined;
}

/** All of a kernel that changes as programs run: what a snapshot holds. */
export interface KernelParts {
  readonly ids: { uid: number; gid: number };
  readonly root: Dentry;
  readonly dev: Inode;
  readonly processes: Map<number, Process>;
  readonly booted: bigint;
  readonly tasks: Set<Task>;
  readonly network: Network;
  readonly timers: Timers;
  readonly locks: Locks;
  readonly notices: Notices;
  readonly sharedFiles: Map<string, SharedPages>;
  readonly terminals: Set<Terminal>;
  readonly hostTerminal: HostTty | null;
  readonly nextPid: number;
  readonly nextIno: number;
  readonly scratch: MemoryFs;
}

/** A file's identity, however it was opened. */
export function fileKey(file: Description): string {
  const { dev, ino } = file.handle.stat();
  return `${dev}:${ino}`;
}

/** Process numbers go up to here and then begin again above the first ones (Linux's pid_max of 64-bit machines). */
const PID_MAX = 4194304;
const PID_AGAIN = 300;

/** Descriptors a process may have at first (RLIMIT_NOFILE). */
const OPEN_FILES = 1024;

/** What all processes share: the host door, file systems, clocks, the process table. */
export class Kernel {
  readonly host: Host;
  readonly personality: Personality;
  readonly memory: number;
  readonly ids: { uid: number; gid: number };
  readonly root: Dentry;
  readonly mounts = new Map<string, Inode>();
  readonly processes = new Map<number, Process>();
  readonly booted: bigint;
  private readonly options: KernelOptions;
  /** Every living thread, in the order they came: the order they run in. */
  readonly tasks = new Set<Task>();
  private order: Task[] | null = null;
  readonly network = new Network(this);
  readonly timers: Timers;
  readonly locks = new Locks();
  readonly notices: Notices;
  /** The thread whose call is being served. */
  running: Task | undefined;
  /** Files that processes map shared, by device and inode. */
  private readonly sharedFiles = new Map<string, SharedPages>();
  /** Whose memory is up to date: the last that ran. */
  private lastSpace: AddressSpace | null = null;
  /** Terminals that may control a session. */
  readonly terminals = new Set<Terminal>();
  /** Told when a handler is installed: from then on faults must be precise. */
  onHandler: (task: Task, signal: number, action: Action) => void = () => {};
  /** The process whose call is being served: what /proc/self is. */
  current: Process | undefined;
  private nextPid = 2;
  private nextIno = 1000;
  private readonly scratch: MemoryFs;

  constructor(options: KernelOptions) {
    const { host } = options;
    this.options = options;
    this.host = host;
    this.personality = options.personality;
    this.memory = options.memory ?? 0xf0000000;
    this.ids = { uid: options.uid ?? 0, gid: options.gid ?? 0 };
    this.booted = host.monotonic();
    this.timers = new Timers(host);
    this.notices = new Notices(this);
    const now = (): bigint => host.realtime();
    this.scratch = new MemoryFs("memory", 0x20, now, undefined, this.filesLimit);
    this.root = { inode: this.rootInode(now), parent: null, name: "" };
    this.mounts.set(
      "dev",
      deviceFolder(host, now, () => this.terminal(), this),
    );
    this.mounts.set("proc", procFolder(this, now));
    this.mounts.set("sys", sysFolder(this));
  }

  /** Files in memory may take as much again as the guest's memory. */
  private get filesLimit(): number {
    return Math.min(this.memory, FILES_LIMIT);
  }

  get openFiles(): number {
    return OPEN_FILES;
  }
  defaultAction(signal: number): DefaultAction {
    return this.personality.defaultAction(signal);
  }
  stackPointer(task: Task): number {
    return this.personality.stackPointer(task);
  }
  /** A number for a process or thread that nobody has; they come round again as Linux's do. */
  pid(): number {
    for (;;) {
      const pid = this.nextPid++;
      if (this.nextPid > PID_MAX) this.nextPid = PID_AGAIN;
      if (!this.taken(pid)) return pid;
    }
  }
  private taken(pid: number): boolean {
    if (this.processes.has(pid)) return true;
    for (const process of this.processes.values()) if (process.pgid === pid || process.sid === pid) return true;
    return this.task(pid) !== undefined;
  }
  /** A thread by its number. */
  task(tid: number): Task | undefined {
    for (const task of this.tasks) if (task.tid === tid) return task;
    return undefined;
  }
  /** A process begins to live. */
  add(process: Process): void {
    this.processes.set(process.pid, process);
    for (const task of process.tasks) this.tasks.add(task);
    this.order = null;
  }
  /** A thread is no more. */
  remove(task: Task): void {
    this.tasks.delete(task);
    this.order = null;
  }
  /** The living threads as they stand now; who comes or goes meanwhile changes the next such list. */
  get turns(): readonly Task[] {
    this.order ??= [...this.tasks];
    return this.order;
  }
  /** What a shared mapping of `file` shares; null: of nothing but memory. */
  sharedPages(file: Description | null): SharedPages {
    if (!file) return new SharedPages();
    const key = fileKey(file);
    return this.sharedFiles.get(key) ?? new SharedPages(this.sharedFiles, key);
  }
  /** The shared pages of a file that somebody maps now. */
  mappedPages(file: Description): SharedPages | undefined {
    if (!this.sharedFiles.size || !file.handle.seekable) return undefined;
    return this.sharedFiles.get(fileKey(file));
  }
  /** A process's memory is about to be used: what others wrote into what they share comes in. */
  enter(space: AddressSpace): void {
    if (space === this.lastSpace) return;
    if (this.lastSpace?.sharing) flush(this.lastSpace);
    if (space.sharing) pull(space);
    this.lastSpace = space;
  }
  tellParent(process: Process, code: number, signal: number): void {
    tellParent(process, code, signal);
  }
  orphaned(pgid: number): boolean {
    return orphaned(this, pgid);
  }
  ino(): number {
    return this.nextIno++;
  }
  /** A file system for files that no directory names (memfd, O_TMPFILE). */
  get nameless(): MemoryFs {
    return this.scratch;
  }
  pipe(): Pipe {
    return new Pipe(this.ino(), this.host.realtime());
  }

  walk(start: Start, path: string, options: WalkOptions): Walked {
    return walk(start, path, options, this.mounts);
  }

  /** Where a first process starts. */
  start(): Start {
    const root = this.root;
    const path = this.options.cwd ?? (this.options.root === undefined ? this.host.cwd : "/");
    if (path === "/") return { root, cwd: root };
    return { root, cwd: this.walk({ root, cwd: root }, path, { follow: true }).at };
  }

  /** Descriptors 0, 1, 2: the host's streams; those that are its terminal are one terminal. */
  standardFiles(leader: number): FdTable {
    const files = new FdTable(OPEN_FILES);
    const now = this.host.realtime();
    const streams = [this.host.stdin, this.host.stdout, this.host.stderr];
    if (streams.some((stream) => stream.isTerminal)) {
      this.hostTerminal = new HostTty(this, this.host);
      this.hostTerminal.session = this.hostTerminal.foreground = leader;
    }
    for (const stream of streams) {
      if (stream.isTerminal && this.hostTerminal) {
        files.add(new Description(new TtyHandle(this, this.hostTerminal), F.O_RDWR, null, "/dev/pts/0"));
        continue;
      }
      const handle = new StreamHandle(stream, this.ino(), now);
      const access = stream === this.host.stdin ? 0 : F.O_WRONLY;
      files.add(new Description(handle, access, null, `${stream.type}:[${handle.stat().ino}]`));
    }
    return files;
  }
  /** The host's terminal, where one of its streams is one. */
  hostTerminal: HostTty | null = null;
  isHostTerminal(terminal: Terminal): boolean {
    return terminal === this.hostTerminal;
  }
  /** Takes in what was typed meanwhile. */
  pump(terminal: Terminal): void {
    if (terminal === this.hostTerminal) this.hostTerminal!.pump();
  }

  /** Everything that a snapshot is to hold; memory that processes share is up to date then. */
  parts(): KernelParts {
    if (this.lastSpace?.sharing) flush(this.lastSpace);
    const { ids, root, processes, booted, tasks, network, timers, locks, notices, sharedFiles } = this;
    const { terminals, hostTerminal, nextPid, nextIno, scratch } = this;
    const dev = this.mounts.get("dev")!;
    const files = { root, dev, sharedFiles, scratch, locks, notices };
    return { ids, processes, booted, tasks, network, timers, terminals, hostTerminal, nextPid, nextIno, ...files };
  }
  /** Goes on from what a snapshot held. */
  adopt({ dev, ...parts }: KernelParts): void {
    Object.assign(this, parts);
    this.mounts.set("dev", dev);
    this.lastSpace = null;
    for (const { actions, tasks } of this.processes.values())
      for (const [signal, action] of actions) if (tasks[0]) this.onHandler(tasks[0], signal, action);
    this.hostTerminal?.resume();
  }

  /** The controlling terminal of the process that runs. */
  private terminal(): Handle | null {
    const sid = this.current?.sid;
    for (const terminal of this.terminals)
      if (terminal instanceof Tty && sid && terminal.session === sid) return new TtyHandle(this, terminal);
    return null;
  }

  private rootInode(now: () => bigint): Inode {
    const { root, host, rootFs } = this.options;
    if (root === undefined) return new HostInode(host.fs, "/");
    const fs = new MemoryFs("overlay", 0x1f, now, rootFs ?? host.fs, this.filesLimit);
    fs.uid = this.ids.uid;
    fs.gid = this.ids.gid;
    return fs.root(root);
  }
}
