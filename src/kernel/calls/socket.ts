import { CWD, Description } from "../files.ts";
import { F } from "../flags.ts";
import { WOULD_BLOCK } from "../fs/inode.ts";
import { MemorySocket } from "../fs/special.ts";
import { fromTimeval, type Place, Span, type Timeval, toTimeval } from "../guest.ts";
import {
  anyOf,
  type IpAddress,
  isAny,
  isLoopback,
  isMapped,
  loopback,
  NAMELESS,
  type SocketAddress,
} from "../net/address.ts";
import type { Credentials, Message } from "../net/queue.ts";
import { Socket } from "../net/socket.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { entry, locate, named, parentOf, permitted, writableDir } from "../resolve.ts";
import { block, fail, type SyscallResult } from "../result.ts";
import { interrupted, raise } from "../signals.ts";

interface IntValue {
  readonly value: number;
}
/** Longest address a program may hand over (struct sockaddr_storage). */
const MOST_ADDRESS = 128;
/** Most that one message carries over. */
const MOST_DATAGRAM = 65507;

function socketOf(task: Task, fd: number): { file: Description; socket: Socket } {
  const file = task.files.get(fd);
  if (file.flags & F.O_PATH) throw posix("EBADF");
  if (!(file.handle instanceof Socket)) throw posix("ENOTSOCK");
  return { file, socket: file.handle };
}

const credentialsOf = (task: Task): Credentials => ({
  pid: task.process.pid,
  uid: task.process.ids.uid,
  gid: task.process.ids.gid,
});

function install(task: Task, socket: Socket, flags: number): number {
  const status = F.O_RDWR | (flags & F.SOCK_NONBLOCK ? F.O_NONBLOCK : 0);
  const file = new Description(socket, status, null, `socket:[${socket.inode}]`);
  return task.files.add(file, (flags & F.SOCK_CLOEXEC) !== 0);
}

/** What socket(2) asks for. Throws EAFNOSUPPORT, EINVAL, EPROTONOSUPPORT, ESOCKTNOSUPPORT. */
function make(task: Task, domain: string, word: number, protocol: number): { socket: Socket; flags: number } {
  const { type, flags } = task.personality.socketType(word);
  if (flags < 0) throw posix("EINVAL");
  const family = domain === "AF_UNIX" ? "unix" : domain === "AF_INET" ? "inet" : domain === "AF_INET6" ? "inet6" : null;
  if (!family) throw posix("EAFNOSUPPORT");
  if (type === "raw") throw posix(family === "unix" ? "ESOCKTNOSUPPORT" : protocol === 0 ? "EPROTONOSUPPORT" : "EPERM");
  if (type === "") throw posix(word & 0xf && (word & 0xf) <= 10 ? "ESOCKTNOSUPPORT" : "EINVAL");
  const wants = family === "unix" ? [0, 1] : type === "stream" ? [0, 6] : type === "dgram" ? [0, 17] : [];
  if (type === "seqpacket" && family !== "unix") throw posix("ESOCKTNOSUPPORT");
  if (!wants.includes(protocol)) throw posix("EPROTONOSUPPORT");
  const told = family === "unix" ? 0 : type === "stream" ? 6 : 17;
  return { socket: new Socket(task.kernel.network, family, type, told, credentialsOf(task)), flags };
}

export function socket(task: Task, domain: string, word: number, protocol: number): SyscallResult {
  task.files.reserve();
  const { socket, flags } = make(task, domain, word, protocol);
  return install(task, socket, flags);
}

export function socketpair(
  task: Task,
  domain: string,
  word: number,
  protocol: number,
  fds: Place<IntValue>,
): SyscallResult {
  task.files.reserve(2);
  const { socket: a, flags } = make(task, domain, word, protocol);
  if (a.family !== "unix") return fail("EOPNOTSUPP");
  const b = new Socket(task.kernel.network, "unix", a.type, 0, credentialsOf(task));
  a.join(b);
  b.join(a);
  const one = install(task, a, flags);
  const two = install(task, b, flags);
  try {
    fds.set({ value: one }, 0);
    fds.set({ value: two }, 1);
  } catch (error) {
    task.files.close(one);
    task.files.close(two);
    throw error;
  }
  return 0;
}

// Addresses

function readAddress(task: Task, at: number, size: number): SocketAddress | null {
  if (size < 0 || size > MOST_ADDRESS) throw posix("EINVAL");
  return task.personality.readAddress(task.space.memory.read(at, size));
}

