import { ADDRESS_LIMIT, BIAS, PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from "../../src/memory/layout.ts";
import type { GuestMemory } from "../../src/memory/memory.ts";

/** Some pages of the address space in which cases run. */
export interface Pages {
  readonly address: number;
  readonly size: number;
  readonly prot: number;
}

const READ_WRITE = PROT_READ | PROT_WRITE;

/** Where code goes: at the lowest address, in the middle, at the top; the last one is the guest's to write in the cases that run there. */
export const CODES: readonly Pages[] = [
  { address: BIAS, size: 2 * PAGE_SIZE, prot: PROT_EXEC },
  { address: 0x80000000, size: 2 * PAGE_SIZE, prot: PROT_READ | PROT_EXEC },
  { address: ADDRESS_LIMIT - 5 * PAGE_SIZE, size: 2 * PAGE_SIZE, prot: PROT_READ | PROT_EXEC },
  { address: 0x90000000, size: 2 * PAGE_SIZE, prot: READ_WRITE | PROT_EXEC },
];
export const WRITABLE_CODE = 3;

/** Where data lies: two writable pages, then one to read, then one that nobody may touch, then nothing; and the last page. */
export const DATA: readonly Pages[] = [
  { address: 0x20000, size: 2 * PAGE_SIZE, prot: READ_WRITE },
  { address: 0x20000 + 2 * PAGE_SIZE, size: PAGE_SIZE, prot: PROT_READ },
  { address: 0x20000 + 3 * PAGE_SIZE, size: PAGE_SIZE, prot: 0 },
  { address: ADDRESS_LIMIT - PAGE_SIZE, size: PAGE_SIZE, prot: READ_WRITE },
];

/** What is filled anew for each case. */
export const FILLED = DATA.filter((pages) => pages.prot !== 0);
export const FILLED_SIZE = FILLED.reduce((sum, pages) => sum + pages.size, 0);

export function mapArena(memory: GuestMemory): void {
  for (const { address, size, prot } of [...CODES, ...DATA]) memory.map(address, size, prot);
}

/** Addresses around which faults begin. */
export const EDGES: readonly number[] = [
  ...[...CODES, ...DATA].flatMap(({ address, size }) => [address, address + size / 2, address + size]),
  0,
  ADDRESS_LIMIT,
  2 ** 31,
  2 ** 32,
];
