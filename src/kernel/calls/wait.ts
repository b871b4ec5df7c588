import { F } from "../flags.ts";
import { type Place, type Timeval, toTimeval } from "../guest.ts";
import { reap } from "../life.ts";
import { heldProcess } from "../pidfd.ts";
import type { News, Process, Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { interrupted, SI } from "../signals.ts";

type Usage = Place<Readonly<Record<string, number | Timeval>>>;

/** Which children a wait means, and what it wants to hear of. */
interface Wanted {
  readonly means: (child: Process) => boolean;
  /** F.W* bits. */
  readonly options: number;
}

/** Children whose end is told by another signal than SIGCHLD are waited for only where asked (__WCLONE, __WALL). */
function eligible(task: Task, child: Process, { means, options }: Wanted): boolean {
  if (!means(child)) return false;
  if (options & F.WALL) return true;
  const plain = child.exitSignal === task.personality.signal("SIGCHLD");
  return plain === !(options & F.WCLONE);
}

function newsOf(child: Process, options: number): News | null {
  if (child.exit) return options & F.WEXITED ? child.exit : null;
  if (child.news === "stopped" && options & F.WUNTRACED) return { k: "stopped", signal: child.stopped };
  if (child.news === "continued" && options & F.WCONTINUED) return { k: "continued" };
  return null;
}

/** Waits for news of a child, then hands it to `tell`, which gives the result. */
function waitFor(
  task: Task,
  wanted: Wanted,
  tell: (child: Process, news: News) => SyscallResult,
  none: () => SyscallResult,
): SyscallResult {
  const { process } = task;
  const { options } = wanted;
  const poll = (): SyscallResult | null => {
    let any = false;
    for (const child of process.children) {
      if (!eligible(task, child, wanted)) continue;
      any = true;
      const news = newsOf(child, options);
      if (!news) continue;
      const result = tell(child, news);
      if (options & F.WNOWAIT) return result;
      if (child.exit) reap(child);
      else child.news = null;
      return result;
    }
    if (!any) return fail("ECHILD");
    if (options & F.WNOHANG) return none();
    return interrupted(task) ? fail("ERESTART") : null;
  };
  return block({ until: null, poll, expired: () => 0, outside: false });
}

function byPid(task: Task, pid: number): (child: Process) => boolean {
  const { process } = task;
  if (pid === -1) return () => true;
  if (pid > 0) return (child) => child.pid === pid;
  const group = pid === 0 ? process.pgid : -pid;
  return (child) => child.pgid === group;
}

function tellUsage(child: Process, usage: Usage): void {
  if (usage.isNull) return;
  usage.set({
    utime: toTimeval(child.time),
    stime: { sec: 0, usec: 0 },
    maxrss: Math.floor(child.space.memory.used / 1024),
  });
}

/** wait4(2). */
export function wait(
  task: Task,
  pid: number,
  status: Place<{ value: number }>,
  options: number,
  usage: Usage,
): SyscallResult {
  if (pid === -0x80000000) return fail("ESRCH");
  const wanted = { means: byPid(task, pid), options: options | F.WEXITED };
  const tell = (child: Process, news: News): SyscallResult => {
    if (!status.isNull) status.set({ value: task.personality.waitStatus(news) });
    tellUsage(child, usage);
    return child.pid;
  };
  return waitFor(task, wanted, tell, () => 0);
}

type Info = Place<Readonly<Record<"signo" | "errno" | "code" | "pid" | "uid" | "status", number>>>;

export function waitid(
  task: Task,
  which: string,
  id: number,
  info: Info,
  options: number,
  usage: Usage,
): SyscallResult {
  if (!(options & (F.WEXITED | F.WUNTRACED | F.WCONTINUED))) return fail("EINVAL");
  if (which === "") return fail("EINVAL");
  if (which === "P_PID" && id <= 0) return fail("EINVAL");
  const pid = which === "P_ALL" ? -1 : which === "P_PID" ? id : id === 0 ? 0 : -id;
  const tell = (child: Process, news: News): SyscallResult => {
    const { code, status } = codeOf(task, news);
    if (!info.isNull)
      info.set({
        signo: task.personality.signal("SIGCHLD"),
        errno: 0,
        code,
        pid: child.pid,
        uid: child.ids.uid,
        status,
      });
    tellUsage(child, usage);
    return 0;
  };
  const none = (): SyscallResult => {
    if (!info.isNull) info.set({ signo: 0, errno: 0, code: 0, pid: 0, uid: 0, status: 0 });
    return 0;
  };
  if (which !== "P_PIDFD") return waitFor(task, { means: byPid(task, pid), options }, tell, none);
  if (id < 0) return fail("EINVAL");
  const held = heldProcess(task, id);
  const nonblocking = task.files.get(id).nonblocking;
  const wanted = { means: (child: Process): boolean => child === held, options };
  return waitFor(task, nonblocking ? { ...wanted, options: options | F.WNOHANG } : wanted, tell, () =>
    nonblocking && !(options & F.WNOHANG) ? fail("EAGAIN") : none(),
  );
}

function codeOf(task: Task, news: News): { code: number; status: number } {
  switch (news.k) {
    case "exited":
      return { code: SI.CLD_EXITED, status: news.status };
    case "killed":
      return { code: SI.CLD_KILLED, status: news.signal };
    case "stopped":
      return { code: SI.CLD_STOPPED, status: news.signal };
    case "continued":
      return { code: SI.CLD_CONTINUED, status: task.personality.signal("SIGCONT") };
  }
}
