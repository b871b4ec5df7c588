import { HostError } from "../../host/host.ts";
import type { Kernel } from "../kernel.ts";
import { type IpAddress, ipText } from "./address.ts";
import { Bridge } from "./bridge.ts";
import { type Question, REFUSED, readQuestion, writeAnswer } from "./dns.ts";
import { Socket } from "./socket.ts";

/** Where name servers listen. */
export const DNS = 53;

/** A question on its way: `reply` is told of addresses. */
interface Asked {
  readonly question: Question;
  readonly by: Socket;
  readonly from: IpAddress;
  readonly answer: () => readonly string[] | null;
}

/**
 * What of the host's network a sandbox has: connections, and an answer to questions for names, whatever name server they
 * are sent to. The host decides what of that is granted.
 */
export class Outside {
  private readonly kernel: Kernel;
  private readonly bridges = new Set<Bridge>();
  /** Name servers that were asked, by their address. */
  private readonly servers = new Map<string, Socket>();
  private asked: Asked[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }
  get there(): boolean {
    return this.kernel.host.net !== undefined;
  }
  /** Something may come from there. */
  get busy(): boolean {
    return this.bridges.size > 0 || this.asked.length > 0;
  }

  /** Begins to connect a socket; it stays `pending` until it is connected or has an error. Throws EPERM. */
  connect(socket: Socket, to: IpAddress): void {
    const bridge = new Bridge(this.kernel, socket, to);
    socket.pending = bridge;
    this.bridges.add(bridge);
  }
  /** True where nothing would be denied. */
  mayConnect(to: IpAddress): boolean {
    return this.kernel.host.net?.mayConnect(ipText(to.ip), to.port) ?? false;
  }
  /** The name server at an address, which is always the same one: the host. */
  server(at: IpAddress): Socket {
    const key = ipText(at.ip);
    const known = this.servers.get(key);
    if (known) return known;
    const made = new Socket(this.kernel.network, at.family, "dgram", 17, { pid: 0, uid: 0, gid: 0 });
    made.local = at;
    this.servers.set(key, made);
    return made;
  }

  /** Carries over what there is; before tasks run. */
  pump(): void {
    for (const bridge of this.bridges) if (bridge.pump()) this.bridges.delete(bridge);
    for (const server of this.servers.values()) this.serve(server);
    if (this.asked.length) this.asked = this.asked.filter((asked) => !this.answered(asked));
  }
  private serve(server: Socket): void {
    const buffer = new Uint8Array(512);
    for (let got = server.incoming.take([buffer], false); got; got = server.incoming.take([buffer], false)) {
      const { from } = got.message;
      const question = readQuestion(buffer.slice(0, got.size));
      if (!question || from.family === "unix") continue;
      try {
        const { answer } = this.kernel.host.net!.lookup(question.name);
        this.asked.push({ question, by: server, from, answer });
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        this.reply(server, from, writeAnswer(question, [], REFUSED));
      }
    }
  }
  private answered({ question, by, from, answer }: Asked): boolean {
    const found = answer();
    if (!found) return false;
    this.reply(by, from, writeAnswer(question, found));
    return true;
  }
  private reply(by: Socket, to: IpAddress, bytes: Uint8Array): void {
    const asker = by.network.find(by, to);
    if (asker && !asker.closed) by.sendTo(asker, { bytes, from: by.local!, rights: [], by: by.credentials });
  }
}
