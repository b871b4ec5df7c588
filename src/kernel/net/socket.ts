import { F } from "../flags.ts";
import { type FileStat, type Handle, WOULD_BLOCK } from "../fs/inode.ts";
import { namelessStat } from "../pipe.ts";
import { posix } from "../posix.ts";
import { anyOf, type Family, NAMELESS, type SocketAddress } from "./address.ts";
import type { Bridge } from "./bridge.ts";
import type { Network } from "./network.ts";
import { type Credentials, type Message, ReceiveQueue } from "./queue.ts";

export type SocketType = "stream" | "dgram" | "seqpacket";

/** net.core.rmem_default: bytes that wait for a receiver before senders wait. */
const BUFFER = 212992;
const MOST_MESSAGES = 278;

/** One socket (socket(7)): unconnected, listening or connected, within the sandbox. */
export class Socket implements Handle {
  readonly seekable = false;
  readonly family: Family;
  readonly type: SocketType;
  readonly protocol: number;
  readonly network: Network;
  /** null: not bound. */
  local: SocketAddress | null = null;
  /** null: not connected. */
  remote: SocketAddress | null = null;
  /** The other end of a connection; a datagram socket's chosen partner. */
  peer: Socket | null = null;
  readonly incoming: ReceiveQueue;
  /** Connections that wait to be accepted; null: does not listen. */
  backlog: Socket[] | null = null;
  backlogSize = 0;
  /** Nothing more is received; nothing more is sent. */
  readShut = false;
  writeShut = false;
  closed = false;
  /** Told by the next call or SO_ERROR. */
  error: string | null = null;
  /** A connection to the outside on its way. */
  pending: Bridge | null = null;
  /** A connect that did not wait has not been asked about yet. */
  connecting = false;
  readonly options = new Map<string, number>();
  /** Who made the other end (SO_PEERCRED). */
  peerCredentials: Credentials = { pid: 0, uid: -1, gid: -1 };
  credentials: Credentials;
  private readonly ino: number;
  private readonly born: bigint;

  constructor(network: Network, family: Family, type: SocketType, protocol: number, by: Credentials) {
    this.network = network;
    this.family = family;
    this.type = type;
    this.protocol = protocol;
    this.credentials = by;
    this.incoming = new ReceiveQueue(type === "stream");
    this.ino = network.ino();
    this.born = network.now();
  }
  get inode(): number {
    return this.ino;
  }
  get connected(): boolean {
    return this.remote !== null;
  }
  get bufferSize(): number {
    return this.options.get("SO_RCVBUF") ?? BUFFER;
  }

  /** Room for `size` more bytes from a sender. */
  hasRoom(size: number): boolean {
    if (this.type === "stream") return this.incoming.size < this.bufferSize;
    return this.incoming.count < MOST_MESSAGES && this.incoming.size + size <= this.bufferSize + size;
  }

  /** Throws the error that waits, once. */
  check(): void {
    if (this.error === null) return;
    const { error } = this;
    this.error = null;
    throw posix(error);
  }

  /** Sends to the connected peer, or one that was found. Returns bytes taken or WOULD_BLOCK. */
  sendTo(target: Socket, message: Message): number {
    if (this.type !== "stream") {
      if (target.readShut) throw posix("EPIPE");
      if (!target.hasRoom(message.bytes.length)) return WOULD_BLOCK;
      target.incoming.push({ ...message, bytes: message.bytes.slice() });
      return message.bytes.length;
    }
    const room = target.bufferSize - target.incoming.size;
    if (room <= 0) return WOULD_BLOCK;
    const bytes = message.bytes.slice(0, room);
    target.incoming.push({ ...message, bytes });
    return bytes.length;
  }

  /** Where bytes without an address go. Throws what Linux gives where they cannot. */
  partner(): Socket {
    this.check();
    if (this.writeShut) throw posix("EPIPE");
    if (this.type === "dgram") {
      if (!this.connected) throw posix(this.family === "unix" ? "ENOTCONN" : "EDESTADDRREQ");
      const found = this.peer ?? this.network.find(this, this.remote!);
      if (!found || found.closed) throw posix("ECONNREFUSED");
      return found;
    }
    if (!this.connected) throw posix(this.family === "unix" ? "ENOTCONN" : "EPIPE");
    const { peer } = this;
    if (!peer || peer.closed || peer.readShut) throw posix("EPIPE");
    return peer;
  }
  private wasConnected = false;

