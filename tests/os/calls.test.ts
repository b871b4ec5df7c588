import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { book, Guest } from "./guest.ts";

test("identity, limits, names", () => {
  const guest = new Guest();
  const at = guest.room(400);
  assert.equal(guest.call("uname", at), 0);
  const name = guest.struct("utsname", at);
  assert.deepEqual([name.sysname, name.nodename, name.machine], ["Linux", "sagetest", "riscv64"]);
  assert.equal(guest.call("getpid"), 2);
  assert.equal(guest.call("gettid"), 2);
  assert.equal(guest.call("getuid"), 0);
  assert.equal(guest.call("getpgid", 77), "ESRCH");
  assert.equal(guest.call("wait4", -1, 0, 0, 0), "ECHILD");
  assert.equal(guest.call("prlimit64", 0, 3, 0, at), 0);
  assert.equal(guest.struct("rlimit", at).cur, 0x800000);
  assert.equal(guest.cpu.memory.u32(at + 8), 0xffffffff);
  assert.equal(guest.call("prlimit64", 0, 99, 0, at), "EINVAL");
  assert.equal(guest.call("prctl", 15, "a name that is long", 0, 0, 0), 0);
  assert.equal(guest.call("prctl", 16, at, 0, 0, 0), 0);
  assert.equal(guest.string(at, 16), "a name that is \0");
  assert.equal(guest.call("prctl", 12345, 0, 0, 0, 0), "EINVAL");
  assert.equal(guest.call("sched_getaffinity", 0, 128, at), 8);
  assert.equal(guest.cpu.memory.u64(at), 1);
  assert.equal(guest.call("getrandom", at, 4, 0), 4);
  assert.equal(guest.call("getrandom", at, 4, 64), "EINVAL");
  assert.equal(guest.call("getrandom", 8, 4, 0), "EFAULT");
  assert.equal(guest.call("umask", 0o77), 0o22);
  assert.equal(guest.call("umask", 0o22), 0o77);
  assert.equal(guest.call("set_robust_list", at, 1), "EINVAL");
  assert.equal(guest.call("getcpu", at, at + 4, 0), 0);
});

test("clocks", () => {
  const guest = new Guest();
  const at = guest.room(32);
  assert.equal(guest.call("clock_gettime", 0, at), 0);
  assert.deepEqual(guest.struct("timespec", at), { sec: 1_700_000_001, nsec: 0 });
  assert.equal(guest.call("clock_gettime", 1, at), 0);
  assert.deepEqual(guest.struct("timespec", at), { sec: 1, nsec: 0 });
  assert.equal(guest.call("clock_gettime", 99, at), "EINVAL");
  assert.equal(guest.call("clock_gettime", 0, 8), "EFAULT");
  assert.equal(guest.call("clock_getres", 1, 0), 0);
  guest.cpu.memory.setU64(at, 1);
  guest.cpu.memory.setU64(at + 8, 1_000_000_000);
  assert.equal(guest.call("nanosleep", at, 0), "EINVAL");
  guest.cpu.memory.setU64(at + 8, 0);
  assert.equal(guest.call("clock_nanosleep", 1, 1, at, 0), 0, "a time that is past");
  assert.equal(guest.host.slept, 0);
  assert.equal(guest.call("clock_nanosleep", 3, 0, at, 0), "EOPNOTSUPP");
});

test("terminals: what a pipe is not, what a terminal is", () => {
  const guest = new Guest();
  const at = guest.room(64);
  assert.equal(guest.call("ioctl", 0, 0x5401, at), "ENOTTY");
  assert.equal(guest.call("ioctl", 0, 0x5413, at), "ENOTTY");
  assert.equal(guest.call("ioctl", 0, 0x1234, at), "ENOTTY");
  assert.equal(guest.call("ioctl", 99, 0x5401, at), "EBADF");
  assert.equal(guest.call("ioctl", 99, 0x1234, at), "EBADF");
  guest.host.stdout.isTerminal = true;
  const terminal = new Guest({ host: guest.host });
  const to = terminal.room(64);
  assert.equal(terminal.call("ioctl", 1, 0x5401, to), 0);
  assert.equal(terminal.struct("termios", to).lflag, 0x8a3b);
  assert.equal(terminal.call("ioctl", 1, 0x5413, to), 0);
  assert.deepEqual(terminal.struct("winsize", to), { row: 33, col: 99, xpixel: 0, ypixel: 0 });
  assert.equal(terminal.call("ioctl", 1, 0x5401, 8), "EFAULT");
});

