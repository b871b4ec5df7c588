import type { Description } from "../files.ts";
import { F } from "../flags.ts";
import { WOULD_BLOCK } from "../fs/inode.ts";
import { DirHandle } from "../fs/memory.ts";
import { type Place, Span } from "../guest.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { publish, pull } from "../shared.ts";
import { interrupted, raise } from "../signals.ts";

/** Most bytes one transfer moves (Linux: INT_MAX rounded down to a page). */
const MAX_TRANSFER = 0x7ffff000;
const IOV_MAX = 1024;

interface Iovec {
  readonly base: number;
  readonly len: number;
}

const expired = (): SyscallResult => fail("EAGAIN");

/** Waits for a file: the same transfer again until it does something. */
function blockOn(task: Task, file: Description, again: () => number, midway?: () => boolean): SyscallResult {
  const attempt = (): SyscallResult | null => {
    if (interrupted(task)) return fail("ERESTART");
    const n = again();
    return n === WOULD_BLOCK ? null : n;
  };
  const outside = file.handle.outside === true;
  const wait = { until: null, poll: attempt, expired, outside, looked: !interrupted(task) };
  return block(midway ? { ...wait, midway } : wait);
}

/** Tells who watches a file of a transfer. */
function notice(task: Task, { dentry, handle }: Description, what: number): void {
  const { notices } = task.kernel;
  if (!notices.empty && dentry) notices.file(dentry, what, handle);
}

/** Moves bytes with the description's own offset, or at `at`. Returns a result, blocking where the file says so. */
function transfer(
  task: Task,
  file: Description,
  run: (at: number) => number,
  at: number | null,
  what: number,
  midway?: () => boolean,
): SyscallResult {
  const once = (): number => {
    const n = run(at ?? file.position);
    if (n > 0 && at === null && file.handle.seekable) file.position += n;
    if (n > 0) notice(task, file, what);
    return n;
  };
  const mapped = task.kernel.mappedPages(file);
  if (mapped) publish(mapped);
  const n = once();
  if (mapped && n > 0 && file.writable) {
    const end = at === null ? file.position : at + n;
    mapped.reload(file, end - n, end);
    pull(task.space);
  }
  if (n !== WOULD_BLOCK) return n;
  return file.nonblocking ? fail("EAGAIN") : blockOn(task, file, once, midway);
}

function readable(task: Task, fd: number): Description {
  const file = task.files.get(fd);
  if (!file.readable) throw posix("EBADF");
  if (file.handle instanceof DirHandle) throw posix("EISDIR");
  return file;
}

function writable(task: Task, fd: number): Description {
  const file = task.files.get(fd);
  if (!file.writable) throw posix("EBADF");
  return file;
}

function cut(buf: Span): Span {
  // A negative size reaches beyond all user addresses, and Linux looks at that first.
  if (buf.size >= 2 ** 63) throw posix("EFAULT");
  return buf.size > MAX_TRANSFER ? buf.slice(0, MAX_TRANSFER) : buf;
}

/** Room under RLIMIT_FSIZE and for append: where a write goes and how much of it. */
function writeSpans(task: Task, file: Description, spans: readonly Span[], at: number): number {
  const { handle } = file;
  let offset = file.flags & F.O_APPEND && handle.seekable ? handle.stat().size : at;
  const most = handle.seekable ? task.process.limits.get("RLIMIT_FSIZE")!.cur : Number.POSITIVE_INFINITY;
  let done = 0;
  for (const span of spans) {
    const whole = span.usable(1);
    if (whole.size === 0 && span.size > 0) {
      if (done) return done;
      throw posix("EFAULT");
    }
    let from = whole.source;
    if (handle.seekable && offset + from.length > most) {
      if (offset >= most) {
        if (done) return done;
        raise(task, { signal: task.personality.signal("SIGXFSZ"), code: 0 });
        throw posix("EFBIG");
      }
      from = from.subarray(0, most - offset);
    }
    const n = handle.write(from, offset);
    if (n === WOULD_BLOCK) return done || WOULD_BLOCK;
    done += n;
    offset += n;
    if (n < span.size) break;
  }
  if (done && file.flags & F.O_APPEND && handle.seekable) file.position = offset - done;
  return done;
}

/** Reads into a buffer; one that is not all there takes what it holds, and at the end of a file nothing is touched. */
function fill(file: Description, span: Span, at: number): number {
  const whole = span.usable(2);
  if (whole.size > 0 || span.size === 0) return file.handle.read(whole.target, at);
  if (!file.handle.seekable) throw posix("EFAULT");
  if (file.handle.read(new Uint8Array(1), at) !== 0) throw posix("EFAULT");
  return 0;
}

function readSpans(file: Description, spans: readonly Span[], at: number): number {
  let done = 0;
  for (const span of spans) {
    // What came before a bad part counts.
    if (done && span.size > 0 && span.usable(2).size === 0) return done;
    const n = fill(file, span, at + done);
    if (n === WOULD_BLOCK) return done || WOULD_BLOCK;
    done += n;
    if (n < span.size) break;
  }
  return done;
}

