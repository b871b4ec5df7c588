import assert from "node:assert/strict";
import test from "node:test";
import { AT_FDCWD, Guest, O } from "./guest.ts";
import { MemoryHost } from "./memory-host.ts";

/** A guest whose root is a folder of the host with a few files and links in it. */
function rooted(): Guest {
  const host = new MemoryHost();
  for (const path of ["/guest", "/guest/etc", "/guest/tmp", "/guest/usr", "/guest/usr/bin"]) host.folder(path);
  host.file("/guest/etc/passwd", "root:x:0:0\n");
  host.file("/secret", "outside");
  host.link("/guest/bin", "usr/bin");
  host.link("/guest/etc/mtab", "/proc/mounts");
  host.link("/guest/escape", "../../secret");
  host.link("/guest/absolute", "/etc/passwd");
  host.link("/guest/loop", "loop");
  host.file("/guest/usr/bin/tool", "#!/bin/sh\n", 0o755);
  return new Guest({ root: "/guest", host });
}

function contents(guest: Guest, path: string): number | string {
  const fd = guest.call("openat", AT_FDCWD, path, 0, 0);
  if (typeof fd === "string") return fd;
  const at = guest.room(256);
  const n = guest.call("read", fd, at, 256);
  guest.call("close", fd);
  return typeof n === "number" ? guest.string(at, n) : n;
}

function write(guest: Guest, path: string, text: string, flags = O.WRONLY | O.CREAT | O.TRUNC): number | string {
  const fd = guest.call("openat", AT_FDCWD, path, flags, 0o666);
  if (typeof fd === "string") return fd;
  const n = guest.call("write", fd, text, text.length);
  guest.call("close", fd);
  return n;
}

/** Names that getdents64 gives, "." and ".." left out. */
function names(guest: Guest, path: string): string[] {
  const fd = guest.call("openat", AT_FDCWD, path, O.DIRECTORY, 0) as number;
  const out: string[] = [];
  const at = guest.room(512);
  for (;;) {
    const n = guest.call("getdents64", fd, at, 512);
    if (typeof n === "string") throw new Error(n);
    if (n === 0) break;
    for (let p = at; p < at + n; p += guest.cpu.memory.u16(p + 16)) {
      const bytes = guest.cpu.memory.cstring(p + 19, 256);
      out.push(new TextDecoder().decode(bytes!));
    }
  }
  guest.call("close", fd);
  return out.filter((name) => name !== "." && name !== "..").sort();
}

test("a root: files read through, writes stay in the overlay", () => {
  const guest = rooted();
  assert.equal(contents(guest, "/etc/passwd"), "root:x:0:0\n");
  assert.equal(write(guest, "/etc/passwd", "changed"), 7);
  assert.equal(contents(guest, "/etc/passwd"), "changed");
  assert.equal(guest.host.text("/guest/etc/passwd"), "root:x:0:0\n");
  assert.equal(write(guest, "/tmp/new", "fresh"), 5);
  assert.equal(contents(guest, "/tmp/new"), "fresh");
  assert.equal(guest.host.files.has("/guest/tmp/new"), false);
});

test("a root: appending keeps what the lower file had", () => {
  const guest = rooted();
  assert.equal(write(guest, "/etc/passwd", "more\n", O.WRONLY | O.APPEND), 5);
  assert.equal(contents(guest, "/etc/passwd"), "root:x:0:0\nmore\n");
});

test("a root: nothing leads out of it", () => {
  const guest = rooted();
  for (const path of ["/../secret", "../../secret", "/escape", "/etc/../../secret", "/usr/../../../secret"])
    assert.equal(contents(guest, path), "ENOENT", path);
  assert.equal(contents(guest, "/absolute"), "root:x:0:0\n");
  assert.equal(guest.call("chdir", "/.."), 0);
  assert.equal(contents(guest, "secret"), "ENOENT");
  assert.equal(contents(guest, "/bin/tool"), "#!/bin/sh\n");
  assert.equal(contents(guest, "/bin/../bin/tool"), "#!/bin/sh\n", "the parent of a link's target, not of the link");
});