test("futexes of one thread", () => {
  const guest = new Guest();
  const word = guest.room(4);
  guest.cpu.memory.setU32(word, 7);
  const time = guest.room(16);
  guest.cpu.memory.setU64(time + 8, 1000);
  assert.equal(guest.call("futex", word, 0, 8, 0), "EAGAIN");
  assert.equal(guest.call("futex", word, 128, 7, time), "ETIMEDOUT");
  assert.equal(guest.call("futex", word, 129, 1), 0);
  assert.equal(guest.call("futex", word + 1, 0, 7, 0), "EINVAL");
  assert.equal(guest.call("futex", 8, 0, 7, 0), "EFAULT");
  assert.equal(guest.call("futex", word, 99, 7, 0), "ENOSYS");
});

test("trace lines show names, strings and structures", () => {
  const guest = new Guest();
  guest.call("openat", -100, "/no\nsuch", 0o2000001, 0o644);
  guest.call("mmap", 0, 4096, 3, 0x22, -1, 0);
  guest.call("prlimit64", 0, 7, 0, guest.room(16));
  guest.call("ioctl", 1, 0x5413, guest.room(8));
  guest.call("fcntl", 1, 3);
  guest.call("write", 1, 'a\x01"\\9', 5);
  assert.deepEqual(
    guest.trace.map((line) => line.replace(/= 0x[0-9a-f]{4,}$/, "= ADDRESS").replace(/0x10[0-9a-f]{4}/, "AT")),
    [
      'openat(AT_FDCWD, "/no\\nsuch", O_WRONLY|O_CLOEXEC, 0644) = -1 ENOENT (No such file or directory)',
      "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = ADDRESS",
      "prlimit64(0, RLIMIT_NOFILE, NULL, {cur=1024, max=4096}) = 0",
      "ioctl(1, TIOCGWINSZ, AT) = -1 ENOTTY (Inappropriate ioctl for device)",
      "fcntl(1, F_GETFL) = 0x1 (O_WRONLY)",
      'write(1, "a\\1\\"\\\\9", 5) = 5',
    ],
  );
});

test("whatever a program passes, a call comes back with a number or an error of the rulebook", () => {
  const rows = [...book.calls.get("generic")!.values()].filter(
    (row) => row.status === "full" || row.status === "partial",
  );
  const hostile = fc.oneof(
    fc.constantFrom(
      0,
      1,
      2,
      3,
      -1,
      -2,
      -100,
      8,
      0xffff,
      0x10000,
      0x100000,
      0x1ffffc,
      0x200000,
      0x400000,
      0x7fffffff,
      0x80000000,
    ),
    fc.constantFrom(
      0xffffffff,
      2 ** 32,
      2 ** 40,
      2 ** 47,
      2 ** 62,
      -(2 ** 63),
      2 ** 64 - 4096,
      0xfffff000,
      4095,
      4096,
      4097,
    ),
    fc.integer({ min: -5, max: 300 }),
    fc.integer({ min: 0x100000, max: 0x101000 }),
  );
  const call = fc.tuple(fc.constantFrom(...rows), fc.array(hostile, { minLength: 6, maxLength: 6 }));
  const skip = new Set(["exit", "exit_group", "rt_sigsuspend", "rt_sigreturn"]);
  fc.assert(
    fc.property(fc.array(call, { minLength: 20, maxLength: 40 }), fc.integer(), (calls, seed) => {
      const guest = new Guest({ memory: 0x4000000 });
      guest.host.folder("/tmp");
      const noise = new Uint8Array(4096).map((_, i) => (i * 31 + seed) & 0xff);
      guest.cpu.memory.write(0x100000, noise);
      guest.cpu.memory.write(0x100100, new TextEncoder().encode("/tmp/x\0"));
      for (const [row, args] of calls) {
        if (skip.has(row.name)) continue;
        const result = guest.call(row.name, ...args);
        assert.ok(
          typeof result === "number" || result === "BLOCKED" || book.errors.has(result),
          `${row.name}: ${result}`,
        );
      }
    }),
    { numRuns: Number(process.env.SAGE_RUNS ?? 60) },
  );
});
