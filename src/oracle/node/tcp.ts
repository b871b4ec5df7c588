import { connect } from "node:net";
import { OracleError } from "../oracle.ts";
import type { Link } from "../rsp.ts";

/** A TCP connection as a link. Rejects with ORACLE_MISSING where nobody listens. */
export function tcpLink(host: string, port: number, patience: number): Promise<Link> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setNoDelay(true);
    let why = "";
    const missing = (reason: string): void => {
      socket.destroy();
      reject(new OracleError("ORACLE_MISSING", `nobody answers at ${host}:${port}: ${reason}`));
    };
    socket.setTimeout(patience, () => missing("time is up"));
    socket.once("error", (error) => missing(error.message));
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.removeAllListeners("error");
      socket.on("error", (error) => {
        why = error.message;
      });
      resolve({
        write: (bytes) => void socket.write(bytes),
        listen: (data, end) => {
          socket.on("data", data);
          socket.on("close", () => end(why));
        },
        close: () => void socket.destroy(),
      });
    });
  });
}
