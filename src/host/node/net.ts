import type { MessagePort } from "node:worker_threads";
import { type ConnectionState, type HostConnection, HostError, type HostNet } from "../host.ts";
import { netThread, type Order, type Report } from "./net-worker.ts";

/** Bytes that may be on their way out. */
const MOST_SENT = 0x40000;

/** At the end, what was written gets two seconds to leave. */
const FLUSH_TRIES = 40;
const FLUSH_WAIT = 50;

/** One connection as this side sees it; the other side's reports come in by `take`. */
class Connection implements HostConnection {
  private readonly id: number;
  private readonly net: NodeNet;
  private state: ConnectionState = { open: false, error: null, local: null };
  private came: Uint8Array | null = null;
  private ended = false;
  private sent = 0;

  constructor(net: NodeNet, id: number) {
    this.net = net;
    this.id = id;
  }
  take(report: Report): void {
    switch (report.k) {
      case "open":
        this.state = { open: true, error: null, local: { ip: report.ip, port: report.port } };
        return;
      case "bytes":
        this.came = report.bytes;
        return;
      case "written":
        this.sent -= report.size;
        return;
      case "end":
        this.ended = true;
        return;
      case "error":
        this.state = { ...this.state, error: report.code };
    }
  }
  look(): ConnectionState {
    this.net.hear();
    return this.state;
  }
  read(into: Uint8Array): number {
    this.net.hear();
    const { came } = this;
    if (!came) {
      if (this.ended) return 0;
      throw new HostError(this.state.error ?? "EAGAIN");
    }
    const part = came.subarray(0, into.length);
    into.set(part);
    this.came = part.length < came.length ? came.subarray(part.length) : null;
    if (!this.came) this.net.order({ k: "resume", id: this.id });
    return part.length;
  }
  write(from: Uint8Array): number {
    this.net.hear();
    if (this.state.error) throw new HostError(this.state.error);
    const bytes = from.slice(0, Math.max(0, MOST_SENT - this.sent));
    if (!bytes.length) return 0;
    this.sent += bytes.length;
    this.net.order({ k: "write", id: this.id, bytes });
    return bytes.length;
  }
  shut(): void {
    this.net.order({ k: "shut", id: this.id });
  }
  close(): void {
    this.net.order({ k: "close", id: this.id });
    this.net.forget(this.id);
  }
}

/** Node's network, by a thread that is started when it is first used. */
export class NodeNet implements HostNet {
  private port: MessagePort | null = null;
  private readonly counter = new Int32Array(new SharedArrayBuffer(4));
  private heard = 0;
  private next = 1;
  private readonly all = new Map<number, { take(report: Report): void }>();
  /** Orders to write and to close that are not done. */
  private undone = 0;

  order(order: Order): void {
    if (order.k === "write" || order.k === "close") this.undone++;
    this.port ??= this.start();
    this.port.postMessage(order);
  }
  private start(): MessagePort {
    const { MessageChannel, Worker } = process.getBuiltinModule("node:worker_threads");
    const { port1, port2 } = new MessageChannel();
    const workerData = { counter: this.counter, port: port2 };
    // The run's end does not wait for it.
    new Worker(`(${netThread.toString()})()`, { eval: true, workerData, transferList: [port2] }).unref();
    port1.unref();
    return port1;
  }
  /** Takes in what the thread has told. */
  hear(): void {
    if (!this.port) return;
    const { receiveMessageOnPort } = process.getBuiltinModule("node:worker_threads");
    for (let got = receiveMessageOnPort(this.port); got; got = receiveMessageOnPort(this.port)) {
      const report = got.message as Report;
      if (report.k === "written" || report.k === "closed") this.undone--;
      this.all.get(report.id)?.take(report);
    }
  }
  flush(): void {
    for (let tries = 0; tries < FLUSH_TRIES; tries++) {
      this.hear();
      if (!this.undone) return;
      this.sleep(FLUSH_WAIT);
    }
  }
  forget(id: number): void {
    this.all.delete(id);
  }

  connect(ip: string, port: number): HostConnection {
    const id = this.next++;
    const made = new Connection(this, id);
    this.all.set(id, made);
    this.order({ k: "connect", id, ip, port });
    return made;
  }
  mayConnect(): boolean {
    return true;
  }
  lookup(name: string): { answer(): readonly string[] | null } {
    const id = this.next++;
    let found: readonly string[] | null = null;
    this.all.set(id, {
      take: (report) => {
        if (report.k === "addresses") found = report.found;
        this.all.delete(id);
      },
    });
    this.order({ k: "lookup", id, name });
    return {
      answer: () => {
        this.hear();
        return found;
      },
    };
  }
  changes(): number {
    return Atomics.load(this.counter, 0);
  }
  /** Sleeps until something is told, or so long. */
  sleep(milliseconds: number): void {
    const now = this.changes();
    if (now !== this.heard) {
      this.heard = now;
      return;
    }
    Atomics.wait(this.counter, 0, now, milliseconds);
    this.heard = this.changes();
  }
  get used(): boolean {
    return this.port !== null;
  }
}
