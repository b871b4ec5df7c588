import type { Cpu } from "../engine/cpu.ts";
import type { AddressSpace } from "./address-space.ts";
import type { FdTable } from "./files.ts";
import type { Dentry, Start } from "./fs/path.ts";
import type { Kernel } from "./kernel.ts";
import type { Outcome } from "./result.ts";
import { type Action, DEFAULT, type Pending, type SignalStack } from "./signals.ts";

export interface Limit {
  readonly cur: number;
  readonly max: number;
}

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** What a task does now. */
export type TaskState =
  | { readonly k: "ready" }
  | { readonly k: "blocked"; readonly on: Extract<Outcome, { k: "block" }> }
  | { readonly k: "dead" };

/** A thread: one cpu, one signal mask. */
export class Task {
  readonly tid: number;
  readonly process: Process;
  readonly cpu: Cpu;
  state: TaskState = { k: "ready" };
  /** Blocked signals: bit number - 1. */
  blocked = 0n;
  readonly pending: Pending[] = [];
  stack: SignalStack = { sp: 0, size: 0, disabled: true };
  /** Set to zero and woken when the task ends (set_tid_address). */
  clearTid = 0;
  robustList = { head: 0, size: 0 };
  name: string;
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
  get space(): AddressSpace {
    return this.process.space;
  }
  get files(): FdTable {
    return this.process.files;
  }
}

/** A process: memory, descriptors, directories, dispositions, limits, identity; one or more tasks. */
export class Process {
  readonly kernel: Kernel;
  readonly pid: number;
  readonly parent: number;
  pgid: number;
  sid: number;
  readonly space: AddressSpace;
  readonly files: FdTable;
  root: Dentry;
  cwd: Dentry;
  umask = 0o022;
  readonly ids: Ids;
  readonly actions = new Map<number, Action>();
  readonly limits: Map<string, Limit>;
  readonly tasks: Task[] = [];
  /** For /proc/self: path of the program, arguments, environment. */
  executable = "";
  args: readonly string[] = [];
  env: readonly string[] = [];
  /** Machine code that returns from signal handlers, where the OS maps some. */
  trampoline = 0;
  nice = 0;
  /** ITIMER_REAL: monotonic nanoseconds of the next SIGALRM, and the interval. */
  alarm: { at: bigint; every: bigint } | null = null;
  readonly started: bigint;
  exit: ExitStatus | null = null;

  constructor(kernel: Kernel, pid: number, space: AddressSpace, files: FdTable, at: Start, ids: Ids) {
    this.kernel = kernel;
    this.pid = pid;
    this.parent = 0;
    this.pgid = pid;
    this.sid = pid;
    this.space = space;
    this.files = files;
    this.root = at.root;
    this.cwd = at.cwd;
    this.ids = ids;
    this.limits = defaultLimits(files.limit);
    this.started = kernel.host.monotonic();
  }
  action(signal: number): Action {
    return this.actions.get(signal) ?? DEFAULT;
  }
}

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
