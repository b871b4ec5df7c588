import { ADDRESS_LIMIT, BIAS, PAGE_SIZE } from "../memory/layout.ts";
import type { GuestMemory } from "../memory/memory.ts";
import type { Description } from "./files.ts";
import type { Futexes } from "./futex.ts";
import { posix } from "./posix.ts";
import { flushRegion, publish, type SharedPages } from "./shared.ts";

/** A range of pages that were mapped alike. `prot`: PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4. */
export interface Region {
  start: number;
  end: number;
  prot: number;
  readonly shared: boolean;
  /** File behind it, and the file offset of `start`. */
  readonly file: Description | undefined;
  offset: number;
  /** Whom its pages are shared with; only where `shared`. */
  readonly object?: SharedPages | undefined;
  /** "[heap]", "[stack]" or a path, for /proc/self/maps. */
  readonly name: string;
}

/** Lowest address of a mapping, a hint's too. */
const MMAP_BOTTOM = 0x10000;

export const pageUp = (n: number): number => Math.ceil(n / PAGE_SIZE) * PAGE_SIZE;
export const pageDown = (n: number): number => Math.floor(n / PAGE_SIZE) * PAGE_SIZE;

/**
 * Who has which pages of a process's memory: placement, the list of mappings, the program break, files mapped in.
 * Everything lies below ADDRESS_LIMIT. Pages and permissions themselves are GuestMemory's.
 */
export class AddressSpace {
  readonly memory: GuestMemory;
  /** Ascending, disjoint. */
  private regions: Region[] = [];
  brkStart = 0;
  brk = 0;
  /** The break stays below. */
  brkEnd = ADDRESS_LIMIT;
  /** Mappings of unstated place go as low as can be from here on, so that the wasm memory stays small. */
  mmapBase = MMAP_BOTTOM;
  /** RLIMIT_AS: most bytes of address space, PROT_NONE included. */
  limit = Number.POSITIVE_INFINITY;
  private total = 0;
  /** Processes that run on this memory. */
  private users = 1;
  /** Tasks that wait on a word of this memory, by address. */
  readonly futexes: Futexes = new Map();

  /** Versions of shared pages that this memory has. */
  readonly seen = new Map<SharedPages, number>();
  /** Mappings of shared pages. */
  sharing = 0;

  constructor(memory: GuestMemory) {
    this.memory = memory;
  }

  /** Maps pages over whatever is there. Throws ENOMEM, OutOfGuestMemory. */
  map(region: Omit<Region, "offset" | "file" | "shared"> & Partial<Region>): Region {
    const { start, end } = region;
    if (!inRange(start, end)) throw posix("ENOMEM");
    const size = end - start;
    this.room(size - this.covered(start, end));
    this.unmap(start, size);
    this.memory.map(start, size, region.prot);
    const made: Region = { shared: false, file: undefined, offset: 0, ...region };
    made.file?.retain();
    this.insert(made);
    return made;
  }

  /** A free range of `size` bytes: at `hint` where that is possible, else from mmapBase on, else below. Throws ENOMEM. */
  find(size: number, hint = 0): number {
    if (hint >= MMAP_BOTTOM && inRange(hint, hint + size) && !this.covered(hint, hint + size)) return hint;
    return this.gap(this.mmapBase, ADDRESS_LIMIT, size) ?? this.gap(MMAP_BOTTOM, this.mmapBase, size) ?? refuse();
  }

  /** Removes pages; written shared files go back first. */
  unmap(start: number, size: number): void {
    const end = start + size;
    const gone = this.cut(start, end);
    if (!gone.length) return;
    for (const region of gone) this.writeBack(region, region.start, region.end);
    if (this.sharing) this.parted(gone);
    for (const region of gone) {
      this.total -= region.end - region.start;
      region.file?.release();
    }
    this.memory.unmap(start, size);
  }

  /** Shared pages that this memory has no mapping of any more know nothing of it. */
  private parted(gone: readonly Region[]): void {
    this.sharing = this.regions.reduce((n, region) => n + Number(region.object !== undefined), 0);
    for (const { object } of gone) {
      if (!object || this.regions.some((region) => region.object === object)) continue;
      this.seen.delete(object);
      object.leave(this);
    }
  }

  /** Throws ENOMEM where a page of the range is not mapped, EACCES where a shared file was not opened for writing. */
  protect(start: number, size: number, prot: number): void {
    const end = start + size;
    if (this.covered(start, end) !== size) throw posix("ENOMEM");
    for (const region of this.within(start, end))
      if (region.shared && region.file && prot & 2 && !region.file.writable) throw posix("EACCES");
    this.memory.protect(start, size, prot);
    const cut = this.cut(start, end);
    for (const region of cut) this.insert({ ...region, prot }, false);
  }

  /** Zeroes what a private anonymous range held (MADV_DONTNEED); file mappings are read again by the caller. */
  discard(start: number, size: number): Region[] {
    const files: Region[] = [];
    for (const region of this.within(start, start + size)) {
      const from = Math.max(start, region.start);
      const to = Math.min(start + size, region.end);
      if (region.shared) continue;
      if (region.file) files.push({ ...region, start: from, end: to, offset: region.offset + from - region.start });
      else this.memory.map(from, to - from, region.prot);
    }
    return files;
  }

  /** Bytes of the range that are mapped. */
  covered(start: number, end: number): number {
    let sum = 0;
    for (const region of this.within(start, end)) sum += Math.min(end, region.end) - Math.max(start, region.start);
    return sum;
  }

  within(start: number, end: number): Region[] {
    const out: Region[] = [];
    for (let i = this.firstAfter(start); i < this.regions.length && this.regions[i]!.start < end; i++)
      out.push(this.regions[i]!);
    return out;
  }
  all(): readonly Region[] {
    return this.regions;
  }
  get size(): number {
    return this.total;
  }

