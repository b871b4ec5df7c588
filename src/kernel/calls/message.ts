import type { Description } from "../files.ts";
import { F } from "../flags.ts";
import { WOULD_BLOCK } from "../fs/inode.ts";
import { type Place, Span } from "../guest.ts";
import type { SocketAddress } from "../net/address.ts";
import type { Message } from "../net/queue.ts";
import type { Socket } from "../net/socket.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { fail, type SyscallResult } from "../result.ts";
import { raise } from "../signals.ts";
import {
  bindFree,
  credentialsOf,
  destination,
  type IntValue,
  readAddress,
  socketOf,
  target,
  waitFor,
  writeAddress,
} from "../sockets.ts";

/*
 * Sending and receiving over sockets.
 */

/** Most that one message carries over. */
const MOST_DATAGRAM = 65507;

interface Outgoing {
  readonly spans: readonly Span[];
  readonly address: SocketAddress | null;
  readonly rights: readonly Description[];
  readonly flags: number;
}

function gather(spans: readonly Span[]): Uint8Array {
  if (spans.length === 1) return spans[0]!.source;
  const total = spans.reduce((sum, span) => sum + span.size, 0);
  const out = new Uint8Array(Math.min(total, 0x1000000));
  let at = 0;
  for (const span of spans) {
    const part = span.source.subarray(0, out.length - at);
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** One message, or as much of a stream as fits; blocks for the rest where the socket does. */
function send(task: Task, file: Description, socket: Socket, out: Outgoing): SyscallResult {
  const { flags, rights } = out;
  if (flags & F.MSG_OOB) return fail("EOPNOTSUPP");
  let sent = 0;
  let held = rights;
  const attempt = (): SyscallResult | null => {
    const bytes = gather(out.spans);
    const rest = sent ? bytes.subarray(sent) : bytes;
    if (socket.type !== "stream" && rest.length > (socket.family === "unix" ? socket.bufferSize : MOST_DATAGRAM))
      return fail("EMSGSIZE");
    const to = receiver(task, socket, out);
    if (!to) return bytes.length;
    if (rest.length === 0 && socket.type === "stream") return 0;
    const from = socket.local ?? socket.unbound();
    for (const right of held) right.retain();
    const message: Message = { bytes: rest, from, rights: held, by: credentialsOf(task) };
    const n = socket.sendTo(to, message);
    if (n === WOULD_BLOCK) {
      for (const right of held) right.release();
      return null;
    }
    held = [];
    sent += n;
    return socket.type !== "stream" || sent >= bytes.length ? sent : null;
  };
  try {
    const now = attempt();
    if (now !== null) return now;
  } catch (error) {
    return broken(task, socket, error, flags);
  }
  if (file.nonblocking || flags & F.MSG_DONTWAIT) return sent || fail("EAGAIN");
  return waitFor(
    task,
    socket,
    "SO_SNDTIMEO",
    () => {
      try {
        return attempt();
      } catch (error) {
        return sent || broken(task, socket, error, flags);
      }
    },
    () => sent > 0,
  );
}

/** A pipe that nobody reads is told by SIGPIPE too, but for datagrams. */
function broken(task: Task, socket: Socket, error: unknown, flags: number): SyscallResult {
  const { code } = error as { code?: string };
  if (code === "EPIPE" && socket.type !== "dgram" && !(flags & F.MSG_NOSIGNAL))
    raise(task, { signal: task.personality.signal("SIGPIPE"), code: 0 });
  throw error;
}

/** Whom a message goes to; null: nobody, and nobody is told (a datagram to a port without a socket). */
function receiver(task: Task, socket: Socket, { address }: Outgoing): Socket | null {
  if (!address) {
    if (socket.type === "dgram" && socket.family !== "unix" && socket.remote) {
      socket.check();
      if (socket.writeShut) throw posix("EPIPE");
      const found = socket.network.find(socket, socket.remote);
      if (!found) socket.error = "ECONNREFUSED";
      return found;
    }
    return socket.partner();
  }
  if (socket.type !== "dgram") {
    if (socket.family === "unix") throw posix(socket.connected ? "EISCONN" : "EOPNOTSUPP");
    return socket.partner();
  }
  if (address.family !== "unix" && address.port === 0) throw posix("EINVAL");
  const to = destination(socket, address);
  bindFree(socket, to);
  if (to.family === "unix") return target(task, socket, to);
  return socket.network.find(socket, to);
}

export function sendto(task: Task, fd: number, buf: Span, _size: number, flags: number, address: Span): SyscallResult {
  const { file, socket } = socketOf(task, fd);
  const to = address.address === 0 ? null : readAddress(task, address.address, address.size);
  if (address.address !== 0 && !to) return fail("EINVAL");
  return send(task, file, socket, { spans: [buf], address: to, rights: [], flags });
}

interface MessageHeader {
  readonly name: number;
  readonly namelen: number;
  readonly iov: number;
  readonly iovlen: number;
  readonly control: number;
  readonly controllen: number;
  readonly flags: number;
}
const IOV_MAX = 1024;

function spansOf(task: Task, header: MessageHeader): Span[] {
  if (header.iovlen > IOV_MAX) throw posix("EMSGSIZE");
  const { memory } = task.space;
  const spans: Span[] = [];
  for (let i = 0; i < header.iovlen; i++) {
    const size = memory.u64(header.iov + i * 16 + 8);
    if (size >= 2 ** 63) throw posix("EINVAL");
    spans.push(new Span(memory, memory.u64(header.iov + i * 16), Math.min(size, 0x7ffff000)));
  }
  return spans;
}

export function sendmsg(task: Task, fd: number, message: Place<MessageHeader>, flags: number): SyscallResult {
  const { file, socket } = socketOf(task, fd);
  const header = message.get();
  const spans = spansOf(task, header);
  const address = header.name && header.namelen ? readAddress(task, header.name, header.namelen) : null;
  const rights: Description[] = [];
  if (header.control && header.controllen) {
    if (header.controllen > 0x10000) return fail("ENOBUFS");
    for (const { kind, data } of task.personality.readControl(
      task.space.memory.read(header.control, header.controllen),
    )) {
      if (kind === "bad") return fail("EINVAL");
      if (kind !== "rights") continue;
      if (socket.family !== "unix") return fail("EINVAL");
      if (data.length > 253) return fail("EINVAL");
      for (const number of data) rights.push(task.files.get(number));
    }
  }
  return send(task, file, socket, { spans, address, rights, flags });
}

/** Receives once there is something. `done` writes what goes with it and gives the result. */
function receive(
  task: Task,
  fd: number,
  spans: readonly Span[],
  flags: number,
  done: (socket: Socket, size: number, whole: number, message: Message | null) => SyscallResult,
): SyscallResult {
  const { file, socket } = socketOf(task, fd);
  if (flags & F.MSG_OOB) return fail("EINVAL");
  if (flags & F.MSG_ERRQUEUE) return fail("EAGAIN");
  const peek = (flags & F.MSG_PEEK) !== 0;
  const total = spans.reduce((sum, span) => sum + span.size, 0);
  const all = (flags & F.MSG_WAITALL) !== 0 && socket.type === "stream" && !peek;
  let have = 0;
  const attempt = (): SyscallResult | null => {
    const rest = have ? skip(spans, have) : spans;
    const got = socket.receive(
      rest.map((span) => span.target),
      peek,
    );
    if (!got) return null;
    have += got.size;
    if (all && have < total && got.size > 0) return socket.ended ? done(socket, have, have, got.message) : null;
    return done(socket, have, Math.max(have, got.whole), got.message);
  };
  const now = attempt();
  if (now !== null) return now;
  if (file.nonblocking || flags & F.MSG_DONTWAIT) return have || fail("EAGAIN");
  return waitFor(task, socket, "SO_RCVTIMEO", attempt, () => have > 0);
}

function skip(spans: readonly Span[], bytes: number): Span[] {
  const out: Span[] = [];
  let left = bytes;
  for (const span of spans) {
    if (left >= span.size) left -= span.size;
    else {
      out.push(left ? span.slice(left, span.size - left) : span);
      left = 0;
    }
  }
  return out;
}

export function recvfrom(
  task: Task,
  fd: number,
  buf: Span,
  _size: number,
  flags: number,
  address: number,
  length: Place<IntValue>,
): SyscallResult {
  return receive(task, fd, [buf], flags, (socket, size, whole, message) => {
    const from = socket.type === "dgram" ? (message?.from ?? null) : null;
    writeAddress(task, from, address, length);
    if (!(flags & F.MSG_PEEK)) for (const file of message?.rights ?? []) file.release();
    return flags & F.MSG_TRUNC ? whole : size;
  });
}

export function recvmsg(task: Task, fd: number, place: Place<MessageHeader>, flags: number): SyscallResult {
  const header = place.get();
  return receive(task, fd, spansOf(task, header), flags, (socket, size, whole, message) => {
    let told = whole > size && socket.type !== "stream" ? F.MSG_TRUNC : 0;
    let namelen = 0;
    if (header.name && socket.type === "dgram" && message) {
      const bytes = task.personality.writeAddress(message.from);
      namelen = bytes.length;
      task.space.memory.write(header.name, bytes.subarray(0, header.namelen));
    }
    const controllen = writeControl(task, socket, header, message, flags);
    if (controllen < 0) told |= F.MSG_CTRUNC;
    if (flags & F.MSG_CMSG_CLOEXEC) told |= F.MSG_CMSG_CLOEXEC;
    place.set({ ...header, namelen, controllen: Math.abs(controllen), flags: told });
    return flags & F.MSG_TRUNC ? whole : size;
  });
}

/** Files and credentials that came along; the length written, negative where something did not fit. */
function writeControl(
  task: Task,
  socket: Socket,
  header: MessageHeader,
  message: Message | null,
  flags: number,
): number {
  if (!message) return 0;
  const room = header.control ? header.controllen : 0;
  const parts: Uint8Array[] = [];
  let used = 0;
  let cut = false;
  const add = (bytes: Uint8Array): void => {
    if (used + bytes.length > room) {
      cut = true;
      return;
    }
    parts.push(bytes);
    used += bytes.length;
  };
  if (socket.options.get("SO_PASSCRED")) {
    // What does not fit is cut, and its length says so (put_cmsg).
    const whole = task.personality.credentials(message.by);
    if (room >= task.personality.controlHeader && room < whole.length) {
      const part = whole.slice(0, room);
      new DataView(part.buffer).setUint32(0, room, true);
      add(part);
      cut = true;
    } else add(whole);
  }
  if (message.rights.length) {
    const fits = Math.max(0, Math.floor((room - used - task.personality.controlHeader) / 4));
    if (fits < message.rights.length) cut = true;
    const numbers = message.rights
      .slice(0, fits)
      .map((file) => task.files.add(file, (flags & F.MSG_CMSG_CLOEXEC) !== 0));
    if (!(flags & F.MSG_PEEK)) for (const file of message.rights) file.release();
    if (numbers.length) add(task.personality.rights(numbers));
  }
  let at = header.control;
  for (const part of parts) {
    task.space.memory.write(at, part);
    at += part.length;
  }
  return cut ? -used : used;
}

interface ManyHeader extends MessageHeader {
  readonly len: number;
}
/** Each message's own header, then its length. */
const eachOf = (messages: Place<ManyHeader>, i: number): Place<MessageHeader> => ({
  address: messages.address,
  isNull: false,
  count: 1,
  get: () => messages.get(i),
  set: (value) => messages.set({ ...value, len: 0 }, i),
});

/** As many messages as go through at once; only the first may wait. */
function many(
  call: typeof sendmsg,
  task: Task,
  fd: number,
  messages: Place<ManyHeader>,
  count: number,
  flags: number,
): SyscallResult {
  let done = 0;
  for (; done < Math.min(count, IOV_MAX); done++) {
    const result = call(task, fd, eachOf(messages, done), done ? flags | F.MSG_DONTWAIT : flags);
    if (typeof result !== "number") return done || result;
    messages.set({ ...messages.get(done), len: result }, done);
  }
  return done;
}

export function sendmmsg(
  task: Task,
  fd: number,
  messages: Place<ManyHeader>,
  count: number,
  flags: number,
): SyscallResult {
  return many(sendmsg, task, fd, messages, count, flags);
}
export function recvmmsg(
  task: Task,
  fd: number,
  messages: Place<ManyHeader>,
  count: number,
  flags: number,
): SyscallResult {
  return many(recvmsg, task, fd, messages, count, flags);
}