test("a root: deleted and renamed files stay so, whatever lies below", () => {
  const guest = rooted();
  assert.equal(guest.call("unlinkat", AT_FDCWD, "/etc/passwd", 0), 0);
  assert.equal(contents(guest, "/etc/passwd"), "ENOENT");
  assert.deepEqual(names(guest, "/etc"), ["mtab"]);
  assert.equal(guest.call("renameat2", AT_FDCWD, "/usr/bin", AT_FDCWD, "/tmp/moved", 0), 0);
  assert.equal(contents(guest, "/tmp/moved/tool"), "#!/bin/sh\n");
  assert.equal(contents(guest, "/usr/bin/tool"), "ENOENT");
  assert.equal(guest.call("renameat2", AT_FDCWD, "/tmp", AT_FDCWD, "/tmp/moved/inside", 0), "EINVAL");
});

test("paths: the errors of Linux", () => {
  const guest = rooted();
  const open = (path: string, flags = 0): number | string => guest.call("openat", AT_FDCWD, path, flags, 0o644);
  assert.equal(open(""), "ENOENT");
  assert.equal(open("/loop"), "ELOOP");
  assert.equal(open("/etc/passwd/x"), "ENOTDIR");
  assert.equal(open("/etc/passwd/"), "ENOTDIR");
  assert.equal(open(`/${"x".repeat(256)}`), "ENAMETOOLONG");
  assert.equal(open(`/${"x/".repeat(2100)}`), "ENAMETOOLONG");
  assert.equal(open("/etc", O.WRONLY), "EISDIR");
  assert.equal(open("/etc/passwd", O.DIRECTORY), "ENOTDIR");
  assert.equal(open("/bin", O.NOFOLLOW), "ELOOP");
  assert.equal(open("/etc/passwd", O.CREAT | O.EXCL | O.WRONLY), "EEXIST");
  assert.equal(open("/none/file", O.CREAT | O.WRONLY), "ENOENT");
  assert.equal(guest.call("openat", 77, "etc", 0, 0), "EBADF");
  assert.equal(guest.call("openat", 1, "etc", 0, 0), "ENOTDIR");
  assert.equal(guest.call("openat", AT_FDCWD, 0, 0, 0), "EFAULT");
  assert.equal(guest.call("openat", AT_FDCWD, 0xdead0000beef, 0, 0), "EFAULT");
  assert.equal(guest.call("mkdirat", AT_FDCWD, "/etc", 0o755), "EEXIST");
  assert.equal(guest.call("unlinkat", AT_FDCWD, "/etc", 0), "EISDIR");
  assert.equal(guest.call("unlinkat", AT_FDCWD, "/etc", 0x200), "ENOTEMPTY");
  assert.equal(guest.call("unlinkat", AT_FDCWD, "/etc/passwd", 0x200), "ENOTDIR");
  assert.equal(guest.call("unlinkat", AT_FDCWD, "/etc", 1), "EINVAL");
  assert.equal(guest.call("unlinkat", AT_FDCWD, "/proc", 0x200), "EBUSY");
  assert.equal(guest.call("linkat", AT_FDCWD, "/etc", AT_FDCWD, "/tmp/l", 0), "EPERM");
  assert.equal(guest.call("renameat2", AT_FDCWD, "/etc/passwd", AT_FDCWD, "/usr", 0), "EISDIR");
  assert.equal(guest.call("renameat2", AT_FDCWD, "/etc/passwd", AT_FDCWD, "/absolute", 1), "EEXIST");
});

