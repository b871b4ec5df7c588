import {
  ADDRESS_LIMIT,
  BIAS,
  PAGE_BACKED,
  PAGE_CODE,
  PAGE_MAPPED,
  PAGE_SHIFT,
  PAGE_SIZE,
  PERMS,
  PERMS_SIZE,
  PROT_READ,
  PROT_WRITE,
} from "./layout.ts";

/** The kernel touched guest memory that is not there or forbids it: EFAULT for the guest. */
export class GuestFault extends Error {
  readonly address: number;
  constructor(address: number) {
    super(`bad guest address 0x${address.toString(16)}`);
    this.address = address;
  }
}

/** More guest memory than the limit allows: ENOMEM for the guest. */
export class OutOfGuestMemory extends Error {}

/** `wasm` pages are 64 KiB. */
const WASM_PAGE = 0x10000;

/** What all processes of a run may map together. */
export class MemoryBudget {
  used = 0;
  readonly limit: number;
  constructor(limit: number) {
    this.limit = limit;
  }
}

/** Bytes from which a range is looked at before it is cleared. */
const FEW = 0x40000;

/** True where the page whose first word is at index `at` holds zeros only. */
function isZero(words: Int32Array, at: number): boolean {
  const end = Math.min(at + PAGE_SIZE / 4, words.length);
  for (let i = at; i < end; i += 8)
    if (
      words[i]! |
      words[i + 1]! |
      words[i + 2]! |
      words[i + 3]! |
      words[i + 4]! |
      words[i + 5]! |
      words[i + 6]! |
      words[i + 7]!
    )
      return false;
  return true;
}

/** The next page after `page` (a multiple of 4) that may be mapped. */
function skipEmpty(perms: Uint8Array, page: number): number {
  const words = new Int32Array(perms.buffer, perms.byteOffset, perms.length >> 2);
  let at = page >> 2;
  if (words[at] !== 0) return page + 1;
  while (at < words.length && words[at] === 0) at++;
  return at << 2;
}

/**
 * The guest's address space: one wasm memory, a permission byte a 4 KiB page, both indexed by guest address.
 * Addresses and lengths are JS numbers (exact to 2^53), so a hostile 64-bit value arrives as a large number and fails the checks.
 * All kernel accesses are checked; permissions are those of the guest.
 */
export class GuestMemory {
  readonly wasm: WebAssembly.Memory;
  /** One byte a page (layout.ts: PROT_*, PAGE_*), living in engine memory where code reads it too. */
  readonly perms: Uint8Array;
  /** Most bytes that may be mapped at once (--memory). */
  readonly limit: number;
  /** Bytes mapped now; PROT_NONE reservations do not count. */
  used = 0;
  /** Most that was ever mapped. */
  most = 0;
  /** Told when bytes of pages that hold translated code change or vanish; set by the engine. */
  onCodeChange: (address: number, size: number) => void = () => {};
  private bytes: Uint8Array;
  private words: DataView;

  private readonly budget: MemoryBudget;

  constructor(engineMemory: WebAssembly.Memory, limit = 0xf0000000, budget = new MemoryBudget(limit)) {
    this.budget = budget;
    this.wasm = new WebAssembly.Memory({ initial: 0, maximum: (ADDRESS_LIMIT - BIAS) / WASM_PAGE });
    this.perms = new Uint8Array(engineMemory.buffer, PERMS, PERMS_SIZE);
    this.limit = limit;
    this.bytes = new Uint8Array(this.wasm.buffer);
    this.words = new DataView(this.wasm.buffer);
  }

  /**
   * Maps pages: zeroed, with `prot` (PROT_READ | PROT_WRITE | PROT_EXEC). address and size must be page-aligned and in range.
   * What was there is replaced. Throws OutOfGuestMemory past the limit.
   */
  map(address: number, size: number, prot: number): void {
    this.unmap(address, size);
    if (prot !== 0) this.reserve(address + size, size);
    this.perms.fill(
      prot ? prot | PAGE_MAPPED | PAGE_BACKED : PAGE_MAPPED,
      address / PAGE_SIZE,
      (address + size) / PAGE_SIZE,
    );
  }