/** Writes an address as far as there is room, and how long it is. */
function writeAddress(task: Task, address: SocketAddress | null, at: number, size: Place<IntValue>): void {
  if (at === 0 || size.isNull) return;
  const room = size.get().value;
  if (room < 0) throw posix("EINVAL");
  const bytes = address ? task.personality.writeAddress(address) : new Uint8Array(0);
  task.space.memory.write(at, bytes.subarray(0, room));
  size.set({ value: bytes.length });
}

export function bind(task: Task, fd: number, address: Span): SyscallResult {
  const { socket } = socketOf(task, fd);
  const wish = readAddress(task, address.address, address.size);
  if (socket.family === "unix") return bindUnix(task, socket, wish, address.size);
  if (!wish || wish.family !== socket.family) return fail(wish ? "EAFNOSUPPORT" : "EINVAL");
  if (socket.local) return fail("EINVAL");
  const { uid } = task.process.ids;
  if (wish.port !== 0 && wish.port < 1024 && uid !== 0) return fail("EACCES");
  socket.network.bindIp(socket, wish as IpAddress);
  return 0;
}

function bindUnix(task: Task, socket: Socket, wish: SocketAddress | null, size: number): SyscallResult {
  if (wish?.family !== "unix") return fail("EINVAL");
  if (socket.local) return fail("EINVAL");
  if (size <= 2) {
    socket.network.autobind(socket);
    return 0;
  }
  if (wish.abstract) {
    socket.network.bindAbstract(socket, wish.path);
    return 0;
  }
  const walked = parentOf(task, CWD, wish.path);
  const name = named(walked, "EADDRINUSE");
  if (entry(task, walked)) return fail("EADDRINUSE");
  writableDir(task, walked.at.inode);
  const node = walked.at.inode.special(name, "socket", 0o777 & ~task.process.umask);
  if (!(node instanceof MemorySocket)) return fail("EPERM");
  node.bound = socket;
  socket.local = wish;
  return 0;
}

/** The socket an address names. Throws ECONNREFUSED, ENOENT and what paths give. */
function target(task: Task, by: Socket, address: SocketAddress): Socket {
  if (address.family !== "unix") {
    const found = by.network.find(by, address);
    if (!found) throw posix("ECONNREFUSED");
    return found;
  }
  if (address.abstract) {
    const found = by.network.find(by, address);
    if (!found || found.closed) throw posix("ECONNREFUSED");
    if (found.type !== by.type) throw posix("EPROTOTYPE");
    return found;
  }
  const { inode } = locate(task, CWD, address.path, true);
  permitted(task, inode, 2);
  const found = inode instanceof MemorySocket ? inode.bound : null;
  if (!(found instanceof Socket) || found.closed) throw posix("ECONNREFUSED");
  if (found.type !== by.type) throw posix("EPROTOTYPE");
  return found;
}

/** A destination as the network knows it: "any" means the loopback. Throws ENETUNREACH for the world outside. */
function destination(by: Socket, address: SocketAddress): SocketAddress {
  if (address.family === "unix") return address;
  if (by.family === "inet" && address.family !== "inet") throw posix("EAFNOSUPPORT");
  if (by.family === "inet6" && address.family !== "inet6") throw posix("EAFNOSUPPORT");
  if (address.port === 0 && by.type === "stream") throw posix("ECONNREFUSED");
  const ip = isAny(address.ip) ? loopback(by.family, isMapped(address.ip)) : address.ip;
  if (!isLoopback(ip)) throw posix("ENETUNREACH");
  return { ...address, ip };
}

/** Gives a socket that was never bound an address to send from. */
function bindFree(socket: Socket, to: SocketAddress): void {
  if (socket.local || to.family === "unix") return;
  socket.network.bindIp(socket, { family: to.family, ip: to.ip, port: 0 });
}

export function connect(task: Task, fd: number, address: Span): SyscallResult {
  const { file, socket } = socketOf(task, fd);
  const bytes = address.size >= 2 && address.size <= MOST_ADDRESS ? address.source : null;
  if (!bytes) return fail("EINVAL");
  if (task.personality.isUnspecified(bytes)) {
    if (socket.type !== "dgram") return fail("EINVAL");
    socket.remote = null;
    socket.peer = null;
    return 0;
  }
  const wish = readAddress(task, address.address, address.size);
  if (socket.family !== "unix" && bytes[0] !== task.personality.familyNumber(socket.family))
    return fail("EAFNOSUPPORT");
  if (!wish || (socket.family === "unix") !== (wish.family === "unix"))
    return fail(wish ? (socket.family === "unix" ? "EINVAL" : "EAFNOSUPPORT") : "EINVAL");
  if (socket.backlog) return fail(socket.family === "unix" ? "EINVAL" : "EISCONN");
  const to = destination(socket, wish);
  if (socket.type === "dgram") {
    socket.peer = to.family === "unix" ? target(task, socket, to) : null;
    bindFree(socket, to);
    if (to.family !== "unix" && isAny((socket.local as IpAddress).ip))
      socket.local = { ...(socket.local as IpAddress), ip: to.ip };
    socket.remote = to;
    return 0;
  }
  if (socket.connecting) {
    socket.connecting = false;
    if (socket.error) socket.check();
    return 0;
  }
  if (socket.connected) return fail("EISCONN");
  return establish(task, file, socket, to);
}

