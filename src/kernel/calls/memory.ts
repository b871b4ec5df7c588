import { ADDRESS_LIMIT, BIAS, PAGE_SIZE } from "../../memory/layout.ts";
import { pageUp, type Region } from "../address-space.ts";
import type { Description } from "../files.ts";
import { F } from "../flags.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { fail, type SyscallResult } from "../result.ts";
import { join, publish } from "../shared.ts";

/** F.PROT_* to the permission bits of GuestMemory. */
function protBits(prot: number): number {
  return (prot & F.PROT_READ ? 1 : 0) | (prot & F.PROT_WRITE ? 2 : 0) | (prot & F.PROT_EXEC ? 4 : 0);
}
/** A writable or executable page can be read: no machine here has pages that cannot. */
const readable = (bits: number): number => (bits & 6 ? bits | 1 : bits);

const aligned = (n: number): boolean => n % PAGE_SIZE === 0;

/** Reads a file's bytes into pages, whatever their permissions. Bytes beyond the file's end stay zero. */
function loadFile(task: Task, file: Description, region: Region): void {
  const size = Math.min(region.end - region.start, Math.max(0, file.handle.stat().size - region.offset));
  const buffer = new Uint8Array(Math.min(size, 0x100000));
  for (let at = 0; at < size; ) {
    const n = file.handle.read(buffer.subarray(0, Math.min(buffer.length, size - at)), region.offset + at);
    if (n <= 0) break;
    task.space.memory.poke(region.start + at, buffer.subarray(0, n));
    at += n;
  }
}

export function mmap(
  task: Task,
  address: number,
  size: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): SyscallResult {
  const { space } = task;
  const anonymous = (flags & F.MAP_ANONYMOUS) !== 0;
  const file = anonymous ? null : task.files.get(fd);
  if (offset < 0 || !aligned(offset) || size === 0) return fail("EINVAL");
  const kind = flags & (F.MAP_SHARED | F.MAP_PRIVATE);
  if (!kind) return fail("EINVAL");
  const length = pageUp(size);
  if (length > ADDRESS_LIMIT) return fail("ENOMEM");
  const fixed = (flags & (F.MAP_FIXED | F.MAP_FIXED_NOREPLACE)) !== 0;
  if (fixed && !aligned(address)) return fail("EINVAL");
  if (fixed && address < BIAS) return fail("EPERM");
  if (fixed && address + length > ADDRESS_LIMIT) return fail("ENOMEM");
  if (flags & F.MAP_FIXED_NOREPLACE && space.covered(address, address + length)) return fail("EEXIST");
  // MAP_SHARED_VALIDATE is both bits: as MAP_SHARED.
  const shared = (kind & F.MAP_SHARED) !== 0;
  if (file) mappable(file, shared, prot);
  const object = shared ? task.kernel.sharedPages(file) : undefined;
  if (object && object.spaces.size === 1) publish(object);
  const start = fixed ? address : space.find(length, Math.floor(address / PAGE_SIZE) * PAGE_SIZE);
  const bits = readable(protBits(prot));
  const region = space.map({
    start,
    end: start + length,
    prot: bits,
    shared,
    file: file ?? undefined,
    offset: object && !file ? 0 : offset,
    object,
    name: "",
  });
  if (file) fill(task, file, region, bits);
  join(space, region);
  return start;
}

/** Throws ENODEV, EACCES as mmap(2) says. */
function mappable(file: Description, shared: boolean, prot: number): void {
  if (file.flags & F.O_PATH) throw posix("EBADF");
  const { type } = file.handle.stat();
  if (type !== "file" && type !== "char") throw posix("ENODEV");
  if (type === "char" && file.handle.read(new Uint8Array(0), 0) !== 0) throw posix("ENODEV");
  if (!file.readable) throw posix("EACCES");
  if (shared && prot & F.PROT_WRITE && !file.writable) throw posix("EACCES");
}

/** A PROT_NONE file mapping keeps its bytes for a later mprotect. */
function fill(task: Task, file: Description, region: Region, bits: number): void {
  if (file.handle.stat().type !== "file") return;
  const { memory } = task.space;
  if (bits === 0) memory.protect(region.start, region.end - region.start, 1);
  loadFile(task, file, region);
  if (bits === 0) memory.protect(region.start, region.end - region.start, 0);
}

export function munmap(task: Task, address: number, size: number): SyscallResult {
  if (!aligned(address) || size === 0 || size > ADDRESS_LIMIT || address + size > ADDRESS_LIMIT) return fail("EINVAL");
  task.space.unmap(address, pageUp(size));
  return 0;
}

export function mprotect(task: Task, address: number, size: number, prot: number): SyscallResult {
  if (!aligned(address)) return fail("EINVAL");
  if (size === 0) return 0;
  if (address + size > ADDRESS_LIMIT) return fail("ENOMEM");
  task.space.protect(address, pageUp(size), readable(protBits(prot)));
  return 0;
}

export function brk(task: Task, address: number): SyscallResult {
  return task.space.setBreak(address);
}

