import type { Cpu } from "../engine/cpu.ts";
import type { AddressSpace } from "./address-space.ts";
import type { FdTable } from "./files.ts";
import type { Dentry, Start } from "./fs/path.ts";
import type { Kernel, Personality } from "./kernel.ts";
import type { Outcome } from "./result.ts";
import { type Action, DEFAULT, type Pending, type SignalStack } from "./signals.ts";
import { type ProcessTimer, Timer } from "./timers.ts";

export interface Limit {
  readonly cur: number;
  readonly max: number;
}

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** Who a process acts for (credentials(7)). */
export interface Credentials {
  readonly real: Ids;
  readonly effective: Ids;
  readonly saved: Ids;
  readonly groups: readonly number[];
}

/** What a task does now. */
export type TaskState =
  | { readonly k: "ready" }
  | { readonly k: "blocked"; readonly on: Extract<Outcome, { k: "block" }> }
  | { readonly k: "dead" };

/** A thread: one cpu, one signal mask. */
export class Task {
  /** The leader's is the process's; a thread that execs takes it over. */
  tid: number;
  readonly process: Process;
  cpu: Cpu;
  state: TaskState = { k: "ready" };
  /** Blocked signals: bit number - 1. */
  blocked = 0n;
  /** Signals for this thread alone. */
  readonly pending: Pending[] = [];
  stack: SignalStack = { sp: 0, size: 0, disabled: true };
  /** Set to zero and woken when the task ends (set_tid_address). */
  clearTid = 0;
  robustList = { head: 0, size: 0 };
  name: string;
  /** A call made again goes on waiting until then: it had begun before the snapshot. undefined: none such. */
  until: bigint | null | undefined;
  /** Mask to come back after the next handler (sigsuspend). */
  savedMask: bigint | null = null;

  constructor(tid: number, process: Process, cpu: Cpu, name: string) {
    this.tid = tid;
    this.process = process;
    this.cpu = cpu;
    this.name = name;
  }
  get kernel(): Kernel {
    return this.process.kernel;
  }
  get personality(): Personality {
    return this.process.personality;
  }
  get space(): AddressSpace {
    return this.process.space;
  }
  get files(): FdTable {
    return this.process.files;
  }
}

/** Where paths start: shared by processes that clone with CLONE_FS. */
export interface Folders {
  root: Dentry;
  cwd: Dentry;
  umask: number;
}

/** What a new process takes over from the one that makes it. */
export interface Inherited {
  readonly space: AddressSpace;
  readonly files: FdTable;
  readonly folders: Folders;
  readonly actions: Map<number, Action>;
}

/** A process: memory, descriptors, directories, dispositions, limits, identity; one or more tasks. */
export class Process {
  readonly kernel: Kernel;
  /** The guest's OS on the machine that this program is for. */
  personality: Personality;
  readonly pid: number;
  /** null: the first of all, or one whose parent ended. */
  maker: Process | null = null;
  readonly children = new Set<Process>();
  pgid: number;
  sid: number;
  space: AddressSpace;
  files: FdTable;
  folders: Folders;
  credentials: Credentials;
  actions: Map<number, Action>;
  limits: Map<string, Limit>;
  readonly tasks: Task[] = [];
  /** Signals for whichever thread takes them. */
  readonly pending: Pending[] = [];
  /** For /proc/self: path of the program, arguments, environment. */
  executable = "";
  args: readonly string[] = [];
  env: readonly string[] = [];
  /** The auxiliary vector as it stood on the stack, for /proc/self/auxv. */
  auxv: Uint8Array = new Uint8Array(0);
  /** Machine code that returns from signal handlers, where the OS maps some. */
  trampoline = 0;
  nice = 0;
  /** ITIMER_REAL. */
  readonly alarm = new Timer();
  /** Timers of timer_create by number. */
  readonly timers = new Map<number, ProcessTimer>();
  readonly started: bigint;
  exit: ExitStatus | null = null;
  /** Status the first thread left with: the process's, where threads end one by one. */
  leaderStatus = 0;
  /** Signal that the parent gets at the end; 0: none, and then wait needs __WCLONE. */
  exitSignal = 0;
  /** Stopped by a signal (job control), and which. */
  stopped = 0;
  /** A stop, or a going on, that the parent has not been told of yet. */
  news: "stopped" | "continued" | null = null;
  /** Has called execve since it was made: setpgid by its parent is over. */
  replaced = false;
  /** Runs on its maker's memory, which waits (vfork); over with exec or exit. */
  borrows = false;
  /** Takes in orphans below it (PR_SET_CHILD_SUBREAPER). */
  reaper = false;
  /** Signal at the maker's end (PR_SET_PDEATHSIG). */
  deathSignal = 0;
  /** Answers of prctl and the like, by name. */
  readonly options = new Map<string, number>();
  /** CPU time of children that were waited for, ns. */
  childTime = 0n;
  /** Monotonic ns of this process on the cpu. */
  time = 0n;

