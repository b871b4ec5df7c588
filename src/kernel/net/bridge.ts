import { type HostConnection, HostError } from "../../host/host.ts";
import type { Kernel } from "../kernel.ts";
import { anyOf, type IpAddress, ipText, parseIp } from "./address.ts";
import { Socket } from "./socket.ts";

/** Bytes that go over at a time. */
const PART = 65536;

/**
 * A connection to the outside: the other end of a program's socket is a socket here, and what goes through it is carried
 * over to the host and back. So everything else about sockets is as it is inside.
 */
export class Bridge {
  readonly socket: Socket;
  private readonly end: Socket;
  private readonly to: HostConnection;
  private shut = false;
  private over = false;
  private joined = false;
  private readonly buffer = new Uint8Array(PART);

  /** Begins to connect. Throws HostError where that is not granted. */
  constructor(kernel: Kernel, socket: Socket, address: IpAddress) {
    this.to = kernel.host.net!.connect(ipText(address.ip), address.port);
    this.socket = socket;
    this.end = new Socket(socket.network, socket.family, "stream", socket.protocol, socket.credentials);
    this.end.local = address;
  }

  /** Carries over what there is. True where the connection is over. */
  pump(): boolean {
    if (this.over) return true;
    if (!this.joined && !this.opened()) return this.over;
    try {
      this.send();
      this.receive();
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.fail(error.code);
      return true;
    }
    if (this.socket.closed && this.end.incoming.empty) this.close();
    return this.over;
  }
  private opened(): boolean {
    const { socket, end } = this;
    const { open, error, local } = this.to.look();
    if (error !== null) this.fail(error);
    else if (socket.closed) this.close();
    if (!open || this.over) return false;
    this.joined = true;
    socket.pending = null;
    const ip = (local && parseIp(local.ip)) ?? anyOf(socket.family);
    socket.local = { family: socket.family as IpAddress["family"], ip, port: local?.port ?? 0 };
    socket.join(end);
    end.join(socket);
    return true;
  }
  private fail(code: string): void {
    this.socket.pending = null;
    this.socket.error = code;
    this.close();
  }
  close(): void {
    if (this.over) return;
    this.over = true;
    this.end.closed = true;
    this.to.close();
  }

  private send(): void {
    const { incoming } = this.end;
    for (let got = incoming.take([this.buffer], true); got; got = incoming.take([this.buffer], true)) {
      const taken = this.to.write(this.buffer.subarray(0, got.size));
      if (taken === 0) return;
      incoming.take([this.buffer.subarray(0, taken)], false);
    }
    if (this.shut || !(this.socket.writeShut || this.socket.closed)) return;
    this.shut = true;
    this.to.shut();
  }
  private receive(): void {
    const { socket, end } = this;
    while (!end.writeShut && !socket.closed && socket.hasRoom(1)) {
      const room = Math.min(PART, socket.bufferSize - socket.incoming.size);
      const n = readNow(this.to, this.buffer.subarray(0, room));
      if (n === null) return;
      if (n === 0) end.writeShut = true;
      else end.sendTo(socket, { bytes: this.buffer.slice(0, n), from: end.local!, rights: [], by: end.credentials });
    }
  }
}

/** null: nothing there yet. */
function readNow(to: HostConnection, into: Uint8Array): number | null {
  try {
    return to.read(into);
  } catch (error) {
    if (error instanceof HostError && error.code === "EAGAIN") return null;
    throw error;
  }
}
