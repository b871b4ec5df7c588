import type { Cpu, Stop } from "../engine/cpu.ts";
import type { AuditSink } from "../guard/audit.ts";
import { F } from "../kernel/flags.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { endProcess, endTask } from "../kernel/life.ts";
import type { ExitStatus, FaultReport, Process, Task } from "../kernel/process.ts";
import type { SyscallResult } from "../kernel/result.ts";
import { bitOf, mayStop, type Pending, SIG_DFL, SIG_IGN, stop, take } from "../kernel/signals.ts";
import { Unsavable } from "../kernel/snapshot/graph.ts";
import { Linux } from "./linux/personality.ts";
import { enterHandler } from "./linux/signal-frame.ts";
import { type Call, Dispatcher, look } from "./syscall.ts";
import { Tracer } from "./trace.ts";

export interface RunLimits {
  /** Fuel in all: about one a guest loop or call. */
  readonly fuel?: number | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface RunHooks {
  /** Takes a trace line a call. */
  readonly trace?: ((line: string) => void) | undefined;
  readonly audit?: AuditSink | undefined;
  /** The run ends with a snapshot once `due`; `take` writes it. */
  readonly snapshot?: { readonly due: SnapshotTime; readonly take: () => void } | undefined;
}

/** When a snapshot is taken: after so much of one of these. */
export interface SnapshotTime {
  readonly of: "ms" | "calls" | "fuel";
  readonly amount: number;
}

/** How a run ended: by the program, by a limit, or because nothing could ever wake it. */
export type RunResult =
  | ExitStatus
  | { readonly k: "timeout" }
  | { readonly k: "fuel" }
  | { readonly k: "deadlock" }
  | { readonly k: "saved" };

/** Rounds in which every call that is half done must come to its end before a snapshot. */
const PATIENCE = 100_000;

/** Fuel of one stay on a cpu; limits and timers are looked at in between. */
const SLICE = 200_000;
/** The same where nobody else waits for the cpu: each stay costs the frames of the guest calls under way. */
const LONG_SLICE = 1_000_000;
/** What a system call costs of it. */
const CALL = 200;
const READY = { k: "ready" } as const;
/** Longest sleep while something outside may happen, in milliseconds. */
const NAP = 10;

/**
 * Runs the first process and all that come from it, until the last has ended. One thread at a time, in turn, each until
 * it blocks or its slice is spent; blocked ones are asked whether they can go on. Nothing but fuel and what the host
 * answers decides who runs, so a run can be repeated.
 */
export class Runner {
  readonly process: Process;
  private readonly kernel: Kernel;
  private readonly linux: Linux;
  private readonly dispatchers = new Map<Linux, Dispatcher>();
  private recent: { readonly linux: Linux; readonly dispatcher: Dispatcher } | undefined;
  private readonly tracer: Tracer;
  private readonly hooks: RunHooks;
  private readonly deadline: bigint | null;
  private fuel: number;
  /** Calls that had no handler and were missed: name, how often. */
  readonly unknown = new Map<string, number>();
  calls = 0;
  /** All calls without a handler, those declined on purpose too. */
  private readonly noted = new Map<string, number>();
  /**
   * The call that a task waits in, in a cell of its own: a map that changes with each call would keep JavaScript's tables
   * moving, and what an old table holds stays until the whole heap is looked through.
   */
  private readonly waiting = new WeakMap<Task, { call: Call | null }>();
  /** Calls that a signal came before: made again, or EINTR. */
  private readonly restarts = new Map<Task, Call>();
  /** More than one thread has ever run: trace lines say whose they are. */
  private several = false;
  private result: RunResult | null = null;
  private readonly began: bigint;
  private patience = PATIENCE;
  private spent = 0;

  constructor(linux: Linux, process: Process, limits: RunLimits = {}, hooks: RunHooks = {}) {
    this.process = process;
    this.kernel = process.kernel;
    this.linux = linux;
    this.tracer = new Tracer(linux.book);
    this.hooks = hooks;
    this.fuel = limits.fuel ?? Number.POSITIVE_INFINITY;
    // A resumed run's first process may have ended already.
    this.result = process.exit;
    const now = this.kernel.host.monotonic();
    this.began = now;
    this.deadline = limits.timeoutMs === undefined ? null : now + BigInt(Math.ceil(limits.timeoutMs * 1e6));
    if (process.tasks.length) this.kernel.add(process);
  }

  run(): RunResult {
    const { kernel } = this;
    kernel.current = this.process;
    const over = this.loop();
    if (over.k === "saved") return over;
    const result = this.result ?? over;
    for (const process of [...kernel.processes.values()]) {
      if (process.exit && process !== this.process) continue;
      const status = process.exit ?? { k: "killed", signal: this.linux.signal("SIGKILL"), fault: undefined };
      if (process.tasks.length) endProcess(process, status);
      if (process === this.process && !this.result) this.audit(process, over);
    }
    kernel.processes.clear();
    for (const [name, times] of this.noted) this.hooks.audit?.record({ kind: "unknown-calls", name, times });
    return result;
  }

