import type { Cpu, Stop } from "../engine/cpu.ts";
import type { AuditSink } from "../guard/audit.ts";
import type { ExitStatus, FaultReport, Process, Task } from "../kernel/process.ts";
import type { SyscallResult, Wait } from "../kernel/result.ts";
import { bitOf, type Pending, raise, SIG_DFL, SIG_IGN, take } from "../kernel/signals.ts";
import type { Linux } from "./linux/personality.ts";
import { enterHandler } from "./linux/signal-frame.ts";
import { type Call, Dispatcher, guarded } from "./syscall.ts";
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
}

/** How a run ended: by the program, by a limit, or because nothing could ever wake it. */
export type RunResult = ExitStatus | { readonly k: "timeout" } | { readonly k: "fuel" } | { readonly k: "deadlock" };

/** Fuel of one stay on a cpu; limits and timers are looked at in between. */
const SLICE = 4_000_000;
/** Longest sleep while something outside may happen, in milliseconds. */
const NAP = 10;

/** Runs a process until it ends. One task at a time, in turn; blocked ones are asked whether they can go on. */
export class Runner {
  readonly process: Process;
  private readonly linux: Linux;
  private readonly dispatcher: Dispatcher;
  private readonly tracer: Tracer;
  private readonly hooks: RunHooks;
  private readonly deadline: bigint | null;
  private fuel: number;
  /** Calls that had no handler and were missed: name, how often. */
  readonly unknown = new Map<string, number>();
  calls = 0;
  /** All calls without a handler, those declined on purpose too. */
  private readonly noted = new Map<string, number>();
  private readonly waiting = new Map<Task, Call>();

  constructor(linux: Linux, process: Process, limits: RunLimits = {}, hooks: RunHooks = {}) {
    this.process = process;
    this.linux = linux;
    this.dispatcher = new Dispatcher(linux.book, linux.abi);
    this.tracer = new Tracer(linux.book);
    this.hooks = hooks;
    this.fuel = limits.fuel ?? Number.POSITIVE_INFINITY;
    const now = process.kernel.host.monotonic();
    this.deadline = limits.timeoutMs === undefined ? null : now + BigInt(Math.ceil(limits.timeoutMs * 1e6));
  }

  run(): RunResult {
    const { process } = this;
    process.kernel.current = process;
    const result = this.loop();
    process.space.close();
    process.files.closeAll();
    process.kernel.processes.delete(process.pid);
    this.hooks.audit?.record({ kind: "exit", pid: process.pid, ...auditOf(result) });
    for (const [name, times] of this.noted) this.hooks.audit?.record({ kind: "unknown-calls", name, times });
    return result;
  }

  private loop(): RunResult {
    const { process } = this;
    for (;;) {
      if (process.exit) return process.exit;
      const over = this.overLimit();
      if (over) return over;
      this.alarm();
      let ran = false;
      for (const task of process.tasks) {
        if (task.state.k === "blocked") this.wake(task);
        if (task.state.k !== "ready") continue;
        ran = true;
        this.step(task);
        if (process.exit) break;
      }
      if (!ran && !process.exit && !this.idle()) return { k: "deadlock" };
    }
  }

  private overLimit(): RunResult | null {
    if (this.fuel <= 0) return { k: "fuel" };
    if (this.deadline !== null && this.process.kernel.host.monotonic() >= this.deadline) return { k: "timeout" };
    return null;
  }

