import { CWD, Description } from "../files.ts";
import { F } from "../flags.ts";
import { MemorySocket } from "../fs/special.ts";
import type { Place, Span } from "../guest.ts";
import { anyOf, type IpAddress, isAny, isLoopback, NAMELESS, type SocketAddress } from "../net/address.ts";
import { Socket } from "../net/socket.ts";
import { posix } from "../posix.ts";
import type { Task } from "../process.ts";
import { entry, named, parentOf, writableDir } from "../resolve.ts";
import { fail, type SyscallResult } from "../result.ts";
import {
  bindFree,
  credentialsOf,
  destination,
  type IntValue,
  MOST_ADDRESS,
  readAddress,
  socketOf,
  target,
  waitFor,
  writeAddress,
} from "../sockets.ts";

/*
 * Sockets: made, bound, connected, accepted, told about, shut.
 */

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
  if (socket.pending) return fail("EALREADY");
  if (socket.connecting) {
    socket.connecting = false;
    if (socket.error) socket.check();
    return 0;
  }
  if (socket.connected) return fail("EISCONN");
  if (leaves(socket, to)) return leave(task, file, socket, to);
  return establish(task, file, socket, to);
}

/** A stream's connect to the world outside, or to what listens on the host's own loopback. */
function leave(task: Task, file: Description, socket: Socket, to: IpAddress): SyscallResult {
  socket.network.outside.connect(socket, to);
  socket.remote = to;
  if (file.nonblocking) {
    socket.connecting = true;
    return fail("EINPROGRESS");
  }
  return waitFor(task, socket, "SO_SNDTIMEO", () => {
    if (socket.pending) return null;
    const { error } = socket;
    if (error === null) return 0;
    socket.error = null;
    socket.remote = null;
    return fail(error);
  });
}

/** Nobody in the sandbox listens there, and the host may be asked. */
function leaves(socket: Socket, to: SocketAddress): to is IpAddress {
  if (to.family === "unix" || socket.type !== "stream") return false;
  const { outside } = socket.network;
  if (!isLoopback(to.ip)) return true;
  return outside.there && !socket.network.find(socket, to) && outside.mayConnect(to);
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