test("stat, statx and fstat tell the same", () => {
  const guest = rooted();
  const at = guest.room(256);
  assert.equal(guest.call("newfstatat", AT_FDCWD, "/etc/passwd", at, 0), 0);
  const stat = guest.struct("stat", at);
  assert.equal(stat.mode, 0o100644);
  assert.equal(stat.size, 11);
  assert.deepEqual(stat.mtime, { sec: 0, nsec: 6 });
  assert.equal(guest.call("newfstatat", AT_FDCWD, "/bin", at, 0x100), 0);
  assert.equal(guest.struct("stat", at).mode, 0o120777);
  assert.equal(guest.call("statx", AT_FDCWD, "/etc/passwd", 0, 0x7ff, at), 0);
  const statx = guest.struct("statx", at);
  assert.equal(statx.ino, stat.ino);
  assert.equal(statx.mask, 0x7ff);
  const fd = guest.call("openat", AT_FDCWD, "/etc/passwd", 0, 0) as number;
  assert.equal(guest.call("fstat", fd, at), 0);
  assert.equal(guest.struct("stat", at).ino, stat.ino);
  assert.equal(guest.call("newfstatat", fd, "", at, 0x1000), 0);
  assert.equal(guest.struct("stat", at).ino, stat.ino);
  assert.equal(guest.call("newfstatat", fd, "", at, 0), "ENOENT");
  assert.equal(guest.call("fstat", 99, at), "EBADF");
  assert.equal(guest.call("fstat", fd, 16), "EFAULT");
});

test("reading and writing: offsets, ends, bad buffers", () => {
  const guest = rooted();
  const fd = guest.call("openat", AT_FDCWD, "/tmp/f", O.RDWR | O.CREAT, 0o600) as number;
  const at = guest.room(64);
  assert.equal(guest.call("write", fd, "hello world", 11), 11);
  assert.equal(guest.call("lseek", fd, -5, 2), 6);
  assert.equal(guest.call("read", fd, at, 64), 5);
  assert.equal(guest.string(at, 5), "world");
  assert.equal(guest.call("read", fd, at, 64), 0);
  assert.equal(guest.call("pread64", fd, at, 5, 0), 5);
  assert.equal(guest.call("pwrite64", fd, "HE", 2, 0), 2);
  assert.equal(guest.call("pread64", fd, at, 5, 0), 5);
  assert.equal(guest.string(at, 5), "HEllo");
  assert.equal(guest.call("pread64", fd, at, 5, -1), "EINVAL");
  assert.equal(guest.call("lseek", fd, -1, 0), "EINVAL");
  assert.equal(guest.call("lseek", fd, 0, 9), "EINVAL");
  assert.equal(guest.call("lseek", 55, 0, 9), "EBADF");
  assert.equal(guest.call("lseek", fd, 100, 0), 100);
  assert.equal(guest.call("write", fd, "x", 1), 1, "past the end: a hole");
  assert.equal(guest.call("pread64", fd, at, 4, 50), 4);
  assert.equal(guest.string(at, 4), "\0\0\0\0");
  assert.equal(guest.call("read", fd, 0x10, 8), 0, "at the end nothing is touched");
  assert.equal(guest.call("lseek", fd, 0, 0), 0);
  assert.equal(guest.call("read", fd, 0x10, 8), "EFAULT");
  assert.equal(guest.call("read", fd, at, -1), "EFAULT");
  assert.equal(guest.call("write", fd, 0x10, 8), "EFAULT");
  const edge = 0x200000 - 4;
  assert.equal(guest.call("pread64", fd, edge, 64, 97), 4, "a buffer that ends too soon takes what it holds");
  assert.equal(guest.call("pwrite64", fd, edge, 64, 200), 4);
  assert.equal(guest.call("ftruncate", fd, -1), "EINVAL");
  assert.equal(guest.call("ftruncate", fd, 3), 0);
  assert.equal(guest.call("pread64", fd, at, 9, 0), 3);
  assert.equal(guest.call("ftruncate", fd, 2 ** 60), "EFBIG");
  const readonly = guest.call("openat", AT_FDCWD, "/tmp/f", 0, 0) as number;
  assert.equal(guest.call("write", readonly, "x", 1), "EBADF");
  assert.equal(guest.call("ftruncate", readonly, 1), "EINVAL");
});

