import type { Terminal, TerminalSettings } from "../fs/inode.ts";
import type { Place } from "../guest.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { fail, type SyscallResult } from "../result.ts";

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
export function setTerminal(task: Task, fd: number, _request: number, arg: Place<TerminalSettings>): SyscallResult {
  terminal(task, fd).settings = arg.get();
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
  terminal(task, fd).size = { rows: row, columns: col };
  return 0;
}
export function getForeground(task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult {
  arg.set({ value: terminal(task, fd).foreground });
  return 0;
}
export function setForeground(task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult {
  terminal(task, fd).foreground = arg.get().value;
  return 0;
}
export function getTerminalSession(task: Task, fd: number, _request: number, arg: Place<IntValue>): SyscallResult {
  terminal(task, fd);
  arg.set({ value: task.process.sid });
  return 0;
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
