import type { Cpu } from "../../engine/cpu.ts";
import type { Image } from "../../format/image.ts";
import type { DirEntry } from "../../kernel/fs/inode.ts";
import type { Personality } from "../../kernel/kernel.ts";
import type { Family, SocketAddress } from "../../kernel/net/address.ts";
import type { SocketType } from "../../kernel/net/socket.ts";
import type { Notice } from "../../kernel/notices.ts";
import type { News, Task } from "../../kernel/process.ts";
import type { SyscallResult } from "../../kernel/result.ts";
import type { DefaultAction, Pending } from "../../kernel/signals.ts";
import type { AbiBook, Machine } from "../abi.ts";
import { AbiError } from "../error.ts";
import { decodeText, encodeText } from "../text.ts";
import { replaceProgram } from "./exec.ts";
import { leaveHandler } from "./signal-frame.ts";
import {
  CONTROL_HEADER,
  credentialsMessage,
  familyNumber,
  isUnspecified,
  readAddress,
  readControl,
  rightsMessage,
  writeAddress,
} from "./sockaddr.ts";

const SOCKET_TYPES = new Map<string, SocketType | "raw">([
  ["SOCK_STREAM", "stream"],
  ["SOCK_DGRAM", "dgram"],
  ["SOCK_SEQPACKET", "seqpacket"],
  ["SOCK_RAW", "raw"],
]);
/** Where the rulebook has a level's options. */
const OPTION_SETS = new Map([
  ["SOL_SOCKET", "so"],
  ["IPPROTO_TCP", "tcpopt"],
  ["IPPROTO_IP", "ipopt"],
  ["IPPROTO_IPV6", "ip6opt"],
]);

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
  readonly cpuinfo: string;
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
    book.choose(abi.table);
    this.release = book.release;
    this.version = book.version;
    this.machine = abi.machine;
    this.cpuinfo = book.cpuinfo.get(isa) ?? "processor\t: 0\n\n";
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
  socketType(word: number): { readonly type: SocketType | "raw" | ""; readonly flags: number } {
    const name = this.book.decode("socktype", word & 0xf);
    const rest = word & ~0xf;
    const flags = this.book.knows("SOCK", rest) ? (this.book.decode("SOCK", rest) as number) : -1;
    return { type: SOCKET_TYPES.get(name as string) ?? "", flags };
  }
  socketTypeNumber(type: SocketType): number {
    return this.book.encode("socktype", `SOCK_${type.toUpperCase()}`);
  }
  familyNumber(family: Family): number {
    return familyNumber(this.book, family);
  }
  errorNumber(code: string): number {
    return this.book.errors.get(code)?.number ?? 5;
  }
  optionName(level: string, number: number): string {
    const set = OPTION_SETS.get(level);
    return set ? (this.book.decode(set, number) as string) : "";
  }
  openFlags(flags: number): number {
    return this.book.encode("O", flags);
  }
  readAddress(bytes: Uint8Array): SocketAddress | null {
    return readAddress(this.book, bytes);
  }
  writeAddress(address: SocketAddress): Uint8Array {
    return writeAddress(this.book, address);
  }
  readonly isUnspecified = isUnspecified;
  readonly readControl = readControl;
  readonly rights = rightsMessage;
  readonly credentials = credentialsMessage;
  readonly controlHeader = CONTROL_HEADER;
  get signalRecordSize(): number {
    return this.book.struct("signalfd_siginfo").size;
  }
  signalRecord(pending: Pending): Uint8Array {
    const { signal, code, pid, uid, status, value, timer, address } = pending;
    const along = value ?? 0n;
    const fields = { signo: signal, code, pid: pid ?? 0, uid: uid ?? 0, status: status ?? 0, tid: timer ?? 0 };
    const int = Number(BigInt.asIntN(32, along));
    return this.book.encodeStruct("signalfd_siginfo", { ...fields, int, ptr: along, addr: address ?? 0 });
  }
  /** inotify_event: the name follows, filled with zeros to a multiple of the structure's size. */
  noticeRecord({ wd, mask, cookie, name }: Notice): Uint8Array {
    const layout = this.book.struct("inotify_event");
    const text = encodeText(name);
    const len = text.length ? Math.ceil((text.length + 1) / layout.size) * layout.size : 0;
    const out = new Uint8Array(layout.size + len);
    layout.encode(new DataView(out.buffer), 0, { wd, mask: this.book.encode("IN", mask), cookie, len });
    out.set(text, layout.size);
    return out;
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