  /** Bytes of written shared mappings go to their files. */
  sync(start: number, end: number): void {
    for (const region of this.within(start, end))
      this.writeBack(region, Math.max(start, region.start), Math.min(end, region.end));
  }

  /** One more process runs on this memory (vfork, CLONE_VM). */
  share(): this {
    this.users++;
    return this;
  }
  get shared(): boolean {
    return this.users > 1;
  }
  /** Where waiters on a word queue: by address, or with all who share the page. */
  futexAt(address: number): { queue: Futexes; key: number } {
    if (this.sharing) {
      const region = this.within(address, address + 1)[0];
      if (region?.object) return { queue: region.object.futexes, key: region.offset + address - region.start };
    }
    return { queue: this.futexes, key: address };
  }
  /** The same mappings over a copy of the memory, which fork made. */
  copy(memory: GuestMemory): AddressSpace {
    const made = new AddressSpace(memory);
    for (const region of this.regions) {
      region.file?.retain();
      made.regions.push({ ...region });
      if (!region.object) continue;
      if (region.object.spaces.size === 1) publish(region.object);
      region.object.spaces.add(made);
      made.seen.set(region.object, region.object.version);
      made.sharing++;
    }
    made.total = this.total;
    made.limit = this.limit;
    made.brkStart = this.brkStart;
    made.brk = this.brk;
    return made;
  }
  /** A process lets go; true where it was the last. */
  release(): boolean {
    if (--this.users > 0) return false;
    this.close();
    return true;
  }

  /** At exit: files get their bytes, pages are given up. */
  close(): void {
    const gone = this.regions;
    for (const region of gone) this.writeBack(region, region.start, region.end);
    this.regions = [];
    if (this.sharing) this.parted(gone);
    for (const region of gone) region.file?.release();
  }

  /** Moves the program break; returns where it is then (brk(2): an impossible wish changes nothing). */
  setBreak(wish: number): number {
    if (!(wish >= this.brkStart && wish <= this.brkEnd)) return this.brk;
    const from = pageUp(this.brk);
    const to = pageUp(wish);
    if (to > from) {
      if (this.covered(from, to)) return this.brk;
      try {
        this.map({ start: from, end: to, prot: 3, name: "[heap]" });
      } catch {
        return this.brk;
      }
    } else if (to < from) this.unmap(to, from - to);
    this.brk = wish;
    return wish;
  }

  private room(size: number): void {
    if (this.total + size > this.limit) throw posix("ENOMEM");
  }

  private writeBack(region: Region, start: number, end: number): void {
    if (region.object && region.object.spaces.size > 1) {
      flushRegion(this, { ...region, start, end, offset: region.offset + start - region.start }, false);
      return;
    }
    if (!region.shared || !region.file?.writable) return;
    const offset = region.offset + start - region.start;
    const length = Math.min(end - start, region.file.handle.stat().size - offset);
    if (length <= 0 || !this.memory.allows(start, length, 1)) return;
    const bytes = this.memory.read(start, length);
    const before = new Uint8Array(length);
    if (region.file.readable && region.file.handle.read(before, offset) === length && same(before, bytes)) return;
    region.file.handle.write(bytes, offset);
  }

  /** The lowest free range of `size` bytes between bottom and top. */
  private gap(bottom: number, top: number, size: number): number | undefined {
    let start = bottom;
    for (let i = this.firstAfter(bottom); i < this.regions.length; i++) {
      if (this.regions[i]!.start - start >= size) break;
      start = Math.max(start, this.regions[i]!.end);
    }
    return start + size <= top ? start : undefined;
  }

  /** Index of the first region that ends after `at`. */
  private firstAfter(at: number): number {
    let low = 0;
    let high = this.regions.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.regions[mid]!.end > at) high = mid;
      else low = mid + 1;
    }
    return low;
  }

  /** Takes a range out of the list, splitting regions at its ends; returns what was there. */
  private cut(start: number, end: number): Region[] {
    const first = this.firstAfter(start);
    const inside: Region[] = [];
    const put: Region[] = [];
    let last = first;
    for (; last < this.regions.length && this.regions[last]!.start < end; last++) {
      const region = this.regions[last]!;
      const a = Math.max(start, region.start);
      const b = Math.min(end, region.end);
      if (region.start < a) put.push({ ...region, end: a });
      inside.push({ ...region, start: a, end: b, offset: region.offset + a - region.start });
      if (b < region.end) put.push({ ...region, start: b, offset: region.offset + b - region.start });
      // One hold on the file a piece.
      const pieces = 1 + Number(region.start < a) + Number(b < region.end);
      for (let i = 1; i < pieces; i++) region.file?.retain();
    }
    this.regions.splice(first, last - first, ...put);
    return inside;
  }

  private insert(region: Region, counted = true): void {
    if (counted) this.total += region.end - region.start;
    if (counted && region.object) this.sharing++;
    const at = this.firstAfter(region.start);
    const before = this.regions[at - 1];
    const after = this.regions[at];
    if (before && joins(before, region)) {
      before.end = region.end;
      if (after && joins(before, after)) {
        before.end = after.end;
        this.regions.splice(at, 1);
      }
    } else if (after && joins(region, after)) after.start = region.start;
    else this.regions.splice(at, 0, region);
  }
}

function joins(a: Region, b: Region): boolean {
  if (a.object || b.object) return false;
  return !a.file && !b.file && a.end === b.start && a.prot === b.prot && a.shared === b.shared && a.name === b.name;
}

function inRange(start: number, end: number): boolean {
  return start >= BIAS && end <= ADDRESS_LIMIT && start < end;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function refuse(): never {
  throw posix("ENOMEM");
}