  private audit(process: Process, result: RunResult): void {
    this.hooks.audit?.record({ kind: "exit", pid: process.pid, ...auditOf(result) });
  }

  private loop(): RunResult {
    const { kernel } = this;
    for (;;) {
      if (kernel.tasks.size === 0) return this.result ?? { k: "deadlock" };
      const over = this.overLimit();
      if (over) return over;
      if (this.hooks.snapshot && this.due(this.hooks.snapshot.due) && this.settled()) {
        this.hooks.snapshot.take();
        return { k: "saved" };
      }
      kernel.timers.run();
      kernel.network.outside.pump();
      kernel.hostTerminal?.look();
      let ran = false;
      for (const task of kernel.turns) {
        const { process } = task;
        if (process.exit) this.finish(process, process.exit);
        if (task.state.k === "dead" || process.stopped) continue;
        kernel.current = process;
        kernel.running = task;
        if (task.state.k === "blocked") this.wake(task);
        if (task.state.k !== "ready") continue;
        ran = true;
        kernel.enter(task.space);
        this.step(task);
        if (process.exit) this.finish(process, process.exit);
        if (this.overLimit()) break;
      }
      if (!ran && kernel.tasks.size && !this.idle()) return this.result ?? { k: "deadlock" };
    }
  }

  /** All that is left to do when a process has come to its end. */
  private finish(process: Process, status: ExitStatus): void {
    if (!process.tasks.length) return;
    for (const task of process.tasks) this.restarts.delete(task);
    endProcess(process, status);
    this.audit(process, status);
    if (process === this.process) this.result = status;
  }

  private overLimit(): RunResult | null {
    if (this.fuel <= 0) return { k: "fuel" };
    if (this.deadline !== null && this.kernel.host.monotonic() >= this.deadline) return { k: "timeout" };
    return null;
  }

  // Snapshots

  private due({ of, amount }: SnapshotTime): boolean {
    if (of === "calls") return this.calls >= amount;
    if (of === "fuel") return this.spent >= amount;
    return Number(this.kernel.host.monotonic() - this.began) / 1e6 >= amount;
  }

  /**
   * Takes every blocked task back to before its call, which is made again when the run goes on. False where a call is
   * half done; it may be over in a while. Throws Unsavable when it never is.
   */
  private settled(): boolean {
    const blocked = (): Task[] => [...this.kernel.tasks].filter((task) => task.state.k === "blocked");
    for (const task of blocked()) this.wake(task);
    const waits = blocked();
    const midway = waits.some((task) => task.state.k === "blocked" && task.state.on.wait.midway?.());
    if (midway || this.restarts.size) {
      if (--this.patience <= 0) throw new Unsavable("a call that is half done and does not end");
      return false;
    }
    for (const task of waits) {
      if (task.state.k !== "blocked") continue;
      const { wait } = task.state.on;
      wait.cancel?.();
      task.until = wait.until;
      task.cpu.pc -= this.dispatcher(task).abi.callSize;
      task.state = { k: "ready" };
      if (task.savedMask === null) continue;
      task.blocked = task.savedMask;
      task.savedMask = null;
    }
    return true;
  }

  /** Lets one task run until it blocks, ends, or its slice is spent. */
  private step(task: Task): void {
    const { process } = task;
    for (let left = this.kernel.tasks.size === 1 ? LONG_SLICE : SLICE; left > 0; ) {
      if (task.pending.length || process.pending.length || task.savedMask !== null || this.restarts.size)
        this.deliver(task);
      if (process.exit || process.stopped || task.state.k !== "ready") return;
      const { cpu } = task;
      const stop = cpu.run(Math.min(left, this.fuel));
      this.fuel -= cpu.spent;
      this.spent += cpu.spent;
      left -= cpu.spent + CALL;
      if (stop.k === "syscall") {
        this.syscall(task);
        if (task.state.k !== "ready" || this.fuel <= 0) return;
      } else if (stop.k === "fuel") {
        return;
      } else {
        this.fault(task, stop);
      }
    }
  }

  private dispatcher(task: Task): Dispatcher {
    const { personality } = task;
    if (personality === this.recent?.linux) return this.recent.dispatcher;
    const linux = personality instanceof Linux ? personality : this.linux;
    let made = this.dispatchers.get(linux);
    if (!made) {
      made = new Dispatcher(linux.book, linux.abi);
      this.dispatchers.set(linux, made);
    }
    this.recent = { linux, dispatcher: made };
    return made;
  }

