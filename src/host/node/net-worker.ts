/** What the thread is told. */
export type Order =
  | { readonly k: "connect"; readonly id: number; readonly ip: string; readonly port: number }
  | { readonly k: "write"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly k: "shut" | "close" | "resume"; readonly id: number }
  | { readonly k: "lookup"; readonly id: number; readonly name: string };

/** What it tells. */
export type Report =
  | { readonly k: "open"; readonly id: number; readonly ip: string; readonly port: number }
  | { readonly k: "bytes"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly k: "written"; readonly id: number; readonly size: number }
  | { readonly k: "end" | "closed"; readonly id: number }
  | { readonly k: "error"; readonly id: number; readonly code: string }
  | { readonly k: "addresses"; readonly id: number; readonly found: readonly string[] };

/**
 * The thread that has Node's sockets, for they need an event loop that turns. It is started from this function's text:
 * nothing from outside may be used in it. Each report is counted in `counter`, so that the other side can wait for it.
 */
export function netThread(): void {
  const { workerData } = process.getBuiltinModule("node:worker_threads");
  const net = process.getBuiltinModule("node:net");
  const dns = process.getBuiltinModule("node:dns");
  const { counter, port } = workerData as { counter: Int32Array; port: import("node:worker_threads").MessagePort };
  const sockets = new Map<number, import("node:net").Socket>();
  const tell = (report: Report): void => {
    port.postMessage(report);
    Atomics.add(counter, 0, 1);
    Atomics.notify(counter, 0);
  };
  const connect = (id: number, host: string, portNumber: number): void => {
    const socket = net.connect({ host, port: portNumber, allowHalfOpen: true, noDelay: true });
    sockets.set(id, socket);
    socket.on("connect", () => tell({ k: "open", id, ip: socket.localAddress ?? "", port: socket.localPort ?? 0 }));
    socket.on("data", (bytes) => {
      // One part at a time: the next when this one was taken.
      socket.pause();
      tell({ k: "bytes", id, bytes: Uint8Array.from(bytes) });
    });
    socket.on("end", () => tell({ k: "end", id }));
    socket.on("error", (error) => tell({ k: "error", id, code: (error as { code?: string }).code ?? "EIO" }));
  };
  port.on("message", (order: Order) => {
    const socket = sockets.get(order.id);
    switch (order.k) {
      case "connect":
        connect(order.id, order.ip, order.port);
        return;
      case "write":
        socket?.write(order.bytes, () => tell({ k: "written", id: order.id, size: order.bytes.length }));
        return;
      case "resume":
        socket?.resume();
        return;
      case "shut":
        socket?.end();
        return;
      case "close":
        // What was written still leaves, what comes is nobody's.
        socket?.resume();
        if (!socket || socket.writableEnded) tell({ k: "closed", id: order.id });
        else socket.end(() => tell({ k: "closed", id: order.id }));
        sockets.delete(order.id);
        return;
      case "lookup":
        dns.lookup(order.name, { all: true }, (error, found) =>
          tell({ k: "addresses", id: order.id, found: error ? [] : found.map(({ address }) => address) }),
        );
    }
  });
}