  /** Changes permissions of mapped pages. A page gets backing when it first becomes accessible, and keeps it under PROT_NONE. */
  protect(address: number, size: number, prot: number): void {
    const first = address / PAGE_SIZE;
    const end = (address + size) / PAGE_SIZE;
    if (prot !== 0) {
      let fresh = 0;
      for (let page = first; page < end; page++) if (!(this.perms[page]! & PAGE_BACKED)) fresh++;
      if (fresh) this.reserve(address + size, fresh * PAGE_SIZE);
    }
    const backed = prot === 0 ? 0 : PAGE_BACKED;
    for (let page = first; page < end; page++) {
      const was = this.perms[page]!;
      if (was & PAGE_CODE) this.onCodeChange(page * PAGE_SIZE, PAGE_SIZE);
      this.perms[page] = prot | PAGE_MAPPED | (was & PAGE_BACKED) | backed;
    }
  }

  unmap(address: number, size: number): void {
    const first = address / PAGE_SIZE;
    const end = (address + size) / PAGE_SIZE;
    let run = -1;
    for (let page = first; page <= end; page++) {
      const perm = page < end ? this.perms[page]! : 0;
      if (perm & PAGE_CODE) this.onCodeChange(page * PAGE_SIZE, PAGE_SIZE);
      if (perm & PAGE_BACKED) {
        this.used -= PAGE_SIZE;
        this.budget.used -= PAGE_SIZE;
        if (run < 0) run = page;
      } else if (run >= 0) {
        this.clear(run * PAGE_SIZE, page * PAGE_SIZE);
        run = -1;
      }
    }
    this.perms.fill(0, first, end);
  }

  /** Becomes a copy of another address space: pages, bytes and permissions. This one must be empty. Throws OutOfGuestMemory. */
  copyFrom(other: GuestMemory): void {
    if (other.used > this.limit || this.budget.used + other.used > this.budget.limit) throw new OutOfGuestMemory();
    this.reach(Math.min(BIAS + other.bytes.length, ADDRESS_LIMIT));
    this.used = other.used;
    this.budget.used += other.used;
    if (this.used > this.most) this.most = this.used;
    const from = new Int32Array(other.wasm.buffer);
    const { perms } = other;
    for (let page = BIAS >>> PAGE_SHIFT; page < perms.length; page++) {
      const perm = perms[page]!;
      if (perm === 0) {
        if ((page & 3) === 0) page = skipEmpty(perms, page) - 1;
        continue;
      }
      this.perms[page] = perm & ~PAGE_CODE;
      const at = page * PAGE_SIZE - BIAS;
      if (perm & PAGE_BACKED && !isZero(from, at >> 2)) this.bytes.set(other.bytes.subarray(at, at + PAGE_SIZE), at);
    }
  }