function put(task: Task, file: Description, spans: readonly Span[], at: number | null): SyscallResult {
  // A blocked write goes on where it stopped: pipes and terminals take what they can.
  let sent = 0;
  const total = spans.length === 1 ? spans[0]!.size : spans.reduce((sum, span) => sum + span.size, 0);
  const run = (offset: number): number => {
    const n = told(task, file, sent ? skip(spans, sent) : spans, offset);
    if (n === WOULD_BLOCK) return sent && file.nonblocking ? sent : WOULD_BLOCK;
    sent += n;
    return file.handle.seekable || sent >= total || file.nonblocking ? sent : WOULD_BLOCK;
  };
  return transfer(task, file, run, at, F.IN_MODIFY, () => sent > 0);
}

/** Who writes to a pipe that nobody reads is told by SIGPIPE too. */
function told(task: Task, file: Description, spans: readonly Span[], offset: number): number {
  try {
    return writeSpans(task, file, spans, offset);
  } catch (error) {
    if ((error as { code?: string }).code === "EPIPE")
      raise(task, { signal: task.personality.signal("SIGPIPE"), code: 0 });
    throw error;
  }
}

function skip(spans: readonly Span[], bytes: number): Span[] {
  const out: Span[] = [];
  for (const span of spans) {
    if (bytes >= span.size && span.size) bytes -= span.size;
    else {
      out.push(bytes ? span.slice(bytes, span.size - bytes) : span);
      bytes = 0;
    }
  }
  return out;
}

/** The buffers of an iovec array. Throws EINVAL, EFAULT. */
function vector(task: Task, iov: Place<Iovec>): Span[] {
  if (iov.count < 0 || iov.count > IOV_MAX) throw posix("EINVAL");
  const spans: Span[] = [];
  let total = 0;
  for (let i = 0; i < iov.count; i++) {
    const { base, len } = iov.get(i);
    if (len >= 2 ** 63) throw posix("EINVAL");
    const size = Math.min(len, MAX_TRANSFER - total);
    total += size;
    spans.push(new Span(task.space.memory, base, size));
  }
  return spans;
}

function seekable(file: Description, offset: number): number {
  if (offset < 0) throw posix("EINVAL");
  if (!file.handle.seekable && !file.handle.placeless) throw posix("ESPIPE");
  return offset;
}

export function read(task: Task, fd: number, buf: Span): SyscallResult {
  const file = readable(task, fd);
  const into = cut(buf);
  return transfer(task, file, (at) => fill(file, into, at), null, F.IN_ACCESS);
}

export function write(task: Task, fd: number, buf: Span): SyscallResult {
  return put(task, writable(task, fd), [cut(buf)], null);
}

export function readv(task: Task, fd: number, iov: Place<Iovec>): SyscallResult {
  const file = readable(task, fd);
  const spans = vector(task, iov);
  return transfer(task, file, (at) => readSpans(file, spans, at), null, F.IN_ACCESS);
}

export function writev(task: Task, fd: number, iov: Place<Iovec>): SyscallResult {
  const file = writable(task, fd);
  return put(task, file, vector(task, iov), null);
}

export function pread(task: Task, fd: number, buf: Span, _size: number, offset: number): SyscallResult {
  if (offset < 0) throw posix("EINVAL");
  const file = task.files.get(fd);
  seekable(file, offset);
  readable(task, fd);
  const into = cut(buf);
  return transfer(task, file, (at) => fill(file, into, at), offset, F.IN_ACCESS);
}

export function pwrite(task: Task, fd: number, buf: Span, _size: number, offset: number): SyscallResult {
  if (offset < 0) throw posix("EINVAL");
  seekable(task.files.get(fd), offset);
  return put(task, writable(task, fd), [cut(buf)], offset);
}

export function preadv(task: Task, fd: number, iov: Place<Iovec>, _count: number, offset: number): SyscallResult {
  const file = readable(task, fd);
  seekable(file, offset);
  const spans = vector(task, iov);
  return transfer(task, file, (at) => readSpans(file, spans, at), offset, F.IN_ACCESS);
}

export function pwritev(task: Task, fd: number, iov: Place<Iovec>, _count: number, offset: number): SyscallResult {
  const file = writable(task, fd);
  seekable(file, offset);
  return put(task, file, vector(task, iov), offset);
}

/** Offset -1: the description's own. Flags are hints here, but for RWF_APPEND. */
export function preadv2(task: Task, fd: number, iov: Place<Iovec>, count: number, offset: number): SyscallResult {
  return offset === -1 ? readv(task, fd, iov) : preadv(task, fd, iov, count, offset);
}

export function pwritev2(
  task: Task,
  fd: number,
  iov: Place<Iovec>,
  count: number,
  offset: number,
  _high: number,
  flags: number,
): SyscallResult {
  if (flags & F.RWF_APPEND) return fail("EOPNOTSUPP");
  return offset === -1 ? writev(task, fd, iov) : pwritev(task, fd, iov, count, offset);
}