test("vectors", () => {
  const guest = rooted();
  const { memory } = guest.cpu;
  const iov = guest.room(48);
  const parts = ["one", "", "three"];
  for (const [i, part] of parts.entries()) {
    memory.setU64(iov + i * 16, guest.text(part));
    memory.setU64(iov + i * 16 + 8, part.length);
  }
  const fd = guest.call("openat", AT_FDCWD, "/tmp/v", O.RDWR | O.CREAT, 0o600) as number;
  assert.equal(guest.call("writev", fd, iov, 3), 8);
  assert.equal(contents(guest, "/tmp/v"), "onethree");
  assert.equal(guest.call("writev", fd, iov, -1), "EINVAL");
  assert.equal(guest.call("writev", fd, iov, 1025), "EINVAL");
  assert.equal(guest.call("writev", fd, 8, 1), "EFAULT");
  assert.equal(guest.call("preadv", fd, iov, 3, 0), 8);
});

test("descriptors: lowest free, duplicates share, limits hold", () => {
  const guest = rooted();
  assert.equal(guest.call("openat", AT_FDCWD, "/etc/passwd", O.CLOEXEC, 0), 3);
  assert.equal(guest.call("fcntl", 3, 1), 1);
  assert.equal(guest.call("dup", 3), 4);
  assert.equal(guest.call("fcntl", 4, 1), 0);
  const at = guest.room(16);
  assert.equal(guest.call("read", 3, at, 4), 4);
  assert.equal(guest.call("lseek", 4, 0, 1), 4);
  assert.equal(guest.call("dup3", 3, 3, 0), "EINVAL");
  assert.equal(guest.call("dup3", 3, 5000, 0), "EBADF");
  assert.equal(guest.call("dup3", 3, 9, O.CLOEXEC), 9);
  assert.equal(guest.call("fcntl", 3, 0, 6), 6);
  assert.equal(guest.call("fcntl", 3, 1030, 6), 7);
  assert.equal((guest.call("fcntl", 3, 3) as number) & 3, 0);
  assert.equal(guest.call("fcntl", 3, 4, O.NONBLOCK), 0);
  assert.equal((guest.call("fcntl", 4, 3) as number) & O.NONBLOCK, O.NONBLOCK);
  assert.equal(guest.call("fcntl", 3, 999), "EINVAL");
  assert.equal(guest.call("fcntl", 333, 999), "EBADF");
  assert.equal(guest.call("close", 3), 0);
  assert.equal(guest.call("close", 3), "EBADF");
  assert.equal(guest.call("close", -1), "EBADF");
  assert.equal(guest.call("close_range", 4, 0xffffffff, 0), 0);
  assert.equal(guest.call("dup", 9), "EBADF");
  const limit = guest.room(16);
  guest.cpu.memory.setU64(limit, 5);
  guest.cpu.memory.setU64(limit + 8, 1024);
  assert.equal(guest.call("prlimit64", 0, 7, limit, 0), 0);
  assert.equal(guest.call("openat", AT_FDCWD, "/etc/passwd", 0, 0), 3);
  assert.equal(guest.call("openat", AT_FDCWD, "/etc/passwd", 0, 0), 4);
  assert.equal(guest.call("openat", AT_FDCWD, "/etc/passwd", 0, 0), "EMFILE");
  assert.equal(guest.call("openat", AT_FDCWD, "/tmp/never", O.CREAT | O.WRONLY, 0o600), "EMFILE");
  assert.equal(contents(guest, "/tmp/never"), "EMFILE");
});