  join(peer: Socket): void {
    this.peer = peer;
    this.wasConnected = true;
    this.peerCredentials = peer.credentials;
    this.remote = peer.local ?? (this.family === "unix" ? NAMELESS : null);
  }

  /** True where a receive would give 0: the other end sends nothing any more. */
  get ended(): boolean {
    if (this.readShut) return true;
    if (this.type === "dgram") return false;
    return this.wasConnected && (!this.peer || this.peer.closed || this.peer.writeShut);
  }

  read(into: Uint8Array): number {
    // Unlike recv, read of nothing takes nothing (sock_read_iter).
    if (into.length === 0) return 0;
    const got = this.receive([into], false);
    for (const file of got?.message?.rights ?? []) file.release();
    return got?.size ?? WOULD_BLOCK;
  }
  /** What is there; null: nothing yet. A size of 0 is the end. */
  receive(into: readonly Uint8Array[], peek: boolean): { size: number; whole: number; message: Message | null } | null {
    if (this.type !== "dgram" && !this.wasConnected) {
      this.check();
      throw posix(this.family === "unix" ? "EINVAL" : "ENOTCONN");
    }
    const got = this.incoming.take(into, peek);
    if (got) return got;
    this.check();
    return this.ended ? { size: 0, whole: 0, message: null } : null;
  }
  write(from: Uint8Array): number {
    if (from.length === 0 && this.type === "stream") return 0;
    const target = this.partner();
    return this.sendTo(target, { bytes: from, from: this.local ?? this.unbound(), rights: [], by: this.credentials });
  }
  unbound(): SocketAddress {
    return this.family === "unix" ? NAMELESS : { family: this.family, ip: anyOf(this.family), port: 0 };
  }

  stat(): FileStat {
    return { ...namelessStat("file", this.ino, this.born, 0o777), type: "socket" };
  }
  truncate(): void {
    throw posix("EINVAL");
  }
  sync(): void {
    throw posix("EINVAL");
  }
  arrivals(): number {
    const ended = Number(this.ended) + Number(this.error !== null) + Number(this.peer?.closed ?? false);
    return this.incoming.given + this.connections + ended * 2 ** 40;
  }
  drains(): number {
    return (this.peer?.incoming.taken ?? 0) + Number(this.connected) * 2 ** 40;
  }
  /** Connections that ever waited to be accepted. */
  connections = 0;
  available(): number {
    return this.incoming.available;
  }

  close(): void {
    this.closed = true;
    const unread = !this.incoming.empty;
    this.incoming.clear();
    this.network.forget(this);
    for (const waiting of this.backlog ?? []) {
      waiting.close();
      if (waiting.peer) waiting.peer.error = "ECONNRESET";
    }
    this.backlog = null;
    const { peer } = this;
    if (!peer || this.type === "dgram") return;
    // What was sent and never read is lost: the other end hears of it.
    if (unread && peer.error === null) peer.error = "ECONNRESET";
  }

  poll(): number {
    if (this.pending) return 0;
    if (this.backlog) return this.backlog.length ? F.POLLIN | F.POLLRDNORM : 0;
    let bits = this.error === null ? 0 : F.POLLERR;
    const { ended } = this;
    if (!this.incoming.empty || ended || this.error !== null) bits |= F.POLLIN | F.POLLRDNORM;
    if (this.type === "dgram") {
      if (!this.peer || this.peer.hasRoom(1)) bits |= F.POLLOUT | F.POLLWRNORM;
      return bits;
    }
    if (!this.wasConnected) return bits | F.POLLOUT | F.POLLWRNORM | F.POLLHUP;
    if (ended) bits |= F.POLLRDHUP;
    const { peer } = this;
    const gone = !peer || peer.closed;
    if (gone || (ended && this.writeShut)) bits |= F.POLLHUP;
    if (gone || this.writeShut || peer.hasRoom(1)) bits |= F.POLLOUT | F.POLLWRNORM;
    return bits;
  }
}