/** Copies between two descriptions through a buffer of the kernel's. Offsets null: the description's own. */
function pump(
  task: Task,
  from: Description,
  to: Description,
  size: number,
  fromAt: number | null,
  toAt: number | null,
): SyscallResult {
  const buffer = new Uint8Array(Math.min(size, 65536));
  let done = 0;
  while (done < size) {
    const part = buffer.subarray(0, Math.min(buffer.length, size - done));
    const got = from.handle.read(part, fromAt === null ? from.position : fromAt + done);
    if (got === WOULD_BLOCK) return done || (from.nonblocking ? fail("EAGAIN") : blockOn(task, from, () => retry()));
    if (got === 0) break;
    let put = 0;
    while (put < got) {
      const n = to.handle.write(part.subarray(put, got), toAt === null ? to.position : toAt + done + put);
      if (n === WOULD_BLOCK || n === 0) break;
      if (toAt === null && to.handle.seekable) to.position += n;
      put += n;
    }
    if (fromAt === null && from.handle.seekable) from.position += put;
    done += put;
    if (put < got || got < part.length) break;
  }
  if (done) {
    notice(task, from, F.IN_ACCESS);
    notice(task, to, F.IN_MODIFY);
  }
  return done;
  function retry(): number {
    const again = pump(task, from, to, size, fromAt, toAt);
    return typeof again === "number" ? again : WOULD_BLOCK;
  }
}

interface OffsetValue {
  readonly value: number;
}

/** Runs a copy with optional explicit offsets, which move by what was copied. */
function copy(
  task: Task,
  from: Description,
  to: Description,
  size: number,
  inAt: Place<OffsetValue>,
  outAt: Place<OffsetValue> | null,
): SyscallResult {
  const a = inAt.isNull ? null : seekable(from, inAt.get().value);
  const b = !outAt || outAt.isNull ? null : seekable(to, outAt.get().value);
  const done = pump(task, from, to, Math.min(size, MAX_TRANSFER), a, b);
  if (typeof done !== "number") return done;
  if (a !== null) inAt.set({ value: a + done });
  if (b !== null && outAt) outAt.set({ value: b + done });
  return done;
}

export function sendfile(
  task: Task,
  out: number,
  input: number,
  offset: Place<OffsetValue>,
  count: number,
): SyscallResult {
  const from = readable(task, input);
  const to = writable(task, out);
  if (!from.handle.seekable) return fail("EINVAL");
  if (to.flags & F.O_APPEND) return fail("EINVAL");
  return copy(task, from, to, count, offset, null);
}

export function copyRange(
  task: Task,
  input: number,
  inAt: Place<OffsetValue>,
  out: number,
  outAt: Place<OffsetValue>,
  size: number,
  flags: number,
): SyscallResult {
  const from = readable(task, input);
  const to = writable(task, out);
  if (flags !== 0) return fail("EINVAL");
  if (!from.handle.seekable || !to.handle.seekable) return fail("EINVAL");
  if (to.flags & F.O_APPEND) return fail("EBADF");
  return copy(task, from, to, size, inAt, outAt);
}

export function splice(
  task: Task,
  input: number,
  inAt: Place<OffsetValue>,
  out: number,
  outAt: Place<OffsetValue>,
  size: number,
): SyscallResult {
  const from = readable(task, input);
  const to = writable(task, out);
  const pipes = [from, to].filter((file) => file.handle.stat().type === "fifo");
  if (!pipes.length) return fail("EINVAL");
  if (pipes.includes(from) && !inAt.isNull) return fail("ESPIPE");
  if (pipes.includes(to) && !outAt.isNull) return fail("ESPIPE");
  return copy(task, from, to, Math.min(size, 65536), inAt, outAt);
}

export function lseek(task: Task, fd: number, offset: number, whence: string): SyscallResult {
  const file = task.files.get(fd);
  if (file.flags & F.O_PATH) return fail("EBADF");
  if (file.handle.placeless) return whence === "" ? fail("EINVAL") : 0;
  if (!file.handle.seekable) return fail("ESPIPE");
  const target = seekTarget(file, offset, whence);
  if (target === null) return fail("EINVAL");
  if (target === "beyond") return fail("ENXIO");
  if (target < 0) return fail("EINVAL");
  file.position = target;
  if (file.handle instanceof DirHandle && target === 0) file.handle.list(true);
  return target;
}

function seekTarget(file: Description, offset: number, whence: string): number | null | "beyond" {
  switch (whence) {
    case "SEEK_SET":
      return offset;
    case "SEEK_CUR":
      return file.position + offset;
    case "SEEK_END":
      return file.handle.stat().size + offset;
    case "SEEK_DATA":
    case "SEEK_HOLE": {
      const { size } = file.handle.stat();
      if (offset < 0 || offset >= size) return "beyond";
      return whence === "SEEK_DATA" ? offset : size;
    }
    default:
      return null;
  }
}
