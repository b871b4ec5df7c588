import assert from "node:assert/strict";
import test from "node:test";
import { ADDRESS_LIMIT, PAGE_SIZE } from "../../src/memory/layout.ts";
import { AT_FDCWD, Guest, O } from "./guest.ts";
import { MemoryHost } from "./memory-host.ts";

const RW = 3;
const ANON = 0x22;
const FIXED = 0x10;
const SHARED = 1;

const map = (guest: Guest, address: number, size: number, prot = RW, flags = ANON): number | string =>
  guest.call("mmap", address, size, prot, flags, -1, 0);

test("mappings: placed, hinted, fixed, replaced, removed", () => {
  const guest = new Guest();
  const a = map(guest, 0, 10000) as number;
  assert.ok(a > 0 && a % PAGE_SIZE === 0);
  assert.equal(guest.cpu.memory.u32(a + 12284), 0);
  assert.equal(map(guest, 0x5000_0000, 4096), 0x5000_0000);
  const above = map(guest, 0xc0_0000_0000, 4096) as number;
  assert.ok(above < ADDRESS_LIMIT, "a hint above 4 GiB is only a hint");
  guest.cpu.memory.setU32(a, 7);
  assert.equal(map(guest, a, 4096, RW, ANON | FIXED), a);
  assert.equal(guest.cpu.memory.u32(a), 0);
  assert.equal(map(guest, a, 4096, RW, ANON | 0x100000), "EEXIST");
  assert.equal(guest.call("munmap", a, 12288), 0);
  assert.throws(() => guest.cpu.memory.u32(a));
  assert.equal(guest.call("munmap", a, 12288), 0, "nothing there is no error");
});

test("mappings: what Linux refuses", () => {
  const guest = new Guest();
  assert.equal(map(guest, 0, 0), "EINVAL");
  assert.equal(map(guest, 0, 4096, RW, 0x20), "EINVAL");
  assert.equal(map(guest, 0x5000_0001, 4096, RW, ANON | FIXED), "EINVAL");
  assert.equal(map(guest, 0, 4096, RW, ANON | FIXED), "EPERM");
  assert.equal(map(guest, 0, 2 ** 40), "ENOMEM");
  assert.equal(map(guest, 0, -1), "ENOMEM");
  assert.equal(map(guest, 0xfffff000, 8192, RW, ANON | FIXED), "ENOMEM");
  assert.equal(guest.call("mmap", 0, 4096, RW, 2, -1, 0), "EBADF");
  assert.equal(guest.call("mmap", 0, 4096, RW, 2, 0, 0), "ENODEV");
  assert.equal(guest.call("munmap", 1, 4096), "EINVAL");
  assert.equal(guest.call("munmap", 0x5000_0000, 0), "EINVAL");
  assert.equal(guest.call("munmap", 0x5000_0000, 2 ** 62), "EINVAL");
  assert.equal(guest.call("mprotect", 0x5000_0000, 4096, 1), "ENOMEM");
  assert.equal(guest.call("mprotect", 0x5000_0001, 4096, 1), "EINVAL");
  assert.equal(guest.call("mprotect", 0x5000_0000, 4096, 64), "EINVAL");
});

test("a reservation of a gigabyte costs nothing, the limit counts what is accessible", () => {
  const guest = new Guest({ memory: 0x1000000 });
  const before = guest.cpu.memory.used;
  const big = map(guest, 0, 0x40000000, 0) as number;
  assert.equal(typeof big, "number");
  assert.equal(guest.cpu.memory.used, before);
  assert.equal(guest.call("mprotect", big, 0x100000, RW), 0);
  assert.equal(guest.cpu.memory.used, before + 0x100000);
  assert.equal(guest.call("mprotect", big, 0x40000000, RW), "ENOMEM");
  assert.equal(map(guest, 0, 0x2000000), "ENOMEM");
});

test("protection: parts of a mapping, told by /proc/self/maps", () => {
  const guest = new Guest();
  const a = map(guest, 0x5000_0000, 4 * PAGE_SIZE) as number;
  assert.equal(guest.call("mprotect", a + PAGE_SIZE, PAGE_SIZE, 1), 0);
  const lines = guest.process.space
    .within(a, a + 4 * PAGE_SIZE)
    .map((r) => [(r.start - a) / PAGE_SIZE, (r.end - a) / PAGE_SIZE, r.prot]);
  assert.deepEqual(lines, [
    [0, 1, 3],
    [1, 2, 1],
    [2, 4, 3],
  ]);
  assert.throws(() => guest.cpu.memory.setU8(a + PAGE_SIZE, 1));
  assert.equal(guest.call("mprotect", a + PAGE_SIZE, PAGE_SIZE, 3), 0);
  assert.equal(guest.process.space.within(a, a + 4 * PAGE_SIZE).length, 1, "joined again");
});

