import type { Kernel } from "../kernel.ts";
import { posix } from "../posix.ts";
import { type IpAddress, isAny, isLoopback, isMapped, type SocketAddress, sameIp } from "./address.ts";
import { DNS, Outside } from "./outside.ts";
import type { Socket } from "./socket.ts";

const FIRST_EPHEMERAL = 32768;
const LAST_EPHEMERAL = 60999;

/** The sandbox's own network: a loopback that leads nowhere else, and names of AF_UNIX that are in no directory. */
export class Network {
  private readonly kernel: Kernel;
  /** Bound sockets: "tcp 80", "udp 53". */
  private readonly ports = new Map<string, Socket[]>();
  private readonly abstract = new Map<string, Socket>();
  private next = FIRST_EPHEMERAL;
  /** The host's network, as far as it is granted. */
  readonly outside: Outside;
  private names = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.outside = new Outside(kernel);
  }
  ino(): number {
    return this.kernel.ino();
  }
  now(): bigint {
    return this.kernel.host.realtime();
  }

  private key(socket: Socket, port: number): string {
    return `${socket.type === "dgram" ? "udp" : "tcp"} ${port}`;
  }

  /** Binds to an IP address. Throws EADDRNOTAVAIL, EADDRINUSE. */
  bindIp(socket: Socket, address: IpAddress): void {
    if (!isAny(address.ip) && !isLoopback(address.ip)) throw posix("EADDRNOTAVAIL");
    const port = address.port || this.ephemeral(socket, address.ip);
    const key = this.key(socket, port);
    const others = this.ports.get(key) ?? [];
    for (const other of others) if (this.conflict(socket, address.ip, other)) throw posix("EADDRINUSE");
    socket.local = { ...address, port };
    this.ports.set(key, [...others, socket]);
  }

  private conflict(socket: Socket, ip: Uint8Array, other: Socket): boolean {
    const theirs = (other.local as IpAddress).ip;
    const mine = { ip, only: socket.options.get("IPV6_V6ONLY") === 1 };
    const their = { ip: theirs, only: other.options.get("IPV6_V6ONLY") === 1 };
    if (isMapped(ip) !== isMapped(theirs)) {
      const six = isMapped(ip) ? their : mine;
      if (six.only || !isAny(six.ip)) return false;
    } else if (!isAny(ip) && !isAny(theirs) && !sameIp(ip, theirs)) return false;
    const both = (name: string): boolean => !!socket.options.get(name) && !!other.options.get(name);
    if (both("SO_REUSEPORT")) return false;
    if (both("SO_REUSEADDR")) return socket.type !== "dgram" && other.backlog !== null;
    // A connection that was accepted holds no port of its own.
    return !(other.type !== "dgram" && other.backlog === null && other.connected && socket.options.get("SO_REUSEADDR"));
  }

  private ephemeral(socket: Socket, _ip: Uint8Array): number {
    for (let tries = FIRST_EPHEMERAL; tries <= LAST_EPHEMERAL; tries++) {
      const port = this.next++;
      if (this.next > LAST_EPHEMERAL) this.next = FIRST_EPHEMERAL;
      if (!this.ports.has(this.key(socket, port))) return port;
    }
    throw posix("EADDRINUSE");
  }

  /** Binds to a free name that is in no directory (autobind of unix(7)). */
  bindAbstract(socket: Socket, name: string): void {
    if (this.abstract.has(name)) throw posix("EADDRINUSE");
    this.abstract.set(name, socket);
    socket.local = { family: "unix", path: name, abstract: true };
  }
  autobind(socket: Socket): void {
    this.bindAbstract(socket, (this.names++).toString(16).padStart(5, "0"));
  }

  /** The socket that datagrams or connections to an address reach; null: nobody. */
  find(by: Socket, address: SocketAddress): Socket | null {
    if (address.family === "unix") return address.abstract ? (this.abstract.get(address.path) ?? null) : null;
    const found = this.ports.get(this.key(by, address.port)) ?? [];
    const stream = by.type !== "dgram";
    let best: Socket | null = null;
    for (const socket of found) {
      if (stream && !socket.backlog) continue;
      const { ip } = socket.local as IpAddress;
      const exact = sameIp(ip, address.ip);
      const dual = isAny(ip) && !isMapped(ip) && socket.options.get("IPV6_V6ONLY") !== 1;
      if (!exact && !(isAny(ip) && isMapped(ip) === isMapped(address.ip)) && !dual) continue;
      // A connected datagram socket hears its partner alone.
      if (!stream && socket.remote) {
        const from = by.local as IpAddress | null;
        const remote = socket.remote as IpAddress;
        if (!from || from.port !== remote.port) continue;
        return socket;
      }
      if (!best || exact) best = socket;
    }
    if (!best && !stream && address.port === DNS && this.outside.there) return this.outside.server(address);
    return best;
  }

  forget(socket: Socket): void {
    const { local } = socket;
    if (!local) return;
    if (local.family === "unix") {
      if (local.abstract && this.abstract.get(local.path) === socket) this.abstract.delete(local.path);
      return;
    }
    const key = this.key(socket, local.port);
    const rest = (this.ports.get(key) ?? []).filter((other) => other !== socket);
    if (rest.length) this.ports.set(key, rest);
    else this.ports.delete(key);
  }
}
