import { fromTimeval, type Place, type Span, type Timeval, toTimeval } from "../guest.ts";
import type { Socket } from "../net/socket.ts";
import type { Task } from "../process.ts";
import { fail, type SyscallResult } from "../result.ts";
import { type IntValue, socketOf } from "../sockets.ts";

/*
 * Options of sockets: setsockopt, getsockopt.
 */

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