  constructor(kernel: Kernel, pid: number, space: AddressSpace, files: FdTable, at: Start, ids: Ids) {
    this.kernel = kernel;
    this.personality = kernel.personality;
    this.pid = pid;
    this.pgid = pid;
    this.sid = pid;
    this.space = space;
    this.files = files;
    this.folders = { root: at.root, cwd: at.cwd, umask: 0o022 };
    this.actions = new Map();
    this.credentials = { real: ids, effective: ids, saved: ids, groups: [ids.gid] };
    this.limits = defaultLimits(files.limit);
    this.started = kernel.host.monotonic();
  }

  /** A child of this process with its own number; what it shares is in `with`. */
  child(pid: number, inherited: Inherited): Process {
    const made = new Process(this.kernel, pid, inherited.space, inherited.files, inherited.folders, this.ids);
    made.credentials = this.credentials;
    made.folders = inherited.folders;
    made.actions = inherited.actions;
    made.personality = this.personality;
    made.maker = this;
    this.children.add(made);
    made.pgid = this.pgid;
    made.sid = this.sid;
    made.limits = new Map(this.limits);
    made.executable = this.executable;
    made.args = this.args;
    made.env = this.env;
    made.auxv = this.auxv;
    made.trampoline = this.trampoline;
    made.nice = this.nice;
    for (const [name, value] of this.options) made.options.set(name, value);
    return made;
  }

  /** Those that count for permissions. */
  get ids(): Ids {
    return this.credentials.effective;
  }
  get parent(): number {
    return this.maker?.pid ?? 1;
  }
  /** Its maker ended before it: its parent is who starts everything. */
  orphan = false;

  get root(): Dentry {
    return this.folders.root;
  }
  set root(root: Dentry) {
    this.folders.root = root;
  }
  get cwd(): Dentry {
    return this.folders.cwd;
  }
  set cwd(cwd: Dentry) {
    this.folders.cwd = cwd;
  }
  get umask(): number {
    return this.folders.umask;
  }
  set umask(mask: number) {
    this.folders.umask = mask;
  }
  action(signal: number): Action {
    return this.actions.get(signal) ?? DEFAULT;
  }
  /** Over, and waits for its parent to ask. */
  get zombie(): boolean {
    return this.exit !== null;
  }
}

/** What wait tells of a child. */
export type News = ExitStatus | { readonly k: "stopped"; readonly signal: number } | { readonly k: "continued" };

/** How a process ended. */
export type ExitStatus =
  | { readonly k: "exited"; readonly status: number }
  | { readonly k: "killed"; readonly signal: number; readonly fault: FaultReport | undefined };

/** What a fatal fault was, for the one line on stderr. */
export interface FaultReport {
  readonly kind: string;
  readonly pc: number;
  readonly address: bigint | undefined;
  readonly bytes: Uint8Array | undefined;
  /** False: pc is only near it. */
  readonly precise: boolean;
}

const NONE = Number.POSITIVE_INFINITY;
function defaultLimits(files: number): Map<string, Limit> {
  const limit = (cur: number, max = cur): Limit => ({ cur, max });
  return new Map([
    ["RLIMIT_CPU", limit(NONE)],
    ["RLIMIT_FSIZE", limit(NONE)],
    ["RLIMIT_DATA", limit(NONE)],
    ["RLIMIT_STACK", limit(0x800000, NONE)],
    ["RLIMIT_CORE", limit(0, NONE)],
    ["RLIMIT_RSS", limit(NONE)],
    ["RLIMIT_NPROC", limit(4096)],
    ["RLIMIT_NOFILE", limit(files, 4096)],
    ["RLIMIT_MEMLOCK", limit(0x800000)],
    ["RLIMIT_AS", limit(NONE)],
    ["RLIMIT_LOCKS", limit(NONE)],
    ["RLIMIT_SIGPENDING", limit(4096)],
    ["RLIMIT_MSGQUEUE", limit(819200)],
    ["RLIMIT_NICE", limit(0)],
    ["RLIMIT_RTPRIO", limit(0)],
    ["RLIMIT_RTTIME", limit(NONE)],
  ]);
}
