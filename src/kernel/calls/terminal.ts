import { Description } from "../files.ts";
import { F } from "../flags.ts";
import type { Terminal, TerminalSettings } from "../fs/inode.ts";
import { PtyMaster } from "../fs/pty.ts";
import type { Place } from "../guest.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { interrupted } from "../signals.ts";
import { Tty } from "../tty.ts";

interface IntValue {
  readonly value: number;
}

/** Throws EBADF, ENOTTY. */
function terminal(task: Task, fd: number): Terminal {
  const found = task.files.get(fd).handle.terminal;
  if (!found) throw posix("ENOTTY");
  return found;
}

export function getTerminal(task: Task, fd: number, _request: number, arg: Place<TerminalSettings>): SyscallResult {
  arg.set(terminal(task, fd).settings);
  return 0;
}
/** Settings, window and foreground group of a terminal in whose background the caller is make it stop (SIGTTOU). */
function changing(task: Task, found: Terminal, change: () => void): SyscallResult {
  const attempt = (): SyscallResult | null => {
    if (found instanceof Tty && found.background("SIGTTOU")) return interrupted(task) ? fail("ERESTART") : null;
    change();
    return 0;
  };
  return attempt() ?? block({ until: null, poll: attempt, expired: () => 0, outside: false });
}

export function setTerminal(task: Task, fd: number, _request: number, arg: Place<TerminalSettings>): SyscallResult {
  const settings = arg.get();
  const found = terminal(task, fd);
  return changing(task, found, () => {
    found.settings = settings;
  });
}
/** TCSETSF: what was typed and not read yet is dropped. */
export function setTerminalFlush(task: Task, fd: number, request: number, arg: Place<TerminalSettings>): SyscallResult {
  const found = terminal(task, fd);
  if (found instanceof Tty) found.flushInput();
  return setTerminal(task, fd, request, arg);
}
export function flushTerminal(task: Task, fd: number, _request: number, queue: number): SyscallResult {
  const found = terminal(task, fd);
  if (queue < 0 || queue > 2) return fail("EINVAL");
  if (queue !== 1 && found instanceof Tty) found.flushInput();
  return 0;
}
/** Waiting for output, breaks, flow: nothing is ever on its way. */
export function drainTerminal(task: Task, fd: number): SyscallResult {
  terminal(task, fd);
  return 0;
}

interface WindowSize {
  readonly row: number;
  readonly col: number;
  readonly xpixel: number;
  readonly ypixel: number;
}
export function getWindowSize(task: Task, fd: number, _request: number, arg: Place<WindowSize>): SyscallResult {
  const { rows, columns } = terminal(task, fd).windowSize();
  arg.set({ row: rows, col: columns, xpixel: 0, ypixel: 0 });
  return 0;
}
export function setWindowSize(task: Task, fd: number, _request: number, arg: Place<WindowSize>): SyscallResult {
  const { row, col } = arg.get();
  const found = terminal(task, fd);
  if (found instanceof Tty) found.resize({ rows: row, columns: col });
  return 0;
}

/** Throws ENOTTY where the terminal is not the caller's own. */
function own(task: Task, fd: number): Terminal {
  const found = terminal(task, fd);
  if (found.session !== task.process.sid && !(task.files.get(fd).handle instanceof PtyMaster)) throw posix("ENOTTY");
  return found;
}
export function getForeground(task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult {
  arg.set({ value: own(task, fd).foreground });
  return 0;
}
export function setForeground(task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult {
  const group = arg.get().value;
  const found = own(task, fd);
  if (group < 0) return fail("EINVAL");
  const members = [...task.kernel.processes.values()].filter(({ pgid }) => pgid === group);
  if (!members.length) return fail("ESRCH");
  if (!members.some(({ sid }) => sid === task.process.sid)) return fail("EPERM");
  return changing(task, found, () => {
    found.foreground = group;
  });
}
export function getTerminalSession(task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult {
  arg.set({ value: own(task, fd).session });
  return 0;
}
/** TIOCSCTTY: the terminal becomes that of the caller's session. */
export function takeTerminal(task: Task, fd: number): SyscallResult {
  const found = terminal(task, fd);
  const { process, kernel } = task;
  if (found.session === process.sid && process.sid === process.pid) return 0;
  if (process.sid !== process.pid) return fail("EPERM");
  for (const other of kernel.terminals) if (other.session === process.sid) return fail("EPERM");
  if (found.session) return fail("EPERM");
  if (found instanceof Tty) found.control(process);
  return 0;
}
export function leaveTerminal(task: Task, fd: number): SyscallResult {
  const found = own(task, fd);
  if (task.process.sid === task.process.pid) found.session = 0;
  return 0;
}

// Pseudo-terminals

function master(task: Task, fd: number): PtyMaster {
  const { handle } = task.files.get(fd);
  if (!(handle instanceof PtyMaster)) throw posix("ENOTTY");
  return handle;
}
export function ptyNumber(task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult {
  arg.set({ value: master(task, fd).tty.number });
  return 0;
}
export function ptyLock(task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult {
  master(task, fd).locked = arg.get().value !== 0;
  return 0;
}
export function ptyPeer(task: Task, fd: number, _request: number, flags: number): SyscallResult {
  const pair = master(task, fd);
  const file = new Description(pair.openSlave(), flags & (F.O_RDWR | F.O_NONBLOCK), null, `/dev/${pair.tty.name}`);
  return task.files.add(file, (flags & F.O_CLOEXEC) !== 0);
}

/** FIONREAD: what is left of a file, what a pipe holds. */
export function getReadable(task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult {
  const file = task.files.get(fd);
  const { handle } = file;
  const stat = handle.stat();
  if (handle.available) arg.set({ value: handle.available() });
  else if (handle.seekable && stat.type === "file") arg.set({ value: Math.max(0, stat.size - file.position) });
  else if (handle.terminal) arg.set({ value: 0 });
  else return fail("ENOTTY");
  return 0;
}