/** A stream's connect: at once, for the other end is here; only a full backlog makes it wait. */
function establish(task: Task, file: Description, socket: Socket, to: SocketAddress): SyscallResult {
  const attempt = (): SyscallResult | null => {
    let listener: Socket;
    try {
      listener = target(task, socket, to);
      if (!listener.backlog) throw posix("ECONNREFUSED");
    } catch (error) {
      if ((error as { code?: string }).code !== "ECONNREFUSED" || socket.family === "unix" || !file.nonblocking)
        throw error;
      socket.error = "ECONNREFUSED";
      socket.connecting = true;
      return fail("EINPROGRESS");
    }
    if (listener.backlog!.length > listener.backlogSize) return null;
    bindFree(socket, to);
    const end = new Socket(socket.network, socket.family, socket.type, socket.protocol, listener.credentials);
    end.local = to.family === "unix" ? listener.local : to;
    for (const [name, value] of listener.options) end.options.set(name, value);
    if (socket.local && socket.local.family !== "unix" && isAny(socket.local.ip) && to.family !== "unix")
      socket.local = { ...socket.local, ip: to.ip };
    socket.credentials = credentialsOf(task);
    socket.join(end);
    end.join(socket);
    socket.remote = to;
    listener.backlog!.push(end);
    listener.connections++;
    if (!file.nonblocking || socket.family === "unix") return 0;
    socket.connecting = true;
    return fail("EINPROGRESS");
  };
  const first = attempt();
  if (first !== null) return first;
  if (file.nonblocking) return fail("EAGAIN");
  return waitFor(task, socket, "SO_SNDTIMEO", attempt);
}

/** Repeats `attempt` until it has a result, the socket's time limit, or a signal. */
function waitFor(task: Task, socket: Socket, limit: string, attempt: () => SyscallResult | null): SyscallResult {
  const ns = socket.options.get(limit) ?? 0;
  const until = ns ? task.kernel.host.monotonic() + BigInt(ns) : null;
  const poll = (): SyscallResult | null =>
    attempt() ?? (interrupted(task) ? fail(until === null ? "ERESTART" : "EINTR") : null);
  return block({ until, poll, expired: () => fail("EAGAIN"), outside: false });
}

export function listen(task: Task, fd: number, backlog: number): SyscallResult {
  const { socket } = socketOf(task, fd);
  if (socket.type === "dgram") return fail("EOPNOTSUPP");
  if (socket.connected) return fail("EINVAL");
  if (!socket.local) {
    if (socket.family === "unix") return fail("EINVAL");
    socket.network.bindIp(socket, { family: socket.family, ip: anyOf(socket.family), port: 0 });
  }
  socket.backlogSize = Math.max(0, Math.min(backlog >>> 0, 4096));
  socket.backlog ??= [];
  socket.credentials = credentialsOf(task);
  return 0;
}

export function accept4(task: Task, fd: number, address: number, size: Place<IntValue>, word: number): SyscallResult {
  const { flags } = task.personality.socketType(word | 1);
  if (flags < 0 || word & 0xf) return fail("EINVAL");
  const { file, socket } = socketOf(task, fd);
  if (socket.type === "dgram") return fail("EOPNOTSUPP");
  if (!socket.backlog) return fail("EINVAL");
  const attempt = (): SyscallResult | null => {
    if (!socket.backlog?.length) return null;
    task.files.reserve();
    const end = socket.backlog.shift()!;
    const made = install(task, end, flags);
    writeAddress(task, end.remote, address, size);
    return made;
  };
  const now = attempt();
  if (now !== null) return now;
  return file.nonblocking ? fail("EAGAIN") : waitFor(task, socket, "SO_RCVTIMEO", attempt);
}
export function accept(task: Task, fd: number, address: number, size: Place<IntValue>): SyscallResult {
  return accept4(task, fd, address, size, 0);
}

