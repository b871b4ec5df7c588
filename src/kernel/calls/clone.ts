import { F } from "../flags.ts";
import type { Place } from "../guest.ts";
import { holdProcess } from "../pidfd.ts";
import { type Process, Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";

/** How a new thread or process is to be made: clone(2) and clone3(2) in one shape. */
interface Wish {
  /** F.CLONE_* bits. */
  readonly flags: number;
  /** What the parent gets at the end; 0: nothing. */
  readonly signal: number;
  /** Stack pointer; 0: the caller's. */
  readonly stack: number;
  readonly parentTid: number;
  readonly childTid: number;
  /** Where the descriptor of the new process is to stand (CLONE_PIDFD). */
  readonly pidfd: number;
  readonly thread: number;
}

/** Processes and threads in all that a sandbox may have, whatever RLIMIT_NPROC says. */
const MOST_TASKS = 1024;

/** Kinds of sharing that cannot be had here: namespaces and the like. */
const REFUSED =
  F.CLONE_NEWCGROUP |
  F.CLONE_NEWUTS |
  F.CLONE_NEWIPC |
  F.CLONE_NEWUSER |
  F.CLONE_NEWPID |
  F.CLONE_NEWNET |
  F.CLONE_NEWNS;

export function clone(
  task: Task,
  word: number,
  stack: number,
  parentTid: number,
  thread: number,
  childTid: number,
): SyscallResult {
  const { flags, signal } = task.personality.cloneFlags(word);
  // The older call has one place for both.
  if (flags & F.CLONE_PIDFD && flags & F.CLONE_PARENT_SETTID) return fail("EINVAL");
  return start(task, { flags, signal, stack, parentTid, childTid, pidfd: parentTid, thread });
}

interface CloneArgs {
  readonly flags: number;
  readonly flagsHigh: number;
  readonly pidfd: number;
  readonly child_tid: number;
  readonly parent_tid: number;
  readonly exit_signal: number;
  readonly stack: number;
  readonly stack_size: number;
  readonly tls: number;
}
/** Sizes of struct clone_args that a kernel has had. */
const CLONE_ARGS_FIRST = 64;

export function clone3(task: Task, args: Place<CloneArgs>, size: number): SyscallResult {
  if (size < CLONE_ARGS_FIRST) return fail("EINVAL");
  if (size > 4096) return fail("E2BIG");
  const asked = args.get();
  const { flags } = task.personality.cloneFlags(asked.flags - (asked.flags % 256));
  if (asked.flags % 256 || asked.exit_signal > 64) return fail("EINVAL");
  if (flags & (F.CLONE_THREAD | F.CLONE_PARENT) && asked.exit_signal) return fail("EINVAL");
  if (!asked.stack !== !asked.stack_size) return fail("EINVAL");
  return start(task, {
    flags,
    signal: asked.exit_signal,
    stack: asked.stack ? asked.stack + asked.stack_size : 0,
    parentTid: asked.parent_tid,
    childTid: asked.child_tid,
    pidfd: asked.pidfd,
    thread: asked.tls,
  });
}

function start(task: Task, wish: Wish): SyscallResult {
  const { flags } = wish;
  const { process, kernel } = task;
  const thread = (flags & F.CLONE_THREAD) !== 0;
  if (flags & F.CLONE_SIGHAND && !(flags & F.CLONE_VM)) return fail("EINVAL");
  if (thread && !(flags & F.CLONE_SIGHAND)) return fail("EINVAL");
  if (flags & REFUSED) return fail("EPERM");
  if (flags & F.CLONE_PIDFD) {
    // Descriptors of threads came after Linux 6.1.
    if (thread) return fail("EINVAL");
    if (!task.space.memory.allows(wish.pidfd, 4, 2)) return fail("EFAULT");
    task.files.reserve();
  }
  if (!task.cpu.another || !task.cpu.fork) return fail("ENOSYS");
  const most = Math.min(process.limits.get("RLIMIT_NPROC")!.cur, MOST_TASKS);
  if (kernel.tasks.size >= most || kernel.processes.size >= MOST_TASKS) return fail("EAGAIN");
  // What is written before there is a child can still fail without one.
  const tid = kernel.pid();
  if (flags & F.CLONE_PARENT_SETTID) task.space.memory.setU32(wish.parentTid, tid);
  const made = thread ? new Task(tid, process, task.cpu.another(), task.name) : child(task, tid, wish);
  made.blocked = task.blocked;
  if (thread || (flags & F.CLONE_VM && !(flags & F.CLONE_VFORK))) made.stack = { sp: 0, size: 0, disabled: true };
  else made.stack = task.stack;
  task.personality.enterChild(made.cpu, wish.stack, flags & F.CLONE_SETTLS ? wish.thread : null);
  if (flags & F.CLONE_CHILD_CLEARTID) made.clearTid = wish.childTid;
  if (flags & F.CLONE_CHILD_SETTID && made.space.memory.allows(wish.childTid, 4, 2))
    made.space.memory.setU32(wish.childTid, tid);
  made.process.tasks.push(made);
  kernel.add(made.process);
  if (flags & F.CLONE_PIDFD) task.space.memory.setU32(wish.pidfd, holdProcess(task, made.process, 0));
  if (!(flags & F.CLONE_VFORK) || thread) return tid;
  const fresh = made.process;
  fresh.borrows = true;
  const poll = (): SyscallResult | null => (fresh.borrows && !process.exit ? null : tid);
  return block({ until: null, poll, expired: () => tid, outside: false, midway: () => true });
}

function child(task: Task, pid: number, wish: Wish): Task {
  const { flags } = wish;
  const { process } = task;
  const shares = (flags & F.CLONE_VM) !== 0;
  const cpu = shares ? task.cpu.another!() : task.cpu.fork!();
  const { folders } = process;
  const made = process.child(pid, {
    space: shares ? process.space.share() : process.space.copy(cpu.memory),
    files: flags & F.CLONE_FILES ? process.files.share() : process.files.copy(),
    folders: flags & F.CLONE_FS ? folders : { ...folders },
    actions: flags & F.CLONE_SIGHAND ? process.actions : new Map(process.actions),
  });
  made.exitSignal = wish.signal;
  if (flags & F.CLONE_PARENT) adopt(made, process);
  return new Task(pid, made, cpu, task.name);
}

/** CLONE_PARENT: a sibling instead of a child. */
function adopt(made: Process, by: Process): void {
  by.children.delete(made);
  made.maker = by.maker;
  made.orphan = by.maker === null;
  by.maker?.children.add(made);
}