  /** All that is mapped: runs of equal permissions (count, permission; u32 each), numbers of pages, their bytes. */
  save(): { readonly runs: Uint8Array; readonly pages: Uint8Array; readonly bytes: Uint8Array } {
    const words = new Int32Array(this.wasm.buffer);
    const runs: number[] = [];
    const pages: number[] = [];
    for (let page = 0; page < this.perms.length; page++) {
      const perm = this.perms[page]! & ~PAGE_CODE;
      if (runs.length && runs.at(-1) === perm) runs[runs.length - 2]!++;
      else runs.push(1, perm);
      const at = page * PAGE_SIZE - BIAS;
      if (perm & PAGE_BACKED && !isZero(words, at >> 2)) pages.push(page);
    }
    const bytes = new Uint8Array(pages.length * PAGE_SIZE);
    for (const [i, page] of pages.entries()) {
      const at = page * PAGE_SIZE - BIAS;
      bytes.set(this.bytes.subarray(at, at + PAGE_SIZE), i * PAGE_SIZE);
    }
    return { runs: packed(runs), pages: packed(pages), bytes };
  }
  /** Becomes what `save` gave; this one must be empty. False where that is no memory. Throws OutOfGuestMemory. */
  load({ runs, pages, bytes }: { runs: Uint8Array; pages: Uint8Array; bytes: Uint8Array }): boolean {
    let page = 0;
    const every = unpacked(runs);
    for (let i = 0; i + 1 < every.length; i += 2) {
      const [count, perm] = [every[i]!, every[i + 1]!];
      if (page + count > this.perms.length || perm > 0xff || (perm && page * PAGE_SIZE < BIAS)) return false;
      if (perm & PAGE_BACKED) this.reserve((page + count) * PAGE_SIZE, count * PAGE_SIZE);
      this.perms.fill(perm & ~PAGE_CODE, page, page + count);
      page += count;
    }
    for (const [i, at] of unpacked(pages).entries()) {
      const part = bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE);
      if (!(at < this.perms.length && this.perms[at]! & PAGE_BACKED) || part.length !== PAGE_SIZE) return false;
      this.bytes.set(part, at * PAGE_SIZE - BIAS);
    }
    return page === this.perms.length;
  }
  /** What is left of the memory of a process that ended. */
  static none(): GuestMemory {
    const made = Object.create(GuestMemory.prototype) as GuestMemory;
    return Object.assign(made, { used: 0, most: 0, perms: new Uint8Array(0) });
  }

  /** Forgets everything: as new, but for memory that was touched before and is cheaper to use again. */
  clearAll(): void {
    const words = new Int32Array(this.wasm.buffer);
    const { perms } = this;
    for (let page = BIAS >>> PAGE_SHIFT; page < perms.length; page++) {
      const perm = perms[page]!;
      if (perm === 0) {
        if ((page & 3) === 0) page = skipEmpty(perms, page) - 1;
        continue;
      }
      perms[page] = 0;
      const at = page * PAGE_SIZE - BIAS;
      if (perm & PAGE_BACKED && !isZero(words, at >> 2)) words.fill(0, at >> 2, (at + PAGE_SIZE) >> 2);
    }
    this.letGo();
  }

  /** Nothing of this memory is used any more. */
  letGo(): void {
    this.budget.used -= this.used;
    this.used = 0;
  }

  /** True where every page of the range has all of `prot` (0: is mapped at all). */
  allows(address: number, size: number, prot: number): boolean {
    if (!(address >= BIAS && size >= 0 && address + size <= ADDRESS_LIMIT)) return size === 0 && address >= 0;
    const want = prot | PAGE_MAPPED;
    const end = Math.ceil((address + size) / PAGE_SIZE);
    for (let page = Math.floor(address / PAGE_SIZE); page < end; page++)
      if ((this.perms[page]! & want) !== want) return false;
    return true;
  }

  /** True where no page of the range is mapped. */
  free(address: number, size: number): boolean {
    const end = Math.ceil((address + size) / PAGE_SIZE);
    for (let page = Math.floor(address / PAGE_SIZE); page < end; page++) if (this.perms[page]) return false;
    return true;
  }

  /** A live view for reading; invalid after the next map or grow. Throws GuestFault. */
  view(address: number, size: number, prot: number = PROT_READ): Uint8Array {
    this.check(address, size, prot);
    return size ? this.bytes.subarray(address - BIAS, address - BIAS + size) : new Uint8Array(0);
  }

  /** `view` without the bytes. */
  private check(address: number, size: number, prot: number): void {
    const page = address >>> PAGE_SHIFT;
    // Nearly always it is one page that allows it and holds no code.
    const want = prot | PAGE_MAPPED;
    const inside = size >= 0 && (address & (PAGE_SIZE - 1)) + size <= PAGE_SIZE;
    if (inside && address >= BIAS && address < ADDRESS_LIMIT && (this.perms[page]! & (want | PAGE_CODE)) === want)
      return;
    if (!this.allows(address, size, prot)) throw new GuestFault(address);
    if (prot & PROT_WRITE) this.touched(address, size);
  }

  /** A copy of guest bytes. */
  read(address: number, size: number): Uint8Array {
    return this.view(address, size).slice();
  }

  /** Copies into the guest, with its permissions. */
  write(address: number, from: Uint8Array): void {
    this.view(address, from.length, PROT_WRITE).set(from);
  }

  /** Copies into mapped pages whatever their permissions: for the loader and debuggers. */
  poke(address: number, from: Uint8Array): void {
    if (!this.allows(address, from.length, 0)) throw new GuestFault(address);
    if (from.length) this.reach(address + from.length);
    this.touched(address, from.length);
    this.bytes.set(from, address - BIAS);
  }

  u8(address: number): number {
    return this.view(address, 1)[0]!;
  }
  u16(address: number): number {
    this.check(address, 2, PROT_READ);
    return this.words.getUint16(address - BIAS, true);
  }
  u32(address: number): number {
    this.check(address, 4, PROT_READ);
    return this.words.getUint32(address - BIAS, true);
  }
  /** Unsigned, exact up to 2^53. */
  u64(address: number): number {
    this.check(address, 8, PROT_READ);
    return this.words.getUint32(address - BIAS + 4, true) * 0x100000000 + this.words.getUint32(address - BIAS, true);
  }
  setU8(address: number, value: number): void {
    this.view(address, 1, PROT_WRITE)[0] = value;
  }
  setU16(address: number, value: number): void {
    this.check(address, 2, PROT_WRITE);
    this.words.setUint16(address - BIAS, value, true);
  }
  setU32(address: number, value: number): void {
    this.check(address, 4, PROT_WRITE);
    this.words.setUint32(address - BIAS, value, true);
  }
  /** From a number: negative ones are sign-extended. */
  setU64(address: number, value: number): void {
    this.check(address, 8, PROT_WRITE);
    this.words.setUint32(address - BIAS, value >>> 0, true);
    this.words.setInt32(address - BIAS + 4, Math.floor(value / 0x100000000), true);
  }

  /** Bytes up to a NUL (not included), at most `max`; null where there is none within. Throws GuestFault. */
  cstring(address: number, max: number): Uint8Array | null {
    let at = address;
    while (at < address + max) {
      const room = Math.min(PAGE_SIZE - (at & (PAGE_SIZE - 1)), address + max - at);
      const nul = this.view(at, room).indexOf(0);
      if (nul >= 0) return this.read(address, at + nul - address);
      at += room;
    }
    return null;
  }

  /** Accounts for `size` more bytes and has the wasm memory cover guest addresses below `end`. */
  private reserve(end: number, size: number): void {
    if (this.used + size > this.limit || this.budget.used + size > this.budget.limit) throw new OutOfGuestMemory();
    this.reach(end);
    this.used += size;
    this.budget.used += size;
    if (this.used > this.most) this.most = this.used;
  }

  /** Grows the wasm memory so that it covers guest addresses below `end`. */
  private reach(end: number): void {
    const need = Math.ceil((end - BIAS) / WASM_PAGE);
    const have = this.wasm.buffer.byteLength / WASM_PAGE;
    if (need <= have) return;
    try {
      this.wasm.grow(need - have);
    } catch {
      throw new OutOfGuestMemory();
    }
    this.bytes = new Uint8Array(this.wasm.buffer);
    this.words = new DataView(this.wasm.buffer);
  }

  private clear(from: number, to: number): void {
    const end = Math.min(to - BIAS, this.bytes.length);
    if (to - from <= FEW) {
      if (from - BIAS < end) this.bytes.fill(0, from - BIAS, end);
      return;
    }
    // Much of a large range was never touched, and reading that is cheaper than writing it.
    const words = new Int32Array(this.wasm.buffer);
    for (let at = from - BIAS; at < end; at += PAGE_SIZE)
      if (!isZero(words, at >> 2)) this.bytes.fill(0, at, at + PAGE_SIZE);
  }

  private touched(address: number, size: number): void {
    const end = (address + size - 1) >>> PAGE_SHIFT;
    for (let page = address >>> PAGE_SHIFT; page <= end; page++) {
      if (this.perms[page]! & PAGE_CODE) this.onCodeChange(page * PAGE_SIZE, PAGE_SIZE);
    }
  }
}

/** Numbers as bytes, 32 bits each, little-endian. */
function packed(numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer);
}
function unpacked(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(i * 4, true));
}