export function getSocketName(task: Task, fd: number, address: number, size: Place<IntValue>): SyscallResult {
  const { socket } = socketOf(task, fd);
  writeAddress(task, socket.local ?? socket.unbound(), address, size);
  return 0;
}
export function getPeerName(task: Task, fd: number, address: number, size: Place<IntValue>): SyscallResult {
  const { socket } = socketOf(task, fd);
  if (!socket.connected || (socket.connecting && socket.error)) return fail("ENOTCONN");
  writeAddress(task, socket.remote ?? NAMELESS, address, size);
  return 0;
}

export function shutdown(task: Task, fd: number, how: number): SyscallResult {
  const { socket } = socketOf(task, fd);
  if (how < 0 || how > 2) return fail("EINVAL");
  if (socket.type !== "dgram" && !socket.connected && !(socket.backlog && socket.family !== "unix"))
    return fail("ENOTCONN");
  if (socket.type === "dgram" && !socket.connected) return fail("ENOTCONN");
  if (how !== 1) {
    socket.readShut = true;
    if (socket.backlog) socket.backlog = null;
  }
  if (how !== 0) socket.writeShut = true;
  return 0;
}

// Sending and receiving

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
  return waitFor(task, socket, "SO_SNDTIMEO", () => {
    try {
      return attempt();
    } catch (error) {
      return sent || broken(task, socket, error, flags);
    }
  });
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
  return waitFor(task, socket, "SO_RCVTIMEO", attempt);
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

export function sendmmsg(
  task: Task,
  fd: number,
  messages: Place<ManyHeader>,
  count: number,
  flags: number,
): SyscallResult {
  let done = 0;
  for (; done < Math.min(count, IOV_MAX); done++) {
    const result = sendmsg(task, fd, eachOf(messages, done), done ? flags | F.MSG_DONTWAIT : flags);
    if (typeof result !== "number") return done || result;
    messages.set({ ...messages.get(done), len: result }, done);
  }
  return done;
}
export function recvmmsg(
  task: Task,
  fd: number,
  messages: Place<ManyHeader>,
  count: number,
  flags: number,
): SyscallResult {
  let done = 0;
  for (; done < Math.min(count, IOV_MAX); done++) {
    const result = recvmsg(task, fd, eachOf(messages, done), done ? flags | F.MSG_DONTWAIT : flags);
    if (typeof result !== "number") return done || result;
    messages.set({ ...messages.get(done), len: result }, done);
  }
  return done;
}

// Options

/** Options that are kept and told, nothing more: level, and what they are at first. */
const KEPT = new Map<string, number>([
  ...["SO_DEBUG", "SO_REUSEADDR", "SO_REUSEPORT", "SO_KEEPALIVE", "SO_BROADCAST", "SO_OOBINLINE", "SO_DONTROUTE"].map(
    (name): [string, number] => [name, 0],
  ),
  ...["SO_PASSCRED", "SO_TIMESTAMP", "SO_PRIORITY", "SO_RCVLOWAT", "TCP_NODELAY", "TCP_CORK", "TCP_QUICKACK"].map(
    (name): [string, number] => [name, name === "SO_RCVLOWAT" ? 1 : 0],
  ),
  ["TCP_KEEPIDLE", 7200],
  ["TCP_KEEPINTVL", 75],
  ["TCP_KEEPCNT", 9],
  ["TCP_MAXSEG", 536],
  ["TCP_USER_TIMEOUT", 0],
  ["TCP_DEFER_ACCEPT", 0],
  ["TCP_FASTOPEN", 0],
  ["IP_TOS", 0],
  ["IP_TTL", 64],
  ["IP_RECVERR", 0],
  ["IP_PKTINFO", 0],
  ["IP_MTU_DISCOVER", 1],
  ["IP_MULTICAST_TTL", 1],
  ["IP_MULTICAST_LOOP", 1],
  ["IPV6_V6ONLY", 0],
  ["IPV6_RECVERR", 0],
  ["IPV6_RECVPKTINFO", 0],
  ["IPV6_UNICAST_HOPS", 64],
  ["IPV6_TCLASS", 0],
]);
const SWITCHES =
  /^SO_(DEBUG|REUSE|KEEPALIVE|BROADCAST|OOBINLINE|DONTROUTE|PASSCRED|TIMESTAMP)|^TCP_(NODELAY|CORK|QUICKACK)/;
const LEAST_BUFFER = 2304;
const MOST_BUFFER = 425984;

