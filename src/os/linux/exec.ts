import type { Cpu } from "../../engine/cpu.ts";
import { SageError, sageError } from "../../errors.ts";
import type { Image } from "../../format/image.ts";
import { HostError } from "../../host/host.ts";
import { AddressSpace } from "../../kernel/address-space.ts";
import { pathOf, type Start } from "../../kernel/fs/path.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { endTask, forgetPosixTimers } from "../../kernel/life.ts";
import { posix } from "../../kernel/posix.ts";
import { Process, Task } from "../../kernel/process.ts";
import { permitted } from "../../kernel/resolve.ts";
import { fail, type SyscallResult } from "../../kernel/result.ts";
import { SIG_IGN } from "../../kernel/signals.ts";
import { ADDRESS_LIMIT, BIAS } from "../../memory/layout.ts";
import { OutOfGuestMemory } from "../../memory/memory.ts";
import { decodeText, encodeText } from "../text.ts";
import { ARGUMENT_SPACE, load, MAX_STRING } from "./load.ts";
import type { Linux } from "./personality.ts";

/** The first program of a process. */
export interface FirstProgram {
  readonly image: Image;
  /** As the guest knows it. */
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Reads an image out of bytes: the interpreter's, and programs that are exec'ed later. Throws SageError. */
  readonly read: (bytes: Uint8Array) => Image;
}

/** A process ready to run its first instruction. Throws SageError. */
export function startProcess(kernel: Kernel, linux: Linux, cpu: Cpu, program: FirstProgram): Process {
  const { image, path, args, env } = program;
  linux.readImage = program.read;
  const pid = kernel.pid();
  const space = new AddressSpace(cpu.memory);
  const process = new Process(kernel, pid, space, kernel.standardFiles(pid), kernel.start(), kernel.ids);
  const task = new Task(pid, process, cpu, "");
  process.tasks.push(task);
  kernel.add(process);
  kernel.current = process;
  const linker = firstLinker(kernel, linux, process, image, path);
  const file = absolute(kernel, process, path);
  load(linux, task, { image, path, file, args, env, linker });
  named(task, path, file, args, env);
  return process;
}

function named(task: Task, path: string, file: string, args: readonly string[], env: readonly string[]): void {
  const { process } = task;
  process.executable = file;
  process.args = args;
  process.env = env;
  task.name = commandName(path);
}

/** What ps shows: the last component, 15 bytes of it. */
const commandName = (path: string): string => (path.split("/").at(-1) ?? "").slice(0, 15);

/** What /proc/self/exe shows: the program's path with links resolved where the kernel resolves them. */
function absolute(kernel: Kernel, at: Start, path: string): string {
  try {
    return pathOf(kernel.walk(at, path, { follow: true }).at, at.root);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return path.startsWith("/") ? path : `${pathOf(at.cwd, at.root)}/${path}`;
  }
}

/** The dynamic linker of a first program; a missing one is told to the person. */
function firstLinker(
  kernel: Kernel,
  linux: Linux,
  start: Start,
  image: Image,
  path: string,
): { image: Image; path: string } | null {
  try {
    return linkerOf(kernel, linux, start, image);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const why = error.code === "ELIBBAD" ? "it is for another machine" : error.code;
    throw sageError("INTERPRETER_MISSING", `${path} needs ${image.interpreter}: ${why}`);
  }
}

/** The dynamic linker that an image asks for, from the guest's files. Throws HostError, SageError. */
function linkerOf(kernel: Kernel, linux: Linux, start: Start, image: Image): { image: Image; path: string } | null {
  const path = image.interpreter;
  if (path === undefined) return null;
  const linker = linux.readImage(readWhole(kernel, start, path));
  if (linker.isa !== image.isa) throw posix("ELIBBAD");
  return { image: linker, path: absolute(kernel, start, path) };
}

/** A file's bytes by its guest path. Throws HostError. */
export function readWhole(kernel: Kernel, start: Start, path: string): Uint8Array {
  const { inode } = kernel.walk(start, path, { follow: true }).at;
  if (inode.type !== "file") throw new HostError("EACCES");
  const handle = inode.open({ read: true, write: false, append: false, truncate: false });
  try {
    const bytes = new Uint8Array(handle.stat().size);
    let at = 0;
    for (let n = 1; n > 0 && at < bytes.length; at += n) n = handle.read(bytes.subarray(at), at);
    return bytes.subarray(0, at);
  } finally {
    handle.close();
  }
}

