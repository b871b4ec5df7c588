import { CWD, type Description } from "./files.ts";
import { F } from "./flags.ts";
import { MemorySocket } from "./fs/special.ts";
import type { Place } from "./guest.ts";
import { isAny, isLoopback, isMapped, loopback, type SocketAddress } from "./net/address.ts";
import { DNS } from "./net/outside.ts";
import type { Credentials } from "./net/queue.ts";
import { Socket } from "./net/socket.ts";
import { posix } from "./posix.ts";
import type { Task } from "./process.ts";
import { locate, permitted } from "./resolve.ts";
import { block, fail, type SyscallResult } from "./result.ts";
import { interrupted } from "./signals.ts";

/*
 * What calls with sockets share: the socket behind a descriptor, addresses as programs give them, whom they name,
 * waiting.
 */

export interface IntValue {
  readonly value: number;
}
/** Longest address a program may hand over (struct sockaddr_storage). */
export const MOST_ADDRESS = 128;

export function socketOf(task: Task, fd: number): { file: Description; socket: Socket } {
  const file = task.files.get(fd);
  if (file.flags & F.O_PATH) throw posix("EBADF");
  if (!(file.handle instanceof Socket)) throw posix("ENOTSOCK");
  return { file, socket: file.handle };
}

export const credentialsOf = (task: Task): Credentials => ({
  pid: task.process.pid,
  uid: task.process.ids.uid,
  gid: task.process.ids.gid,
});

export function readAddress(task: Task, at: number, size: number): SocketAddress | null {
  if (size < 0 || size > MOST_ADDRESS) throw posix("EINVAL");
  return task.personality.readAddress(task.space.memory.read(at, size));
}

/** Writes an address as far as there is room, and how long it is. */
export function writeAddress(task: Task, address: SocketAddress | null, at: number, size: Place<IntValue>): void {
  if (at === 0 || size.isNull) return;
  const room = size.get().value;
  if (room < 0) throw posix("EINVAL");
  const bytes = address ? task.personality.writeAddress(address) : new Uint8Array(0);
  task.space.memory.write(at, bytes.subarray(0, room));
  size.set({ value: bytes.length });
}

/** The socket an address names. Throws ECONNREFUSED, ENOENT and what paths give. */
export function target(task: Task, by: Socket, address: SocketAddress): Socket {
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
export function destination(by: Socket, address: SocketAddress): SocketAddress {
  if (address.family === "unix") return address;
  if (by.family === "inet" && address.family !== "inet") throw posix("EAFNOSUPPORT");
  if (by.family === "inet6" && address.family !== "inet6") throw posix("EAFNOSUPPORT");
  if (address.port === 0 && by.type === "stream") throw posix("ECONNREFUSED");
  const ip = isAny(address.ip) ? loopback(by.family, isMapped(address.ip)) : address.ip;
  const asks = by.type === "dgram" && address.port === DNS;
  if (!isLoopback(ip) && !(by.network.outside.there && (by.type === "stream" || asks))) throw posix("ENETUNREACH");
  return { ...address, ip };
}

/** Gives a socket that was never bound an address to send from. */
export function bindFree(socket: Socket, to: SocketAddress): void {
  if (socket.local || to.family === "unix") return;
  const ip = isLoopback(to.ip) ? to.ip : loopback(to.family, isMapped(to.ip));
  socket.network.bindIp(socket, { family: to.family, ip, port: 0 });
}

/** Repeats `attempt` until it has a result, the socket's time limit, or a signal. */
export function waitFor(
  task: Task,
  socket: Socket,
  limit: string,
  attempt: () => SyscallResult | null,
  midway?: () => boolean,
): SyscallResult {
  const ns = socket.options.get(limit) ?? 0;
  const until = ns ? task.kernel.host.monotonic() + BigInt(ns) : null;
  const poll = (): SyscallResult | null =>
    attempt() ?? (interrupted(task) ? fail(until === null ? "ERESTART" : "EINTR") : null);
  const wait = { until, poll, expired: () => fail("EAGAIN"), outside: false };
  return block(midway ? { ...wait, midway } : wait);
}