test("pipes: order, end, blocking, the reader gone", () => {
  const guest = rooted();
  const fds = guest.room(8);
  assert.equal(guest.call("pipe2", fds, O.NONBLOCK), 0);
  const [read, write] = [guest.cpu.memory.u32(fds), guest.cpu.memory.u32(fds + 4)];
  const at = guest.room(16);
  assert.equal(guest.call("read", read, at, 8), "EAGAIN");
  assert.equal(guest.call("write", write, "abc", 3), 3);
  assert.equal(guest.call("ioctl", read, 0x541b, at), 0);
  assert.equal(guest.cpu.memory.u32(at), 3);
  assert.equal(guest.call("read", read, at, 8), 3);
  assert.equal(guest.call("lseek", read, 0, 0), "ESPIPE");
  assert.equal(guest.call("fcntl", write, 1032), 65536);
  let total = 0;
  const block = guest.room(4096);
  for (
    let n = guest.call("write", write, block, 4096);
    typeof n === "number";
    n = guest.call("write", write, block, 4096)
  )
    total += n;
  assert.equal(total, 65536);
  guest.call("close", write);
  for (let n = 1; n > 0; ) n = guest.call("read", read, block, 4096) as number;
  assert.equal(guest.call("read", read, at, 8), 0);
  assert.equal(guest.call("pipe2", fds, 0), 0);
  guest.call("close", guest.cpu.memory.u32(fds));
  assert.equal(guest.call("write", guest.cpu.memory.u32(fds + 4), "x", 1), "EPIPE");
  assert.equal(guest.task.pending[0]?.signal, 13);
  assert.equal(guest.call("pipe2", 8, 0), "EFAULT");
  assert.equal(guest.call("pipe2", fds, 1), "EINVAL");
});

test("poll and select on files", () => {
  const guest = rooted();
  const fds = guest.room(8);
  guest.call("pipe2", fds, 0);
  const [read, write] = [guest.cpu.memory.u32(fds), guest.cpu.memory.u32(fds + 4)];
  const set = guest.room(24);
  const { memory } = guest.cpu;
  const entry = (i: number, fd: number, events: number): void => {
    memory.setU32(set + i * 8, fd >>> 0);
    memory.setU32(set + i * 8 + 4, events);
  };
  entry(0, read, 1);
  entry(1, write, 4);
  entry(2, 99, 1);
  assert.equal(guest.call("ppoll", set, 3, 0, 0, 8), 2);
  assert.deepEqual(
    [0, 1, 2].map((i) => memory.u16(set + i * 8 + 6)),
    [0, 4, 0x20],
  );
  const none = guest.room(16);
  memory.setU64(none + 8, 5_000_000);
  assert.equal(guest.call("ppoll", set, 1, none, 0, 8), 0);
  const bits = guest.room(8);
  memory.setU64(bits, 2 ** read);
  assert.equal(guest.call("pselect6", 64, bits, 0, 0, none, 0), 0);
  guest.call("write", write, "x", 1);
  memory.setU64(bits, 2 ** read);
  assert.equal(guest.call("pselect6", 64, bits, 0, 0, 0, 0), 1);
  memory.setU64(bits, 2 ** 40);
  assert.equal(guest.call("pselect6", 64, bits, 0, 0, 0, 0), "EBADF");
});

test("/dev and /proc", () => {
  const guest = rooted();
  const at = guest.room(16);
  const zero = guest.call("openat", AT_FDCWD, "/dev/zero", O.RDWR, 0) as number;
  assert.equal(guest.call("read", zero, at, 16), 16);
  assert.equal(guest.string(at, 2), "\0\0");
  const full = guest.call("openat", AT_FDCWD, "/dev/full", O.WRONLY, 0) as number;
  assert.equal(guest.call("write", full, "x", 1), "ENOSPC");
  assert.equal(write(guest, "/dev/null", "gone"), 4);
  const random = guest.call("openat", AT_FDCWD, "/dev/urandom", 0, 0) as number;
  assert.equal(guest.call("read", random, at, 2), 2);
  assert.equal(guest.string(at, 2), "ZZ");
  assert.equal(contents(guest, "/dev/tty"), "ENXIO");
  assert.equal(write(guest, "/dev/stdout", "out\n", O.WRONLY), 4);
  assert.equal(guest.host.stdout.written, "out\n");
  assert.equal(contents(guest, "/proc/self/comm"), "test\n");
  assert.equal(contents(guest, "/proc/2/cmdline"), "test\0");
  assert.equal(contents(guest, "/proc/sys/kernel/osrelease"), "6.1.0\n");
  assert.equal(contents(guest, "/proc/nothing"), "ENOENT");
  assert.match(String(contents(guest, "/proc/self/status")), /^Name:\ttest\n/);
  assert.match(String(contents(guest, "/proc/self/maps")), /^00100000-00200000 rw-p 00000000 00:00 0 \n/);
  assert.match(String(contents(guest, "/etc/mtab")), /^sage \/ overlay /);
  const link = guest.room(64);
  const n = guest.call("readlinkat", AT_FDCWD, `/proc/self/fd/${zero}`, link, 64) as number;
  assert.equal(guest.string(link, n), "/dev/zero");
  assert.ok(names(guest, "/proc/self/fd").includes(String(zero)));
});