test("brk grows, shrinks and refuses", () => {
  const guest = new Guest();
  assert.equal(guest.call("brk", 0), 0x400000);
  assert.equal(guest.call("brk", 0x412345), 0x412345);
  guest.cpu.memory.setU32(0x412000, 5);
  assert.equal(guest.call("brk", 0x400010), 0x400010);
  assert.throws(() => guest.cpu.memory.u32(0x412000));
  assert.equal(guest.call("brk", 0x413000), 0x413000);
  assert.equal(guest.cpu.memory.u32(0x412000), 0, "given back memory comes again as zeros");
  assert.equal(guest.call("brk", 0x100), 0x413000);
  assert.equal(guest.call("brk", 2 ** 63), 0x413000);
  map(guest, 0x420000, 4096, RW, ANON | FIXED);
  assert.equal(guest.call("brk", 0x430000), 0x413000, "something is in the way");
});

test("mremap: in place, moved, shrunk", () => {
  const guest = new Guest();
  const { memory } = guest.cpu;
  const a = map(guest, 0x5000_0000, PAGE_SIZE) as number;
  memory.setU32(a, 42);
  assert.equal(guest.call("mremap", a, PAGE_SIZE, 2 * PAGE_SIZE, 0, 0), a);
  memory.setU32(a + PAGE_SIZE, 43);
  map(guest, a + 2 * PAGE_SIZE, PAGE_SIZE, RW, ANON | FIXED);
  guest.call("mprotect", a + 2 * PAGE_SIZE, PAGE_SIZE, 1);
  assert.equal(guest.call("mremap", a, 2 * PAGE_SIZE, 4 * PAGE_SIZE, 0, 0), "ENOMEM");
  const b = guest.call("mremap", a, 2 * PAGE_SIZE, 4 * PAGE_SIZE, 1, 0) as number;
  assert.notEqual(b, a);
  assert.deepEqual([memory.u32(b), memory.u32(b + PAGE_SIZE), memory.u32(b + 3 * PAGE_SIZE)], [42, 43, 0]);
  assert.throws(() => memory.u32(a));
  assert.equal(guest.call("mremap", b, 4 * PAGE_SIZE, PAGE_SIZE, 0, 0), b);
  assert.throws(() => memory.u32(b + PAGE_SIZE));
  assert.equal(guest.call("mremap", 0x7000_0000, PAGE_SIZE, PAGE_SIZE, 1, 0), "EFAULT");
  assert.equal(guest.call("mremap", b, PAGE_SIZE, 0, 1, 0), "EINVAL");
});

test("files: private copies, shared ones written back", () => {
  const host = new MemoryHost();
  host.folder("/guest");
  host.file("/guest/data", "x".repeat(5000));
  const guest = new Guest({ host, root: "/guest" });
  const { memory } = guest.cpu;
  const fd = guest.call("openat", AT_FDCWD, "/data", O.RDWR, 0) as number;
  const a = guest.call("mmap", 0, 8192, RW, 2, fd, 0) as number;
  assert.equal(memory.u8(a + 4999), 120);
  assert.equal(memory.u8(a + 5000), 0);
  memory.setU8(a, 65);
  const at = guest.room(16);
  guest.call("pread64", fd, at, 1, 0);
  assert.equal(memory.u8(at), 120, "a private page is a copy");
  const second = guest.call("mmap", 0, 4096, 1, 2, fd, 4096) as number;
  assert.equal(memory.u8(second + 903), 120);
  const b = guest.call("mmap", 0, 8192, RW, SHARED, fd, 0) as number;
  memory.setU8(b + 1, 66);
  assert.equal(guest.call("msync", b, 8192, 4), 0);
  guest.call("pread64", fd, at, 1, 1);
  assert.equal(memory.u8(at), 66);
  memory.setU8(b + 2, 67);
  guest.call("close", fd);
  assert.equal(guest.call("munmap", b, 8192), 0);
  const again = guest.call("openat", AT_FDCWD, "/data", 0, 0) as number;
  guest.call("pread64", again, at, 1, 2);
  assert.equal(memory.u8(at), 67);
  assert.equal(guest.call("mmap", 0, 4096, RW, SHARED, again, 0), "EACCES");
  assert.equal(guest.call("mmap", 0, 4096, 1, SHARED, again, 100), "EINVAL");
  assert.equal(guest.call("madvise", a, 4096, 4), 0);
  assert.equal(memory.u8(a), 120, "a dropped private page is the file's again");
});

test("advice", () => {
  const guest = new Guest();
  const a = map(guest, 0, PAGE_SIZE) as number;
  guest.cpu.memory.setU8(a, 1);
  assert.equal(guest.call("madvise", a, PAGE_SIZE, 3), 0);
  assert.equal(guest.cpu.memory.u8(a), 1);
  assert.equal(guest.call("madvise", a, PAGE_SIZE, 4), 0);
  assert.equal(guest.cpu.memory.u8(a), 0);
  assert.equal(guest.call("madvise", a, PAGE_SIZE, 99), "EINVAL");
  assert.equal(guest.call("madvise", 0x7000_0000, PAGE_SIZE, 4), "ENOMEM");
});