export function mremap(
  task: Task,
  address: number,
  old: number,
  size: number,
  flags: number,
  target: number,
): SyscallResult {
  const { space } = task;
  const may = (flags & F.MREMAP_MAYMOVE) !== 0;
  const fixed = (flags & F.MREMAP_FIXED) !== 0;
  if (!aligned(address) || size === 0 || (fixed && (!may || !aligned(target))) || flags & F.MREMAP_DONTUNMAP)
    return fail("EINVAL");
  const from = pageUp(old);
  const to = pageUp(size);
  if (to > ADDRESS_LIMIT || from > ADDRESS_LIMIT) return fail(to > ADDRESS_LIMIT ? "ENOMEM" : "EINVAL");
  const region = space.within(address, address + Math.max(from, 1))[0];
  if (!region || region.start > address || region.end < address + from) return fail("EFAULT");
  if (fixed && target < address + from && address < target + to) return fail("EINVAL");
  if (!fixed && to <= from) {
    if (to < from) space.unmap(address + to, from - to);
    return address;
  }
  const { prot, shared, file, object, name } = region;
  const tail = { prot, shared, file, object, name };
  const offset = region.offset + address - region.start;
  if (!fixed && address + to <= ADDRESS_LIMIT && !space.covered(address + from, address + to)) {
    const more = space.map({ ...tail, start: address + from, end: address + to, offset: offset + from });
    if (region.file) loadFile(task, region.file, more);
    return address;
  }
  if (!may) return fail("ENOMEM");
  return move(task, { address, from, to, target: fixed ? target : space.find(to) }, { ...tail, offset });
}

interface Move {
  readonly address: number;
  readonly from: number;
  readonly to: number;
  readonly target: number;
}

function move(task: Task, how: Move, what: Omit<Region, "start" | "end">): SyscallResult {
  const { space } = task;
  const { address, from, to, target } = how;
  const { memory } = space;
  if (target < BIAS || target + to > ADDRESS_LIMIT) return fail("EINVAL");
  what.file?.retain();
  const keep = Math.min(from, to);
  const bytes = memory.allows(address, keep, 1) ? memory.read(address, keep) : null;
  const made = space.map({ ...what, start: target, end: target + to });
  if (bytes) memory.poke(target, bytes);
  if (what.file && to > keep) loadFile(task, what.file, { ...made, start: target + keep, offset: what.offset + keep });
  space.unmap(address, from);
  what.file?.release();
  return target;
}

export function msync(task: Task, address: number, size: number, flags: number): SyscallResult {
  if (!aligned(address) || (flags & F.MS_ASYNC && flags & F.MS_SYNC)) return fail("EINVAL");
  const length = pageUp(size);
  if (address + length > ADDRESS_LIMIT || task.space.covered(address, address + length) !== length)
    return fail("ENOMEM");
  task.space.sync(address, address + length);
  return 0;
}

/** Advice that changes nothing here is taken; what would change data and is not done is refused. */
export function madvise(task: Task, address: number, size: number, advice: string): SyscallResult {
  if (!aligned(address) || size > ADDRESS_LIMIT) return fail("EINVAL");
  const length = pageUp(size);
  if (advice === "" || advice === "MADV_REMOVE") return fail("EINVAL");
  if (length === 0) return 0;
  if (address + length > ADDRESS_LIMIT) return fail("ENOMEM");
  const whole = task.space.covered(address, address + length) === length;
  if (advice === "MADV_DONTNEED") {
    for (const file of task.space.discard(address, length)) fill(task, file.file!, file, file.prot);
  }
  return whole ? 0 : fail("ENOMEM");
}

export function mlock(task: Task, address: number, size: number): SyscallResult {
  const start = Math.floor(address / PAGE_SIZE) * PAGE_SIZE;
  const end = pageUp(address + size);
  if (end > ADDRESS_LIMIT || task.space.covered(start, end) !== end - start) return fail("ENOMEM");
  return 0;
}

export function mincore(task: Task, address: number, size: number, vector: number): SyscallResult {
  if (!aligned(address)) return fail("EINVAL");
  const length = pageUp(size);
  if (address + length > ADDRESS_LIMIT || task.space.covered(address, address + length) !== length)
    return fail("ENOMEM");
  task.space.memory.write(vector, new Uint8Array(length / PAGE_SIZE).fill(1));
  return 0;
}

/** membarrier(2): one thread runs at a time, so every barrier already happened. Commands by bit; 0 asks which there are. */
export function membarrier(_task: Task, command: number, flags: number): SyscallResult {
  const known = 0x7f;
  if (flags !== 0) return fail("EINVAL");
  if (command === 0) return known;
  return command > 0 && (command & (command - 1)) === 0 && command & known ? 0 : fail("EINVAL");
}

/** The guest says that code in a range changed (riscv_flush_icache). */
export function flushCode(task: Task, start: number, end: number): SyscallResult {
  const from = Math.max(BIAS, Math.min(start, ADDRESS_LIMIT));
  const to = Math.min(end, ADDRESS_LIMIT);
  if (to > from) task.cpu.invalidate(from, to - from);
  return 0;
}