  private syscall(task: Task): void {
    this.calls++;
    const call = this.dispatcher(task).call(task);
    const chosen = call.operation ?? call.row;
    if (!chosen || (!chosen.handler && !call.row?.by)) this.note(call);
    this.settle(task, call, call.result);
  }

  /** Takes a call's result in, now or when it came later. */
  private settle(task: Task, call: Call, given: SyscallResult): void {
    const result = task.until === undefined ? given : this.goesOn(task, given);
    if (typeof result !== "number" && result.k === "block") {
      const first = result.wait.looked ? null : look(result.wait, false);
      if (first !== null) {
        this.settle(task, call, first);
        return;
      }
      const cell = this.waiting.get(task);
      if (cell) cell.call = call;
      else this.waiting.set(task, { call });
      task.state = { k: "blocked", on: result };
      return;
    }
    if (this.hooks.trace) this.trace(task, call, result);
    if (typeof result === "number") this.dispatcher(task).finish(task, call, result);
    else if (result.k === "exit") this.exit(task, result.status, result.group);
    else if (result.k === "error" && result.code === "ERESTART") this.restarts.set(task, call);
    else this.dispatcher(task).finish(task, call, result);
  }

  /** A call that was made again after a snapshot waits no longer than it would have. */
  private goesOn(task: Task, result: SyscallResult): SyscallResult {
    const { until } = task;
    task.until = undefined;
    if (until === undefined || until === null || typeof result === "number" || result.k !== "block") return result;
    return { k: "block", wait: { ...result.wait, until } };
  }

  private trace(task: Task, call: Call, result: SyscallResult): void {
    const { row, operation, registers, values, number } = call;
    this.say(
      task,
      row ? this.tracer.call(row, operation, registers, values, result) : this.tracer.unknown(number, registers),
    );
  }

  /** A trace line; with several threads it says whose it is. */
  private say(task: Task, line: string): void {
    this.several ||= this.kernel.tasks.size > 1;
    this.hooks.trace?.(this.several ? `[pid ${task.tid}] ${line}` : line);
  }

  private note(call: Call): void {
    const name = call.row?.name ?? `number ${call.number}`;
    const times = this.noted.get(name) ?? 0;
    this.noted.set(name, times + 1);
    if (call.row?.status !== "declined") this.unknown.set(name, times + 1);
    if (times === 0) this.hooks.audit?.record({ kind: "unknown-call", name, number: call.number, result: "ENOSYS" });
  }

  private exit(task: Task, status: number, group: boolean): void {
    const { process } = task;
    this.say(task, `+++ exited with ${status} +++`);
    if (task.tid === process.pid) process.leaderStatus = status;
    if (group) process.exit = { k: "exited", status };
    else if (process.tasks.length === 1) process.exit = { k: "exited", status: process.leaderStatus };
    else endTask(task);
  }

  // Waiting

  private wake(task: Task): void {
    const cell = this.waiting.get(task)!;
    const call = cell.call!;
    const { wait } = (task.state as Extract<Task["state"], { k: "blocked" }>).on;
    if (!wait.quiet && task.space.sharing) this.kernel.enter(task.space);
    const late = wait.until !== null && this.kernel.host.monotonic() >= wait.until;
    const result = look(wait, late);
    if (result === null) return;
    cell.call = null;
    task.state = READY;
    this.settle(task, call, result);
  }

  /** Sleeps until the next thing that can happen. False where nothing can. */
  private idle(): boolean {
    const { host, timers } = this.kernel;
    let next: bigint | null = this.deadline;
    let outside = this.kernel.network.outside.busy || (this.kernel.hostTerminal?.engaged ?? false);
    const soonest = (at: bigint): void => {
      if (next === null || at < next) next = at;
    };
    for (const task of this.kernel.tasks) {
      if (task.state.k !== "blocked" || task.process.stopped) continue;
      const { wait } = task.state.on;
      if (wait.until !== null) soonest(wait.until);
      outside ||= wait.outside;
    }
    const ring = timers.next();
    if (ring !== null) soonest(ring);
    const { snapshot } = this.hooks;
    if (snapshot?.due.of === "ms" && next !== null) soonest(this.began + BigInt(Math.ceil(snapshot.due.amount * 1e6)));
    if (next === null && !outside) return false;
    let ms = next === null ? NAP : Number(next - host.monotonic()) / 1e6;
    if (outside) ms = Math.min(ms, NAP);
    if (ms > 0) host.sleep(Math.min(ms, 60_000));
    return true;
  }

  // Signals

  private deliver(task: Task): void {
    const { process } = task;
    for (let pending = take(task); pending; pending = take(task)) {
      if (this.hooks.trace) this.say(task, this.tracer.signal(pending.signal, pending.code, pending.address));
      this.act(task, pending, undefined);
      if (process.exit || process.stopped) return;
    }
    this.restart(task, true);
    if (task.savedMask !== null) {
      task.blocked = task.savedMask;
      task.savedMask = null;
    }
  }

