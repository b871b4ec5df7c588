import type { Cpu } from "../../engine/cpu.ts";
import type { Image } from "../../format/image.ts";
import type { DirEntry } from "../../kernel/fs/inode.ts";
import type { Personality } from "../../kernel/kernel.ts";
import type { News, Task } from "../../kernel/process.ts";
import type { SyscallResult } from "../../kernel/result.ts";
import type { DefaultAction } from "../../kernel/signals.ts";
import type { AbiBook, Machine } from "../abi.ts";
import { AbiError } from "../error.ts";
import { decodeText, encodeText } from "../text.ts";
import { replaceProgram } from "./exec.ts";
import { leaveHandler } from "./signal-frame.ts";

/** A fresh machine, and Linux on it. */
export interface LinuxMachine {
  readonly cpu: Cpu;
  readonly linux: Linux;
}

/** A program's addresses lie below (TASK_SIZE_MAX of arch_prctl). */
const PROGRAM_ADDRESSES = 0x7ffffffff000;

/** Linux for one ISA, as the kernel asks for it. */
export class Linux implements Personality {
  readonly sysname = "Linux";
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly page: number;
  readonly tick: number;
  readonly utime: { readonly now: number; readonly omit: number };
  readonly book: AbiBook;
  readonly abi: Machine;
  /** Reads a program file. Throws SageError. Given by whoever starts the first program. */
  readImage: (bytes: Uint8Array) => Image = () => {
    throw new AbiError("no reader of program files");
  };

  /** Makes an empty machine for an ISA with its own Linux; null where there is none. Given as well. */
  machineFor: (isa: string) => LinuxMachine | null = () => null;

  /** Throws AbiError where the rulebook has no abi for `isa`. */
  constructor(book: AbiBook, isa: string) {
    const abi = book.machines.get(isa);
    if (!abi) throw new AbiError(`${book.file}: there is no abi ${isa}`);
    this.book = book;
    this.abi = abi;
    this.release = book.release;
    this.version = book.version;
    this.machine = abi.machine;
    this.page = abi.page;
    this.tick = abi.tick;
    this.utime = { now: book.constant("UTIME_NOW"), omit: book.constant("UTIME_OMIT") };
  }
  defaultAction(signal: number): DefaultAction {
    return this.book.signals.get(signal)?.action ?? "terminate";
  }
  signal(name: string): number {
    const number = this.book.signalNumbers.get(name);
    if (number === undefined) throw new AbiError(`${this.book.file}: there is no signal ${name}`);
    return number;
  }
  stackPointer(task: Task): number {
    const slot = task.cpu.slot(this.abi.stack);
    return (task.cpu.hi(slot) >>> 0) * 0x100000000 + (task.cpu.lo(slot) >>> 0);
  }
  cloneFlags(word: number): { readonly flags: number; readonly signal: number } {
    const low = Math.floor(word) % 0x100000000;
    return { flags: this.book.decode("CLONE", low) as number, signal: low & 0xff };
  }
  enterChild(cpu: Cpu, stack: number, thread: number | null): void {
    const put = (name: string, value: number): void =>
      cpu.set(cpu.slot(name), value | 0, Math.floor(value / 0x100000000) | 0);
    put(this.abi.result, 0);
    if (stack) put(this.abi.stack, stack);
    if (thread !== null) put(this.abi.thread, thread);
  }
  setBase(task: Task, which: number, address: number): boolean {
    if (address >= PROGRAM_ADDRESSES) return false;
    task.cpu.set(task.cpu.slot(this.abi.bases[which]!), address | 0, Math.floor(address / 0x100000000));
    return true;
  }
  base(task: Task, which: number): number {
    const slot = task.cpu.slot(this.abi.bases[which]!);
    return (task.cpu.hi(slot) >>> 0) * 0x100000000 + (task.cpu.lo(slot) >>> 0);
  }
  /** The status word of wait(2): signal in the low byte, 0x7f for a stop, exit status above. */
  waitStatus(news: News): number {
    switch (news.k) {
      case "exited":
        return (news.status & 0xff) << 8;
      case "killed":
        return news.signal;
      case "stopped":
        return (news.signal << 8) | 0x7f;
      case "continued":
        return 0xffff;
    }
  }
  text(bytes: Uint8Array): string {
    return decodeText(bytes);
  }
  exec(task: Task, path: string, args: readonly string[], env: readonly string[]): SyscallResult {
    return replaceProgram(this, task, path, args, env);
  }
  sigreturn(task: Task): SyscallResult {
    return leaveHandler(this, task);
  }
  /** linux_dirent64: the name follows the structure, padded to 8 bytes. */
  pack(entry: DirEntry, type: number, next: number): Uint8Array {
    const layout = this.book.struct("dirent64");
    const name = encodeText(entry.name);
    const at = layout.fields.at(-1)!.offset + 1;
    const reclen = Math.ceil((at + name.length + 1) / 8) * 8;
    const out = new Uint8Array(Math.max(reclen, layout.size));
    layout.encode(new DataView(out.buffer), 0, { ino: entry.ino, off: next, reclen, type });
    out.set(name, at);
    return out.subarray(0, reclen);
  }
}
