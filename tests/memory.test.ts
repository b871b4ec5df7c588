import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  ADDRESS_LIMIT,
  ENGINE_MEMORY_BYTES,
  PAGE_CODE,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from "../src/memory/layout.ts";
import { GuestFault, GuestMemory, OutOfGuestMemory } from "../src/memory/memory.ts";

const fresh = (limit?: number) =>
  new GuestMemory(new WebAssembly.Memory({ initial: ENGINE_MEMORY_BYTES / 0x10000 }), limit);
const RW = PROT_READ | PROT_WRITE;

test("mapped pages read as zero, keep writes, and forget them when unmapped", () => {
  const memory = fresh();
  memory.map(0x10000, 3 * PAGE_SIZE, RW);
  assert.equal(memory.u64(0x10ff8), 0);
  memory.setU64(0x10ffc, -2); // crosses a page
  assert.equal(memory.u32(0x11000), 0xffffffff);
  assert.equal(memory.u64(0x10ffc), Number(0xfffffffffffffffen));
  memory.unmap(0x10000, 3 * PAGE_SIZE);
  assert.throws(() => memory.u8(0x10000), GuestFault);
  memory.map(0x10000, PAGE_SIZE, RW);
  assert.equal(memory.u32(0x10ffc), 0);
});

test("permissions are the guest's, also for the kernel", () => {
  const memory = fresh();
  memory.map(0x20000, PAGE_SIZE, PROT_READ);
  assert.throws(() => memory.setU8(0x20000, 1), GuestFault);
  memory.poke(0x20000, Uint8Array.of(7));
  assert.equal(memory.u8(0x20000), 7);
  memory.protect(0x20000, PAGE_SIZE, 0);
  assert.throws(() => memory.u8(0x20000), GuestFault);
  memory.protect(0x20000, PAGE_SIZE, RW);
  assert.equal(memory.u8(0x20000), 7);
  assert.equal(memory.used, PAGE_SIZE);
});

test("hostile addresses and lengths fault instead of wrapping", () => {
  const memory = fresh();
  memory.map(0x10000, PAGE_SIZE, RW);
  for (const [address, size] of [
    [0, 1],
    [0xfff, 4],
    [2 ** 32, 1],
    [2 ** 64, 8],
    [0x10000, 2 ** 64],
    [-1, 1],
    [ADDRESS_LIMIT - 1, 8],
    [NaN, 1],
  ])
    assert.throws(() => memory.view(address!, size!), GuestFault, `${address} ${size}`);
  assert.equal(memory.view(0x10000, 0).length, 0);
});

test("the limit holds, and PROT_NONE reservations are free", () => {
  const memory = fresh(8 * PAGE_SIZE);
  memory.map(0x40000000, 0x40000000, 0);
  assert.equal(memory.used, 0);
  memory.map(0x10000, 8 * PAGE_SIZE, RW);
  assert.throws(() => memory.map(0x90000, PAGE_SIZE, RW), OutOfGuestMemory);
  assert.throws(() => memory.protect(0x40000000, PAGE_SIZE, RW), OutOfGuestMemory);
  memory.unmap(0x10000, 4 * PAGE_SIZE);
  memory.protect(0x40000000, PAGE_SIZE, RW);
  assert.equal(memory.used, 5 * PAGE_SIZE);
});

test("writers to pages with translated code tell the engine", () => {
  const memory = fresh();
  const told: number[] = [];
  memory.onCodeChange = (address) => told.push(address);
  memory.map(0x10000, 2 * PAGE_SIZE, RW | PROT_EXEC);
  memory.perms[0x11]! |= PAGE_CODE;
  memory.setU8(0x10000, 1);
  assert.deepEqual(told, []);
  memory.setU32(0x10ffe, 1);
  assert.deepEqual(told, [0x11000]);
  memory.unmap(0x11000, PAGE_SIZE);
  assert.deepEqual(told, [0x11000, 0x11000]);
});

test("cstring agrees with a plain search, across pages and up to the edge of the mapping", () => {
  const memory = fresh();
  memory.map(0x10000, 2 * PAGE_SIZE, RW);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 * PAGE_SIZE - 1 }),
      fc.integer({ min: 0, max: PAGE_SIZE }),
      (start, length) => {
        const all = new Uint8Array(2 * PAGE_SIZE).fill(65);
        const end = start + length;
        if (end < all.length) all[end] = 0;
        memory.poke(0x10000, all);
        if (end >= all.length) assert.throws(() => memory.cstring(0x10000 + start, 2 * PAGE_SIZE), GuestFault);
        else assert.equal(memory.cstring(0x10000 + start, 2 * PAGE_SIZE)?.length, length);
      },
    ),
  );
});