  /** Lets one task run until it blocks, ends, or its slice is spent. */
  private step(task: Task): void {
    const { cpu } = task;
    for (let turns = 0; turns < 1000; turns++) {
      this.deliver(task);
      if (this.process.exit || task.state.k !== "ready") return;
      const slice = Math.min(SLICE, this.fuel);
      const stop = cpu.run(slice);
      this.fuel -= cpu.spent;
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

  private syscall(task: Task): void {
    this.calls++;
    const call = this.dispatcher.call(task);
    const chosen = call.operation ?? call.row;
    if (!chosen || (!chosen.handler && !call.row?.by)) this.note(call);
    this.settle(task, call, call.result);
  }

  /** Takes a call's result in, now or when it came later. */
  private settle(task: Task, call: Call, result: SyscallResult): void {
    if (typeof result !== "number" && result.k === "block") {
      const first = guarded(() => result.wait.poll() ?? result);
      if (first !== result) {
        this.settle(task, call, first);
        return;
      }
      this.waiting.set(task, call);
      task.state = { k: "blocked", on: result };
      return;
    }
    if (this.hooks.trace) this.trace(call, result);
    if (typeof result !== "number" && result.k === "exit") this.exit(task, result.status, result.group);
    else this.dispatcher.finish(task, call, result);
  }

  private trace(call: Call, result: SyscallResult): void {
    const { row, operation, registers, values, number } = call;
    this.hooks.trace!(
      row ? this.tracer.call(row, operation, registers, values, result) : this.tracer.unknown(number, registers),
    );
  }

  private note(call: Call): void {
    const name = call.row?.name ?? `number ${call.number}`;
    const times = this.noted.get(name) ?? 0;
    this.noted.set(name, times + 1);
    if (call.row?.status !== "declined") this.unknown.set(name, times + 1);
    if (times === 0) this.hooks.audit?.record({ kind: "unknown-call", name, number: call.number, result: "ENOSYS" });
  }

  private exit(task: Task, status: number, group: boolean): void {
    task.state = { k: "dead" };
    if (group) this.process.exit = { k: "exited", status };
    this.hooks.trace?.(`+++ exited with ${status} +++`);
  }

  // Waiting

  private wake(task: Task): void {
    const call = this.waiting.get(task)!;
    const { wait } = (task.state as { on: { wait: Wait } }).on;
    const late = wait.until !== null && this.process.kernel.host.monotonic() >= wait.until;
    const result = guarded(() => wait.poll() ?? (late ? wait.expired() : { k: "block", wait }));
    if (typeof result !== "number" && result.k === "block") return;
    this.waiting.delete(task);
    task.state = { k: "ready" };
    this.settle(task, call, result);
  }

  /** Sleeps until the next thing that can happen. False where nothing can. */
  private idle(): boolean {
    const { host } = this.process.kernel;
    const now = host.monotonic();
    const times: bigint[] = [];
    let outside = false;
    for (const task of this.process.tasks) {
      if (task.state.k !== "blocked") continue;
      const { wait } = task.state.on;
      if (wait.until !== null) times.push(wait.until);
      outside ||= wait.outside;
    }
    if (this.process.alarm) times.push(this.process.alarm.at);
    if (!times.length && !outside && this.deadline === null) return false;
    if (this.deadline !== null) times.push(this.deadline);
    let ms = times.reduce((least, at) => Math.min(least, Number(at - now) / 1e6), outside ? NAP : 60_000);
    if (outside) ms = Math.min(ms, NAP);
    if (ms > 0) host.sleep(ms);
    return true;
  }

  private alarm(): void {
    const { alarm, kernel } = this.process;
    if (!alarm || kernel.host.monotonic() < alarm.at) return;
    this.process.alarm = alarm.every ? { at: alarm.at + alarm.every, every: alarm.every } : null;
    const task = this.process.tasks[0];
    if (task) raise(task, { signal: this.linux.signal("SIGALRM"), code: 0x80 });
  }

  // Signals

  private deliver(task: Task): void {
    for (let pending = take(task); pending; pending = take(task)) {
      this.hooks.trace?.(this.tracer.signal(pending.signal, pending.code, pending.address));
      this.act(task, pending, undefined);
      if (this.process.exit) return;
    }
    if (task.savedMask !== null) {
      task.blocked = task.savedMask;
      task.savedMask = null;
    }
  }

  /** What a signal does now: its handler, or its default. */
  private act(task: Task, pending: Pending, fault: FaultReport | undefined): void {
    const { signal } = pending;
    const action = this.process.action(signal);
    const blocked = (task.blocked & bitOf(signal)) !== 0n;
    const caught = action.handler !== SIG_DFL && action.handler !== SIG_IGN && !(pending.forced && blocked);
    if (caught && enterHandler(this.linux, task, pending, action)) return;
    if (caught) {
      const signal = this.linux.signal("SIGSEGV");
      this.kill(signal, {
        kind: "no room for a signal handler's frame",
        pc: task.cpu.pc,
        address: undefined,
        bytes: undefined,
        precise: true,
      });
      return;
    }
    if (action.handler === SIG_IGN && !pending.forced) return;
    const does = this.linux.defaultAction(signal);
    if (does === "ignore" || does === "continue" || does === "stop") return;
    this.kill(signal, fault);
  }

  private kill(signal: number, fault: FaultReport | undefined): void {
    this.process.exit = { k: "killed", signal, fault };
    this.hooks.trace?.(`+++ killed by ${this.linux.book.signals.get(signal)?.name ?? signal} +++`);
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
    this.hooks.trace?.(this.tracer.signal(row.signal, row.code, at));
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
