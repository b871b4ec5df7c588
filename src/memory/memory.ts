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
  /** Told when bytes of pages that hold translated code change or vanish; set by the engine. */
  onCodeChange: (address: number, size: number) => void = () => {};
  private bytes: Uint8Array;
  private words: DataView;

  constructor(engineMemory: WebAssembly.Memory, limit = 0xf0000000) {
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
        if (run < 0) run = page;
      } else if (run >= 0) {
        this.clear(run * PAGE_SIZE, page * PAGE_SIZE);
        run = -1;
      }
    }
    this.perms.fill(0, first, end);
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
    if (!this.allows(address, size, prot)) throw new GuestFault(address);
    if (prot & PROT_WRITE) this.touched(address, size);
    return size ? this.bytes.subarray(address - BIAS, address - BIAS + size) : new Uint8Array(0);
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
    this.view(address, 2);
    return this.words.getUint16(address - BIAS, true);
  }
  u32(address: number): number {
    this.view(address, 4);
    return this.words.getUint32(address - BIAS, true);
  }
  /** Unsigned, exact up to 2^53. */
  u64(address: number): number {
    this.view(address, 8);
    return this.words.getUint32(address - BIAS + 4, true) * 0x100000000 + this.words.getUint32(address - BIAS, true);
  }
  setU8(address: number, value: number): void {
    this.view(address, 1, PROT_WRITE)[0] = value;
  }
  setU16(address: number, value: number): void {
    this.view(address, 2, PROT_WRITE);
    this.words.setUint16(address - BIAS, value, true);
  }
  setU32(address: number, value: number): void {
    this.view(address, 4, PROT_WRITE);
    this.words.setUint32(address - BIAS, value, true);
  }
  /** From a number: negative ones are sign-extended. */
  setU64(address: number, value: number): void {
    this.view(address, 8, PROT_WRITE);
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
    if (this.used + size > this.limit) throw new OutOfGuestMemory();
    this.reach(end);
    this.used += size;
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
    if (from - BIAS < end) this.bytes.fill(0, from - BIAS, end);
  }

  private touched(address: number, size: number): void {
    const end = (address + size - 1) >>> PAGE_SHIFT;
    for (let page = address >>> PAGE_SHIFT; page <= end; page++) {
      if (this.perms[page]! & PAGE_CODE) this.onCodeChange(page * PAGE_SIZE, PAGE_SIZE);
    }
  }
}