test("the host's own files, where there is no root", () => {
  const host = new MemoryHost();
  host.folder("/home");
  host.folder("/home/me");
  host.file("/home/me/a", "text");
  host.link("/home/link", "me/a");
  host.cwd = "/home/me";
  const guest = new Guest({ host });
  assert.equal(contents(guest, "a"), "text");
  assert.equal(contents(guest, "/home/link"), "text");
  assert.equal(contents(guest, "../me/a"), "text");
  assert.equal(write(guest, "b", "new"), 3);
  assert.equal(host.text("/home/me/b"), "new");
  assert.equal(guest.call("mkdirat", AT_FDCWD, "d", 0o777), 0);
  assert.equal(host.files.get("/home/me/d")?.mode, 0o755, "umask");
  assert.equal(guest.call("chdir", "d"), 0);
  const at = guest.room(64);
  assert.equal(guest.call("getcwd", at, 64), 11);
  assert.equal(guest.string(at, 11), "/home/me/d\0");
  assert.equal(guest.call("getcwd", at, 3), "ERANGE");
  assert.equal(contents(guest, "../a"), "text");
  assert.equal(guest.call("renameat2", AT_FDCWD, "../a", AT_FDCWD, "c", 0), 0);
  assert.equal(host.text("/home/me/d/c"), "text");
  assert.equal(contents(guest, "/proc/self/comm"), "test\n");
  assert.deepEqual(names(guest, "/home/me"), ["b", "d"]);
});

test("memfd, eventfd, sendfile, copy_file_range", () => {
  const guest = rooted();
  const memory = guest.call("memfd_create", "scratch", 2) as number;
  assert.equal(guest.call("write", memory, "0123456789", 10), 10);
  const to = guest.call("openat", AT_FDCWD, "/tmp/copy", O.WRONLY | O.CREAT, 0o600) as number;
  const offset = guest.room(8);
  guest.cpu.memory.setU64(offset, 4);
  assert.equal(guest.call("sendfile", to, memory, offset, 3), 3);
  assert.equal(guest.cpu.memory.u64(offset), 7);
  assert.equal(contents(guest, "/tmp/copy"), "456");
  guest.call("lseek", memory, 0, 0);
  assert.equal(guest.call("copy_file_range", memory, 0, to, 0, 2, 0), 2);
  assert.equal(contents(guest, "/tmp/copy"), "45601");
  assert.equal(guest.call("fcntl", memory, 1033, 8), 0);
  assert.equal(guest.call("write", memory, "x", 1), "EPERM");
  const event = guest.call("eventfd2", 3, 0) as number;
  const at = guest.room(8);
  assert.equal(guest.call("read", event, at, 8), 8);
  assert.equal(guest.cpu.memory.u64(at), 3);
  assert.equal(guest.call("read", event, at, 4), "EINVAL");
  assert.equal(guest.call("read", event, at, 8), "BLOCKED");
});

test("permission bits count for a user who is not root", () => {
  const host = new MemoryHost();
  for (const path of ["/guest", "/guest/tmp"]) host.folder(path);
  host.file("/guest/closed", "x", 0o600);
  host.file("/guest/open", "x", 0o644);
  const guest = new Guest({ host, root: "/guest", uid: 1000 });
  assert.equal(contents(guest, "/closed"), "EACCES");
  assert.equal(contents(guest, "/open"), "x");
  assert.equal(write(guest, "/open", "y"), "EACCES");
  assert.equal(write(guest, "/tmp/mine", "y"), "EACCES");
  assert.equal(guest.call("faccessat", AT_FDCWD, "/closed", 4), "EACCES");
  assert.equal(guest.call("faccessat", AT_FDCWD, "/open", 4), 0);
});