  /** A call that a signal came before: made again where that is right, else EINTR. */
  private restart(task: Task, again: boolean): void {
    const call = this.restarts.get(task);
    if (!call) return;
    this.restarts.delete(task);
    const dispatcher = this.dispatcher(task);
    if (again) task.cpu.pc -= dispatcher.abi.callSize;
    else dispatcher.finish(task, call, { k: "error", code: "EINTR" });
  }

  /** What a signal does now: its handler, or its default. */
  private act(task: Task, pending: Pending, fault: FaultReport | undefined): void {
    const { signal } = pending;
    const { process } = task;
    const linux = this.dispatcher(task) && (task.personality as Linux);
    const action = process.action(signal);
    const blocked = (task.blocked & bitOf(signal)) !== 0n;
    const caught = action.handler !== SIG_DFL && action.handler !== SIG_IGN && !(pending.forced && blocked);
    if (caught) {
      this.restart(task, (action.flags & F.SA_RESTART) !== 0);
      if (enterHandler(linux, task, pending, action)) return;
      const kind = "no room for a signal handler's frame";
      const report = { kind, pc: task.cpu.pc, address: undefined, bytes: undefined, precise: true };
      this.kill(task, linux.signal("SIGSEGV"), report);
      return;
    }
    if (action.handler === SIG_IGN && !pending.forced) return;
    const does = linux.defaultAction(signal);
    if (does === "ignore" || does === "continue") return;
    if (does !== "stop") this.kill(task, signal, fault);
    else if (mayStop(process, signal)) stop(process, signal);
  }

  private kill(task: Task, signal: number, fault: FaultReport | undefined): void {
    task.process.exit = { k: "killed", signal, fault };
    this.say(task, `+++ killed by ${this.linux.book.signals.get(signal)?.name ?? signal} +++`);
  }

  /** A stop that is the program's own fault becomes a signal it cannot put off. */
  private fault(task: Task, stop: Exclude<Stop, { k: "syscall" } | { k: "fuel" }>): void {
    const { kind, address } = describe(stop);
    const { faults } = this.linux.book;
    const row = faults.get(kind) ?? faults.get("illegal")!;
    const precise = stop.k !== "fault" || stop.precise;
    const bytes = precise ? bytesAt(task.cpu, stop) : undefined;
    const report = { kind, pc: task.cpu.pc, address, bytes, precise };
    const at = precise ? Number(address ?? BigInt(task.cpu.pc)) : undefined;
    const pending = { signal: row.signal, code: row.code, address: at, forced: true };
    if (this.hooks.trace) this.say(task, this.tracer.signal(row.signal, row.code, at));
    this.act(task, pending, report);
  }
}

function describe(stop: Exclude<Stop, { k: "syscall" } | { k: "fuel" }>): {
  kind: string;
  address: bigint | undefined;
} {
  switch (stop.k) {
    case "fault":
      return { kind: stop.mapped ? "forbidden" : "unmapped", address: stop.precise ? stop.address : undefined };
    case "illegal":
      return { kind: "illegal", address: undefined };
    case "trap":
      return { kind: stop.name, address: undefined };
  }
}

function bytesAt(cpu: Cpu, stop: Stop): Uint8Array | undefined {
  if (stop.k === "illegal") return stop.bytes;
  return cpu.memory.allows(cpu.pc, 4, 0) && cpu.memory.allows(cpu.pc, 4, 1) ? cpu.memory.read(cpu.pc, 4) : undefined;
}

function auditOf(result: RunResult): { [key: string]: string | number } {
  if (result.k === "exited") return { status: result.status };
  return result.k === "killed" ? { signal: result.signal } : { stopped: result.k };
}

/** Exit status as a shell sees it; limits have the command line's own. */
export function shellStatus(result: RunResult): number | null {
  if (result.k === "exited") return result.status;
  return result.k === "killed" ? 128 + result.signal : null;
}

/** The one line for a person about a run that did not end by itself; null where there is nothing to say. */
export function epitaph(linux: Linux, result: RunResult): string | null {
  if (result.k === "deadlock") return "the program waits for something that cannot happen; stopped";
  if (result.k !== "killed") return null;
  const name = linux.book.signals.get(result.signal)?.name ?? `signal ${result.signal}`;
  const { fault } = result;
  if (!fault) return null;
  if (!fault.precise)
    return `${name}: an access outside memory near pc 0x${fault.pc.toString(16)}, in code compiled without checks (--strict finds the place)`;
  const bytes = fault.bytes?.length
    ? `, bytes ${[...fault.bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ")}`
    : "";
  const where = fault.address === undefined ? "" : `, address 0x${fault.address.toString(16)}`;
  return `${name}: ${fault.kind} at pc 0x${fault.pc.toString(16)}${where}${bytes}`;
}
