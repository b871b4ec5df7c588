import { GuestFault } from "../memory/memory.ts";
import { F } from "./flags.ts";
import { wakeAt } from "./futex.ts";
import type { Kernel } from "./kernel.ts";
import type { ExitStatus, Process, Task } from "./process.ts";
import { releaseRobust } from "./robust.ts";
import { SI, SIG_IGN, send } from "./signals.ts";

/*
 * The end of threads and processes: what they held goes back, parents are told, orphans find a new parent.
 */

/** A thread is over; its process may go on with others. */
export function endTask(task: Task): void {
  if (task.state.k === "dead") return;
  letGo(task);
  bury(task);
}

/** What other threads wait for in memory. */
function letGo(task: Task): void {
  if (task.state.k === "blocked") task.state.on.wait.cancel?.();
  releaseRobust(task);
  if (task.clearTid && (task.process.tasks.length > 1 || task.space.shared)) clearTid(task);
  task.clearTid = 0;
}

function bury(task: Task): void {
  const { process, kernel } = task;
  task.state = { k: "dead" };
  task.cpu.release?.();
  const at = process.tasks.indexOf(task);
  if (at >= 0) process.tasks.splice(at, 1);
  kernel.remove(task);
}

/** set_tid_address(2): zero at the address, and one waiter there wakes: how threads are joined. */
function clearTid(task: Task): void {
  try {
    task.space.memory.setU32(task.clearTid, 0);
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
  }
  wakeAt(task.space.futexes, task.clearTid, 1, 0xffffffff);
}

/** A process is over: all but its number and status is given back, and its parent is told. */
export function endProcess(process: Process, status: ExitStatus): void {
  const { kernel } = process;
  process.exit = status;
  const tasks = [...process.tasks];
  for (const task of tasks) letGo(task);
  // Shared pages are written back before the memory goes.
  process.space.release();
  for (const task of tasks) bury(task);
  process.files.release();
  kernel.locks.release(process);
  process.borrows = false;
  forgetTimers(process);
  process.pending.length = 0;
  leaveSession(process);
  orphanChildren(process);
  const { maker } = process;
  if (!maker || process.orphan) {
    // The first of all is asked for by whoever started it; nobody waits for the rest.
    if (maker || process.orphan) reap(process);
    return;
  }
  const chld = kernel.personality.signal("SIGCHLD");
  const action = maker.action(chld);
  const untold = action.handler === SIG_IGN || (action.flags & F.SA_NOCLDWAIT) !== 0;
  const code = status.k === "exited" ? SI.CLD_EXITED : SI.CLD_KILLED;
  if (process.exitSignal) childSignal(process, maker, process.exitSignal, code, statusNumber(status));
  if (untold && process.exitSignal === chld) reap(process);
}

/** Timers end with the program that set them. */
function forgetTimers(process: Process): void {
  forgetPosixTimers(process);
  process.kernel.timers.remove(process.alarm);
}
/** exec keeps ITIMER_REAL and nothing else. */
export function forgetPosixTimers(process: Process): void {
  for (const { timer } of process.timers.values()) process.kernel.timers.remove(timer);
  process.timers.clear();
}

const statusNumber = (status: ExitStatus): number => (status.k === "exited" ? status.status : status.signal);

function childSignal(child: Process, parent: Process, signal: number, code: number, status: number): void {
  send(parent, { signal, code, pid: child.pid, uid: child.ids.uid, status });
}

/** SIGCHLD for a stop or a going on, where the parent wants it. */
export function tellParent(process: Process, code: number, signal: number): void {
  const { maker } = process;
  if (!maker || maker.exit) return;
  const chld = maker.personality.signal("SIGCHLD");
  if (maker.action(chld).flags & F.SA_NOCLDSTOP) return;
  childSignal(process, maker, chld, code, signal);
}

/** The process's number is free again. */
export function reap(process: Process): void {
  const { kernel, maker } = process;
  kernel.processes.delete(process.pid);
  maker?.children.delete(process);
  if (maker) maker.childTime += process.time + process.childTime;
}

/** The children of a process that ended belong to the nearest reaper above, or to nobody, who waits at once. */
function orphanChildren(process: Process): void {
  const groups = new Set<number>();
  for (const child of process.children) {
    groups.add(child.pgid);
    if (child.deathSignal && !child.exit) send(child, { signal: child.deathSignal, code: SI.KERNEL });
    let reaper = process.maker;
    while (reaper && (!reaper.reaper || reaper.exit)) reaper = reaper.maker;
    child.maker = reaper;
    if (reaper) {
      reaper.children.add(child);
      if (child.exit)
        childSignal(child, reaper, reaper.personality.signal("SIGCHLD"), SI.CLD_EXITED, statusNumber(child.exit));
      continue;
    }
    child.orphan = true;
    if (child.exit) reap(child);
  }
  process.children.clear();
  for (const group of groups) hangUp(process.kernel, group);
}

/** A process group that became orphaned with a stopped member gets SIGHUP, then SIGCONT (POSIX exit). */
function hangUp(kernel: Kernel, pgid: number): void {
  if (!orphaned(kernel, pgid)) return;
  const members = [...kernel.processes.values()].filter((p) => p.pgid === pgid && !p.exit);
  if (!members.some((p) => p.stopped)) return;
  for (const name of ["SIGHUP", "SIGCONT"])
    for (const member of members) send(member, { signal: member.personality.signal(name), code: SI.KERNEL });
}

/** No member has a parent in another group of the same session. */
export function orphaned(kernel: Kernel, pgid: number): boolean {
  for (const process of kernel.processes.values()) {
    if (process.pgid !== pgid || process.exit) continue;
    const { maker } = process;
    if (maker && !maker.exit && maker.pgid !== pgid && maker.sid === process.sid) return false;
  }
  return true;
}

/** The leader of a session takes its terminal with it: the foreground group is told (SIGHUP). */
function leaveSession(process: Process): void {
  if (process.sid !== process.pid) return;
  const { kernel } = process;
  for (const terminal of kernel.terminals) {
    if (terminal.session !== process.sid) continue;
    terminal.session = 0;
    for (const other of kernel.processes.values()) {
      if (other.exit || other.pgid !== terminal.foreground || other === process) continue;
      for (const name of ["SIGHUP", "SIGCONT"])
        send(other, { signal: other.personality.signal(name), code: SI.KERNEL });
    }
  }
}