/** Scripts may be interpreted by scripts, so deep (fs/exec.c). */
const SCRIPT_DEPTH = 5;
/** How much of a first line Linux reads. */
const SCRIPT_LINE = 256;

interface Found {
  readonly image: Image;
  readonly path: string;
  readonly args: readonly string[];
}

/** What execve is to run: the program, or the interpreter its first line names. Throws HostError, SageError. */
function find(kernel: Kernel, linux: Linux, task: Task, path: string, args: readonly string[]): Found {
  let at = path;
  let all = args;
  for (let depth = 0; depth < SCRIPT_DEPTH; depth++) {
    const { inode } = kernel.walk(task.process, at, { follow: true }).at;
    if (inode.type !== "file") throw posix("EACCES");
    permitted(task, inode, 1);
    if (!(inode.stat().mode & 0o111)) throw posix("EACCES");
    const bytes = readWhole(kernel, task.process, at);
    if (bytes[0] !== 0x23 || bytes[1] !== 0x21) return { image: linux.readImage(bytes), path: at, args: all };
    const line = decodeText(bytes.subarray(2, SCRIPT_LINE)).split("\n", 1)[0]!.trim();
    const space = line.search(/[ \t]/);
    const interpreter = space < 0 ? line : line.slice(0, space);
    if (!interpreter) throw posix("ENOEXEC");
    const option = space < 0 ? [] : [line.slice(space).trim()];
    all = [interpreter, ...option, at, ...all.slice(1)];
    at = interpreter;
  }
  throw posix("ELOOP");
}

/** The other threads end; the one that goes on is the process's first. */
function alone(task: Task): void {
  const { process } = task;
  for (const other of [...process.tasks]) if (other !== task) endTask(other);
  task.tid = process.pid;
}

/**
 * execve(2): the process goes on as another program. Errors leave everything as it was; after the old
 * program is gone there is no way back, and what then fails kills.
 */
export function replaceProgram(
  linux: Linux,
  task: Task,
  path: string,
  args: readonly string[],
  env: readonly string[],
): SyscallResult {
  const { kernel, process, space } = task;
  const sizes = [...args, ...env].map((text) => encodeText(text).length + 1);
  if (sizes.reduce((sum, size) => sum + size + 8, 0) > ARGUMENT_SPACE || sizes.some((size) => size > MAX_STRING))
    return fail("E2BIG");
  let found: Found;
  let linker: { image: Image; path: string } | null;
  try {
    found = find(kernel, linux, task, path, args);
    linker = linkerOf(kernel, linux, process, found.image);
  } catch (error) {
    if (error instanceof SageError) return fail("ENOEXEC");
    throw error;
  }
  const other = found.image.isa !== linux.abi.isa;
  if (found.image.segments.length === 0) return fail("ENOEXEC");
  // Another machine, or one that somebody else still runs on (vfork): this process needs one of its own.
  const machine = other || space.shared ? linux.machineFor(found.image.isa) : undefined;
  if (machine === null) return fail("ENOEXEC");
  const file = absolute(kernel, process, found.path);
  alone(task);
  if (process.files.shared) {
    const own = process.files.copy();
    process.files.release();
    process.files = own;
  }
  process.files.closeOnExec();
  const kept = [...process.actions].filter(([, action]) => action.handler === SIG_IGN);
  process.actions = new Map(kept);
  if (machine) {
    space.release();
    task.cpu.release?.();
    task.cpu = machine.cpu;
    process.space = new AddressSpace(machine.cpu.memory);
    process.personality = machine.linux;
  } else space.unmap(BIAS, ADDRESS_LIMIT - BIAS);
  forgetPosixTimers(process);
  process.credentials = { ...process.credentials, saved: process.credentials.effective };
  process.borrows = false;
  process.replaced = true;
  process.exitSignal = process.exitSignal && linux.signal("SIGCHLD");
  task.stack = { sp: 0, size: 0, disabled: true };
  task.clearTid = 0;
  task.robustList = { head: 0, size: 0 };
  try {
    load(machine?.linux ?? linux, task, { image: found.image, path, file, args: found.args, env, linker });
  } catch (error) {
    if (!(error instanceof SageError || error instanceof HostError || error instanceof OutOfGuestMemory)) throw error;
    return { k: "exit", status: 128 + linux.signal("SIGKILL"), group: true };
  }
  named(task, found.path, file, found.args, env);
  task.name = commandName(path);
  return { k: "resume" };
}
