import type { Place } from "../guest.ts";
import { heldProcess, holdProcess } from "../pidfd.ts";
import type { Process, Task } from "../process.ts";
import { fail, type SyscallResult } from "../result.ts";
import { type Pending, SI, send } from "../signals.ts";

/*
 * Processes held by descriptors (pidfd_open(2)).
 */

/** Waited for: its number may be somebody else's by now. */
const isGone = (process: Process): boolean => process.kernel.processes.get(process.pid) !== process;

export function pidfdOpen(task: Task, pid: number, flags: number): SyscallResult {
  if (pid <= 0) return fail("EINVAL");
  const process = task.kernel.processes.get(pid);
  // A thread that is not its process's first has none, and Linux 6.1 says so.
  if (!process) return fail(task.kernel.task(pid) ? "EINVAL" : "ESRCH");
  task.files.reserve();
  return holdProcess(task, process, flags);
}

interface Info {
  readonly signo: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
  readonly value: bigint;
}

export function pidfdSendSignal(
  task: Task,
  fd: number,
  signal: number,
  info: Place<Info>,
  flags: number,
): SyscallResult {
  if (flags) return fail("EINVAL");
  const target = heldProcess(task, fd);
  const { process } = task;
  let pending: Pending = { signal, code: SI.USER, pid: process.pid, uid: process.ids.uid };
  if (!info.isNull) {
    const given = info.get();
    if (given.signo !== signal) return fail("EINVAL");
    // Only oneself may be told what looks like the kernel's or kill's.
    if ((given.code >= 0 || given.code === SI.TKILL) && target !== process) return fail("EPERM");
    pending = { signal, code: given.code, pid: given.pid, uid: given.uid, value: given.value };
  }
  if (isGone(target)) return fail("ESRCH");
  if (signal < 0 || signal > 64) return fail("EINVAL");
  const { uid } = process.ids;
  if (uid !== 0 && target.ids.uid !== uid) return fail("EPERM");
  if (signal === 0 || target.exit) return 0;
  send(target, pending);
  return 0;
}

/** A copy of another process's descriptor; whoever could trace it may. */
export function pidfdGetFd(task: Task, fd: number, theirs: number, flags: number): SyscallResult {
  if (flags) return fail("EINVAL");
  const target = heldProcess(task, fd);
  if (target.exit || isGone(target)) return fail("ESRCH");
  const { uid } = task.process.ids;
  if (uid !== 0 && target.ids.uid !== uid) return fail("EPERM");
  return task.files.add(target.files.get(theirs), true);
}