export function setSocketOption(task: Task, fd: number, level: string, number: number, value: Span): SyscallResult {
  const { socket } = socketOf(task, fd);
  const name = task.personality.optionName(level, number);
  if (name === "" || !belongs(socket, level)) return fail("ENOPROTOOPT");
  const bytes = value.size <= 4096 ? value.source : null;
  if (!bytes) return fail("EINVAL");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (name === "SO_RCVTIMEO" || name === "SO_SNDTIMEO") {
    if (bytes.length < 16) return fail("EINVAL");
    const ns = fromTimeval({ sec: Number(view.getBigInt64(0, true)), usec: Number(view.getBigInt64(8, true)) });
    if (ns === null) return fail("EDOM");
    socket.options.set(name, Number(ns));
    return 0;
  }
  if (name === "SO_LINGER") {
    if (bytes.length < 8) return fail("EINVAL");
    socket.options.set("linger on", view.getInt32(0, true) ? 1 : 0);
    socket.options.set("linger", view.getInt32(4, true));
    return 0;
  }
  if (name === "TCP_CONGESTION" || name === "SO_BINDTODEVICE" || name === "SO_ATTACH_FILTER") return 0;
  if (bytes.length < 4) return fail("EINVAL");
  const wish = view.getInt32(0, true);
  if (name === "SO_RCVBUF" || name === "SO_SNDBUF") {
    // Linux doubles what is asked for, to count its own bookkeeping (socket(7)).
    socket.options.set(name, Math.max(LEAST_BUFFER, Math.min(MOST_BUFFER, wish * 2)));
    return 0;
  }
  if (!KEPT.has(name)) return fail("ENOPROTOOPT");
  socket.options.set(name, SWITCHES.test(name) ? Number(wish !== 0) : wish);
  return 0;
}

function belongs(socket: Socket, level: string): boolean {
  if (level === "SOL_SOCKET") return true;
  if (socket.family === "unix") return false;
  if (level === "IPPROTO_TCP") return socket.type === "stream";
  if (level === "IPPROTO_IPV6") return socket.family === "inet6";
  return level === "IPPROTO_IP";
}

function optionBytes(task: Task, socket: Socket, name: string): Uint8Array | number | null {
  const listens = socket.backlog ? 1 : 0;
  switch (name) {
    case "SO_TYPE":
      return task.personality.socketTypeNumber(socket.type);
    case "SO_DOMAIN":
      return task.personality.familyNumber(socket.family);
    case "SO_PROTOCOL":
      return socket.protocol;
    case "SO_ACCEPTCONN":
      return listens;
    case "SO_ERROR": {
      const { error } = socket;
      socket.error = null;
      return error === null ? 0 : task.personality.errorNumber(error);
    }
    case "SO_RCVBUF":
    case "SO_SNDBUF":
      return socket.options.get(name) ?? 212992;
    case "SO_RCVTIMEO":
    case "SO_SNDTIMEO": {
      const { sec, usec }: Timeval = toTimeval(BigInt(socket.options.get(name) ?? 0));
      const out = new DataView(new ArrayBuffer(16));
      out.setBigInt64(0, BigInt(sec), true);
      out.setBigInt64(8, BigInt(usec), true);
      return new Uint8Array(out.buffer);
    }
    case "SO_LINGER":
      return words(socket.options.get("linger on") ?? 0, socket.options.get("linger") ?? 0);
    case "SO_PEERCRED": {
      const { pid, uid, gid } = socket.peerCredentials;
      return words(pid, uid, gid);
    }
    case "TCP_CONGESTION":
      return new TextEncoder().encode("cubic\0".padEnd(16, "\0"));
    case "TCP_INFO":
      return new Uint8Array(104).fill(socket.connected ? 1 : 7, 0, 1);
    default: {
      const first = KEPT.get(name);
      return first === undefined ? null : (socket.options.get(name) ?? first);
    }
  }
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

export function getSocketOption(
  task: Task,
  fd: number,
  level: string,
  number: number,
  value: number,
  size: Place<IntValue>,
): SyscallResult {
  const { socket } = socketOf(task, fd);
  const name = task.personality.optionName(level, number);
  const room = size.get().value;
  if (room < 0) return fail("EINVAL");
  const known = name !== "" && belongs(socket, level) ? optionBytes(task, socket, name) : null;
  if (known === null) return fail(level === "SOL_SOCKET" || belongs(socket, level) ? "ENOPROTOOPT" : "EOPNOTSUPP");
  const bytes = typeof known === "number" ? words(known) : known;
  const told = bytes.subarray(0, room);
  task.space.memory.write(value, told);
  size.set({ value: told.length });
  return 0;
}
